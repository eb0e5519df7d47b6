"""Reads memberships from the audit trail, which this service keeps itself."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC
from functools import partial

from sqlmodel import Session

from chassis.db import Database
from chassis.refusal import Refusal
from ombud.common.v1.audit_pb2 import AuditRecord
from services.retention.audit import store as trail
from services.retention.audit.models import AuditIndex
from services.retention.errors import DamagedError
from services.retention.log.leaves import RecordClass
from services.retention.memberships.domain import Act, History, history
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive
from services.retention.segments.store import Sealed

_AT_ONCE = 500
_Place = tuple[AuditIndex, Sealed | None]


class Memberships:
    """Who was a member of a group when.

    Args:
        database: Where the index of the audit trail is.
        archive: Reads its segments.
    """

    def __init__(self, database: Database, archive: Archive) -> None:
        self._database = database
        self._archive = archive

    async def of_groups(self, group_ids: Iterable[str]) -> dict[str, History]:
        """By group id, its history. One that is damaged tells nothing for certain."""
        return {group_id: await self._of_group(group_id) for group_id in group_ids}

    async def _of_group(self, group_id: str) -> History:
        known_from = await self._database.read(trail.known_from)
        acts: list[Act] = []
        after = -1
        while places := await self._database.read(partial(_places, subject=f"group:{group_id}", after=after)):
            try:
                acts += await asyncio.to_thread(self._acts, places)
            except (Refusal, DamagedError):
                known_from = None
            after = places[-1][0].position
        return history(acts, known_from)

    def _acts(self, places: Sequence[_Place]) -> list[Act]:
        return [self._act(row, sealed) for row, sealed in places if sealed is None or sealed.purge_id is None]

    def _act(self, row: AuditIndex, sealed: Sealed | None) -> Act:
        body = row.body or b""
        if sealed is not None:
            segment = self._archive.load(sealed)
            body = segment.all_records[row.position - segment.first_index].body
        record = AuditRecord.FromString(body)
        return Act(record.service, record.action, record.time.ToDatetime(tzinfo=UTC), dict(record.facts))


def _places(session: Session, subject: str, after: int) -> list[_Place]:
    rows = trail.of_subject(session, subject, after=after, limit=_AT_ONCE)
    return [(row, catalogue.holding(session, RecordClass.AUDIT, row.position)) for row in rows]
