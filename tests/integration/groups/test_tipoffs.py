import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from stdnum import damm

from chassis.db import Unit
from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.groups.v1 import tipoff_service_pb2 as contract
from ombud.groups.v1.tipoff_service_pb2 import TipOffOutcome, TipOffState, TipOffTarget
from services.groups.wire import instant
from tests.integration.groups.reports import (
    DAY,
    EXCERPT,
    WORDS,
    decision,
    due,
    on_a_group,
    reply,
    submitted,
    tip,
    tracked,
    triage,
)
from tests.integration.groups.stand import Stand
from tests.support.refusals import refusal_of


async def test_anybody_gets_a_receipt_at_once_with_seven_days_to_the_answer(stand: Stand) -> None:
    receipt = await stand.tip_offs.SubmitTipOff(tip(await on_a_group(stand)))
    assert instant(receipt.receive_time) == stand.clock.now()
    assert instant(receipt.due_time) == stand.clock.now() + 7 * DAY
    assert damm.is_valid(receipt.reference_number.replace("-", ""))
    assert len(receipt.tracking_code.replace("-", "")) * 5 >= 128


async def test_tip_off_goes_from_receipt_to_reply_and_its_reporter_follows_by_code(stand: Stand) -> None:
    tip_off_id, receipt = await submitted(stand)
    seen = await tracked(stand, receipt.tracking_code)
    assert (seen.tip_off.state, seen.reply) == (TipOffState.TIP_OFF_STATE_RECEIVED, "")
    await stand.handling.TriageTipOff(triage(tip_off_id))
    assert (await tracked(stand, receipt.tracking_code)).tip_off.state == TipOffState.TIP_OFF_STATE_TRIAGED
    sanctions = [new_id()]
    decided = (await stand.handling.DecideTipOff(decision(tip_off_id, sanction_ids=sanctions))).tip_off
    assert (list(decided.sanction_ids), decided.priority) == (sanctions, 70)
    stand.clock.advance(DAY)
    await stand.handling.ReplyTipOff(reply(tip_off_id))
    seen = await tracked(stand, receipt.tracking_code)
    assert seen.tip_off.state == TipOffState.TIP_OFF_STATE_REPLIED
    assert seen.tip_off.outcome == TipOffOutcome.TIP_OFF_OUTCOME_ACTION_TAKEN
    assert seen.reply == "We took the offer down, canary-reply"
    assert not seen.tip_off.overdue
    assert await due(stand) == []


async def test_reporter_sees_neither_sanctions_nor_reasons_nor_the_desks_id(stand: Stand) -> None:
    tip_off_id, receipt = await submitted(stand)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    sanction = new_id()
    await stand.handling.DecideTipOff(decision(tip_off_id, sanction_ids=[sanction]))
    seen = str(await tracked(stand, receipt.tracking_code))
    assert all(secret not in seen for secret in (sanction, "canary-reasons", tip_off_id, "mod-1"))


async def test_desk_reads_what_the_reporter_wrote(stand: Stand) -> None:
    tip_off_id, _ = await submitted(stand)
    whole = await stand.handling.GetTipOff(contract.GetTipOffRequest(tip_off_id=tip_off_id))
    assert (whole.report.explanation, whole.report.excerpt) == (WORDS, EXCERPT)
    assert list(whole.report.evidence_sha256) == [b"a" * 32, b"b" * 32]


