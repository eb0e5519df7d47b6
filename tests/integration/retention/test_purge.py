import shutil
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from ombud.retention.v1.access_service_pb2 import GetAccessRequest, ListAccessRegisterRequest, RegisteredEvent
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.lifecycle_service_pb2 import (
    PURGE_EVENT_KIND_CERTIFIED,
    PURGE_EVENT_KIND_PLANNED,
    RETENTION_CLASS_NAME_REGISTER,
    ListCertificatesRequest,
    PurgeCertificate,
    PurgeEvent,
    RegisteredPurgeEvent,
)
from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from ombud.retention.v1.log_service_pb2 import GetCheckpointRequest, GetConsistencyProofRequest, GetReceiptRequest
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_checkpoint, verify_consistency, verify_event, verify_record
from services.retention.access.domain import Scope as AccessScope
from services.retention.holds import store as holds
from services.retention.holds.domain import Hold, approve, propose_release
from services.retention.keys import domain as key_rules
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.lifecycle.domain import ClassName, midnight
from services.retention.log.leaves import RecordClass
from services.retention.purges import store as purges
from services.retention.purges.domain import Purge
from services.retention.register import store as register
from services.retention.segments.archive import Archive
from services.retention.segments.storage import LocalStorage
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.integration.retention.purging import CEILING, DAY, CutError, Fuse, Stack, seen_time, stacked
from tests.integration.retention.test_access import approved, read, scope
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.unit.retention.keys.test_keys import Custodians

FIRST_DAY = date(2026, 3, 2)
REGISTER_CEILING = 1825 * DAY


async def append(retention: Retention, first_sequence: int, *groups: str) -> None:
    sent = frame(first_sequence, bodies(first_sequence, 6), groups=groups or (GROUP, OTHER_GROUP))
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


async def certificates(retention: Retention) -> list[RegisteredPurgeEvent]:
    stub = LifecycleServiceStub(retention.channel(role="auditor", staff="auditor-1"))
    return list((await stub.ListCertificates(ListCertificatesRequest())).events)


async def certified(retention: Retention, count: int) -> list[RegisteredPurgeEvent]:
    """The certificates, once there are so many and the log covers them."""

    async def sealed() -> list[RegisteredPurgeEvent]:
        found = [each for each in await certificates(retention) if each.event.kind == PURGE_EVENT_KIND_CERTIFIED]
        return found if len(found) == count and all(each.state == PROOF_STATE_SEALED for each in found) else []

    return await eventually(sealed)


async def noticed(retention: Retention, clock: ManualClock) -> None:
    """Waits until the service has looked at its clock as it stands."""

    async def seen() -> bool:
        return seen_time(retention.folder) == clock.now()

    await eventually(seen)


async def pass_ceiling(retention: Retention, clock: ManualClock) -> None:
    clock.advance(CEILING)
    await noticed(retention, clock)
    clock.advance(DAY)


def files(folder: Path, day: date) -> dict[Path, int]:
    return {path: path.stat().st_size for path in (folder / "segments" / day.isoformat()).rglob("chat-*")}


