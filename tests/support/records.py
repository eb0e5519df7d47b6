"""What becomes of records: appended, read, held, kept for other terms."""

from google.protobuf.duration_pb2 import Duration

from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1 import access_service_pb2 as access
from ombud.retention.v1 import hold_service_pb2 as holds
from ombud.retention.v1 import ingest_service_pb2 as ingest
from ombud.retention.v1 import lifecycle_service_pb2 as lifecycle
from tests.support.life import RECORDS_APPROVER, RECORDS_OFFICER, Life
from tests.support.wire import PLATFORM


async def append(life: Life, group_id: str, *bodies: bytes) -> None:
    """Appends records to a group, by both ways."""
    now = life.after()
    frame = ingest.Frame(
        producer="chat-1",
        first_sequence=1,
        group_ids=[group_id],
        group_indexes=[0] * len(bodies),
        event_times_micros=[now.ToMicroseconds()] * len(bodies),
        bodies=bodies,
    )
    await life.act(PLATFORM, ingest.AppendBatchRequest(frame=frame))
    await life.act(PLATFORM, ingest.AppendRequest(frame=frame))


async def approved_access(life: Life, scope: access.AccessScope, *, purpose: str, most_reads: int) -> str:
    """The id of an access that one person requested and another approved."""
    requested = await life.act(
        RECORDS_OFFICER,
        access.RequestAccessRequest(
            case_id="case-1",
            legal_basis="Court order 12/26",
            purpose=purpose,
            scope=scope,
            window=Duration(seconds=3600),
            most_reads=most_reads,
        ),
    )
    access_id: str = requested.access.access_id
    await life.act(RECORDS_APPROVER, access.ApproveAccessRequest(access_id=access_id))
    return access_id


async def read(life: Life, group_id: str) -> None:
    """Reads and exports the records of a group under an access of two persons."""
    scope = access.AccessScope(
        group_ids=[group_id], interval=Interval(start_time=life.after(hours=-1), end_time=life.after(days=1))
    )
    access_id = await approved_access(life, scope, purpose="To see what was offered.", most_reads=3)
    life.ids["access"] = access_id
    await life.act(RECORDS_OFFICER, access.ReadRecordsRequest(access_id=access_id, scope=scope))
    await life.act(RECORDS_OFFICER, access.ExportRecordsRequest(access_id=access_id, scope=scope))
    await life.act(RECORDS_OFFICER, access.CloseAccessRequest(access_id=access_id))


async def hold(life: Life, group_id: str) -> None:
    """Holds the records of a group, prolongs that and lets go."""
    scope = access.AccessScope(
        group_ids=[group_id], interval=Interval(start_time=life.after(days=-1), end_time=life.after(days=1))
    )
    placed = await life.act(
        RECORDS_OFFICER,
        holds.PlaceHoldRequest(
            case_id="case-1", legal_basis="Court order 12/26", scope=scope, review_time=life.after(days=30)
        ),
    )
    hold_id = placed.hold.hold_id
    await life.act(RECORDS_APPROVER, holds.ApproveHoldRequest(hold_id=hold_id))
    await life.act(RECORDS_OFFICER, holds.ProlongHoldRequest(hold_id=hold_id, review_time=life.after(days=60)))
    await life.act(RECORDS_APPROVER, holds.ApproveHoldRequest(hold_id=hold_id))
    await life.act(RECORDS_OFFICER, holds.ReleaseHoldRequest(hold_id=hold_id))


async def retention_terms(life: Life) -> None:
    """Changes how long a class of records is kept."""
    proposed = await life.act(
        RECORDS_OFFICER,
        lifecycle.SetRetentionClassRequest(
            name=lifecycle.RETENTION_CLASS_NAME_AUDIT, floor_days=1200, ceiling_days=1900
        ),
    )
    await life.act(RECORDS_APPROVER, lifecycle.ApproveRetentionClassRequest(terms_id=proposed.terms.terms_id))
