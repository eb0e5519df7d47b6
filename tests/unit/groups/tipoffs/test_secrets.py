import itertools

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from chassis.redacted import Redacted
from services.groups.keys import GroupsKeys
from services.groups.tipoffs.sealing import Field, Sealing
from services.groups.tipoffs.tracking import Tracking

KEYS = GroupsKeys(bytes(32))
SEALING = Sealing(KEYS)
TRACKING = Tracking(KEYS)


@given(text=st.binary(max_size=1000))
def test_sealed_text_opens_in_its_place_and_in_no_other(text: bytes) -> None:
    sealed = SEALING.seal("t1", Field.REPLY, Redacted(text))
    for place in itertools.product(("t1", "t2"), Field):
        if place == ("t1", Field.REPLY):
            assert SEALING.unseal(*place, sealed).reveal() == text
        else:
            with pytest.raises(InvalidTag):
                SEALING.unseal(*place, sealed)


@given(text=st.binary(min_size=1, max_size=50), data=st.data())
def test_altered_text_does_not_open(text: bytes, data: st.DataObject) -> None:
    sealed = bytearray(SEALING.seal("t1", Field.REPLY, Redacted(text)))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidTag):
        SEALING.unseal("t1", Field.REPLY, bytes(sealed))


def test_text_of_another_key_does_not_open() -> None:
    sealed = Sealing(GroupsKeys(b"k" * 32)).seal("t1", Field.REPLY, Redacted(b"text"))
    with pytest.raises(InvalidTag):
        SEALING.unseal("t1", Field.REPLY, sealed)


def test_no_text_yet_is_empty() -> None:
    assert SEALING.unseal("t1", Field.REPLY, None).reveal() == b""


@given(reference=st.text(min_size=1, max_size=16))
def test_code_has_160_bits_and_is_the_same_for_the_same_tip_off(reference: str) -> None:
    code = TRACKING.code(reference)
    symbols = code.reveal().replace("-", "")
    assert len(symbols) * 5 == 160
    assert set(symbols) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert TRACKING.code(reference) == code


def test_codes_of_1000_tip_offs_differ_in_every_place() -> None:
    codes = [TRACKING.code(f"2026-0000-{number:04d}-0").reveal() for number in range(1000)]
    assert len(set(codes)) == 1000
    assert all(len({code[place] for code in codes}) == 32 for place in range(39) if place % 5 != 4)


@given(reference=st.text(max_size=16), flips=st.lists(st.booleans(), min_size=39, max_size=39))
def test_hash_is_of_what_was_meant_however_it_was_typed(reference: str, flips: list[bool]) -> None:
    code = TRACKING.code(reference).reveal()
    typed = "".join(letter.lower() if flip else letter for letter, flip in zip(code, flips, strict=True))
    misread = typed.replace("0", "o").replace("1", "l").replace("-", " ")
    assert TRACKING.hash(Redacted(misread)) == TRACKING.hash(Redacted(code))


def test_hash_tells_nothing_without_the_key() -> None:
    code = TRACKING.code("2026-0000-0000-0")
    assert Tracking(GroupsKeys(b"k" * 32)).hash(code) != TRACKING.hash(code)


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = GroupsKeys(b"k" * 32)
    assert keys.derive("a") == GroupsKeys(b"k" * 32).derive("a") != keys.derive("b")
    assert keys.derive("a") != b"k" * 32
