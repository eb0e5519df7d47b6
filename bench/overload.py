"""More calls than the suite can answer: how long those take that it lets in, at its capacity and at ten times of it.

Calls start when they are due, whether or not those before them were answered, and their time counts from then: a server
that stalls is not asked less for it. Of each ten calls four are decisions from memory, three are lists from a database,
two are durable writes, and one exports a page of statements of reasons. Of ten times the capacity a tenth is measured,
which a client of gRPC's calls; the others are a flood that costs less to make. Its first two seconds are a figure of
their own, `onset_p99_ms`; the others are of what comes after.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import grpc
from google.protobuf.message import Message
from grpc.aio import AioRpcError

from bench.flood import ID, Flood, Request, flooded
from bench.line import Line
from bench.load import TIMEOUT, quantile
from bench.processes import Server
from bench.world import World, WrongAnswerError, sanction
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from ombud.client import OmbudError, request_id
from ombud.credit.v1.transparency_service_pb2 import ExportStatementsRequest
from ombud.groups.v1.decision_service_pb2 import ACTION_POST, CheckRequest
from ombud.identity.v1 import account_service_pb2 as accounts

BUDGET = 2.0
_TIMES = 10
_CALLERS, _SECONDS, _ONSET = 8, 4.0, 2.0
_PAGE = 100
_CHECK, _LIST = "/ombud.groups.v1.DecisionService/Check", "/ombud.identity.v1.AccountService/ListAccounts"
_WRITE = "/ombud.identity.v1.AccountService/RegisterAccount"
_EXPORT = "/ombud.credit.v1.TransparencyService/ExportStatements"
_MIX = (_CHECK, _LIST, _WRITE, _CHECK, _LIST, _EXPORT, _CHECK, _WRITE, _LIST, _CHECK)
# From the first that is turned away to the last.
_LOADS = {"bulk": {_EXPORT}, "writes": {_WRITE}, "reads": {_CHECK, _LIST}}

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Seen:
    """What became of a call.

    Attributes:
        method: What was called.
        due: When it was due, on the scale of `time.perf_counter`.
        took: Seconds from then to its answer; None if it was turned away.
    """

    method: str
    due: float
    took: float | None


async def measure(suite: Server, world: World, data_dir: Path) -> Line:
    """The line of admission.

    Raises:
        WrongAnswerError: A call was refused without a time to come back or for another reason, or of a load that is to
            be turned away earlier a larger share was let in.
    """
    await sanction(suite.target, data_dir, world, world.verified[_PAGE : 2 * _PAGE])
    await suite.settled()
    async with grpc.aio.insecure_channel(suite.target) as channel:
        requests = _requests(world, data_dir)
        calls = _calls(channel, requests)
        await _closed(calls, _ONSET)
        answered = [seen for seen in await _closed(calls, _SECONDS) if seen.took is not None]
        capacity = len(answered) / _SECONDS
        at_capacity = await _open(calls, capacity, _SECONDS)
        await suite.settled()
        flood = Flood(suite.port, capacity * (_TIMES - 1), _ONSET + _SECONDS, requests)
        async with flooded(flood) as sent:
            beyond = await _open(calls, capacity, _ONSET + _SECONDS)
    onset = [seen for seen in beyond if seen.due < beyond[0].due + _ONSET]
    lasting = beyond[len(onset) :]
    shares = [_share(lasting, methods) for methods in _LOADS.values()]
    if shares != sorted(shares):
        raise WrongAnswerError(f"shares let in, from the first that is to be turned away to the last: {shares}")
    value, peer_value = _p99(lasting), _p99(at_capacity)
    ratio = value / peer_value
    more = {
        "peer_value": peer_value,
        "capacity_per_s": capacity,
        "times": (sent.calls + len(beyond)) / flood.seconds / capacity,
        "flood_answered": sent.answered / sent.calls,
        "let_in_per_s": sum(seen.took is not None for seen in lasting) / _SECONDS * _TIMES,
        "onset_p99_ms": _p99(onset),
        **{f"{load}_let_in": share for load, share in zip(_LOADS, shares, strict=True)},
        **{f"{load}_let_in_at_capacity": _share(at_capacity, methods) for load, methods in _LOADS.items()},
    }
    return Line("overload", value, "ms (p99)", "the same at capacity", ratio, BUDGET, ratio <= BUDGET, more)


def _share(seen: Sequence[Seen], methods: set[str]) -> float:
    """The share of the calls of some methods that were let in."""
    came = [each.took is not None for each in seen if each.method in methods]
    return sum(came) / len(came)


def _p99(seen: Sequence[Seen]) -> float:
    """Milliseconds that 99 of 100 calls that were let in did not exceed."""
    return quantile([each.took for each in seen if each.took is not None], 0.99) * 1e3


def _requests(world: World, data_dir: Path) -> list[Request]:
    """The mix."""
    (account, group), *_ = world.questions(1)
    export, now = ExportStatementsRequest(page_size=_PAGE), SystemClock().now()
    export.start_time.FromDatetime(now - timedelta(days=1))
    export.end_time.FromDatetime(now)
    messages: dict[str, Message] = {
        _CHECK: CheckRequest(account_id=account, group_id=group, action=ACTION_POST),
        _LIST: accounts.ListAccountsRequest(page_size=_PAGE),
        _WRITE: accounts.RegisterAccountRequest(
            request_id=ID,
            kind=accounts.ACCOUNT_KIND_PERSONAL,
            holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
            nickname="latecomer",
        ),
        _EXPORT: export,
    }
    auditor = DevIssuer(data_dir, SystemClock()).person("bench-auditor", frozenset({"auditor"}))
    return [
        Request(method, auditor if method == _EXPORT else world.token, messages[method].SerializeToString().hex())
        for method in _MIX
    ]


def _calls(channel: grpc.aio.Channel, requests: Sequence[Request]) -> Iterator[tuple[str, Call]]:
    """The calls of a client of gRPC's, without end."""

    def call(request: Request) -> Call:
        start: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(request.path)
        metadata, parts = (
            (("authorization", f"Bearer {request.token}"),),
            bytes.fromhex(request.body).split(ID.encode()),
        )
        return lambda: start(request_id().encode().join(parts), metadata=metadata, timeout=TIMEOUT)

    return cycle([(request.path, call(request)) for request in requests])


async def _one(method: str, call: Call, due: float) -> Seen:
    try:
        await call()
    except AioRpcError as error:
        refusal = OmbudError.read(error)
        if refusal.reason != "OVERLOADED" or not refusal.retry_after:
            raise WrongAnswerError(f"{method}: {refusal.code().name} {refusal}") from None
        return Seen(method, due, None)
    return Seen(method, due, time.perf_counter() - due)


async def _closed(calls: Iterator[tuple[str, Call]], seconds: float) -> list[Seen]:
    """So many callers, each of whom waits for its answer before it asks again."""
    end = time.perf_counter() + seconds
    found: list[Seen] = []

    async def caller() -> None:
        while (now := time.perf_counter()) < end:
            found.append(await _one(*next(calls), now))

    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    return found


async def _open(calls: Iterator[tuple[str, Call]], rate: float, seconds: float) -> list[Seen]:
    """So many calls a second, each when it is due, in the order in which they were."""
    began = time.perf_counter()
    started = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        started.append(asyncio.create_task(_one(*next(calls), due)))
    return await asyncio.gather(*started)
