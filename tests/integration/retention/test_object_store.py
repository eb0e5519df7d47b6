"""Segments in an object store: against a server on loopback that holds to its locks, or does not."""

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

from chassis.clock import SystemClock
from chassis.config import ConfigError
from chassis.refusal import ErrorReason, Refusal
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.verify import verify_record
from ombudctl.fsck import run as fsck_command
from ombudctl.output import CommandError
from services.retention.config import ObjectStoreConfig, RetentionConfig, SegmentsConfig
from services.retention.segments.object_store import ObjectStore
from services.retention.segments.storage import LocalStorage, SegmentStorage, StillLockedError
from tests.integration.retention.harness import Retention, bodies, frame, running_retention
from tests.support.eventually import eventually

LOCKED, OPEN = "ombud-locked", "ombud-open"
DAY = timedelta(days=1)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with a bucket that locks and one that does not."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = client_of(url)
    client.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket=OPEN)
    try:
        yield url
    finally:
        server.stop()
        for backends in s3_backends.values():
            for backend in backends.values():
                backend.reset()


@pytest.fixture
def compliant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the server refuse to bring a lock's date forward, which it lets pass."""
    loosen = S3Backend.put_object_retention

    def refuse(
        backend: S3Backend, bucket_name: str, key_name: str, version_id: str | None, retention: tuple[str, str]
    ) -> None:
        key: Any = backend.get_object(bucket_name, key_name, version_id=version_id)
        if not key.lock_until or datetime.fromisoformat(retention[1]) >= datetime.fromisoformat(key.lock_until):
            loosen(backend, bucket_name, key_name, version_id, retention)

    monkeypatch.setattr(S3Backend, "put_object_retention", refuse)


def client_of(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1")


def config_of(endpoint: str, bucket: str = LOCKED, prefix: str = "shard-1/") -> ObjectStoreConfig:
    return ObjectStoreConfig(bucket=bucket, endpoint=endpoint, prefix=prefix)


def store_of(endpoint: str, bucket: str = LOCKED, prefix: str = "shard-1/") -> ObjectStore:
    return ObjectStore(config_of(endpoint, bucket, prefix), SystemClock())


@pytest.fixture(params=["disk", "object store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> SegmentStorage:
    if request.param == "disk":
        return LocalStorage(tmp_path / "segments")
    return store_of(request.getfixturevalue("endpoint"))


def test_file_comes_back_is_listed_and_goes_once_its_time_is_over(storage: SegmentStorage) -> None:
    past = SystemClock().now() - DAY
    for name in ("2026-11-21/b.seg", "2026-11-20/a.seg"):
        storage.put(name, name.encode(), keep_until=past)
    assert list(storage.copies("2026-11-20/a.seg")) == [b"2026-11-20/a.seg"]
    assert list(storage.copies("2026-11-20/none.seg")) == []
    assert list(storage.names()) == ["2026-11-20/a.seg", "2026-11-21/b.seg"]
    assert storage.delete("2026-11-20/a.seg") == len("2026-11-20/a.seg")
    assert storage.delete("2026-11-20/a.seg") == 0
    assert list(storage.names()) == ["2026-11-21/b.seg"]


def test_locked_file_outlives_deletion_overwriting_and_impatience(endpoint: str) -> None:
    store, client = store_of(endpoint), client_of(endpoint)
    store.put("day/a.seg", b"first", keep_until=SystemClock().now() + DAY)
    with pytest.raises(StillLockedError, match=r"day/a\.seg"):
        store.delete("day/a.seg")
    client.put_object(Bucket=LOCKED, Key="shard-1/day/a.seg", Body=b"forged")
    assert list(store.copies("day/a.seg")) == [b"forged", b"first"]
    client.delete_object(Bucket=LOCKED, Key="shard-1/day/a.seg")
    assert b"first" in list(store.copies("day/a.seg"))
    assert list(store.names()) == ["day/a.seg"]


def test_lock_lasts_to_the_floor_by_the_same_call_that_stores(endpoint: str) -> None:
    until = (SystemClock().now() + 184 * DAY).replace(microsecond=0)
    store_of(endpoint).put("day/a.seg", b"content", keep_until=until)
    head = client_of(endpoint).head_object(Bucket=LOCKED, Key="shard-1/day/a.seg")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", until)


@pytest.mark.usefixtures("compliant")
def test_store_that_enforces_its_locks_is_accepted_again_and_again(endpoint: str) -> None:
    for _ in range(2):
        store_of(endpoint).check()
    assert list(store_of(endpoint).names()) == []


def test_store_that_lets_a_lock_be_loosened_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="loosened"):
        store_of(endpoint).check()


@pytest.mark.usefixtures("compliant")
def test_store_that_lets_a_locked_object_be_removed_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.s3.models.FakeKey.is_locked", lambda *_, **__: False)
    with pytest.raises(ConfigError, match="removed"):
        store_of(endpoint).check()


def test_bucket_without_lock_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"segments\.s3"):
        store_of(endpoint, OPEN).check()


def test_store_that_does_not_answer_is_refused_at_start_and_told_later(endpoint: str) -> None:
    gone = store_of("http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="can not be probed"):
        gone.check()
    missing = store_of(endpoint, "no-such-bucket")
    for call in (
        lambda: gone.put("a", b"x", keep_until=SystemClock().now()),
        lambda: list(missing.names()),
        lambda: missing.delete("a"),
    ):
        with pytest.raises(Refusal) as refused:
            call()
        assert refused.value.reason == ErrorReason.ERROR_REASON_PEER_UNAVAILABLE


@pytest.mark.parametrize("endpoint", ["https://s3.example", "http://127.0.0.1:9000", "http://localhost"])
def test_endpoint_may_be_encrypted_or_on_loopback(endpoint: str) -> None:
    assert config_of(endpoint).endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["http://s3.example", "s3.example", "http://127.0.0.1.example"])
def test_endpoint_in_plaintext_elsewhere_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="https"):
        config_of(endpoint)


