"""Custody: a closed day opens to two custodians, scope by scope, and to nobody else."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chassis.ids import new_id
from ombud.retention.v1.access_service_pb2 import Access, CloseAccessRequest, GetAccessRequest
from ombud.retention.v1.custody_service_pb2 import (
    ApproveCustodianRequest,
    Custodian,
    CustodianState,
    CustodyEventKind,
    ListCustodiansRequest,
    RegisterCustodianRequest,
)
from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceStub
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest
from ombud.verify import verify_record
from ombudctl.custodian import envelopes
from ombudctl.main import app
from services.retention.keys.envelope import PrivateKey
from tests.integration.retention.custodians import Custodians, channel, send
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.integration.retention.test_access import append, approved, read, refused_read, scope
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

DAY = timedelta(days=1)
SETTINGS: dict[str, Any] = {"tick_seconds": 0.02, "seal_seconds": 0.02}


@pytest.fixture
def people(tmp_path: Path) -> Custodians:
    return Custodians.make(tmp_path / "people")


@pytest.fixture
async def retention(tmp_path: Path, clock: ManualClock, people: Custodians) -> AsyncIterator[Retention]:
    async with running_retention(tmp_path / "data", clock=clock, first_custodians=people.public, **SETTINGS) as running:
        yield running


async def open_days(retention: Retention) -> list[str]:
    stub = CustodyServiceStub(channel(retention, "auditor-1", "auditor"))
    return list((await stub.ListCustodians(ListCustodiansRequest())).open_days.days)


async def closed(retention: Retention, clock: ManualClock, step: timedelta = DAY) -> None:
    """Moves the clock until the days so far are closed."""
    clock.advance(step)

    async def none_open() -> bool:
        return not await open_days(retention)

    await eventually(none_open)


async def closed_access(retention: Retention, clock: ManualClock) -> Access:
    """An approved access to the first group on a day that is closed, with six records of two groups."""
    await append(retention, 1)
    await closed(retention, clock)
    return await approved(retention, scope(clock, before=DAY + timedelta(hours=1)))


async def test_closed_day_opens_with_two_custodians_and_only_the_scope_that_was_approved(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    wanted = access.scope
    assert (await refused_read(retention, access, wanted)).reason == "CUSTODIANS_REQUIRED"

    first = await people.answer(retention, 1, access.access_id)
    assert (first.answers, first.opened) == (1, False)
    assert await people.pending(retention, "custodian-1") == []
    assert (await refused_read(retention, access, wanted)).reason == "CUSTODIANS_REQUIRED"

    second = await people.answer(retention, 3, access.access_id)
    assert (second.answers, second.opened) == (2, True)
    assert await people.pending(retention, "custodian-2") == []
    records = await read(retention, access, wanted)
    assert [record.body for record in records] == [b"message 2", b"message 4", b"message 6"]
    state = await retention.access("auditor", "auditor-1").GetAccess(GetAccessRequest(access_id=access.access_id))
    assert state.access.reads == 1

    both = await approved(retention, scope(clock, GROUP, OTHER_GROUP, before=DAY + timedelta(hours=1)))
    assert (await refused_read(retention, both, both.scope)).reason == "CUSTODIANS_REQUIRED"


async def test_pending_request_says_what_an_answer_would_open(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    (pending,) = await people.pending(retention, "custodian-2")
    assert pending.pending_id == access.access_id
    assert pending.access.case_id == "case-7"
    assert pending.access.approver == "approver-1"
    assert list(pending.access.scope.group_ids) == [GROUP]
    assert [share.day for share in pending.shares] == ["2026-03-02"]
    assert pending.slot == 2


async def test_answers_end_with_the_access(retention: Retention, clock: ManualClock, people: Custodians) -> None:
    access = await closed_access(retention, clock)
    await people.answer(retention, 1, access.access_id)
    await people.answer(retention, 2, access.access_id)
    stub = retention.access("records_officer", "officer-1")
    await stub.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=access.access_id))
    again = await approved(retention, access.scope)
    assert (await refused_read(retention, again, again.scope)).reason == "CUSTODIANS_REQUIRED"
    assert (await refused_read(retention, access, access.scope)).reason == "ACCESS_NOT_OPEN"


async def test_answers_do_not_outlive_the_process(tmp_path: Path, clock: ManualClock, people: Custodians) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public, **SETTINGS) as retention:
        access = await closed_access(retention, clock)
        await people.answer(retention, 1, access.access_id)
        await people.answer(retention, 2, access.access_id)
        assert len(await read(retention, access, access.scope)) == 3
    async with running_retention(folder, clock=clock, first_custodians=people.public, **SETTINGS) as retention:
        assert (await refused_read(retention, access, access.scope)).reason == "CUSTODIANS_REQUIRED"
        await people.answer(retention, 2, access.access_id)
        await people.answer(retention, 3, access.access_id)
        assert len(await read(retention, access, access.scope)) == 3


@pytest.mark.parametrize("made", ["other key", "other request", "nothing", "too much"])
async def test_answer_that_does_not_fit_is_refused_and_counts_for_nothing(
    retention: Retention, clock: ManualClock, people: Custodians, made: str
) -> None:
    access = await closed_access(retention, clock)
    other = await approved(retention, access.scope)
    (mine,) = [each for each in await people.pending(retention, "custodian-1") if each.pending_id == access.access_id]
    (theirs,) = [each for each in await people.pending(retention, "custodian-1") if each.pending_id == other.access_id]
    answers = {
        "other key": [b"\x01" * 1300],
        "other request": envelopes(theirs, people.key(1)),
        "nothing": [b""],
        "too much": envelopes(mine, people.key(1)) * 2,
    }
    refused = await refusal_of(send(retention, "custodian-1", access.access_id, answers[made]))
    assert refused.reason == "CUSTODY_ANSWER_INVALID"
    assert (await people.answer(retention, 1, access.access_id)).answers == 1


async def test_whoever_is_no_custodian_neither_sees_nor_answers(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    for attempt in (people.pending(retention, "officer-1"), send(retention, "officer-1", access.access_id, [b"x"])):
        assert (await refusal_of(attempt)).reason == "NOT_A_CUSTODIAN"
    assert (await refusal_of(send(retention, "custodian-1", new_id(), [b"x"]))).reason == "NOT_FOUND"


async def test_one_custodian_is_one_answer_however_often(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    (request,) = await people.pending(retention, "custodian-1")
    for _ in range(3):
        made = envelopes(request, people.key(1))
        assert not (await send(retention, "custodian-1", access.access_id, made)).opened
    kinds = await eventually(lambda: sealed_kinds(retention.folder / "retention.db"))
    assert kinds.count(CustodyEventKind.CUSTODY_EVENT_KIND_ANSWERED) == 1


async def test_answer_that_is_sent_again_after_the_request_opened_is_told_so(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    successor = await replace(retention, 2, "new-person", PrivateKey.generate())
    for pending_id in (access.access_id, successor.custodian_id):
        (request,) = [each for each in await people.pending(retention, "custodian-3") if each.pending_id == pending_id]
        await people.answer(retention, 1, pending_id)
        made = envelopes(request, people.key(3))
        for _ in range(2):
            answer = await send(retention, "custodian-3", pending_id, made)
            assert (answer.answers, answer.opened) == (2, True)


async def test_day_that_closes_within_an_open_access_is_asked_for_too(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    await append(retention, 1)
    await closed(retention, clock)
    access = await approved(retention, scope(clock, before=DAY + timedelta(hours=1), after=DAY), window=72)
    for slot in (1, 2):
        await people.answer(retention, slot, access.access_id)
    await append(retention, 7)
    await closed(retention, clock)
    (pending,) = await people.pending(retention, "custodian-3")
    assert [share.day for share in pending.shares] == ["2026-03-03"]
    assert not (await people.answer(retention, 3, access.access_id)).opened
    assert (await people.answer(retention, 1, access.access_id)).opened
    assert [record.sequence for record in await read(retention, access, access.scope)] == [2, 4, 6, 8, 10, 12]


async def test_lost_custodian_is_replaced_by_two_others(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    successor = await replace(retention, 2, "new-person", key := PrivateKey.generate())
    assert await people.pending(retention, "new-person") == []
    assert (await refusal_of(people.pending(retention, "custodian-2"))).reason == "NOT_A_CUSTODIAN"

    assert not (await people.answer(retention, 1, successor.custodian_id)).opened
    assert (await people.answer(retention, 3, successor.custodian_id)).opened
    await people.answer(retention, 2, access.access_id, key=key, staff="new-person")
    assert (await people.answer(retention, 3, access.access_id)).opened
    assert len(await read(retention, access, access.scope)) == 3


async def test_custodian_with_a_new_key_is_given_their_share_again(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    again = await replace(retention, 3, "custodian-3", key := PrivateKey.generate())
    await people.answer(retention, 1, again.custodian_id)
    await people.answer(retention, 2, again.custodian_id)
    await people.answer(retention, 3, access.access_id, key=key)
    assert (await people.answer(retention, 2, access.access_id)).opened


async def test_two_are_enough_while_the_third_is_lost(
    retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    (people.folder / "2.key").unlink()
    await people.answer(retention, 1, access.access_id)
    assert (await people.answer(retention, 3, access.access_id)).opened


async def replace(retention: Retention, slot: int, staff: str, key: PrivateKey) -> Custodian:
    officer = CustodyServiceStub(channel(retention, "officer-1", "custody_officer"))
    request = RegisterCustodianRequest(request_id=new_id(), slot=slot, staff_id=staff, public_key=key.public)
    proposed = (await officer.RegisterCustodian(request)).custodian
    assert proposed.state == CustodianState.CUSTODIAN_STATE_PROPOSED
    approver = CustodyServiceStub(channel(retention, "approver-1", "custody_approver"))
    approval = ApproveCustodianRequest(request_id=new_id(), custodian_id=proposed.custodian_id)
    return (await approver.ApproveCustodian(approval)).custodian


async def test_custodians_are_made_by_two_persons_and_nobody_holds_two_slots(retention: Retention) -> None:
    one = CustodyServiceStub(channel(retention, "officer-1", "custody_officer,custody_approver"))
    key = PrivateKey.generate().public

    def request(slot: int, staff: str) -> RegisterCustodianRequest:
        return RegisterCustodianRequest(request_id=new_id(), slot=slot, staff_id=staff, public_key=key)

    proposed = (await one.RegisterCustodian(request(1, "custodian-2"))).custodian
    approval = ApproveCustodianRequest(request_id=new_id(), custodian_id=proposed.custodian_id)
    assert (await refusal_of(one.ApproveCustodian(approval))).reason == "SECOND_PERSON_REQUIRED"
    other = CustodyServiceStub(channel(retention, "approver-1", "custody_approver"))
    approval.request_id = new_id()
    assert (await refusal_of(other.ApproveCustodian(approval))).reason == "ALREADY_CUSTODIAN"
    assert (await refusal_of(one.RegisterCustodian(request(4, "somebody")))).reason == "SLOT_UNKNOWN"
    approved_once = await replace(retention, 1, "somebody", PrivateKey.generate())
    approval = ApproveCustodianRequest(request_id=new_id(), custodian_id=approved_once.custodian_id)
    assert (await refusal_of(other.ApproveCustodian(approval))).reason == "WRONG_STATE"


async def test_proof_of_a_record_is_had_while_its_day_is_open_and_holds_for_ever(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    receipt = await retention.receipt(2)
    await closed(retention, clock)
    assert verify_record(receipt.proof, retention.verifier_key, b"message 2").sequence == 2
    again = retention.log.GetReceipt(GetReceiptRequest(producer="chat-1", sequence=2))
    assert (await refusal_of(again)).reason == "CUSTODIANS_REQUIRED"


async def test_records_sent_again_after_their_day_closed_are_known_and_not_added(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    await closed(retention, clock)
    sent = frame(1, bodies(1, 8), groups=(GROUP, OTHER_GROUP))
    answer = await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))
    assert (answer.ack.acked_sequence, answer.ack.added_records) == (8, 2)


async def test_clock_that_is_set_back_does_not_reopen_a_closed_day(
    tmp_path: Path, clock: ManualClock, people: Custodians
) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, clock=clock, first_custodians=people.public, **SETTINGS) as retention:
        await append(retention, 1)
        await closed(retention, clock)
        clock.advance(-DAY)
        await append(retention, 7)
        assert await open_days(retention) == ["2026-03-03"]
    async with running_retention(folder, clock=clock, first_custodians=people.public, **SETTINGS) as retention:
        await append(retention, 13)
        assert await open_days(retention) == ["2026-03-03"]


async def test_day_without_custodians_stays_open_and_says_so(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_retention(tmp_path / "data", clock=clock, **SETTINGS) as retention:
        await append(retention, 1)
        clock.advance(DAY)

        async def warned() -> bool:
            return "2026-03-02 stays readable" in caplog.text

        await eventually(warned)
        assert await open_days(retention) == ["2026-03-02"]
        access = await approved(retention, scope(clock, before=DAY + timedelta(hours=1)))
        assert len(await read(retention, access, access.scope)) == 3


async def test_acts_of_custody_are_leaves_of_the_log(
    tmp_path: Path, retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    await people.answer(retention, 1, access.access_id)
    await people.answer(retention, 2, access.access_id)
    kinds = await eventually(lambda: sealed_kinds(tmp_path / "data" / "retention.db"))
    assert kinds == [
        CustodyEventKind.CUSTODY_EVENT_KIND_APPROVED,
        CustodyEventKind.CUSTODY_EVENT_KIND_APPROVED,
        CustodyEventKind.CUSTODY_EVENT_KIND_APPROVED,
        CustodyEventKind.CUSTODY_EVENT_KIND_DAY_CLOSED,
        CustodyEventKind.CUSTODY_EVENT_KIND_ANSWERED,
        CustodyEventKind.CUSTODY_EVENT_KIND_ANSWERED,
        CustodyEventKind.CUSTODY_EVENT_KIND_OPENED,
    ]


async def sealed_kinds(database: Path) -> list[int]:
    """The kinds of custody's events, once all are leaves."""
    query = "SELECT kind, leaf_index FROM register_event WHERE noun = 'CUSTODY' ORDER BY position"
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute(query).fetchall()
    finally:
        connection.close()
    return [kind for kind, leaf in rows] if all(leaf is not None for _, leaf in rows) else []


