"""What audit records tell of who was a member of a group, and when that is enough to say that somebody was not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

_SERVICE = "groups"
_JOINED = {"groups.group.created": "owner", "groups.member.joined": "account_id"}
_LEFT = {"groups.member.left": "account_id"}
_FOUNDED = "groups.group.created"


@dataclass(frozen=True, slots=True)
class Act:
    """An audit record that concerns a group: who wrote it, what was done, when, and its facts."""

    service: str
    action: str
    time: datetime
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Membership:
    """A time in which an account was a member; without an end where the trail names none, on either side."""

    account_id: str
    join_time: datetime | None
    leave_time: datetime | None

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether the account may have been a member at an instant from `start` up to `end`."""
        return (self.join_time is None or self.join_time < end) and (
            self.leave_time is None or self.leave_time >= start
        )


@dataclass(frozen=True, slots=True)
class History:
    """The memberships of a group.

    Attributes:
        known_from: From this instant on no act is missing; None if that can not be said of any.
        founded: Whether the trail has the group's founding, and so every membership since.
        memberships: By account, in the order of joining.
    """

    known_from: datetime | None
    founded: bool
    memberships: tuple[Membership, ...]

    def rules_out(self, account_id: str, start: datetime, end: datetime) -> bool:
        """Whether it is certain that an account was no member from `start` up to `end`.

        It is not where the trail does not reach back so far, nor of an account that it never names in the group.
        """
        if self.known_from is None or self.known_from > start:
            return False
        own = [each for each in self.memberships if each.account_id == account_id]
        return bool(own) and not any(each.overlaps(start, end) for each in own)


def history(acts: Iterable[Act], known_from: datetime | None) -> History:
    """What a group's audit records tell, given in the order of the trail."""
    found: list[Membership] = []
    current: dict[str, int] = {}
    founded = False
    for act in acts:
        if act.service != _SERVICE:
            continue
        founded = founded or act.action == _FOUNDED
        if (name := _JOINED.get(act.action)) and (account_id := act.facts.get(name)):
            current.setdefault(account_id, len(found))
            if current[account_id] == len(found):
                found.append(Membership(account_id, act.time, None))
        elif (name := _LEFT.get(act.action)) and (account_id := act.facts.get(name)):
            if (at := current.pop(account_id, None)) is None:
                found.append(Membership(account_id, None, act.time))
            else:
                found[at] = replace(found[at], leave_time=act.time)
    return History(known_from, founded, tuple(found))
