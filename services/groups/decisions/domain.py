"""May an account do something, and which fact decides? A pure function of facts and the instant.

The order of the rules is part of the contract: an answer names the first thing that speaks against an action,
in the order of `DecisionReason` in the protos.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What an account wants to do."""

    READ = "READ"
    POST = "POST"
    POST_MEDIA = "POST_MEDIA"
    JOIN = "JOIN"
    CREATE_GROUP = "CREATE_GROUP"
    MANAGE = "MANAGE"


class Role(StrEnum):
    """What a member is in a group."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    MEMBER = "MEMBER"


class Reason(StrEnum):
    """Why an answer is what it is; the contract's `DecisionReason`."""

    VERIFIED = "VERIFIED"
    LEGACY_GRACE = "LEGACY_GRACE"
    READING_IS_FREE = "READING_IS_FREE"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    STANDING_UNKNOWN = "STANDING_UNKNOWN"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    ACCOUNT_BLACKLISTED = "ACCOUNT_BLACKLISTED"
    UPDATES_SUSPENDED = "UPDATES_SUSPENDED"
    PUBLISHING_SUSPENDED = "PUBLISHING_SUSPENDED"
    MEDIA_SUSPENDED = "MEDIA_SUSPENDED"
    MANAGEMENT_CANCELLED = "MANAGEMENT_CANCELLED"
    MANAGEMENT_SUSPENDED = "MANAGEMENT_SUSPENDED"
    GROUP_CREATION_CANCELLED = "GROUP_CREATION_CANCELLED"
    JOINING_SUSPENDED = "JOINING_SUSPENDED"
    NOT_VERIFIED = "NOT_VERIFIED"
    VERIFICATION_EXPIRED = "VERIFICATION_EXPIRED"
    GRACE_ENDED = "GRACE_ENDED"
    GROUP_UNKNOWN = "GROUP_UNKNOWN"
    GROUP_CLOSED = "GROUP_CLOSED"
    GROUP_BLACKLISTED = "GROUP_BLACKLISTED"
    GROUP_SUSPENDED = "GROUP_SUSPENDED"
    GROUP_MEDIA_SUSPENDED = "GROUP_MEDIA_SUSPENDED"
    GROUP_JOINING_SUSPENDED = "GROUP_JOINING_SUSPENDED"
    NOT_A_MEMBER = "NOT_A_MEMBER"
    ALREADY_A_MEMBER = "ALREADY_A_MEMBER"
    ROLE_NOT_HELD = "ROLE_NOT_HELD"
    GROUP_CREATION_NOT_ENTITLED = "GROUP_CREATION_NOT_ENTITLED"
    GROUPS_OWNED_CAP = "GROUPS_OWNED_CAP"
    GROUPS_JOINED_CAP = "GROUPS_JOINED_CAP"
    GROUP_MEMBERS_CAP = "GROUP_MEMBERS_CAP"


class FactKind(StrEnum):
    """What kind of thing decided; the contract's `FactKind`."""

    SANCTION = "SANCTION"
    CAP = "CAP"
    GROUP = "GROUP"
    ACCOUNT = "ACCOUNT"
    VERIFICATION = "VERIFICATION"
    GRACE = "GRACE"
    ROLE = "ROLE"


class Measure(StrEnum):
    """The measures of the credit service's sanctions."""

    WARNED = "WARNED"
    RECTIFICATION_ORDERED = "RECTIFICATION_ORDERED"
    JOINING_SUSPENDED = "JOINING_SUSPENDED"
    MEDIA_SUSPENDED = "MEDIA_SUSPENDED"
    PUBLISHING_SUSPENDED = "PUBLISHING_SUSPENDED"
    MANAGEMENT_SUSPENDED = "MANAGEMENT_SUSPENDED"
    MANAGEMENT_CANCELLED = "MANAGEMENT_CANCELLED"
    GROUP_CREATION_CANCELLED = "GROUP_CREATION_CANCELLED"
    GROUP_SUSPENDED = "GROUP_SUSPENDED"
    UPDATES_SUSPENDED = "UPDATES_SUSPENDED"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    GROUP_CLOSED = "GROUP_CLOSED"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    BLACKLISTED = "BLACKLISTED"


