import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chassis.db import Unit
from chassis.ids import new_id
from ombud.groups.v1 import tipoff_service_pb2 as contract
from ombud.groups.v1.tipoff_service_pb2 import TipOffOutcome, TipOffState, TipOffTarget
from services.groups.wire import instant
from tests.integration.groups.reports import (
    DAY,
    answered,
    contest,
    contest_decision,
    decision,
    due,
    reply,
    submitted,
    tip,
    tracked,
    triage,
)
from tests.integration.groups.stand import Stand
from tests.support.refusals import refusal_of


async def test_reporter_contests_by_code_and_hears_what_another_person_decided(either: Stand) -> None:
    tip_off_id, receipt = await answered(either)
    either.clock.advance(30 * DAY)

    contested = (await either.tip_offs.ContestTipOff(contest(receipt.tracking_code))).tip_off

    assert contested.state == TipOffState.TIP_OFF_STATE_CONTESTED
    assert instant(contested.contest.due_time) == either.clock.now() + 7 * DAY
    assert [each.tip_off_id for each in await due(either)] == [tip_off_id]
    sanction = new_id()
    other = either.desk("reviewer", staff="rev-1")
    decided = await other.DecideTipOffContest(contest_decision(tip_off_id, sanction_ids=[sanction]))
    assert decided.tip_off.state == TipOffState.TIP_OFF_STATE_CLOSED
    assert list(decided.tip_off.contest.sanction_ids) == [sanction]
    seen = await tracked(either, receipt.tracking_code)
    assert seen.tip_off.outcome == TipOffOutcome.TIP_OFF_OUTCOME_NO_ACTION
    assert seen.tip_off.contest.outcome == TipOffOutcome.TIP_OFF_OUTCOME_ACTION_TAKEN
    assert seen.contest_reply.startswith("You were right")
    assert all(secret not in str(seen) for secret in (sanction, "canary-contest-reasons", "rev-1"))
    assert await due(either) == []


async def test_who_decided_first_is_refused_and_so_is_the_database(either: Stand) -> None:
    tip_off_id, receipt = await answered(either)
    await either.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    both = either.desk("reviewer", staff="mod-1")
    refused = await refusal_of(both.DecideTipOffContest(contest_decision(tip_off_id)))
    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "DECIDER")
    decided = (
        "UPDATE tip_off_contest SET decide_time = 1, outcome = 'NO_ACTION', reasons = statement, reply = statement"
    )
    attacks = [
        decided + ", decider = 'mod-1'",
        decided + ", decider = 'rev-1', first_decider = 'mod-2'",
        decided,
        "UPDATE tip_off_contest SET outcome = 'NO_ACTION'",
        "UPDATE tip_off_contest SET due_time = contest_time",
        "UPDATE tip_off SET decider = 'mod-2'",
    ]
    for attack in attacks:

        def breach(unit: Unit, statement: str = attack) -> None:
            unit.session.connection().execute(text(statement))

        with pytest.raises(IntegrityError):
            await either.database.work("attack", breach)


async def test_contest_is_refused_before_the_answer_after_the_window_twice_and_where_something_was_done(
    stand: Stand,
) -> None:
    _, fresh = await submitted(stand)
    refused = await refusal_of(stand.tip_offs.ContestTipOff(contest(fresh.tracking_code)))
    assert (refused.reason, refused.facts["needs"]) == ("WRONG_STATE", "REPLIED")
    _, acted = await answered(stand, "ACTION_TAKEN")
    refused = await refusal_of(stand.tip_offs.ContestTipOff(contest(acted.tracking_code)))
    assert refused.reason == "NOT_CONTESTABLE"
    _, receipt = await answered(stand)
    _, late = await answered(stand, "INSUFFICIENT")
    await stand.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    refused = await refusal_of(stand.tip_offs.ContestTipOff(contest(receipt.tracking_code)))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "CONTESTED")
    end = instant((await tracked(stand, late.tracking_code)).tip_off.contest_end_time)
    assert end == stand.clock.now() + 184 * DAY
    stand.clock.advance(184 * DAY)
    refused = await refusal_of(stand.tip_offs.ContestTipOff(contest(late.tracking_code)))
    assert refused.reason == "CONTEST_WINDOW_CLOSED"
    assert "before contest_end_time" in refused.satisfy
    assert (await refusal_of(stand.tip_offs.ContestTipOff(contest("x")))).reason == "NOT_FOUND"


