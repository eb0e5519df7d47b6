"""Entries of another instance that no second person admitted."""

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.blacklist import admitted
from services.credit.blacklist.exchange import Exchange, ExchangeState
from tests.unit.credit.attacks.attack import attack
from tests.unit.credit.builders import NOW

_ADMIT = (
    "INSERT INTO admitted_listing (entry_id, origin, subject_digest, sanction_id, start_at, end_at, exported_at,"
    " exchange_id, approved_at, revoker, revoke_reasons)"
    " VALUES (:new, 'north', 'd', :new, :now, {end}, :now, :id, :now, {revoker}, '')"
)
_APPROVE = "UPDATE blacklist_exchange SET state = 'APPROVED', approved_at = :now, approver = {approver}"


def a_proposed_exchange(unit: Unit) -> str:
    proposed = Exchange(new_id(), "north", ExchangeState.PROPOSED, "mod-1", NOW)
    admitted.save_exchange(unit.session, proposed)
    return proposed.exchange_id


def a_decided_exchange(unit: Unit) -> str:
    decided = Exchange(new_id(), "north", ExchangeState.APPROVED, "mod-1", NOW, "app-1", NOW)
    admitted.save_exchange(unit.session, decided)
    return decided.exchange_id


EXCHANGES = [
    attack(
        "admitted before anybody approved",
        a_proposed_exchange,
        "fk_admitted_listing",
        _ADMIT.format(end=":later", revoker="''"),
    ),
    attack(
        "same person twice",
        a_proposed_exchange,
        "ck_blacklist_exchange_second_person",
        _APPROVE.format(approver="proposer"),
    ),
    attack("approved by none", a_proposed_exchange, "ck_blacklist_exchange_approved", _APPROVE.format(approver="NULL")),
    attack(
        "admitted without an end",
        a_decided_exchange,
        "ck_admitted_listing_term",
        _ADMIT.format(end=":now", revoker="''"),
    ),
    attack(
        "revoked by somebody without a reason",
        a_decided_exchange,
        "ck_admitted_listing_revoked_here",
        _ADMIT.format(end=":later", revoker="'app-1'"),
    ),
]
