"""Answers kept by group, action and account, so that a question about a known account is two look-ups.

An answer is kept until a change drops it or its time is over; nothing else makes it wrong, because a decision is a
pure function of the facts and the instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ombud.groups.v1.decision_service_pb2 import Decision
from services.groups.decisions import domain, wire

NEVER = 2**63 - 1
"""The `until` of an answer that time alone never changes: later than every instant."""

_MOST_KEPT = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """An answer, and until when it holds.

    Attributes:
        decision: The contract's answer without `valid_until_time`; equal answers are one object.
        until: First instant at which time alone may change it, in microseconds since 1970 UTC, or NEVER.
    """

    decision: Decision
    until: int


class Verdicts:
    """The answers that are kept.

    Args:
        judge: Answers a question afresh: action, account id, group id, instant.
        most_kept: When so many are kept, all are dropped: memory stays bounded, and answers are only slower.
    """

    def __init__(
        self, judge: Callable[[domain.Action, str, str, datetime], domain.Decision], most_kept: int = _MOST_KEPT
    ) -> None:
        self._judge = judge
        self._most_kept = most_kept
        self._kept = 0
        self._latest = 0
        self._tables: dict[tuple[str, domain.Action], dict[str, Verdict]] = {}
        self._holding: dict[str, set[tuple[str, domain.Action]]] = {}
        self._answers: dict[tuple[domain.Reason, domain.Fact], Decision] = {}

    def get(self, action: domain.Action, account_id: str, group_id: str, at: datetime) -> Verdict:
        """The answer to one question."""
        now = wire.micros(at)
        verdict = self._table(group_id, action, now).get(account_id)
        if verdict is not None and verdict.until > now:
            return verdict
        return self._fill(action, account_id, group_id, at)

    def column(
        self, action: domain.Action, account_ids: Sequence[str], group_ids: Sequence[str], at: datetime
    ) -> list[Verdict]:
        """The answers to many questions about one action at one instant.

        Args:
            action: What is asked.
            account_ids: One a question.
            group_ids: One a question, or one for all.
            at: The instant.
        """
        now = wire.micros(at)
        lookups = {group_id: self._table(group_id, action, now).get for group_id in set(group_ids)}
        if len(group_ids) == 1:
            group_ids = [group_ids[0]] * len(account_ids)
            found = list(map(lookups[group_ids[0]], account_ids))
        else:
            found = [lookups[group](account) for account, group in zip(account_ids, group_ids, strict=True)]
        return [
            verdict
            if verdict is not None and verdict.until > now
            else self._fill(action, account_ids[place], group_ids[place], at)
            for place, verdict in enumerate(found)
        ]

    def drop_account(self, account_id: str) -> None:
        """Drops every answer about an account."""
        for key in self._holding.pop(account_id, ()):
            table = self._tables[key]
            del table[account_id]
            self._kept -= 1
            if not table:
                del self._tables[key]

    def drop_group(self, group_id: str, *actions: domain.Action) -> None:
        """Drops every answer about a group, or those about some actions in it."""
        for action in actions or domain.Action:
            key = (group_id, action)
            for account_id in self._tables.pop(key, ()):
                self._kept -= 1
                held = self._holding[account_id]
                held.remove(key)
                if not held:
                    del self._holding[account_id]

    def clear(self) -> None:
        """Drops every answer."""
        self._tables.clear()
        self._holding.clear()
        self._answers.clear()
        self._kept = 0

    def _table(self, group_id: str, action: domain.Action, now: int) -> dict[str, Verdict]:
        if now < self._latest:
            # An answer is known to hold from the instant it was computed for, not before.
            self.clear()
        self._latest = now
        key = (group_id, action)
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = {}
        return table

    def _fill(self, action: domain.Action, account_id: str, group_id: str, at: datetime) -> Verdict:
        decision = self._judge(action, account_id, group_id, at)
        if max(self._kept, len(self._answers)) >= self._most_kept:
            self.clear()
        until = NEVER if decision.valid_until is None else wire.micros(decision.valid_until)
        verdict = Verdict(self._answer(decision), until)
        table = self._table(group_id, action, wire.micros(at))
        self._kept += account_id not in table
        table[account_id] = verdict
        self._holding.setdefault(account_id, set()).add((group_id, action))
        return verdict

    def _answer(self, decision: domain.Decision) -> Decision:
        key = (decision.reason, decision.fact)
        kept = self._answers.get(key)
        if kept is None:
            kept = self._answers[key] = wire.answer(decision)
        return kept
