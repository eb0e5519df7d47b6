import asyncio
import itertools
import time
from pathlib import Path

import grpc
import pytest

from ombud.client import OmbudError, Tls, connect
from ombud.client.channel import is_loopback
from ombud.common.v1.types_pb2 import Subject
from tests.unit.client.play import Context, Server, Stub, listening

SUBJECT = Subject(account_id="018f0000-0000-7000-8000-000000000001")


async def test_all_four_arities_answer(server: Server) -> None:
    async with connect(server.target) as channel:
        stub = Stub(channel)
        assert await stub.one(SUBJECT) == SUBJECT
        assert [answer async for answer in stub.down(SUBJECT)] == [SUBJECT, SUBJECT]
        assert await stub.up(iter([SUBJECT])) == SUBJECT
        assert [answer async for answer in stub.both(iter([SUBJECT, SUBJECT]))] == [SUBJECT, SUBJECT]
        call = stub.both()
        await call.write(SUBJECT)
        assert await call.read() == SUBJECT
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF


async def test_unary_call_has_a_deadline_and_a_stream_has_none_unless_asked(server: Server) -> None:
    async with connect(server.target, timeout=3.0) as channel:
        stub = Stub(channel)
        await stub.one(SUBJECT)
        await stub.one(SUBJECT, timeout=1.0)
        _ = [answer async for answer in stub.down(SUBJECT)]
        _ = [answer async for answer in stub.down(SUBJECT, timeout=2.0)]
    default, asked, stream, bounded = server.remaining
    assert default is not None
    assert 2.0 < default <= 3.1
    assert asked is not None
    assert asked <= 1.1
    assert stream is None
    assert bounded is not None
    assert bounded <= 2.1


async def test_call_within_a_call_gets_no_more_time_than_is_left(server: Server) -> None:
    async with connect(server.target, timeout=5.0, remaining=lambda: 0.7) as channel:
        stub = Stub(channel)
        await stub.one(SUBJECT, timeout=4.0)
        _ = [answer async for answer in stub.down(SUBJECT)]
    assert all(left is not None and left <= 0.8 for left in server.remaining)


async def test_no_time_left_ends_the_call_without_an_answer(server: Server) -> None:
    async with connect(server.target, remaining=lambda: -1.0) as channel:
        with pytest.raises(OmbudError) as refused:
            await Stub(channel).one(SUBJECT)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_slow_server_ends_in_deadline_exceeded(server: Server) -> None:
    async def never(_request: Subject, _context: Context) -> Subject:
        await asyncio.Event().wait()
        return SUBJECT

    server.behave = never
    async with connect(server.target, timeout=0.1) as channel:
        with pytest.raises(OmbudError) as refused:
            await Stub(channel).one(SUBJECT)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        (grpc.StatusCode.UNAVAILABLE, 3),
        (grpc.StatusCode.CANCELLED, 3),
        (grpc.StatusCode.INTERNAL, 1),
        (grpc.StatusCode.ABORTED, 1),
    ],
)
async def test_what_a_second_try_may_help_is_retried(server: Server, code: grpc.StatusCode, calls: int) -> None:
    async def fail_twice(request: Subject, context: Context) -> Subject:
        if len(server.metadata) < 3:
            await context.abort(code, "not now")
        return request

    server.behave = fail_twice
    async with connect(server.target) as channel:
        if calls == 3:
            assert await Stub(channel).one(SUBJECT) == SUBJECT
        else:
            with pytest.raises(OmbudError):
                await Stub(channel).one(SUBJECT)
    assert len(server.metadata) == calls