@dataclass(frozen=True, slots=True)
class Account:
    """What the identity service says of an account.

    Attributes:
        level: 0 (nobody proved to be behind it) to 3.
        verified_until: When the proof expires; None at level 0.
        grace_end: When a legacy account's time to verify ends; None for all others.
    """

    level: int
    verified_until: datetime | None = None
    grace_end: datetime | None = None

    def verified(self, at: datetime) -> bool:
        """Whether a proof holds at the instant."""
        return self.level > 0 and (self.verified_until is None or at < self.verified_until)

    def in_grace(self, at: datetime) -> bool:
        """Whether the time to verify still runs."""
        return self.grace_end is not None and at < self.grace_end


@dataclass(frozen=True, slots=True)
class Restriction:
    """A measure of a sanction: in force from `start` until `end` (None: until lifted) or until stayed."""

    sanction_id: str
    measure: Measure
    start: datetime
    end: datetime | None = None
    stayed_from: datetime | None = None

    @property
    def bars_management(self) -> bool:
        """Whether, while it binds, an account or those who manage a group can not manage."""
        return self.measure in _BAR_MANAGEMENT

    def in_force(self, at: datetime) -> bool:
        """Whether it binds at the instant."""
        return (
            self.start <= at
            and (self.end is None or at < self.end)
            and (self.stayed_from is None or at < self.stayed_from)
        )


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What a standing gives: caps in numbers of groups and of members."""

    may_create_group: bool
    most_groups_owned: int
    most_groups_joined: int
    group_class: str
    most_group_members: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the credit service says of an account or a group.

    Attributes:
        spans: Entitlements as a step function of time, each from its instant on; ascending, never empty for an
            account, empty for a group.
        restrictions: Measures in force now or at a known time.
    """

    spans: tuple[tuple[datetime, Entitlements], ...]
    restrictions: tuple[Restriction, ...] = ()

    def entitlements(self, at: datetime) -> Entitlements:
        """Those of the last step that has begun; of the first if none has."""
        current = self.spans[0][1]
        for start, entitlements in self.spans:
            if start > at:
                break
            current = entitlements
        return current

    def binding(self, at: datetime, *measures: Measure) -> Restriction | None:
        """The restriction of one of these measures that binds longest; None if none does."""
        if not self.restrictions:
            return None
        found = [each for each in self.restrictions if each.measure in measures and each.in_force(at)]
        return max(found, key=lambda each: (each.end is None, each.end or each.start, each.sanction_id), default=None)


NO_STANDING = Standing(spans=())


@dataclass(frozen=True, slots=True)
class Group:
    """What decisions need of a group."""

    most_members: int
    member_count: int
    open_to_readers: bool = False
    standing: Standing = NO_STANDING


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on.

    Attributes:
        account_id: Who asks.
        account: What is known of the account; None if nothing.
        standing: The account's standing; None if the credit service has told nothing yet.
        owned: How many groups the account owns.
        joined: How many groups it is in, its own included.
        group_id: Where; empty to ask apart from any group.
        group: What is known of the group; None if nothing.
        role: The account's role in the group; None if it is not in it.
    """

    account_id: str
    account: Account | None
    standing: Standing | None
    owned: int = 0
    joined: int = 0
    group_id: str = ""
    group: Group | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """The fact that decided; `time` is when it ends or ended, `limit` the value of a cap."""

    kind: FactKind
    id: str = ""
    limit: int = 0
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer, which time alone does not change before `valid_until` (None: ever)."""

    allowed: bool
    reason: Reason
    fact: Fact
    valid_until: datetime | None


def decide(situation: Situation, action: Action, at: datetime) -> Decision:
    """Answers whether the account may do it at the instant, and why."""
    objection = next(_objections(situation, action, at), None)
    reason, fact = objection or _ground(situation, action, at)
    return Decision(objection is None, reason, fact, _next_change(situation, at))


_Finding = tuple[Reason, Fact]

