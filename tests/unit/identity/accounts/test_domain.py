from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.identity.accounts.domain import (
    Account,
    AccountKind,
    AccountState,
    Assurance,
    Basis,
    HolderKind,
    Level,
    Method,
    assure,
    canonical_nickname,
    register,
    rename,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
GRACE = timedelta(days=90)

levels = st.sampled_from([Level.L1, Level.L2, Level.L3])
instants = st.integers(-1000, 1000).map(lambda hours: NOW + timedelta(hours=hours))
assurances = st.builds(
    Assurance,
    level=levels,
    method=st.sampled_from(Method),
    basis=st.sampled_from(Basis),
    until=instants,
)


def account(legacy_grace: timedelta | None = None, nickname: str = "gnubie") -> Account:
    return register(
        "a-1",
        kind=AccountKind.PERSONAL,
        holder_kind=HolderKind.INDIVIDUAL,
        nickname=nickname,
        at=NOW,
        legacy_grace=legacy_grace,
    )


def test_new_account_is_unverified() -> None:
    assert account().state_at(NOW) is AccountState.UNVERIFIED
    assert account().level_at(NOW) is Level.L0


@pytest.mark.parametrize("holder", [HolderKind.ORGANISATION, HolderKind.COMPANY])
def test_personal_account_of_an_organisation_is_refused(holder: HolderKind) -> None:
    with pytest.raises(Refusal) as refused:
        register("a-1", kind=AccountKind.PERSONAL, holder_kind=holder, nickname="x", at=NOW, legacy_grace=None)
    assert refused.value.reason == ErrorReason.ERROR_REASON_INVALID_FIELD
    assert refused.value.violations[0].path == "holder_kind"


def test_legacy_account_is_in_grace_until_the_very_end_of_it() -> None:
    legacy = account(legacy_grace=GRACE)
    assert legacy.legacy
    assert legacy.state_at(NOW + GRACE - timedelta(microseconds=1)) is AccountState.LEGACY_GRACE
    assert legacy.state_at(NOW + GRACE) is AccountState.UNVERIFIED


@given(assurance=assurances, at=instants)
def test_level_holds_until_its_end_and_not_after(assurance: Assurance, at: datetime) -> None:
    verified = assure(account(), assurance, at=NOW)
    in_force = at < assurance.until
    assert verified.level_at(at) is (assurance.level if in_force else Level.L0)
    assert (verified.state_at(at) is AccountState.VERIFIED) is in_force


@given(first=assurances, second=assurances, at=instants)
def test_weaker_verification_never_lowers_a_level_in_force(first: Assurance, second: Assurance, at: datetime) -> None:
    assume(second.until > at)
    before = assure(account(), first, at=NOW)
    assert assure(before, second, at=at).level_at(at) >= before.level_at(at)


def test_expired_level_is_replaced_by_a_weaker_one_in_force() -> None:
    expired = Assurance(Level.L2, Method.DOCUMENT_NUMBER, Basis.NUMBER_FORM, NOW)
    phone = Assurance(Level.L1, Method.PHONE_CODE, Basis.CODE_RETURNED, NOW + timedelta(days=365))
    assert assure(assure(account(), expired, at=NOW), phone, at=NOW).level_at(NOW) is Level.L1


def test_rename_moves_the_time_of_the_nickname_and_nothing_else() -> None:
    later = NOW + timedelta(days=1)
    renamed = rename(account(), "ubuntu-fan", at=later)
    assert (renamed.nickname, renamed.nickname_time, renamed.create_time) == ("ubuntu-fan", later, NOW)


@pytest.mark.parametrize("nickname", ["[gnubie]", "|paradox|", "张伟", "Zoë Q", "x" * 64, "o0"])
def test_nicknames_of_real_chats_are_kept_as_they_are(nickname: str) -> None:
    assert canonical_nickname(nickname) == nickname


@pytest.mark.parametrize(
    ("nickname", "rule"),
    [
        ("", "LENGTH"),
        ("x" * 65, "LENGTH"),
        ("\ufdfa" * 4, "LENGTH"),  # one character that NFKC writes out as eighteen
        ("a\u200bb", "CONTROL_CHARACTER"),
        ("a\u202eb", "CONTROL_CHARACTER"),
        ("a\nb", "CONTROL_CHARACTER"),
        ("\ue000", "CONTROL_CHARACTER"),
        (" a", "SPACE_AT_END"),
        ("a\u3000", "SPACE_AT_END"),
        ("\u0301a", "LEADING_MARK"),
    ],
)
def test_nickname_that_can_not_be_shown_is_refused(nickname: str, rule: str) -> None:
    with pytest.raises(Refusal) as refused:
        canonical_nickname(nickname)
    assert refused.value.reason == ErrorReason.ERROR_REASON_NICKNAME_REFUSED
    assert refused.value.facts == {"field": "nickname", "rule": rule}


@given(st.text(max_size=80))
def test_accepted_nickname_is_canonical_already(written: str) -> None:
    try:
        nickname = canonical_nickname(written)
    except Refusal:
        return
    assert canonical_nickname(nickname) == nickname