async def test_tool_lists_and_answers_on_the_custodians_own_machine(
    tmp_path: Path, retention: Retention, clock: ManualClock, people: Custodians
) -> None:
    access = await closed_access(retention, clock)
    for slot in (1, 2):
        token = tmp_path / f"{slot}.token"
        token.write_text(
            retention.issuer.person(
                f"custodian-{slot}", frozenset({"custodian"}), workload="desk", account_id="", valid=DAY
            )
        )
        options = ["--target", f"127.0.0.1:{retention.port}", "--token-file", str(token), "--json"]
        listed = await asyncio.to_thread(CliRunner().invoke, app, ["custodian", "pending", *options])
        assert listed.exit_code == 0
        (request,) = json.loads(listed.stdout)["requests"]
        assert request["pending_id"] == access.access_id
        assert request["days"] == ["2026-03-02"]
        key = str(people.folder / f"{slot}.key")
        arguments = ["custodian", "answer", access.access_id, "--key", key, *options]
        answered = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert json.loads(answered.stdout)["opened"] is (slot == 2)
    assert len(await read(retention, access, access.scope)) == 3


def test_tool_makes_a_key_once(tmp_path: Path) -> None:
    key = tmp_path / "custodian.key"
    made = CliRunner().invoke(app, ["custodian", "keygen", str(key)])
    assert made.exit_code == 0
    assert (tmp_path / "custodian.pub").read_bytes() == PrivateKey.load(key).public
    assert CliRunner().invoke(app, ["custodian", "keygen", str(key)]).exit_code == 1
