from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import Refusal
from services.groups.decisions.domain import (
    Account,
    Action,
    Entitlements,
    Fact,
    FactKind,
    Group,
    Measure,
    Reason,
    Restriction,
    Role,
    Situation,
    Standing,
    decide,
)
from services.groups.decisions.refusals import require
from tests.unit.groups.decisions.facts import (
    GOOD,
    GROUP,
    HOUR,
    NONE,
    NOW,
    OPEN_GROUP,
    UNVERIFIED,
    VERIFIED,
    restriction,
    situation,
    standing,
)

OTHERS = frozenset(Action) - {Action.READ}
POSTS = frozenset({Action.POST, Action.POST_MEDIA})


def reason(given_situation: Situation, action: Action, at: datetime = NOW) -> Reason:
    return decide(given_situation, action, at).reason


def test_verified_member_in_good_standing_posts() -> None:
    decision = decide(situation(), Action.POST, NOW)
    assert decision.allowed
    assert decision.reason is Reason.VERIFIED
    assert decision.fact == Fact(FactKind.VERIFICATION, "L2")
    assert decision.valid_until == VERIFIED.verified_until


def test_unknown_account_may_nothing() -> None:
    for action in Action:
        decision = decide(situation(account=None), action, NOW)
        assert not decision.allowed
        assert decision.fact == Fact(FactKind.ACCOUNT, "account-1")


@pytest.mark.parametrize("action", sorted(OTHERS))
def test_unverified_account_reads_and_nothing_else(action: Action) -> None:
    nobody = situation(account=UNVERIFIED, group=OPEN_GROUP, role=None)
    assert decide(nobody, Action.READ, NOW).allowed
    assert reason(nobody, action) is Reason.NOT_VERIFIED


def test_expired_verification_counts_as_none_from_its_instant_on() -> None:
    assert VERIFIED.verified_until is not None
    last = VERIFIED.verified_until - timedelta(microseconds=1)
    assert decide(situation(), Action.POST, last).allowed
    decision = decide(situation(), Action.POST, VERIFIED.verified_until)
    assert decision.reason is Reason.VERIFICATION_EXPIRED
    assert decision.fact == Fact(FactKind.VERIFICATION, "L2", time=VERIFIED.verified_until)
    assert decide(situation(), Action.READ, VERIFIED.verified_until).allowed


def test_legacy_account_reads_and_posts_until_its_grace_ends_then_only_reads() -> None:
    legacy = situation(account=Account(level=0, grace_end=NOW + HOUR))
    assert decide(legacy, Action.POST, NOW).reason is Reason.LEGACY_GRACE
    assert decide(replace(legacy, role=None), Action.JOIN, NOW).allowed
    assert reason(legacy, Action.CREATE_GROUP) is Reason.NOT_VERIFIED
    assert reason(replace(legacy, role=Role.MANAGER), Action.MANAGE) is Reason.NOT_VERIFIED
    assert reason(legacy, Action.POST, NOW + HOUR) is Reason.GRACE_ENDED
    assert decide(legacy, Action.READ, NOW + HOUR).allowed


@pytest.mark.parametrize(
    ("measure", "expected", "denied"),
    [
        (Measure.WARNED, None, set()),
        (Measure.RECTIFICATION_ORDERED, None, set()),
        (Measure.JOINING_SUSPENDED, Reason.JOINING_SUSPENDED, {Action.JOIN}),
        (Measure.MEDIA_SUSPENDED, Reason.MEDIA_SUSPENDED, {Action.POST_MEDIA}),
        (Measure.PUBLISHING_SUSPENDED, Reason.PUBLISHING_SUSPENDED, POSTS),
        (Measure.MANAGEMENT_CANCELLED, Reason.MANAGEMENT_CANCELLED, {Action.MANAGE, Action.CREATE_GROUP}),
        (Measure.UPDATES_SUSPENDED, Reason.UPDATES_SUSPENDED, POSTS | {Action.MANAGE, Action.CREATE_GROUP}),
        (Measure.MANAGEMENT_SUSPENDED, Reason.MANAGEMENT_SUSPENDED, {Action.MANAGE}),
        (Measure.GROUP_CREATION_CANCELLED, Reason.GROUP_CREATION_CANCELLED, {Action.CREATE_GROUP}),
        (Measure.ACCOUNT_SUSPENDED, Reason.ACCOUNT_SUSPENDED, OTHERS),
        (Measure.BLACKLISTED, Reason.ACCOUNT_BLACKLISTED, OTHERS),
        (Measure.ACCOUNT_CLOSED, Reason.ACCOUNT_CLOSED, set(Action)),
    ],
)
def test_measure_against_an_account_denies_what_it_names_for_its_term(
    measure: Measure, expected: Reason | None, denied: set[Action]
) -> None:
    sanctioned = standing(restriction(measure, start=NOW, end=NOW + HOUR))
    for action in Action:
        role = None if action is Action.JOIN else Role.OWNER
        facts = situation(account_standing=sanctioned, role=role)
        decision = decide(facts, action, NOW)
        assert decision.allowed is (action not in denied)
        if action in denied:
            assert decision.reason is expected
            assert decision.fact == Fact(FactKind.SANCTION, "sanction-1", time=NOW + HOUR)
        assert decide(facts, action, NOW - timedelta(microseconds=1)).allowed
        assert decide(facts, action, NOW + HOUR).allowed


