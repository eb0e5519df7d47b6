"""Telephone numbers in one form, and the codes that are sent to them."""

import secrets

import phonenumbers

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal

_CODE_DIGITS = 6


def canonical_phone(written: Redacted[str]) -> Redacted[str]:
    """The number in E.164 form, such as `+4930123456`.

    Raises:
        Refusal: PHONE_NUMBER_REFUSED, whose fact `rule` is FORM or RANGE.
    """
    try:
        number = phonenumbers.parse(written.reveal(), None)
    except phonenumbers.NumberParseException:
        raise _refused("FORM") from None
    if not phonenumbers.is_valid_number(number):
        raise _refused("RANGE")
    return Redacted(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def new_code() -> Redacted[str]:
    """Six random digits."""
    return Redacted(f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}}")


def _refused(rule: str) -> Refusal:
    return Refusal.field(
        "phone_number",
        "no telephone can have this number",
        satisfy="a number in international form, its country code first",
        reason=ErrorReason.ERROR_REASON_PHONE_NUMBER_REFUSED,
        rule=rule,
    )
