"""The suite is killed with SIGKILL in the middle of appends and writes: what it acknowledged is there, once."""

import asyncio
import contextlib
import hashlib
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import grpc

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Interval, Subject
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.retention.v1 import access_service_pb2 as access
from ombud.retention.v1 import audit_service_pb2 as audit
from ombud.retention.v1 import ingest_service_pb2 as ingest
from ombud.retention.v1 import log_service_pb2 as log
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_record
from tests.fault.victim import PRODUCER, Appender, Victim, Writer, life_over
from tests.support.eventually import eventually
from tests.support.life import AUDITOR, MODERATOR, RECORDS_OFFICER, Life
from tests.support.records import approved_access
from tests.support.wire import NOBODY, PLATFORM, Who, persons_token

ROUNDS = 3
# What a round has to have acknowledged, of each kind, before it ends.
ENOUGH = 5


def writers(subject: str, life: Life) -> dict[str, Writer]:
    """One for each service that keeps its state in a database."""
    names = iter(range(10**6))

    def register() -> accounts.RegisterAccountRequest:
        return accounts.RegisterAccountRequest(
            kind=accounts.ACCOUNT_KIND_PERSONAL,
            holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
            nickname=f"nick-{next(names)}",
        )

    def tip_off() -> tipoffs.SubmitTipOffRequest:
        return tipoffs.SubmitTipOffRequest(
            target=tipoffs.TipOffTarget(account_id=subject),
            category=tipoffs.TIP_OFF_CATEGORY_SPAM,
            explanation=f"They did it again, time {next(names)}.",
            good_faith=True,
        )

    def sanction() -> sanctions.ProposeSanctionRequest:
        act_time = life.after(hours=-1)
        evidence = hashlib.sha256(str(next(names)).encode()).hexdigest()
        return sanctions.ProposeSanctionRequest(
            subject=Subject(account_id=subject),
            capacity=credit.CAPACITY_ACCOUNT,
            reasons=sanctions.Reasons(
                rule_id="spam",
                facts="Sent the same message to many.",
                explanation="Nobody had asked for it.",
                act_time=act_time,
                evidence=[credit.Evidence(sha256=evidence, observe_time=act_time)],
                proportionality_note="A warning is the mildest measure.",
                how_to_restore="Wait for its end.",
            ),
            measures=[sanctions.Measure(kind=credit.MEASURE_KIND_WARNED, end_time=life.after(days=30))],
            points=1,
        )

    return {
        "identity": Writer(PLATFORM, register),
        "groups": Writer(NOBODY, tip_off),
        "credit": Writer(MODERATOR, sanction),
    }


async def write_until_killed(victim: Victim, all_writers: dict[str, Writer], appender: Appender) -> None:
    """Writes everywhere at once, and kills the suite while it all goes on."""
    async with victim.up() as process, victim.wire() as wire:
        life = life_over(wire)
        known = await progress(life)
        assert known >= appender.acked, "acknowledged records are missing"
        appender.acked, appender.acks = known, 0
        before = {name: len(writer.acked) for name, writer in all_writers.items()}
        at = life.after().ToMicroseconds()
        writing = [
            asyncio.create_task(appender.append_until_killed(victim, at=at)),
            *(asyncio.create_task(writer.write_until_killed(wire)) for writer in all_writers.values()),
        ]

        async def enough() -> bool:
            written = all(len(writer.acked) >= before[name] + ENOUGH for name, writer in all_writers.items())
            return written and appender.acks >= ENOUGH

        await eventually(enough)
        await asyncio.sleep(random.uniform(0, 0.3))  # noqa: S311 - when to kill
        process.kill()
        await asyncio.gather(*writing)


async def progress(life: Life) -> int:
    reply = await life.act(PLATFORM, ingest.GetProgressRequest(producer=PRODUCER))
    acked: int = reply.acked_sequence
    return acked


async def listed(life: Life, who: Who, request: Any, rows: str) -> list[Any]:
    """All rows of a listing."""
    found: list[Any] = []
    while True:
        reply = await life.act(who, request)
        found += getattr(reply, rows)
        if not reply.next_page_token:
            return found
        request.page_token = reply.next_page_token


async def read_all(life: Life, victim: Victim, group_id: str) -> list[Any]:
    """The records of the group, through an approved access."""
    scope = access.AccessScope(
        group_ids=[group_id], interval=Interval(start_time=life.after(days=-1), end_time=life.after(days=1))
    )
    access_id = await approved_access(life, scope, purpose="To see whether all is there.", most_reads=1)
    token = persons_token(victim.issuer, RECORDS_OFFICER)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{victim.port}") as channel:
        method = channel.unary_stream(
            "/ombud.retention.v1.AccessService/ReadRecords",
            request_serializer=access.ReadRecordsRequest.SerializeToString,
            response_deserializer=access.ReadRecordsResponse.FromString,
        )
        call: Any = method(
            access.ReadRecordsRequest(access_id=access_id, scope=scope),
            metadata=[("authorization", f"Bearer {token}")],
        )
        return [record async for item in call for record in item.records]


