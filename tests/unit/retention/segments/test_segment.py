from hashlib import sha256
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.retention.log.leaves import RecordClass
from services.retention.segments.building import build
from services.retention.segments.layout import first_damage
from services.retention.segments.records import ReceivedBatch, RecordBatch, decode_batch, encode_batch
from services.retention.segments.segment import Segment
from tests.support.sealing import SEALING, opened

GROUPS = [UUID(int=number).bytes for number in range(1, 5)]


@st.composite
def batches(draw: st.DrawFn) -> list[ReceivedBatch]:
    """Batches of two producers, as the journal numbers them."""
    index = draw(st.integers(0, 1 << 40))
    following = {"a": draw(st.integers(1, 1 << 40)), "producer-2": 1}
    made = []
    for _ in range(draw(st.integers(1, 6))):
        producer = draw(st.sampled_from(sorted(following)))
        bodies = draw(st.lists(st.binary(max_size=30), min_size=1, max_size=6))
        groups = draw(st.permutations(GROUPS).map(lambda order: order[:3]))
        batch = RecordBatch(
            producer=producer,
            first_sequence=following[producer],
            groups=groups,
            group_indexes=[draw(st.integers(0, len(groups) - 1)) for _ in bodies],
            event_times=[draw(st.integers(-(1 << 50), 1 << 50)) for _ in bodies],
            bodies=bodies,
        )
        made.append(ReceivedBatch(batch, draw(st.integers(0, 1 << 50)), index))
        index += len(bodies)
        following[producer] += len(bodies)
    return made


def rows(received: list[ReceivedBatch]) -> list[tuple[str, int, int, bytes, int, bytes]]:
    return [
        (each.batch.producer, sequence, each.receive_time, *row)
        for each in received
        for sequence, row in enumerate(
            each.batch.rows(each.batch.first_sequence, len(each.batch)), each.batch.first_sequence
        )
    ]


@given(batches())
def test_segment_holds_every_record_in_order_with_all_that_came_with_it(received: list[ReceivedBatch]) -> None:
    content, leaf = build(RecordClass.CHAT, UUID(int=9), received, SEALING)
    segment = opened(content)
    kept = [
        (record.producer, record.sequence, record.receive_time, record.group, record.event_time, record.body)
        for record in segment.all_records
    ]
    assert kept == rows(received)
    assert [record.ordinal for record in segment.all_records] == list(range(len(kept)))
    assert segment.inner_root == leaf.inner_root
    assert leaf.file_hash == sha256(content).digest()
    assert (leaf.first_index, leaf.count) == (received[0].first_index, len(kept))


@given(batches(), st.sets(st.sampled_from(GROUPS)))
def test_records_of_some_groups_are_those_of_all_that_are_in_them(
    received: list[ReceivedBatch], groups: set[bytes]
) -> None:
    segment = opened(build(RecordClass.CHAT, UUID(int=9), received, SEALING)[0])
    assert segment.records(groups) == [record for record in segment.all_records if record.group in groups]


@given(batches())
def test_one_record_is_found_by_its_place_and_faster_by_its_group(received: list[ReceivedBatch]) -> None:
    content = build(RecordClass.CHAT, UUID(int=9), received, SEALING)[0]
    for record in opened(content).all_records:
        assert opened(content).record(record.ordinal) == record
        alone = opened(content)
        assert alone.record(record.ordinal, record.group) == record
        assert list(alone._opened) == [record.group]
        assert all(opened(content).record(record.ordinal, group) is None for group in GROUPS if group != record.group)


@given(batches())
def test_every_run_comes_back_as_it_was_sent(received: list[ReceivedBatch]) -> None:
    segment = opened(build(RecordClass.CHAT, UUID(int=9), received, SEALING)[0])
    for each in received:
        batch = each.batch
        run = segment.run_of(batch.producer, batch.first_sequence)
        assert run is not None
        sent = segment.batch(run)
        assert sent.rows(sent.first_sequence, len(sent)) == batch.rows(batch.first_sequence, len(batch))


@given(batches())
def test_batch_comes_back_from_its_bytes(received: list[ReceivedBatch]) -> None:
    for each in received:
        back = decode_batch(encode_batch(each), "test")
        assert (back.receive_time, back.first_index) == (each.receive_time, each.first_index)
        assert rows([back]) == rows([each])


def sealed_twice() -> tuple[Segment, Segment]:
    batch = RecordBatch("a", 1, GROUPS[:2], [0, 1, 0, 0], [0] * 4, [b"yes", b"yes", b"yes", b"no"])
    received = [ReceivedBatch(batch, 5, 0)]
    first, second = (opened(build(RecordClass.CHAT, UUID(int=each), received, SEALING)[0]) for each in (1, 2))
    return first, second


def test_salts_differ_between_records_and_between_segments() -> None:
    first, second = sealed_twice()
    salts = [record.salt for segment in (first, second) for record in segment.all_records]
    assert len(set(salts)) == 8
    assert {len(salt) for salt in salts} == {16}


def test_same_records_sealed_again_have_another_root() -> None:
    first, second = sealed_twice()
    assert first.inner_root != second.inner_root


@given(batches(), st.data())
def test_part_with_a_wrong_byte_is_found_without_a_key(received: list[ReceivedBatch], data: st.DataObject) -> None:
    content, _ = build(RecordClass.CHAT, UUID(int=9), received, SEALING)
    assert first_damage(content) is None
    assert first_damage(content + b"x") == len(content)
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    found = first_damage(bytes(damaged))
    assert found is not None
    assert found <= at
    assert first_damage(content[:at]) is not None


def test_damage_is_told_by_the_chunk_that_it_is_in() -> None:
    batch = RecordBatch("a", 1, GROUPS, [0, 1, 2, 3], [0] * 4, [bytes([number]) * 50 for number in range(4)])
    content, _ = build(RecordClass.CHAT, UUID(int=9), [ReceivedBatch(batch, 0, 0)], SEALING)
    found = {first_damage(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]) for at in range(len(content))}
    assert len(found) == 1 + len(GROUPS)
    assert 0 in found
