"""Custody of keys: two slots get their custodians, a day closes, and one custodian answers for an access to it."""

from dataclasses import dataclass, field
from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1 import access_service_pb2 as access
from ombud.retention.v1 import custody_service_pb2 as custody
from ombud.retention.v1 import ingest_service_pb2 as ingest
from ombudctl.custodian import envelopes
from services.retention.keys.envelope import PrivateKey
from tests.support.clock import ManualClock
from tests.support.contract import rpcs
from tests.support.eventually import eventually
from tests.support.life import AUDITOR, RECORDS_APPROVER, RECORDS_OFFICER, Life
from tests.support.wire import PLATFORM, Who, staff

CUSTODIAN = staff("holder-1", "custodian")
OTHER_CUSTODIAN = staff("holder-2", "custodian")
CUSTODY_OFFICER = staff("cus-1", "custody_officer")
CUSTODY_APPROVER = staff("cus-2", "custody_approver")


@dataclass(frozen=True)
class ClosedDay:
    """A day that is over: which, what was received on it, and the key of the first custodian."""

    day: str
    scope: access.AccessScope
    key: PrivateKey = field(default_factory=PrivateKey.generate)


async def day_that_closes(life: Life) -> ClosedDay:
    """Appoints two custodians and lets a day with a record pass; it closes by itself meanwhile."""
    interval = Interval(start_time=life.after(hours=-1), end_time=life.after(hours=1))
    day = ClosedDay(life.clock.now().date().isoformat(), access.AccessScope(group_ids=[new_id()], interval=interval))
    await _appointed(life, 1, CUSTODIAN, day.key)
    await _appointed(life, 2, OTHER_CUSTODIAN, PrivateKey.generate())
    frame = ingest.Frame(
        producer="yesterday",
        first_sequence=1,
        group_ids=day.scope.group_ids,
        group_indexes=[0],
        event_times_micros=[life.after().ToMicroseconds()],
        bodies=[b"said yesterday"],
    )
    (append,) = [each for each in rpcs() if each.descriptor.input_type is ingest.AppendBatchRequest.DESCRIPTOR]
    await life.call(PLATFORM, append, ingest.AppendBatchRequest(frame=frame))
    assert isinstance(life.clock, ManualClock)
    life.clock.advance(timedelta(days=1))
    return day


async def answered(life: Life, day: ClosedDay) -> None:
    """An access reaches into the closed day; the first custodian answers, the other one is waited for."""

    async def closed() -> bool:
        return day.day not in (await life.act(AUDITOR, custody.ListCustodiansRequest())).open_days.days

    await eventually(closed)
    requested = await life.act(
        RECORDS_OFFICER,
        access.RequestAccessRequest(
            case_id="case-2",
            legal_basis="Court order 13/26",
            purpose="To see what was said.",
            scope=day.scope,
            window=life.reply("/ombud.retention.v1.AccessService/RequestAccess").access.window,
            most_reads=1,
        ),
    )
    access_id = requested.access.access_id
    await life.act(RECORDS_APPROVER, access.ApproveAccessRequest(access_id=access_id))
    waiting = (await life.act(CUSTODIAN, custody.ListPendingRequestsRequest())).requests
    (pending,) = [each for each in waiting if each.pending_id == access_id]
    answer = custody.AnswerRequestRequest(pending_id=access_id, envelopes=envelopes(pending, day.key))
    assert (await life.act(CUSTODIAN, answer)).answers == 1


async def _appointed(life: Life, slot: int, custodian: Who, key: PrivateKey) -> None:
    request = custody.RegisterCustodianRequest(slot=slot, staff_id=custodian.staff, public_key=key.public)
    proposed = await life.act(CUSTODY_OFFICER, request)
    await life.act(CUSTODY_APPROVER, custody.ApproveCustodianRequest(custodian_id=proposed.custodian.custodian_id))
