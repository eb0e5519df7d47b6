"""Two processes of each service over one PostgreSQL: one effect, one feed, one worker, no answer older than asked."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from chassis.clock import SystemClock
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import verification_service_pb2 as verifications
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombudctl.story.documents import identity
from tests.support.cluster import Cluster, clustered
from tests.support.contract import rpcs
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.wire import PLATFORM

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_VERB = {rpc.verb: rpc for rpc in rpcs()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with clustered(tmp_path_factory.mktemp("cluster"), postgres) as running:
        yield running


def life(cluster: Cluster, replica: int | None = None) -> Life:
    outbox = cluster.folder / "identity" / "outbox" / "phone.jsonl"
    return Life(cluster.wire(replica).call, SystemClock(), outbox)


def query(cluster: Cluster, service: str, sql: str) -> list[Any]:
    with psycopg.connect(cluster.urls[service].replace("+psycopg", "")) as connection:
        return connection.execute(sql).fetchall()


def registration(nickname: str) -> accounts.RegisterAccountRequest:
    return accounts.RegisterAccountRequest(
        request_id=new_id(),
        kind=accounts.ACCOUNT_KIND_PERSONAL,
        holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
        nickname=nickname,
    )


async def test_request_that_both_get_has_one_effect_and_one_answer(cluster: Cluster) -> None:
    wires, register = [cluster.wire(number) for number in (0, 1)], BY_VERB["RegisterAccount"]
    requests = [registration(f"twice {number}") for number in range(20)]
    replies = await asyncio.gather(
        *(wire.call(PLATFORM, register, request) for request in requests for wire in (*wires, *wires))
    )
    for number in range(20):
        assert len(set(replies[4 * number : 4 * number + 4])) == 1
    ((kept,),) = query(cluster, "identity", "SELECT count(*) FROM account WHERE nickname LIKE 'twice %'")
    assert kept == 20


async def test_person_whose_accounts_race_over_both_gets_as_many_as_the_cap_says(cluster: Cluster) -> None:
    lives = [life(cluster, number) for number in (0, 1)]
    started = []
    for number in range(12):
        one = lives[number % 2]
        account_id = await one.account(f"racer {number}")
        started.append((one, await one.start(account_id, accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER)))

    async def submit(one: Life, verification_id: str) -> str:
        evidence = identity(77).evidence()
        request = verifications.SubmitEvidenceRequest(verification_id=verification_id, document=evidence)
        try:
            await one.act(PLATFORM, request)
        except OmbudError as refused:
            return refused.reason
        return "verified"

    outcomes = await asyncio.gather(*(submit(*each) for each in started))
    assert Counter(outcomes) == {"verified": 3, "VERIFICATION_REFUSED": 9}


async def test_feed_has_no_gap_whoever_wrote_and_whoever_is_asked(cluster: Cluster) -> None:
    wires, register = [cluster.wire(number) for number in (0, 1)], BY_VERB["RegisterAccount"]
    ((before,),) = query(cluster, "identity", "SELECT revision FROM feed_head")

    async def follow(replica: int) -> list[int]:
        target = f"127.0.0.1:{cluster.replicas['identity'][replica].port}"
        stub: Any = AccountServiceStub(cluster.channel("groups", target))
        seen: list[int] = []
        async for item in stub.WatchAccounts(accounts.WatchAccountsRequest(from_revision=before)):
            if item.HasField("change"):
                seen.append(item.change.revision)
            if len(seen) == 60:
                return seen
        raise AssertionError

    async with asyncio.timeout(30):
        following = [asyncio.ensure_future(follow(replica)) for replica in (0, 1)]
        await asyncio.gather(
            *(wires[number % 2].call(PLATFORM, register, registration(f"fed {number}")) for number in range(60))
        )
        for seen in await asyncio.gather(*following):
            assert seen == list(range(before + 1, before + 61))


async def test_answer_is_never_older_than_the_token_that_was_asked_with(cluster: Cluster) -> None:
    here, there = life(cluster, 0), life(cluster, 1)
    founder = await here.verified("founder", 11)
    members = [await here.verified(f"member {number}", 20 + number) for number in range(3)]
    group = await here.group(founder)
    for member in members:
        joined = await here.act(PLATFORM, groups.JoinGroupRequest(group_id=group.group_id, account_id=member))
        answer = await there.act(
            PLATFORM,
            decisions.CheckRequest(
                account_id=member,
                group_id=group.group_id,
                action=decisions.ACTION_POST,
                consistency_token=joined.consistency_token,
            ),
        )
        assert answer.decision.allowed, answer.decision


async def test_sanction_holds_at_both_and_its_notice_is_sent_once(cluster: Cluster) -> None:
    here, there = life(cluster, 0), life(cluster, 1)
    founder, member = await here.verified("eva", 31), await there.verified("udo", 32)
    group = await here.group(founder, member)
    tip_off_id = await here.tip_off(group)
    sanction_id = await there.sanction(
        Subject(account_id=member), credit.MEASURE_KIND_PUBLISHING_SUSPENDED, tip_off_id=tip_off_id
    )
    for one in (here, there):
        denied = await one.may(member, decisions.ACTION_POST, group.group_id, allowed=False)
        assert denied.fact.id == sanction_id
    outbox = cluster.folder / "credit" / "outbox" / "notices.jsonl"
    sent = [json.loads(line) for line in outbox.read_text(encoding="utf-8").splitlines()]
    assert len([notice for notice in sent if sanction_id in json.dumps(notice)]) == 1


@pytest.mark.parametrize("service", ["identity", "credit", "groups"])
async def test_one_process_of_each_service_does_its_work_in_the_background(cluster: Cluster, service: str) -> None:
    async def one_holder() -> bool:
        return len(query(cluster, service, "SELECT holder FROM lease")) == 1

    await eventually(one_holder)
    logs = [replica.settings.with_suffix(".log").read_text() for replica in cluster.replicas[service]]
    assert sum(log.count("jobs is led here") for log in logs) == 1


async def test_all_that_was_audited_is_in_the_log_once(cluster: Cluster) -> None:
    for service in ("identity", "credit", "groups"):
        written = {audit_id for (audit_id,) in query(cluster, service, "SELECT audit_id FROM audit_record")}
        assert written

        async def delivered(written: set[str] = written) -> bool:
            kept = [audit_id for (audit_id,) in query(cluster, "retention", "SELECT audit_id FROM audit_index")]
            assert len(kept) == len(set(kept))
            return written <= set(kept)

        await eventually(delivered, within=30)


async def test_replicas_that_are_restarted_at_once_fail_no_call_and_their_followers_miss_nothing(
    cluster: Cluster,
) -> None:
    stub: Any = AccountServiceStub(cluster.channel("platform", cluster.target("identity")))
    stop = asyncio.Event()

    async def call() -> None:
        while not stop.is_set():
            await stub.RegisterAccount(registration(new_id()))

    calling = [asyncio.create_task(call()) for _ in range(16)]
    for replica in cluster.replicas["identity"]:
        replica.signal(signal.SIGTERM)
        assert await replica.ended() == 0
        await replica.again()
    stop.set()
    await asyncio.gather(*calling)
    registered = query(cluster, "identity", "SELECT account_id FROM account ORDER BY account_id")

    async def followed() -> bool:
        return query(cluster, "groups", "SELECT account_id FROM projected_account ORDER BY account_id") == registered

    await eventually(followed)
