import pytest

from chassis.ids import new_id
from policies import Pack
from services.credit.policies.domain import PolicyConflictError, Publication, publish
from tests.unit.credit.builders import DAY, NOW, pack


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
