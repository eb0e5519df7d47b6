import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chassis.ids import new_id
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from ombud.common.v1.types_pb2 import Subject
from ombud.retention.v1.audit_service_pb2 import (
    AppendAuditRecordsRequest,
    AuditEntry,
    GetAuditPositionRequest,
    QueryAuditRecordsRequest,
)
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from ombud.retention.v1.record_pb2 import ProofState
from ombud.verify import VerificationError, verify_record
from ombud.verify.evidence import RecordClass
from tests.integration.retention.harness import Retention, running_retention
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

if TYPE_CHECKING:
    from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceAsyncStub

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def record(sequence: int, *, trace_id: str = TRACE, account_id: str = "", service: str = "credit") -> AuditRecord:
    made = AuditRecord(
        audit_id=new_id(),
        service=service,
        sequence=sequence,
        action="credit.sanction.approved",
        outcome=AuditOutcome.AUDIT_OUTCOME_DONE,
        workload="desk",
        person="mod-1",
        trace_id=trace_id,
        subject=Subject(account_id=account_id) if account_id else None,
        facts={"points": "3", "rule": "spam"},
    )
    made.time.FromDatetime(ManualClock().now())
    return made


def writer(retention: Retention, workload: str = "credit") -> "AuditServiceAsyncStub":
    return AuditServiceStub(retention.channel(workload=workload))


async def append(retention: Retention, *records: AuditRecord) -> int:
    answer = await writer(retention).AppendAuditRecords(AppendAuditRecordsRequest(records=records))
    return answer.added_records


async def sealed(retention: Retention, request: QueryAuditRecordsRequest) -> list[AuditEntry]:
    """The entries of a query once each has its proof."""

    async def found() -> list[AuditEntry]:
        entries = (await retention.auditor.QueryAuditRecords(request)).entries
        return list(entries) if all(each.state == ProofState.PROOF_STATE_SEALED for each in entries) else []

    return await eventually(found)


async def test_records_of_a_trace_come_back_with_proofs_that_hold_the_records(retention: Retention) -> None:
    records = [record(sequence) for sequence in range(1, 8)]
    await append(retention, *records, record(8, trace_id="0" * 31 + "1"))
    entries = await sealed(retention, QueryAuditRecordsRequest(trace_id=TRACE))
    assert [entry.record for entry in entries] == records
    for entry in entries:
        verified = verify_record(entry.proof, retention.verifier_key)
        assert AuditRecord.FromString(verified.body) == entry.record
        assert verified.record_class == RecordClass.AUDIT
        assert verified.group_id is None