@pytest.mark.parametrize(
    "mangle",
    [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "],
)
async def test_tracking_code_is_read_however_it_is_typed(stand: Stand, mangle: object) -> None:
    _, receipt = await submitted(stand)
    seen = await tracked(stand, mangle(receipt.tracking_code))  # type: ignore[operator]  # a function on text
    assert seen.tip_off.reference_number == receipt.reference_number


async def test_whatever_is_no_code_is_not_found_in_the_same_words(stand: Stand) -> None:
    _, receipt = await submitted(stand)
    last = "0" if receipt.tracking_code[-1] != "0" else "1"
    wrong = [receipt.tracking_code[:-1] + last, "x", receipt.reference_number, "☃" * 64]
    answers = [await refusal_of(tracked(stand, code)) for code in wrong]
    assert {(answer.reason, answer.message, str(answer.facts)) for answer in answers} == {
        ("NOT_FOUND", answers[0].message, str(answers[0].facts))
    }


async def test_repeat_of_the_call_gives_the_same_receipt_and_one_tip_off(stand: Stand) -> None:
    request = tip(await on_a_group(stand))
    first, again = await stand.tip_offs.SubmitTipOff(request), await stand.tip_offs.SubmitTipOff(request)
    assert first == again
    assert len(await due(stand)) == 1
    request.explanation = "Something else altogether"
    assert (await refusal_of(stand.tip_offs.SubmitTipOff(request))).reason == "REQUEST_ID_REUSED"


async def test_database_holds_neither_the_code_nor_a_word_that_was_written(stand: Stand) -> None:
    tip_off_id, receipt = await submitted(stand)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    await stand.handling.DecideTipOff(decision(tip_off_id))
    await stand.handling.ReplyTipOff(reply(tip_off_id))
    await tracked(stand, receipt.tracking_code)
    with sqlite3.connect(stand.database_file) as connection:
        dump = "\n".join(
            str(row)
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for row in connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - the database's own names
        )
    connection.close()
    files = b"".join(file.read_bytes() for file in stand.database_file.parent.glob("test.db*"))
    assert receipt.reference_number in dump
    for secret in (receipt.tracking_code, receipt.tracking_code.replace("-", ""), "canary"):
        assert secret not in dump
        assert secret.encode() not in files


async def test_unanswered_tip_off_escalates_when_its_time_is_over(stand: Stand) -> None:
    tip_off_id, receipt = await submitted(stand)
    stand.clock.advance(7 * DAY - timedelta(microseconds=1))
    assert await due(stand, overdue_only=True) == []
    stand.clock.advance(timedelta(microseconds=1))
    (late,) = await due(stand, overdue_only=True)
    assert (late.tip_off_id, late.overdue, late.escalated) == (tip_off_id, True, True)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    await stand.handling.DecideTipOff(decision(tip_off_id, "NO_ACTION"))
    answered = (await stand.handling.ReplyTipOff(reply(tip_off_id))).tip_off
    assert (answered.overdue, answered.escalated) == (True, False)
    assert (await tracked(stand, receipt.tracking_code)).tip_off.overdue


@pytest.mark.parametrize("outcome", ["ACTION_TAKEN", "NO_ACTION", "OUT_OF_SCOPE", "INSUFFICIENT"])
async def test_every_outcome_takes_reasons(stand: Stand, outcome: str) -> None:
    tip_off_id, _ = await submitted(stand)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    refused = await refusal_of(stand.handling.DecideTipOff(decision(tip_off_id, outcome, reasons="")))
    assert (refused.reason, refused.violations[0][0]) == ("INVALID_FIELD", "reasons")
    decided = (await stand.handling.DecideTipOff(decision(tip_off_id, outcome))).tip_off
    assert decided.outcome == TipOffOutcome.Value(f"TIP_OFF_OUTCOME_{outcome}")


async def test_steps_come_in_their_order_and_once(stand: Stand) -> None:
    tip_off_id, _ = await submitted(stand)
    assert (await refusal_of(stand.handling.DecideTipOff(decision(tip_off_id)))).reason == "WRONG_STATE"
    assert (await refusal_of(stand.handling.ReplyTipOff(reply(tip_off_id)))).reason == "WRONG_STATE"
    await stand.handling.TriageTipOff(triage(tip_off_id))
    assert (await refusal_of(stand.handling.TriageTipOff(triage(tip_off_id)))).reason == "WRONG_STATE"
    await stand.handling.DecideTipOff(decision(tip_off_id))
    refused = await refusal_of(stand.handling.DecideTipOff(decision(tip_off_id, "NO_ACTION")))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "DECIDED")
    await stand.handling.ReplyTipOff(reply(tip_off_id))
    assert (await refusal_of(stand.handling.ReplyTipOff(reply(tip_off_id)))).reason == "WRONG_STATE"


async def test_tip_off_outlives_its_target(stand: Stand) -> None:
    group = await stand.group()
    target = contract.MessageReference(group_code=group.code, message_id="msg-17")
    receipt = await stand.tip_offs.SubmitTipOff(tip(TipOffTarget(message=target)))
    await stand.sanction("GROUP_CLOSED", group=group.group_id)
    (open_still,) = await due(stand)
    assert open_still.target.message == target
    assert open_still.group_id == group.group_id
    await stand.handling.TriageTipOff(triage(open_still.tip_off_id))
    assert (await tracked(stand, receipt.tracking_code)).tip_off.state == TipOffState.TIP_OFF_STATE_TRIAGED


