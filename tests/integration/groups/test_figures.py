"""What the public figures say about tip-offs, on both engines."""

from datetime import timedelta
from typing import Any

from ombud.common.v1.types_pb2 import Interval
from ombud.groups.v1 import figures_service_pb2 as contract
from ombud.groups.v1.figures_service_pb2_grpc import FiguresServiceStub
from ombud.groups.v1.tipoff_service_pb2 import TipOffOutcome
from services.groups.wire import timestamp
from tests.integration.groups.reports import DAY, answered, contest, contest_decision, submitted
from tests.integration.groups.stand import Stand
from tests.support.refusals import refusal_of


async def figures(stand: Stand, *, workload: str = "credit", days: float = 60) -> Any:
    """The figures of the last days."""
    now = stand.clock.now() + timedelta(microseconds=1)
    interval = Interval(start_time=timestamp(now - timedelta(days=days)), end_time=timestamp(now))
    stub = FiguresServiceStub(stand.channel(workload=workload))
    return await stub.GetTipOffFigures(contract.GetTipOffFiguresRequest(interval=interval))


async def test_answers_and_their_time_are_counted(either: Stand) -> None:
    await answered(either)
    await answered(either, "ACTION_TAKEN")
    either.clock.advance(DAY)
    await answered(either)
    await submitted(either)

    found = await figures(either)

    assert (found.received, found.answered, found.overdue, found.contested) == (4, 3, 0, 0)
    assert {each.outcome: each.count for each in found.outcomes} == {
        TipOffOutcome.TIP_OFF_OUTCOME_NO_ACTION: 2,
        TipOffOutcome.TIP_OFF_OUTCOME_ACTION_TAKEN: 1,
    }
    assert found.HasField("median_answer_time")
    assert (await figures(either, days=0.5)).received == 2


async def test_what_was_not_answered_in_time_counts_as_overdue_contests_too(either: Stand) -> None:
    await submitted(either)
    tip_off_id, receipt = await answered(either)
    await either.tip_offs.ContestTipOff(contest(receipt.tracking_code))
    either.clock.advance(8 * DAY)
    await either.desk("reviewer", staff="rev-1").DecideTipOffContest(contest_decision(tip_off_id))

    found = await figures(either)

    assert (found.overdue, found.contested, found.contests_granted) == (2, 1, 1)


async def test_nothing_happened_and_no_median_is_told(stand: Stand) -> None:
    found = await figures(stand)
    assert found == contract.GetTipOffFiguresResponse()


async def test_exact_figures_are_for_the_service_that_rounds_them(stand: Stand) -> None:
    assert (await refusal_of(figures(stand, workload="platform"))).reason == "WORKLOAD_NOT_ALLOWED"
