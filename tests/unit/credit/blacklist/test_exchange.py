from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.exchange import (
    Exchange,
    ExchangeState,
    Listing,
    Revocation,
    Tally,
    Verdict,
    approve,
    check_proposal,
    count,
    extend,
    revoke_here,
    verdict,
)
from tests.unit.credit.builders import DAY, NOW, account

DIGESTS = SubjectDigests(b"k" * 32)
TOLD = Listing(
    entry_id=new_id(),
    origin="north",
    digest=DIGESTS.of(account()),
    sanction_id=new_id(),
    start=NOW - DAY,
    end=NOW + 30 * DAY,
    revoked_at=None,
    exported_at=NOW,
)
EARLIER = replace(TOLD, exported_at=NOW - DAY)
GONE = Revocation(NOW, "app-1", "Somebody else was meant.")


def proposed_with(*verdicts: Verdict) -> Exchange:
    """An exchange of one part."""
    empty = Exchange(new_id(), "north", ExchangeState.PROPOSED, "mod-1", NOW)
    return extend(empty, verdicts, origin="north", proposer="mod-1")


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (None, TOLD, Verdict.NEW),
        (EARLIER, TOLD, Verdict.UNCHANGED),
        (replace(EARLIER, end=NOW + DAY), TOLD, Verdict.CHANGED),
        (replace(EARLIER, revoked_at=NOW - DAY), TOLD, Verdict.CHANGED),
        (EARLIER, replace(TOLD, revoked_at=NOW), Verdict.REVOKED),
        (TOLD, EARLIER, Verdict.SUPERSEDED),
        (replace(EARLIER, revoked_here=GONE), TOLD, Verdict.REVOKED_HERE),
        (None, replace(TOLD, end=NOW), Verdict.ENDED),
        (None, replace(TOLD, end=NOW, register_again=NOW + DAY), Verdict.NEW),
        (None, replace(TOLD, register_again=TOLD.start + 61 * DAY), Verdict.TERM_TOO_LONG),
        (replace(EARLIER, register_again=NOW + 40 * DAY), TOLD, Verdict.CHANGED),
        (None, replace(TOLD, end=TOLD.start + 60 * DAY + timedelta(microseconds=1)), Verdict.TERM_TOO_LONG),
        (None, replace(TOLD, end=TOLD.start + 60 * DAY), Verdict.NEW),
    ],
)
def test_what_becomes_of_an_entry(known: Listing | None, told: Listing, expected: Verdict) -> None:
    assert verdict(told, known, term_most=60 * DAY, at=NOW) is expected


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "south"},
        {"entry_id": new_id()},
        {"digest": "0" * 32},
        {"sanction_id": new_id()},
        {"start": NOW},
        {"end": NOW + 31 * DAY},
        {"register_again": NOW + 32 * DAY},
        {"revoked_at": NOW},
        {"exported_at": NOW + timedelta(microseconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_seal_breaks_with_any_part_of_the_entry(change: dict[str, object]) -> None:
    seal = DIGESTS.seal(TOLD.canonical)
    assert DIGESTS.proves(TOLD.canonical, seal)
    assert not DIGESTS.proves(replace(TOLD, **change).canonical, seal)  # type: ignore[arg-type]  # fields of many types
    assert not SubjectDigests(b"l" * 32).proves(TOLD.canonical, seal)


def test_exchange_needs_a_second_person_and_is_approved_once() -> None:
    proposed = proposed_with(Verdict.NEW)
    with pytest.raises(Refusal) as alone:
        approve(proposed, approver="mod-1", parts=1, at=NOW)
    assert alone.value.reason == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED
    approved = approve(proposed, approver="app-1", parts=1, at=NOW)
    with pytest.raises(Refusal) as twice:
        approve(approved, approver="app-2", parts=1, at=NOW)
    assert twice.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_exchange_in_parts_adds_up_and_begins_anew_with_the_approval() -> None:
    first = proposed_with(Verdict.NEW, Verdict.NEW, Verdict.ENDED)
    both = extend(first, [Verdict.CHANGED, Verdict.REVOKED, Verdict.UNCHANGED], origin="north", proposer="mod-1")
    with pytest.raises(Refusal) as unseen:
        approve(both, approver="app-1", parts=1, at=NOW)

    approved = approve(both, approver="app-1", parts=2, at=NOW)
    halfway = count(approved, [Verdict.NEW, Verdict.SUPERSEDED])

    assert (both.parts, both.listings, both.tally, both.waiting) == (2, 6, Tally(2, 1, 1, 1, 1), 0)
    assert unseen.value.facts["field"] == "part_count"
    assert (approved.tally, approved.waiting) == (Tally(), 6)
    assert (halfway.tally, halfway.waiting) == (Tally(new=1, refused=1), 4)


def test_part_is_added_by_who_proposed_for_the_same_origin_before_the_approval() -> None:
    proposed = proposed_with(Verdict.NEW)
    approved = approve(proposed, approver="app-1", parts=1, at=NOW)

    for before, origin, proposer, reason in (
        (proposed, "north", "mod-2", ErrorReason.ERROR_REASON_PROPOSAL_NOT_YOURS),
        (proposed, "east", "mod-1", ErrorReason.ERROR_REASON_INVALID_FIELD),
        (approved, "north", "mod-1", ErrorReason.ERROR_REASON_WRONG_STATE),
    ):
        with pytest.raises(Refusal) as refused:
            extend(before, [Verdict.NEW], origin=origin, proposer=proposer)
        assert refused.value.reason == reason


def test_own_entries_and_doubles_are_refused() -> None:
    check_proposal([TOLD], origin="north", own="main")
    for listings, origin, field in (([TOLD], "main", "origin"), ([TOLD, TOLD], "north", "listings")):
        with pytest.raises(Refusal) as refused:
            check_proposal(listings, origin=origin, own="main")
        assert refused.value.facts["field"] == field


def test_entry_is_revoked_here_once_and_with_reasons() -> None:
    assert revoke_here(TOLD, GONE).gone_at == NOW
    with pytest.raises(Refusal) as mute:
        revoke_here(TOLD, replace(GONE, reasons=" "))
    assert mute.value.reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED
    with pytest.raises(Refusal) as twice:
        revoke_here(revoke_here(TOLD, GONE), GONE)
    assert twice.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE
