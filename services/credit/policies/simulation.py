"""What a draft would change, beside the policy in force: counted account by account, in bounded memory."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from policies.pack import CreditPolicy, Entitlements, Tier

SAMPLE_MOST = 100
"""So many accounts a sample names at most."""

RIGHTS = ("may_create_group", "most_groups_owned", "most_groups_joined", "most_group_members")
"""The entitlements of which one can have more or less."""


@dataclass(frozen=True)
class Move:
    """What a draft does to every account whose points went a certain way.

    Attributes:
        before: The tier under the policy in force.
        after: The tier under the draft.
        more: The rights of which the account has more under the draft.
        less: The rights of which it has less.
    """

    before: Tier
    after: Tier
    more: tuple[str, ...]
    less: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether the account changes its tier or a right."""
        return self.before.name != self.after.name or bool(self.more or self.less)


class Tally:
    """Counts what becomes of accounts; its size depends on the packs, not on the number of accounts.

    Args:
        current: The policy in force.
        draft: The draft.
        seed: Decides which accounts the sample names: the same seed and accounts, the same sample.

    Attributes:
        accounts: Accounts that were counted.
    """

    def __init__(self, current: CreditPolicy, draft: CreditPolicy, seed: str) -> None:
        self.accounts = 0
        self._current, self._draft, self._seed = current, draft, seed
        self._places: dict[Move, int] = {}
        self._counts: list[int] = []
        self._sample: list[tuple[int, str]] = []
        # Few ways are taken by many accounts.
        self._judge = lru_cache(maxsize=65_536)(self._judged)

    def add(self, account_id: str, points: tuple[int, ...]) -> None:
        """Counts an account by its points, change by change up to the instant."""
        place, changes = self._judge(points)
        self.accounts += 1
        self._counts[place] += 1
        if changes:
            self._draw(account_id)

    @property
    def tiers(self) -> dict[tuple[str, str], int]:
        """How many accounts move from one tier to another of another name, the largest number first."""
        found: Counter[tuple[str, str]] = Counter()
        for move, place in self._places.items():
            if move.before.name != move.after.name:
                found[move.before.name, move.after.name] += self._counts[place]
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def rights(self) -> dict[str, tuple[int, int]]:
        """By right, how many accounts have more of it and how many less."""
        return {
            right: (
                self._count(move for move in self._places if right in move.more),
                self._count(move for move in self._places if right in move.less),
            )
            for right in RIGHTS
        }

    @property
    def with_more(self) -> int:
        """Accounts that have more of any right."""
        return self._count(move for move in self._places if move.more)

    @property
    def with_less(self) -> int:
        """Accounts that have less of any right."""
        return self._count(move for move in self._places if move.less)

    @property
    def sample(self) -> list[str]:
        """Ids of accounts that change tier or rights, drawn evenly, in their order."""
        return sorted(account_id for _, account_id in self._sample)

    def _count(self, moves: Iterable[Move]) -> int:
        return sum(self._counts[self._places[move]] for move in moves)

    def _judged(self, points: tuple[int, ...]) -> tuple[int, bool]:
        """Where accounts whose points went this way are counted, and whether the draft changes anything for them."""
        move = _move(self._current, self._draft, points)
        place = self._places.setdefault(move, len(self._counts))
        if place == len(self._counts):
            self._counts.append(0)
        return place, move.changes

    def _draw(self, account_id: str) -> None:
        """Keeps the accounts whose lots are lowest: a lot is a hash, so that every account has the same chance."""
        digest = hashlib.blake2b(f"{self._seed}/{account_id}".encode(), digest_size=8).digest()
        drawn = (-int.from_bytes(digest), account_id)
        if len(self._sample) < SAMPLE_MOST:
            heapq.heappush(self._sample, drawn)
        elif drawn > self._sample[0]:
            heapq.heapreplace(self._sample, drawn)


def _move(current: CreditPolicy, draft: CreditPolicy, points: tuple[int, ...]) -> Move:
    before, after = _tier(current, points), _tier(draft, points)
    more, less = _compare(before.entitlements, after.entitlements)
    return Move(before, after, more, less)


def _tier(policy: CreditPolicy, points: tuple[int, ...]) -> Tier:
    """The tier after the points went this way."""
    tier = None
    for step in points:
        tier = policy.tier_of(step, tier)
    return policy.tier_of(0) if tier is None else tier


def _compare(before: Entitlements, after: Entitlements) -> tuple[tuple[str, ...], tuple[str, ...]]:
    more = tuple(right for right in RIGHTS if getattr(after, right) > getattr(before, right))
    return more, tuple(right for right in RIGHTS if getattr(after, right) < getattr(before, right))
