"""Attacks on the database itself: what the law of the project forbids must fail in SQL, too."""

# ruff: noqa: S608 - statements are put together from literals of this file

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from chassis.db import Unit
from chassis.ids import new_id
from policies.pack import MeasureKind
from services.credit.referrals import store as referral_store
from services.credit.referrals.domain import ReferralField, propose
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import NOW, measure
from tests.unit.credit.stored import keep_appeal, keep_approved, keep_in_force, keep_proposed, work

_DAY = 86_400_000_000
_NOW = int(NOW.timestamp()) * 1_000_000
# SQLite names its checks alone.
_UNNAMED = ("FOREIGN KEY constraint failed", "UNIQUE constraint failed", "NOT NULL constraint failed")


@dataclass(frozen=True)
class Attack:
    """Raw SQL on what `prepare` stored, whose id is `:id`; the last statement must break the constraint."""

    name: str
    prepare: Callable[[Unit], str]
    constraint: str
    statements: tuple[str, ...]

    def run(self, unit: Unit) -> None:
        values = values_of(self.prepare(unit))
        *before, last = (_bound(statement, values) for statement in self.statements)
        for statement in before:
            unit.session.connection().execute(statement)
        with pytest.raises(IntegrityError) as broken, unit.session.begin_nested():
            unit.session.connection().execute(last)
        assert any(name in str(broken.value.orig) for name in (self.constraint, *_UNNAMED))


def attack(name: str, prepare: Callable[[Unit], str], constraint: str, *statements: str) -> Attack:
    return Attack(name, prepare, constraint, statements)


def values_of(stored_id: str) -> dict[str, object]:
    return {"id": stored_id, "new": new_id(), "now": _NOW, "soon": _NOW + 183 * _DAY, "later": _NOW + 365 * _DAY}


def _bound(statement: str, values: dict[str, object]) -> TextClause:
    return text(statement).bindparams(**{name: value for name, value in values.items() if f":{name}" in statement})


def a_proposed_sanction(unit: Unit) -> str:
    return keep_proposed(unit).sanction_id


def an_approved_sanction(unit: Unit) -> str:
    return keep_approved(unit).sanction_id


def a_sanction_in_force(unit: Unit) -> str:
    return keep_in_force(unit, measures=(measure(), measure(MeasureKind.BLACKLISTED))).sanction_id


def a_filed_appeal(unit: Unit) -> str:
    return keep_appeal(unit, keep_in_force(unit, reporter_account_id="reporter")).appeal_id


def a_proposed_referral(unit: Unit) -> str:
    referral = propose(
        keep_in_force(unit),
        referral_id=new_id(),
        authority="Public Prosecutor",
        legal_basis="s. 158",
        fields=(ReferralField.RULE,),
        proposer="mod-1",
        at=NOW,
    )
    referral_store.save(unit.session, referral)
    return referral.referral_id


ONE = " WHERE sanction_id = :id"
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
ADD_POINTS = (
    "INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, start_at, end_at,"
    " recorded_at) SELECT :new, 'POINTS', subject_kind, subject_id, sanction_id, {points}, {start}, {end}, :now"
    f" FROM sanction{ONE}"
)
OVERTURN_POINTS = (
    "INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, overturned_entry_id,"
    " recorded_at) SELECT :new, 'OVERTURN', subject_kind, subject_id, sanction_id, 0, entry_id, :now"
    f" FROM ledger_entry{ONE}"
)
RELIEVE = (
    "INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, end_at,"
    " relieved_entry_id, proof_sha256, recorded_at) SELECT :new, 'CURE', subject_kind, subject_id, sanction_id,"
    f" {{points}}, {{end}}, entry_id, {{proof}}, :now FROM ledger_entry{ONE}"
)
LIFT = (
    "INSERT INTO lift (sanction_id, start_at, lifted_at, lifter, reasons)"
    f" SELECT sanction_id, coalesce(start_at, :now), {{at}}, 'app-2', {{reasons}} FROM sanction{ONE}"
)
VARY = (
    "INSERT INTO variation (sanction_id, start_at, varied_at, varier, reasons)"
    f" SELECT sanction_id, coalesce(start_at, :now), {{at}}, 'app-2', {{reasons}} FROM sanction{ONE}"
)
LIST_SUBJECT = (
    "INSERT INTO blacklist_entry (entry_id, subject_kind, subject_id, sanction_id, start_at, end_at)"
    f" SELECT :new, subject_kind, subject_id, sanction_id, :now, :later FROM sanction{ONE}"
)
REVIEW = "UPDATE appeal SET state = 'UNDER_REVIEW', reviewer_account_id = {account}, reviewer = {reviewer}"

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

