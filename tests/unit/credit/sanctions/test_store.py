import pytest

from chassis.db import Unit
from chassis.ids import new_id
from chassis.refusal import Refusal
from policies.pack import MeasureKind
from services.credit.sanctions import store
from services.credit.sanctions.domain import Capacity, Measure, SanctionState, overturn
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, account, breach, evidence, group, measure, reasons
from tests.unit.credit.stored import keep_approved, keep_in_force, keep_proposed, work


async def test_sanction_is_read_back_as_it_was_stored(databases: OpenDatabase) -> None:
    group_id, notice_id = new_id(), new_id()

    def task(unit: Unit) -> None:
        founder = keep_proposed(
            unit,
            capacity=Capacity.FOUNDER,
            group_id=group_id,
            duty_notice_id=notice_id,
            recorded=breach(group_id, notice_id),
            reasons=reasons(evidence=(evidence(), evidence()), materials_needed="A copy of the log."),
            measures=(
                Measure(MeasureKind.ACCOUNT_CLOSED, None, NOW + 300 * DAY),
                measure(MeasureKind.MANAGEMENT_SUSPENDED),
            ),
            tip_off_id=new_id(),
            reporter_account_id=new_id(),
        )
        unit.session.expire_all()
        read = store.get(unit.session, founder.sanction_id)
        assert sorted(read.statement.evidence, key=lambda item: item.sha256) == sorted(
            founder.statement.evidence, key=lambda item: item.sha256
        )
        assert read.statement.duty_breach == founder.statement.duty_breach
        assert read.statement.rule == founder.statement.rule
        assert read.measures == founder.measures
        assert (read.end, read.review) == (founder.end, founder.review)
        assert (read.tip_off_id, read.reporter_account_id) == (founder.tip_off_id, founder.reporter_account_id)

    async with databases("credit") as database:
        await work(database, task)


async def test_sanctions_of_a_subject_come_in_pages(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        kept = [keep_proposed(unit, subject=subject).sanction_id for _ in range(3)]
        keep_proposed(unit)
        first = store.of_subject(unit.session, subject, size=2)
        rest = store.of_subject(unit.session, subject, after=first[-1].sanction_id, size=2)
        assert [sanction.sanction_id for sanction in first + rest] == kept

    async with databases("credit") as database:
        await work(database, task)


async def test_evidence_founds_one_sanction_a_subject(databases: OpenDatabase) -> None:
    subject, chat, proof = account(), group(), evidence()

    def task(unit: Unit) -> None:
        kept = keep_proposed(unit, subject=subject, reasons=reasons(evidence=(proof,)))
        assert store.founded_on(unit.session, subject, kept.evidence_set) == kept.sanction_id
        assert store.founded_on(unit.session, chat, kept.evidence_set) is None

    async with databases("credit") as database:
        await work(database, task)


async def test_what_rests_on_a_sanction_is_found_through_others(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        first = keep_in_force(unit, subject=subject)
        second = keep_in_force(unit, subject=subject, priors=(first,))
        third = keep_in_force(unit, subject=subject, priors=(second,))
        both = keep_in_force(unit, subject=subject, priors=(first, third))
        keep_in_force(unit, subject=subject)
        found = [sanction.sanction_id for sanction in store.resting_on(unit.session, first.sanction_id)]
        assert sorted(found) == sorted([second.sanction_id, third.sanction_id, both.sanction_id])

    async with databases("credit") as database:
        await work(database, task)


async def test_notice_waits_until_it_is_delivered(databases: OpenDatabase) -> None:
    def task(unit: Unit) -> None:
        delivered = keep_in_force(unit)
        waiting = keep_approved(unit)
        fallen = keep_approved(unit)
        store.update(unit.session, overturn(fallen, appeal_id=new_id()))
        keep_proposed(unit)
        assert [due.sanction.sanction_id for due in store.due_notices(unit.session)] == [waiting.sanction_id]
        assert store.due_notices(unit.session, after=waiting.sanction_id) == []
        assert delivered.state is SanctionState.IN_FORCE
        assert delivered.start == NOW

    async with databases("credit") as database:
        await work(database, task)


async def test_unknown_sanction_is_refused(databases: OpenDatabase) -> None:
    async with databases("credit") as database:
        with pytest.raises(Refusal):
            await work(database, lambda unit: store.get(unit.session, new_id()))