async def test_day_at_its_ceiling_ends_with_a_certificate_and_every_proof_goes_on_verifying(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    purged_proof = (await retention.receipt(3)).proof
    before = await retention.log.GetCheckpoint(GetCheckpointRequest())
    clock.advance(DAY)
    await append(retention, 7)
    neighbour_proof = (await retention.receipt(7)).proof
    doomed, spared = files(retention.folder, FIRST_DAY), files(retention.folder, FIRST_DAY + DAY)
    assert doomed
    assert spared
    clock.advance(CEILING - 2 * DAY)
    await noticed(retention, clock)
    clock.advance(DAY)
    (registered,) = await certified(retention, 1)

    verified = verify_event(registered.proof, retention.verifier_key)
    assert (verified.kind, PurgeEvent.FromString(verified.statement)) == (PURGE_EVENT_KIND_CERTIFIED, registered.event)
    certificate = registered.event.certificate
    assert (certificate.day, certificate.records, certificate.kept_segments) == ("2026-03-02", 6, 0)
    assert (certificate.floor_days, certificate.ceiling_days) == (184, 200)
    assert certificate.bytes_freed == sum(doomed.values())
    assert certificate.backups_end_time.ToDatetime() - certificate.keys_destroy_time.ToDatetime() == 14 * DAY
    assert not files(retention.folder, FIRST_DAY)
    assert files(retention.folder, FIRST_DAY + DAY) == spared
    assert not list((retention.folder / "keys" / "days").glob("2026-03-02.chat.*"))

    record = verify_record(purged_proof, retention.verifier_key, bodies(3, 1)[0])
    assert record.leaf_index in certificate.leaf_indexes
    assert verify_record(neighbour_proof, retention.verifier_key, bodies(7, 1)[0]).sequence == 7
    old = verify_checkpoint(before.checkpoint, retention.verifier_key)
    now = verify_checkpoint(
        (await retention.log.GetCheckpoint(GetCheckpointRequest())).checkpoint, retention.verifier_key
    )
    grown = await retention.log.GetConsistencyProof(GetConsistencyProofRequest(old_size=old.size, new_size=now.size))
    verify_consistency(old.size, old.root, now.size, now.root, list(grown.hashes))

    refused = await refusal_of(retention.log.GetReceipt(GetReceiptRequest(producer="chat-1", sequence=3)))
    assert refused.reason == "RECORDS_PURGED"
    assert (await retention.receipt(7)).state == PROOF_STATE_SEALED


async def test_access_to_a_purged_day_and_its_neighbour_reads_what_is_left(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    clock.advance(DAY)
    await append(retention, 7)
    await retention.receipt(7)
    clock.advance(CEILING - 2 * DAY)
    await noticed(retention, clock)
    clock.advance(DAY)
    await certified(retention, 1)
    both = scope(clock, GROUP, OTHER_GROUP, before=CEILING + DAY)
    records = await read(retention, await approved(retention, both), both)
    assert [record.sequence for record in records] == list(range(7, 13))


async def test_resent_records_of_a_purged_day_are_acknowledged_and_not_kept_again(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    await pass_ceiling(retention, clock)
    await certified(retention, 1)
    sent = AppendBatchRequest(frame=frame(1, bodies(1, 6), groups=(GROUP, OTHER_GROUP)))
    ack = (await retention.ingest.AppendBatch(sent)).ack
    assert (ack.acked_sequence, ack.added_records) == (6, 0)


@pytest.mark.parametrize("jump", [CEILING + DAY, 20 * CEILING], ids=["short", "long"])
async def test_clock_that_jumps_destroys_nothing(retention: Retention, clock: ManualClock, jump: object) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    await noticed(retention, clock)
    assert isinstance(jump, type(DAY))
    clock.advance(jump)
    for _ in range(3):
        clock.advance(DAY / 4)
        await noticed(retention, clock)
    assert await certificates(retention) == []
    assert files(retention.folder, FIRST_DAY)


async def test_day_before_its_ceiling_is_left_alone(retention: Retention, clock: ManualClock) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    clock.advance(CEILING - 2 * DAY)
    for _ in range(2):
        await noticed(retention, clock)
        clock.advance(midnight(clock.now().date() + DAY) - clock.now() - DAY / 1440)
    await noticed(retention, clock)
    assert await certificates(retention) == []


@pytest.fixture
async def left(tmp_path: Path, clock: ManualClock) -> Path:
    """The folder of a service that took in a day of two groups, a file of one group more, and was stopped."""
    folder = tmp_path / "data"
    async with running_retention(folder, clock=clock) as retention:
        for first, groups in ((1, (GROUP, OTHER_GROUP)), (7, (OTHER_GROUP,))):
            await append(retention, first, *groups)
            await retention.receipt(first)
    clock.advance(CEILING)
    return folder


async def outcome(stack: Stack) -> tuple[list[Purge], list[register.Event]]:
    unfinished = await stack.database.read(purges.unfinished)
    events = await stack.database.read(
        lambda session: register.events(session, register.Noun.PURGE, "", after=-1, limit=100)
    )
    return unfinished, events


async def steps_of_a_purge(folder: Path, clock: ManualClock) -> int:
    fuse = Fuse()
    async with stacked(folder, clock, fuse=fuse) as stack:
        await stack.pass_ceiling()
    return fuse.steps


async def test_purge_that_is_cut_off_at_any_step_is_finished_by_the_next_start(
    left: Path, tmp_path: Path, clock: ManualClock
) -> None:
    rehearsal = shutil.copytree(left, tmp_path / "rehearsal")
    steps = await steps_of_a_purge(rehearsal, ManualClock(clock.now()))
    assert steps > 10
    for at in range(1, steps + 1):
        folder, own = shutil.copytree(left, tmp_path / f"cut-{at}"), ManualClock(clock.now())
        async with stacked(folder, own, fuse=Fuse(at)) as stack:
            with pytest.raises(CutError):
                await stack.pass_ceiling()
        async with stacked(folder, own) as stack:
            await stack.purging.tick()
            own.advance(DAY)
            await stack.purging.tick()
            unfinished, events = await outcome(stack)
        assert unfinished == []
        assert [event.kind for event in events] == [PURGE_EVENT_KIND_PLANNED, PURGE_EVENT_KIND_CERTIFIED]
        assert not files(folder, FIRST_DAY)
        assert not list((folder / "keys" / "days").glob("2026-03-02.chat.*"))
        shutil.rmtree(folder)


async def test_copy_of_everything_but_the_day_keys_opens_nothing_after_the_purge(
    left: Path, tmp_path: Path, clock: ManualClock
) -> None:
    thief = shutil.copytree(left, tmp_path / "thief")
    async with stacked(left, clock) as stack:
        segments = await stack.database.read(partial(purges.of_day, name=ClassName.CHAT, day=FIRST_DAY))
        await stack.pass_ceiling()
    shutil.rmtree(thief / "keys" / "days")  # backups of the key store end at their horizon
    shutil.copytree(left / "keys" / "days", thief / "keys" / "days")
    keys = Keys(KeyStore(thief / "keys" / "days"), 3)
    archive = Archive(LocalStorage(thief / "segments"), dict.fromkeys(RecordClass, DAY).__getitem__, keys)
    assert segments
    for sealed in segments:
        stolen = archive.load(sealed)
        for group in stolen.groups:
            with pytest.raises(Refusal) as refused:
                stolen.records([group])
            assert refused.value.reason == ErrorReason.ERROR_REASON_KEYS_DESTROYED
    everything = b"".join(path.read_bytes() for path in thief.rglob("*") if path.is_file())
    assert not [body for body in bodies(1, 12) if body in everything]


def hold_on(clock: ManualClock, *groups: str) -> Hold:
    """A hold on the first day that two persons placed."""
    placed = Hold(
        hold_id=new_id(),
        case_id="case-1",
        legal_basis="order",
        scope=AccessScope(groups, datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)),
        participant=None,
        review_time=clock.now() + 300 * DAY,
        place_time=clock.now(),
        proposer="officer-1",
    )
    return approve(placed, "approver-1", clock.now())[0]


async def test_hold_keeps_exactly_its_groups_from_a_purge_until_it_is_released(left: Path, clock: ManualClock) -> None:
    custodians, hold = Custodians(), hold_on(clock, GROUP)
    kept = Scope(RecordClass.CHAT, UUID(GROUP).bytes)
    async with stacked(left, clock) as stack:
        stack.keys.custodians = custodians.roster
        await stack.database.work("test", lambda unit: holds.add(unit.session, hold))
        await stack.hold_keys.tick()
        stack.keys.close_day(FIRST_DAY)
        await stack.pass_ceiling()
        (mixed,) = await stack.database.read(partial(purges.of_day, name=ClassName.CHAT, day=FIRST_DAY))
        segment = stack.archive.load(mixed, access_id=hold.hold_id)
        with pytest.raises(Refusal) as refused:
            segment.records([UUID(OTHER_GROUP).bytes])
        assert refused.value.reason == ErrorReason.ERROR_REASON_KEYS_DESTROYED
        with pytest.raises(Refusal) as refused:
            segment.records([kept.group])
        assert refused.value.reason == ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED

        custody = stack.key_store.hold(hold.hold_id, FIRST_DAY, kept)
        assert custody is not None
        info = key_rules.hold_info(FIRST_DAY, kept)
        answers = [custodians.open(slot, custody, info) for slot in (1, 2)]
        values = [bytearray(each) for each in key_rules.merge(answers, custody.slots)]
        stack.keys.grant(hold.hold_id, FIRST_DAY, kept, values)
        records = stack.archive.load(mixed, access_id=hold.hold_id).records([kept.group])
        assert [record.body for record in records] == [b"message 2", b"message 4", b"message 6"]

        proposed = propose_release(hold, "officer-1", clock.now())
        released, _ = approve(proposed, "approver-1", clock.now())
        await stack.database.work("test", lambda unit: holds.save(unit.session, released))
        await stack.hold_keys.tick()
        assert stack.key_store.hold(hold.hold_id, FIRST_DAY, kept) is None
        await stack.purging.tick()
        unfinished, events = await outcome(stack)
    assert unfinished == []
    first, second = [
        PurgeEvent.FromString(event.statement).certificate
        for event in events
        if event.kind == PURGE_EVENT_KIND_CERTIFIED
    ]
    assert (first.kept_segments, len(first.leaf_indexes), list(first.hold_ids)) == (1, 1, [hold.hold_id])
    assert (second.kept_segments, len(second.leaf_indexes), list(second.hold_ids)) == (0, 1, [])
    assert not files(left, FIRST_DAY)


async def test_day_is_not_destroyed_before_the_hold_has_its_keys(left: Path, clock: ManualClock) -> None:
    custodians, hold = Custodians(), hold_on(clock, GROUP)
    async with stacked(left, clock) as stack:
        stack.keys.custodians = custodians.roster
        stack.keys.close_day(FIRST_DAY)
        await stack.database.work("test", lambda unit: holds.add(unit.session, hold))
        await stack.hold_keys.tick()
        await stack.pass_ceiling()
        assert await outcome(stack) == ([], [])
        assert stack.key_store.custody(RecordClass.CHAT, FIRST_DAY) is not None


async def test_access_that_is_over_leaves_the_register_at_its_ceiling_and_its_proof_goes_on_verifying(
    retention: Retention, clock: ManualClock
) -> None:
    access = await approved(retention, scope(clock), window=1)
    await read(retention, access, scope(clock))
    request = ListAccessRegisterRequest(access_id=access.access_id)

    async def sealed() -> list[RegisteredEvent]:
        events = list((await retention.access("auditor", "auditor-1").ListAccessRegister(request)).events)
        return events if all(each.state == PROOF_STATE_SEALED for each in events) else []

    proofs = [each.proof for each in await eventually(sealed)]
    clock.advance(DAY)

    async def expired() -> bool:
        events = list((await retention.access("auditor", "auditor-1").ListAccessRegister(request)).events)
        return len(events) == 4 and events[-1].state == PROOF_STATE_SEALED

    await eventually(expired)
    clock.advance(REGISTER_CEILING)
    await noticed(retention, clock)
    clock.advance(DAY)

    async def of_the_register() -> list[PurgeCertificate]:
        found = [each.event.certificate for each in await certificates(retention)]
        return [certificate for certificate in found if certificate.name == RETENTION_CLASS_NAME_REGISTER]

    (certificate,) = await eventually(of_the_register)
    assert (certificate.day, certificate.records) == ("2026-03-03", 4)
    assert not certificate.HasField("keys_destroy_time")
    late = retention.access("auditor", "auditor-1")
    assert not (await late.ListAccessRegister(request)).events
    assert (await refusal_of(late.GetAccess(GetAccessRequest(access_id=access.access_id)))).reason == "NOT_FOUND"
    for proof in proofs:
        assert verify_event(proof, retention.verifier_key).leaf_index in certificate.leaf_indexes


async def test_damaged_file_does_not_keep_its_day_from_ending_and_stays_while_a_hold_may_need_it(
    left: Path, tmp_path: Path, clock: ManualClock
) -> None:
    plain, own, hold = shutil.copytree(left, tmp_path / "plain"), ManualClock(clock.now()), hold_on(clock, GROUP)
    for folder in (left, plain):
        for path in files(folder, FIRST_DAY):
            path.write_bytes(b"damaged")
    async with stacked(plain, own) as stack:
        await stack.pass_ceiling()
    assert not files(plain, FIRST_DAY)
    async with stacked(left, clock) as stack:
        stack.keys.custodians = Custodians().roster
        await stack.database.work("test", lambda unit: holds.add(unit.session, hold))
        await stack.hold_keys.tick()
        await stack.pass_ceiling()
        _, events = await outcome(stack)
    assert PurgeEvent.FromString(events[-1].statement).certificate.kept_segments == 2
    assert len(files(left, FIRST_DAY)) == 2
