from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from ombud.retention.v1.ingest_service_pb2 import GetProgressRequest
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
    assert statement.out_of_scope_records == 3
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
    assert [(each.reason, each.day, each.purge_id, each.records) for each in statement.missing] == [
        (MISSING_REASON_PURGED, "2026-03-02", certificate.event.certificate.purge_id, 6)
    ]
    assert statement.out_of_scope_records == 3


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
    assert [(each.reason, each.day, each.records) for each in statement.missing] == [
        (MISSING_REASON_UNREADABLE, "2026-03-02", 6)
    ]
    assert statement.missing[0].segment_id


def first_day(folder: Path) -> Path:
    return folder / "segments" / date(2026, 3, 2).isoformat()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(-2, 3), length=st.integers(1, 5), groups=st.sampled_from([(GROUP,), (GROUP, OTHER_GROUP)]))
async def test_exported_and_passed_over_records_are_all_of_the_segments_that_were_read(
    retention: Retention, clock: ManualClock, start: int, length: int, groups: tuple[str, ...]
) -> None:
    began, hour = clock.now(), timedelta(hours=1)
    acked = (await retention.ingest.GetProgress(GetProgressRequest(producer="chat-1"))).acked_sequence
    for first in (acked + 1, acked + 7, acked + 13):
        await append(retention, first)
        await retention.receipt(first)
        clock.advance(hour)
    part = AccessScope(group_ids=groups)
    part.interval.start_time.FromDatetime(began + start * hour)
    part.interval.end_time.FromDatetime(began + (start + length) * hour)
    records, statement = await exported(retention, await approved(retention, part), part)
    read = [at for at in range(3) if start <= at < start + length]
    within = [first for at, first in enumerate((acked + 1, acked + 7, acked + 13)) if at in read]
    wanted = [each for first in within for each in range(first, first + 6) if len(groups) == 2 or each % 2 == 0]
    assert [each.record.sequence for each in records] == wanted
    assert statement.records + statement.out_of_scope_records == 6 * len(read)
    clock.advance(6 * hour)
