from datetime import timedelta
from pathlib import Path

from sqlalchemy import MetaData, create_engine

from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import (
    ACCESS_EVENT_KIND_EXPIRED,
    AccessScope,
    ApproveAccessRequest,
    ListAccessRegisterRequest,
    ReadRecordsRequest,
    RequestAccessRequest,
)
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.hold_service_pb2 import HOLD_EVENT_KIND_EXPIRED, ListHoldRegisterRequest
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.lifecycle_service_pb2 import (
    RETENTION_CLASS_NAME_AUDIT,
    RETENTION_CLASS_NAME_CHAT,
    RETENTION_CLASS_NAME_REGISTER,
)
from ombud.retention.v1.record_pb2 import ProofState
from ombud.verify import verify_event, verify_record
from services.retention.checks.fsck import check as fsck
from services.retention.purges import store as purges
from tests.integration.retention.harness import GROUP, OTHER_GROUP, bodies, frame, running_retention
from tests.integration.retention.test_access import append, approved, read, scope
from tests.integration.retention.test_holds import officer, placed
from tests.integration.retention.test_purge import certificates
from tests.support.clock import ManualClock
from tests.support.engines import opened
from tests.support.eventually import eventually


async def test_records_are_kept_proved_and_opened_on_each_engine(tmp_path: Path, database_url: str) -> None:
    clock = ManualClock()
    async with running_retention(tmp_path / "data", clock=clock, database_url=database_url) as retention:
        sent = frame(1, bodies(1, 20), groups=(GROUP, OTHER_GROUP))
        for _ in range(2):
            await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))
            receipt = await retention.receipt(20)
        assert verify_record(receipt.proof, retention.verifier_key, bodies(20, 1)[0]).index == 19

        hour = timedelta(hours=1)
        interval = Interval(start_time=timestamp(clock.now() - hour), end_time=timestamp(clock.now() + hour))
        scope = AccessScope(group_ids=[GROUP], interval=interval)
        request = RequestAccessRequest(
            request_id=new_id(), case_id="7", legal_basis="order", purpose="appeal", scope=scope, most_reads=1
        )
        request.window.FromTimedelta(hour)
        officer = retention.access("records_officer", "officer-1")
        access_id = (await officer.RequestAccess(request)).access.access_id
        approver = retention.access("records_approver", "approver-1")
        await approver.ApproveAccess(ApproveAccessRequest(request_id=new_id(), access_id=access_id))
        reading = officer.ReadRecords(ReadRecordsRequest(access_id=access_id, scope=scope))
        assert [record.sequence async for answer in reading for record in answer.records] == list(range(2, 21, 2))

        async def proofs() -> list[str]:
            events = (await officer.ListAccessRegister(ListAccessRegisterRequest())).events
            subject = QueryAuditRecordsRequest()
            subject.subject.group_id = GROUP
            entries = (await retention.auditor.QueryAuditRecords(subject)).entries
            sealed = [event.proof for event in events if event.state == ProofState.PROOF_STATE_SEALED]
            sealed += [entry.proof for entry in entries if entry.state == ProofState.PROOF_STATE_SEALED]
            return sealed if len(sealed) == 6 else []

        found = await eventually(proofs)
        for proof in found[:3]:
            verify_event(proof, retention.verifier_key)
        for proof in found[3:]:
            verify_record(proof, retention.verifier_key)


async def test_records_holds_and_the_register_end_on_each_engine(tmp_path: Path, database_url: str) -> None:
    clock = ManualClock()
    async with running_retention(tmp_path / "data", clock=clock, database_url=database_url) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        hold = await placed(retention, clock, OTHER_GROUP)
        whole = scope(clock)
        access = await approved(retention, whole)
        assert len(await read(retention, access, whole)) == 3
        async with opened(database_url, "retention", clock) as reader:

            async def noticed() -> bool:
                seen = await reader.read(purges.pulse)
                return seen is not None and seen.time == clock.now()

            async def ended_by_themselves() -> bool:
                desk = retention.access("records_officer", "officer-1")
                accesses = await desk.ListAccessRegister(ListAccessRegisterRequest(access_id=access.access_id))
                holds = await officer(retention).ListHoldRegister(ListHoldRegisterRequest(hold_id=hold.hold_id))
                return (accesses.events[-1].event.kind, holds.events[-1].event.kind) == (
                    ACCESS_EVENT_KIND_EXPIRED,
                    HOLD_EVENT_KIND_EXPIRED,
                )

            clock.advance(timedelta(days=40))
            await eventually(ended_by_themselves)
            await eventually(noticed)
            clock.advance(timedelta(days=2100))
            await eventually(noticed)
        clock.advance(timedelta(days=1))

        async def ended() -> bool:
            found = {each.event.certificate.name for each in await certificates(retention)}
            return found == {RETENTION_CLASS_NAME_CHAT, RETENTION_CLASS_NAME_AUDIT, RETENTION_CLASS_NAME_REGISTER}

        await eventually(ended)


async def test_lost_database_is_made_again_on_each_engine(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, database_url=database_url) as retention:
        await append(retention, 1)
        await retention.receipt(6)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        tables = MetaData()
        tables.reflect(connection)
        tables.drop_all(connection)
    engine.dispose()
    left = fsck(folder, database_url, repair=True).findings
    assert {finding.place for finding in left} == {"database: register_event"}
    async with running_retention(folder, database_url=database_url) as retention:
        await append(retention, 7)
        for sequence in (1, 6, 7, 12):
            assert (await retention.receipt(sequence)).proof
