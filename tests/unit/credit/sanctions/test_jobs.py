import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import col, select

from chassis.db import Database, Unit
from chassis.db.tables import AuditEntry
from chassis.telemetry import Telemetry
from services.credit.notices.senders import FileOutbox, NoticeNotSentError
from services.credit.notices.templates import Templates
from services.credit.policies.jobs import take_up
from services.credit.receipts import Receipts
from services.credit.sanctions import domain, store
from services.credit.sanctions.domain import Sanction, SanctionState
from services.credit.sanctions.jobs import NoticeDelivery
from tests.support.engines import OpenDatabase
from tests.support.eventually import eventually
from tests.unit.credit.builders import NOW, approved, pack, written
from tests.unit.credit.stored import keep_proposed

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Carrier:
    """Delivers notices unless it is told not to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[Any] = []
        self.arrived = asyncio.Event()

    async def send(self, notice: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise NoticeNotSentError("nobody at home")
        self.sent.append(notice)
        self.arrived.set()


@pytest.fixture
async def database(databases: OpenDatabase) -> AsyncIterator[Database]:
    async with databases("credit") as opened:
        await take_up(opened, pack())
        yield opened


@contextlib.asynccontextmanager
async def delivering(database: Database, carrier: Carrier) -> AsyncIterator[NoticeDelivery]:
    telemetry = Telemetry(InMemorySpanExporter(), read_ratio=1)
    delivery = NoticeDelivery(database, carrier, telemetry, receipts=Receipts(bytes(32)), templates=Templates())
    running = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        running.cancel()
        await asyncio.wait([running])
        telemetry.shutdown()


async def approve(database: Database, *, trace: str = "") -> Sanction:
    def task(unit: Unit) -> Sanction:
        sanction = domain.approve(keep_proposed(unit), approver="app-1", at=NOW)
        store.update(unit.session, sanction)
        store.add_notice(unit.session, sanction, traceparent=f"00-{trace}-00f067aa0ba902b7-01" if trace else "")
        return sanction

    return await database.work("approve", task)


async def until_in_force(database: Database, sanction: Sanction) -> Sanction:
    async def in_force() -> Sanction | None:
        found = await database.read(lambda session: store.get(session, sanction.sanction_id))
        return found if found.state is SanctionState.IN_FORCE else None

    found = await eventually(in_force)
    assert found is not None
    return found


async def test_notice_that_waited_for_the_start_is_delivered(database: Database) -> None:
    sanction = await approve(database)

    carrier = Carrier()
    async with delivering(database, carrier):
        await until_in_force(database, sanction)

    assert [notice.notice_id for notice in carrier.sent] == [sanction.sanction_id]


async def test_notice_made_later_is_delivered_when_told(database: Database) -> None:
    async with delivering(database, Carrier()) as delivery:
        sanction = await approve(database)
        delivery.wake()
        await until_in_force(database, sanction)


async def test_sanction_has_no_effect_until_its_notice_was_delivered(database: Database) -> None:
    sanction = await approve(database)
    states: list[SanctionState] = []

    class Stubborn(Carrier):
        async def send(self, notice: Any) -> None:
            found = await database.read(lambda session: store.get(session, notice.notice_id))
            states.append(found.state)
            await super().send(notice)

    carrier = Stubborn(failures=2)
    async with delivering(database, carrier):
        await until_in_force(database, sanction)

    assert states == [SanctionState.APPROVED] * 3
    assert len(carrier.sent) == 1


async def test_one_notice_that_fails_does_not_hold_up_the_others(database: Database) -> None:
    first, second = await approve(database), await approve(database)

    carrier = Carrier(failures=1)
    async with delivering(database, carrier):
        await until_in_force(database, first)
        await until_in_force(database, second)

    assert [notice.notice_id for notice in carrier.sent] == [second.sanction_id, first.sanction_id]


async def test_delivery_belongs_to_the_trace_of_the_approval(database: Database) -> None:
    sanction = await approve(database, trace=TRACE)

    async with delivering(database, Carrier()):
        await until_in_force(database, sanction)

    entry = await database.read(
        lambda session: session.exec(select(AuditEntry).order_by(col(AuditEntry.sequence).desc())).first()
    )
    assert entry is not None
    assert entry.trace_id == TRACE


async def test_sanction_that_falls_while_its_notice_is_under_way_never_has_effect(database: Database) -> None:
    sanction = await approve(database)

    class Slow(Carrier):
        async def send(self, notice: Any) -> None:
            fallen = domain.overturn(sanction, appeal_id="appeal")
            await database.work("overturn", lambda unit: store.update(unit.session, fallen))
            await super().send(notice)

    carrier = Slow()
    async with delivering(database, carrier):
        await carrier.arrived.wait()

    found = await database.read(lambda session: store.get(session, sanction.sanction_id))
    assert found.state is SanctionState.OVERTURNED
    assert found.start is None


async def test_outbox_that_can_not_be_written_leaves_the_notice_waiting(tmp_path: Path) -> None:
    blocked = tmp_path / "outbox"
    blocked.write_text("a file where the folder should be")

    with pytest.raises(NoticeNotSentError):
        await FileOutbox(blocked / "notices.jsonl").send(written(approved()))
