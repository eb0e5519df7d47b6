"""Step 4: the log itself, checked post by post, appended and acknowledged durable, provable."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ombud.client import Producer, request_id
from ombud.groups.v1.decision_service_pb2 import ACTION_POST, BatchCheckRequest, DecisionReason
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.groups.v1.group_service_pb2 import JoinGroupRequest, LeaveGroupRequest
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.identity.v1.account_service_pb2 import ChangeNicknameRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_record
from ombudctl.chat import Kind
from ombudctl.story.scene import Scene, StoryError, together
from ombudctl.story.script import Line
from ombudctl.story.world import World

if TYPE_CHECKING:
    from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceAsyncStub
    from ombud.groups.v1.group_service_pb2_grpc import GroupServiceAsyncStub
    from ombud.identity.v1.account_service_pb2_grpc import AccountServiceAsyncStub

PRODUCER = "chat-platform-1"
_CHUNK = 1000
_LAST_WORDS = ("see you all at the slipway", "you will not, and nobody will miss you")


@dataclass
class _Chat:
    """The platform while the log runs through it."""

    world: World
    groups: "GroupServiceAsyncStub"
    accounts: "AccountServiceAsyncStub"
    decisions: "DecisionServiceAsyncStub"
    members: set[str]
    token: str = ""
    reasons: Counter[str] = field(default_factory=Counter)
    allowed: int = 0
    left: int = 0
    renamed: int = 0
    revision: int = 0


async def play(world: World, scene: Scene) -> None:
    """Lets the whole log happen."""
    channel = world.suite.workload("platform")
    chat = _Chat(
        world, GroupServiceStub(channel), AccountServiceStub(channel), DecisionServiceStub(channel), _members(world)
    )
    lines = world.script.lines
    scene.says(
        f"{len(lines)} events go by, {world.script.posts} of them posts. For each batch people join, every post"
        " is checked, what may be posted is appended, people leave. A record is acknowledged when it is on disk."
    )
    begun = world.chat_begun = world.suite.now()
    async with Producer(channel, PRODUCER) as producer:
        with scene.bar("appending", len(lines)) as done:
            for first in range(0, len(lines), _CHUNK):
                chunk = lines[first : first + _CHUNK]
                await _run(chat, producer, chunk)
                done(len(chunk))
        await _last_words(world, producer)
        await producer.flush()
        acked = producer.acked
    seconds = (world.suite.now() - begun).total_seconds()
    denied = sum(chat.reasons.values()) - chat.allowed
    scene.proves(f"{acked} records are durable, each of what was allowed", acked == len(world.bodies))
    told = ", ".join(f"{reason} {count}" for reason, count in chat.reasons.most_common())
    scene.proves(
        f"{sum(chat.reasons.values())} posts were checked: {told}", chat.allowed == world.script.posts - denied
    )
    scene.proves(
        f"every answer named its reason, its deciding fact and a revision, the last {chat.revision}", chat.revision > 0
    )
    await _strangers(world, scene, chat)
    await _receipt(world, scene, acked)
    scene.counts(
        records=acked,
        checked=sum(chat.reasons.values()),
        denied=denied,
        members=len(chat.members),
        left=chat.left,
        renamed=chat.renamed,
        records_per_second=round(acked / seconds),
    )


def _members(world: World) -> set[str]:
    return {world.cast.founder, world.cast.helper, world.cast.rowdy, *world.present}


async def _run(chat: _Chat, producer: Producer, chunk: Sequence[Line]) -> None:
    accounts = chat.world.accounts
    came = dict.fromkeys(accounts[line.person] for line in chunk if line.event.posted)
    room = chat.world.room + 3 - len(chat.members)
    await _join(chat, [account_id for account_id in came if account_id not in chat.members][:room])
    await together([line for line in chunk if line.event.kind is Kind.NICK], lambda line: _rename(chat, line))
    may = await _check(chat, [accounts[line.person] for line in chunk if line.event.posted])
    for line in chunk:
        if line.event.posted and not next(may):
            continue
        body = _body(accounts[line.person], line.event.kind.value, line.event.text)
        chat.world.bodies.append(body)
        await producer.append(chat.world.group_id, line.event.at, body)
    last = {accounts[line.person]: line.event.kind for line in chunk}
    await _leave(chat, [one for one, kind in last.items() if kind is Kind.PART and one in chat.members])


def _body(account_id: str, kind: str, text: str) -> bytes:
    record = {"account": account_id, "kind": kind, "text": text}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


async def _join(chat: _Chat, newcomers: Iterable[str]) -> None:
    async def join(account_id: str) -> str:
        request = JoinGroupRequest(request_id=request_id(), group_id=chat.world.group_id, account_id=account_id)
        return (await chat.groups.JoinGroup(request)).consistency_token

    joined = list(newcomers)
    tokens = await together(joined, join)
    chat.members.update(joined)
    chat.token = tokens[-1] if tokens else chat.token


async def _leave(chat: _Chat, leavers: Iterable[str]) -> None:
    async def leave(account_id: str) -> str:
        request = LeaveGroupRequest(request_id=request_id(), group_id=chat.world.group_id, account_id=account_id)
        return (await chat.groups.LeaveGroup(request)).consistency_token

    leaving = list(leavers)
    tokens = await together(leaving, leave)
    chat.members.difference_update(leaving)
    chat.left += len(leaving)
    chat.token = tokens[-1] if tokens else chat.token


async def _rename(chat: _Chat, line: Line) -> None:
    request = ChangeNicknameRequest(
        request_id=request_id(), account_id=chat.world.accounts[line.person], nickname=line.event.text
    )
    await chat.accounts.ChangeNickname(request)
    chat.renamed += 1


async def _check(chat: _Chat, askers: Sequence[str]) -> Iterator[bool]:
    """Asks of each account whether it may post in the group, in one call; answers come in the same order."""
    if not askers:
        return iter(())
    answer = await chat.decisions.BatchCheck(
        BatchCheckRequest(
            action=ACTION_POST, account_ids=askers, group_ids=[chat.world.group_id], consistency_token=chat.token
        )
    )
    if any(decision.reason == 0 or decision.fact.kind == 0 for decision in answer.decisions):
        raise StoryError("every answer names its reason and its deciding fact")
    for index in answer.decision_indexes:
        chat.reasons[_name(answer.decisions[index].reason)] += 1
    may = [answer.decisions[index].allowed for index in answer.decision_indexes]
    chat.allowed += sum(may)
    chat.revision = answer.revision
    return iter(may)


def _name(reason: DecisionReason.ValueType) -> str:
    return DecisionReason.Name(reason).removeprefix("DECISION_REASON_")


async def _last_words(world: World, producer: Producer) -> None:
    """What the made-up cast posts; the second is what the tip-off will be about."""
    for account_id, text in zip((world.cast.founder, world.cast.rowdy), _LAST_WORDS, strict=True):
        body = _body(account_id, Kind.MESSAGE.value, text)
        world.bodies.append(body)
        await producer.append(world.group_id, world.suite.now(), body)


async def _strangers(world: World, scene: Scene, chat: _Chat) -> None:
    cast = world.cast
    request = BatchCheckRequest(
        action=ACTION_POST,
        account_ids=[cast.founder, cast.lurker, cast.legacy],
        group_ids=[world.group_id],
        consistency_token=chat.token,
    )
    answer = await chat.decisions.BatchCheck(request)
    reasons = [_name(answer.decisions[index].reason) for index in answer.decision_indexes]
    scene.proves(
        f"asked together: the founder {reasons[0]}, the unverified {reasons[1]}, the legacy account {reasons[2]}",
        reasons == ["VERIFIED", "NOT_VERIFIED", "GRACE_ENDED"],
    )


async def _receipt(world: World, scene: Scene, acked: int) -> None:
    log = LogServiceStub(world.suite.workload("platform"))
    scene.says(
        "A receipt for the last record: once the log has signed a checkpoint over it, it can be proved to anybody."
    )
    receipt = await scene.until(
        "a signed checkpoint covers the last record",
        lambda: log.GetReceipt(GetReceiptRequest(producer=PRODUCER, sequence=acked)),
        lambda receipt: receipt.state == PROOF_STATE_SEALED,
    )
    verified = verify_record(receipt.proof, world.verifier_key, body=world.bodies[-1])
    scene.proves(
        f"verified offline, with the log's public key alone: record {verified.sequence}, leaf {verified.leaf_index}"
        f" of {verified.checkpoint.size}",
        verified.sequence == acked,
    )
