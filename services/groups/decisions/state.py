"""Everything that decisions rest on, in memory: a fold over the service's own change feed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ombud.common.v1.types_pb2 import Subject
from ombud.groups.v1.change_pb2 import PROJECTION_ACCOUNTS, GroupsChange
from ombud.groups.v1.group_service_pb2 import Group, Member
from services.groups.decisions import domain, wire
from services.groups.decisions.verdicts import Verdict, Verdicts
from services.groups.projections import wire as projected


@dataclass(slots=True)
class _Tally:
    """How many groups an account is in, and owns. All its memberships share the one text of its id that is here."""

    account_id: str
    joined: int = 0
    owned: int = 0


_NO_GROUPS = _Tally("")


class DecisionState:
    """What is known, by id, and the answers that follow from it; a change drops those that it may have made wrong."""

    def __init__(self) -> None:
        self._verdicts = Verdicts(self._judge)
        self._accounts: dict[str, domain.Account] = {}
        self._standings: dict[str, domain.Standing] = {}
        self._default: domain.Standing | None = None
        self._groups: dict[str, Group] = {}
        self._members: dict[str, dict[str, domain.Role]] = {}
        self._tallies: dict[str, _Tally] = {}

    def apply(self, change: GroupsChange) -> None:
        """Takes in one change; changes come in the order of the feed."""
        match change.WhichOneof("change"):
            case "group":
                self._groups[change.group.group_id] = change.group
                self._members.setdefault(change.group.group_id, {})
                self._verdicts.drop_group(change.group.group_id)
            case "member":
                self._enter(change.member)
            case "member_left":
                self._leave(change.member_left.group_id, change.member_left.account_id)
            case "account":
                self._accounts[change.account.account_id] = projected.account(change.account)
                self._verdicts.drop_account(change.account.account_id)
            case "standing":
                self._standings[projected.subject_key(change.standing.subject)] = projected.standing(change.standing)
                self._drop_subject(change.standing.subject)
            case "default_entitlements":
                self._default = projected.default_standing(change.default_entitlements)
                self._verdicts.clear()
            case "reset":
                self._reset(accounts=change.reset == PROJECTION_ACCOUNTS)

    def check(self, action: domain.Action, account_id: str, group_id: str, at: datetime) -> Verdict:
        """The answer to one question; an empty group id asks apart from any group."""
        return self._verdicts.get(action, account_id, group_id, at)

    def check_many(
        self, action: domain.Action, account_ids: Sequence[str], group_ids: Sequence[str], at: datetime
    ) -> list[Verdict]:
        """The answers to many questions: an account each, and a group each or one for all."""
        return self._verdicts.column(action, account_ids, group_ids, at)

    def unknown_groups(self, group_ids: Iterable[str]) -> set[str]:
        """Those ids that are no group's."""
        return set(group_ids) - self._groups.keys()

    def situation(self, account_id: str, group_id: str) -> domain.Situation:
        """All that a decision about the account, in the group if one is named, rests on."""
        tally = self._tallies.get(account_id, _NO_GROUPS)
        return domain.Situation(
            account_id=account_id,
            account=self._accounts.get(account_id),
            standing=self._standing(account_id),
            owned=tally.owned,
            joined=tally.joined,
            group_id=group_id,
            group=self._group(group_id),
            role=self._members.get(group_id, {}).get(account_id),
        )

    def _standing(self, account_id: str) -> domain.Standing | None:
        # Without a default credit has not told all that it has: nothing is known for certain of anybody.
        return self._default and self._standings.get(f"account/{account_id}", self._default)

    def _judge(self, action: domain.Action, account_id: str, group_id: str, at: datetime) -> domain.Decision:
        return domain.decide(self.situation(account_id, group_id), action, at)

    def _group(self, group_id: str) -> domain.Group | None:
        group = self._groups.get(group_id)
        if group is None:
            return None
        return domain.Group(
            most_members=group.most_members,
            member_count=len(self._members[group_id]),
            open_to_readers=group.open_to_readers,
            standing=self._standings.get(f"group/{group_id}", domain.NO_STANDING),
        )

    def _enter(self, member: Member) -> None:
        self._leave(member.group_id, member.account_id)
        role = wire.role(member.role)
        tally = self._tallies.get(member.account_id)
        if tally is None:
            tally = _Tally(member.account_id)
            self._tallies[tally.account_id] = tally
        self._members.setdefault(member.group_id, {})[tally.account_id] = role
        tally.joined += 1
        tally.owned += role is domain.Role.OWNER

    def _leave(self, group_id: str, account_id: str) -> None:
        role = self._members.get(group_id, {}).pop(account_id, None)
        if role is not None:
            tally = self._tallies[account_id]
            tally.joined -= 1
            tally.owned -= role is domain.Role.OWNER
            if not tally.joined:
                del self._tallies[account_id]
        self._verdicts.drop_account(account_id)
        self._verdicts.drop_group(group_id, domain.Action.JOIN)

    def _drop_subject(self, subject: Subject) -> None:
        if subject.account_id:
            self._verdicts.drop_account(subject.account_id)
        else:
            self._verdicts.drop_group(subject.group_id)

    def _reset(self, *, accounts: bool) -> None:
        if accounts:
            self._accounts.clear()
        else:
            self._standings.clear()
            self._default = None
        self._verdicts.clear()
