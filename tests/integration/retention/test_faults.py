import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.db import Database
from ombud.common.v1.error_reason_pb2 import ErrorReason
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest, AppendRequest, AppendResponse, GetProgressRequest
from ombud.verify import verify_record
from services.retention.checks.findings import Finding
from services.retention.checks.fsck import check as fsck
from services.retention.ingest.journal import Journal
from services.retention.log.ledger import Ledger
from services.retention.segments.archive import Archive
from tests.integration.retention.harness import Retention, bodies, frame, running_retention
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of


def fails_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool = False) -> None:
    """Makes the first call of a function fail with EIO, before or after it has done its work."""
    whole = getattr(owner, name)
    failures = [OSError(errno.EIO, os.strerror(errno.EIO))]

    def faulty(*arguments: Any, **named: Any) -> Any:
        if after:
            result = whole(*arguments, **named)
        if failures:
            raise failures.pop()
        return result if after else whole(*arguments, **named)

    monkeypatch.setattr(owner, name, faulty)


def commit_fails_once(monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """Makes the first transaction that seals fail, before it began or after it was durable."""
    whole = Database.work
    failures = [ConnectionError("lost")]

    async def faulty(database: Database, job: str, task: Callable[..., Any]) -> Any:
        sealing = job == "seal" and bool(failures)
        if sealing and not after:
            raise failures.pop()
        result = await whole(database, job, task)
        if sealing:
            raise failures.pop()
        return result

    monkeypatch.setattr(Database, "work", faulty)


def commit_and_reload_fail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    commit_fails_once(monkeypatch, after=True)
    fails_once(monkeypatch, Ledger, "reload")


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "segment file": lambda patch: fails_once(patch, Archive, "write"),
    "commit, before": lambda patch: commit_fails_once(patch, after=False),
    "commit, answer lost": lambda patch: commit_fails_once(patch, after=True),
    "commit, answer lost, and the reload": commit_and_reload_fail_once,
    "publication": lambda patch: fails_once(patch, Ledger, "_publish"),
    "publication, answer lost": lambda patch: fails_once(patch, Ledger, "_publish", after=True),
    "release of the write-ahead file": lambda patch: fails_once(patch, Journal, "release"),
    "release, answer lost": lambda patch: fails_once(patch, Journal, "release", after=True),
}


async def append(retention: Retention, first_sequence: int) -> None:
    sent = frame(first_sequence, bodies(first_sequence, 5))
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


async def check_all(retention: Retention, count: int) -> None:
    """Every record is proved, under its own index."""
    for sequence, body in enumerate(bodies(1, count), 1):
        verified = verify_record((await retention.receipt(sequence)).proof, retention.verifier_key, body)
        assert verified.index == sequence - 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_while_sealing_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async with running_retention(tmp_path / "data") as retention:
        FAULTS[fault](monkeypatch)
        await append(retention, 1)
        await append(retention, 6)
        await check_all(retention, 10)
        await append(retention, 11)
        await check_all(retention, 15)
    async with running_retention(tmp_path / "data") as retention:
        await append(retention, 16)
        await check_all(retention, 20)
    assert whole_disk(tmp_path / "data") == []


async def test_failed_fsync_is_never_acknowledged_and_ends_writing_until_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.run._HEALTH_EVERY", 0.05)
    folder = tmp_path / "data"
    async with running_retention(folder) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        with monkeypatch.context() as patch:
            fails_once(patch, os, "fdatasync")
            sent = [AppendRequest(frame=frame(6, bodies(6, 5))), AppendRequest(frame=frame(6, bodies(6, 5)))]
            answers: list[AppendResponse] = [answer async for answer in retention.ingest.Append(iter(sent))]
            reasons = [answer.refusal.reason for answer in answers]
            assert reasons == [ErrorReason.ERROR_REASON_STORAGE_FAILED] * 2
        refused = await refusal_of(
            retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(6, bodies(6, 5))), wait_for_ready=False)
        )
        assert refused.reason == "STORAGE_FAILED"
        progress = await retention.ingest.GetProgress(GetProgressRequest(producer="chat-1"))
        assert progress.acked_sequence == 5

        async def red() -> bool:
            return not await retention.serving()

        await eventually(red)
    async with running_retention(folder) as retention:
        assert await retention.serving()
        await append(retention, 6)
        await check_all(retention, 10)


def whole_disk(folder: Path) -> list[Finding]:
    return list(fsck(folder, f"sqlite:///{folder}/retention.db").findings)
