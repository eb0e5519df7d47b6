"""Consequences of what is not in force, and relief without its cause."""

# ruff: noqa: S608 - statements are put together from literals of this file

from chassis.db import Unit
from policies.pack import MeasureKind
from tests.unit.credit.attacks.attack import ONE, attack
from tests.unit.credit.attacks.on_sanctions import a_sanction_in_force, an_approved_sanction
from tests.unit.credit.builders import measure
from tests.unit.credit.stored import keep_in_force


def an_order(unit: Unit) -> str:
    return keep_in_force(unit, measures=(measure(MeasureKind.RECTIFICATION_ORDERED),)).sanction_id


def a_warning(unit: Unit) -> str:
    return keep_in_force(unit, measures=(measure(MeasureKind.WARNED),)).sanction_id


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

PUT_RIGHT = (
    "INSERT INTO rectification (sanction_id, kind, start_at, due_at, recorded_at, recorder, proof_sha256)"
    f" SELECT sanction_id, kind, coalesce(start_at, :now), measure.end_at, {{at}}, {{by}}, {{proof}}"
    f" FROM measure JOIN sanction USING (sanction_id){ONE}"
)

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
        "put right after its date",
        an_order,
        "ck_rectification_in_time",
        PUT_RIGHT.format(at="measure.end_at", by="'mod-2'", proof="evidence_set"),
    ),
    attack(
        "put right by nobody",
        an_order,
        "ck_rectification_person",
        PUT_RIGHT.format(at="start_at", by="''", proof="evidence_set"),
    ),
    attack(
        "put right without a proof",
        an_order,
        "ck_rectification_proof",
        PUT_RIGHT.format(at="start_at", by="'mod-2'", proof="''"),
    ),
    attack(
        "put right what was not ordered",
        a_warning,
        "ck_rectification_kind",
        PUT_RIGHT.format(at="start_at", by="'mod-2'", proof="evidence_set"),
    ),
    attack(
        "put right before it was in force",
        an_approved_sanction,
        "ck_rectification_kind",
        PUT_RIGHT.format(at=":now", by="'mod-2'", proof="evidence_set"),
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
