"""Exports in the Relativity Short Message Format 2.0.

That is a mail (RFC 5322) whose one attachment is a zip of a manifest with participants, conversations and events, and
of the files that events have attached; here, each record's proof.
"""

import base64
import json
import quopri
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from ombud.retention.v1.access_service_pb2 import ExportedRecord
from ombudctl.export.rows import proof_name, text_of

_VERSION = "2.0.0"
_BOUNDARY = "ombud-rsmf-boundary"
_LINE_BYTES = 57 * 1024


class Rsmf:
    """Gathers records; memory does not grow with them.

    Args:
        path: The file to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zipped = TemporaryFile()  # noqa: SIM115 - closed by close()
        self._events = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by close()
        self._zip = zipfile.ZipFile(self._zipped, "w", zipfile.ZIP_DEFLATED)
        self._participants: set[str] = set()
        self._groups: set[str] = set()
        self._count = 0
        self._first = self._last = ""

    def add(self, exported: ExportedRecord) -> None:
        """Adds one record as an event, with its proof attached."""
        record, name = exported.record, proof_name(exported.record)
        time = record.event_time.ToJsonString()
        self._zip.writestr(name, exported.proof)
        event = {
            "id": str(record.index),
            "type": "message",
            "conversation": record.group_id,
            "participant": record.producer,
            "timestamp": time,
            "body": text_of(record) or base64.b64encode(record.body).decode(),
            "attachments": [{"id": name, "display": "Proof of the record", "size": len(exported.proof.encode())}],
            "custom": [
                {"name": "receive_time", "value": record.receive_time.ToJsonString()},
                {"name": "producer_sequence", "value": str(record.sequence)},
            ],
        }
        self._events.write(("," if self._count else "") + json.dumps(event, ensure_ascii=False) + "\n")
        self._participants.add(record.producer)
        self._groups.add(record.group_id)
        self._count += 1
        self._first, self._last = min(self._first or time, time), max(self._last, time)

    def close(self) -> None:
        """Writes the file."""
        with self._zip.open("rsmf_manifest.json", "w") as manifest:
            head = {
                "version": _VERSION,
                "participants": [{"id": name, "display": name} for name in sorted(self._participants)],
                "conversations": [_conversation(group, self._participants) for group in sorted(self._groups)],
            }
            manifest.write(json.dumps(head)[:-1].encode() + b', "events": [\n')
            for line in _lines(self._events):
                manifest.write(line.encode())
            manifest.write(b"]}")
        self._zip.close()
        with self._path.open("wb") as file:
            self._write_mail(file)
        self._events.close()
        self._zipped.close()

    def _write_mail(self, file: IO[bytes]) -> None:
        header = [
            "From: ombud@localhost",
            "To: ombud@localhost",
            "Subject: Retained records",
            "MIME-Version: 1.0",
            f"X-RSMF-Version: {_VERSION}",
            "X-RSMF-Generator: Ombud",
            f"X-RSMF-EventCount: {self._count}",
        ]
        if self._count:
            header += [f"X-RSMF-BeginDate: {self._first}", f"X-RSMF-EndDate: {self._last}"]
        header += [
            f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"',
            "",
            f"--{_BOUNDARY}",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            "",
        ]
        file.write("\r\n".join(header).encode())
        for line in _lines(self._events):
            event = json.loads(line.removeprefix(","))
            text = f"{event['timestamp']} {event['participant']}: {event['body']}\n".encode()
            file.write(quopri.encodestring(text).replace(b"\n", b"\r\n"))
        attachment = [
            f"--{_BOUNDARY}",
            'Content-Type: application/zip; name="rsmf.zip"',
            'Content-Disposition: attachment; filename="rsmf.zip"',
            "Content-Transfer-Encoding: base64",
            "",
            "",
        ]
        file.write("\r\n".join(attachment).encode())
        self._zipped.seek(0)
        while portion := self._zipped.read(_LINE_BYTES):
            file.write(_base64_lines(portion))
        file.write(f"--{_BOUNDARY}--\r\n".encode())


def _conversation(group: str, participants: Iterable[str]) -> dict[str, Any]:
    return {"id": group, "platform": "ombud", "type": "channel", "display": group, "participants": sorted(participants)}


def _lines(file: IO[str]) -> Iterable[str]:
    file.seek(0)
    return file


def _base64_lines(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")
