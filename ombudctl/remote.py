"""A C2SP tlog-tiles log that someone serves over HTTP."""

import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from ombudctl.output import CommandError
from services.retention.log.tiles import CHECKPOINT, ENTRIES, WIDTH, Tile, split_bundle

_SECONDS = 20
_MOST_CHECKPOINT_BYTES = 1 << 16
_MOST_BUNDLE_BYTES = WIDTH * (2 + 65_535)


class UnreachableError(Exception):
    """The log does not answer, or not with what was asked for. The text says what happened."""


class RemoteLog:
    """Reads a log.

    Args:
        url: Where its checkpoint and tiles are, with `http` or `https`.

    Raises:
        CommandError: It is no such URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"{url} is not the URL of a log", "Give the one that `ombud log serve` prints.")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host = parts.netloc
        self._prefix = parts.path.rstrip("/")

    def checkpoint(self) -> str:
        """The checkpoint that is shown now.

        Raises:
            UnreachableError: There is none.
        """
        try:
            return self._get(CHECKPOINT, _MOST_CHECKPOINT_BYTES).decode()
        except UnicodeDecodeError as error:
            raise UnreachableError("checkpoint: not text") from error

    def entries(self, start: int, end: int, size: int) -> Sequence[bytes]:
        """The leaves from an index up to another in the tree of a size.

        Raises:
            UnreachableError: One is missing.
        """
        found: list[bytes] = []
        for number in range(start // WIDTH, -(-end // WIDTH)):
            first = number * WIDTH
            bundle = self._bundle(Tile(ENTRIES, number, min(WIDTH, size - first)))
            found += bundle[max(start - first, 0) : end - first]
        return found

    def _bundle(self, tile: Tile) -> list[bytes]:
        try:
            content = self._get(tile.path, _MOST_BUNDLE_BYTES)
        except UnreachableError:
            # A partial bundle may be gone once the full one is there.
            if tile.width == WIDTH:
                raise
            content = self._get(tile._replace(width=WIDTH).path, _MOST_BUNDLE_BYTES)
        try:
            return split_bundle(content)
        except ValueError as error:
            raise UnreachableError(f"{tile.path}: {error}") from error

    def _get(self, path: str, most_bytes: int) -> bytes:
        connection = self._connect(self._host, timeout=_SECONDS)
        try:
            connection.request("GET", f"{self._prefix}/{path}")
            response = connection.getresponse()
            content = response.read(most_bytes + 1)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{path}: {type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise UnreachableError(f"{path}: HTTP status {response.status}")
        if len(content) > most_bytes:
            raise UnreachableError(f"{path}: larger than it can be")
        return content
