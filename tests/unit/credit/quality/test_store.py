"""Second looks as they are kept: what the database refuses, whatever the code does; and how they are counted."""

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, update

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.appeals import domain as appeals
from services.credit.appeals import store as appeal_store
from services.credit.appeals.domain import AppealOutcome
from services.credit.quality import domain, store
from services.credit.quality.domain import BlindReview
from services.credit.quality.models import BlindReviewRow
from services.credit.transparency.domain import Period
from services.credit.transparency.figures import counts
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW
from tests.unit.credit.stored import keep_appeal, keep_in_force, work


def keep_review(unit: Unit, outcome: AppealOutcome = AppealOutcome.UPHELD) -> BlindReview:
    sanction = keep_in_force(unit)
    assigned = appeals.assign(keep_appeal(unit, sanction), reviewer=appeals.Reviewer("rev-1", ""))
    decided = appeals.decide(assigned, sanction, reviewer="rev-1", outcome=outcome, reasons="Seen.", at=NOW + DAY)
    appeal_store.update(unit.session, decided)
    review = BlindReview(review_id=new_id(), appeal_id=decided.appeal_id, drawn_at=NOW + DAY)
    store.add(unit.session, review, decided, sanction)
    return review


@pytest.mark.parametrize(
    "attack",
    [
        {"reviewer": "rev-1", "taken_at": NOW},
        {"reviewer": "mod-1", "taken_at": NOW},
        {"reviewer": "app-1", "taken_at": NOW},
        {"reviewer": "rev-2"},
        {"recorded_at": NOW, "outcome": "UPHELD", "reasons": "Seen."},
        {"reviewer": "rev-2", "taken_at": NOW, "recorded_at": NOW, "outcome": "UPHELD", "reasons": " "},
        {"reviewer": "rev-2", "taken_at": NOW, "recorded_at": NOW, "reasons": "Seen."},
    ],
    ids=["first reviewer", "issuer", "approver", "when", "by whom", "reasons", "outcome"],
)
async def test_database_refuses_a_second_look_that_is_none(databases: OpenDatabase, attack: dict[str, object]) -> None:
    def attacked(session: Session) -> None:
        with session.begin_nested():
            session.exec(update(BlindReviewRow).values(**attack))

    def case(unit: Unit) -> None:
        keep_review(unit)
        with pytest.raises(IntegrityError):
            attacked(unit.session)

    async with databases("credit") as database:
        await work(database, case)


async def test_second_looks_are_counted_by_rule_with_those_that_agreed(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        outcomes = (AppealOutcome.UPHELD, AppealOutcome.VARIED)
        for outcome in outcomes:
            taken = domain.take(keep_review(unit, outcome), reviewer="rev-2", at=NOW + DAY)
            recorded = domain.record(
                taken, reviewer="rev-2", outcome=AppealOutcome.UPHELD, reasons="Seen.", at=NOW + 2 * DAY
            )
            store.update(unit.session, recorded)
            assert store.get(unit.session, taken.review_id) == recorded
        waiting = keep_review(unit)
        assert store.unrecorded(unit.session, 10) == [waiting]
        rule = counts(unit.session, Period(NOW - DAY, NOW + 9 * DAY)).rules["harassment"]
        assert (rule.blind_reviews, rule.agreed) == (2, 1)

    async with databases("credit") as database:
        await work(database, case)
