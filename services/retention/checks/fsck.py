"""`fsck` of a retention service's folder: the log, the segment files, the catalogue, the write-ahead files."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from chassis.db.migrate import upgrade
from ombud.verify import SegmentLeaf, VerificationError, parse_leaf
from services.retention.checks.archive import Segments
from services.retention.checks.catalogue import Catalogue
from services.retention.checks.findings import Finding
from services.retention.checks.log import Log, Truth
from services.retention.checks.register import Register
from services.retention.errors import DamagedError
from services.retention.files import FolderLock
from services.retention.ingest.wal import read_wal, recover_wal
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.models import LogHead
from services.retention.segments.storage import LocalStorage, SegmentStorage

_ANY_SLOTS = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and what was found.

    Attributes:
        findings: What is not as it was written.
        mended: How many of them were made again, the first of the list; they are no longer so.
        leaves: Number of leaves of the log.
        segment_bytes: Bytes of segment files that were hashed.
        busy: Whether a service wrote meanwhile, so that its write-ahead files were left alone.
    """

    findings: Sequence[Finding]
    mended: Sequence[Finding]
    leaves: int
    segment_bytes: int
    busy: bool


class BusyError(Exception):
    """A service is at work in the folder."""


def check(folder: Path, database_url: str, storage: SegmentStorage | None = None, *, repair: bool = False) -> Report:
    """Checks a folder, and makes again what can be derived if asked.

    Args:
        folder: The retention service's folder.
        database_url: Its database, as an SQLAlchemy URL.
        storage: Where its segments are; the folder itself if None.
        repair: Mend what can be mended.

    Raises:
        Refusal: PEER_UNAVAILABLE, if the storage does not answer.
        BusyError: Nothing can be mended while a service is at work there.
    """
    storage = storage or LocalStorage(folder / "segments")
    with _lock(folder) as free:
        if repair and not free:
            raise BusyError
        try:
            lost = _lost(database_url)
            if lost and not repair:
                return Report(lost, [], 0, 0, not free)
            _mend(lost)
            with _session(database_url) as session:
                report = _check(folder, session, storage, free=free)
                if not repair:
                    return report
                mended = _mend(report.findings)
                session.commit()
                left = _check(folder, session, storage, free=free)
        except DatabaseError:
            return Report([Finding("database", "can not be read")], [], 0, 0, not free)
        return Report(left.findings, [*lost, *mended], left.leaves, report.segment_bytes, report.busy)


def _lost(url: str) -> list[Finding]:
    """Whether there is a database; tables are made in none before that is known."""
    target = make_url(url)
    if target.get_backend_name() != "sqlite" or Path(target.database or "").exists():
        engine = create_engine(url)
        try:
            if inspect(engine).has_table(LogHead.__tablename__):
                return []
        finally:
            engine.dispose()
    return [Finding("database", "is lost", mend=lambda: upgrade(url, "services.retention"))]


def _mend(findings: Sequence[Finding]) -> list[Finding]:
    """Makes again what can be; returns what that was."""
    mended = [finding for finding in findings if finding.mend is not None]
    for finding in mended:
        if finding.mend is not None:
            finding.mend()
    return mended


def _check(folder: Path, session: Session, storage: SegmentStorage, *, free: bool) -> Report:
    truth, findings = Log(folder, session).check()
    read = 0
    if truth is not None:
        register = Register(session, truth)
        findings += register.check()
        leaves = _segment_leaves(truth)
        segments = Segments(storage, _key_store(folder), Catalogue(session), leaves, register.purged)
        findings += segments.check()
        read = segments.bytes_read
    if free:
        findings += _journal(folder)
    return Report(findings, [], len(truth.entries) if truth else 0, read, not free)


def _segment_leaves(truth: Truth) -> dict[int, SegmentLeaf]:
    """The leaves that commit to segments, by their index."""
    leaves: dict[int, SegmentLeaf] = {}
    for index, entry in enumerate(truth.entries):
        with contextlib.suppress(VerificationError):
            leaf = parse_leaf(entry)
            if isinstance(leaf, SegmentLeaf):
                leaves[index] = leaf
    return leaves


def _journal(folder: Path) -> Iterator[Finding]:
    keys = Keys(_key_store(folder), _ANY_SLOTS)
    for path in sorted((folder / "wal").glob("*.wal")):
        try:
            read_wal(path, keys.journal_key)
        except DamagedError as error:
            yield Finding(f"wal/{path.name}", str(error).removeprefix(f"{path.name}: "), mend=_cut(path, keys))


def _cut(path: Path, keys: Keys) -> Callable[[], None]:
    def mend() -> None:
        with contextlib.suppress(DamagedError):
            recover_wal(path, keys.journal_key)

    return mend


def _key_store(folder: Path) -> KeyStore:
    return KeyStore(folder / "keys" / "days")


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Keeps a service from starting; gives False if one is at work."""
    lock = FolderLock.of(folder)
    try:
        lock.take()
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextlib.contextmanager
def _session(url: str) -> Iterator[Session]:
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()
