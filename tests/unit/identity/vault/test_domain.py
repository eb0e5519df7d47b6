"""Cells open where they were sealed, and nowhere else."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.redacted import Redacted
from services.identity.vault import domain
from services.identity.vault.domain import CellBroken, CellField, DataKey, Place

KEY_ID = "0192f0c1-0000-7000-8000-00000000000a"
KEY = DataKey(KEY_ID, Redacted(b"k" * 32))
OTHER_KEYS = [
    DataKey(KEY_ID, Redacted(b"x" * 32)),
    DataKey("0192f0c1-0000-7000-8000-00000000000b", Redacted(b"k" * 32)),
]

ids = st.text("abc-", min_size=1, max_size=6)
places = st.builds(Place, account_id=ids, verification_id=ids, field=st.sampled_from(CellField))
values = st.text(max_size=200)


@given(place=places, value=values)
def test_cell_opens_where_it_was_sealed(place: Place, value: str) -> None:
    assert domain.unseal(KEY, place, domain.seal(KEY, place, Redacted(value))).reveal() == value


@given(st.lists(places, min_size=2, max_size=6, unique=True), values)
def test_cell_moved_to_any_other_place_does_not_open(all_places: list[Place], value: str) -> None:
    cells = {place: domain.seal(KEY, place, Redacted(value)) for place in all_places}
    for source, target in itertools.permutations(all_places, 2):
        with pytest.raises(CellBroken):
            domain.unseal(KEY, target, cells[source])


@given(place=places, value=values, data=st.data())
def test_altered_cell_does_not_open(place: Place, value: str, data: st.DataObject) -> None:
    cell = bytearray(domain.seal(KEY, place, Redacted(value)))
    position = data.draw(st.integers(0, len(cell) - 1))
    cell[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CellBroken):
        domain.unseal(KEY, place, bytes(cell))


@given(place=places, length=st.integers(0, 60))
def test_truncated_cell_does_not_open(place: Place, length: int) -> None:
    with pytest.raises(CellBroken):
        domain.unseal(KEY, place, domain.seal(KEY, place, Redacted("value"))[:length])


@pytest.mark.parametrize("other", OTHER_KEYS, ids=["same id", "same key"])
def test_cell_of_another_key_or_key_id_does_not_open(other: DataKey) -> None:
    place = Place("a", "v", CellField.NAME)
    with pytest.raises(CellBroken):
        domain.unseal(other, place, domain.seal(KEY, place, Redacted("value")))


@given(st.lists(st.binary(max_size=6), max_size=5), st.lists(st.binary(max_size=6), max_size=5))
def test_different_parts_never_bind_alike(first: list[bytes], second: list[bytes]) -> None:
    assume(first != second)
    assert domain.length_prefixed(first) != domain.length_prefixed(second)


def test_length_of_a_cell_does_not_tell_the_kind_of_number() -> None:
    place = Place("a", "v", CellField.NUMBER)
    lengths = {len(domain.seal(KEY, place, Redacted("1" * count))) for count in (0, 8, 11, 18, 20, 63)}
    assert len(lengths) == 1


def test_repeated_nonce_does_not_reveal_what_two_values_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.identity.vault.domain.secrets.token_bytes", lambda count: b"\0" * count)
    place = Place("a", "v", CellField.NUMBER)
    first = domain.seal(KEY, place, Redacted("110101199003074514"))[29:]
    second = domain.seal(KEY, place, Redacted("110101199003074522"))[29:]
    # With a plain counter mode, equal leading digits would give equal leading bytes.
    assert first[:8] != second[:8]


def test_every_new_key_differs() -> None:
    assert len({domain.new_data_key(KEY_ID).key.reveal() for _ in range(100)}) == 100