async def test_silence_about_a_contest_escalates_and_counts(stand: Stand) -> None:
    tip_off_id, receipt = await answered(stand)
    await stand.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    stand.clock.advance(7 * DAY - timedelta(microseconds=1))
    assert await due(stand, overdue_only=True) == []
    stand.clock.advance(timedelta(microseconds=1))
    (late,) = await due(stand, overdue_only=True)
    assert (late.tip_off_id, late.overdue, late.escalated, late.contest.overdue) == (tip_off_id, True, True, True)
    await stand.desk("reviewer", staff="rev-1").DecideTipOffContest(contest_decision(tip_off_id, "NO_ACTION"))
    seen = (await tracked(stand, receipt.tracking_code)).tip_off
    assert (seen.overdue, seen.escalated) == (True, False)


async def test_contests_and_tip_offs_wait_in_one_list_by_due_time(either: Stand) -> None:
    contested_id, receipt = await answered(either)
    either.clock.advance(DAY)
    first_id, _ = await submitted(either)
    either.clock.advance(DAY)
    await either.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    either.clock.advance(DAY)
    last_id, _ = await submitted(either)
    request = contract.ListDueTipOffsRequest(page_size=2)
    page = await either.handling.ListDueTipOffs(request)
    request.page_token = page.next_page_token
    rest = await either.handling.ListDueTipOffs(request)
    assert [each.tip_off_id for each in [*page.tip_offs, *rest.tip_offs]] == [first_id, contested_id, last_id]


async def test_desk_reads_the_contest_and_the_database_holds_no_word_of_it(stand: Stand) -> None:
    tip_off_id, receipt = await answered(stand)
    await stand.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    reviewer = stand.desk("reviewer", staff="rev-1")
    await reviewer.DecideTipOffContest(contest_decision(tip_off_id, "NO_ACTION"))
    whole = await reviewer.GetTipOff(contract.GetTipOffRequest(tip_off_id=tip_off_id))
    assert "canary-contest" in whole.contest_statement
    assert "canary-contest-reasons" in whole.contest_reasons
    assert "canary-contest-reply" in whole.contest_reply
    with sqlite3.connect(stand.database_file) as connection:
        rows = connection.execute("SELECT * FROM tip_off_contest").fetchall()
    connection.close()
    assert len(rows) == 1
    assert "canary" not in str(rows) + str(await stand.audited())


async def test_member_of_the_group_concerned_neither_reads_nor_handles_its_tip_off(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    await stand.tip_offs.SubmitTipOff(tip(TipOffTarget(group_code=group.code)))
    (waiting,) = await due(stand)
    account = await stand.join(group.group_id)
    member = stand.desk("moderator", staff="mod-2", account=account)
    reading = contract.GetTipOffRequest(tip_off_id=waiting.tip_off_id)
    for call in (member.GetTipOff(reading), member.TriageTipOff(triage(waiting.tip_off_id))):
        refused = await refusal_of(call)
        assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "GROUP_MEMBER")
    await stand.handling.TriageTipOff(triage(waiting.tip_off_id))
    refused = await refusal_of(member.DecideTipOff(decision(waiting.tip_off_id)))
    assert refused.reason == "REVIEWER_NOT_INDEPENDENT"
    await stand.handling.DecideTipOff(decision(waiting.tip_off_id, "NO_ACTION"))
    assert (await refusal_of(member.ReplyTipOff(reply(waiting.tip_off_id)))).reason == "REVIEWER_NOT_INDEPENDENT"


async def test_account_concerned_does_not_handle_its_own_tip_off(stand: Stand) -> None:
    account = await stand.verified()
    await stand.tip_offs.SubmitTipOff(tip(TipOffTarget(account_id=account)))
    (waiting,) = await due(stand)
    concerned = stand.desk("moderator", staff="mod-2", account=account)
    refused = await refusal_of(concerned.TriageTipOff(triage(waiting.tip_off_id)))
    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "CONCERNED")
