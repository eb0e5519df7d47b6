"""The life of sanctions against a small model of it, on both engines."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from chassis.db import Unit
from chassis.ids import new_id
from chassis.refusal import Refusal
from policies import Pack
from policies.pack import MeasureKind, RemedyKind
from services.credit.appeals import domain as appeals
from services.credit.appeals import store as appeal_store
from services.credit.appeals.effects import take_back
from services.credit.sanctions import acts, ends, relief, store
from services.credit.sanctions.domain import Measure, Sanction, approve, withdraw
from services.credit.sanctions.jobs import put_in_force
from services.credit.sanctions.proposal import propose
from services.credit.standings import remedies, views
from services.credit.standings import store as standings
from services.credit.standings.domain import active_points
from services.credit.standings.history import history
from services.credit.standings.remedies import Remedy
from services.credit.subjects import Subject
from tests.unit.credit.builders import account, appeal, evidence, interim, pack, policy, proposal, reasons
from tests.unit.credit.life_model import Known, World, a_world
from tests.unit.credit.standings.test_history import folded

ACTOR = relief.Actor("app-2", "", "Seen again.")
COMPANIONS = text(
    "SELECT count(*) FROM sanction JOIN statement ON statement.sanction_id = sanction.sanction_id"
    " JOIN notice ON notice.sanction_id = sanction.sanction_id AND notice.delivered_at = sanction.start_at"
    " AND notice.appeal_end = sanction.appeal_end"
    " WHERE sanction.state = 'IN_FORCE' AND sanction.subject_id = :subject"
    " AND (sanction.end_at IS NOT NULL OR sanction.review_at IS NOT NULL) AND sanction.approver <> sanction.issuer"
)
PACKS_MOST = 8


class Life(RuleBasedStateMachine):
    """One account; every example has its own in the same database."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.subject: Subject = account()
        self.known: list[Known] = []

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def some(self, data: st.DataObject, wanted: Callable[[Known], bool] = lambda _: True) -> Known | None:
        found = [each for each in self.known if wanted(each)]
        return data.draw(st.sampled_from(range(len(found))).map(found.__getitem__)) if found else None

    def seen(self, at: datetime) -> views.View:
        return self.world.work(lambda unit: views.view(unit.session, self.subject, at))

    @property
    def decided(self) -> set[str]:
        """The evidence of all decisions."""
        return {sha256 for each in self.known if not each.interim for sha256 in each.evidence}

    def replace_what_was_interim(self, decision: Known) -> None:
        for each in self.known:
            if each.interim and each.open(self.now) and each.evidence & decision.evidence:
                each.lift(self.now)

    def refused(self, task: Callable[[Unit], Any]) -> None:
        with pytest.raises(Refusal):
            self.world.work(task)

    @rule(data=st.data(), points=st.integers(1, 6), days=st.integers(1, 60), derived=st.booleans())
    def propose_and_approve(self, data: st.DataObject, points: int, days: int, derived: bool) -> None:
        now = self.now
        prior = self.some(data, lambda each: each.founds(now)) if derived else None
        undecided = self.some(data, lambda each: each.interim and each.evidence.isdisjoint(self.decided))
        founding = undecided.sanction.statement.evidence if undecided else (evidence(),)
        kinds = data.draw(st.sets(st.sampled_from([MeasureKind.WARNED, MeasureKind.PUBLISHING_SUSPENDED]), min_size=1))
        wanted = proposal(
            subject=self.subject,
            reasons=reasons(evidence=founding),
            points=points,
            measures=tuple(Measure(kind, now + timedelta(days=days), None) for kind in sorted(kinds)),
        )

        def task(unit: Unit) -> Sanction:
            priors = [store.get(unit.session, prior.sanction.sanction_id)] if prior else []
            proposed = propose(
                wanted,
                sanction_id=new_id(),
                policy=policy(),
                priors=priors,
                points_left=standings.points_left(unit.session, [each.sanction_id for each in priors], unit.now),
                breach=None,
                at=unit.now,
            )
            store.add(unit.session, proposed)
            approved = approve(proposed, approver="app-1", at=unit.now)
            store.update(unit.session, approved)
            store.add_notice(unit.session, approved, traceparent="")
            return approved

        self.known.append(Known(self.world.work(task), prior))

    @rule()
    def propose_and_take_back(self) -> None:
        until = self.now + timedelta(days=1)
        wanted = proposal(subject=self.subject, measures=(Measure(MeasureKind.PUBLISHING_SUSPENDED, until, None),))

        def task(unit: Unit) -> None:
            for _ in range(2):
                proposed = propose(
                    wanted, sanction_id=new_id(), policy=policy(), priors=(), points_left={}, breach=None, at=unit.now
                )
                store.add(unit.session, proposed)
                with pytest.raises(Refusal):
                    withdraw(proposed, proposer="mod-2")
                store.update(unit.session, withdraw(proposed, proposer="mod-1"))

        self.world.work(task)

    @rule(data=st.data(), hours=st.integers(1, 72), again=st.booleans())
    def impose_for_the_time_being(self, data: st.DataObject, hours: int, again: bool) -> None:
        founded = self.some(data, lambda each: each.interim or each.start is not None) if again else None
        founding = founded.sanction.statement.evidence if founded else (evidence(),)

        def task(unit: Unit) -> Sanction:
            imposed = interim(
                subject=self.subject,
                reasons=reasons(evidence=founding),
                hours=hours,
                known=store.had_interim(unit.session, self.subject, [item.sha256 for item in founding]),
                at=unit.now,
            )
            store.add(unit.session, imposed)
            store.add_notice(unit.session, imposed, traceparent="")
            return imposed

        if founded:
            self.refused(task)
        else:
            self.known.append(Known(self.world.work(task)))

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        waiting = self.some(data, lambda each: each.start is None)
        if waiting is None:
            return
        self.world.work(lambda unit: put_in_force(unit, waiting.sanction.sanction_id))
        if not waiting.fallen:
            waiting.start = self.now
            waiting.ends = {measure.kind: measure.end for measure in waiting.sanction.measures}
            if not waiting.interim:
                self.replace_what_was_interim(waiting)

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        self.world.clock.advance(timedelta(hours=hours))

    @rule(data=st.data())
    def file_an_appeal(self, data: st.DataObject) -> None:
        known = self.some(data, lambda each: each.start is not None and not each.fallen and each.appeal is None)
        if known is None or known.start is None or self.now >= known.start + timedelta(days=184):
            return

        def task(unit: Unit) -> appeals.Appeal:
            sanction = store.get(unit.session, known.sanction.sanction_id)
            filed = appeal(sanction, at=unit.now)
            appeal_store.add(unit.session, filed, sanction)
            return filed

        known.appeal = self.world.work(task)

    @rule(data=st.data(), overturned=st.booleans())
    def decide_the_appeal(self, data: st.DataObject, overturned: bool) -> None:
        known = self.some(data, lambda each: each.appeal is not None and each.decided_at is None and not each.fallen)
        if known is None or known.appeal is None:
            return
        outcome = appeals.AppealOutcome.OVERTURNED if overturned else appeals.AppealOutcome.UPHELD
        assigned = appeals.assign(known.appeal, reviewer=appeals.Reviewer("rev-1", ""))

        def task(unit: Unit) -> None:
            sanction = store.get(unit.session, known.sanction.sanction_id)
            decided = appeals.decide(
                assigned, sanction, reviewer="rev-1", outcome=outcome, reasons="Seen.", at=unit.now
            )
            appeal_store.update(unit.session, decided)
            if outcome.takes_back:
                take_back(unit, decided, sanction)

        self.world.work(task)
        known.decided_at = self.now
        if overturned:
            known.fallen = True
            for each in self.known:
                each.fallen = each.fallen or (each.rests_on is not None and each.rests_on.fallen)

    @rule(data=st.data())
    def stay(self, data: st.DataObject) -> None:
        known = self.some(data)
        if known is None:
            return

        def task(unit: Unit) -> None:
            acts.stay(unit, store.get(unit.session, known.sanction.sanction_id), ACTOR)

        if known.open(self.now) and known.appeal and known.decided_at is None and not known.stayed_itself(self.now):
            self.world.work(task)
            known.stayed_at = self.now
        else:
            self.refused(task)

    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        known = self.some(data)
        if known is None:
            return

        def task(unit: Unit) -> None:
            sanction = store.get(unit.session, known.sanction.sanction_id)
            acts.lift(unit, relief.lift(sanction, ACTOR, at=unit.now))

        if not known.open(self.now):
            self.refused(task)
            return
        self.world.work(task)
        known.lift(self.now)

    @rule()
    def record_ends(self) -> None:
        def task(unit: Unit) -> None:
            for sanction_id in store.ended(unit.session, unit.now):
                ends.end(unit, sanction_id)

        self.world.work(task)
        for each in self.known:
            each.ended = each.ended or (
                each.over(self.now) and each.start is not None and not each.fallen and not each.lifted
            )

    @rule(data=st.data())
    def vary(self, data: st.DataObject) -> None:
        known = self.some(data, lambda each: each.open(self.now))
        if known is None:
            return
        sooner = self.now + timedelta(minutes=1)
        kind = min(known.ends)
        left = known.sanction.points - sum(points for _, points in known.taken)
        keep = data.draw(st.integers(0, left))

        def task(unit: Unit) -> None:
            sanction = store.get(unit.session, known.sanction.sanction_id)
            acts.vary(unit, relief.vary(sanction, ACTOR, {kind: sooner}, at=unit.now), points=keep)

        end = known.ends[kind]
        if known.varied or (end is not None and end <= sooner):
            self.refused(task)
            return
        self.world.work(task)
        known.varied = True
        known.ends[kind] = sooner
        known.taken.append((self.now, left - keep))

    @rule(data=st.data(), kind=st.sampled_from(RemedyKind))
    def remedy(self, data: st.DataObject, kind: RemedyKind) -> None:
        known = self.some(data)
        if known is None:
            return

        def task(unit: Unit) -> int:
            entry = remedies.record(
                Remedy(kind, known.sanction.sanction_id, new_id()),
                standings.entries(unit.session, self.subject),
                self.world.pack.credit.remedies,
                entry_id=new_id(),
                at=unit.now,
            )
            standings.add(unit, entry)
            return entry.points

        try:
            won = self.world.work(task)
        except Refusal:
            return
        assert known.stayed(self.now) or 0 < won <= known.points(self.now)
        known.taken.append((self.now, won))

    @rule(stricter=st.booleans())
    def change_policy(self, stricter: bool) -> None:
        # No precondition: what depends on earlier examples must not change what is drawn.
        if self.world.packs == PACKS_MOST:
            return
        self.world.packs += 1
        document = pack().model_dump(mode="json") | {"version": f"changed-{self.world.packs}"}
        document["credit"]["tiers"][1] |= {"from_points": 2 if stricter else 3, "recovers_below": 2}
        self.world.take_up(Pack.model_validate(document))

    @invariant()
    def standing_is_the_fold_of_what_did_not_fall(self) -> None:
        for at in (self.now, self.now + timedelta(days=20), self.now - timedelta(days=20)):
            seen = self.seen(at)
            shown = views.standing_message(seen)
            assert shown.active_points == sum(each.points(at) for each in self.known)
            held = {(each.sanction.sanction_id, kind) for each in self.known for kind in each.measures(at)}
            assert {(each.sanction_id, each.kind) for each in seen.restrictions if each.holds(at)} == held

    @invariant()
    def listed_ledger_adds_up_to_the_standing_but_for_stays(self) -> None:
        entries = self.seen(self.now).entries
        assert folded(history(entries, self.now)) == active_points(entries, {}, self.now)

    @invariant()
    def nothing_is_in_force_without_its_four_companions(self) -> None:
        def count(unit: Unit) -> int:
            found = unit.session.connection().execute(COMPANIONS, {"subject": self.subject.id})
            return int(found.scalar_one())

        in_force = [each for each in self.known if each.start is not None and not each.fallen]
        assert self.world.work(count) == len(in_force)

    @invariant()
    def nothing_for_the_time_being_outlasts_three_days_or_counts(self) -> None:
        def task(unit: Unit) -> None:
            for each in store.interim_measures(unit.session, self.subject):
                assert each.points == 0
                assert each.end is not None
                assert each.end <= each.proposed_at + timedelta(hours=72)

        self.world.work(task)

    @invariant()
    def ends_are_on_record_where_they_were_recorded(self) -> None:
        sanctions = self.world.work(lambda unit: store.of_subject(unit.session, self.subject))
        recorded = {each.sanction_id for each in sanctions if each.end_recorded_at}
        assert recorded == {each.sanction.sanction_id for each in self.known if each.ended or each.lifted}

    @invariant()
    def no_stay_outlives_its_appeal(self) -> None:
        stays = self.world.work(
            lambda unit: standings.own_stays(unit.session, [each.sanction.sanction_id for each in self.known])
        )
        for each in self.known:
            stay = stays.get(each.sanction.sanction_id)
            assert stay is None or (each.appeal is not None and stay.end == each.decided_at)


def test_life_of_sanctions_is_the_life_of_the_model(database_url: str) -> None:
    examples = 15 if database_url.startswith("sqlite") else 5
    bounds = settings(
        max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with a_world(database_url) as opened_world:

        class LifeHere(Life):
            world = opened_world

        run_state_machine_as_test(LifeHere, settings=bounds)
