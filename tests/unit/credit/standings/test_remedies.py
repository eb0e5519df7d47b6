import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from chassis.refusal import Refusal
from policies.pack import RemedyKind, RemedyPolicy
from services.credit.standings.domain import LedgerEntry, OverturnEntry, PointsEntry, ReliefEntry, active_points
from services.credit.standings.remedies import Remedy, offers, record, room_left
from tests.unit.credit.builders import DAY, NOW, account, pack

SUBJECT = account()
POLICY = pack().credit.remedies


def points(amount: int = 9, *, days: int = 180) -> PointsEntry:
    return PointsEntry(new_id(), SUBJECT, new_id(), amount, NOW, NOW + days * DAY, NOW)


def completed(entry: PointsEntry, kind: RemedyKind = RemedyKind.CURE, proof: str = "") -> Remedy:
    return Remedy(kind, entry.sanction_id, proof or new_id())


def recorded(remedy: Remedy, ledger: list[LedgerEntry], *, days: int = 1, policy: RemedyPolicy = POLICY) -> ReliefEntry:
    return record(remedy, ledger, policy, entry_id=new_id(), at=NOW + days * DAY)


def refused(remedy: Remedy, ledger: list[LedgerEntry], *, days: int = 1, policy: RemedyPolicy = POLICY) -> str:
    with pytest.raises(Refusal) as refusal:
        recorded(remedy, ledger, days=days, policy=policy)
    assert refusal.value.satisfy
    return refusal.value.facts.get("cause", "EVIDENCE_REUSED")


def test_remedy_wins_back_what_the_policy_gives_until_the_points_end() -> None:
    entry = points()

    relief = recorded(completed(entry), [entry])

    assert (relief.points, relief.end) == (3, entry.end)
    assert active_points([entry, relief], {}, NOW + DAY) == 6
    assert active_points([entry, relief], {}, NOW) == 9


def test_remedy_wins_back_no_more_than_there_is() -> None:
    entry = points(1)

    assert recorded(completed(entry), [entry]).points == 1


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(RemedyKind)), max_size=8))
def test_remedies_win_back_no_more_than_the_cap_within_its_time(tries: list[tuple[int, RemedyKind]]) -> None:
    ledger: list[LedgerEntry] = []
    for amount, kind in tries:
        entry = points(amount)
        ledger.append(entry)
        if room_left(ledger, POLICY, NOW + DAY):
            ledger.append(recorded(completed(entry, kind), ledger))
        else:
            assert refused(completed(entry, kind), ledger) == "CAP_REACHED"

    won = sum(entry.points for entry in ledger if isinstance(entry, ReliefEntry))
    assert won <= POLICY.points_most
    assert room_left(ledger, POLICY, NOW + DAY) == POLICY.points_most - won
    assert room_left(ledger, POLICY, NOW + 366 * DAY) == POLICY.points_most


def test_what_was_won_back_of_an_overturned_sanction_uses_no_room() -> None:
    entry = points()
    relief = recorded(completed(entry), [entry])
    fallen = OverturnEntry(new_id(), SUBJECT, entry.sanction_id, entry.entry_id, new_id(), NOW)

    assert room_left([entry, relief], POLICY, NOW + DAY) == 3
    assert room_left([entry, relief, fallen], POLICY, NOW + DAY) == 6


def test_remedy_that_would_win_back_nothing_is_refused_with_the_cause() -> None:
    entry, other = points(), points()
    cure = recorded(completed(entry), [entry])
    rest = recorded(completed(other), [entry, other, cure])
    fallen = OverturnEntry(new_id(), SUBJECT, entry.sanction_id, entry.entry_id, new_id(), NOW)
    courses = POLICY.model_copy(update={"points": {RemedyKind.COURSE: 2}})

    assert refused(completed(points()), [entry]) == "NO_POINTS"
    assert refused(completed(entry), [entry, fallen]) == "NO_POINTS"
    assert refused(completed(entry), [entry], days=180) == "NO_POINTS"
    assert refused(completed(entry), [entry], policy=courses) == "NOT_OFFERED"
    assert refused(completed(entry), [entry, cure]) == "RECORDED"
    assert refused(completed(entry, RemedyKind.COURSE), [entry, other, cure, rest]) == "CAP_REACHED"
    assert refused(completed(other, proof=cure.proof_sha256), [entry, other, cure]) == "EVIDENCE_REUSED"


def test_offers_say_what_each_open_remedy_would_win_back() -> None:
    entry = points()
    cure = recorded(completed(entry), [entry])

    before = offers(entry, [entry], POLICY, NOW)
    after = offers(entry, [entry, cure], POLICY, NOW + DAY)

    assert [(offer.kind, offer.points) for offer in before] == [(RemedyKind.CURE, 3), (RemedyKind.COURSE, 2)]
    assert [(offer.kind, offer.points) for offer in after] == [(RemedyKind.COURSE, 2)]
