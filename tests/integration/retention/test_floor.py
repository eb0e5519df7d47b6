"""What is kept stays for its floor: no call, no file and no change of the database shortens that."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from ombud.retention.v1.lifecycle_service_pb2 import DESCRIPTOR
from services.retention.purges import store as purges
from services.retention.register import store as register
from tests.integration.retention.harness import POLICY, Retention, running_retention
from tests.integration.retention.purging import CEILING, DAY, Stack, stacked
from tests.integration.retention.test_lifecycle import approval, approver, officer, sealed_terms, wish
from tests.integration.retention.test_purge import FIRST_DAY, append, certificates, certified, files, noticed
from tests.support.clock import ManualClock

SHORTER = 186 * DAY


def test_no_call_destroys_records_or_changes_terms_that_are_in_force() -> None:
    service = DESCRIPTOR.services_by_name["LifecycleService"]
    assert [method.name for method in service.methods] == [
        "SetRetentionClass",
        "ApproveRetentionClass",
        "ListCertificates",
        "ListRetentionClasses",
    ]


async def pass_time(retention: Retention, clock: ManualClock, step: timedelta) -> None:
    """Lets time pass in steps that are believed."""
    clock.advance(step - DAY)
    await noticed(retention, clock)
    clock.advance(DAY)
    await noticed(retention, clock)


@pytest.mark.parametrize("by", ["call", "file"])
async def test_shorter_terms_leave_what_was_received_before_them_to_its_own(
    tmp_path: Path, clock: ManualClock, by: str
) -> None:
    folder, policy = tmp_path / "data", POLICY
    async with running_retention(folder, clock=clock) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        if by == "call":
            proposed = (await officer(retention).SetRetentionClass(wish(184, 186))).terms
            await approver(retention).ApproveRetentionClass(approval(proposed))
            await sealed_terms(retention, 5)
    if by == "file":
        policy = tmp_path / "pack.yaml"
        policy.write_text(POLICY.read_text().replace("ceiling_days: 200", "ceiling_days: 186"))
    async with running_retention(folder, clock=clock, policy_file=policy) as retention:
        clock.advance(DAY)
        await append(retention, 7)
        await retention.receipt(7)
        await pass_time(retention, clock, SHORTER)
        (earlier,) = await certified(retention, 1)
        assert earlier.event.certificate.day == "2026-03-03"
        assert files(folder, FIRST_DAY)
        await pass_time(retention, clock, CEILING - SHORTER)
        _, later = await certified(retention, 2)
        assert (later.event.certificate.day, later.event.certificate.ceiling_days) == ("2026-03-02", 200)
        assert len(await certificates(retention)) == 4


@pytest.fixture
async def stopped(tmp_path: Path, clock: ManualClock) -> Path:
    """The folder of a service that has a day of records, longer terms from the second day on, and was stopped."""
    folder = tmp_path / "data"
    async with running_retention(folder, clock=clock) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        proposed = (await officer(retention).SetRetentionClass(wish(300, 400))).terms
        await approver(retention).ApproveRetentionClass(approval(proposed))
        clock.advance(DAY)
        await append(retention, 7)
        await retention.receipt(7)
        await sealed_terms(retention, 5)
    return folder


def altered(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "retention.db") as connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


async def destroyed(stack: Stack, clock: ManualClock, after: timedelta) -> list[register.Event]:
    """What a purge writes down when so much time has passed."""
    await stack.purging.tick()
    clock.advance(after)
    await stack.pass_ceiling()
    return await stack.database.read(
        lambda session: register.events(session, register.Noun.PURGE, "", after=-1, limit=None)
    )


ATTACKS = {
    "a shorter ceiling": "UPDATE retention_terms SET floor_days = 184, ceiling_days = 186 WHERE class_name = 'CHAT'",
    "terms that were never approved": (
        "INSERT INTO retention_terms (terms_id, class_name, floor_days, ceiling_days, propose_time, effective_time)"
        " VALUES ('0192f0c1-0000-7000-8000-00000000000f', 'CHAT', 184, 186, 1, 2)"
    ),
    "longer terms taken away": "DELETE FROM retention_terms WHERE floor_days = 300",
    "longer terms from later on": (
        "UPDATE retention_terms SET effective_time = effective_time + 864000000000 WHERE floor_days = 300"
    ),
    "another statement": "UPDATE register_event SET statement = CAST(statement || x'00' AS BLOB) WHERE noun = 'CLASS'",
    "an older segment": (
        "UPDATE segment SET first_receive_time = 1740873600000000, last_receive_time = 1740873600000000"
        " WHERE record_class = 'CHAT'"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_database_that_says_something_else_than_the_log_destroys_nothing(
    stopped: Path, clock: ManualClock, attack: str, caplog: pytest.LogCaptureFixture
) -> None:
    altered(stopped, ATTACKS[attack])
    async with stacked(stopped, clock) as stack:
        assert await destroyed(stack, clock, CEILING) == []
    assert "nothing of class CHAT is destroyed" in caplog.text
    assert files(stopped, FIRST_DAY)
    assert files(stopped, FIRST_DAY + DAY)


async def test_database_as_it_was_left_destroys_what_is_due_alone(stopped: Path, clock: ManualClock) -> None:
    async with stacked(stopped, clock) as stack:
        assert len(await destroyed(stack, clock, CEILING)) == 2
        assert not await stack.database.read(purges.unfinished)
    assert not files(stopped, FIRST_DAY)
    assert files(stopped, FIRST_DAY + DAY)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE retention_terms SET floor_days = 183 WHERE class_name = 'CHAT'",
        "UPDATE retention_terms SET ceiling_days = floor_days + 1",
        "UPDATE retention_terms SET approver = proposer WHERE proposer IS NOT NULL",
        "UPDATE retention_terms SET effective_time = propose_time WHERE proposer IS NOT NULL",
    ],
)
def test_database_refuses_terms_that_no_rule_allows(stopped: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        altered(stopped, statement)
