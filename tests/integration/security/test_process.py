"""A service as a process of its own: what it refuses to start with, how it answers, and how it stops."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc_health.v1 import health_pb2, health_pb2_grpc
from typer.testing import CliRunner

from chassis.auth.tokens import DEV_ISSUER, DevIssuer
from chassis.clock import SystemClock
from ombud.client import connect
from ombud.identity.v1.account_service_pb2 import (
    AccountKind,
    GetAccountRequest,
    HolderKind,
    RegisterAccountRequest,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombudctl.main import app
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.suite import POLICY

ROOT = Path(__file__).parents[3]


@pytest.fixture
def issuer(tmp_path: Path) -> DevIssuer:
    return DevIssuer(tmp_path, SystemClock())


@pytest.fixture
def settings(tmp_path: Path, issuer: DevIssuer) -> dict[str, dict[str, Any]]:
    public = issuer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "issuer.pem").write_bytes(public)
    return {
        "server": {
            "listen": f"127.0.0.1:{free_port()}",
            "health_listen": f"127.0.0.1:{free_port()}",
            "token_keys": {DEV_ISSUER: str(tmp_path / "issuer.pem")},
            "traces_file": str(tmp_path / "traces.db"),
            "peers": {"retention": "127.0.0.1:1"},
        },
        "service": {
            "database_url": f"sqlite:///{tmp_path}/identity.db",
            "data_dir": str(tmp_path),
            "policy_file": str(POLICY),
            "upgrade_schema": True,
        },
    }


async def started(tmp_path: Path, settings: dict[str, dict[str, Any]]) -> asyncio.subprocess.Process:
    file = tmp_path / "identity.yaml"
    file.write_text(yaml.safe_dump(settings))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ombudctl.main",
        "serve",
        "identity",
        "--config",
        str(file),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_process_answers_and_drains_on_sigterm(
    tmp_path: Path, settings: dict[str, dict[str, Any]], issuer: DevIssuer
) -> None:
    process = await started(tmp_path, settings)

    async def serving() -> bool:
        async with grpc.aio.insecure_channel(settings["server"]["health_listen"]) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            try:
                status = await stub.Check(health_pb2.HealthCheckRequest(service="identity"), timeout=1)
            except grpc.aio.AioRpcError:
                return False
            return bool(status.status == health_pb2.HealthCheckResponse.SERVING)

    try:
        await eventually(serving, within=20)
        async with connect(settings["server"]["listen"], token=issuer.workload("platform")) as channel:
            stub: Any = AccountServiceStub(channel)
            registered = await stub.RegisterAccount(
                RegisterAccountRequest(
                    request_id="0192f0c1-0000-7000-8000-000000000001",
                    kind=AccountKind.ACCOUNT_KIND_PERSONAL,
                    holder_kind=HolderKind.HOLDER_KIND_INDIVIDUAL,
                    nickname="anna",
                )
            )
            found = await stub.GetAccount(GetAccountRequest(account_id=registered.account.account_id))
            assert found.account.nickname == "anna"
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 15)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (("service", "database_url", "mysql://secret@db/x"), "service.database_url"),
        (("server", "listen", "0.0.0.0:7700"), "listen: plaintext is served on loopback only"),
    ],
)
async def test_process_that_can_not_start_says_which_field_and_exits_with_2(
    tmp_path: Path, settings: dict[str, dict[str, Any]], broken: tuple[str, str, str], said: str
) -> None:
    part, name, value = broken
    settings[part][name] = value
    process = await started(tmp_path, settings)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert said in errors.decode()
    assert b"secret" not in errors
    assert b"Traceback" not in errors


async def test_process_waits_for_no_schema_and_says_what_brings_it(
    tmp_path: Path, settings: dict[str, dict[str, Any]]
) -> None:
    settings["service"]["upgrade_schema"] = False
    process = await started(tmp_path, settings)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert "service.database_url: the schema is at revision none" in errors.decode()
    assert "ombud migrate identity" in errors.decode()
    result = CliRunner().invoke(app, ["migrate", "identity", "--config", str(tmp_path / "identity.yaml"), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.output)
    assert (told["service"], told["before"]) == ("identity", None)
    again = CliRunner().invoke(app, ["migrate", "identity", "--config", str(tmp_path / "identity.yaml")])
    assert f"is at {told['now']} already" in again.output


async def test_database_that_does_not_answer_is_told_without_its_address(
    tmp_path: Path, settings: dict[str, dict[str, Any]]
) -> None:
    settings["service"]["database_url"] = f"postgresql+psycopg://someone:secret@127.0.0.1:{free_port()}/identity"
    process = await started(tmp_path, settings)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert "service.database_url: the database does not answer" in errors.decode()
    assert b"secret" not in errors
    assert b"Traceback" not in errors


def test_name_that_is_no_services_is_refused_with_those_that_are() -> None:
    result = CliRunner().invoke(app, ["serve", "debit", "--config", "x"])
    assert result.exit_code == 2
    assert "retention" in result.output


async def test_broken_policy_stops_the_start_with_file_line_and_reason(
    tmp_path: Path, settings: dict[str, dict[str, Any]]
) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text(
        POLICY.read_text(encoding="utf-8").replace("accounts_per_person: 3", "accounts_per_person: -3", 1)
    )
    settings["service"]["policy_file"] = str(policy)
    process = await started(tmp_path, settings)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    line = policy.read_text(encoding="utf-8").splitlines().index("  accounts_per_person: -3") + 1
    assert f"mine.yaml:{line}: identity.accounts_per_person" in errors.decode()
