from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chassis.db import Unit
from chassis.ids import new_id
from ombud.groups.v1 import stewardship_service_pb2 as contract
from ombud.groups.v1.stewardship_service_pb2 import DutyState, ManagementTool
from ombud.groups.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from services.groups.wire import timestamp
from tests.integration.groups.stand import Stand
from tests.support.refusals import refusal_of

DAY = timedelta(days=1)
TOOLS = [ManagementTool.MANAGEMENT_TOOL_REMOVE_MESSAGE, ManagementTool.MANAGEMENT_TOOL_MUTE_MEMBER]


def notice(stand: Stand, group_id: str, *, time: timedelta = 3 * DAY, **fields: Any) -> contract.ServeNoticeRequest:
    usual: dict[str, Any] = {
        "request_id": new_id(),
        "group_id": group_id,
        "duty": "Fraud was reported twice and stays posted; take it down.",
        "tools": TOOLS,
        "cure_end_time": timestamp(stand.clock.now() + time),
    }
    return contract.ServeNoticeRequest(**usual | fields)


def cure(notice_id: str) -> contract.RecordCureRequest:
    return contract.RecordCureRequest(request_id=new_id(), notice_id=notice_id)


async def ledger(stand: Stand, group_id: str, **fields: object) -> list[contract.DutyEntry]:
    request = contract.GetDutyLedgerRequest(group_id=group_id, **fields)  # type: ignore[arg-type]  # fields of many types
    return list((await stand.stewardship.GetDutyLedger(request)).entries)


async def test_notice_cured_in_time_never_becomes_a_breach(stand: Stand) -> None:
    group = await stand.group()
    entry = (await stand.moderation.ServeNotice(notice(stand, group.group_id))).entry
    assert entry.state == DutyState.DUTY_STATE_SERVED
    assert entry.owner_account_id == group.owner_account_id
    assert list(entry.tools) == TOOLS
    stand.clock.advance(2 * DAY)
    cured = (await stand.stewardship.RecordCure(cure(entry.notice_id))).entry
    assert cured.state == DutyState.DUTY_STATE_CURED
    stand.clock.advance(30 * DAY)
    (kept,) = await ledger(stand, group.group_id)
    assert (kept.state, kept.cure_time) == (DutyState.DUTY_STATE_CURED, cured.cure_time)


async def test_breach_begins_with_the_end_of_the_time_to_cure_and_not_before(stand: Stand) -> None:
    group = await stand.group()
    entry = (await stand.moderation.ServeNotice(notice(stand, group.group_id))).entry
    stand.clock.advance(3 * DAY - timedelta(microseconds=1))
    assert (await ledger(stand, group.group_id))[0].state == DutyState.DUTY_STATE_SERVED
    stand.clock.advance(timedelta(microseconds=1))
    assert (await ledger(stand, group.group_id))[0].state == DutyState.DUTY_STATE_BREACHED
    refused = await refusal_of(stand.stewardship.RecordCure(cure(entry.notice_id)))
    assert refused.reason == "CURE_TIME_OVER"


async def test_cure_counts_once(stand: Stand) -> None:
    group = await stand.group()
    entry = (await stand.moderation.ServeNotice(notice(stand, group.group_id))).entry
    request = cure(entry.notice_id)
    await stand.stewardship.RecordCure(request)
    await stand.stewardship.RecordCure(request)
    refused = await refusal_of(stand.stewardship.RecordCure(cure(entry.notice_id)))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "CURED")
    assert (await refusal_of(stand.stewardship.RecordCure(cure(new_id())))).reason == "NOT_FOUND"


async def test_notice_leaves_at_least_the_packs_time(stand: Stand) -> None:
    group = await stand.group()
    short = notice(stand, group.group_id, time=timedelta(hours=24, microseconds=-1))
    refused = await refusal_of(stand.moderation.ServeNotice(short))
    assert (refused.reason, refused.violations[0][0]) == ("CURE_TIME_TOO_SHORT", "cure_end_time")
    assert refused.facts["least_cure_end_time"] == (stand.clock.now() + DAY).isoformat()
    await stand.moderation.ServeNotice(notice(stand, group.group_id, time=DAY))


@pytest.mark.parametrize("measure", ["MANAGEMENT_SUSPENDED", "ACCOUNT_SUSPENDED", "BLACKLISTED"])
async def test_owner_whom_a_sanction_keeps_from_managing_is_served_no_notice(stand: Stand, measure: str) -> None:
    group = await stand.group()
    sanction = await stand.sanction(measure, account=group.owner_account_id)
    refused = await refusal_of(stand.moderation.ServeNotice(notice(stand, group.group_id)))
    assert (refused.reason, refused.facts["sanction"]) == ("OWNER_WITHOUT_TOOLS", sanction)


