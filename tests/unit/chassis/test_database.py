import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int32Value
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from chassis.auth.caller import Caller
from chassis.call import Call, Trace, serve
from chassis.db import Database, Unit
from chassis.feed import Feed, entries_from
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.types_pb2 import FeedCheckpoint
from tests.support.clock import ManualClock
from tests.support.counter.models import Counter


def open_counter(url: str) -> Database:
    return Database(url, service="counter", clock=ManualClock(), migrations="tests.support.counter")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_counter(database_url)
    await database.open()
    yield database
    await database.close()


def call(request_id: str = "", digest: bytes = b"d", caller: str = "platform") -> Call:
    return Call(
        "/test/Increment",
        Caller(caller),
        request_id or new_id(),
        digest,
        Int32Value.FromString,
        Trace("a" * 32, "b" * 16),
    )


def increment(unit: Unit) -> Int32Value:
    counter = unit.session.get(Counter, "one") or Counter(name="one")
    counter.total += 1
    unit.session.add(counter)
    reply = Int32Value(value=counter.total)
    unit.audit("counter.total.incremented", resource_id="one")
    unit.change("one", reply)
    return reply


async def write(database: Database, command: object = increment, **of: str | bytes) -> Int32Value:
    async def served() -> Int32Value:
        serve(call(**of))  # type: ignore[arg-type]  # keyword by keyword
        return await database.write(command)  # type: ignore[arg-type]  # commands of the tests

    return await asyncio.create_task(served())


async def total(database: Database) -> int:
    def query(session: Session) -> int:
        counter = session.get(Counter, "one")
        return counter.total if counter else 0

    return await database.read(query)


async def test_200_concurrent_increments_of_one_subject_lose_none(database: Database) -> None:
    await asyncio.gather(*(write(database) for _ in range(200)))
    assert await total(database) == 200


async def test_increments_of_two_processes_on_one_database_lose_none(database_url: str) -> None:
    replicas = [open_counter(database_url), open_counter(database_url)]
    for replica in replicas:
        await replica.open()
    await asyncio.gather(*(write(replica) for _ in range(100) for replica in replicas))
    assert await total(replicas[0]) == 200
    revisions = [entry.revision for entry in await replicas[1].read(entries_from)]
    assert revisions == list(range(1, 201))
    for replica in replicas:
        await replica.close()


async def test_replay_returns_the_stored_answer_and_has_one_effect(database: Database) -> None:
    request_id = new_id()
    first = await write(database, request_id=request_id)
    again = await asyncio.gather(*(write(database, request_id=request_id) for _ in range(10)))
    assert {reply.value for reply in (first, *again)} == {1}
    assert await total(database) == 1


async def test_racing_twins_of_one_request_have_one_effect(database: Database) -> None:
    request_id = new_id()
    replies = await asyncio.gather(*(write(database, request_id=request_id) for _ in range(20)))
    assert {reply.value for reply in replies} == {1}


async def test_request_id_of_another_request_is_refused(database: Database) -> None:
    request_id = new_id()
    await write(database, request_id=request_id)
    with pytest.raises(Refusal) as refused:
        await write(database, request_id=request_id, digest=b"other")
    assert refused.value.reason == ErrorReason.ERROR_REASON_REQUEST_ID_REUSED
    assert await total(database) == 1


async def test_request_ids_of_two_callers_do_not_meet(database: Database) -> None:
    request_id = new_id()
    await write(database, request_id=request_id)
    await write(database, request_id=request_id, caller="desk")
    assert await total(database) == 2


async def test_refused_command_takes_nothing_of_its_neighbours_with_it(database: Database) -> None:
    def refuse(unit: Unit) -> Int32Value:
        increment(unit)
        raise Refusal.not_found("counter", "two")

    outcomes = await asyncio.gather(
        *(write(database, command) for command in [increment, refuse] * 20), return_exceptions=True
    )
    assert sum(isinstance(outcome, Refusal) for outcome in outcomes) == 20
    assert await total(database) == 20
    entries = await database.read(entries_from)
    assert [entry.revision for entry in entries] == list(range(1, 21))
    assert (await database.head()).audit_sequence == 20


async def test_commit_listeners_hear_before_the_writer_is_answered(database: Database) -> None:
    heard: list[int] = []
    database.on_commit(lambda entries: heard.extend(entry.revision for entry in entries))

    async def one() -> None:
        await write(database)
        assert heard

    await asyncio.gather(*(one() for _ in range(30)))
    assert heard == list(range(1, 31))


async def test_watch_gives_every_change_once_in_order_then_a_checkpoint(database: Database) -> None:
    for _ in range(3):
        await write(database)
    seen: list[int] = []
    async for item in Feed(database).watch(1):
        if isinstance(item, FeedCheckpoint):
            assert item.revision == 3
            break
        seen.append(item.revision)
    assert seen == [2, 3]


async def test_run_of_the_feed_fits_into_a_message(database: Database) -> None:
    def large(unit: Unit) -> Int32Value:
        for _ in range(3):
            unit.change("one", BytesValue(value=bytes(200 << 10)))
        for number in range(70):
            unit.change("one", Int32Value(value=number))
        return Int32Value()

    await write(database, large)
    found: list[int] = []
    async for item in Feed(database).runs(0):
        if isinstance(item, FeedCheckpoint):
            break
        assert [entry.revision for entry in item] == list(range(sum(found) + 1, sum(found) + len(item) + 1))
        found.append(len(item))
    assert found == [1, 1, 64, 7]


async def test_watch_sends_a_change_that_commits_while_it_waits(database: Database) -> None:
    async def next_change() -> int:
        async for item in Feed(database).watch(0):
            if not isinstance(item, FeedCheckpoint):
                return item.revision
        raise AssertionError

    waiting = asyncio.create_task(next_change())
    await write(database)
    assert await asyncio.wait_for(waiting, 5) == 1


@pytest.mark.parametrize(("revision", "epoch"), [(7, ""), (0, "another")])
async def test_watch_from_a_history_that_is_not_ours_is_refused(database: Database, revision: int, epoch: str) -> None:
    with pytest.raises(Refusal) as refused:
        await anext(aiter(Feed(database).watch(revision, epoch)))
    assert refused.value.reason == ErrorReason.ERROR_REASON_REVISION_UNKNOWN


async def test_read_sees_one_state_of_the_data_whatever_commits_meanwhile(database: Database) -> None:
    await write(database)
    loop = asyncio.get_running_loop()

    def query(session: Session) -> tuple[int, int]:
        before = session.exec(select(Counter.total)).one()
        asyncio.run_coroutine_threadsafe(write(database), loop).result()
        return before, session.exec(select(Counter.total)).one()

    assert await database.read(query) == (1, 1)
    assert await total(database) == 2


async def test_read_can_not_write_and_its_error_repeats_no_value(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        await database.read(lambda session: session.execute(insert(Counter), {"name": "marlow", "total": 1}))
    assert "marlow" not in str(failed.value)


async def test_what_was_acknowledged_is_there_after_a_restart(database_url: str) -> None:
    for expected in (1, 2):
        database = open_counter(database_url)
        await database.open()
        await write(database)
        assert await total(database) == expected
        await database.close()
