from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.redacted import Redacted
from services.identity.vault.keys import LocalKeys
from services.identity.verifications.numbers import Number
from services.identity.verifications.slots import tags

KEYS = LocalKeys(b"r" * 32)
parts = st.text("ab1", max_size=3)
numbers = st.builds(Number, scheme=parts, country=parts, value=parts.map(Redacted[str]), checked=st.booleans())


def identity(number: Number) -> tuple[str, str, str]:
    return number.scheme, number.country, number.value.reveal()


@given(first=numbers, second=numbers)
def test_other_numbers_schemes_or_countries_never_share_a_slot(first: Number, second: Number) -> None:
    assume(identity(first) != identity(second))
    assert not set(tags(KEYS, first, cap=3)) & set(tags(KEYS, second, cap=3))


@given(number=numbers, cap=st.integers(1, 20))
def test_number_has_as_many_slots_as_the_cap_says_and_a_higher_cap_keeps_them(number: Number, cap: int) -> None:
    slots = tags(KEYS, number, cap=cap)
    assert len(set(slots)) == cap
    assert tags(KEYS, number, cap=cap + 1)[:cap] == slots


@given(number=numbers)
def test_slots_are_told_by_the_key_alone(number: Number) -> None:
    assert not set(tags(KEYS, number, cap=3)) & set(tags(LocalKeys(b"s" * 32), number, cap=3))
