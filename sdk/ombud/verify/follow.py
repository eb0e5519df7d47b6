"""Following a log from outside: each new checkpoint has to continue what was seen before.

A follower reads every leaf once. It keeps the last checkpoint and the frontier of its tree, so that a log which was cut
back, altered, or shown differently to someone else can not get past it. It also holds the leaves to what they say:
segments of a class follow each other without a gap, and time does not run backwards or ahead.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ombud.verify.errors import VerificationError
from ombud.verify.leaf import EventLeaf, SegmentLeaf, parse_leaf
from ombud.verify.note import Checkpoint, VerifierKey, decode_base64, encode_base64, verify_checkpoint
from ombud.verify.tree import Frontier, leaf_hash

TOLERANCE_MICROS = 300 * 1_000_000
"""So much may clocks differ."""

Entries = Callable[[int, int, int], Sequence[bytes]]
"""Gives the entries from an index up to another, in the tree of a size."""


class Alarm(Exception):  # noqa: N818 - it is what the word says
    """The log is not what it has to be. The text says how."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far the segments of a class have come: the next record's index, and when the last one was received."""

    next_index: int = 0
    last_receive_time: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a follower remembers of a log.

    Attributes:
        note: The last checkpoint that held.
        frontier: Of its tree.
        spans: By class of records.
        newest: The latest time that a leaf bears, microseconds since 1970.
    """

    note: str = ""
    frontier: Frontier = field(default_factory=Frontier)
    spans: Mapping[int, Span] = field(default_factory=dict)
    newest: int = 0

    def dump(self) -> str:
        """As text, to be kept."""
        state = {
            "checkpoint": self.note,
            "size": self.frontier.size,
            "frontier": [encode_base64(node) for node in self.frontier.hashes],
            "classes": {str(number): [span.next_index, span.last_receive_time] for number, span in self.spans.items()},
            "newest": self.newest,
        }
        return json.dumps(state, indent=1) + "\n"

    @classmethod
    def load(cls, text: str, key: VerifierKey) -> "Seen":
        """Reads back what was kept.

        Raises:
            VerificationError: It is not what a follower of this log has kept.
        """
        try:
            state = json.loads(text)
            frontier = Frontier(int(state["size"]), tuple(decode_base64(node) for node in state["frontier"]))
            spans = {int(number): Span(*span) for number, span in state["classes"].items()}
            seen = cls(str(state["checkpoint"]), frontier, spans, int(state["newest"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VerificationError("not the state of a follower") from error
        checkpoint = verify_checkpoint(seen.note, key)
        if (checkpoint.size, checkpoint.root) != (frontier.size, frontier.root):
            raise VerificationError("the state does not lead to its own checkpoint")
        return seen


def follow(seen: Seen, note: str, key: VerifierKey, entries: Entries, now: int) -> Seen:
    """Takes a log's newest checkpoint up.

    Args:
        seen: What was seen of the log; `Seen()` if nothing was.
        note: The newest checkpoint as the log shows it.
        key: The log's key.
        entries: Reads its leaves.
        now: The follower's clock, microseconds since 1970.

    Returns:
        What is to be remembered from now on.

    Raises:
        Alarm: The log breaks what it has shown or promised.
    """
    try:
        checkpoint = verify_checkpoint(note, key)
    except VerificationError as error:
        raise Alarm(f"the checkpoint is not one of this log: {error}") from error
    if checkpoint.size < seen.frontier.size:
        raise Alarm(f"rollback: {checkpoint.size} leaves, after {seen.frontier.size} were shown")
    fresh = entries(seen.frontier.size, checkpoint.size, checkpoint.size)
    frontier = seen.frontier.extend(map(leaf_hash, fresh))
    if (frontier.size, frontier.root) != (checkpoint.size, checkpoint.root):
        raise Alarm(_split_view(seen, checkpoint))
    for index, entry in enumerate(fresh, seen.frontier.size):
        seen = _take(seen, index, entry, now)
    return replace(seen, note=note, frontier=frontier)


def _split_view(seen: Seen, checkpoint: Checkpoint) -> str:
    return (
        f"split view: the signed tree of {checkpoint.size} leaves does not continue the one of"
        f" {seen.frontier.size} leaves that was shown before, or the leaves served are not its own"
    )


def _take(seen: Seen, index: int, entry: bytes, now: int) -> Seen:
    try:
        leaf = parse_leaf(entry)
    except VerificationError as error:
        raise Alarm(f"leaf {index}: {error}") from error
    time = leaf.time if isinstance(leaf, EventLeaf) else leaf.last_receive_time
    if time > now + TOLERANCE_MICROS:
        raise Alarm(f"leaf {index} bears a time that has not come")
    spans = seen.spans if isinstance(leaf, EventLeaf) else {**seen.spans, leaf.record_class: _span(seen, index, leaf)}
    return replace(seen, spans=spans, newest=max(seen.newest, time))


def _span(seen: Seen, index: int, leaf: SegmentLeaf) -> Span:
    before = seen.spans.get(leaf.record_class, Span())
    if leaf.first_index != before.next_index:
        raise Alarm(
            f"leaf {index}: records of class {leaf.record_class} from index {before.next_index} up to"
            f" {leaf.first_index} are in no segment"
        )
    if leaf.first_receive_time < before.last_receive_time - TOLERANCE_MICROS:
        raise Alarm(f"leaf {index}: received before the records that come before it")
    return Span(leaf.first_index + leaf.records, max(before.last_receive_time, leaf.last_receive_time))