@pytest.mark.parametrize("measure", ["MANAGEMENT_SUSPENDED", "ACCOUNT_CLOSED", "GROUP_CLOSED"])
async def test_owner_who_loses_the_tools_while_the_time_runs_is_excused(either: Stand, measure: str) -> None:
    group = await either.group()
    entry = (await either.moderation.ServeNotice(notice(either, group.group_id))).entry
    either.clock.advance(DAY)
    against = {"group": group.group_id} if measure == "GROUP_CLOSED" else {"account": group.owner_account_id}
    await either.sanction(measure, **against, end=either.clock.now() + DAY)
    either.clock.advance(30 * DAY)
    (kept,) = await ledger(either, group.group_id)
    assert kept.state == DutyState.DUTY_STATE_EXCUSED
    assert kept.tools_lost_time == timestamp(either.clock.now() - 30 * DAY)
    refused = await refusal_of(either.stewardship.RecordCure(cure(entry.notice_id)))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "EXCUSED")
    assert "groups.duty.excused" in [record.action for record in await either.audited()]


async def test_sanction_that_leaves_the_tools_or_comes_after_the_breach_excuses_nobody(stand: Stand) -> None:
    group = await stand.group()
    await stand.moderation.ServeNotice(notice(stand, group.group_id))
    await stand.sanction("PUBLISHING_SUSPENDED", account=group.owner_account_id)
    stand.clock.advance(3 * DAY)
    await stand.sanction("MANAGEMENT_SUSPENDED", account=group.owner_account_id)
    assert (await ledger(stand, group.group_id))[0].state == DutyState.DUTY_STATE_BREACHED


async def test_owner_who_let_the_verification_expire_is_not_excused(stand: Stand) -> None:
    owner = await stand.verified(until=stand.clock.now() + DAY)
    group = await stand.group(owner)
    stand.clock.advance(2 * DAY)
    await stand.moderation.ServeNotice(notice(stand, group.group_id))


async def test_suspended_group_can_be_put_right_by_its_owner(stand: Stand) -> None:
    group = await stand.group()
    await stand.sanction("GROUP_SUSPENDED", group=group.group_id)
    await stand.moderation.ServeNotice(notice(stand, group.group_id))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tools": []}, "tools"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "tools"),
        ({"tools": [0]}, "tools[0]"),
        ({"duty": "  "}, "duty"),
        ({"duty": "x" * 501}, "duty"),
        ({"cure_end_time": None}, "cure_end_time"),
    ],
)
async def test_notice_without_tools_duty_or_time_is_refused(stand: Stand, fields: dict[str, Any], field: str) -> None:
    group = await stand.group()
    refused = await refusal_of(stand.moderation.ServeNotice(notice(stand, group.group_id, **fields)))
    assert refused.reason == "INVALID_FIELD"
    assert field in [path for path, _ in refused.violations]


async def test_cure_at_the_desk_takes_a_moderator(stand: Stand) -> None:
    group = await stand.group()
    entry = (await stand.moderation.ServeNotice(notice(stand, group.group_id))).entry
    for channel in (stand.channel(role="registrar"), stand.channel(workload="desk")):
        refused = await refusal_of(StewardshipServiceStub(channel).RecordCure(cure(entry.notice_id)))
        assert refused.reason == "ROLE_REQUIRED"
    await stand.moderation.RecordCure(cure(entry.notice_id))


async def test_ledger_is_paged_newest_first_and_filtered_by_notice(either: Stand) -> None:
    group = await either.group()
    ids = [(await either.moderation.ServeNotice(notice(either, group.group_id))).entry.notice_id for _ in range(3)]
    first = await either.stewardship.GetDutyLedger(contract.GetDutyLedgerRequest(group_id=group.group_id, page_size=2))
    second = await either.stewardship.GetDutyLedger(
        contract.GetDutyLedgerRequest(group_id=group.group_id, page_size=2, page_token=first.next_page_token)
    )
    assert [entry.notice_id for entry in [*first.entries, *second.entries]] == ids[::-1]
    assert not second.next_page_token
    assert [entry.notice_id for entry in await ledger(either, group.group_id, notice_id=ids[1])] == [ids[1]]
    other = await either.group()
    assert await ledger(either, other.group_id, notice_id=ids[1]) == []


async def test_notices_and_cures_are_audited_without_their_words(stand: Stand) -> None:
    group = await stand.group()
    entry = (await stand.moderation.ServeNotice(notice(stand, group.group_id))).entry
    await stand.stewardship.RecordCure(cure(entry.notice_id))
    served, cured = (record for record in await stand.audited() if record.resource_id == entry.notice_id)
    assert (served.action, served.person) == ("groups.duty.notice_served", "mod-1")
    assert (cured.action, cured.workload) == ("groups.duty.cured", "platform")
    assert "Fraud" not in f"{served}{cured}"


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE duty SET tools = ''",
        "UPDATE duty SET duty = ''",
        "UPDATE duty SET cure_end_time = serve_time",
        "UPDATE duty SET cure_time = cure_end_time",
        "UPDATE duty SET cure_time = serve_time - 1",
    ],
)
async def test_database_itself_keeps_notice_tools_and_time(either: Stand, attack: str) -> None:
    group = await either.group()
    await either.moderation.ServeNotice(notice(either, group.group_id))

    def breach(unit: Unit) -> None:
        unit.session.connection().execute(text(attack))

    with pytest.raises(IntegrityError):
        await either.database.work("attack", breach)
