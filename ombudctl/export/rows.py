"""Exports as JSON Lines and CSV, with a proof file for each record."""

import base64
import csv
import json
from pathlib import Path
from typing import Any

from ombud.retention.v1.access_service_pb2 import ExportedRecord, RetainedRecord

PROOFS = "proofs"
_COLUMNS = ("index", "group_id", "producer", "sequence", "receive_time", "event_time", "text", "body_base64", "proof")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text_of(record: RetainedRecord) -> str | None:
    """What the record says, if it is UTF-8."""
    try:
        return record.body.decode()
    except UnicodeDecodeError:
        return None


def proof_name(record: RetainedRecord) -> str:
    """The name of a record's proof file."""
    return f"{record.index:012d}.tlog-proof"


def fields_of(record: RetainedRecord) -> dict[str, Any]:
    """A record as JSON shows it."""
    return {
        "index": record.index,
        "group_id": record.group_id,
        "producer": record.producer,
        "sequence": record.sequence,
        "receive_time": record.receive_time.ToJsonString(),
        "event_time": record.event_time.ToJsonString(),
        "text": text_of(record),
        "body_base64": base64.b64encode(record.body).decode(),
        "proof": f"{PROOFS}/{proof_name(record)}",
    }


class Rows:
    """Writes records as they come.

    Args:
        folder: The export's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / PROOFS).mkdir()
        self._lines = (folder / "records.jsonl").open("w", encoding="utf-8")
        self._table = (folder / "records.csv").open("w", encoding="utf-8", newline="")
        self._csv = csv.DictWriter(self._table, _COLUMNS)
        self._csv.writeheader()

    def add(self, exported: ExportedRecord) -> None:
        """Writes one record and its proof."""
        fields = fields_of(exported.record)
        (self._folder / fields["proof"]).write_text(exported.proof, encoding="utf-8")
        self._lines.write(json.dumps(fields, ensure_ascii=False) + "\n")
        self._csv.writerow(fields | {"text": _harmless(fields["text"] or "")})

    def close(self) -> None:
        """Ends the files."""
        self._lines.close()
        self._table.close()


def _harmless(text: str) -> str:
    """Text that a spreadsheet does not take for a formula; `records.jsonl` has it unchanged."""
    return f"'{text}" if text.startswith(_FORMULA) else text
