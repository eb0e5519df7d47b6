"""Sanctions without due process."""

# ruff: noqa: S608 - statements are put together from literals of this file

from chassis.db import Unit
from policies.pack import MeasureKind
from services.credit.sanctions.models import SanctionRow, StatementRow
from tests.unit.credit.attacks.attack import ONE, attack, copied
from tests.unit.credit.builders import measure
from tests.unit.credit.stored import keep_approved, keep_in_force, keep_interim, keep_proposed


def a_proposed_sanction(unit: Unit) -> str:
    return keep_proposed(unit).sanction_id


def an_approved_sanction(unit: Unit) -> str:
    return keep_approved(unit).sanction_id


def an_interim_measure(unit: Unit) -> str:
    return keep_interim(unit).sanction_id


def a_sanction_in_force(unit: Unit) -> str:
    return keep_in_force(unit, measures=(measure(), measure(MeasureKind.BLACKLISTED))).sanction_id


DELIVER = f"UPDATE notice SET delivered_at = :now, appeal_end = :later{ONE}"
APPROVE = "UPDATE sanction SET state = 'APPROVED', approved_at = :now, approver = "
FORCE = (
    "UPDATE sanction SET state = 'IN_FORCE', approver = 'app-1', approved_at = :now, start_at = :now,"
    " points_end = :later"
)
COPY_STATEMENT = copied(StatementRow, sanction_id=":new")
COPY_SANCTION = copied(
    SanctionRow,
    sanction_id=":new",
    state="'PROPOSED'",
    evidence_set="{evidence}",
    **dict.fromkeys(("approver", "approved_at", "start_at", "points_end", "appeal_end"), "NULL"),
)

SANCTIONS = [
    attack("alone", a_proposed_sanction, "ck_sanction_", f"UPDATE sanction SET state = 'IN_FORCE'{ONE}"),
    attack("no notice", a_proposed_sanction, "_notice", f"{FORCE}, appeal_end = :later{ONE}"),
    attack("notice not delivered", an_approved_sanction, "_notice", f"{FORCE}, appeal_end = :later{ONE}"),
    attack(
        "other window than in the notice", an_approved_sanction, "_notice", DELIVER, f"{FORCE}, appeal_end = :soon{ONE}"
    ),
    attack("no appeal window", an_approved_sanction, "ck_sanction_in_force", DELIVER, FORCE + ONE),
    attack(
        "window of less than six months",
        an_approved_sanction,
        "ck_notice_appeal_window",
        f"UPDATE notice SET delivered_at = :now, appeal_end = :soon{ONE}",
    ),
    attack(
        "delivered without window",
        an_approved_sanction,
        "ck_notice_delivered",
        f"UPDATE notice SET delivered_at = :now{ONE}",
    ),
    attack(
        "neither end nor review",
        a_sanction_in_force,
        "ck_sanction_end_or_review",
        f"UPDATE sanction SET end_at = NULL{ONE}",
    ),
    attack(
        "measure without end",
        a_sanction_in_force,
        "ck_measure_end_or_review",
        f"UPDATE measure SET end_at = NULL{ONE} AND kind <> 'BLACKLISTED'",
    ),
    attack(
        "blacklisting without term",
        a_sanction_in_force,
        "ck_measure_blacklist_term",
        "UPDATE measure SET end_at = NULL, review_at = :later WHERE kind = 'BLACKLISTED'",
    ),
    attack(
        "points without end",
        a_sanction_in_force,
        "ck_sanction_points_end",
        f"UPDATE sanction SET points_end = NULL{ONE}",
    ),
    attack("second person removed", a_sanction_in_force, "ck_sanction_", f"UPDATE sanction SET approver = NULL{ONE}"),
    attack("same person twice", a_proposed_sanction, "ck_sanction_second_person", f"{APPROVE} issuer{ONE}"),
    attack("nobody", a_proposed_sanction, "ck_sanction_persons", f"{APPROVE} ''{ONE}"),
    attack("approved by none", a_proposed_sanction, "ck_sanction_approved", f"{APPROVE} NULL{ONE}"),
    attack("no statement", a_sanction_in_force, "_statement", COPY_SANCTION.format(evidence="'other'")),
    attack(
        "same evidence twice",
        a_sanction_in_force,
        "evidence_set",
        COPY_STATEMENT,
        COPY_SANCTION.format(evidence="evidence_set"),
    ),
    attack(
        "statement removed",
        a_sanction_in_force,
        "_statement",
        f"DELETE FROM evidence{ONE}",
        f"DELETE FROM statement{ONE}",
    ),
    attack("notice removed", a_sanction_in_force, "_notice", f"DELETE FROM notice{ONE}"),
    attack("reasons blanked", a_sanction_in_force, "ck_statement_facts", f"UPDATE statement SET facts = ' '{ONE}"),
    attack(
        "retroactive",
        a_sanction_in_force,
        "ck_statement_not_retroactive",
        f"UPDATE statement SET act_at = policy_effective_at - 1{ONE}",
    ),
    attack(
        "steps left out without a justification",
        a_sanction_in_force,
        "ck_statement_step_justification",
        f"UPDATE statement SET steps_skipped = 2, step_justification = ' '{ONE}",
    ),
    attack(
        "shorter window stated",
        a_sanction_in_force,
        "ck_statement_appeal_window",
        f"UPDATE statement SET appeal_window_days = 183{ONE}",
    ),
    attack(
        "owner without breach",
        a_sanction_in_force,
        "ck_sanction_recorded_breach",
        f"UPDATE sanction SET capacity = 'FOUNDER'{ONE}",
    ),
    attack(
        "breach that the statement does not record",
        a_sanction_in_force,
        "duty_notice_id",
        f"UPDATE sanction SET capacity = 'FOUNDER', duty_notice_id = :new{ONE}",
    ),
    attack(
        "recorded to have ended before it did",
        a_sanction_in_force,
        "ck_sanction_ended",
        f"UPDATE sanction SET end_recorded_at = end_at - 1{ONE}",
    ),
    attack(
        "recorded to have ended before it began",
        an_approved_sanction,
        "ck_sanction_ended",
        f"UPDATE sanction SET end_recorded_at = end_at{ONE}",
    ),
    attack(
        "in force after it was taken back",
        a_proposed_sanction,
        "ck_sanction_",
        f"UPDATE sanction SET state = 'WITHDRAWN'{ONE}",
        f"UPDATE sanction SET state = 'IN_FORCE'{ONE}",
    ),
    attack(
        "late without a tip-off",
        a_sanction_in_force,
        "ck_statement_late",
        f"UPDATE statement SET late = TRUE{ONE}",
    ),
    attack(
        "overturned by no appeal",
        a_sanction_in_force,
        "ck_sanction_overturned",
        f"UPDATE sanction SET state = 'OVERTURNED'{ONE}",
    ),
]

