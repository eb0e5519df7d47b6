"""Servers as processes of their own, on one core, while the caller has another."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc

ALL = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SERVER, CALLER = ALL[:1], ALL[1:2]
_READY_WITHIN, _STOPPED_WITHIN = 30.0, 20.0
_QUIET, _LOOK_EVERY = 0.05, 0.2


def pin(cores: list[int]) -> None:
    """Keeps this process, and those that it starts from now on, on these cores, if there are two to choose from."""
    if len(ALL) > 1:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def pinned(cores: list[int]) -> Iterator[None]:
    """Starts what the block starts on these cores."""
    pin(cores)
    try:
        yield
    finally:
        pin(CALLER)


@dataclass(frozen=True)
class Server:
    """A server process that listens on 127.0.0.1."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def target(self) -> str:
        """Where it listens, as a gRPC target."""
        return f"127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """CPU time that it and the processes under it have spent so far; 0 where the system does not tell."""
        return sum(map(_cpu_seconds, _tree(self.process.pid)))

    def own_cpu_seconds(self) -> float:
        """The same without the processes under it."""
        return _cpu_seconds(self.process.pid)

    def resident_bytes(self) -> int:
        """Memory that it and the processes under it hold; 0 where the system does not tell."""
        fields = [_read(pid, "statm").split() for pid in _tree(self.process.pid)]
        return sum(int(each[1]) for each in fields if each) * os.sysconf("SC_PAGE_SIZE")

    async def settled(self) -> float:
        """Returns when it hardly works any more, with the seconds of CPU that this took."""
        began = before = self.cpu_seconds()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = self.cpu_seconds()
            if now - before <= _QUIET * _LOOK_EVERY:
                return now - began
            before = now


def _tree(pid: int) -> list[int]:
    """A process and all under it, whichever of its threads started them."""
    threads = Path(f"/proc/{pid}/task").glob("*")
    children = [child for thread in threads for child in _read(pid, f"task/{thread.name}/children").split()]
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _cpu_seconds(pid: int) -> float:
    # User and system time are fields 14 and 15; the name, field 2, may hold spaces and ends with ")".
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _read(pid: int, name: str) -> str:
    """What the system tells of a process; nothing if it is gone, or on another system."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


async def ready(target: str) -> None:
    """Returns once a server listens."""
    async with grpc.aio.insecure_channel(target) as channel:
        await asyncio.wait_for(channel.channel_ready(), _READY_WITHIN)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def echo_command(port: int) -> list[str]:
    """Starts the bare echo."""
    return [sys.executable, "-m", "bench.echo", str(port)]


def suite_command(port: int, data_dir: Path) -> list[str]:
    """Starts the suite as its users do."""
    ombud = Path(sys.executable).with_name("ombud")
    return [str(ombud), "up", "--data", str(data_dir), "--port", str(port), "--health-port", "0"]


@contextlib.asynccontextmanager
async def running(command: list[str], port: int, cores: list[int] = SERVER) -> AsyncIterator[Server]:
    """Runs a server until the block ends.

    Raises:
        RuntimeError: It did not stop when it was asked to, or with an exit code other than 0.
    """
    with pinned(cores):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        yield Server(process, port)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            code = await asyncio.wait_for(process.wait(), _STOPPED_WITHIN)
        except TimeoutError:
            process.kill()
            code = await process.wait()
    if code != 0:
        raise RuntimeError(f"{Path(command[0]).name} ended with exit code {code}")
