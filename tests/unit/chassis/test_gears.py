"""Commands that read together and store rows leave what the same commands leave that do both by themselves."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import Int32Value
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import Session, col, select

from chassis.auth.caller import Caller
from chassis.call import Call, serve
from chassis.db import Database, Prepared, Unit
from chassis.feed import entries_from
from chassis.ids import new_id
from chassis.refusal import Refusal
from tests.support.clock import ManualClock
from tests.support.counter.models import Counter

_MOST = 5
_KEEP = text(
    "INSERT INTO counter (name, total) VALUES (:name, :total) ON CONFLICT (name) DO UPDATE SET total = excluded.total"
)
_NEW = text("INSERT INTO counter (name, total) VALUES (:name, :total)")


@dataclass(frozen=True)
class Step:
    """Adds to a counter, up to five; a step of the same key as an earlier one is its replay."""

    name: str
    by: int
    key: int


def load(session: Session, _at: datetime, names: Sequence[str]) -> dict[str, int]:
    query = select(Counter.name, Counter.total).where(col(Counter.name).in_(names))
    return dict(session.exec(query).all())


def tell(session: Session, at: datetime, names: Sequence[str]) -> list[tuple[str, Int32Value]]:
    totals = load(session, at, names)
    return [(name, Int32Value(value=totals[name])) for name in names]


def added(unit: Unit, step: Step, total: int) -> Int32Value:
    if total + step.by > _MOST:
        raise Refusal.not_found("room", step.name)
    unit.audit("counter.total.incremented", resource_id=step.name)
    unit.tell(tell, step.name)
    return Int32Value(value=total + step.by)


def by_itself(step: Step) -> Callable[[Unit], Int32Value]:
    def command(unit: Unit) -> Int32Value:
        counter = unit.session.get(Counter, step.name) or Counter(name=step.name)
        reply = added(unit, step, counter.total)
        counter.total = reply.value
        unit.session.add(counter)
        return reply

    return command


def together(step: Step) -> Prepared[str, dict[str, int], Int32Value]:
    def command(unit: Unit, totals: dict[str, int]) -> Int32Value:
        reply = added(unit, step, totals.get(step.name, 0))
        unit.store(_KEEP, name=step.name, total=reply.value)
        totals[step.name] = reply.value
        return reply

    return Prepared(load, step.name, command)


def opened(url: str) -> Database:
    return Database(url, service="counter", clock=ManualClock(), migrations="tests.support.counter")


async def submit(database: Database, command: Any, request_id: str = "") -> Int32Value | str:
    async def served() -> Int32Value | str:
        call = Call("/test/Add", Caller("platform"), request_id or new_id(), b"d", Int32Value.FromString)
        serve(call)
        try:
            answer: Int32Value = await database.write(command)
        except Refusal as refusal:
            return refusal.message
        return answer

    return await asyncio.create_task(served())


async def totals_of(database: Database, names: Sequence[str]) -> dict[str, int]:
    return await database.read(lambda session: load(session, database.clock.now(), names))


async def outcome(url: str, steps: Sequence[Step], gears: Sequence[Callable[[Step], Any]]) -> tuple[Any, ...]:
    """What the steps lead to, sent at once: answers, totals, what the feed says last, revisions, audit records."""
    database = opened(url)
    await database.open()
    try:
        keys = {step.key: new_id() for step in steps}
        # One that takes its time, so that those after it share a transaction.
        first = asyncio.create_task(submit(database, together(Step("first", 1, -1))))
        answers = await asyncio.gather(
            *(submit(database, gears[number % len(gears)](step), keys[step.key]) for number, step in enumerate(steps))
        )
        await first
        entries = await database.read(entries_from)
        assert [entry.revision for entry in entries] == list(range(1, len(entries) + 1))
        totals = await totals_of(database, [step.name for step in steps])
        told = {entry.key: Int32Value.FromString(entry.payload).value for entry in entries}
        shown = [answer if isinstance(answer, str) else answer.value for answer in answers]
        return shown, totals, told, (await database.head()).audit_sequence
    finally:
        await database.close()


steps = st.lists(
    st.builds(Step, name=st.sampled_from("abc"), by=st.integers(1, 3), key=st.integers(0, 30)),
    min_size=1,
    max_size=20,
    unique_by=lambda step: step.key,
).flatmap(lambda some: st.permutations(some * 2))


@settings(max_examples=8)
@given(steps=steps)
def test_both_gears_and_their_mixture_have_one_result(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[Step]
) -> None:
    folder: Path = tmp_path_factory.mktemp("gears")
    gears: dict[str, list[Callable[[Step], Any]]] = {
        "itself": [by_itself],
        "together": [together],
        "mixed": [by_itself, together, together],
    }
    results = [asyncio.run(outcome(f"sqlite:///{folder}/{name}.db", steps, gear)) for name, gear in gears.items()]
    assert results[0] == results[1] == results[2]


async def test_both_gears_have_one_result_on_each_engine(database_url: str) -> None:
    some = [Step("abc"[number % 3], 1 + number % 2, number) for number in range(40)]
    answers, totals, told, audits = await outcome(database_url, some * 2, [by_itself, together, together])
    assert totals == {"a": 5, "b": 5, "c": 5}
    assert told == totals | {"first": 1}
    assert answers[40:] == answers[:40]
    assert audits == 1 + sum(isinstance(answer, int) for answer in answers[:40])


async def test_refusal_before_the_session_is_used_leaves_the_others_their_transaction(database_url: str) -> None:
    database = opened(database_url)
    await database.open()
    runs: list[int] = []

    def counted(number: int) -> Prepared[str, dict[str, int], Int32Value]:
        def command(unit: Unit, totals: dict[str, int]) -> Int32Value:
            runs.append(number)
            unit.store(_KEEP, name=str(number), total=1)
            if number % 2:
                raise Refusal.not_found("room", str(number))
            totals[str(number)] = 1
            return Int32Value(value=1)

        return Prepared(load, str(number), command)

    answers = await asyncio.gather(*(submit(database, counted(number)) for number in range(20)))
    assert sum(isinstance(answer, str) for answer in answers) == 10
    assert sorted(runs) == list(range(20))
    stored = await totals_of(database, [str(number) for number in range(20)])
    assert sorted(stored) == sorted(str(number) for number in range(0, 20, 2))
    await database.close()


async def test_row_that_a_constraint_refuses_falls_alone(database_url: str) -> None:
    database = opened(database_url)
    await database.open()

    def new(name: str) -> Callable[[Unit], Int32Value]:
        def command(unit: Unit) -> Int32Value:
            unit.store(_NEW, name=name, total=1)
            return Int32Value(value=1)

        return command

    outcomes = await asyncio.gather(
        *(submit(database, new(name)) for name in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [isinstance(each, Int32Value) for each in outcomes] == [True, True, False, True]
    assert await totals_of(database, ["a", "b", "c"]) == {
        "a": 1,
        "b": 1,
        "c": 1,
    }
    await database.close()


async def test_command_reads_what_one_before_it_has_stored(database_url: str) -> None:
    database = opened(database_url)
    await database.open()

    def new(unit: Unit) -> Int32Value:
        unit.store(_NEW, name="a", total=1)
        return Int32Value(value=1)

    answers = await asyncio.gather(submit(database, new), submit(database, by_itself(Step("a", 2, 0))))
    assert [answer.value for answer in answers if isinstance(answer, Int32Value)] == [1, 3]
    await database.close()


async def test_command_that_holds_an_object_sees_what_was_stored_past_it(database_url: str) -> None:
    database = opened(database_url)
    await database.open()
    gears = [by_itself, together, by_itself, together]
    answers = await asyncio.gather(*(submit(database, gear(Step("a", 1, number))) for number, gear in enumerate(gears)))
    assert [answer.value for answer in answers if isinstance(answer, Int32Value)] == [1, 2, 3, 4]
    await database.close()
