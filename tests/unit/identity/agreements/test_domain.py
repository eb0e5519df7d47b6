import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.identity.agreements.domain import Agreement, publish, sign

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def first(effective: datetime | None = None) -> Agreement:
    return publish("founder", "Be fair.", newest=None, effective_time=effective, at=NOW)


@given(terms=st.text(min_size=1, max_size=100))
def test_hash_is_of_the_wording_itself(terms: str) -> None:
    agreement = publish("founder", terms, newest=None, effective_time=None, at=NOW)
    assert agreement.terms_sha256 == hashlib.sha256(agreement.terms.encode()).hexdigest()


def test_versions_count_from_one() -> None:
    second = publish("founder", "Be fairer.", newest=first(), effective_time=None, at=NOW + DAY)
    assert (first().version, second.version) == (1, 2)
    assert (first().effective_time, second.effective_time) == (NOW, NOW + DAY)


@pytest.mark.parametrize("effective", [NOW - DAY, NOW - timedelta(microseconds=1)])
def test_version_in_force_in_the_past_is_refused(effective: datetime) -> None:
    with pytest.raises(Refusal) as refused:
        first(effective)
    assert refused.value.reason == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED
    assert refused.value.facts["earliest"] == "2026-03-02T09:00:00Z"


def test_version_too_far_ahead_for_another_to_follow_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        first(datetime.max.replace(tzinfo=UTC))
    assert refused.value.reason == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED
    assert refused.value.facts["latest"] == "2036-02-28T09:00:00Z"


@pytest.mark.parametrize("effective", [None, NOW + DAY])
def test_version_in_force_before_the_one_it_follows_is_refused(effective: datetime | None) -> None:
    with pytest.raises(Refusal) as refused:
        publish("founder", "Be fairer.", newest=first(NOW + 2 * DAY), effective_time=effective, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED


def test_signature_holds_the_hash_of_what_was_signed() -> None:
    signature = sign("a-1", first(), current=first(), at=NOW)
    assert (signature.version, signature.terms_sha256) == (1, first().terms_sha256)


def test_version_out_of_force_can_not_be_signed() -> None:
    second = publish("founder", "Be fairer.", newest=first(), effective_time=NOW + DAY, at=NOW)
    with pytest.raises(Refusal) as refused:
        sign("a-1", first(), current=second, at=NOW + DAY)
    assert refused.value.reason == ErrorReason.ERROR_REASON_AGREEMENT_OUT_OF_FORCE
    assert refused.value.facts == {"version": "1", "current_version": "2"}


def test_coming_version_can_be_signed_ahead() -> None:
    second = publish("founder", "Be fairer.", newest=first(), effective_time=NOW + DAY, at=NOW)
    assert sign("a-1", second, current=first(), at=NOW).version == 2
