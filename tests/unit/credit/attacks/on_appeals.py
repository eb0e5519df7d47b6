"""Appeals that are decided by who had a part, or without reasons."""

from chassis.db import Unit
from services.credit.appeals import store
from services.credit.appeals.domain import Conflict, Reviewer, assign, tie
from tests.unit.credit.attacks.attack import attack
from tests.unit.credit.stored import keep_appeal, keep_in_force


def a_filed_appeal(unit: Unit) -> str:
    return keep_appeal(unit, keep_in_force(unit, reporter_account_id="reporter")).appeal_id


def an_appeal_under_review(unit: Unit) -> str:
    """By "rev-1"; "mod-9" imposed the interim measure before it."""
    filed = tie(keep_appeal(unit, keep_in_force(unit)), {"mod-9": Conflict.SAME_FACTS})
    store.update(unit.session, assign(filed, reviewer=Reviewer("rev-1", "")))
    return filed.appeal_id


REVIEW = "UPDATE appeal SET state = 'UNDER_REVIEW', reviewer_account_id = {account}, reviewer = {reviewer}"

APPEALS = [
    attack("issuer", a_filed_appeal, "ck_appeal_other_person", REVIEW.format(reviewer="issuer", account="''")),
    attack("approver", a_filed_appeal, "ck_appeal_other_person", REVIEW.format(reviewer="approver", account="''")),
    attack("reporter", a_filed_appeal, "ck_appeal_no_party", REVIEW.format(reviewer="'rev-1'", account="'reporter'")),
    attack(
        "appellant",
        a_filed_appeal,
        "ck_appeal_no_party",
        REVIEW.format(reviewer="'rev-1'", account="appellant_account_id"),
    ),
    attack(
        "somebody who had another part",
        an_appeal_under_review,
        "fk_appeal_case_part",
        "UPDATE appeal SET reviewer = 'mod-9' WHERE appeal_id = :id",
    ),
    attack(
        "two parts of one person",
        an_appeal_under_review,
        "pk_case_part",
        "INSERT INTO case_part SELECT sanction_id, 'mod-9', 'REVIEWER' FROM appeal WHERE appeal_id = :id",
    ),
    attack(
        "reviewer with another part",
        an_appeal_under_review,
        "fk_appeal_case_part",
        "UPDATE case_part SET part = 'TIP_OFF' WHERE staff_id = 'rev-1'",
    ),
    attack(
        "another part that passes for a review",
        an_appeal_under_review,
        "ck_appeal_reviewer_part",
        "UPDATE appeal SET reviewer = 'mod-9', reviewer_part = 'SAME_FACTS' WHERE appeal_id = :id",
    ),
    attack("nobody", a_filed_appeal, "ck_appeal_reviewed", REVIEW.format(reviewer="NULL", account="''")),
    attack("another issuer put in", a_filed_appeal, "fk_appeal_parties", "UPDATE appeal SET issuer = 'mod-2'"),
    attack("reporter taken out", a_filed_appeal, "fk_appeal_parties", "UPDATE appeal SET reporter_account_id = ''"),
    attack(
        "dismissed without reasons",
        a_filed_appeal,
        "ck_appeal_decision",
        "UPDATE appeal SET state = 'INADMISSIBLE', reviewer = 'rev-1', decided_at = :now",
    ),
    attack(
        "remanded without reasons",
        a_filed_appeal,
        "ck_appeal_decision",
        "UPDATE appeal SET state = 'DECIDED', reviewer = 'rev-1', outcome = 'REMANDED', decided_at = :now",
    ),
    attack("still open after its end", a_filed_appeal, "ck_appeal_decision", "UPDATE appeal SET decided_at = :now"),
    attack(
        "prolonged without reasons",
        a_filed_appeal,
        "ck_appeal_prolongation",
        "UPDATE appeal SET prolonged_until = due_at + 1",
    ),
    attack(
        "answer without its instant",
        a_filed_appeal,
        "ck_appeal_question_answer",
        "INSERT INTO appeal_question (appeal_id, position, question, asked_at, answer)"
        " SELECT appeal_id, 0, 'Where?', :now, 'There.' FROM appeal",
    ),
    attack(
        "decided without reasons",
        a_filed_appeal,
        "ck_appeal_decision",
        "UPDATE appeal SET state = 'DECIDED', reviewer = 'rev-1', outcome = 'UPHELD', decided_at = :now",
    ),
    attack(
        "decided by nobody",
        a_filed_appeal,
        "ck_appeal_reviewed",
        "UPDATE appeal SET state = 'DECIDED', outcome = 'UPHELD', reasons = 'No.', decided_at = :now",
    ),
    attack(
        "filed too late",
        a_filed_appeal,
        "ck_appeal_within_window",
        "UPDATE appeal SET filed_at = appeal_end, due_at = appeal_end + 1",
    ),
]
