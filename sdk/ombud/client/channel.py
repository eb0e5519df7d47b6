"""Channels to Ombud."""

import ipaddress
import json
from collections.abc import Callable
from typing import Any, Self

import grpc
import grpc.aio

from ombud.client.calls import MultiCallable, Settings
from ombud.client.connection import Connection, Fixed, Renewed
from ombud.client.tls import Rotation, Tls

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            # UNAVAILABLE says that a second try may help (AIP-194), and RESOURCE_EXHAUSTED when: the server gives the
            # time to come back, or word that it is not worth while. CANCELLED, where this side did not cancel, comes
            # from a server that ended before it looked at the call. A mutation is safe to repeat, for it carries a
            # request_id. Five attempts take longer than the way back to a server that was away, below.
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
            },
        }
    ],
    # Half of the tokens may go at once: a server that ends is noticed by every call in flight.
    "retryThrottling": {"maxTokens": 200, "tokenRatio": 0.1},
}
_OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 15_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


def connect(
    target: str = "127.0.0.1:7700",
    *,
    token: str | Callable[[], str] | None = None,
    tls: Tls | None = None,
    timeout: float = 5.0,
    remaining: Callable[[], float | None] | None = None,
) -> grpc.aio.Channel:
    """Opens a channel for any stub of `ombud.*.v1`.

    Call it inside the event loop, once for a process, and close it at the end (`async with`). Unary calls
    always have a deadline; UNAVAILABLE is retried up to four times, as is a call that a server dropped, and
    RESOURCE_EXHAUSTED when the server says; the current OpenTelemetry span travels along; failures raise `OmbudError`.

    Args:
        target: gRPC name of the server, such as "127.0.0.1:7700" or "dns:///ombud.internal:7700". Calls take turns
            over all addresses that it stands for; of a list ("ipv4:10.0.0.1:7700,10.0.0.2:7700") the certificate of
            each server has to name the first.
        token: Bearer token, or what gives a fresh one for each call; None to call without.
        tls: Files for mutual TLS; needed for every server that is not on this host. When they are replaced, new
            calls go over a new connection, and those in flight end on the old one.
        timeout: Seconds that a unary call may take when its caller gives no timeout.
        remaining: For servers that call on: seconds left of the call being served, or None. No call is
            given more time than that.

    Returns:
        A channel; closing it ends its calls.

    Raises:
        ValueError: The target is not on this host and `tls` is missing or cannot be used, or the timeout is not
            positive.
        OSError: A TLS file cannot be read.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be positive seconds, not {timeout}")
    connection: Connection
    if tls:
        options = (*_OPTIONS, *_authority(target))
        connection = Renewed(
            Rotation(tls), lambda pem: grpc.aio.secure_channel(target, pem.credentials(), options=options)
        )
    elif is_loopback(target):
        connection = Fixed(grpc.aio.insecure_channel(target, options=_OPTIONS))
    else:
        raise ValueError(f"{target} is not on this host: pass tls=Tls(root, certificate, key)")
    give = (lambda: token) if isinstance(token, str) else token
    return _Channel(connection, Settings(token=give, timeout=timeout, remaining=remaining))


def _authority(target: str) -> tuple[tuple[str, str], ...]:
    """The name to check certificates by, where gRPC takes none from the target: it does not from lists."""
    first, _, others = target.removeprefix("ipv4:").removeprefix("ipv6:").partition(",")
    return (("grpc.default_authority", first),) if others else ()


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can only lead to this host.

    Args:
        target: gRPC name, with or without a scheme.

    Returns:
        True for loopback addresses, `localhost` and Unix sockets; False for all else.
    """
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    for scheme in ("dns:///", "dns:", "ipv4:", "ipv6:"):
        target = target.removeprefix(scheme)
    return all(_is_loopback_host(address) for address in target.split(","))


def _is_loopback_host(address: str) -> bool:
    host = address[1:].partition("]")[0] if address.startswith("[") else address.rpartition(":")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Channel(grpc.aio.Channel):
    """A channel whose calls carry the settings."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._connection.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT002 - as grpc.aio
        return self._connection.channel().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._connection.channel().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._connection.channel().channel_ready()

    def unary_unary(self, method: str, *serializers: Any, **options: Any) -> Any:  # noqa: ANN401 - as grpc.aio
        return self._method("unary_unary", method, serializers, options, unary=True)

    def unary_stream(self, method: str, *serializers: Any, **options: Any) -> Any:  # noqa: ANN401 - as grpc.aio
        return self._method("unary_stream", method, serializers, options, unary=False)

    def stream_unary(self, method: str, *serializers: Any, **options: Any) -> Any:  # noqa: ANN401 - as grpc.aio
        return self._method("stream_unary", method, serializers, options, unary=False)

    def stream_stream(self, method: str, *serializers: Any, **options: Any) -> Any:  # noqa: ANN401 - as grpc.aio
        return self._method("stream_stream", method, serializers, options, unary=False)

    def _method(
        self, arity: str, method: str, serializers: tuple[Any, ...], options: dict[str, Any], *, unary: bool
    ) -> MultiCallable:
        start = self._connection.method(lambda channel: getattr(channel, arity)(method, *serializers, **options))
        return MultiCallable(start, method, self._settings, unary=unary)
