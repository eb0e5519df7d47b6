import pytest

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal
from services.identity.verifications.names import canonical_name, mixes_scripts


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("  Ana   Díaz ", "Ana Díaz"),
        ("\uff21\uff4e\uff41", "Ana"),
        ("José", "José"),
        ("O'Neill-Świątek Jr. 3rd", "O'Neill-Świątek Jr. 3rd"),
        ("\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
    ],
)
def test_name_has_one_way_of_writing(written: str, canonical: str) -> None:
    assert canonical_name(Redacted(written), field="full_name").reveal() == canonical


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("12 34", "NO_LETTER"),
        ("", "NO_LETTER"),
        ("Ana\u202e Díaz", "CONTROL_CHARACTER"),
        ("A\x00", "CONTROL_CHARACTER"),
    ],
)
def test_what_can_not_be_a_name_is_refused(written: str, rule: str) -> None:
    with pytest.raises(Refusal) as refused:
        canonical_name(Redacted(written), field="document.full_name")
    assert refused.value.reason == ErrorReason.ERROR_REASON_NAME_REFUSED
    assert refused.value.facts == {"field": "document.full_name", "rule": rule}


@pytest.mark.parametrize("name", ["\N{CYRILLIC CAPITAL LETTER A}na Diaz", "Ana Δiaz", "张Wei"])
def test_name_of_scripts_that_no_language_mixes_is_doubtful(name: str) -> None:
    assert mixes_scripts(Redacted(name))


@pytest.mark.parametrize("name", ["Ana Díaz", "Анна Ли", "佐々木 はるカ", "金秀賢 김수현", "O'Neill", "ضياء"])
def test_name_of_one_writing_system_is_not(name: str) -> None:
    assert not mixes_scripts(Redacted(name))
