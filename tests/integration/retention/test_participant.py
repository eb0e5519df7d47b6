"""A hold on a participant keeps the days of the participant's membership in each group, and destroys the others."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from ombud.common.v1.types_pb2 import Subject
from ombud.retention.v1.access_service_pb2 import MISSING_REASON_KEYS_DESTROYED
from ombud.retention.v1.audit_service_pb2 import AppendAuditRecordsRequest
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from ombud.retention.v1.hold_service_pb2 import ApproveHoldRequest, Hold
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from tests.integration.retention.custodians import Custodians
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, running_retention
from tests.integration.retention.purging import CEILING, DAY
from tests.integration.retention.test_access import append, approved, scope
from tests.integration.retention.test_export import everything, exported
from tests.integration.retention.test_holds import approver, officer, wish
from tests.integration.retention.test_purge import certified, noticed
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

PERSON = "0192f0c1-0000-7000-8000-00000000000a"
OTHER_PERSON = "0192f0c1-0000-7000-8000-00000000000b"


async def told(retention: Retention, clock: ManualClock, acts: Iterable[tuple[str, str, str]]) -> None:
    """Acts of the groups service reach the audit trail: what, in which group, of whom."""
    records = [
        AuditRecord(
            audit_id=new_id(),
            service="groups",
            sequence=sequence,
            time=timestamp(clock.now()),
            action=f"groups.{act}",
            outcome=AuditOutcome.AUDIT_OUTCOME_DONE,
            subject=Subject(group_id=group_id),
            facts={"owner" if act == "group.created" else "account_id": account_id},
        )
        for sequence, (act, group_id, account_id) in enumerate(acts, 1)
    ]
    stub = AuditServiceStub(retention.channel(workload="groups"))
    await stub.AppendAuditRecords(AppendAuditRecordsRequest(records=records))


async def held(retention: Retention, clock: ManualClock) -> Hold:
    """A hold on the person in both groups that two persons placed."""
    request = wish(clock, GROUP, OTHER_GROUP, days=366)
    request.scope.CopyFrom(scope(clock, GROUP, OTHER_GROUP, before=2 * DAY))
    request.participant_account_id = PERSON
    hold = (await officer(retention).PlaceHold(request)).hold
    approval = ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id)
    return (await approver(retention).ApproveHold(approval)).hold


async def closed(folder: Path, clock: ManualClock) -> None:
    clock.advance(DAY)

    async def none_open() -> bool:
        return not KeyStore(folder / "keys" / "days").days(RecordClass.CHAT, open_=True)

    await eventually(none_open)


def kept_keys(folder: Path, hold: Hold) -> list[str]:
    """The groups of which a hold has keys."""
    found = (folder / "keys" / "days" / "holds" / hold.hold_id).glob("*")
    return sorted(path.name.rpartition(".")[2] for path in found)


@pytest.mark.parametrize("placed", ["while the day is open", "after it closed"])
async def test_group_that_the_participant_had_left_before_the_day_is_destroyed_with_it(
    tmp_path: Path, clock: ManualClock, placed: str
) -> None:
    people, folder = Custodians.make(tmp_path / "people"), tmp_path / "data"
    came = [("member.joined", group_id, PERSON) for group_id in (GROUP, OTHER_GROUP)]
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await told(retention, clock, [*came, ("member.left", GROUP, PERSON)])
        clock.advance(DAY)
        await append(retention, 1)
        await retention.receipt(1)
        if placed == "after it closed":
            await closed(folder, clock)
            hold = await held(retention, clock)
            (pending,) = await people.pending(retention, "custodian-1")
            (share,) = pending.shares
            assert (share.day, list(share.opened_group_ids)) == ("2026-03-03", [OTHER_GROUP])
            for slot in (1, 2):
                await people.answer(retention, slot, hold.hold_id)
        else:
            hold = await held(retention, clock)

            async def taken_over() -> bool:
                return len(kept_keys(folder, hold)) == 2

            await eventually(taken_over)
            await closed(folder, clock)

        clock.advance(CEILING - DAY)
        await noticed(retention, clock)
        clock.advance(DAY)
        (certificate,) = await certified(retention, 1)
        assert list(certificate.event.certificate.hold_ids) == [hold.hold_id]
        assert kept_keys(folder, hold) == [OTHER_GROUP.replace("-", "")]

        both = scope(clock, GROUP, OTHER_GROUP, before=CEILING + 2 * DAY)
        access = await approved(retention, both)
        for slot in (2, 3):
            await people.answer(retention, slot, access.access_id)
        records, statement = await exported(retention, access, both)
        assert [each.record.sequence for each in records] == [1, 3, 5]
        assert [(each.reason, each.group_id) for each in statement.missing] == [(MISSING_REASON_KEYS_DESTROYED, GROUP)]


async def test_hold_on_somebody_whom_the_trail_does_not_name_keeps_the_groups_whole(
    tmp_path: Path, clock: ManualClock
) -> None:
    people, folder = Custodians.make(tmp_path / "people"), tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await told(retention, clock, [("group.created", GROUP, OTHER_PERSON)])
        clock.advance(DAY)
        await append(retention, 1)
        await closed(folder, clock)
        await held(retention, clock)
        (pending,) = await people.pending(retention, "custodian-1")
        assert [list(share.opened_group_ids) for share in pending.shares] == [[GROUP, OTHER_GROUP]]


async def test_export_tells_who_was_a_member_at_the_time_and_where_the_trail_does_not_begin_with_the_group(
    retention: Retention, clock: ManualClock
) -> None:
    acts = [
        ("group.created", GROUP, OTHER_PERSON),
        ("member.joined", GROUP, PERSON),
        ("member.joined", OTHER_GROUP, PERSON),
    ]
    await told(retention, clock, acts)
    founded = clock.now()
    clock.advance(timedelta(hours=3))
    await told(retention, clock, [("member.left", GROUP, PERSON)])
    left = clock.now()
    clock.advance(DAY)
    await append(retention, 1)
    later = scope(clock, GROUP, OTHER_GROUP)
    whole = scope(clock, GROUP, OTHER_GROUP, before=2 * DAY)
    access = await approved(retention, whole)
    _, statement, members = await everything(retention, access, later)
    assert [(each.group_id, each.account_id) for each in members] == [(GROUP, OTHER_PERSON), (OTHER_GROUP, PERSON)]
    assert list(statement.unfounded_group_ids) == [OTHER_GROUP]
    _, _, members = await everything(retention, access, whole)
    gone = next(each for each in members if (each.group_id, each.account_id) == (GROUP, PERSON))
    assert (gone.join_time, gone.leave_time) == (timestamp(founded), timestamp(left))
    assert len(members) == 3
