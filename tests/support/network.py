"""Services in network namespaces of their own, and a router between them that drops what it is told to drop.

All of it is made inside the namespaces of the process that makes it: run that with `APART`.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.cluster import Place

APART = ("unshare", "--map-root-user", "--net", "--mount")


def machine_allows() -> bool:
    """Whether there may be namespaces here, and a link between two of them."""
    if not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return False
    link = ("ip", "link", "add", "one", "type", "veth", "peer", "name", "other")
    return subprocess.run([*APART, *link], capture_output=True, check=False).returncode == 0  # noqa: S603 - found above


class Network:
    """A namespace for each service, each with a link to this one, which is the router and where callers are.

    Nothing tells a service that it is cut off: what is sent to the other side is lost on the way.

    Args:
        services: Their names.
        folder: For the file that tells the services' names.
    """

    def __init__(self, services: Sequence[str], folder: Path) -> None:
        self._subnets = {service: f"10.77.{number}" for number, service in enumerate(services, start=1)}
        _run("mount", "-t", "tmpfs", "none", "/run")
        hosts = folder / "hosts"
        names = [f"{subnet}.2 ombud-{service}" for service, subnet in self._subnets.items()]
        hosts.write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
        _run("mount", "--bind", str(hosts), "/etc/hosts")
        _run("ip", "link", "set", "lo", "up")
        for service, subnet in self._subnets.items():
            _run("ip", "netns", "add", service)
            _run("ip", "link", "add", f"to-{service}", "type", "veth", "peer", "name", "out", "netns", service)
            _run("ip", "address", "add", f"{subnet}.1/30", "dev", f"to-{service}")
            _run("ip", "link", "set", f"to-{service}", "up")
            _run("ip", "-netns", service, "address", "add", f"{subnet}.2/30", "dev", "out")
            for device in ("lo", "out"):
                _run("ip", "-netns", service, "link", "set", device, "up")
            _run("ip", "-netns", service, "route", "add", "default", "via", f"{subnet}.1")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def place(self, service: str) -> Place:
        """Where the process of a service runs."""
        return Place(f"ombud-{service}", ("ip", "netns", "exec", service))

    @contextlib.contextmanager
    def cut(self, one: str, other: str) -> Iterator[None]:
        """Drops everything between two services while the block runs."""
        addresses = f"{self._subnets[one]}.2", f"{self._subnets[other]}.2"
        ways = [addresses, addresses[::-1]]
        for way in ways:
            self._rule("add", *way)
        try:
            yield
        finally:
            for way in ways:
                self._rule("delete", *way)

    def _rule(self, act: str, sender: str, receiver: str) -> None:
        _run("ip", "rule", act, "from", sender, "to", receiver, "blackhole")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the commands above
