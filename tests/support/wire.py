"""Calls of any RPC as any caller, request and answer as bytes."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.auth.tokens import DevIssuer
from ombud.client import OmbudError
from tests.support.contract import Rpc


@dataclass(frozen=True)
class Who:
    """A caller: a workload, and the person behind it if `roles` says what that person may do. Neither: nobody."""

    workload: str = ""
    roles: frozenset[str] = frozenset()
    staff: str = "staff-1"
    account: str = ""


NOBODY = Who()
PLATFORM = Who("platform")


def staff(staff_id: str, *roles: str, account: str = "", workload: str = "desk") -> Who:
    return Who(workload, frozenset(roles), staff_id, account)


def whoever_may(rpc: Rpc) -> Who:
    """A caller that the access option of the RPC lists."""
    rule = rpc.method.rule
    workload = min(rule.workloads, default="platform")
    return Who(workload, frozenset(sorted(rule.roles)[:1]))


class Wire:
    """Calls of any RPC, on the channel and with the token of the caller.

    Args:
        channel: The channel on which a caller reaches an RPC.
        token: What a caller puts into the authorization header; empty for nothing.
    """

    def __init__(self, channel: Callable[[Who, Rpc], grpc.aio.Channel], token: Callable[[Who], str]) -> None:
        self._channel = channel
        self._token = token

    async def call(self, who: Who, rpc: Rpc, request: Message | bytes, **headers: str) -> bytes:
        """Calls; of a stream of answers gives the first one, or nothing if there is none.

        Raises:
            OmbudError: The call was refused.
        """
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        token = self._token(who)
        metadata = [*([("authorization", f"Bearer {token}")] if token else []), *headers.items()]
        channel: Any = self._channel(who, rpc)
        try:
            if rpc.descriptor.client_streaming:
                return _first(await channel.stream_stream(rpc.path)(_once(raw), metadata=metadata).read())
            if rpc.descriptor.server_streaming:
                call = channel.unary_stream(rpc.path)(raw, metadata=metadata)
                try:
                    return _first(await call.read())
                finally:
                    call.cancel()
            return bytes(await channel.unary_unary(rpc.path)(raw, metadata=metadata, timeout=10))
        except grpc.aio.AioRpcError as error:
            raise OmbudError.read(error) from None


@contextlib.asynccontextmanager
async def wired(port: int, issuer: DevIssuer) -> AsyncIterator[Wire]:
    """A plaintext channel on loopback, on which tokens prove workloads and people."""

    def token(who: Who) -> str:
        if who.roles:
            return persons_token(issuer, who)
        return issuer.workload(who.workload) if who.workload else ""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Wire(lambda _who, _rpc: channel, token)


def persons_token(issuer: DevIssuer, who: Who) -> str:
    """The token of the person behind a call."""
    return issuer.person(who.staff, who.roles, workload=who.workload, account_id=who.account)


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


def _first(read: object) -> bytes:
    return read if isinstance(read, bytes) else b""
