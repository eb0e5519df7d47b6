"""FiguresService: exact counts for the transparency report."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from grpc.aio import ServicerContext

from chassis.db import Database
from ombud.groups.v1 import figures_service_pb2 as contract
from ombud.groups.v1 import tipoff_service_pb2
from ombud.groups.v1.figures_service_pb2_grpc import FiguresServiceServicer
from services.groups.figures.store import tip_off_figures
from services.groups.wire import instant

Context = ServicerContext[Any, Any]


class FiguresServicer(FiguresServiceServicer):
    """Counts tip-offs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetTipOffFigures(
        self, request: contract.GetTipOffFiguresRequest, _context: Context
    ) -> contract.GetTipOffFiguresResponse:
        """How tip-offs were answered over the interval."""
        start, end = instant(request.interval.start_time), instant(request.interval.end_time)
        figures = await self._database.read(lambda session: tip_off_figures(session, start, end))
        median = Duration()
        if figures.median_answer_time is not None:
            median.FromTimedelta(figures.median_answer_time)
        return contract.GetTipOffFiguresResponse(
            received=figures.received,
            answered=figures.answered,
            overdue=figures.overdue,
            contested=figures.contested,
            contests_granted=figures.contests_granted,
            outcomes=[
                contract.TipOffOutcomeCount(
                    outcome=tipoff_service_pb2.TipOffOutcome.Value(f"TIP_OFF_OUTCOME_{outcome}"), count=count
                )
                for outcome, count in sorted(figures.outcomes.items())
            ],
            median_answer_time=median if figures.median_answer_time is not None else None,
        )
