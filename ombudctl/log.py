"""`ombud log`: the log's public files for others to read."""

import contextlib
import signal
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ombudctl.output import CommandError, print_json
from services.retention.log.tiles import CHECKPOINT, Tile

_SECONDS = 30


def retention_folder(data: Path) -> Path:
    """The retention service's folder in a suite's, or the folder itself if it is that service's own.

    Raises:
        CommandError: Neither is there.
    """
    for folder in (data / "retention", data):
        if (folder / "log.vkey").exists():
            return folder
    raise CommandError(f"{data} holds no log", "Give the data folder of the suite or of the retention service.")


class _Handler(BaseHTTPRequestHandler):
    """Answers with a checkpoint or a tile; a path that is neither's is not found, whatever lies there."""

    protocol_version = "HTTP/1.1"
    server_version = "ombud"
    sys_version = ""
    timeout = _SECONDS
    wbufsize = -1  # header and body leave together, and no reader waits for the second

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]  # whatever the server gives a handler

    def do_GET(self) -> None:
        """Sends a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Sends what is known of a file."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keeps no record of who reads."""

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.removeprefix("/")
        if path == CHECKPOINT:
            content_type, cache = "text/plain; charset=utf-8", "no-cache"
        elif Tile.parse(path) is not None:
            content_type, cache = "application/octet-stream", "public, max-age=31536000, immutable"
        else:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain; charset=utf-8", "no-cache", with_body=with_body)
            return
        try:
            content, status = (self._folder / path).read_bytes(), HTTPStatus.OK
        except FileNotFoundError:
            content, status, cache = b"", HTTPStatus.NOT_FOUND, "no-cache"
        self._send(status, content, content_type, cache, with_body=with_body)

    def _send(self, status: HTTPStatus, content: bytes, content_type: str, cache: str, *, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", cache)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)


def serve(data: Path, *, port: int, as_json: bool) -> bool:
    """Serves the log's files read-only over HTTP on 127.0.0.1 until SIGINT or SIGTERM.

    Args:
        data: Folder of the suite, or of the retention service.
        port: Port on 127.0.0.1; 0 for any.
        as_json: Print one JSON object when it serves, instead of a sentence.

    Raises:
        CommandError: There is no log.
        OSError: The port is in use.
    """
    folder = retention_folder(data) / "log"
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, folder)) as server:
        server.daemon_threads = True
        url = f"http://127.0.0.1:{server.server_port}/"
        if as_json:
            print_json({"url": url, "folder": str(folder)})
        else:
            sys.stdout.write(f"The log is served at {url}\nCtrl-C stops.\n")
            sys.stdout.flush()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return True