CONSEQUENCES = [
    attack(
        "points of a sanction not in force",
        an_approved_sanction,
        "start_at_sanction",
        ADD_POINTS.format(points=1, start=":now", end=":later"),
    ),
    attack(
        "points from before it was in force",
        a_sanction_in_force,
        "start_at_sanction",
        "DELETE FROM ledger_entry",
        ADD_POINTS.format(points=1, start=":now - 1", end=":later"),
    ),
    attack(
        "points for ever",
        a_sanction_in_force,
        "ck_ledger_entry_kind",
        "DELETE FROM ledger_entry",
        ADD_POINTS.format(points=1, start=":now", end="NULL"),
    ),
    attack(
        "negative points",
        a_sanction_in_force,
        "ck_ledger_entry_kind",
        "DELETE FROM ledger_entry",
        ADD_POINTS.format(points=-3, start=":now", end=":later"),
    ),
    attack(
        "points counted twice",
        a_sanction_in_force,
        "sanction_id_kind",
        ADD_POINTS.format(points=1, start=":now", end=":later"),
    ),
    attack("points taken back without an appeal", a_sanction_in_force, "ck_ledger_entry_kind", OVERTURN_POINTS),
    attack(
        "points won back beyond their own end",
        a_sanction_in_force,
        "fk_ledger_entry_relieved",
        RELIEVE.format(points=1, end="end_at + 1", proof="'proof'"),
    ),
    attack(
        "points won back without a proof",
        a_sanction_in_force,
        "ck_ledger_entry_proof",
        RELIEVE.format(points=1, end="end_at", proof="NULL"),
    ),
    attack(
        "points added as a remedy",
        a_sanction_in_force,
        "ck_ledger_entry_kind",
        RELIEVE.format(points=-1, end="end_at", proof="'proof'"),
    ),
    attack("lifted before it was in force", an_approved_sanction, "fk_lift", LIFT.format(at=":now", reasons="'x'")),
    attack("lifted before its start", a_sanction_in_force, "ck_lift_in_force", LIFT.format(at="0", reasons="'x'")),
    attack("lifted without reasons", a_sanction_in_force, "ck_lift_reasons", LIFT.format(at=":now", reasons="' '")),
    attack(
        "varied before it was in force", an_approved_sanction, "fk_variation", VARY.format(at=":now", reasons="'x'")
    ),
    attack("varied without reasons", a_sanction_in_force, "ck_variation_reasons", VARY.format(at=":now", reasons="''")),
    attack(
        "a measure varied that was not imposed",
        a_sanction_in_force,
        "fk_varied_measure_measure",
        VARY.format(at=":now", reasons="'x'"),
        "INSERT INTO varied_measure VALUES (:id, 'ACCOUNT_CLOSED', :now)",
    ),
    attack(
        "stayed without an appeal",
        a_sanction_in_force,
        "fk_stay",
        "INSERT INTO stay VALUES (:id, :now, 'app-2', 'Why not.')",
    ),
    attack("listed without term", a_sanction_in_force, "end_at", f"UPDATE blacklist_entry SET end_at = NULL{ONE}"),
    attack("listed by a sanction not in force", an_approved_sanction, "start_at_sanction", LIST_SUBJECT),
]

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

REFERRALS = [
    attack(
        "told of a referral before the stated date",
        a_sanction_in_force,
        "ck_letter_not_before",
        "INSERT INTO letter (letter_id, kind, sanction_id, text, not_before, sent_at, traceparent)"
        " VALUES (:new, 'REFERRED', :id, '', :later, :now, '')",
    ),
    attack(
        "approved by none",
        a_proposed_referral,
        "ck_referral_approved",
        "UPDATE referral SET state = 'APPROVED', approved_at = :now",
    ),
    attack(
        "same person twice",
        a_proposed_referral,
        "ck_referral_second_person",
        "UPDATE referral SET state = 'APPROVED', approved_at = :now, approver = proposer",
    ),
    attack("no legal basis", a_proposed_referral, "ck_referral_legal_basis", "UPDATE referral SET legal_basis = ' '"),
    attack("no sanction", a_proposed_referral, "_sanction", "UPDATE referral SET sanction_id = :new"),
    attack(
        "outcome before approval",
        a_proposed_referral,
        "ck_referral_outcome",
        "UPDATE referral SET outcome = 'TAKEN_UP', outcome_at = :now",
    ),
]


@pytest.mark.parametrize(
    "attacks",
    [
        pytest.param(SANCTIONS, id="sanctions need due process"),
        pytest.param(CONSEQUENCES, id="only sanctions in force have consequences"),
        pytest.param(APPEALS, id="nobody decides who had a part"),
        pytest.param(REFERRALS, id="referrals need two persons and a legal basis"),
    ],
)
async def test_database_refuses(databases: OpenDatabase, attacks: list[Attack]) -> None:
    async with databases("credit") as database:
        await work(database, lambda _unit: None)
        for each in attacks:
            try:
                await database.work("attack", each.run)
            except BaseException as error:
                error.add_note(f"attack: {each.name}")
                raise


async def test_what_due_process_demands_is_what_the_database_accepts(databases: OpenDatabase) -> None:
    """The attacks fail for what they lack: with all of it, the same statements pass."""

    def task(unit: Unit) -> None:
        values = values_of(an_approved_sanction(unit))
        for statement in (
            DELIVER,
            f"{FORCE}, appeal_end = :later{ONE}",
            ADD_POINTS.format(points=1, start=":now", end=":later"),
            LIST_SUBJECT,
        ):
            unit.session.connection().execute(_bound(statement, values))

    async with databases("credit") as database:
        await work(database, task)
