"""What a life of sanctions is held to: a small model, and the database that it is compared with."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from chassis.db import Database, Unit
from policies import Pack
from policies.pack import MeasureKind
from services.credit.appeals import domain as appeals
from services.credit.policies.jobs import take_up
from services.credit.sanctions.domain import Sanction
from tests.support.clock import ManualClock
from tests.support.engines import opened
from tests.unit.credit.builders import pack

T = TypeVar("T")


@dataclass
class Known:
    """What the model knows of a sanction."""

    sanction: Sanction
    rests_on: "Known | None" = None
    start: datetime | None = None
    appeal: appeals.Appeal | None = None
    stayed_at: datetime | None = None
    decided_at: datetime | None = None
    taken: list[tuple[datetime, int]] = field(default_factory=list)
    ends: dict[MeasureKind, datetime | None] = field(default_factory=dict)
    fallen: bool = False
    varied: bool = False
    lifted: bool = False
    ended: bool = False

    @property
    def interim(self) -> bool:
        return self.sanction.interim_until is not None

    @property
    def evidence(self) -> set[str]:
        return {item.sha256 for item in self.sanction.statement.evidence}

    def stayed(self, at: datetime) -> bool:
        return self.stayed_itself(at) or (self.rests_on is not None and self.rests_on.stayed(at))

    def stayed_itself(self, at: datetime) -> bool:
        if self.appeal is None:
            return False
        start = self.stayed_at or self.appeal.due
        return start <= at and (self.decided_at is None or at < self.decided_at)

    def points(self, at: datetime) -> int:
        if self.start is None or self.fallen or self.stayed(at):
            return 0
        if not self.start <= at < self.start + timedelta(days=180):
            return 0
        return self.sanction.points - sum(points for since, points in self.taken if since <= at)

    def measures(self, at: datetime) -> set[MeasureKind]:
        if self.start is None or self.fallen or self.stayed(at) or at < self.start:
            return set()
        return {kind for kind, end in self.ends.items() if end is None or at < end}

    def over(self, at: datetime) -> bool:
        """Whether it has come to its end by itself."""
        return None not in self.ends.values() and all(end <= at for end in self.ends.values() if end)

    def open(self, at: datetime) -> bool:
        """Whether it is in force: neither over nor lifted nor fallen."""
        return self.start is not None and not self.fallen and not self.lifted and not self.over(at)

    def founds(self, at: datetime) -> bool:
        """Whether another decision may rest on it: it is in force, or its points count."""
        return not self.interim and (self.open(at) or self.points(at) > 0)

    def lift(self, at: datetime) -> None:
        """Ends it by an act."""
        self.lifted = True
        self.taken.append((at, self.sanction.points - sum(points for _, points in self.taken)))
        self.ends = {kind: min(end, at) if end else at for kind, end in self.ends.items()}


@dataclass
class World:
    """A database, its clock, and the policy in force."""

    runner: asyncio.Runner
    database: Database
    clock: ManualClock
    pack: Pack
    packs: int = 0

    def work(self, task: Callable[[Unit], T]) -> T:
        return self.runner.run(self.database.work("life", task))

    def take_up(self, changed: Pack) -> None:
        self.runner.run(take_up(self.database, changed))
        self.pack = changed


@contextmanager
def a_world(url: str) -> Iterator[World]:
    with asyncio.Runner() as runner:
        clock = ManualClock()
        database = opened(url, "credit", clock)
        world = World(runner, runner.run(database.__aenter__()), clock, pack())
        try:
            world.take_up(pack())
            yield world
        finally:
            runner.run(database.__aexit__(None, None, None))