INTERIM = [
    attack(
        "prolonged",
        an_interim_measure,
        "ck_sanction_interim",
        f"UPDATE sanction SET interim_until = proposed_at + 259200000001{ONE}",
    ),
    attack(
        "beyond its own end", an_interim_measure, "ck_sanction_interim", f"UPDATE sanction SET end_at = :later{ONE}"
    ),
    attack("without an end", an_interim_measure, "ck_sanction_", f"UPDATE sanction SET end_at = NULL{ONE}"),
    attack("with points", an_interim_measure, "ck_sanction_", f"UPDATE sanction SET points = 1{ONE}"),
    attack(
        "made a decision of one person",
        an_interim_measure,
        "ck_sanction_persons",
        f"UPDATE sanction SET interim_until = NULL{ONE}",
    ),
    attack(
        "a decision made interim",
        a_sanction_in_force,
        "ck_sanction_",
        f"UPDATE sanction SET interim_until = end_at{ONE}",
    ),
    attack(
        "renewed for the same facts",
        an_interim_measure,
        "evidence_set",
        COPY_STATEMENT,
        COPY_SANCTION.format(evidence="evidence_set"),
    ),
    attack(
        "replaced by what does not exist",
        an_interim_measure,
        "fk_lift_decision",
        "INSERT INTO lift (sanction_id, start_at, lifted_at, lifter, reasons, decision_id)"
        f" SELECT sanction_id, start_at, start_at, '', '', :new FROM sanction{ONE}",
    ),
    attack(
        "replaced by a person",
        an_interim_measure,
        "ck_lift_person",
        "INSERT INTO lift (sanction_id, start_at, lifted_at, lifter, reasons, decision_id)"
        f" SELECT sanction_id, start_at, start_at, 'app-2', 'x', sanction_id FROM sanction{ONE}",
    ),
]
