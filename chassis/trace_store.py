"""Local traces: an exporter that keeps spans in a SQLite file, and the query behind `ombud trace`."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_HOUR_NS = 3600 * 10**9
_KEPT_NS = 7 * 24 * _HOUR_NS
_SCHEMA = """
CREATE TABLE IF NOT EXISTS span (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent_id TEXT NOT NULL, name TEXT NOT NULL,
    service TEXT NOT NULL, kind TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
    status TEXT NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS span_end ON span (end_ns);
"""


@dataclass(frozen=True)
class StoredSpan:
    """A span as kept: times in nanoseconds since 1970, `attributes` without the service's name."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    attributes: dict[str, str | int]


class TraceStore(SpanExporter):
    """Keeps the spans of seven days in one file. For one machine; production sends OTLP to a collector."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        self._pruned_ns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes the spans in one transaction, and once an hour drops those that are too old."""
        values = [_row(span) for span in spans]
        try:
            # A transaction that was left open would refuse all that comes after it.
            with self._connection:
                self._connection.execute("BEGIN")
                self._connection.executemany("INSERT OR REPLACE INTO span VALUES (?,?,?,?,?,?,?,?,?,?)", values)
                self._prune(max((span.end_time or 0 for span in spans), default=0))
        except sqlite3.Error:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _prune(self, now_ns: int) -> None:
        if now_ns - self._pruned_ns >= _HOUR_NS:
            self._connection.execute("DELETE FROM span WHERE end_ns < ?", (now_ns - _KEPT_NS,))
            self._pruned_ns = now_ns


def spans_of(path: Path, trace_id: str) -> list[StoredSpan]:
    """All spans of a trace, oldest first; empty if the file is absent."""
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT * FROM span WHERE trace_id = ? ORDER BY start_ns", (trace_id,)).fetchall()
    finally:
        connection.close()
    columns = [field.name for field in fields(StoredSpan)]
    return [StoredSpan(**dict(zip(columns, row, strict=True)) | {"attributes": json.loads(row[-1])}) for row in found]


def _row(span: ReadableSpan) -> tuple[str | int, ...]:
    context = span.get_span_context()
    assert context is not None  # noqa: S101 - a finished span has one
    attributes = dict(span.attributes or {})
    return (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        f"{span.parent.span_id:016x}" if span.parent else "",
        span.name,
        str(attributes.pop("ombud.service", "")),
        span.kind.name,
        span.start_time or 0,
        span.end_time or 0,
        str(attributes.get("rpc.response.status_code", "OK")),
        json.dumps(attributes),
    )
