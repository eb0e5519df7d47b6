from datetime import UTC, datetime, timedelta

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from policies import Pack
from services.credit.policies.domain import (
    LEAST_LEAD,
    MOST_LEAD,
    PolicyConflictError,
    Proposal,
    Publication,
    approve,
    publish,
)
from tests.unit.credit.builders import DAY, NOW, pack
from tests.unit.credit.drafts import draft, proposed, publication


def changed(**changes: object) -> Pack:
    return Pack.model_validate(pack().model_dump() | changes)


def first() -> Publication:
    publication = publish(pack(), publication_id=new_id(), earlier=[], at=NOW)
    assert publication is not None
    return publication


def test_first_pack_is_in_force_from_its_own_date() -> None:
    assert first().effective_at == pack().effective_at < NOW


def test_pack_that_replaces_another_is_never_in_force_before_it_did() -> None:
    second = changed(version="2026.2")

    publication = publish(second, publication_id=new_id(), earlier=[first()], at=NOW + DAY)

    assert publication is not None
    assert publication.effective_at == NOW + DAY


def test_pack_in_force_is_not_published_again() -> None:
    assert publish(pack(), publication_id=new_id(), earlier=[first()], at=NOW + DAY) is None


def test_return_to_an_earlier_version_is_a_publication_of_its_own() -> None:
    second = publish(changed(version="2026.2"), publication_id=new_id(), earlier=[first()], at=NOW + DAY)
    assert second is not None

    third = publish(pack(), publication_id=new_id(), earlier=[first(), second], at=NOW + 2 * DAY)

    assert third is not None
    assert third.effective_at == NOW + 2 * DAY


def test_version_with_other_content_is_refused() -> None:
    with pytest.raises(PolicyConflictError, match=r"version: default 2026\.1 was published with other content"):
        publish(changed(title="Another"), publication_id=new_id(), earlier=[first()], at=NOW)


def test_pack_of_the_future_is_refused() -> None:
    with pytest.raises(PolicyConflictError, match="lies in the future"):
        publish(changed(effective_at=NOW + DAY), publication_id=new_id(), earlier=[], at=NOW)


def reason(error: pytest.ExceptionInfo[Refusal]) -> "ErrorReason.ValueType":
    return error.value.reason


@pytest.mark.parametrize("ahead", [-DAY, timedelta(0), LEAST_LEAD - timedelta(microseconds=1)])
def test_date_that_is_past_or_too_near_is_refused(ahead: timedelta) -> None:
    with pytest.raises(Refusal) as refused:
        proposed(draft(), effective_at=NOW + ahead)

    assert reason(refused) == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED
    assert refused.value.facts["earliest"] == (NOW + LEAST_LEAD).isoformat()


def test_date_too_far_ahead_for_another_to_follow_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        proposed(draft(), effective_at=datetime.max.replace(tzinfo=UTC))

    assert reason(refused) == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED
    assert refused.value.facts["latest"] == (NOW + MOST_LEAD).isoformat()


def test_date_of_a_publication_before_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        proposed(draft(), published=[publication(draft("2026.9"), NOW + DAY)])

    assert reason(refused) == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED


def test_date_before_the_one_that_the_pack_names_is_refused() -> None:
    later = Pack.model_validate(draft().model_dump() | {"effective_at": NOW + 3 * DAY})

    with pytest.raises(Refusal) as refused:
        proposed(later)

    assert refused.value.facts["earliest"] == (NOW + 3 * DAY).isoformat()


def test_version_that_was_published_with_other_content_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        proposed(draft(), published=[publication(draft(joined=140), NOW)])

    assert reason(refused) == ErrorReason.ERROR_REASON_POLICY_VERSION_TAKEN


def test_proposer_can_not_approve_and_nobody_approves_twice_or_too_late() -> None:
    proposal = proposed(draft())

    def approved_by(approver: str, at: datetime = NOW) -> Proposal:
        return approve(proposal, publication_id=new_id(), published=[], approver=approver, at=at)[0]

    with pytest.raises(Refusal) as own:
        approved_by("pol-1")
    with pytest.raises(Refusal) as late:
        approved_by("pol-2", NOW + DAY)
    with pytest.raises(Refusal) as again:
        approve(approved_by("pol-2"), publication_id=new_id(), published=[], approver="pol-3", at=NOW)

    assert reason(own) == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED
    assert reason(late) == ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED
    assert reason(again) == ErrorReason.ERROR_REASON_WRONG_STATE


def test_start_replaces_nothing_that_two_persons_published() -> None:
    by_two = publication(draft(), NOW - DAY)

    same = publish(pack(), publication_id=new_id(), earlier=[first(), by_two], at=NOW)

    assert same is None
    with pytest.raises(PolicyConflictError, match="two persons publish"):
        publish(draft("2026.3"), publication_id=new_id(), earlier=[first(), by_two], at=NOW)
