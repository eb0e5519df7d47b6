"""FiguresService: exact counts for the transparency report."""

from datetime import UTC

from chassis.db import Database
from ombud.retention.v1 import figures_service_pb2 as contract
from ombud.retention.v1.access_service_pb2 import AccessEventKind
from ombud.retention.v1.figures_service_pb2_grpc import FiguresServiceServicer
from ombud.retention.v1.hold_service_pb2 import HoldEventKind
from services.retention.figures.store import events_by_kind
from services.retention.wire import Context


class FiguresServicer(FiguresServiceServicer):
    """Counts what the register holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetDisclosureFigures(
        self, request: contract.GetDisclosureFiguresRequest, _context: Context
    ) -> contract.GetDisclosureFiguresResponse:
        """How often retained records were asked for, read and held over the interval."""
        start, end = request.interval.start_time.ToDatetime(UTC), request.interval.end_time.ToDatetime(UTC)
        counts = await self._database.read(lambda session: events_by_kind(session, start, end))
        return contract.GetDisclosureFiguresResponse(
            accesses_requested=counts.get(AccessEventKind.ACCESS_EVENT_KIND_REQUESTED, 0),
            accesses_approved=counts.get(AccessEventKind.ACCESS_EVENT_KIND_APPROVED, 0),
            reads=counts.get(AccessEventKind.ACCESS_EVENT_KIND_READ, 0),
            holds_approved=counts.get(HoldEventKind.HOLD_EVENT_KIND_APPROVED, 0),
        )
