"""Names of persons and organisations: one way of writing them, and what may be odd about one."""

import unicodedata

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal

# Zero-width joiner and non-joiner: format characters that the spelling of Persian and Indic names needs.
_JOINERS = frozenset("\u200c\u200d")
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Modifier letters (Lm) belong to several scripts.
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})
# What Japanese writes together, Chinese with its phonetic letters, Korean with Chinese characters.
_TOGETHER = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"CJK", "BOPOMOFO"}),
    frozenset({"CJK", "HANGUL"}),
)


def canonical_name(written: Redacted[str], *, field: str) -> Redacted[str]:
    """The name in Unicode NFKC, with single spaces.

    Args:
        written: As submitted.
        field: The field's path in the request.

    Raises:
        Refusal: NAME_REFUSED, whose fact `rule` is CONTROL_CHARACTER or NO_LETTER.
    """
    name = " ".join(unicodedata.normalize("NFKC", written.reveal()).split())
    if any(unicodedata.category(mark) in _REFUSED and mark not in _JOINERS for mark in name):
        raise _refused(field, "CONTROL_CHARACTER")
    if not any(mark.isalpha() for mark in name):
        raise _refused(field, "NO_LETTER")
    return Redacted(name)


def mixes_scripts(name: Redacted[str]) -> bool:
    """True if the letters are of scripts that no language writes together, as in names made to look like others."""
    letters = (mark for mark in name.reveal() if unicodedata.category(mark) in _LETTERS)
    scripts = {unicodedata.name(letter, "UNKNOWN").split(" ")[0] for letter in letters}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _refused(field: str, rule: str) -> Refusal:
    return Refusal.field(
        field,
        "the name can not be one",
        satisfy="the name in letters, as it stands on the document or in the register",
        reason=ErrorReason.ERROR_REASON_NAME_REFUSED,
        rule=rule,
    )
