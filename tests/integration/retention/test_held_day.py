"""A hold through the whole life of a day: placed, closed, purged around it, read, released."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.ids import new_id
from ombud.retention.v1.access_service_pb2 import MISSING_REASON_KEYS_DESTROYED, Access, GetAccessRequest
from ombud.retention.v1.hold_service_pb2 import ApproveHoldRequest, Hold, ReleaseHoldRequest
from services.retention.checks.fsck import check as fsck
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from tests.integration.retention.custodians import Custodians
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, running_retention
from tests.integration.retention.purging import CEILING, DAY
from tests.integration.retention.test_access import append, approved, read, refused_read, scope
from tests.integration.retention.test_export import exported
from tests.integration.retention.test_holds import approver, officer, wish
from tests.integration.retention.test_purge import FIRST_DAY, certificates, certified, files, noticed
from tests.support.clock import ManualClock
from tests.support.eventually import eventually


async def held(retention: Retention, clock: ManualClock, folder: Path) -> Hold:
    """A hold on the first group that two persons placed, with its key taken over and its day closed."""
    hold = (await officer(retention).PlaceHold(wish(clock, GROUP, days=366))).hold
    await approver(retention).ApproveHold(ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id))

    async def taken_over() -> bool:
        return (folder / "keys" / "days" / "holds" / hold.hold_id).is_dir()

    await eventually(taken_over)
    clock.advance(DAY)
    await eventually(lambda: has_closed(folder))
    return hold


async def has_closed(folder: Path) -> bool:
    """Whether the first day is in custody."""
    return FIRST_DAY in KeyStore(folder / "keys" / "days").days(RecordClass.CHAT, open_=False)


async def reads(retention: Retention, access: Access) -> int:
    """How many reads of an access are counted."""
    stub = retention.access("auditor", "auditor-1")
    return (await stub.GetAccess(GetAccessRequest(access_id=access.access_id))).access.reads


async def test_held_group_outlives_the_purge_of_its_day_and_nothing_else_does(
    tmp_path: Path, clock: ManualClock
) -> None:
    people, folder = Custodians.make(tmp_path / "people"), tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        hold = await held(retention, clock, folder)
        clock.advance(CEILING - DAY)
        await noticed(retention, clock)
        clock.advance(DAY)
        (certificate,) = await certified(retention, 1)
        assert list(certificate.event.certificate.hold_ids) == [hold.hold_id]
        assert (certificate.event.certificate.kept_segments, certificate.event.certificate.records) == (1, 0)

        both = scope(clock, GROUP, OTHER_GROUP, before=CEILING + 2 * DAY, after=timedelta(hours=1))
        access = await approved(retention, both, most_reads=5)
        assert (await refused_read(retention, access, both)).reason == "CUSTODIANS_REQUIRED"
        for slot in (1, 2):
            await people.answer(retention, slot, access.access_id)
        assert await reads(retention, access) == 0
        assert [record.sequence for record in await read(retention, access, both)] == [2, 4, 6]
        records, statement = await exported(retention, access, both)
        assert [each.record.sequence for each in records] == [2, 4, 6]
        assert [(each.reason, each.group_id) for each in statement.missing] == [
            (MISSING_REASON_KEYS_DESTROYED, OTHER_GROUP)
        ]

        await officer(retention).ReleaseHold(ReleaseHoldRequest(request_id=new_id(), hold_id=hold.hold_id))
        await approver(retention).ApproveHold(ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id))
        _, last = await certified(retention, 2)
        assert (last.event.certificate.records, last.event.certificate.kept_segments) == (6, 0)
        assert not files(folder, FIRST_DAY)

        async def hold_has_no_keys() -> bool:
            return not os.listdir(folder / "keys" / "days" / "holds")  # noqa: PTH208 - a name list is all it takes

        await eventually(hold_has_no_keys)


async def test_hold_on_a_closed_day_keeps_its_group_once_two_custodians_answered(
    tmp_path: Path, clock: ManualClock
) -> None:
    people, folder = Custodians.make(tmp_path / "people"), tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        covered = wish(clock, GROUP, days=366)
        clock.advance(DAY)
        await eventually(lambda: has_closed(folder))
        hold = (await officer(retention).PlaceHold(covered)).hold
        await approver(retention).ApproveHold(ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id))
        (pending,) = await people.pending(retention, "custodian-3")
        assert (pending.pending_id, pending.hold.case_id) == (hold.hold_id, "case-7")
        assert [share.day for share in pending.shares] == [FIRST_DAY.isoformat()]

        clock.advance(CEILING - DAY)
        await noticed(retention, clock)
        clock.advance(DAY)
        await noticed(retention, clock)
        assert await certificates(retention) == []

        assert not (await people.answer(retention, 3, hold.hold_id)).opened
        assert (await people.answer(retention, 1, hold.hold_id)).opened
        assert await people.pending(retention, "custodian-2") == []
        (certificate,) = await certified(retention, 1)
        assert list(certificate.event.certificate.hold_ids) == [hold.hold_id]

        both = scope(clock, GROUP, OTHER_GROUP, before=CEILING + 2 * DAY, after=timedelta(hours=1))
        access = await approved(retention, both)
        assert (await refused_read(retention, access, both)).reason == "CUSTODIANS_REQUIRED"
        for slot in (2, 3):
            await people.answer(retention, slot, access.access_id)
        records, statement = await exported(retention, access, both)
        assert [each.record.sequence for each in records] == [2, 4, 6]
        assert [(each.reason, each.group_id) for each in statement.missing] == [
            (MISSING_REASON_KEYS_DESTROYED, OTHER_GROUP)
        ]


async def test_nothing_is_destroyed_while_keys_are_kept_for_a_hold_that_the_database_has_lost(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    people, folder = Custodians.make(tmp_path / "people"), tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        lost = await held(retention, clock, folder)
    for file in folder.glob("retention.db*"):
        file.unlink()
    fsck(folder, f"sqlite:///{folder}/retention.db", repair=True)
    async with running_retention(folder, clock=clock, first_custodians=people.public) as retention:
        await noticed(retention, clock)
        clock.advance(DAY)
        await noticed(retention, clock)
        clock.advance(CEILING)
        for _ in range(3):
            await noticed(retention, clock)
            clock.advance(DAY / 2)
        await eventually(lambda: said(caplog, lost.hold_id))
        assert await certificates(retention) == []
        shutil.rmtree(folder / "keys" / "days" / "holds" / lost.hold_id)
        await certified(retention, 1)
        assert files(folder, FIRST_DAY) == {}


async def said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    """Whether the log has a line with some words."""
    return any(words in record.getMessage() for record in caplog.records)