async def test_records_that_are_not_sealed_yet_are_found_without_proof(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", seal_seconds=5) as retention:
        await append(retention, record(1))
        (entry,) = (await retention.auditor.QueryAuditRecords(QueryAuditRecordsRequest(trace_id=TRACE))).entries
        assert (entry.state, entry.proof, entry.record.sequence) == (ProofState.PROOF_STATE_PENDING, "", 1)


async def test_record_that_is_handed_over_again_is_kept_once(retention: Retention) -> None:
    one, two, three = (record(sequence) for sequence in (1, 2, 3))
    assert await append(retention, one, two) == 2
    await sealed(retention, QueryAuditRecordsRequest(trace_id=TRACE))
    assert await append(retention, one, two, three, three) == 1
    entries = await sealed(retention, QueryAuditRecordsRequest(trace_id=TRACE))
    assert [entry.record.sequence for entry in entries] == [1, 2, 3]


async def test_fifty_deliveries_of_the_same_batch_at_once_keep_it_once(retention: Retention) -> None:
    records = [record(sequence) for sequence in range(1, 11)]
    added = await asyncio.gather(*(append(retention, *records) for _ in range(50)))
    assert sum(added) == 10


async def test_other_content_under_a_kept_id_is_refused_and_nothing_of_the_batch_is_kept(
    retention: Retention,
) -> None:
    one = record(1)
    await append(retention, one)
    altered = AuditRecord()
    altered.CopyFrom(one)
    altered.person = "mod-2"
    request = AppendAuditRecordsRequest(records=[record(2), altered])
    refused = await refusal_of(writer(retention).AppendAuditRecords(request))
    assert (refused.reason, refused.facts["audit_id"]) == ("AUDIT_RECORD_ALTERED", one.audit_id)
    assert len(await sealed(retention, QueryAuditRecordsRequest(trace_id=TRACE))) == 1


async def test_service_cannot_hand_over_the_records_of_another(retention: Retention) -> None:
    request = AppendAuditRecordsRequest(records=[record(1)])
    refused = await refusal_of(writer(retention, "groups").AppendAuditRecords(request))
    assert refused.reason == "AUDIT_SERVICE_MISMATCH"
    assert refused.facts == {"service": "credit", "workload": "groups"}


async def test_log_tells_each_service_how_far_it_has_come_in_an_epoch(retention: Retention) -> None:
    epoch, records = new_id(), [record(sequence) for sequence in (1, 2, 3)]
    asked = GetAuditPositionRequest(epoch=epoch)
    assert (await writer(retention).GetAuditPosition(asked)).sequence == 0
    await writer(retention).AppendAuditRecords(AppendAuditRecordsRequest(records=records, epoch=epoch))
    await writer(retention).AppendAuditRecords(AppendAuditRecordsRequest(records=records[:2], epoch=epoch))
    position = await writer(retention).GetAuditPosition(asked)
    assert (position.sequence, position.audit_id) == (3, records[2].audit_id)
    assert (await writer(retention, "groups").GetAuditPosition(asked)).sequence == 0
    assert (await writer(retention).GetAuditPosition(GetAuditPositionRequest(epoch=new_id()))).sequence == 0


async def test_second_history_of_an_epoch_is_refused_and_a_new_epoch_is_not(retention: Retention) -> None:
    epoch = new_id()
    first = AppendAuditRecordsRequest(records=[record(1), record(2)], epoch=epoch)
    await writer(retention).AppendAuditRecords(first)
    second = AppendAuditRecordsRequest(records=[record(2), record(3)], epoch=epoch)
    refused = await refusal_of(writer(retention).AppendAuditRecords(second))
    assert refused.reason == "AUDIT_SEQUENCE_TAKEN"
    assert refused.facts == {"service": "credit", "sequence": "2", "newest": "2"}
    second.epoch = new_id()
    assert (await writer(retention).AppendAuditRecords(second)).added_records == 2


async def test_records_of_a_subject_come_back_by_pages_in_order(retention: Retention) -> None:
    account = new_id()
    await append(retention, *(record(at, account_id=account if at % 2 else new_id()) for at in range(1, 12)))
    query = QueryAuditRecordsRequest(subject=Subject(account_id=account.upper()), page_size=4)
    first = await retention.auditor.QueryAuditRecords(query)
    query.page_token = first.next_page_token
    second = await retention.auditor.QueryAuditRecords(query)
    sequences = [entry.record.sequence for page in (first, second) for entry in page.entries]
    assert sequences == [1, 3, 5, 7, 9, 11]
    assert (len(first.entries), second.next_page_token) == (4, "")
    query.subject.account_id = new_id()
    refused = await refusal_of(retention.auditor.QueryAuditRecords(query))
    assert refused.reason == "PAGE_TOKEN_REFUSED"


async def test_too_little_free_space_refuses_audit_records(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", floor_bytes=1 << 60) as full:
        request = AppendAuditRecordsRequest(records=[record(1)])
        refused = await refusal_of(writer(full).AppendAuditRecords(request))
        assert refused.reason == "STORAGE_FULL"


async def test_sealed_records_are_proved_after_a_restart(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", seal_seconds=5) as before:
        await append(before, record(1), record(2))
    async with running_retention(tmp_path / "data") as after:
        await append(after, record(3))
        entries = await sealed(after, QueryAuditRecordsRequest(trace_id=TRACE))
        assert [entry.record.sequence for entry in entries] == [1, 2, 3]
        indexes = [verify_record(entry.proof, after.verifier_key).index for entry in entries]
        assert indexes == sorted(set(indexes))


async def test_proof_of_an_audit_record_does_not_verify_with_another_record(retention: Retention) -> None:
    await append(retention, record(1))
    (entry,) = await sealed(retention, QueryAuditRecordsRequest(trace_id=TRACE))
    entry.record.person = "mod-2"
    with pytest.raises(VerificationError):
        verify_record(entry.proof, retention.verifier_key, entry.record.SerializeToString(deterministic=True))
