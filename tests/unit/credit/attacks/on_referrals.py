"""Referrals without a second person, a legal basis or their stated date."""

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.referrals import store
from services.credit.referrals.domain import ReferralField, propose
from tests.unit.credit.attacks.attack import attack
from tests.unit.credit.attacks.on_sanctions import a_sanction_in_force
from tests.unit.credit.builders import DAY, NOW
from tests.unit.credit.stored import keep_in_force


def a_proposed_referral(unit: Unit) -> str:
    referral = propose(
        keep_in_force(unit),
        referral_id=new_id(),
        authority="Public Prosecutor",
        legal_basis="s. 158",
        fields=(ReferralField.RULE,),
        proposer="mod-1",
        term=365 * DAY,
        at=NOW,
    )
    store.save(unit.session, referral)
    return referral.referral_id


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
    attack(
        "kept for no time",
        a_proposed_referral,
        "ck_referral_kept",
        "UPDATE referral SET kept_until = proposed_at",
    ),
    attack(
        "destroyed before its time",
        a_proposed_referral,
        "ck_referral_certificate_term",
        "INSERT INTO referral_certificate (referral_id, record_sha256, kept_until, destroyed_at)"
        " VALUES (:id, '0000000000000000000000000000000000000000000000000000000000000000', :later, :now)",
    ),
]
