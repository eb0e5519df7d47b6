"""A service is cut off from another: run in namespaces of its own by `test_namespaces.py`."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.clock import SystemClock
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.retention.v1 import audit_service_pb2 as audit
from ombudctl.services import SERVICES
from tests.support.cluster import Cluster, clustered
from tests.support.eventually import eventually
from tests.support.life import AUDITOR, MODERATOR, Life
from tests.support.network import Network
from tests.support.wire import PLATFORM

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Seconds: within what connections survive, and beyond.
CUTS = (4.0, 30.0)
# Seconds after which everything is as if nothing had been, at most.
RECOVERED_WITHIN = 30.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return Network(list(SERVICES), tmp_path_factory.mktemp("network"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    async with clustered(folder, None, replicas=1, place=lambda service, _: network.place(service)) as running:
        yield running


@pytest.fixture(scope="module")
def life(cluster: Cluster) -> Life:
    return Life(cluster.wire().call, SystemClock(), cluster.folder / "identity" / "outbox" / "phone.jsonl")


async def recovery(what: str, seconds: float, found: Callable[[], Awaitable[Any]]) -> None:
    """Waits until something is so after a cut of so many seconds, and prints how long that took."""
    began = time.monotonic()
    await eventually(found, within=RECOVERED_WITHIN)
    sys.stdout.write(f"\n{what} cut off for {seconds:.0f} s: caught up {time.monotonic() - began:.2f} s after\n")


async def asked(life: Life, account_id: str) -> decisions.CheckResponse:
    """Whether an account may post."""
    request = decisions.CheckRequest(account_id=account_id, action=decisions.ACTION_POST)
    answer: decisions.CheckResponse = await life.act(PLATFORM, request)
    return answer


async def reason(life: Life, account_id: str) -> str:
    """Why an account may post, or may not."""
    return decisions.DecisionReason.Name((await asked(life, account_id)).decision.reason)


@pytest.mark.parametrize("seconds", CUTS)
async def test_groups_without_credit_answers_by_what_it_knows_and_catches_up(
    network: Network, life: Life, seconds: float
) -> None:
    account = await life.verified(f"known {seconds}", 41 + int(seconds))
    tip_off_id = await life.tip_off(await life.group(account))
    with network.cut("groups", "credit"):
        began = SystemClock().now()
        ended = asyncio.create_task(asyncio.sleep(seconds))
        await life.sanction(Subject(account_id=account), credit.MEASURE_KIND_PUBLISHING_SUSPENDED)
        assert await reason(life, account) == "DECISION_REASON_VERIFIED"
        proposal = life.proposal(Subject(account_id=account), credit.MEASURE_KIND_WARNED, tip_off_id=tip_off_id)
        with pytest.raises(OmbudError) as unknown:
            await life.act(MODERATOR, proposal)
        assert (unknown.value.reason, unknown.value.facts["service"]) == ("PEER_UNAVAILABLE", "groups")
        await ended
        known = (await asked(life, account)).known_until_time.ToDatetime(UTC)
        assert began - timedelta(seconds=5) < known < began + timedelta(seconds=1)

    async def bound() -> bool:
        return await reason(life, account) == "DECISION_REASON_PUBLISHING_SUSPENDED"

    await recovery("groups from credit", seconds, bound)

    async def heard() -> bool:
        return not (await asked(life, account)).HasField("known_until_time")

    await eventually(heard)
    assert (await life.act(MODERATOR, proposal)).sanction.sanction_id


@pytest.mark.parametrize("seconds", CUTS)
async def test_groups_without_identity_says_that_it_does_not_know_an_account(
    network: Network, life: Life, seconds: float
) -> None:
    known = await life.verified(f"earlier {seconds}", 141 + int(seconds))
    with network.cut("groups", "identity"):
        ended = asyncio.create_task(asyncio.sleep(seconds))
        account = await life.account(f"later {seconds}")
        await life.verify(account, 241 + int(seconds))
        assert await reason(life, account) == "DECISION_REASON_ACCOUNT_UNKNOWN"
        assert await reason(life, known) == "DECISION_REASON_VERIFIED"
        await ended

    async def told() -> bool:
        return await reason(life, account) == "DECISION_REASON_VERIFIED"

    await recovery("groups from identity", seconds, told)


@pytest.mark.parametrize("seconds", CUTS)
async def test_acts_are_acknowledged_without_the_log_and_in_it_afterwards(
    network: Network, life: Life, seconds: float
) -> None:
    with contextlib.ExitStack() as cuts:
        for service in ("identity", "credit", "groups"):
            cuts.enter_context(network.cut(service, "retention"))
        ended = asyncio.create_task(asyncio.sleep(seconds))
        account = await life.verified(f"unlogged {seconds}", 341 + int(seconds))
        query = audit.QueryAuditRecordsRequest(subject=Subject(account_id=account))
        assert not (await life.act(AUDITOR, query)).entries
        await ended

    async def logged() -> bool:
        entries = (await life.act(AUDITOR, query)).entries
        return "identity.account.registered" in [entry.record.action for entry in entries]

    await recovery("all from the log", seconds, logged)
