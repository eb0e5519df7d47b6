"""Every act leaves its record, in order and without gaps; every denied one, too; and none says more than it should."""

import re
import sqlite3

import pytest

from chassis.ids import new_id
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from tests.contract.conftest import Lived
from tests.contract.test_replay import every_act
from tests.contract.test_shape import every_rpc
from tests.support.contract import Rpc
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.support.wire import Who

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("identity", "credit", "groups", "retention")
ACTION = re.compile(rf"({'|'.join(SERVICES)})\.[a-z_]+\.[a-z_]+")
# Ids, numbers, enum names, hashes, instants, and lists of them.
FACT = re.compile(r"[0-9A-Za-z_.:,+/-]*")


def records(lived: Lived, service: str) -> list[AuditRecord]:
    """What the service has recorded, in order."""
    connection = sqlite3.connect(f"file:{lived.suite.data_dir}/{service}/{service}.db?mode=ro", uri=True)
    rows = connection.execute("SELECT record FROM audit_record ORDER BY sequence").fetchall()
    connection.close()
    return [AuditRecord.FromString(row[0]) for row in rows]


@every_act
async def test_act_is_recorded_with_who_what_and_under_which_key(lived: Lived, rpc: Rpc) -> None:
    example = lived.examples[rpc.path]
    found = [
        record
        for record in records(lived, rpc.method.service)
        if (record.method, record.request_id) == (rpc.path, example.request.request_id)
    ]
    assert found, "an act without a record"
    for record in found:
        assert record.outcome == AuditOutcome.AUDIT_OUTCOME_DONE
        assert record.workload == example.who.workload
        assert record.person == (example.who.staff if example.who.roles else "")
        assert record.trace_id
        assert record.span_id


@every_rpc
async def test_denied_call_is_recorded_with_who_and_why(lived: Lived, rpc: Rpc) -> None:
    if rpc.method.rule.public:
        return
    stranger = Who("stranger-" + new_id())
    await refusal_of(lived.wire.call(stranger, rpc, b""))
    (record,) = [record for record in records(lived, rpc.method.service) if record.workload == stranger.workload]
    assert record.method == rpc.path
    assert record.outcome == AuditOutcome.AUDIT_OUTCOME_DENIED
    assert record.facts["reason"] == "WORKLOAD_NOT_ALLOWED"


@pytest.mark.parametrize("service", SERVICES)
async def test_records_are_numbered_without_gaps_and_say_ids_alone(lived: Lived, service: str) -> None:
    found = records(lived, service)
    assert [record.sequence for record in found] == list(range(1, len(found) + 1))
    assert len({record.audit_id for record in found}) == len(found)
    for record in found:
        assert record.service == service
        assert ACTION.fullmatch(record.action)
        for name, value in record.facts.items():
            assert FACT.fullmatch(value), f"{record.action} says {name} in words"


@pytest.mark.parametrize("service", SERVICES)
async def test_every_record_reaches_the_log(lived: Lived, service: str) -> None:
    async def delivered() -> bool:
        connection = sqlite3.connect(f"file:{lived.suite.data_dir}/{service}/{service}.db?mode=ro", uri=True)
        row = connection.execute("SELECT revision FROM feed_position WHERE feed = 'audit-delivery'").fetchone()
        connection.close()
        return row is not None and row[0] >= recorded

    recorded = len(records(lived, service))
    assert recorded
    await eventually(delivered)