@pytest.mark.parametrize(("pushback", "calls"), [("60", 3), ("-1", 1)])
async def test_busy_server_is_asked_again_when_it_says_and_not_if_it_says_so(
    server: Server, pushback: str, calls: int
) -> None:
    came: list[float] = []

    async def turn_away_twice(request: Subject, context: Context) -> Subject:
        came.append(time.monotonic())
        if len(came) < 3:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (("grpc-retry-pushback-ms", pushback),))
        return request

    server.behave = turn_away_twice
    async with connect(server.target) as channel:
        if calls == 3:
            assert await Stub(channel).one(SUBJECT) == SUBJECT
        else:
            with pytest.raises(OmbudError):
                await Stub(channel).one(SUBJECT)
    assert len(came) == calls
    assert all(later - earlier >= 0.06 for earlier, later in itertools.pairwise(came))


async def test_server_that_is_gone_fails_no_call_as_long_as_another_is_there(server: Server) -> None:
    ended, came = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(_request: Subject, _context: Context) -> Subject:
        came.set()
        await ended.wait()
        return SUBJECT

    gone = Server(behave=wait_for_the_end)
    ending = await listening(gone)
    async with connect(f"ipv4:{gone.target},{server.target}") as channel:
        one, there = Stub(channel).one, asyncio.create_task(came.wait())
        calls = []
        while not there.done():
            calls.append(asyncio.ensure_future(one(SUBJECT)))
            await asyncio.wait({calls[-1], there}, return_when=asyncio.FIRST_COMPLETED)
        calls += [asyncio.ensure_future(one(SUBJECT)) for _ in range(40)]
        await ending.stop(None)
        assert await asyncio.gather(*calls) == [SUBJECT] * len(calls)
    ended.set()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_retries_stop_when_most_calls_fail(server: Server, code: grpc.StatusCode) -> None:
    async def fail(_request: Subject, context: Context) -> Subject:
        await context.abort(code, "down")
        raise AssertionError

    server.behave = fail
    async with connect(server.target) as channel:
        stub = Stub(channel)
        failed = await asyncio.gather(*(stub.one(SUBJECT) for _ in range(60)), return_exceptions=True)
    assert all(isinstance(error, OmbudError) for error in failed)
    assert len(server.metadata) <= 60 + 100


async def test_token_is_asked_for_at_each_call(server: Server) -> None:
    tokens = iter(["first", "second"])
    async with connect(server.target, token=lambda: next(tokens)) as channel:
        stub = Stub(channel)
        await stub.one(SUBJECT, metadata=(("x-mine", "kept"),))
        _ = [answer async for answer in stub.down(SUBJECT)]
    assert [seen["authorization"] for seen in server.metadata] == ["Bearer first", "Bearer second"]
    assert server.metadata[0]["x-mine"] == "kept"


async def test_without_token_nothing_is_claimed(server: Server) -> None:
    async with connect(server.target) as channel:
        await Stub(channel).one(SUBJECT)
    assert "authorization" not in server.metadata[0]


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:7700",
        "127.8.9.1:1",
        "localhost:7700",
        "[::1]:7700",
        "dns:///localhost:1",
        "unix:/run/ombud.sock",
        "ipv4:127.0.0.1:1,127.0.0.1:2",
    ],
)
def test_targets_on_this_host(target: str) -> None:
    assert is_loopback(target)


@pytest.mark.parametrize(
    "target",
    [
        "10.0.0.1:7700",
        "ombud.example:7700",
        "0.0.0.0:7700",
        "[::]:7700",
        "localhost.example:1",
        "127.0.0.1.example:1",
        "dns:///ombud:7700",
        "dns://8.8.8.8/localhost:1",
        "ipv4:127.0.0.1:1,10.0.0.1:2",
        "xds:///localhost:1",
        "",
        ":7700",
    ],
)
async def test_plaintext_off_this_host_is_refused(target: str) -> None:
    assert not is_loopback(target)
    with pytest.raises(ValueError, match="pass tls="):
        connect(target, token="secret")


async def test_missing_tls_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    with pytest.raises(OSError, match=r"ca\.pem"):
        connect("ombud.example:7700", tls=Tls(missing, missing, missing))


async def test_timeout_that_bounds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        connect(timeout=0)
