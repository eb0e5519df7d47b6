"""The rules of destroying: which segments of a due day may go, and in which order their end comes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.retention.lifecycle.domain import ClassName


class State(StrEnum):
    """How far a purge has come. A step is done before it is written down; done again, it has no other effect."""

    PLANNED = "PLANNED"
    KEYS_DESTROYED = "KEYS_DESTROYED"
    FILES_DELETED = "FILES_DELETED"
    CERTIFIED = "CERTIFIED"


class EventKind(StrEnum):
    """What is registered."""

    PLANNED = "PLANNED"
    CERTIFIED = "CERTIFIED"


@dataclass(frozen=True, slots=True)
class Contents:
    """A segment of a due day: its id, and the groups that have records in it."""

    segment_id: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Purge:
    """The end of a day of one class.

    Attributes:
        terms_id: The terms that the day fell under.
        hold_ids: The holds that kept some of the day's groups.
        kept_segments: How many segments stay because such a group has records in them.
        log_size: Leaves of the log when the purge was planned.
        log_root: The log's root over them.
    """

    purge_id: str
    name: ClassName
    day: date
    terms_id: str
    plan_time: datetime
    segments: int
    records: int
    kept_segments: int
    hold_ids: tuple[str, ...]
    log_size: int
    log_root: bytes
    state: State = State.PLANNED
    keys_destroy_time: datetime | None = None
    bytes_freed: int = 0
    certify_time: datetime | None = None


def free(contents: Iterable[Contents], held_groups: Collection[str]) -> list[str]:
    """The segments that hold nothing of a held group."""
    return [each.segment_id for each in contents if each.groups.isdisjoint(held_groups)]


def is_wanted(free_segments: Sequence[str], purges_before: int) -> bool:
    """Whether a due day needs a purge now.

    The first one destroys its keys, though holds keep every file; a later one comes once files are free.
    """
    return purges_before == 0 or bool(free_segments)