# Which measures against an account deny which actions. Reading survives all but losing the account itself.
_POSTS = frozenset({Action.POST, Action.POST_MEDIA})
_ACCOUNT_MEASURES: tuple[tuple[Measure, Reason, frozenset[Action]], ...] = (
    (Measure.ACCOUNT_CLOSED, Reason.ACCOUNT_CLOSED, frozenset(Action)),
    (Measure.ACCOUNT_SUSPENDED, Reason.ACCOUNT_SUSPENDED, frozenset(Action) - {Action.READ}),
    (Measure.BLACKLISTED, Reason.ACCOUNT_BLACKLISTED, frozenset(Action) - {Action.READ}),
    (Measure.UPDATES_SUSPENDED, Reason.UPDATES_SUSPENDED, _POSTS | {Action.CREATE_GROUP, Action.MANAGE}),
    (Measure.PUBLISHING_SUSPENDED, Reason.PUBLISHING_SUSPENDED, _POSTS),
    (Measure.MEDIA_SUSPENDED, Reason.MEDIA_SUSPENDED, frozenset({Action.POST_MEDIA})),
    (
        Measure.MANAGEMENT_CANCELLED,
        Reason.MANAGEMENT_CANCELLED,
        frozenset({Action.MANAGE, Action.CREATE_GROUP}),
    ),
    (Measure.MANAGEMENT_SUSPENDED, Reason.MANAGEMENT_SUSPENDED, frozenset({Action.MANAGE})),
    (Measure.GROUP_CREATION_CANCELLED, Reason.GROUP_CREATION_CANCELLED, frozenset({Action.CREATE_GROUP})),
    (Measure.JOINING_SUSPENDED, Reason.JOINING_SUSPENDED, frozenset({Action.JOIN})),
)

# Which measures against a group deny which actions. A suspended group can still be managed: how else be cured?
_GROUP_MEASURES: tuple[tuple[tuple[Measure, ...], Reason, frozenset[Action]], ...] = (
    ((Measure.GROUP_CLOSED,), Reason.GROUP_CLOSED, _POSTS | {Action.JOIN, Action.MANAGE}),
    ((Measure.BLACKLISTED,), Reason.GROUP_BLACKLISTED, _POSTS | {Action.JOIN, Action.MANAGE}),
    (
        (Measure.GROUP_SUSPENDED, Measure.PUBLISHING_SUSPENDED),
        Reason.GROUP_SUSPENDED,
        _POSTS | {Action.JOIN},
    ),
    ((Measure.MEDIA_SUSPENDED,), Reason.GROUP_MEDIA_SUSPENDED, frozenset({Action.POST_MEDIA})),
    ((Measure.JOINING_SUSPENDED,), Reason.GROUP_JOINING_SUSPENDED, frozenset({Action.JOIN})),
)

_BAR_MANAGEMENT = frozenset(measure for measure, _, denied in _ACCOUNT_MEASURES if Action.MANAGE in denied) | {
    measure for measures, _, denied in _GROUP_MEASURES if Action.MANAGE in denied for measure in measures
}

_GRACE_COVERS = _POSTS | {Action.JOIN}


def _objections(situation: Situation, action: Action, at: datetime) -> Iterator[_Finding]:
    """What speaks against the action, the first that counts first."""
    if situation.account is None:
        yield Reason.ACCOUNT_UNKNOWN, Fact(FactKind.ACCOUNT, situation.account_id)
        return
    if situation.standing is None:
        if action is not Action.READ:
            yield Reason.STANDING_UNKNOWN, Fact(FactKind.ACCOUNT, situation.account_id)
    else:
        for measure, reason, denied in _ACCOUNT_MEASURES:
            if action in denied and (restriction := situation.standing.binding(at, measure)):
                yield reason, _sanction(restriction)
    if action is not Action.READ:
        yield from _verification(situation.account, action, at)
    if action is not Action.CREATE_GROUP and situation.group_id:
        yield from _group(situation, action, at)
    if situation.standing is not None:
        yield from _caps(situation, situation.standing, action, at)