async def append(retention: Retention, first_sequence: int, count: int) -> None:
    sent = frame(first_sequence, bodies(first_sequence, count))
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


@pytest.mark.usefixtures("compliant")
async def test_records_are_proved_out_of_the_store_after_it_was_tampered_with(endpoint: str, tmp_path: Path) -> None:
    segments = SegmentsConfig(s3=config_of(endpoint))
    client = client_of(endpoint)
    async with running_retention(tmp_path / "data", clock=SystemClock(), segments=segments) as retention:
        await append(retention, 1, 5)
        await retention.receipt(5)
    assert not list((tmp_path / "data").rglob("*.seg"))
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=LOCKED)["Contents"] if each["Key"].endswith(".seg")]
    assert keys
    for key in keys:
        client.put_object(Bucket=LOCKED, Key=key, Body=b"forged")
    async with running_retention(tmp_path / "data", clock=SystemClock(), segments=segments) as retention:
        for sequence, body in enumerate(bodies(1, 5), 1):
            verify_record((await retention.receipt(sequence)).proof, retention.verifier_key, body)


@pytest.mark.usefixtures("compliant")
async def test_store_that_fails_while_sealing_loses_nothing(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [Refusal.peer_unavailable("object store")] * 2
    whole = ObjectStore.put

    def faulty(store: ObjectStore, *arguments: Any, **named: Any) -> None:
        if failures:
            raise failures.pop()
        whole(store, *arguments, **named)

    monkeypatch.setattr(ObjectStore, "put", faulty)
    segments = SegmentsConfig(s3=config_of(endpoint))
    async with running_retention(tmp_path / "data", clock=SystemClock(), segments=segments) as retention:
        await append(retention, 1, 5)

        async def failed() -> bool:
            return not failures

        await eventually(failed)
        proved = await retention.receipt(5)
        verify_record(proved.proof, retention.verifier_key, bodies(5, 1)[0])


async def test_service_does_not_start_on_a_store_that_does_not_enforce(endpoint: str, tmp_path: Path) -> None:
    segments = SegmentsConfig(s3=config_of(endpoint))
    with pytest.raises(ConfigError, match="loosened"):
        async with running_retention(tmp_path / "data", clock=SystemClock(), segments=segments):
            pass


def test_settings_name_the_store() -> None:
    settings = {
        "database_url": "sqlite:///x",
        "data_dir": "d",
        "policy_file": "p",
        "segments": {"s3": {"bucket": "abc"}},
    }
    config = RetentionConfig.model_validate(settings)
    assert config.segments.s3 is not None
    assert config.segments.s3.endpoint is None


@pytest.fixture
async def shard(endpoint: str, compliant: None, tmp_path: Path) -> Path:  # noqa: ARG001 - without it no start
    """The folder of a service that sealed two segments into the bucket, and its settings beside it."""
    segments = SegmentsConfig(s3=config_of(endpoint))
    async with running_retention(tmp_path / "data", clock=SystemClock(), segments=segments) as retention:
        for first in (1, 6):
            await append(retention, first, 5)
            await retention.receipt(first)
    service = {
        "database_url": f"sqlite:///{tmp_path}/data/retention.db",
        "data_dir": str(tmp_path / "data"),
        "policy_file": "policy.yaml",
        "segments": segments.model_dump(),
    }
    settings = {"server": {"traces_file": "traces.db"}, "service": service}
    (tmp_path / "retention.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "data"


def stored() -> list[Any]:
    """The newest versions of the chat segments, as the server keeps them, by their names."""
    keys: list[Any] = [backend().get_object(LOCKED, name) for name in backend().buckets[LOCKED].keys]
    return sorted((key for key in keys if "/chat-" in key.name), key=lambda key: str(key.name))


def backend() -> S3Backend:
    """The server's own store, the only one of its accounts and regions that has buckets."""
    (found,) = (each for backends in s3_backends.values() for each in backends.values() if each.buckets)
    return found


def fsck(folder: Path, *, repair: bool = False) -> tuple[bool, dict[str, Any]]:
    """What `ombud fsck --config` says and whether it is content."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        good = fsck_command(Path("none"), folder.with_name("retention.yaml"), repair=repair, as_json=True)
    return good, json.loads(said.getvalue())


async def test_fsck_names_the_damaged_byte_of_a_locked_object(shard: Path) -> None:
    assert fsck(shard)[0]
    first, second = stored()
    whole = second.value
    second.value = whole[:-1] + bytes([whole[-1] ^ 1])
    good, report = fsck(shard, repair=True)
    assert not good
    (found,) = report["findings"]
    assert found["place"] == second.name.replace("shard-1/", "segments/")
    assert not found["mendable"]
    assert report["segment_bytes"] > len(first.value) + len(whole)


async def test_fsck_names_what_was_put_over_a_locked_object_and_puts_the_object_back(
    shard: Path, endpoint: str
) -> None:
    key = stored()[0].name
    client_of(endpoint).put_object(Bucket=LOCKED, Key=key, Body=b"forged")
    good, report = fsck(shard)
    assert not good
    assert [each["place"] for each in report["findings"]] == [key.replace("shard-1/", "segments/")]
    good, report = fsck(shard, repair=True)
    assert (good, len(report["mended"])) == (True, 1)
    assert next(store_of(endpoint).copies(key.removeprefix("shard-1/"))) != b"forged"


async def test_fsck_names_a_lost_object_and_a_bucket_that_does_not_answer(shard: Path) -> None:
    backend().buckets[LOCKED].keys.pop(lost := stored()[1].name)
    _, report = fsck(shard)
    assert [each["place"] for each in report["findings"]] == [lost.replace("shard-1/", "segments/")]
    settings = shard.with_name("retention.yaml")
    settings.write_text(settings.read_text().replace(LOCKED, "no-such-bucket"))
    with pytest.raises(CommandError, match="object store"):
        fsck(shard)


async def test_scrub_reads_the_bucket_and_goes_on_after_it_did_not_answer(
    shard: Path, endpoint: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = stored()[1]
    damaged.value = damaged.value[:-1] + b"x"
    failures = [Refusal.peer_unavailable("object store")]
    whole = ObjectStore.copies

    def faulty(store: ObjectStore, name: str) -> Iterator[bytes]:
        if failures and name.endswith(".seg"):
            raise failures.pop()
        return whole(store, name)

    monkeypatch.setattr(ObjectStore, "copies", faulty)
    segments = SegmentsConfig(s3=config_of(endpoint))

    async def reported() -> bool:
        return any(damaged.name.removeprefix("shard-1/") in record.getMessage() for record in caplog.records)

    async with running_retention(shard, clock=SystemClock(), segments=segments, scrub_days=1e-7):
        await eventually(reported)
    assert not failures
