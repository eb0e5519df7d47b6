import logging
from pathlib import Path

import pytest

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from tests.integration.retention.harness import bodies, frame, running_retention
from tests.integration.retention.test_purge import certified, pass_ceiling
from tests.support.clock import ManualClock
from tests.support.eventually import eventually


async def test_damaged_segment_is_reported_before_anyone_reads_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, scrub_days=1e-7) as retention:
        for first in (1, 6, 11):
            await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, bodies(first, 5))))
            await retention.receipt(first)
        damaged, missing, _ = sorted((folder / "segments").rglob("chat-*"))
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.write_bytes(content)
        missing.unlink()

        async def reported() -> bool:
            return {damaged.name, missing.name} <= _names(caplog)

        await eventually(reported)
    assert _names(caplog) == {damaged.name, missing.name}


async def test_purged_segments_are_not_looked_for(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_retention(tmp_path / "data", clock=clock, scrub_days=1e-7) as retention:
        await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(1, bodies(1, 5))))
        await retention.receipt(1)
        await pass_ceiling(retention, clock)
        await certified(retention, 1)
    assert _names(caplog) == set()


def _names(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The files that were reported."""
    found = [record for record in caplog.records if record.name == "ombud.retention.scrub"]
    assert all(record.levelno == logging.ERROR for record in found)
    return {record.getMessage().split(" ")[0].rpartition("/")[2] for record in found}
