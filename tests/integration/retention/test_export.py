from datetime import date, timedelta
from pathlib import Path

import pytest

from ombud.retention.v1.access_service_pb2 import (
    MISSING_REASON_PURGED,
    MISSING_REASON_UNREADABLE,
    Access,
    AccessScope,
    ExportedRecord,
    ExportRecordsRequest,
    ExportStatement,
    Membership,
)
from ombud.verify import verify_record
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention
from tests.integration.retention.purging import CEILING
from tests.integration.retention.test_access import append, approved, refused_read, scope
from tests.integration.retention.test_purge import certified, noticed
from tests.support.clock import ManualClock
from tests.support.refusals import refusal_of

DAY = timedelta(days=1)


async def everything(
    retention: Retention, access: Access, export_scope: AccessScope
) -> tuple[list[ExportedRecord], ExportStatement, list[Membership]]:
    stub = retention.access("records_officer", "officer-1")
    request = ExportRecordsRequest(access_id=access.access_id, scope=export_scope)
    *parts, last = [part async for part in stub.ExportRecords(request)]
    assert last.HasField("statement")
    records = [part.record for part in parts if part.HasField("record")]
    return records, last.statement, [part.membership for part in parts if part.HasField("membership")]


async def exported(
    retention: Retention, access: Access, export_scope: AccessScope
) -> tuple[list[ExportedRecord], ExportStatement]:
    records, statement, _ = await everything(retention, access, export_scope)
    return records, statement


async def test_each_exported_record_is_proved_offline_and_nothing_is_missing(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    whole = scope(clock)
    access = await approved(retention, whole)
    records, statement = await exported(retention, access, whole)
    assert [each.record.sequence for each in records] == [2, 4, 6]
    for each in records:
        proved = verify_record(each.proof, retention.verifier_key, each.record.body)
        assert (str(proved.group_id), proved.index) == (each.record.group_id, each.record.index)
    assert (statement.records, list(statement.missing), statement.scope) == (3, [], whole)
    assert statement.verifier_key == retention.verifier_key.strip()


async def test_export_counts_as_a_read_and_is_refused_like_one(retention: Retention, clock: ManualClock) -> None:
    await append(retention, 1)
    whole = scope(clock)
    access = await approved(retention, whole, most_reads=1)
    stub = retention.access("records_officer", "officer-1")
    wide = ExportRecordsRequest(access_id=access.access_id, scope=scope(clock, GROUP, OTHER_GROUP))

    async def drained() -> None:
        async for _ in stub.ExportRecords(wide):
            pass

    assert (await refusal_of(drained())).reason == "ACCESS_OUT_OF_SCOPE"
    _, statement = await exported(retention, access, whole)
    assert statement.access.reads == 1
    assert (await refused_read(retention, access, whole)).facts["state"] == "SPENT"


async def test_export_says_which_day_was_purged_and_under_which_certificate(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    clock.advance(CEILING - DAY)
    await noticed(retention, clock)
    clock.advance(DAY)
    await append(retention, 7)
    (certificate,) = await certified(retention, 1)
    whole = scope(clock, before=CEILING + DAY)
    records, statement = await exported(retention, await approved(retention, whole), whole)
    assert [each.record.sequence for each in records] == [8, 10, 12]
    assert [(each.reason, each.day, each.purge_id) for each in statement.missing] == [
        (MISSING_REASON_PURGED, "2026-03-02", certificate.event.certificate.purge_id)
    ]


@pytest.mark.parametrize("damage", ["gone", "altered"])
async def test_export_goes_on_past_a_damaged_segment_and_names_it(
    retention: Retention, clock: ManualClock, damage: str
) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    (file,) = first_day(retention.folder).glob("chat-*")
    await append(retention, 7)
    await retention.receipt(7)
    if damage == "gone":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    whole = scope(clock)
    records, statement = await exported(retention, await approved(retention, whole), whole)
    assert [each.record.sequence for each in records] == [8, 10, 12]
    assert [(each.reason, each.day) for each in statement.missing] == [(MISSING_REASON_UNREADABLE, "2026-03-02")]
    assert statement.missing[0].segment_id


def first_day(folder: Path) -> Path:
    return folder / "segments" / date(2026, 3, 2).isoformat()