def test_stayed_measure_has_no_effect_from_the_stay_on() -> None:
    stayed = situation(account_standing=standing(restriction(Measure.PUBLISHING_SUSPENDED, stayed_from=NOW + HOUR)))
    assert not decide(stayed, Action.POST, NOW).allowed
    assert decide(stayed, Action.POST, NOW).valid_until == NOW + HOUR
    assert decide(stayed, Action.POST, NOW + HOUR).allowed


@pytest.mark.parametrize(
    ("measure", "expected", "denied"),
    [
        (Measure.WARNED, None, set()),
        (Measure.RECTIFICATION_ORDERED, None, set()),
        (Measure.JOINING_SUSPENDED, Reason.GROUP_JOINING_SUSPENDED, {Action.JOIN}),
        (Measure.MEDIA_SUSPENDED, Reason.GROUP_MEDIA_SUSPENDED, {Action.POST_MEDIA}),
        (Measure.GROUP_SUSPENDED, Reason.GROUP_SUSPENDED, POSTS | {Action.JOIN}),
        (Measure.PUBLISHING_SUSPENDED, Reason.GROUP_SUSPENDED, POSTS | {Action.JOIN}),
        (Measure.GROUP_CLOSED, Reason.GROUP_CLOSED, POSTS | {Action.JOIN, Action.MANAGE}),
        (Measure.BLACKLISTED, Reason.GROUP_BLACKLISTED, POSTS | {Action.JOIN, Action.MANAGE}),
    ],
)
def test_measure_against_a_group_denies_its_members_what_it_names(
    measure: Measure, expected: Reason | None, denied: set[Action]
) -> None:
    group = replace(OPEN_GROUP, standing=Standing(spans=(), restrictions=(restriction(measure),)))
    for action in Action:
        role = None if action is Action.JOIN else Role.OWNER
        decision = decide(situation(group=group, role=role), action, NOW)
        assert decision.allowed is (action not in denied)
        if action in denied:
            assert decision.reason is expected


def test_closed_group_is_read_by_its_members_alone() -> None:
    group = replace(OPEN_GROUP, standing=Standing((), (restriction(Measure.GROUP_CLOSED),)))
    assert decide(situation(group=group, role=Role.MEMBER), Action.READ, NOW).allowed
    assert reason(situation(group=group, role=None), Action.READ) is Reason.NOT_A_MEMBER
    assert decide(situation(group=OPEN_GROUP, role=None), Action.READ, NOW).allowed


def test_membership_and_role_decide_inside_a_group() -> None:
    stranger = situation(role=None)
    assert reason(stranger, Action.POST) is Reason.NOT_A_MEMBER
    assert reason(stranger, Action.READ) is Reason.NOT_A_MEMBER
    assert reason(stranger, Action.MANAGE) is Reason.NOT_A_MEMBER
    assert reason(situation(role=Role.MEMBER), Action.JOIN) is Reason.ALREADY_A_MEMBER
    assert decide(situation(role=Role.MEMBER), Action.MANAGE, NOW).fact == Fact(FactKind.ROLE, "MEMBER")
    assert decide(situation(role=Role.MANAGER), Action.MANAGE, NOW).allowed
    assert decide(situation(role=Role.OWNER), Action.MANAGE, NOW).allowed
    assert reason(situation(group=None, role=None), Action.POST) is Reason.GROUP_UNKNOWN


def test_without_a_group_the_account_alone_is_judged() -> None:
    anywhere = replace(situation(group=None, role=None), group_id="")
    for action in Action:
        assert decide(anywhere, action, NOW).allowed


@pytest.mark.parametrize(
    ("facts", "action", "expected", "fact"),
    [
        (
            situation(account_standing=standing(entitlements=NONE)),
            Action.CREATE_GROUP,
            Reason.GROUP_CREATION_NOT_ENTITLED,
            Fact(FactKind.CAP, "may_create_group"),
        ),
        (
            situation(owned=3),
            Action.CREATE_GROUP,
            Reason.GROUPS_OWNED_CAP,
            Fact(FactKind.CAP, "most_groups_owned", limit=3),
        ),
        (
            situation(joined=10),
            Action.CREATE_GROUP,
            Reason.GROUPS_JOINED_CAP,
            Fact(FactKind.CAP, "most_groups_joined", limit=10),
        ),
        (
            situation(joined=10, role=None),
            Action.JOIN,
            Reason.GROUPS_JOINED_CAP,
            Fact(FactKind.CAP, "most_groups_joined", limit=10),
        ),
        (
            situation(group=Group(most_members=2, member_count=2), role=None),
            Action.JOIN,
            Reason.GROUP_MEMBERS_CAP,
            Fact(FactKind.CAP, "most_group_members", limit=2),
        ),
    ],
)
def test_cap_is_named_with_its_value(facts: Situation, action: Action, expected: Reason, fact: Fact) -> None:
    decision = decide(facts, action, NOW)
    assert decision.reason is expected
    assert decision.fact == fact


