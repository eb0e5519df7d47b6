"""The whole suite in this process, on a port of its own, with a clock that tests move."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from chassis.auth.tokens import DevIssuer
from ombud.client import connect
from ombudctl.embedded import embedded
from tests.support.clock import ManualClock

POLICY = Path(__file__).parents[2] / "policies" / "default.yaml"


@dataclass
class Suite:
    """A running suite.

    `channel(workload=...)` calls as a workload, `channel(role=..., staff=...)` as a person at the desk, `channel()`
    as nobody. Channels close with the suite.
    """

    data_dir: Path
    clock: ManualClock
    port: int
    issuer: DevIssuer
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def channel(
        self, *, workload: str = "", role: str = "", staff: str = "staff-1", account: str | None = None
    ) -> grpc.aio.Channel:
        token = None
        if role:
            roles = frozenset(role.split(","))
            token = self.issuer.person(staff, roles, workload=workload or "desk", account_id=account or "")
        elif workload:
            token = self.issuer.workload(workload)
        channel = connect(f"127.0.0.1:{self.port}", token=token)
        self._channels.append(channel)
        return channel

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


def all_reviewed_twice(folder: Path) -> Path:
    """The default pack, under which every decided appeal is in the sample that is looked at again."""
    pack = folder / "all-reviewed-twice.yaml"
    text = POLICY.read_text("utf-8")
    pack.write_text(text.replace("blind_review_percent: 10\n", "blind_review_percent: 100\n"), "utf-8")
    return pack


@contextlib.asynccontextmanager
async def running_suite(
    data_dir: Path, *, clock: ManualClock | None = None, policy: Path = POLICY, read_trace_ratio: float = 1.0
) -> AsyncIterator[Suite]:
    clock = clock or ManualClock()
    async with embedded(
        data_dir, port=0, health_port=0, policy_file=policy, clock=clock, read_trace_ratio=read_trace_ratio
    ) as running:
        suite = Suite(data_dir, clock, running.port, DevIssuer(data_dir, clock))
        try:
            yield suite
        finally:
            await suite.close()
