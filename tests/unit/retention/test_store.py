"""The retention service's queries and constraints, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

import services.retention.access.models
import services.retention.audit.models
import services.retention.log.models
import services.retention.segments.models  # noqa: F401 - each adds its tables to the metadata
from chassis.db import Database, Unit
from chassis.ids import new_id
from services.retention.access import store as accesses
from services.retention.access.domain import Access, Scope, approve
from services.retention.audit import store as audits
from services.retention.audit.domain import Entry
from services.retention.errors import ForkedError
from services.retention.log import store as log
from services.retention.log.leaves import Codec, RecordClass, SegmentLeaf
from services.retention.log.ledger import Ledger
from services.retention.log.note import Head
from services.retention.segments import store as catalogue
from services.retention.segments.records import ReceivedBatch, RecordBatch
from services.retention.tables import RetentionTable
from tests.support.engines import OpenDatabase

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_migrations_make_the_tables_that_the_code_expects(databases: OpenDatabase, database_url: str) -> None:
    metadata = RetentionTable.metadata
    async with databases("retention"):
        engine = create_engine(database_url)
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables}
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        engine.dispose()
    assert differences == []


async def opened_ledger(database: Database, folder: Path) -> Ledger:
    ledger = Ledger(database, folder, "log.example/chat")
    await ledger.open()
    return ledger


def nothing(_session: Session, _first_leaf: int) -> None:
    """Enters nothing beside the leaves."""


async def test_two_hundred_appends_at_once_make_one_history(databases: OpenDatabase, tmp_path: Path) -> None:
    async with databases("retention") as database:
        ledger = await opened_ledger(database, tmp_path)
        one_at_a_time = asyncio.Lock()

        async def append(number: int) -> None:
            async with one_at_a_time:
                await ledger.append([str(number).encode()], nothing)

        await asyncio.gather(*(append(number) for number in range(200)))
        again = await opened_ledger(database, tmp_path)
        assert again.head == ledger.head
        assert again.head.size == 200
        assert again.checkpoint == ledger.checkpoint


async def test_second_writer_on_the_same_checkpoint_is_refused_and_goes_on_from_the_first_ones_history(
    databases: OpenDatabase, tmp_path: Path
) -> None:
    async with databases("retention") as database:
        first, second = await opened_ledger(database, tmp_path), await opened_ledger(database, tmp_path)
        await first.append([b"one"], nothing)
        with pytest.raises(ForkedError, match="another writer"):
            await second.append([b"other"], nothing)
        assert second.head == first.head
        await second.append([b"two"], nothing)
        assert await database.read(lambda session: log.entries(session, 0)) == [b"one", b"two"]


async def test_failed_catalogue_takes_the_leaves_back(databases: OpenDatabase, tmp_path: Path) -> None:
    async with databases("retention") as database:
        ledger = await opened_ledger(database, tmp_path)
        before = ledger.head

        def failing(_session: Session, _first_leaf: int) -> None:
            raise LookupError

        with pytest.raises(LookupError):
            await ledger.append([b"one"], failing)
        assert ledger.head == before
        await ledger.append([b"two"], nothing)
        assert await database.read(lambda session: log.entries(session, 0)) == [b"two"]


async def test_head_is_swapped_against_the_one_it_builds_on_alone(databases: OpenDatabase, tmp_path: Path) -> None:
    async with databases("retention") as database:
        ledger = await opened_ledger(database, tmp_path)
        for wrong in (Head(1, ledger.head.root), Head(0, bytes(32))):
            with pytest.raises(ForkedError):
                await database.work("test", partial(swap_from, wrong))


def swap_from(old: Head, unit: Unit) -> None:
    log.swap(unit.session, old=old, new=Head(9, b""), checkpoint="")


def leaf(first_index: int, count: int, received: datetime) -> SegmentLeaf:
    micros = int(received.timestamp() * 1_000_000)
    return SegmentLeaf(
        UUID(new_id()),
        RecordClass.CHAT,
        first_index,
        count,
        micros,
        micros,
        bytes(32),
        bytes(32),
        Codec.ZSTD_AES_256_GCM,
        bytes(16),
    )


def batch(producer: str, first_sequence: int, count: int, first_index: int) -> ReceivedBatch:
    records = RecordBatch(producer, first_sequence, [bytes(16)], [0] * count, [0] * count, [b"x"] * count)
    return ReceivedBatch(records, 0, first_index)


async def test_catalogue_finds_records_by_index_by_sequence_and_by_time(databases: OpenDatabase) -> None:
    async with databases("retention") as database:

        def enter(unit: Unit) -> None:
            for number in range(4):
                sealed = leaf(10 * number, 10, START + number * HOUR)
                catalogue.add(unit.session, sealed, file=f"day/{number}", leaf_index=2 * number)
                pieces = [
                    batch("a", 1 + 6 * number, 3, 10 * number),
                    batch("b", 1 + 4 * number, 4, 10 * number + 3),
                    batch("a", 4 + 6 * number, 3, 10 * number + 7),
                ]
                catalogue.add_producers(unit.session, str(sealed.segment_id), pieces)

        await database.work("test", enter)

        def found(session: Session) -> None:
            assert catalogue.next_index(session, RecordClass.CHAT) == 40
            assert catalogue.next_index(session, RecordClass.AUDIT) == 0
            held = [catalogue.holding(session, RecordClass.CHAT, index) for index in (0, 9, 10, 39, 40)]
            assert [each.leaf_index if each else None for each in held] == [0, 0, 2, 6, None]
            of = [catalogue.of_producer(session, *key) for key in (("a", 6), ("a", 7), ("b", 16), ("b", 17), ("c", 1))]
            assert [each.leaf_index if each else None for each in of] == [0, 2, 6, None, None]
            between = catalogue.received_between(session, START + HOUR, START + 3 * HOUR, after=0, limit=10)
            assert [each.first_index for each in between] == [10, 20]
            rest = catalogue.received_between(session, START, START + 9 * HOUR, after=20, limit=1)
            assert [each.first_index for each in rest] == [20]
            state = catalogue.sealed_state(session)
            assert (state.next_index, state.next_sequences) == (40, {"a": 25, "b": 17})

        await database.read(found)


def add_audit(entries: Sequence[Entry], unit: Unit) -> None:
    audits.add(unit.session, entries, unit.now)


async def test_audit_records_get_positions_without_gaps_and_leave_their_bodies_to_segments(
    databases: OpenDatabase,
) -> None:
    async with databases("retention") as database:
        entries = [Entry(new_id(), at + 1, "t" * 32, f"account:{at % 2}", START, bytes([at])) for at in range(6)]
        for start in (0, 3):
            await database.work("test", partial(add_audit, entries[start : start + 3]))
        await database.work("test", lambda unit: audits.drop_bodies(unit.session, 0, 2))

        def found(session: Session) -> None:
            rows = audits.of_trace(session, "t" * 32, after=-1, limit=10)
            assert [row.position for row in rows] == [0, 1, 2, 3, 4, 5]
            assert [row.body for row in rows] == [None, None, b"\x02", b"\x03", b"\x04", b"\x05"]
            assert [row.position for row in audits.of_subject(session, "account:1", after=1, limit=1)] == [3]
            assert [row.position for row in audits.unsealed(session, 4, 10)] == [4, 5]
            assert audits.digests(session, [entries[1].audit_id, new_id()]) == {entries[1].audit_id: entries[1].digest}

        await database.read(found)


async def test_audit_id_is_kept_once_whatever_the_code_does(databases: OpenDatabase) -> None:
    async with databases("retention") as database:
        entry = Entry(new_id(), 1, "", "", START, b"")
        await database.work("test", partial(add_audit, [entry]))
        with pytest.raises(IntegrityError):
            await database.work("test", partial(add_audit, [entry]))


def asked() -> Access:
    return Access(
        access_id=new_id(),
        case_id="case-1",
        legal_basis="order",
        purpose="appeal",
        scope=Scope((new_id(), new_id()), START, START + HOUR),
        window=HOUR,
        most_reads=2,
        requester="officer-1",
        request_time=START,
    )


async def test_access_comes_back_as_it_was_kept(databases: OpenDatabase) -> None:
    async with databases("retention") as database:
        access = asked()
        await database.work("test", lambda unit: accesses.add(unit.session, access))
        opened = replace(approve(access, "approver-1", START), reads=1)
        await database.work("test", lambda unit: accesses.save(unit.session, opened))
        kept = await database.read(lambda session: accesses.get(session, access.access_id.upper()))
        assert replace(kept, scope=replace(kept.scope, group_ids=())) == replace(
            opened, scope=replace(opened.scope, group_ids=())
        )
        assert set(kept.scope.group_ids) == set(access.scope.group_ids)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("two_persons", "approver = requester, approve_time = 1"),
        ("approval_whole", "approver = 'approver-1'"),
        ("approval_whole", "approve_time = 1"),
        ("read_after_approval", "reads = 1"),
        ("reads_within_bound", "approver = 'approver-1', approve_time = 1, reads = 3"),
        ("window_has_length", "window_seconds = 0"),
        ("interval_in_order", "end_time = start_time"),
    ],
)
async def test_database_itself_refuses_what_the_rules_forbid(
    databases: OpenDatabase, constraint: str, change: str
) -> None:
    async with databases("retention") as database:
        await database.work("test", lambda unit: accesses.add(unit.session, asked()))

        def attack(unit: Unit) -> None:
            unit.session.execute(text(f"UPDATE access SET {change}"))  # noqa: S608 - from the table above

        with pytest.raises(IntegrityError, match=f"ck_access_{constraint}"):
            await database.work("test", attack)
