from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal
from services.identity.accounts.domain import Account, AccountKind, Basis, HolderKind, Level, Method, register
from services.identity.verifications import domain
from services.identity.verifications.domain import (
    Doubt,
    Evidence,
    Verification,
    VerificationReason,
    VerificationState,
)
from services.identity.verifications.numbers import Number

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)
YEAR = timedelta(days=365)


def account(holder: HolderKind = HolderKind.INDIVIDUAL) -> Account:
    kind = AccountKind.PUBLIC
    return register("a-1", kind=kind, holder_kind=holder, nickname="x", at=NOW, legacy_grace=None)


def started(method: Method = Method.PHONE_CODE, tries: int = 5, recent_starts: int = 0) -> Verification:
    holder = HolderKind.COMPANY if method is Method.REGISTRATION_NUMBER else HolderKind.INDIVIDUAL
    return domain.start(
        "v-1", account(holder), method, at=NOW, recent_starts=recent_starts, tries=tries, lasts=TEN_MINUTES
    )


def in_review() -> Verification:
    submitted = domain.submit(started(Method.DOCUMENT_NUMBER), Method.DOCUMENT_NUMBER, at=NOW)
    return domain.to_review(submitted, [Doubt.DOCUMENT_EXPIRED])


def evidence(*, checked: bool = True, expiry: date | None = None, mixed: bool = False) -> Evidence:
    number = Number("cn.ric", "CN", Redacted("110101199003074514"), checked=checked)
    return Evidence("NATIONAL_IDENTITY", number, Redacted("Ana"), expiry, mixed)


@pytest.mark.parametrize(
    ("holder", "method"),
    [
        (HolderKind.INDIVIDUAL, Method.REGISTRATION_NUMBER),
        (HolderKind.ORGANISATION, Method.DOCUMENT_NUMBER),
        (HolderKind.COMPANY, Method.DOCUMENT_NUMBER),
    ],
)
def test_method_of_another_kind_of_holder_is_refused(holder: HolderKind, method: Method) -> None:
    with pytest.raises(Refusal) as refused:
        domain.start("v-1", account(holder), method, at=NOW, recent_starts=0, tries=5, lasts=TEN_MINUTES)
    assert refused.value.reason == ErrorReason.ERROR_REASON_METHOD_NOT_FOR_HOLDER
    assert refused.value.facts == {"method": method, "holder_kind": holder}


def test_eleventh_start_in_a_day_is_refused() -> None:
    assert started(recent_starts=9)
    with pytest.raises(Refusal) as refused:
        started(recent_starts=10)
    assert refused.value.reason == ErrorReason.ERROR_REASON_VERIFICATION_LIMIT


def test_verification_expires_at_its_time_unless_evidence_came() -> None:
    waiting = started()
    assert waiting.state_at(NOW + TEN_MINUTES - timedelta(microseconds=1)) is VerificationState.AWAITING_USER
    assert waiting.state_at(NOW + TEN_MINUTES) is VerificationState.EXPIRED
    assert in_review().state_at(NOW + YEAR) is VerificationState.REVIEW


