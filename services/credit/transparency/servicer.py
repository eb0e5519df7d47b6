"""TransparencyService: what leaves the suite for the public."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from chassis.db import Database
from ombud.common.v1.types_pb2 import Interval
from ombud.credit.v1 import transparency_service_pb2 as pb
from ombud.credit.v1.transparency_service_pb2_grpc import TransparencyServiceServicer as Contract
from services.credit import wire
from services.credit.groups_peer import GroupsPeer
from services.credit.listing import Listing
from services.credit.retention_peer import RetentionPeer
from services.credit.transparency import domain, messages, store
from services.credit.transparency.domain import Period
from services.credit.transparency.figures import counts
from services.credit.transparency.statements import BATCH, statement_of

_LASTS = timedelta(hours=1)
_KEPT = 50

R = TypeVar("R", pb.ExportStatementsRequest, pb.ExportErrataRequest)


class TransparencyServicer(Contract):
    """Makes the report, and exports statements and errata."""

    def __init__(self, database: Database, listing: Listing, groups: GroupsPeer, retention: RetentionPeer) -> None:
        self._database = database
        self._listing = listing
        self._groups = groups
        self._retention = retention
        self._counting = asyncio.Lock()
        self._reports: dict[Period, pb.TransparencyReport] = {}

    async def GetTransparencyReport(
        self, request: pb.GetTransparencyReportRequest, _context: wire.Context
    ) -> pb.GetTransparencyReportResponse:
        """The report of whole months, with what the other services count."""
        at = self._database.clock.now()
        period = domain.months(request.first_month, request.last_month, at=at)
        # Anybody may ask, so that one report at a time is counted, and lasts.
        async with self._counting:
            report = self._reports.pop(period, None)
            if report is None or at >= report.make_time.ToDatetime(UTC) + _LASTS:
                report = await self._report(period, at)
            self._reports[period] = report
            if len(self._reports) > _KEPT:
                del self._reports[next(iter(self._reports))]
        return pb.GetTransparencyReportResponse(report=report)

    async def ExportStatements(
        self, request: pb.ExportStatementsRequest, _context: wire.Context
    ) -> pb.ExportStatementsResponse:
        """A batch of statements for the EU's database."""
        period = _period(request)
        found, token = await self._listing.page(
            _batch(request),
            lambda session, after, size: store.stated(session, period, after=after, size=size),
            lambda sanction: sanction.sanction_id,
        )
        return pb.ExportStatementsResponse(
            statements=[messages.statement_message(statement_of(sanction)) for sanction in found],
            next_page_token=token,
        )

    async def ExportErrata(self, request: pb.ExportErrataRequest, _context: wire.Context) -> pb.ExportErrataResponse:
        """A batch of errata."""
        period = _period(request)
        found, token = await self._listing.page(
            _batch(request),
            lambda session, after, size: store.errata(session, period, after=after, size=size),
            lambda erratum: erratum.sanction.sanction_id,
        )
        return pb.ExportErrataResponse(
            errata=[messages.erratum_message(erratum) for erratum in found], next_page_token=token
        )

    async def _report(self, period: Period, at: datetime) -> pb.TransparencyReport:
        interval = Interval(start_time=wire.timestamp(period.start), end_time=wire.timestamp(period.end))
        tip_offs = await self._groups.tip_off_figures(interval)
        disclosures = await self._retention.disclosure_figures(interval)
        exact = await self._database.read(lambda session: counts(session, period))
        return messages.report_message(period, exact, tip_offs, disclosures, at=at)


def _batch(request: R) -> R:
    batch = type(request)()
    batch.CopyFrom(request)
    batch.page_size = min(request.page_size or BATCH, BATCH)
    return batch


def _period(request: pb.ExportStatementsRequest | pb.ExportErrataRequest) -> Period:
    start, end = wire.instant(request, "start_time"), wire.instant(request, "end_time")
    assert start is not None and end is not None  # noqa: S101, PT018 - the contract requires both
    return domain.interval(start, end)
