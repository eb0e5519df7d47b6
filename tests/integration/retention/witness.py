"""A small witness (C2SP tlog-witness): it checks each checkpoint against the last, and remembers before it answers."""

import base64
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.verify import VerificationError, VerifierKey, verify_checkpoint, verify_consistency
from ombud.verify.cosignature import cosigned_message
from ombud.verify.note import split_note
from ombud.verify.tree import EMPTY_ROOT

SECONDS = 1_770_000_000


class Witness:
    """Cosigns the checkpoints of the logs that it knows."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._state = folder / f"{name}.json"
        self._key = Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
        self._logs: dict[str, VerifierKey] = {}
        self._lock = threading.Lock()

    @property
    def _public(self) -> bytes:
        return b"\x04" + self._key.public_key().public_bytes_raw()

    @property
    def _key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self._public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self._key_id.hex()}+{base64.b64encode(self._public).decode()}"

    def know(self, log: VerifierKey) -> None:
        self._logs[log.name] = log

    def answer(self, body: str) -> tuple[int, str]:
        """Status and body of the answer to add-checkpoint."""
        head, _, note = body.partition("\n\n")
        old_line, *proof = head.split("\n")
        log = self._logs.get(note.partition("\n")[0])
        if log is None:
            return 404, ""
        try:
            checkpoint = verify_checkpoint(note, log)
        except VerificationError:
            return 403, ""
        old = int(old_line.removeprefix("old "))
        if old > checkpoint.size:
            return 400, ""
        with self._lock:
            size, root = self._last(log.name)
            if old != size:
                return 409, f"{size}\n"
            try:
                hashes = [base64.b64decode(line) for line in proof]
                verify_consistency(size, root, checkpoint.size, checkpoint.root, hashes)
            except VerificationError:
                return 422, ""
            self._remember(log.name, checkpoint.size, checkpoint.root)
        message = cosigned_message(split_note(note)[0], SECONDS)
        payload = self._key_id + SECONDS.to_bytes(8, "big") + self._key.sign(message)
        return 200, f"— {self.name} {base64.b64encode(payload).decode()}\n"

    def _last(self, origin: str) -> tuple[int, bytes]:
        state = json.loads(self._state.read_text()) if self._state.exists() else {}
        size, root = state.get(origin, (0, EMPTY_ROOT.hex()))
        return size, bytes.fromhex(root)

    def _remember(self, origin: str, size: int, root: bytes) -> None:
        state = json.loads(self._state.read_text()) if self._state.exists() else {}
        scratch = self._state.with_suffix(".part")
        with scratch.open("w") as file:
            json.dump(state | {origin: (size, root.hex())}, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._state)


@contextlib.contextmanager
def witnessing(witness: Witness) -> Iterator[str]:
    """The URL at which a witness answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = witness.answer(body) if self.path == "/add-checkpoint" else (404, "")
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_arguments: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
