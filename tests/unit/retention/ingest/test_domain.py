from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.retention.ingest.domain import batch_of, check_same, group_bytes
from services.retention.segments.records import RecordBatch

NOW = 1_790_000_000_000_000
GROUP = "0192f0c1-0000-7000-8000-000000000001"
GOOD: dict[str, Any] = {
    "producer": "chat-1",
    "first_sequence": 1,
    "group_ids": [GROUP],
    "group_indexes": [0, 0],
    "event_times": [NOW, NOW],
    "bodies": [b"a", b"b"],
    "now": NOW,
}


def refused(**changes: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        batch_of(**GOOD | changes)
    return caught.value


def test_good_frame_becomes_a_batch() -> None:
    batch = batch_of(**GOOD)
    assert (len(batch), batch.next_sequence, batch.groups) == (2, 3, [group_bytes(GROUP)])


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("producer", {"producer": ""}),
        ("producer", {"producer": "Chat"}),
        ("producer", {"producer": "-chat"}),
        ("producer", {"producer": "c" * 65}),
        ("first_sequence", {"first_sequence": 0}),
        ("first_sequence", {"first_sequence": (1 << 63) - 1}),
        ("bodies", {"bodies": [b"a"]}),
        ("bodies", {"group_indexes": [0]}),
        ("bodies", {"event_times": [NOW]}),
        ("bodies", {"bodies": [], "group_indexes": [], "event_times": []}),
        ("bodies", {"bodies": [b""] * 65_537, "group_indexes": [0] * 65_537, "event_times": [NOW] * 65_537}),
        ("group_ids", {"group_ids": [GROUP, GROUP]}),
        ("event_times_micros", {"event_times": [NOW, -(1 << 62)]}),
    ],
)
def test_malformed_frame_is_refused_with_its_column(column: str, changes: dict[str, Any]) -> None:
    refusal = refused(**changes)
    assert refusal.reason == ErrorReason.ERROR_REASON_FRAME_MALFORMED
    assert refusal.facts["column"] == column


@pytest.mark.parametrize(
    "changes",
    [
        {"group_indexes": [0, 1]},
        {"group_indexes": [0, 7]},
        {"group_indexes": [0, 1], "group_ids": [GROUP, "0192f0c1"]},
        {"group_indexes": [0, 1], "group_ids": [GROUP, GROUP.replace("-", "")]},
        {"group_indexes": [0, 1], "group_ids": [GROUP, ""]},
        {"group_indexes": [0, 1], "group_ids": [GROUP, "00000000-0000-0000-0000-000000000000"]},
    ],
)
def test_record_of_an_unknown_group_is_named(changes: dict[str, Any]) -> None:
    refusal = refused(**changes)
    assert refusal.reason == ErrorReason.ERROR_REASON_RECORD_GROUP_UNKNOWN
    assert refusal.facts == {"record": "1"}


def test_unknown_group_that_no_record_belongs_to_is_refused_too() -> None:
    assert refused(group_ids=[GROUP, "tidepool"]).reason == ErrorReason.ERROR_REASON_RECORD_GROUP_UNKNOWN


def test_record_too_large_is_named() -> None:
    refusal = refused(bodies=[bytes(65_535), bytes(65_536)])
    assert refusal.reason == ErrorReason.ERROR_REASON_RECORD_TOO_LARGE
    assert refusal.facts == {"record": "1", "bytes": "65536", "most_bytes": "65535"}


def test_frame_too_large_is_refused() -> None:
    columns = {"bodies": [bytes(65_535)] * 17, "group_indexes": [0] * 17, "event_times": [NOW] * 17}
    refusal = refused(**columns)
    assert refusal.reason == ErrorReason.ERROR_REASON_FRAME_TOO_LARGE
    assert int(refusal.facts["bytes"]) > int(refusal.facts["most_bytes"]) == 1 << 20


def test_event_ahead_of_the_clock_is_refused_from_the_first_microsecond_beyond() -> None:
    ahead = 300_000_000
    batch_of(**GOOD | {"event_times": [NOW, NOW + ahead]})
    refusal = refused(event_times=[NOW, NOW + ahead + 1])
    assert refusal.reason == ErrorReason.ERROR_REASON_EVENT_TIME_IN_FUTURE
    assert refusal.facts == {"record": "1", "most_seconds_ahead": "300"}


def batch(first: int, bodies: list[bytes]) -> RecordBatch:
    count = len(bodies)
    return RecordBatch("chat-1", first, [bytes(16)], [0] * count, list(range(first, first + count)), bodies)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_batches_cut_from_the_same_records_are_the_same(first: int, count: int, other: int, others: int) -> None:
    records = [str(sequence).encode() for sequence in range(50)]
    one, two = batch(first, records[first : first + count]), batch(other, records[other : other + others])
    if max(first, other) < min(one.next_sequence, two.next_sequence):
        check_same(one, two)


@given(st.integers(1, 10), st.data())
def test_one_other_record_in_common_is_refused_with_its_sequence(count: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, count - 1))
    stored = batch(5, [b"x"] * count)
    bodies = [b"x"] * count
    bodies[at] = b"y"
    with pytest.raises(Refusal) as caught:
        check_same(batch(5, bodies), stored)
    assert caught.value.reason == ErrorReason.ERROR_REASON_SEQUENCE_REUSED
    assert caught.value.facts["sequence"] == str(5 + at)


@pytest.mark.parametrize(
    "changes", [{"groups": [b"\x01" * 16]}, {"event_times": [6]}, {"bodies": [b"y"]}], ids=["group", "time", "body"]
)
def test_any_difference_counts(changes: dict[str, Any]) -> None:
    stored = batch(5, [b"x"])
    with pytest.raises(Refusal):
        check_same(replace(stored, **changes), stored)


@given(st.integers(0, 8), st.integers(1, 8))
def test_tail_goes_on_where_the_rest_ends(skip: int, count: int) -> None:
    whole = batch(1, [str(at).encode() for at in range(count)])
    tail = whole.tail(min(skip, count))
    assert tail.next_sequence == whole.next_sequence
    assert tail.rows(tail.first_sequence, len(tail)) == whole.rows(tail.first_sequence, len(tail))
