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
    Verdict,
    approve,
    check_proposal,
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
    proposed = Exchange(new_id(), "north", ExchangeState.PROPOSED, "mod-1", NOW)
    with pytest.raises(Refusal) as alone:
        approve(proposed, approver="mod-1", at=NOW)
    assert alone.value.reason == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED
    approved = approve(proposed, approver="app-1", at=NOW)
    with pytest.raises(Refusal) as twice:
        approve(approved, approver="app-2", at=NOW)
    assert twice.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


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