async def test_target_must_exist(stand: Stand) -> None:
    account = await stand.verified()
    await stand.tip_offs.SubmitTipOff(tip(TipOffTarget(account_id=account)))
    refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(TipOffTarget(account_id=new_id()))))
    assert refused.reason == "NOT_FOUND"
    nobodys = f"12345678{damm.calc_check_digit('12345678')}"
    refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(TipOffTarget(group_code=nobodys))))
    assert refused.reason == "NOT_FOUND"
    slip = f"12345679{nobodys[-1]}"
    message = contract.MessageReference(group_code=slip, message_id="1")
    refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(TipOffTarget(message=message))))
    assert (refused.reason, refused.violations[0][0]) == ("GROUP_CODE_INVALID", "target.message.group_code")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"target": None}, "target"),
        ({"target": TipOffTarget()}, "target"),
        ({"category": 0}, "category"),
        ({"explanation": "short"}, "explanation"),
        ({"explanation": "x" * 2001}, "explanation"),
        ({"excerpt": b"x" * 1001}, "excerpt"),
        ({"evidence_sha256": [b"short"]}, "evidence_sha256[0]"),
        ({"evidence_sha256": [b"a" * 32] * 11}, "evidence_sha256"),
        ({"good_faith": False}, "good_faith"),
        ({"request_id": ""}, "request_id"),
    ],
)
async def test_malformed_tip_off_names_the_field(stand: Stand, fields: dict[str, object], field: str) -> None:
    refused = await refusal_of(stand.tip_offs.SubmitTipOff(tip(await on_a_group(stand), **fields)))
    assert refused.reason == "INVALID_FIELD"
    assert field in [path.partition(".")[0] for path, _ in refused.violations]
    assert "short" not in str(refused.facts) + str(refused.violations)


async def test_sanctions_belong_to_action_taken_only(stand: Stand) -> None:
    tip_off_id, _ = await submitted(stand)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    request = decision(tip_off_id, "NO_ACTION", sanction_ids=[new_id()])
    assert (await refusal_of(stand.handling.DecideTipOff(request))).reason == "INVALID_FIELD"


async def test_due_list_is_paged_by_due_time(either: Stand) -> None:
    references = []
    target = await on_a_group(either)
    for _ in range(3):
        references.append((await either.tip_offs.SubmitTipOff(tip(target))).reference_number)
        either.clock.advance(timedelta(hours=1))
    request = contract.ListDueTipOffsRequest(page_size=2)
    first = await either.handling.ListDueTipOffs(request)
    request.page_token = first.next_page_token
    second = await either.handling.ListDueTipOffs(request)
    assert [each.reference_number for each in [*first.tip_offs, *second.tip_offs]] == references
    assert not second.next_page_token
    request.overdue_only = True
    assert (await refusal_of(either.handling.ListDueTipOffs(request))).reason == "PAGE_TOKEN_REFUSED"


async def test_tip_off_on_an_account_is_audited_about_the_account(stand: Stand) -> None:
    account = await stand.verified()
    await stand.tip_offs.SubmitTipOff(tip(TipOffTarget(account_id=account)))
    (record,) = await stand.audited()
    assert record.action == "groups.tip_off.submitted"
    assert record.subject == Subject(account_id=account)
    assert (record.workload, record.person) == ("", "")
    assert "canary" not in str(record)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE tip_off SET decide_time = 1, outcome = 'NO_ACTION', reasons = explanation",
        "UPDATE tip_off SET triage_time = 1, decide_time = 1, outcome = 'NO_ACTION'",
        "UPDATE tip_off SET triage_time = 1, decide_time = 1, reasons = explanation",
        "UPDATE tip_off SET reply_time = 1, reply = explanation",
        "UPDATE tip_off SET due_time = receive_time",
        "UPDATE tip_off SET category = 'GOSSIP'",
    ],
)
async def test_database_itself_refuses_a_decision_without_reasons_or_out_of_order(either: Stand, attack: str) -> None:
    await submitted(either)

    def breach(unit: Unit) -> None:
        unit.session.connection().execute(text(attack))

    with pytest.raises(IntegrityError):
        await either.database.work("attack", breach)
