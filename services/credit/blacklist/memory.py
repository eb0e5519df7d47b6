"""Keeps the sieve abreast of the database."""

import asyncio
import heapq
from collections.abc import Iterable, Sequence

from sqlmodel import Session

from chassis.db import Database
from chassis.db.batch import FeedEntry
from ombud.credit.v1.blacklist_service_pb2 import BlacklistChange
from services.credit import wire
from services.credit.blacklist import store
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.feed import KEY_PREFIX
from services.credit.blacklist.sieve import Sieve, key_of
from services.credit.subjects import Subject

_POLL = 0.25


class BlacklistMemory:
    """Says of a subject that it can not be listed, without asking the database.

    It has every commit of this process before its caller has the answer; what other processes commit to the same
    database arrives within 250 ms. Nothing leaves it: that an entry was revoked, the database says at once.

    Args:
        database: The database whose change feed is followed.
        digests: Makes the digests.
    """

    def __init__(self, database: Database, digests: SubjectDigests) -> None:
        self._database = database
        self._digests = digests
        self._sieve = Sieve()
        self._revision = 0
        database.on_commit(self._take)

    async def load(self) -> None:
        """Takes in the whole list. Before this nothing may be asked."""
        self._revision = (await self._database.head()).revision
        self._sieve = await self._database.read(self._sifted)

    async def run(self) -> None:
        """Takes in what other processes commit; runs until cancelled."""
        while True:
            await asyncio.sleep(_POLL)
            revision = self._revision
            self._revision, payloads = await self._database.read(
                lambda session, after=revision: store.told_since(session, after, KEY_PREFIX)  # type: ignore[misc]  # bound at once
            )
            for payload in payloads:
                self._add(payload)

    def may_list(self, subjects: Iterable[Subject]) -> dict[str, Subject]:
        """Those of the subjects who may be listed, by their digests."""
        named = ((self._digests.of(subject), subject) for subject in subjects)
        return {digest: subject for digest, subject in named if key_of(digest) in self._sieve}

    def _sifted(self, session: Session) -> Sieve:
        own = sorted(key_of(self._digests.of(subject)) for subject in store.listed_subjects(session))
        return Sieve(heapq.merge(own, map(key_of, store.admitted_digests(session))))

    def _take(self, entries: Sequence[FeedEntry]) -> None:
        for entry in entries:
            if entry.key.startswith(KEY_PREFIX):
                self._add(entry.payload)

    def _add(self, payload: bytes) -> None:
        change = BlacklistChange.FromString(payload)
        self._sieve.add(key_of(change.subject_digest or self._digests.of(wire.subject(change.entry.subject))))
