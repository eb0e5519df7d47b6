"""What the groups service writes into the audit trail is what the log takes for comings and goings."""

from google.protobuf.duration_pb2 import Duration

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Interval, Subject
from ombud.groups.v1.group_service_pb2 import LeaveGroupRequest
from ombud.retention.v1 import access_service_pb2 as access
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.suite import Suite
from tests.support.wire import PLATFORM, wired


async def opened(suite: Suite, life: Life, group_id: str) -> access.Access:
    """An approved access to what the group said today."""
    officer = AccessServiceStub(suite.channel(role="records_officer", staff="officer-1"))
    requested = await officer.RequestAccess(
        access.RequestAccessRequest(
            request_id=new_id(),
            case_id="case-1",
            legal_basis="court order",
            purpose="to answer the appeal",
            scope=access.AccessScope(
                group_ids=[group_id], interval=Interval(start_time=life.after(hours=-1), end_time=life.after(hours=1))
            ),
            window=Duration(seconds=600),
            most_reads=1,
        )
    )
    approver = AccessServiceStub(suite.channel(role="records_approver", staff="approver-1"))
    approval = access.ApproveAccessRequest(request_id=new_id(), access_id=requested.access.access_id)
    return (await approver.ApproveAccess(approval)).access


async def test_founder_and_member_who_left_are_exported_from_the_trail_of_the_real_suite(suite: Suite) -> None:
    async with wired(suite.port, suite.issuer) as wire:
        life = Life(wire.call, suite.clock, suite.data_dir / "identity" / "outbox" / "phone.jsonl")
        founder, member = await life.verified("anna", 1), await life.verified("ben", 2)
        group = await life.group(founder, member)
        await life.act(PLATFORM, LeaveGroupRequest(group_id=group.group_id, account_id=member))
        allowed = await opened(suite, life, group.group_id)
    auditor = AuditServiceStub(suite.channel(role="auditor", staff="auditor-1"))
    query = QueryAuditRecordsRequest(subject=Subject(group_id=group.group_id))

    async def delivered() -> bool:
        entries = (await auditor.QueryAuditRecords(query)).entries
        return "groups.member.left" in [entry.record.action for entry in entries]

    await eventually(delivered)
    officer = AccessServiceStub(suite.channel(role="records_officer", staff="officer-1"))
    request = access.ExportRecordsRequest(access_id=allowed.access_id, scope=allowed.scope)
    *members, last = [part async for part in officer.ExportRecords(request)]
    told = {part.membership.account_id: part.membership for part in members}
    assert set(told) == {founder, member}
    assert told[member].HasField("leave_time")
    assert not told[founder].HasField("leave_time")
    assert all(each.HasField("join_time") for each in told.values())
    assert not last.statement.unfounded_group_ids