def test_evidence_of_another_kind_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        domain.submit(started(), Method.DOCUMENT_NUMBER, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_EVIDENCE_MISMATCH


def test_late_code_is_spent() -> None:
    with pytest.raises(Refusal) as refused:
        domain.submit(started(), Method.PHONE_CODE, at=NOW + TEN_MINUTES)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PHONE_CODE_SPENT
    assert refused.value.facts == {"cause": "EXPIRED"}


@pytest.mark.parametrize("state", sorted(set(VerificationState) - {VerificationState.AWAITING_USER}))
def test_evidence_is_taken_only_while_it_is_awaited(state: VerificationState) -> None:
    done = replace(started(Method.DOCUMENT_NUMBER), state=state)
    with pytest.raises(Refusal) as refused:
        domain.submit(done, Method.DOCUMENT_NUMBER, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


@given(tries=st.integers(1, 10))
def test_wrong_codes_end_the_verification_with_the_last_try(tries: int) -> None:
    verification = started(tries=tries)
    for used in range(1, tries + 1):
        verification = domain.count_wrong_code(domain.submit(verification, Method.PHONE_CODE, at=NOW), at=NOW)
        assert verification.tries_left == tries - used
    assert (verification.state, verification.reason) == (VerificationState.REJECTED, VerificationReason.TRIES_USED)
    with pytest.raises(Refusal) as refused:
        domain.submit(verification, Method.PHONE_CODE, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PHONE_CODE_SPENT


def test_sound_evidence_leaves_no_doubt() -> None:
    valid = evidence(expiry=NOW.date())
    assert domain.doubts_about(valid, other_number_before=False, today=NOW.date()) == ()


@pytest.mark.parametrize(
    ("given_evidence", "other_before", "doubt"),
    [
        (evidence(expiry=date(2026, 3, 1)), False, Doubt.DOCUMENT_EXPIRED),
        (evidence(checked=False), False, Doubt.NUMBER_NOT_CHECKABLE),
        (evidence(mixed=True), False, Doubt.NAME_MIXED_SCRIPTS),
        (evidence(), True, Doubt.OTHER_NUMBER_BEFORE),
    ],
)
def test_each_doubt_is_named(given_evidence: Evidence, other_before: bool, doubt: Doubt) -> None:
    assert domain.doubts_about(given_evidence, other_number_before=other_before, today=NOW.date()) == (doubt,)


def test_reviewer_of_the_own_account_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        domain.check_reviewer(in_review(), reviewer_account_id="a-1", at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_OWN_ACCOUNT
    domain.check_reviewer(in_review(), reviewer_account_id="a-2", at=NOW)


def test_reviewer_decides_only_what_is_in_review() -> None:
    with pytest.raises(Refusal) as refused:
        domain.check_reviewer(started(), reviewer_account_id="", at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_resubmission_gives_new_time_until_the_tries_are_used() -> None:
    again = domain.resubmit(in_review(), VerificationReason.UNREADABLE, at=NOW + YEAR)
    assert again.state_at(NOW + YEAR) is VerificationState.AWAITING_USER
    assert (again.reason, again.doubts) == (VerificationReason.UNREADABLE, ())
    last = domain.resubmit(replace(in_review(), tries_left=0), VerificationReason.UNREADABLE, at=NOW)
    assert (last.state, last.reason) == (VerificationState.REJECTED, VerificationReason.TRIES_USED)


@pytest.mark.parametrize(
    ("method", "level", "basis"),
    [
        (Method.PHONE_CODE, Level.L1, Basis.CODE_RETURNED),
        (Method.DOCUMENT_NUMBER, Level.L2, Basis.NUMBER_FORM),
        (Method.REGISTRATION_NUMBER, Level.L2, Basis.NUMBER_FORM),
    ],
)
def test_form_alone_never_passes_for_more_than_it_is(method: Method, level: Level, basis: Basis) -> None:
    assurance = domain.assurance_by_form(method, at=NOW, valid=YEAR)
    assert (assurance.level, assurance.basis, assurance.until) == (level, basis, NOW + YEAR)


def test_attended_review_of_a_document_gives_the_highest_level() -> None:
    assurance = domain.assurance_by_review(Method.DOCUMENT_NUMBER, attended=True, at=NOW, valid=YEAR)
    assert (assurance.level, assurance.basis) == (Level.L3, Basis.ATTENDED_REVIEW)
    assurance = domain.assurance_by_review(Method.REGISTRATION_NUMBER, attended=False, at=NOW, valid=YEAR)
    assert (assurance.level, assurance.basis) == (Level.L2, Basis.REVIEW)
    with pytest.raises(Refusal):
        domain.assurance_by_review(Method.REGISTRATION_NUMBER, attended=True, at=NOW, valid=YEAR)
