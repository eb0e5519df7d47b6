"""Sanctions without due process."""

# ruff: noqa: S608 - statements are put together from literals of this file

from chassis.db import Unit
from policies.pack import MeasureKind
from tests.unit.credit.attacks.attack import ONE, attack
from tests.unit.credit.builders import measure
from tests.unit.credit.stored import keep_approved, keep_in_force, keep_proposed


def a_proposed_sanction(unit: Unit) -> str:
    return keep_proposed(unit).sanction_id


def an_approved_sanction(unit: Unit) -> str:
    return keep_approved(unit).sanction_id


def a_sanction_in_force(unit: Unit) -> str:
    return keep_in_force(unit, measures=(measure(), measure(MeasureKind.BLACKLISTED))).sanction_id


DELIVER = f"UPDATE notice SET delivered_at = :now, appeal_end = :later{ONE}"
APPROVE = "UPDATE sanction SET state = 'APPROVED', approved_at = :now, approver = "
FORCE = (
    "UPDATE sanction SET state = 'IN_FORCE', approver = 'app-1', approved_at = :now, start_at = :now,"
    " points_end = :later"
)
COPY_STATEMENT = (
    "INSERT INTO statement SELECT :new, policy_id, policy_version, policy_hash, policy_effective_at, rule_id, title,"
    " article, clause, clause_hash, ground, category, points_days, appeal_window_days, appeal_decision_days, facts,"
    " explanation, act_at, proportionality_note, how_to_restore, materials_needed, duty_notice_id, duty_group_id,"
    f" duty_served_at, duty_cure_end, step_justification, steps_skipped FROM statement{ONE}"
)
COPY_SANCTION = (
    "INSERT INTO sanction SELECT :new, 'PROPOSED', subject_kind, subject_id, capacity, group_id, points, {evidence},"
    " tip_off_id, duty_notice_id, reporter_account_id, issuer, proposed_at, NULL, NULL, NULL, end_at, review_at, NULL,"
    f" NULL, NULL FROM sanction{ONE}"
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
        "overturned by no appeal",
        a_sanction_in_force,
        "ck_sanction_overturned",
        f"UPDATE sanction SET state = 'OVERTURNED'{ONE}",
    ),
]
