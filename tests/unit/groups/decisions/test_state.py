import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.groups.v1.change_pb2 import PROJECTION_ACCOUNTS, PROJECTION_STANDINGS, GroupsChange, MemberLeft
from ombud.groups.v1.group_service_pb2 import Group, Member, MemberRole
from services.groups.decisions import wire
from services.groups.decisions.domain import Action, decide
from services.groups.decisions.state import DecisionState
from services.groups.decisions.verdicts import NEVER, Verdict, Verdicts
from tests.unit.groups import changes
from tests.unit.groups.decisions.facts import HOUR, NOW, UNVERIFIED, VERIFIED, situation

ACCOUNTS = ["a1", "a2", "a3"]
GROUPS = ["g1", "g2"]
MEASURES = [
    "PUBLISHING_SUSPENDED",
    "MANAGEMENT_SUSPENDED",
    "GROUP_CREATION_CANCELLED",
    "ACCOUNT_SUSPENDED",
    "GROUP_SUSPENDED",
    "GROUP_CLOSED",
    "BLACKLISTED",
]

instants = st.integers(0, 6).map(lambda hours: NOW + hours * HOUR)
accounts = st.sampled_from(ACCOUNTS)
groups = st.sampled_from(GROUPS)
subjects = st.builds(Subject, account_id=accounts) | st.builds(Subject, group_id=groups)
restrictions = st.builds(
    changes.restriction,
    st.sampled_from(MEASURES),
    instants,
    end=st.none() | instants,
    stayed_from=st.none() | instants,
)
told = st.one_of(
    st.builds(
        lambda account: GroupsChange(account=account),
        st.builds(changes.account, accounts, verified_until=st.none() | instants, grace_end=st.none() | instants),
    ),
    st.builds(
        lambda subject, at, listed: GroupsChange(standing=changes.standing(subject, at, *listed)),
        subjects,
        instants,
        st.lists(restrictions, max_size=2),
    ),
    st.just(GroupsChange(default_entitlements=changes.default())),
    st.builds(
        lambda group_id, most, readers: GroupsChange(
            group=Group(group_id=group_id, most_members=most, open_to_readers=readers)
        ),
        groups,
        st.integers(1, 3),
        st.booleans(),
    ),
    st.builds(
        lambda group_id, account_id, role: GroupsChange(
            member=Member(group_id=group_id, account_id=account_id, role=role)
        ),
        groups,
        accounts,
        st.sampled_from([MemberRole.MEMBER_ROLE_OWNER, MemberRole.MEMBER_ROLE_MEMBER]),
    ),
    st.builds(
        lambda group_id, account_id: GroupsChange(member_left=MemberLeft(group_id=group_id, account_id=account_id)),
        groups,
        accounts,
    ),
    st.sampled_from([PROJECTION_ACCOUNTS, PROJECTION_STANDINGS]).map(lambda which: GroupsChange(reset=which)),
)
USUAL = [
    GroupsChange(default_entitlements=changes.default()),
    *(GroupsChange(account=changes.account(each, verified_until=NOW + 4 * HOUR)) for each in ACCOUNTS),
    *(GroupsChange(group=Group(group_id=each, most_members=2)) for each in GROUPS),
]
# Time mostly stands still or goes on: a step back drops every kept answer, and with it what may be wrong.
passing = st.sampled_from([0, 0, 0, 0, 1, -1]).map(lambda hours: hours * HOUR)


def assert_fresh(state: DecisionState, verdict: Verdict, question: tuple[Action, str, str], at: datetime) -> None:
    action, who, where = question
    decision = decide(state.situation(who, where), action, at)
    assert verdict.decision == wire.answer(decision)
    assert verdict.until == (NEVER if decision.valid_until is None else wire.micros(decision.valid_until))


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(told, passing), min_size=1, max_size=10))
def test_kept_answers_equal_fresh_ones_after_any_changes_at_any_instants(
    steps: list[tuple[GroupsChange, timedelta]],
) -> None:
    state, at = DecisionState(), NOW
    for change in USUAL:
        state.apply(change)
    everybody, everywhere = zip(*((who, where) for who in ACCOUNTS for where in [*GROUPS, ""]), strict=True)
    for change, step in [(USUAL[0], timedelta()), *steps]:
        state.apply(change)
        at += step
        for action in Action:
            column = state.check_many(action, everybody, everywhere, at)
            for who, where, verdict in zip(everybody, everywhere, column, strict=True):
                assert_fresh(state, verdict, (action, who, where), at)
                assert state.check(action, who, where, at) is verdict


