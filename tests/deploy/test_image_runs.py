"""The image's content, made as the Containerfile says, serves under the manifests' settings.

As nobody in particular, without a capability, on a root that can not be written.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg.conninfo import conninfo_to_dict

from chassis.clock import SystemClock
from chassis.ids import new_id
from ombud.client import Tls, connect
from ombud.identity.v1.account_service_pb2 import GetAccountRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombudctl.dev_ca import Authority
from tests.deploy.test_settings import mounted
from tests.integration.security.test_rotation import copied
from tests.support.containerfile import WRITABLE, Stage, built, can_build, entering
from tests.support.engines import fresh_postgres
from tests.support.eventually import eventually
from tests.support.manifests import DEPLOY
from tests.support.ports import free_port
from tests.support.refusals import refusal_of

pytestmark = [pytest.mark.long, pytest.mark.skipif(not can_build(), reason="this machine lets nobody mount")]

USER = 10001
NO_MOUNTS: Mapping[str, Path] = {}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return built(tmp_path_factory.mktemp("image"))


def ran(image: Stage, *command: str, mounts: Mapping[str, Path] = NO_MOUNTS) -> subprocess.CompletedProcess[str]:
    line = entering(image, command, mounts=mounts)
    return subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - our own image


def test_image_holds_what_the_lock_says_and_neither_pip_nor_the_checkout(image: Stage) -> None:
    listed = ran(image, "python", "-c", "import importlib.metadata as m; print(*(d.name for d in m.distributions()))")
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in listed.stdout.split()}
    lock = (DEPLOY.parent / "requirements" / "image.lock").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z][\w.-]*)(?:\[[\w,]+\])?==", lock, re.MULTILINE)) - {"setuptools"}
    assert names == pinned | {"ombud", "ombud-suite"}
    assert "No module named 'pip'" in ran(image, "python", "-c", "import pip").stderr
    assert ran(image, "python", "-c", "import chassis; print(chassis.__file__)").stdout.startswith("/opt/ombud/lib/")


def test_nothing_can_be_written_and_nobody_is_root(image: Stage) -> None:
    assert ran(image, "id", "-u").stdout == f"{USER}\n"
    for place in ("/", "/opt/ombud", "/usr/share/ombud/policies"):
        assert "Read-only file system" in ran(image, "touch", f"{place}/x").stderr
    assert re.search(r"^CapEff:\t0+$", ran(image, "cat", "/proc/self/status").stdout, re.MULTILINE)


def settings(folder: Path, postgres: str, ports: tuple[int, int]) -> Mapping[str, Path]:
    """The mounts of identity's pod in production, with addresses of this machine and no issuer of people's tokens."""
    place = {name: folder / name for name in ("config", "keys", "data")}
    for made in place.values():
        made.mkdir()
    mounted("production", "identity", place["config"])
    socket = conninfo_to_dict(postgres.replace("+psycopg", ""))
    url = f"postgresql+psycopg://{socket['user']}@/{socket['dbname']}?host=/run/postgresql"
    listen, health = (f"127.0.0.1:{port}" for port in ports)
    here = {"server": {"listen": listen, "health_listen": health, "people": None}, "service": {"database_url": url}}
    (place["config"] / "90-here.yaml").write_text(yaml.safe_dump(here), "utf-8")
    (place["keys"] / "identity.key").write_bytes(os.urandom(32))
    certificate = copied(Authority(folder / "authority", SystemClock().now()).workload("identity"), folder / "tls")
    for path in (place["data"], certificate.key, place["keys"] / "identity.key"):
        os.chown(path, USER, USER)
    (place["data"] / "keys").mkdir()
    return {
        "/etc/ombud": place["config"],
        "/var/run/secrets/ombud": folder / "tls",
        # Alone: the folder around it is the server's.
        "/run/postgresql/.s.PGSQL.5432": Path(str(socket["host"]), ".s.PGSQL.5432"),
        WRITABLE: place["data"],
        f"{WRITABLE}/keys": place["keys"],
    }


@contextlib.asynccontextmanager
async def started(image: Stage, mounts: Mapping[str, Path]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The image's entrypoint with the arguments of identity's pod."""
    arguments = [*image.entrypoint, "serve", "identity", "--config", "/etc/ombud"]
    process = await asyncio.create_subprocess_exec(
        *entering(image, arguments, mounts=mounts), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_migrates_and_serves_and_drains_under_the_settings_of_production(
    image: Stage, postgres: str, tmp_path: Path
) -> None:
    port, health_port = free_port(), free_port()
    mounts = settings(tmp_path, fresh_postgres(postgres), (port, health_port))
    refused = ran(image, *image.entrypoint, "serve", "identity", "--config", "/etc/ombud", mounts=mounts)
    assert refused.returncode == 2
    assert "run `ombud migrate identity`" in refused.stderr
    migrated = ran(image, *image.entrypoint, "migrate", "identity", "--config", "/etc/ombud", mounts=mounts)
    assert migrated.returncode == 0, migrated.stderr

    async with started(image, mounts) as process:

        async def serves() -> bool:
            assert process.stderr is not None
            assert process.returncode is None, await process.stderr.read()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{health_port}") as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                with contextlib.suppress(grpc.aio.AioRpcError):
                    asked = stub.Check(health_pb2.HealthCheckRequest(service="identity"), timeout=1)
                    return bool((await asked).status == health_pb2.HealthCheckResponse.SERVING)
            return False

        await eventually(serves, within=60)
        files = Authority(tmp_path / "authority", SystemClock().now()).workload(
            "messaging", "spiffe://ombud.local/ns/chat/sa/messaging"
        )
        async with connect(f"127.0.0.1:{port}", tls=Tls(files.root, files.certificate, files.key)) as channel:
            answer = AccountServiceStub(channel).GetAccount(GetAccountRequest(account_id=new_id()))
            assert (await refusal_of(answer)).code() is grpc.StatusCode.NOT_FOUND
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
