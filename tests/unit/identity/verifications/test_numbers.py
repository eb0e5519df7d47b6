"""The form of numbers. All numbers are made up: their check digits are right, their persons do not exist."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.cn import ric

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal
from services.identity.verifications.numbers import (
    DocumentType,
    Number,
    RegisterType,
    document_number,
    register_number,
)

TODAY = date(2026, 3, 2)
IDENTITY = DocumentType.NATIONAL_IDENTITY
PERMIT = DocumentType.RESIDENCE_PERMIT
PASSPORT = DocumentType.PASSPORT

PERSONS = [
    ("CN", IDENTITY, "110101199003074514", "cn.ric"),
    ("CN", IDENTITY, "310104195508121230", "cn.ric"),
    ("CN", IDENTITY, "810000199001010019", "cn.ric"),
    ("CN", PERMIT, "810000199001010019", "cn.ric"),
    ("CN", PERMIT, "820000198506150022", "cn.ric"),
    ("CN", PERMIT, "830000197712310039", "cn.ric"),
    ("BR", IDENTITY, "52998224725", "br.cpf"),
    ("ES", IDENTITY, "54362315K", "es.dni"),
    ("ES", PERMIT, "X2482300W", "es.nie"),
    ("IN", IDENTITY, "234123412346", "in.aadhaar"),
    ("PL", IDENTITY, "44051401359", "pl.pesel"),
]
ORGANISATIONS = [
    ("BR", "11222333000181", "br.cnpj"),
    ("CN", "91110000600037341L", "cn.uscc"),
    ("FR", "732829320", "fr.siren"),
    ("JP", "5835010100675", "jp.cn"),
    ("KR", "2208162080", "kr.brn"),
    ("NO", "988077917", "no.orgnr"),
    ("SG", "00192200M", "sg.uen"),
]
# What people and forms put between, before and after the digits.
DECORATIONS = st.text("\u200b\u200d\ufeff\u00ad -\u2013\u3000\u00a0./", max_size=3)


def person(country: str, document: DocumentType, written: str) -> Number:
    return document_number(country, document, Redacted(written), today=TODAY)


def rule_broken(country: str, document: DocumentType, written: str) -> str:
    with pytest.raises(Refusal) as refused:
        person(country, document, written)
    assert refused.value.reason == ErrorReason.ERROR_REASON_DOCUMENT_NUMBER_REFUSED
    assert refused.value.violations[0].path == "document.number"
    shown = f"{refused.value.message} {refused.value.satisfy} {refused.value.facts}"
    assert written not in shown
    return refused.value.facts["rule"]


def resident(region: str, birth: str, order: str = "451") -> str:
    number = f"{region}{birth}{order}"
    return number + ric.calc_check_digit(f"{number}0")


@pytest.mark.parametrize(("country", "document", "written", "scheme"), PERSONS)
def test_right_number_of_a_person_is_checked(country: str, document: DocumentType, written: str, scheme: str) -> None:
    number = person(country, document, written)
    assert (number.scheme, number.country, number.value.reveal(), number.checked) == (scheme, country, written, True)


@pytest.mark.parametrize(("country", "written", "scheme"), ORGANISATIONS)
def test_right_number_of_an_organisation_is_checked(country: str, written: str, scheme: str) -> None:
    number = register_number(RegisterType.NATIONAL, country, Redacted(written), today=TODAY)
    assert (number.scheme, number.value.reveal(), number.checked) == (scheme, written, True)


def test_right_lei_is_checked() -> None:
    number = register_number(RegisterType.LEI, "", Redacted("2138-00KUD8LAJWSQ9D15"), today=TODAY)
    assert (number.scheme, number.value.reveal(), number.checked) == ("lei", "213800KUD8LAJWSQ9D15", True)


@pytest.mark.parametrize(("country", "document", "written", "scheme"), PERSONS)
def test_one_wrong_digit_is_refused(country: str, document: DocumentType, written: str, scheme: str) -> None:
    place = next(index for index, mark in enumerate(written) if mark.isdigit() and index > 6)
    changed = written[:place] + str((int(written[place]) + 1) % 10) + written[place + 1 :]
    assert rule_broken(country, document, changed) in {"CHECK_DIGITS", "BIRTH_DATE", "COMPONENT"}, scheme


@given(
    case=st.sampled_from(PERSONS),
    gaps=st.lists(DECORATIONS, min_size=24, max_size=24),
    wide=st.booleans(),
    lower=st.booleans(),
)
def test_however_it_is_written_it_is_one_number(
    case: tuple[str, DocumentType, str, str], gaps: list[str], wide: bool, lower: bool
) -> None:
    country, document, plain, _ = case
    marks = [chr(ord(mark) + 0xFEE0) if wide else mark for mark in plain]
    written = "".join(gap + mark for gap, mark in zip(gaps, marks, strict=False)) + gaps[-1]
    assert person(country, document, written.lower() if lower else written) == person(country, document, plain)


@given(first=st.sampled_from(PERSONS), second=st.sampled_from(PERSONS))
def test_numbers_of_other_schemes_or_countries_are_other_numbers(
    first: tuple[str, DocumentType, str, str], second: tuple[str, DocumentType, str, str]
) -> None:
    assume((first[3], first[2]) != (second[3], second[2]))
    assert person(*first[:3]) != person(*second[:3])


def test_permit_of_hong_kong_is_one_number_under_both_document_types() -> None:
    assert person("CN", IDENTITY, "810000199001010019") == person("CN", PERMIT, "810000199001010019")


def test_fifteen_digits_are_the_same_person_as_eighteen() -> None:
    new = resident("110101", "19550812")
    assert person("CN", IDENTITY, new[:6] + new[8:17]) == person("CN", IDENTITY, new)


@pytest.mark.parametrize(
    ("country", "document", "written", "rule"),
    [
        ("CN", IDENTITY, resident("440305", "20991231"), "BIRTH_DATE"),
        ("CN", IDENTITY, resident("110101", "18950101"), "BIRTH_DATE"),
        ("CN", IDENTITY, resident("110101", "20260303"), "BIRTH_DATE"),
        ("CN", PERMIT, resident("830000", "19770231"), "BIRTH_DATE"),
        ("CN", PERMIT, resident("820000", "20991231"), "BIRTH_DATE"),
        ("CN", PERMIT, "810000199001010018", "CHECK_DIGITS"),
        ("CN", PERMIT, "110101199003074514", "COMPONENT"),
        ("CN", PERMIT, "81000019900101001", "FORMAT"),
        ("CN", IDENTITY, resident("999999", "19900307"), "COMPONENT"),
        ("CN", IDENTITY, "1101011990030745", "LENGTH"),
        ("BR", IDENTITY, "11111111111", "COMPONENT"),
        ("BR", IDENTITY, "5299822472\N{ARABIC-INDIC DIGIT FIVE}", "CHARACTERS"),
        ("BR", IDENTITY, "529982247#25", "CHARACTERS"),
        ("BR", IDENTITY, "...", "CHARACTERS"),
        ("PL", IDENTITY, "99323112340", "CHECK_DIGITS"),
        ("PL", IDENTITY, "99323112349", "BIRTH_DATE"),
        ("DE", IDENTITY, "L01", "LENGTH"),
        ("DE", IDENTITY, "ABCDEFGHI", "LENGTH"),
        ("FR", PASSPORT, "1" * 21, "LENGTH"),
    ],
)
def test_number_that_can_not_be_is_refused_by_rule(
    country: str, document: DocumentType, written: str, rule: str
) -> None:
    assert rule_broken(country, document, written) == rule


def test_person_born_today_and_person_of_130_years_are_accepted() -> None:
    assert person("CN", IDENTITY, resident("110101", "20260302")).checked
    assert person("CN", IDENTITY, resident("110101", "18960302")).checked


@pytest.mark.parametrize(
    ("country", "document", "written"),
    [
        ("FR", PASSPORT, "12AB34567"),
        ("CN", PASSPORT, "E12345678"),
        ("DE", IDENTITY, "L01X00T471"),
        ("KR", IDENTITY, "900307-1234567"),
        ("CN", PERMIT, "911124199001010012"),
    ],
)
def test_plausible_number_without_a_rule_is_not_checked(country: str, document: DocumentType, written: str) -> None:
    assert not person(country, document, written).checked


def test_wrong_register_number_blames_its_own_field() -> None:
    with pytest.raises(Refusal) as refused:
        register_number(RegisterType.NATIONAL, "FR", Redacted("732829321"), today=TODAY)
    assert refused.value.facts == {"field": "registration.number", "rule": "CHECK_DIGITS"}


@given(country=st.sampled_from(["BR", "CN", "ES", "IN", "PL", "DE"]), written=st.text(max_size=64))
def test_whatever_is_written_is_accepted_or_refused(country: str, written: str) -> None:
    for document in DocumentType:
        try:
            number = person(country, document, written)
        except Refusal:
            continue
        assert number.value.reveal().isalnum()