def test_who_joins_or_leaves_changes_what_others_hear_about_joining() -> None:
    state = DecisionState()
    for change in USUAL:
        state.apply(change)

    def may_join() -> bool:
        return state.check(Action.JOIN, "a3", "g1", NOW).decision.allowed

    heard = [may_join()]
    for account_id in ("a1", "a2"):
        state.apply(
            GroupsChange(member=Member(group_id="g1", account_id=account_id, role=MemberRole.MEMBER_ROLE_MEMBER))
        )
        heard.append(may_join())
    state.apply(GroupsChange(member_left=MemberLeft(group_id="g1", account_id="a1")))
    assert [*heard, may_join()] == [True, True, False, True]


def counting() -> tuple[Verdicts, list[tuple[Action, str, str, datetime]]]:
    asked: list[tuple[Action, str, str, datetime]] = []

    def judge(action: Action, account_id: str, group_id: str, at: datetime) -> object:
        asked.append((action, account_id, group_id, at))
        return decide(situation(account=VERIFIED if account_id != "nobody" else UNVERIFIED), action, at)

    return Verdicts(judge, most_kept=3), asked  # type: ignore[arg-type]  # returns decisions


def recount(act: Callable[[], object], asked: list[tuple[Action, str, str, datetime]]) -> int:
    before = len(asked)
    act()
    return len(asked) - before


def test_answer_is_computed_once_until_it_is_dropped_or_its_time_is_over() -> None:
    verdicts, asked = counting()

    def ask(at: datetime = NOW) -> None:
        verdicts.get(Action.POST, "a1", "g1", at)

    assert recount(ask, asked) == 1
    assert recount(ask, asked) == 0
    assert VERIFIED.verified_until is not None
    assert recount(lambda: ask(VERIFIED.verified_until), asked) == 1  # type: ignore[arg-type]  # asserted above
    verdicts.drop_account("another")
    verdicts.drop_group("another")
    verdicts.drop_group("g1", Action.JOIN)
    assert recount(lambda: ask(VERIFIED.verified_until), asked) == 0  # type: ignore[arg-type]  # asserted above
    verdicts.drop_group("g1", Action.POST)
    assert recount(lambda: ask(VERIFIED.verified_until), asked) == 1  # type: ignore[arg-type]  # asserted above
    verdicts.drop_account("a1")
    assert recount(lambda: ask(VERIFIED.verified_until), asked) == 1  # type: ignore[arg-type]  # asserted above


def test_clock_that_steps_back_makes_every_kept_answer_suspect() -> None:
    verdicts, asked = counting()
    verdicts.get(Action.POST, "a1", "g1", NOW)
    assert recount(lambda: verdicts.get(Action.POST, "a1", "g1", NOW - timedelta(seconds=1)), asked) == 1


def test_memory_stays_bounded() -> None:
    verdicts, _ = counting()
    for number in range(20):
        verdicts.column(Action.POST, [f"a{number}", "a1"], ["g1"], NOW)
        assert sum(len(table) for table in verdicts._tables.values()) <= 4


def test_dropped_answers_leave_nothing_in_memory() -> None:
    verdicts = Verdicts(lambda action, *_: decide(situation(account=VERIFIED), action, NOW))

    def kept_after(rounds: int) -> int:
        for _ in range(rounds):
            account_id, group_id = new_id(), new_id()
            verdicts.column(Action.POST, [account_id, "a1"], [group_id, "g1"], NOW)
            verdicts.get(Action.POST, "a1", group_id, NOW)
            verdicts.drop_group(group_id)
            verdicts.get(Action.JOIN, account_id, group_id, NOW)
            verdicts.drop_account(account_id)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = kept_after(100)
        assert kept_after(1_000) < before + 50_000
    finally:
        tracemalloc.stop()


def test_equal_answers_are_one_object_so_that_a_batch_lists_each_once() -> None:
    verdicts, _ = counting()
    first, second, denied = verdicts.column(Action.POST, ["a1", "a2", "nobody"], ["g1", "g2", "g1"], NOW)
    assert first.decision is second.decision
    assert denied.decision is not first.decision
