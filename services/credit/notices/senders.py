"""The ways in which notices and letters leave: a file for the platform to carry on, or its webhook."""

import asyncio
import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chassis.outbox import append_line
from chassis.redacted import Redacted
from chassis.web import direct_opener

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
_TIMEOUT = 10.0


class NoticeNotSentError(Exception):
    """The notice was not delivered; it is sent again."""


class NoticeSender(Protocol):
    """Delivers what the persons concerned are told."""

    async def send(self, notice: "DataclassInstance") -> None:
        """Returns once the notice is delivered. The same notice may be sent more than once.

        Args:
            notice: A dataclass with a `notice_id`, by which a repeat is known.

        Raises:
            NoticeNotSentError: It was not delivered.
        """
        ...


class FileOutbox:
    """Appends notices as JSON lines to a file.

    Args:
        path: The file; mode 0600.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, notice: "DataclassInstance") -> None:
        """Returns once the line is on disk."""
        try:
            await asyncio.to_thread(append_line, self._path, _encoded(notice))
        except OSError as error:
            raise NoticeNotSentError(f"the outbox can not be written: {error.strerror}") from error


class Webhook:
    """Posts notices as JSON to the platform; signed, and tried again five times before it gives up.

    The header `Ombud-Signature` is `t=<Unix seconds>,v1=<HMAC-SHA256 of "<t>." and the body, in hexadecimal>`.
    A 2xx answer is the receipt; redirects are not followed, and no proxy of the environment's stands between.

    Args:
        url: Where to.
        secret: The key of the signatures.
        pauses: Seconds before each further try.
    """

    def __init__(self, url: str, secret: Redacted[bytes], *, pauses: tuple[float, ...] = _PAUSES) -> None:
        self._url = url
        self._secret = secret
        self._pauses = pauses
        self._opener = direct_opener()

    async def send(self, notice: "DataclassInstance") -> None:
        """Returns once the platform has answered that it has the notice."""
        body = _encoded(notice)
        for pause in (*self._pauses, None):
            problem = await asyncio.to_thread(self._post, body)
            if not problem:
                return
            if pause is None:
                raise NoticeNotSentError(f"the webhook did not take it: {problem}")
            await asyncio.sleep(pause)

    def _post(self, body: bytes) -> str:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked where the setting is read
            self._url,
            data=body,
            headers={"Content-Type": "application/json", "Ombud-Signature": signature(self._secret, body)},
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT):
                return ""
        except urllib.error.HTTPError as error:
            return f"status {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return type(error).__name__


def signature(secret: Redacted[bytes], body: bytes) -> str:
    """The value of `Ombud-Signature` for a body that is sent now."""
    # The receiver compares it with its own clock, which knows nothing of the service's.
    sent = int(time.time())
    digest = hmac.new(secret.reveal(), f"{sent}.".encode() + body, hashlib.sha256)
    return f"t={sent},v1={digest.hexdigest()}"


def _encoded(notice: "DataclassInstance") -> bytes:
    return json.dumps(asdict(notice), default=datetime.isoformat, ensure_ascii=False, sort_keys=True).encode()