def test_entitlements_come_back_at_their_instant_without_an_event() -> None:
    recovering = Standing(spans=((NOW - HOUR, NONE), (NOW + HOUR, GOOD)))
    facts = situation(account_standing=recovering)
    assert not decide(facts, Action.CREATE_GROUP, NOW).allowed
    assert decide(facts, Action.CREATE_GROUP, NOW).valid_until == NOW + HOUR
    assert decide(facts, Action.CREATE_GROUP, NOW + HOUR).allowed


def test_nothing_but_reading_is_granted_before_credit_has_spoken() -> None:
    early = situation(account_standing=None, role=None, group=OPEN_GROUP)
    assert decide(early, Action.READ, NOW).allowed
    for action in OTHERS:
        assert reason(early, action) is Reason.STANDING_UNKNOWN


def test_longest_measure_is_the_one_named() -> None:
    short = Restriction("short", Measure.PUBLISHING_SUSPENDED, NOW, NOW + HOUR)
    endless = Restriction("endless", Measure.PUBLISHING_SUSPENDED, NOW)
    long = Restriction("long", Measure.PUBLISHING_SUSPENDED, NOW, NOW + 9 * HOUR)
    assert decide(situation(account_standing=standing(short, long)), Action.POST, NOW).fact.id == "long"
    assert decide(situation(account_standing=standing(endless, long)), Action.POST, NOW).fact.id == "endless"


instants = st.integers(-5, 5).map(lambda hours: NOW + hours * HOUR)
restrictions = st.builds(
    Restriction,
    sanction_id=st.sampled_from(["s1", "s2"]),
    measure=st.sampled_from(Measure),
    start=instants,
    end=st.none() | instants,
    stayed_from=st.none() | instants,
)
entitlements = st.builds(
    Entitlements,
    may_create_group=st.booleans(),
    most_groups_owned=st.integers(0, 2),
    most_groups_joined=st.integers(0, 2),
    group_class=st.just("any"),
    most_group_members=st.just(9),
)
standings = st.builds(
    Standing,
    spans=st.lists(st.tuples(instants, entitlements), min_size=1, max_size=3).map(
        lambda spans: tuple(sorted(spans, key=lambda span: span[0]))
    ),
    restrictions=st.lists(restrictions, max_size=2).map(tuple),
)
accounts = st.builds(
    Account, level=st.integers(0, 3), verified_until=st.none() | instants, grace_end=st.none() | instants
)
groups = st.builds(
    Group,
    most_members=st.integers(1, 3),
    member_count=st.integers(1, 3),
    open_to_readers=st.booleans(),
    standing=standings,
)
situations = st.builds(
    Situation,
    account_id=st.just("account-1"),
    account=st.none() | accounts,
    standing=st.none() | standings,
    owned=st.integers(0, 2),
    joined=st.integers(0, 2),
    group_id=st.sampled_from(["", "group-1"]),
    group=st.none() | groups,
    role=st.none() | st.sampled_from(Role),
)


@given(facts=situations, action=st.sampled_from(Action), at=instants, minutes=st.integers(0, 600))
def test_time_alone_changes_no_answer_before_valid_until(
    facts: Situation, action: Action, at: datetime, minutes: int
) -> None:
    decision = decide(facts, action, at)
    later = at + timedelta(minutes=minutes)
    if decision.valid_until is None or later < decision.valid_until:
        assert decide(facts, action, later) == decision
    assert decision.valid_until is None or decision.valid_until > at


@given(facts=situations, action=st.sampled_from(Action), at=instants, more=restrictions)
def test_further_restriction_never_allows_anything(
    facts: Situation, action: Action, at: datetime, more: Restriction
) -> None:
    if facts.standing is None:
        return
    burdened = replace(facts, standing=replace(facts.standing, restrictions=(*facts.standing.restrictions, more)))
    assert decide(facts, action, at).allowed or not decide(burdened, action, at).allowed


@given(facts=situations, action=st.sampled_from([Action.JOIN, Action.CREATE_GROUP, Action.MANAGE]), at=instants)
def test_every_denial_of_an_act_has_its_refusal(facts: Situation, action: Action, at: datetime) -> None:
    decision = decide(facts, action, at)
    if decision.allowed:
        require(decision, action)
    else:
        with pytest.raises(Refusal) as refused:
            require(decision, action)
        assert refused.value.facts["decision"] == decision.reason


def test_full_group_takes_nobody_whoever_asks() -> None:
    full = replace(GROUP, member_count=GROUP.most_members)
    assert reason(situation(group=full, role=None), Action.JOIN) is Reason.GROUP_MEMBERS_CAP
