"""Queries on the register."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import desc, update
from sqlmodel import Session, col, select

from services.retention.log.leaves import SALT_BYTES
from services.retention.register.models import RegisterRow


class Noun(StrEnum):
    """What an entry is about."""

    ACCESS = "ACCESS"
    HOLD = "HOLD"
    CLASS = "CLASS"
    PURGE = "PURGE"
    CUSTODY = "CUSTODY"


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the register; `position` grows, `leaf_index` is None until it is sealed."""

    position: int
    event_id: str
    kind: int
    time: datetime
    salt: bytes
    statement: bytes
    leaf_index: int | None


def register(
    session: Session,
    noun: Noun,
    resource_id: str,
    *,
    event_id: str,
    kind: int,
    time: datetime,
    statement: bytes,
) -> None:
    """Adds an entry after all others.

    Args:
        session: The transaction of the act.
        noun: What it is about.
        resource_id: The resource that it changes.
        event_id: Its id.
        kind: The number of its kind, which the leaf shows openly.
        time: The instant of the act.
        statement: The serialised message that the leaf commits to, under a salt of its own.
    """
    session.flush()
    last = session.exec(select(RegisterRow.position).order_by(desc(col(RegisterRow.position))).limit(1)).first()
    session.add(
        RegisterRow(
            position=0 if last is None else last + 1,
            event_id=event_id,
            noun=noun.value,
            resource_id=resource_id,
            kind=kind,
            time=time,
            salt=secrets.token_bytes(SALT_BYTES),
            statement=statement,
        )
    )
    session.flush()


def events(session: Session, noun: Noun, resource_id: str, *, after: int, limit: int | None) -> list[Event]:
    """Entries of a noun after a position; of one resource, or with an empty id of all. Without a limit, to the last."""
    query = select(RegisterRow).where(RegisterRow.noun == noun.value, col(RegisterRow.position) > after)
    if resource_id:
        query = query.where(RegisterRow.resource_id == resource_id.lower())
    return [_event(row) for row in session.exec(query.order_by(col(RegisterRow.position)).limit(limit))]


def unsealed(session: Session, limit: int) -> list[Event]:
    """The oldest entries that no leaf commits to."""
    query = select(RegisterRow).where(col(RegisterRow.leaf_index).is_(None))
    return [_event(row) for row in session.exec(query.order_by(col(RegisterRow.position)).limit(limit))]


def set_leaf(session: Session, position: int, leaf_index: int) -> None:
    """Notes the leaf that commits to an entry."""
    session.execute(update(RegisterRow).where(col(RegisterRow.position) == position).values(leaf_index=leaf_index))


def _event(row: RegisterRow) -> Event:
    return Event(
        position=row.position,
        event_id=row.event_id,
        kind=row.kind,
        time=row.time,
        salt=row.salt,
        statement=row.statement,
        leaf_index=row.leaf_index,
    )
