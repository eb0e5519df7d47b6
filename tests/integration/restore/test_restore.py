"""A database that comes from a backup: who followed it starts over, whatever has been written since."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from chassis.config import ConfigError
from ombud.common.v1.types_pb2 import Subject
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombudctl.main import app
from ombudctl.services import SERVICES
from tests.integration.retention.harness import bodies, frame, running_retention
from tests.support.engines import fresh_postgres
from tests.support.eventually import eventually
from tests.support.life import AUDITOR, Life
from tests.support.mesh import Mesh, meshed
from tests.support.refusals import refusal_of
from tests.support.suite import POLICY
from tests.support.wire import PLATFORM


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A database of each service, once on each engine."""
    if request.param == "sqlite":
        return {service: f"sqlite:///{tmp_path}/{service}.db" for service in SERVICES}
    server = request.getfixturevalue("postgres")
    return {service: fresh_postgres(server) for service in SERVICES}


def backed_up(url: str) -> Callable[[], None]:
    """Copies a database that nobody has open; what is returned puts the copy in its place."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        copy = file.with_suffix(".backup")
        _copy_file(file, copy)
        return lambda: _copy_file(copy, file)
    address = url.replace("+psycopg", "")
    name = str(psycopg.conninfo.conninfo_to_dict(address)["dbname"])
    server = psycopg.conninfo.make_conninfo(address, dbname="postgres")
    _copy_database(server, name, f"{name}_backup")
    return lambda: _copy_database(server, f"{name}_backup", name)


def _copy_file(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as before, sqlite3.connect(target) as after:
        before.backup(after)


def _copy_database(server: str, source: str, target: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{target}"')
        connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


def mark(folder: Path, service: str, url: str) -> None:
    """What the operator does with a database that was restored."""
    settings = folder / f"{service}.yaml"
    service_settings = {"database_url": url, "data_dir": str(folder / service), "policy_file": str(POLICY)}
    settings.write_text(yaml.safe_dump({"server": {}, "service": service_settings}))
    result = CliRunner().invoke(app, ["migrate", service, "--config", str(settings), "--restored"])
    assert result.exit_code == 0, result.output
    assert "new epoch" in result.output


def life(mesh: Mesh) -> Life:
    return Life(mesh.wire().call, mesh.clock, mesh.folder / "identity" / "outbox" / "phone.jsonl")


async def test_followers_forget_what_a_restored_service_lost_and_take_in_what_it_wrote_since(
    urls: dict[str, str], tmp_path: Path
) -> None:
    async with meshed(tmp_path, urls.__getitem__) as mesh:
        kept = await life(mesh).verified("kept", 41)
    restore = backed_up(urls["identity"])
    async with meshed(tmp_path, urls.__getitem__) as mesh:
        lost = await life(mesh).verified("lost", 42)
    restore()
    mark(tmp_path, "identity", urls["identity"])

    # What is written before anyone follows again takes the revisions of what was lost, and more.
    async with meshed(tmp_path, urls.__getitem__, services=["retention", "identity"]) as mesh:
        since = []
        for number in range(3):
            since.append(await life(mesh).account(f"since {number}"))
            await life(mesh).verify(since[-1], 43 + number)

    async with meshed(tmp_path, urls.__getitem__) as mesh:
        for account_id in (kept, *since):
            await life(mesh).may(account_id, decisions.ACTION_POST)
        await life(mesh).may(lost, decisions.ACTION_POST, allowed=False)


async def kept_by_the_log(mesh: Mesh, account_id: str) -> None:
    """Returns once the log has the audit record of an account's registration."""
    request = QueryAuditRecordsRequest(subject=Subject(account_id=account_id))

    async def kept() -> bool:
        return bool((await life(mesh).act(AUDITOR, request)).entries)

    await eventually(kept)


async def test_service_whose_database_went_back_does_not_start_before_it_says_so(
    urls: dict[str, str], tmp_path: Path
) -> None:
    both = ["retention", "identity"]
    async with meshed(tmp_path, urls.__getitem__, services=both) as mesh:
        await life(mesh).account("kept")
    restore = backed_up(urls["identity"])
    async with meshed(tmp_path, urls.__getitem__, services=both) as mesh:
        await kept_by_the_log(mesh, await life(mesh).account("lost"))
    restore()
    refused = r"restored from an older state.*ombud migrate identity --restored.*docs/runbooks/restore\.md"
    with pytest.raises(ConfigError, match=refused):
        async with meshed(tmp_path, urls.__getitem__, services=both):
            pass

    # While the log is away nobody can tell; what is written then takes the places of what the log has.
    async with meshed(tmp_path, urls.__getitem__, services=["identity"]) as mesh:
        for number in range(3):
            since = await life(mesh).account(f"since {number}")
    with pytest.raises(ConfigError, match=refused):
        async with meshed(tmp_path, urls.__getitem__, services=both):
            pass

    mark(tmp_path, "identity", urls["identity"])
    async with meshed(tmp_path, urls.__getitem__, services=both) as mesh:
        await kept_by_the_log(mesh, since)


async def test_token_of_a_write_that_a_restored_service_lost_is_refused(urls: dict[str, str], tmp_path: Path) -> None:
    async with meshed(tmp_path, urls.__getitem__) as mesh:
        founder = await life(mesh).verified("founder", 41)
        members = [await life(mesh).verified(f"member {number}", 50 + number) for number in range(2)]
        group = await life(mesh).group(founder)
    restore = backed_up(urls["groups"])

    def join(account_id: str) -> groups.JoinGroupRequest:
        return groups.JoinGroupRequest(group_id=group.group_id, account_id=account_id)

    async with meshed(tmp_path, urls.__getitem__) as mesh:
        lost = await life(mesh).act(PLATFORM, join(members[0]))
    restore()
    mark(tmp_path, "groups", urls["groups"])

    async with meshed(tmp_path, urls.__getitem__) as mesh:
        again = await life(mesh).act(PLATFORM, join(members[1]))
        question = decisions.CheckRequest(account_id=members[0], group_id=group.group_id, action=decisions.ACTION_POST)
        question.consistency_token = lost.consistency_token
        refused = await refusal_of(life(mesh).act(PLATFORM, question))
        assert refused.reason == "REVISION_UNKNOWN"
        question.consistency_token = again.consistency_token
        answer = await life(mesh).act(PLATFORM, question)
        assert not answer.decision.allowed


async def test_log_signs_nothing_on_a_database_that_went_back(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"

    async def append(sequence: int) -> None:
        async with running_retention(folder, database_url=database_url) as retention:
            await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(sequence, bodies(sequence, 1))))
            await retention.receipt(sequence)

    await append(1)
    restore = backed_up(database_url)
    await append(2)
    signed = (folder / "log" / "checkpoint").read_bytes()
    restore()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"restored from an older state.*docs/runbooks/restore\.md"):
            await append(3)
    assert (folder / "log" / "checkpoint").read_bytes() == signed
