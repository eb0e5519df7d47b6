"""Witnesses: others who cosign a checkpoint if it continues the last one that they saw (C2SP tlog-witness)."""

import asyncio
import http.client
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from ombud.verify import VerificationError, WitnessKey, verify_cosignatures
from ombud.verify.note import encode_base64
from services.retention.errors import ForkedError
from services.retention.log.note import Head

_log = logging.getLogger("ombud.retention.witness")
_MOST_ANSWER_BYTES = 1 << 16

Consistency = Callable[[int, int], list[bytes]]
"""The proof that the tree of one size is a prefix of that of another."""


class Witness:
    """One witness.

    Args:
        url: Its submission prefix, with `http` or `https`.
        key: Its verifier key.
        seconds: How long it may take to answer.
    """

    def __init__(self, url: str, key: WitnessKey, *, seconds: float) -> None:
        parts = urlsplit(url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._path = parts.netloc, parts.path.rstrip("/") + "/add-checkpoint"
        self._key = key
        self._seconds = seconds
        self._seen = 0

    def cosign(self, checkpoint: str, head: Head, consistency: Consistency) -> str:
        """Its cosignature line; empty if none was to be had.

        Raises:
            ForkedError: It has seen a later state of the log than this one.
        """
        if self._seen > head.size:
            raise self._later(self._seen, head)
        try:
            for _ in range(2):
                status, answer = self._submit(checkpoint, consistency(self._seen, head.size))
                if status != HTTPStatus.CONFLICT or not self._learn(answer, head):
                    break
        except (OSError, http.client.HTTPException) as error:
            _log.warning("%s did not answer: %s", self._key.name, type(error).__name__)
            return ""
        if status != HTTPStatus.OK:
            _log.error("%s did not cosign %d leaves: HTTP status %d", self._key.name, head.size, status)
            return ""
        return self._line(checkpoint, answer, head)

    def _submit(self, checkpoint: str, proof: Sequence[bytes]) -> tuple[int, bytes]:
        lines = [f"old {self._seen}", *map(encode_base64, proof)]
        body = "\n".join(lines) + "\n\n" + checkpoint
        connection = self._connect(self._host, timeout=self._seconds)
        try:
            connection.request("POST", self._path, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})
            response = connection.getresponse()
            return response.status, response.read(_MOST_ANSWER_BYTES)
        finally:
            connection.close()

    def _learn(self, answer: bytes, head: Head) -> bool:
        """Takes up the size that the witness has seen; False if its answer tells none."""
        text = answer.strip()
        if not text.isdigit() or len(text) > len(str(2**63)):
            return False
        size = int(text)
        if size > head.size:
            raise self._later(size, head)
        known, self._seen = self._seen, size
        return known != size

    def _later(self, size: int, head: Head) -> ForkedError:
        return ForkedError(f"{self._key.name} has seen {size} leaves of this log, which now has {head.size}")

    def _line(self, checkpoint: str, answer: bytes, head: Head) -> str:
        try:
            lines = answer.decode()
            cosigned = verify_cosignatures(checkpoint + lines, [self._key])
        except (UnicodeDecodeError, VerificationError):
            cosigned = {}
        if not cosigned:
            _log.error("%s answered with no cosignature of its own", self._key.name)
            return ""
        self._seen = head.size
        return lines


class Witnesses:
    """All witnesses of a log, asked at the same time."""

    def __init__(self, witnesses: Sequence[Witness] = ()) -> None:
        self._witnesses = witnesses

    async def cosign(self, checkpoint: str, head: Head, consistency: Consistency) -> str:
        """The checkpoint with the cosignatures that were to be had.

        Raises:
            ForkedError: A witness has seen a later state of the log than this one.
        """
        asked = (asyncio.to_thread(each.cosign, checkpoint, head, consistency) for each in self._witnesses)
        return checkpoint + "".join(await asyncio.gather(*asked))
