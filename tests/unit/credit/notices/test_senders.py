import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from chassis.redacted import Redacted
from services.credit.notices.senders import NoticeNotSentError, Webhook
from tests.unit.credit.builders import approved, written

SECRET = Redacted(bytes(range(32)))


@dataclass
class Platform:
    """An HTTP server that answers with the given statuses, the last one for ever."""

    statuses: list[int]
    port: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head) if name}
        self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        elsewhere = f"http://127.0.0.1:{self.port}/elsewhere"
        writer.write(f"HTTP/1.1 {status} x\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def webhook(self) -> Webhook:
        return Webhook(f"http://127.0.0.1:{self.port}/notices", SECRET, pauses=(0.0,) * 5)


@asynccontextmanager
async def platform(*statuses: int) -> AsyncIterator[Platform]:
    answering = Platform(list(statuses))
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0)
    answering.port = server.sockets[0].getsockname()[1]
    async with server:
        yield answering


async def test_platform_can_prove_that_a_notice_is_the_suites() -> None:
    notice = written(approved())
    async with platform(204) as answering:
        await answering.webhook().send(notice)

    ((headers, body),) = answering.requests
    sent, digest = (part.partition("=")[2] for part in headers["ombud-signature"].split(","))
    expected = hmac.new(SECRET.reveal(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(digest, expected)
    assert json.loads(body)["notice_id"] == notice.notice_id
    assert json.loads(body)["text"] == notice.text


async def test_notice_is_tried_five_times_more() -> None:
    async with platform(500, 503, 429, 500, 500, 200) as answering:
        await answering.webhook().send(written(approved()))

    assert len(answering.requests) == 6
    assert len({body for _, body in answering.requests}) == 1


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_notice_that_nobody_takes_is_not_sent_and_goes_nowhere_else(status: int) -> None:
    async with platform(status) as answering:
        with pytest.raises(NoticeNotSentError, match=f"status {status}"):
            await answering.webhook().send(written(approved()))

    assert len(answering.requests) == 6


async def test_notice_waits_for_a_platform_that_is_away() -> None:
    async with platform(200) as answering:
        webhook = answering.webhook()
    with pytest.raises(NoticeNotSentError):
        await webhook.send(written(approved()))


async def test_notice_waits_where_what_answers_is_no_web_server() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/notices"
        with pytest.raises(NoticeNotSentError, match="did not take it"):
            await Webhook(url, SECRET, pauses=()).send(written(approved()))


async def test_notice_goes_to_the_platform_whatever_proxy_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with platform(204) as answering:
        await answering.webhook().send(written(approved()))
    assert len(answering.requests) == 1
