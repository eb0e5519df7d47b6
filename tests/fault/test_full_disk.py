"""The disk fills up under the suite: what was acknowledged stays, the rest is refused, and all goes on later."""

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.retention.v1 import ingest_service_pb2 as ingest
from ombud.retention.v1 import log_service_pb2 as log
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_record
from tests.fault.test_kill import writers
from tests.fault.victim import BY_REQUEST, PRODUCER, Victim, Writer
from tests.integration.retention.harness import bodies, frame
from tests.support.disk import SmallDisk, machine_allows, on_small_disk
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.wire import PLATFORM, Wire, wired

MEGABYTES = 300
# More than what is left over in files that have room.
MOST_WRITES = 5_000
RECORDS = 5


async def acknowledged(wire: Wire, writer: Writer, count: int) -> None:
    for _ in range(count):
        await write(wire, writer)


async def write(wire: Wire, writer: Writer) -> None:
    request = writer.make()
    request.request_id = new_id()
    rpc = BY_REQUEST[request.DESCRIPTOR.full_name]
    writer.acked[request.request_id] = await wire.call(writer.who, rpc, request)
    writer.sent[request.request_id] = request


async def refused(wire: Wire, writer: Writer) -> OmbudError:
    """The refusal of the first write that the disk has no room for."""
    for _ in range(MOST_WRITES):
        try:
            await write(wire, writer)
        except OmbudError as error:
            return error
    raise AssertionError("the disk is not full")


async def append(life: Life, first: int) -> None:
    await life.act(PLATFORM, ingest.AppendBatchRequest(frame=frame(first, bodies(first, RECORDS), producer=PRODUCER)))


async def works(wire: Wire, writer: Writer) -> bool:
    with contextlib.suppress(OmbudError):
        await write(wire, writer)
        return True
    return False


async def proved(life: Life, sequence: int) -> None:
    async def sealed() -> Any:
        receipt = await life.act(PLATFORM, log.GetReceiptRequest(producer=PRODUCER, sequence=sequence))
        return receipt if receipt.state == PROOF_STATE_SEALED else None

    receipt = await eventually(sealed)
    checkpoint = await life.act(PLATFORM, log.GetCheckpointRequest())
    assert verify_record(receipt.proof, checkpoint.verifier_key, bodies(sequence, 1)[0]).sequence == sequence


async def test_full_disk_costs_nothing_that_was_acknowledged_and_nobody_has_to_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    if not machine_allows(data):
        pytest.skip("no mount namespaces here: the kernel, or who may use it, does not allow a disk for one process")
    victim = Victim(data, on_small_disk(data, MEGABYTES))
    async with victim.up() as process:
        disk = SmallDisk.of(process.pid, data)
        async with wired(victim.port, DevIssuer(disk.folder, SystemClock())) as wire:
            life = Life(wire.call, SystemClock(), disk.folder / "identity" / "outbox" / "phone.jsonl")
            subject = await life.verified("subject", 41)
            await life.may(subject, decisions.ACTION_POST)
            all_writers = writers(subject, life)
            for writer in all_writers.values():
                await acknowledged(wire, writer, 3)
            await append(life, 1)

            disk.fill(leave=100 << 20)
            with pytest.raises(OmbudError) as floor:
                await append(life, 1 + RECORDS)
            assert floor.value.reason == "STORAGE_FULL"
            assert int(floor.value.facts["free_bytes"]) < int(floor.value.facts["floor_bytes"])
            for writer in all_writers.values():
                await acknowledged(wire, writer, 3)

            disk.fill()
            for writer in all_writers.values():
                error = await refused(wire, writer)
                assert (error.code(), error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
            await life.may(subject, decisions.ACTION_POST)

            disk.free()
            began = time.monotonic()
            for writer in all_writers.values():
                await eventually(lambda writer=writer: works(wire, writer))  # type: ignore[misc]  # bound at once
            await append(life, 1 + RECORDS)
            with capsys.disabled():
                sys.stdout.write(
                    f"\nfull disk: all writes go on {time.monotonic() - began:.2f} s after there is room\n"
                )
            for writer in all_writers.values():
                await writer.repeat(wire)
            for sequence in (1, 2 * RECORDS):
                await proved(life, sequence)
