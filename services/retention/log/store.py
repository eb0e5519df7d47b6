"""Queries on the log's tables."""

from collections.abc import Sequence

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from services.retention.errors import ForkedError
from services.retention.log.models import LogHead, LogLeaf
from services.retention.log.note import Head


def head(session: Session) -> LogHead | None:
    """The last signed checkpoint."""
    return session.get(LogHead, 1)


def swap(session: Session, *, old: Head, new: Head, checkpoint: str) -> None:
    """Replaces the checkpoint that the new one builds on.

    Raises:
        ForkedError: It is no longer the last one.
    """
    swapped = session.execute(
        update(LogHead)
        .where(col(LogHead.size) == old.size, col(LogHead.root) == old.root)
        .values(size=new.size, root=new.root, checkpoint=checkpoint)
    )
    if swapped.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result has it
        message = "another writer has signed a checkpoint of this log"
        raise ForkedError(message)


def add_leaves(session: Session, first_index: int, entries: Sequence[bytes]) -> None:
    """Keeps the leaves that a new checkpoint covers."""
    rows = [{"leaf_index": index, "entry": entry} for index, entry in enumerate(entries, first_index)]
    session.execute(insert(LogLeaf), rows)


def entry(session: Session, leaf_index: int) -> bytes:
    """A leaf that exists."""
    return session.exec(select(LogLeaf.entry).where(LogLeaf.leaf_index == leaf_index)).one()


def entries(session: Session, first_index: int, limit: int | None = None) -> list[bytes]:
    """The leaves from an index on, in their order: so many at most, or all."""
    query = select(LogLeaf.entry).where(col(LogLeaf.leaf_index) >= first_index).order_by(col(LogLeaf.leaf_index))
    return list(session.exec(query.limit(limit)))
