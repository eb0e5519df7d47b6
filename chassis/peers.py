"""Channels to the other services: identity, deadline, retries and trace are in them."""

import asyncio
from collections.abc import Callable, Mapping

import grpc

from chassis.call import remaining
from ombud.client import Tls, connect

# What this hop keeps of an inherited deadline, to answer with a reason of its own: seconds at least, and a share of it.
_LEAST_MARGIN, _MARGIN = 0.02, 0.05


class Peers:
    """The other services, by name.

    Args:
        targets: gRPC targets by service name.
        token: This workload's token where no certificate proves it.
        tls: This workload's certificate.
    """

    def __init__(
        self, targets: Mapping[str, str], *, token: Callable[[], str] | None = None, tls: Tls | None = None
    ) -> None:
        self._targets = targets
        self._token = token
        self._tls = tls
        self._channels: dict[str, grpc.aio.Channel] = {}

    def knows(self, service: str) -> bool:
        """Whether a service can be called by that name."""
        return service in self._targets

    def channel(self, service: str) -> grpc.aio.Channel:
        """The channel to a service, opened at first use."""
        if service not in self._channels:
            self._channels[service] = connect(
                self._targets[service], token=self._token, tls=self._tls, remaining=_remaining
            )
        return self._channels[service]

    async def close(self) -> None:
        """Closes all channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
        self._channels.clear()


def _remaining() -> float | None:
    left = remaining()
    return None if left is None else max(left - max(_LEAST_MARGIN, left * _MARGIN), 0.001)