async def test_suite_that_drains_or_is_killed_keeps_all_that_it_acknowledged_once(tmp_path: Path) -> None:
    victim = Victim(tmp_path / "data")
    appender = Appender(new_id())
    async with victim.up() as process, victim.wire() as wire:
        life = life_over(wire)
        subject = await life.account("subject")
        all_writers = writers(subject, life)

        async def groups_know() -> bool:
            with contextlib.suppress(OmbudError):
                await life.act(NOBODY, all_writers["groups"].make())
                return True
            return False

        await eventually(groups_know)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 15) == 0
    for _ in range(ROUNDS):
        await write_until_killed(victim, all_writers, appender)
    async with victim.up(), victim.wire() as wire:
        life = life_over(wire)
        for writer in all_writers.values():
            await writer.repeat(wire)
        await accounts_are_there_once(life, all_writers["identity"])
        await tip_offs_are_there_once(life, all_writers["groups"])
        await sanctions_are_there_once(life, all_writers["credit"], subject)
        await records_are_there_once(life, victim, appender)
        await acts_are_in_the_log_once(life, all_writers["identity"])


async def accounts_are_there_once(life: Life, writer: Writer) -> None:
    rows = await listed(life, PLATFORM, accounts.ListAccountsRequest(page_size=500), "accounts")
    found = Counter(row.nickname for row in rows)
    assert found == Counter({request.nickname: 1 for request in writer.sent.values()}) + Counter(["subject"])  # type: ignore[attr-defined]  # requests of one kind
    given = {accounts.RegisterAccountResponse.FromString(reply).account.account_id for reply in writer.acked.values()}
    assert given <= {row.account_id for row in rows}


async def tip_offs_are_there_once(life: Life, writer: Writer) -> None:
    rows = await listed(life, MODERATOR, tipoffs.ListDueTipOffsRequest(page_size=500), "tip_offs")
    found = Counter(row.reference_number for row in rows)
    receipts = [tipoffs.SubmitTipOffResponse.FromString(reply) for reply in writer.acked.values()]
    for receipt in receipts:
        assert found[receipt.reference_number] == 1
        tracked = await life.act(NOBODY, tipoffs.GetTipOffByTrackingCodeRequest(tracking_code=receipt.tracking_code))
        assert tracked.tip_off.reference_number == receipt.reference_number
    # The first one is that of the set-up.
    assert len(rows) == len(writer.sent) + 1


async def sanctions_are_there_once(life: Life, writer: Writer, subject: str) -> None:
    asked = sanctions.ListSanctionsRequest(subject=Subject(account_id=subject), page_size=100)
    rows = await listed(life, PLATFORM, asked, "sanctions")
    found = Counter(row.statement.reasons.evidence[0].sha256 for row in rows)
    assert found == Counter(request.reasons.evidence[0].sha256 for request in writer.sent.values())  # type: ignore[attr-defined]  # requests of one kind


async def records_are_there_once(life: Life, victim: Victim, appender: Appender) -> None:
    stored = await progress(life)
    assert stored >= appender.acked
    records = await read_all(life, victim, appender.group_id)
    assert [record.sequence for record in records] == list(range(1, stored + 1))
    assert all(record.body == b"%d" % record.sequence for record in records)
    assert sorted(record.index for record in records) == list(range(stored))
    checkpoint = await life.act(PLATFORM, log.GetCheckpointRequest())
    for sequence in (1, appender.acked // 2, appender.acked):

        async def sealed(sequence: int = sequence) -> Any:
            receipt = await life.act(PLATFORM, log.GetReceiptRequest(producer=PRODUCER, sequence=sequence))
            return receipt if receipt.state == PROOF_STATE_SEALED else None

        receipt = await eventually(sealed, within=20)
        assert verify_record(receipt.proof, checkpoint.verifier_key, b"%d" % sequence).sequence == sequence


async def acts_are_in_the_log_once(life: Life, writer: Writer) -> None:
    for reply in list(writer.acked.values())[:: max(1, len(writer.acked) // 10)]:
        account_id = accounts.RegisterAccountResponse.FromString(reply).account.account_id
        asked = audit.QueryAuditRecordsRequest(subject=Subject(account_id=account_id))

        async def logged(asked: audit.QueryAuditRecordsRequest = asked) -> Any:
            return (await life.act(AUDITOR, asked)).entries

        assert [entry.record.action for entry in await eventually(logged)] == ["identity.account.registered"]
