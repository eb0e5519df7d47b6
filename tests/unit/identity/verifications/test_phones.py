import pytest

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal
from services.identity.verifications.phones import canonical_phone, new_code

WIDE = "".join(chr(ord(mark) + 0xFEE0) for mark in "+442079460958")


@pytest.mark.parametrize("written", ["+44 20 7946 0958", "+44(0)20-7946-0958", WIDE])
def test_however_it_is_written_it_is_one_telephone(written: str) -> None:
    assert canonical_phone(Redacted(written)).reveal() == "+442079460958"


@pytest.mark.parametrize(
    ("written", "rule"),
    [("020 7946 0958", "FORM"), ("+", "FORM"), ("call me", "FORM"), ("+1 555", "RANGE"), ("+999 12345678", "FORM")],
)
def test_what_no_telephone_has_is_refused(written: str, rule: str) -> None:
    with pytest.raises(Refusal) as refused:
        canonical_phone(Redacted(written))
    assert refused.value.reason == ErrorReason.ERROR_REASON_PHONE_NUMBER_REFUSED
    assert refused.value.facts == {"field": "phone_number", "rule": rule}


def test_codes_have_six_digits_and_differ() -> None:
    codes = {new_code().reveal() for _ in range(200)}
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 190
