"""Records as a platform would send them: messages of a chat log's words at its lengths, dealt out to groups by Zipf."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from uuid import UUID

from ombud.retention.v1.ingest_service_pb2 import Frame
from ombudctl.chat import Event, logs, sample

GROUPS = 5_000
FRAME_RECORDS = 500
_FRAMES = 400
_SEED = 20261121
# Records lie within the hour before now, each a little after the one before.
_SPAN_MICROS = 3_600_000_000


@dataclass(frozen=True)
class Record:
    """One record: what any store of them has to keep."""

    group: UUID
    event_time: int
    body: bytes


@dataclass(frozen=True)
class Records:
    """So many different records that no store sees the same twice within one of its blocks.

    Attributes:
        frames: The records as frames of `FRAME_RECORDS`, without producer and sequence.
        body_bytes: The mean length of a body.
    """

    frames: Sequence[Frame]
    body_bytes: float

    def rows(self) -> Iterator[Record]:
        """The records one by one, in their order."""
        for frame in self.frames:
            groups = [UUID(text) for text in frame.group_ids]
            for index, at, body in zip(frame.group_indexes, frame.event_times_micros, frame.bodies, strict=True):
                yield Record(groups[index], at, body)


def draw(chat: Path | None) -> Records:
    """The same records for the same log: all but their times.

    Args:
        chat: A chat log or a folder of them; the made-up one that ships with the project if None.

    Raises:
        ChatError: There is no log.
        OSError: It cannot be read.
    """
    drawn = random.Random(_SEED)  # noqa: S311 - test data
    texts = [
        entry.text
        for log in logs(chat or sample())
        for entry in log.read()
        if isinstance(entry, Event) and entry.posted
    ]
    words = [word for text in texts for word in text.split()]
    lengths = [len(text.split()) for text in texts]
    count = _FRAMES * FRAME_RECORDS
    bodies = [" ".join(drawn.choices(words, k=length)).encode() for length in drawn.choices(lengths, k=count)]
    ids = [str(UUID(int=drawn.getrandbits(128), version=4)) for _ in range(GROUPS)]
    weights = list(accumulate(1 / rank for rank in range(1, GROUPS + 1)))
    groups = drawn.choices(ids, cum_weights=weights, k=count)
    start = time.time_ns() // 1_000 - _SPAN_MICROS
    times = sorted(start + drawn.randrange(_SPAN_MICROS) for _ in range(count))
    frames = [
        _frame(groups[at : at + FRAME_RECORDS], times[at : at + FRAME_RECORDS], bodies[at : at + FRAME_RECORDS])
        for at in range(0, count, FRAME_RECORDS)
    ]
    return Records(frames, sum(map(len, bodies)) / count)


def _frame(groups: Sequence[str], times: Sequence[int], bodies: Sequence[bytes]) -> Frame:
    position = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    return Frame(
        group_ids=list(position),
        group_indexes=[position[group] for group in groups],
        event_times_micros=times,
        bodies=bodies,
    )
