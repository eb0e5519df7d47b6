from dataclasses import replace

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.referrals import store
from services.credit.referrals.domain import (
    Referral,
    ReferralField,
    ReferralOutcome,
    approve,
    conclude,
    destroy,
    propose,
)
from services.credit.referrals.jobs import destroy as destroy_if_due
from services.credit.transparency.domain import Period
from services.credit.transparency.figures import counts
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW
from tests.unit.credit.stored import keep_in_force, work

TERM = 365 * DAY


def kept(unit: Unit) -> Referral:
    sanction = keep_in_force(unit)
    proposed = propose(
        sanction,
        referral_id=new_id(),
        authority="Public Prosecutor",
        legal_basis="s. 158",
        fields=(ReferralField.RULE,),
        proposer="mod-1",
        term=TERM,
        at=NOW,
    )
    second = approve(proposed, sanction, approver="app-1", term=TERM, at=NOW)
    referral = conclude(second, outcome=ReferralOutcome.TAKEN_UP, reference="Js 1/26", term=TERM, at=NOW)
    store.save(unit.session, referral)
    return referral


async def test_destroyed_referral_leaves_its_certificate_and_the_figures_of_its_time(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        referral, period = kept(unit), Period(NOW - DAY, NOW + DAY)
        before = counts(unit.session, period)
        assert (before.referrals_approved, before.referral_outcomes) == (1, {"TAKEN_UP": 1})
        assert store.due(unit.session, referral.kept_until - DAY) == []
        assert store.due(unit.session, referral.kept_until) == [referral.referral_id]
        certificate = destroy(referral, at=referral.kept_until)
        assert certificate is not None

        store.destroy(unit.session, certificate)

        assert store.certificates(unit.session, after="", size=10) == [certificate]
        assert store.page(unit.session, after="", size=10) == []
        assert counts(unit.session, period) == before

    async with databases("credit") as database:
        await work(database, case)


async def test_referral_that_was_prolonged_meanwhile_is_not_destroyed(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        referral = replace(kept(unit), kept_until=unit.now + DAY)
        store.save(unit.session, referral)
        destroy_if_due(unit, referral.referral_id)
        assert store.get(unit.session, referral.referral_id) == referral

    async with databases("credit") as database:
        await work(database, case)
