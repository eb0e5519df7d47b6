"""Delivery of audit records to the log: at least once, in order; the log keeps one record per id."""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.trace import SpanKind
from sqlmodel import Session, col, select

from chassis.db import Database, Unit
from chassis.db.tables import AuditEntry, FeedHead, FeedPosition
from chassis.pace import Pace
from chassis.peers import Peers
from chassis.retry import Backoff
from chassis.telemetry import Telemetry, finish, parse_parent
from ombud.client import OmbudError
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.retention.v1.audit_service_pb2 import AppendAuditRecordsRequest
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub

_POSITION = "audit-delivery"
_BATCH = 500
_IDLE = 1.0
_EVERY = 0.05
_TIMEOUT = 10.0

_log = logging.getLogger("ombud.delivery")


class _Entry(NamedTuple):
    sequence: int
    trace_id: str
    span_id: str
    record: bytes


class AuditDelivery:
    """Hands the audit records of one database to the retention service."""

    def __init__(self, database: Database, peers: Peers, telemetry: Telemetry) -> None:
        self._database = database
        self._peers = peers
        self._telemetry = telemetry

    async def run(self) -> None:
        """Delivers until cancelled; what fails is delivered again."""
        backoff, pace = Backoff(), Pace(_EVERY)
        epoch = (await self._database.head()).epoch
        while True:
            await pace.wait()
            entries = await self._database.read(_undelivered)
            if not entries:
                await self._database.wait_commit(_IDLE)
            elif await self._delivered(entries, epoch):
                backoff.reset()
            else:
                await asyncio.sleep(backoff.wait())

    async def _delivered(self, entries: Sequence[_Entry], epoch: str) -> bool:
        try:
            await self._deliver(entries, epoch)
        except OmbudError as error:
            _log.warning("%s: audit records wait: %s", self._database.service, error.reason or error.code().name)
            return False
        return True

    async def _deliver(self, entries: Sequence[_Entry], epoch: str) -> None:
        spans = [
            self._telemetry.start(
                "deliver audit records",
                parent=parse_parent(f"00-{entry.trace_id}-{entry.span_id}-01"),
                kind=SpanKind.PRODUCER,
                attributes={"ombud.service": self._database.service, "ombud.count": 1},
            )
            for entry in entries
            if entry.trace_id
        ]
        code = "UNAVAILABLE"
        try:
            records = [AuditRecord.FromString(entry.record) for entry in entries]
            request = AppendAuditRecordsRequest(records=records, epoch=epoch)
            stub = AuditServiceStub(self._peers.channel("retention"))
            await stub.AppendAuditRecords(request, timeout=_TIMEOUT)
            code = "OK"
        finally:
            for span in spans:
                finish(span, code, {})

        def keep(unit: Unit) -> None:
            unit.session.merge(FeedPosition(feed=_POSITION, revision=entries[-1].sequence))

        await self._database.work(_POSITION, keep)


def undelivered(session: Session) -> int:
    """How many audit records wait for their delivery."""
    position, head = session.get(FeedPosition, _POSITION), session.exec(select(FeedHead)).one()
    return head.audit_sequence - (position.revision if position else 0)


def _undelivered(session: Session) -> Sequence[_Entry]:
    position = session.get(FeedPosition, _POSITION)
    after = position.revision if position else 0
    query = select(AuditEntry.sequence, AuditEntry.trace_id, AuditEntry.span_id, AuditEntry.record)
    rows = session.exec(query.where(col(AuditEntry.sequence) > after).order_by(col(AuditEntry.sequence)).limit(_BATCH))
    return [_Entry(*row) for row in rows]
