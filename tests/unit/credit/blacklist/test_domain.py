from dataclasses import replace
from datetime import timedelta

from chassis.ids import new_id
from policies.pack import MeasureKind
from services.credit.blacklist.domain import BlacklistEntry, Scope, active, entry_of
from services.credit.sanctions.domain import Lift, SanctionState, enter_force
from services.credit.standings.domain import Stay
from tests.unit.credit.builders import DAY, NOW, approved, group, in_force, measure

LISTED = (measure(MeasureKind.BLACKLISTED, days=100),)


def listed(days: int = 100) -> BlacklistEntry:
    entry = entry_of(in_force(measures=(measure(MeasureKind.BLACKLISTED, days=days),)), entry_id=new_id())
    assert entry is not None
    return entry


def test_sanction_makes_an_entry_with_its_term() -> None:
    sanction = in_force(measures=LISTED)

    entry = entry_of(sanction, entry_id="entry")

    assert entry == BlacklistEntry(
        "entry", sanction.subject, sanction.sanction_id, NOW, NOW + 100 * DAY, register_again=NOW + 100 * DAY
    )


def test_sanction_without_the_measure_makes_none() -> None:
    assert entry_of(in_force(), entry_id="entry") is None
    assert entry_of(approved(measures=LISTED), entry_id="entry") is None


def test_term_that_ended_before_the_notice_was_delivered_makes_none() -> None:
    late = enter_force(approved(measures=LISTED), delivered_at=NOW + 100 * DAY)

    assert entry_of(late, entry_id="entry") is None


def test_entry_holds_within_its_term_unless_stayed_or_revoked() -> None:
    entry = listed()

    assert entry.holds(NOW)
    assert not entry.holds(NOW + 100 * DAY)
    assert not replace(entry, stay=Stay(NOW, None)).holds(NOW)
    assert not replace(entry, revoked_at=NOW + 50 * DAY).holds(NOW)


def test_of_several_entries_the_one_that_ends_last_answers() -> None:
    short, long = listed(10), listed(20)

    assert active([short, long], NOW) == long
    assert active([short, replace(long, revoked_at=NOW)], NOW) == short
    assert active([short], NOW + 10 * DAY) is None
    assert active([], NOW) is None


def test_holder_of_a_listed_account_has_no_other_one_until_the_stated_instant() -> None:
    entry = entry_of(in_force(measures=LISTED, register_again=NOW + 200 * DAY), entry_id=new_id())
    assert entry is not None
    assert not entry.holds(NOW + 100 * DAY)
    assert entry.holds(NOW + 200 * DAY - timedelta(microseconds=1), Scope.REGISTRATION)
    assert not entry.holds(NOW + 200 * DAY, Scope.REGISTRATION)
    assert not replace(entry, revoked_at=NOW).holds(NOW, Scope.REGISTRATION)
    assert active([entry], NOW + 150 * DAY, Scope.REGISTRATION) == entry
    assert active([entry], NOW + 150 * DAY) is None


def test_group_registers_nothing_again() -> None:
    entry = entry_of(in_force(subject=group(), measures=LISTED), entry_id=new_id())
    assert entry is not None
    assert not entry.holds(NOW, Scope.REGISTRATION)


def test_sanction_is_not_over_before_its_bar_on_other_accounts_unless_lifted() -> None:
    sanction = in_force(measures=LISTED, register_again=NOW + 200 * DAY)
    assert sanction.end == NOW + 200 * DAY
    assert sanction.state_at(NOW + 150 * DAY) is SanctionState.IN_FORCE
    assert replace(sanction, lift=Lift(NOW + DAY, "app-2", "Paid back.")).end == NOW + DAY
