from chassis.db import Unit
from chassis.feed import entries_from
from chassis.ids import new_id
from ombud.credit.v1.standing_service_pb2 import StandingChange
from policies.pack import MeasureKind
from services.credit.appeals import store
from services.credit.appeals.domain import Reviewer, assign
from services.credit.appeals.effects import effects_of
from services.credit.blacklist import domain as blacklist
from services.credit.blacklist import store as blacklist_store
from services.credit.blacklist.feed import KEY_PREFIX as BLACKLIST_PREFIX
from services.credit.referrals import store as referrals
from services.credit.referrals.domain import Referral, ReferralField, ReferralState, approve, propose
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Capacity, Sanction, SanctionState
from services.credit.standings import store as standings
from services.credit.standings.domain import active_points
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, account, group, measure
from tests.unit.credit.stored import keep_appeal, keep_approved, keep_in_force, keep_overturned, work


def keep_referral(unit: Unit, sanction: Sanction, *, approved: bool) -> Referral:
    referral = propose(
        sanction,
        referral_id=new_id(),
        authority="Public Prosecutor",
        legal_basis="s. 158",
        fields=(ReferralField.RULE, ReferralField.ACT_TIME),
        proposer="mod-1",
        term=365 * DAY,
        at=NOW,
    )
    if approved:
        referral = approve(referral, sanction, approver="app-1", term=365 * DAY, at=NOW)
    referrals.save(unit.session, referral)
    return referral


async def test_appeal_is_read_back_as_it_was_stored(databases: OpenDatabase) -> None:
    def task(unit: Unit) -> None:
        sanction = keep_in_force(unit)
        filed = keep_appeal(unit, sanction)
        assigned = assign(filed, reviewer=Reviewer("rev-1", new_id()))
        store.update(unit.session, assigned)
        unit.session.expire_all()
        assert store.get(unit.session, filed.appeal_id) == assigned
        assert store.of_sanctions(unit.session, [sanction.sanction_id]) == [assigned]

    async with databases("credit") as database:
        await work(database, task)


async def test_overturned_appeal_takes_back_everything_that_rests_on_the_sanction(databases: OpenDatabase) -> None:
    member, chat = account(), group()

    def task(unit: Unit) -> None:
        listed = (measure(), measure(MeasureKind.BLACKLISTED, days=300))
        first = keep_in_force(unit, subject=member, capacity=Capacity.MEMBER, group_id=chat.id, points=3)
        derived = keep_in_force(unit, subject=member, points=4, priors=(first,), measures=listed)
        of_group = keep_in_force(unit, subject=chat, priors=(first,), measures=(measure(MeasureKind.GROUP_SUSPENDED),))
        waiting = keep_approved(unit, subject=member, priors=(derived,))
        other = keep_in_force(unit, subject=member, points=1)
        sent = keep_referral(unit, derived, approved=True)
        unsent = keep_referral(unit, first, approved=False)
        entry = blacklist.active(blacklist_store.of_subjects(unit.session, [member])[member], NOW)
        assert entry is not None

        appeal = keep_overturned(unit, first)

        fallen = [first, derived, of_group, waiting]
        states = [sanctions.get(unit.session, each.sanction_id).state for each in (*fallen, other)]
        assert states == [SanctionState.OVERTURNED] * 4 + [SanctionState.IN_FORCE]
        assert active_points(standings.entries(unit.session, member), {}, NOW) == 1
        found = standings.records(unit.session, [member, chat])
        assert [each.sanction_id for each in found[member].restrictions] == [other.sanction_id]
        assert found[chat].restrictions == []
        assert blacklist.active(blacklist_store.of_subjects(unit.session, [member])[member], NOW) is None
        assert sanctions.due_notices(unit.session) == []
        assert referrals.get(unit.session, sent.referral_id).correction_at == NOW
        assert referrals.get(unit.session, sent.referral_id).state is ReferralState.APPROVED
        assert referrals.get(unit.session, unsent.referral_id).correction_at is None
        effects = effects_of(unit.session, appeal)
        assert effects.sanction_ids[0] == first.sanction_id
        assert set(effects.sanction_ids) == {each.sanction_id for each in fallen}
        assert effects.blacklist_entry_ids == (entry.entry_id,)
        assert effects.referral_ids == (sent.referral_id,)

    async with databases("credit") as database:
        await work(database, task)
        changes = await database.read(entries_from)
    last = [entry.payload for entry in changes if not entry.key.startswith(BLACKLIST_PREFIX)][-2:]

    told = [StandingChange.FromString(payload).subject for payload in last]
    assert [change.subject.WhichOneof("subject") for change in told] == ["account_id", "group_id"]
    assert len(told[0].restrictions) == 1
    assert not told[1].restrictions
    assert [span.entitlements.group_class for span in told[0].spans] == ["large"]


async def test_standing_after_an_overturn_is_as_if_the_sanction_had_never_been(databases: OpenDatabase) -> None:
    fallen, never = account(), account()

    def task(unit: Unit) -> None:
        for subject in (fallen, never):
            keep_in_force(unit, subject=subject, points=2)
        keep_overturned(unit, keep_in_force(unit, subject=fallen, points=6))
        for days in range(0, 200, 5):
            at = NOW + days * DAY
            points = [active_points(standings.entries(unit.session, subject), {}, at) for subject in (fallen, never)]
            assert points[0] == points[1]

    async with databases("credit") as database:
        await work(database, task)