def _verification(account: Account, action: Action, at: datetime) -> Iterator[_Finding]:
    if account.verified(at) or (account.in_grace(at) and action in _GRACE_COVERS):
        return
    if account.level > 0:
        yield Reason.VERIFICATION_EXPIRED, Fact(FactKind.VERIFICATION, _level(account), time=account.verified_until)
    elif account.grace_end is not None and not account.in_grace(at):
        yield Reason.GRACE_ENDED, Fact(FactKind.GRACE, time=account.grace_end)
    else:
        yield Reason.NOT_VERIFIED, Fact(FactKind.VERIFICATION, _level(account))


def _group(situation: Situation, action: Action, at: datetime) -> Iterator[_Finding]:
    group, role = situation.group, situation.role
    if group is None:
        yield Reason.GROUP_UNKNOWN, Fact(FactKind.GROUP, situation.group_id)
        return
    for measures, reason, denied in _GROUP_MEASURES:
        if action in denied and (restriction := group.standing.binding(at, *measures)):
            yield reason, _sanction(restriction)
    if action is Action.JOIN:
        if role is not None:
            yield Reason.ALREADY_A_MEMBER, Fact(FactKind.ROLE, role)
    elif role is None:
        if not (action is Action.READ and _readable_by_all(group, at)):
            yield Reason.NOT_A_MEMBER, Fact(FactKind.ROLE)
    elif action is Action.MANAGE and role is Role.MEMBER:
        yield Reason.ROLE_NOT_HELD, Fact(FactKind.ROLE, role)


def _readable_by_all(group: Group, at: datetime) -> bool:
    return group.open_to_readers and not group.standing.binding(at, Measure.GROUP_CLOSED, Measure.BLACKLISTED)


def _caps(situation: Situation, standing: Standing, action: Action, at: datetime) -> Iterator[_Finding]:
    if action not in (Action.CREATE_GROUP, Action.JOIN):
        return
    entitlements = standing.entitlements(at)
    if action is Action.CREATE_GROUP:
        if not entitlements.may_create_group:
            yield Reason.GROUP_CREATION_NOT_ENTITLED, Fact(FactKind.CAP, "may_create_group")
        if situation.owned >= entitlements.most_groups_owned:
            yield Reason.GROUPS_OWNED_CAP, _cap("most_groups_owned", entitlements.most_groups_owned)
    if situation.joined >= entitlements.most_groups_joined:
        yield Reason.GROUPS_JOINED_CAP, _cap("most_groups_joined", entitlements.most_groups_joined)
    group = situation.group
    if action is Action.JOIN and group is not None and group.member_count >= group.most_members:
        yield Reason.GROUP_MEMBERS_CAP, _cap("most_group_members", group.most_members)


def _ground(situation: Situation, action: Action, at: datetime) -> _Finding:
    """Why the account may, when nothing speaks against it."""
    account = situation.account
    if action is Action.READ or account is None:
        return Reason.READING_IS_FREE, Fact(FactKind.ROLE, situation.role or "")
    if account.verified(at):
        return Reason.VERIFIED, Fact(FactKind.VERIFICATION, _level(account))
    return Reason.LEGACY_GRACE, Fact(FactKind.GRACE)


def _next_change(situation: Situation, at: datetime) -> datetime | None:
    """The first instant after `at` at which any fact of the situation begins or ends."""
    instants: list[datetime | None] = []
    if situation.account is not None:
        instants += [situation.account.verified_until, situation.account.grace_end]
    for standing in (situation.standing, situation.group.standing if situation.group else None):
        if standing is not None:
            instants += [start for start, _ in standing.spans]
            for each in standing.restrictions:
                instants += [each.start, each.end, each.stayed_from]
    return min((instant for instant in instants if instant is not None and instant > at), default=None)


def _sanction(restriction: Restriction) -> Fact:
    return Fact(FactKind.SANCTION, restriction.sanction_id, time=restriction.end)


def _cap(name: str, limit: int) -> Fact:
    return Fact(FactKind.CAP, name, limit=limit)


def _level(account: Account) -> str:
    return f"L{account.level}"
