from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.refusal import ErrorReason, Refusal
from services.identity.accounts.domain import (
    Account,
    AccountKind,
    Assurance,
    Basis,
    HolderKind,
    Level,
    Method,
    assure,
    register,
    rename,
)
from services.identity.accreditations import domain
from services.identity.accreditations.domain import Accreditation, AccreditationState, MarkState

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
UNTIL = NOW + timedelta(days=1826)


def publisher(
    kind: AccountKind = AccountKind.PUBLIC,
    holder: HolderKind = HolderKind.ORGANISATION,
    level: Level = Level.L2,
) -> Account:
    account = register("a-1", kind=kind, holder_kind=holder, nickname="daily", at=NOW, legacy_grace=None)
    return assure(account, Assurance(level, Method.REGISTRATION_NUMBER, Basis.NUMBER_FORM, UNTIL), at=NOW)


def applied(account: Account | None = None) -> Accreditation:
    return domain.apply("m-1", account or publisher(), pending=None, granted=None, at=NOW)


def granted() -> Accreditation:
    return domain.grant(applied(), publisher(), registrar_account_id="", at=NOW)


@pytest.mark.parametrize(
    ("account", "cause"),
    [
        (publisher(kind=AccountKind.PERSONAL, holder=HolderKind.INDIVIDUAL), "ACCOUNT_NOT_PUBLIC"),
        (publisher(holder=HolderKind.INDIVIDUAL), "HOLDER_INDIVIDUAL"),
        (publisher(level=Level.L1), "NOT_VERIFIED"),
    ],
)
def test_account_that_can_not_bear_the_mark_is_refused_with_the_cause(account: Account, cause: str) -> None:
    with pytest.raises(Refusal) as refused:
        applied(account)
    assert refused.value.reason == ErrorReason.ERROR_REASON_NOT_ACCREDITABLE
    assert refused.value.facts == {"cause": cause}


@pytest.mark.parametrize("existing", ["pending", "granted"])
def test_second_application_under_the_same_name_is_refused(existing: str) -> None:
    present = {"pending": None, "granted": None} | {existing: applied()}
    with pytest.raises(Refusal) as refused:
        domain.apply("m-2", publisher(), pending=present["pending"], granted=present["granted"], at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_ACCREDITATION_EXISTS


def test_application_after_a_change_of_name_is_taken() -> None:
    renamed = rename(publisher(), "daily-news", at=NOW)
    assert domain.apply("m-2", renamed, pending=applied(), granted=granted(), at=NOW).nickname == "daily-news"


def test_name_changed_before_the_grant_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        domain.grant(applied(), rename(publisher(), "daiIy", at=NOW), registrar_account_id="", at=NOW)
    assert refused.value.facts == {"cause": "RENAMED"}


def test_registrar_of_the_own_account_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        domain.grant(applied(), publisher(), registrar_account_id="a-1", at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_OWN_ACCOUNT


@pytest.mark.parametrize("state", [AccreditationState.GRANTED, AccreditationState.SUPERSEDED])
def test_only_an_open_application_is_granted(state: AccreditationState) -> None:
    with pytest.raises(Refusal) as refused:
        domain.grant(replace(applied(), state=state), publisher(), registrar_account_id="", at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_mark_is_active_while_name_and_verification_hold() -> None:
    assert domain.mark_of(granted(), publisher(), at=NOW) is MarkState.ACTIVE
    assert domain.mark_of(None, publisher(), at=NOW) is MarkState.NONE
    assert domain.mark_of(None, None, at=NOW) is MarkState.NONE
    assert domain.mark_of(granted(), publisher(), at=UNTIL) is MarkState.LAPSED


@pytest.mark.parametrize("name", ["daily-news", "Daily", "d\N{CYRILLIC SMALL LETTER A}ily"])
def test_mark_is_stale_under_any_other_name(name: str) -> None:
    assert domain.mark_of(granted(), rename(publisher(), name, at=NOW), at=NOW) is MarkState.STALE


def test_mark_holds_again_under_its_own_name() -> None:
    back = rename(rename(publisher(), "daily-news", at=NOW), "daily", at=NOW)
    assert domain.mark_of(granted(), back, at=NOW) is MarkState.ACTIVE
