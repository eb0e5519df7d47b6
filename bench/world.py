"""A small platform inside the running suite, made through its API, and what it should answer about it.

The expected answers are worked out here from what was done, by a few lines that share nothing with the suite's rules.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from stdnum.pl import pesel

from bench.load import IN_FLIGHT
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from ombud.client import connect, request_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from ombud.credit.v1.types_pb2 import CAPACITY_ACCOUNT, MEASURE_KIND_PUBLISHING_SUSPENDED, Evidence
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import verification_service_pb2 as verifications
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceStub

_VERIFIED, _UNVERIFIED, _GROUPS, _JOINS, _SANCTIONED = 280, 20, 30, 6, 6
_SEED = 20261121
_KNOWN_WITHIN, _LOOK_EVERY = 20.0, 0.05

T = TypeVar("T")


class WrongAnswerError(Exception):
    """The suite answered otherwise than it must: no figure of that run counts."""


@dataclass
class World:
    """Who is there, and in which group.

    Attributes:
        token: Bearer token of the platform, for channels that are opened bare.
        verified: Ids of the verified accounts.
        unverified: Ids of the others.
        owners: Owner's account id by group id.
        members: Account ids by group id, the owner's included.
        sanctioned: Sanction id by the id of the account that may not post.
    """

    token: str
    verified: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    sanctioned: dict[str, str] = field(default_factory=dict)

    def expected(self, action: decisions.Action.ValueType, account: str, group: str) -> tuple[str, str]:
        """The reason that `Check` must give, without its prefix, and the sanction among its facts if one decides."""
        member, join = account in self.members[group], action == decisions.ACTION_JOIN
        sanction = self.sanctioned.get(account, "") if action == decisions.ACTION_POST else ""
        findings = (
            (action == decisions.ACTION_READ, "READING_IS_FREE" if member else "NOT_A_MEMBER"),
            (bool(sanction), "PUBLISHING_SUSPENDED"),
            (account in self.unverified, "NOT_VERIFIED"),
            (join, "ALREADY_A_MEMBER" if member else "VERIFIED"),
            (not member, "NOT_A_MEMBER"),
            (action == decisions.ACTION_MANAGE and self.owners[group] != account, "ROLE_NOT_HELD"),
            (True, "VERIFIED"),
        )
        return next(reason for holds, reason in findings if holds), sanction

    def questions(self, count: int) -> list[tuple[str, str]]:
        """Accounts and groups drawn evenly, the same in every run; one account in five is in its group."""
        drawn = random.Random(_SEED)  # noqa: S311 - the choice of test data
        everyone, everywhere = [*self.verified, *self.unverified], list(self.owners)
        return [(drawn.choice(everyone), drawn.choice(everywhere)) for _ in range(count)]


def answered(decision: decisions.Decision) -> tuple[str, str]:
    """A decision in the form of `World.expected`."""
    reason = decisions.DecisionReason.Name(decision.reason).removeprefix("DECISION_REASON_")
    return reason, decision.fact.id if decision.fact.kind == decisions.FACT_KIND_SANCTION else ""


async def settle(target: str, data_dir: Path) -> World:
    """Registers, verifies, founds, joins and sanctions, and waits until decisions know of it all.

    Args:
        target: Where the suite listens.
        data_dir: Its data folder, for tokens of its development issuer.

    Raises:
        TimeoutError: Decisions did not come to know of it in time.
    """
    world = World(DevIssuer(data_dir, SystemClock()).workload("platform"))
    async with connect(target, token=world.token) as platform:
        await _register(platform, world)
        await _found_and_join(platform, world)
        await sanction(target, data_dir, world, world.verified[-_SANCTIONED:])
        await _until_known(platform, world)
    return world


async def sanction(target: str, data_dir: Path, world: World, account_ids: Iterable[str]) -> None:
    """Keeps accounts from posting for a week; `target` and `data_dir` as for `settle`."""
    issuer = DevIssuer(data_dir, SystemClock())
    moderator, approver = (issuer.person(f"bench-{role}", frozenset({role})) for role in ("moderator", "approver"))
    async with connect(target, token=moderator) as proposing, connect(target, token=approver) as approving:
        await _sanction(proposing, approving, world, account_ids)


async def _register(channel: grpc.aio.Channel, world: World) -> None:
    stub = AccountServiceStub(channel)

    async def register(number: int) -> str:
        reply = await stub.RegisterAccount(
            accounts.RegisterAccountRequest(
                request_id=request_id(),
                kind=accounts.ACCOUNT_KIND_PERSONAL,
                holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
                nickname=f"member {number}",
            )
        )
        return str(reply.account.account_id)

    ids = await _all(register, range(_VERIFIED + _UNVERIFIED))
    world.verified, world.unverified = ids[:_VERIFIED], ids[_VERIFIED:]
    await _all(lambda pair: _verify(channel, *pair), list(enumerate(world.verified)))


async def _verify(channel: grpc.aio.Channel, number: int, account_id: str) -> None:
    stub = VerificationServiceStub(channel)
    started = await stub.StartVerification(
        verifications.StartVerificationRequest(
            request_id=request_id(),
            account_id=account_id,
            method=accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER,
        )
    )
    await stub.SubmitEvidence(
        verifications.SubmitEvidenceRequest(
            request_id=request_id(),
            verification_id=started.verification.verification_id,
            document=verifications.DocumentEvidence(
                country="PL",
                type=verifications.DOCUMENT_TYPE_NATIONAL_IDENTITY,
                number=_made_up_number(number),
                full_name="Made Up",
            ),
        )
    )


def _made_up_number(number: int) -> str:
    """A number of the form of a Polish identity number, a different one for each `number`."""
    born = f"90{1 + number // 28 % 12:02}{1 + number % 28:02}"
    digits = f"{born}{number:04}"
    return digits + str(pesel.calc_check_digit(digits))


async def _found_and_join(channel: grpc.aio.Channel, world: World) -> None:
    stub, check = GroupServiceStub(channel), DecisionServiceStub(channel)

    async def may_found() -> bool:
        reply = await check.BatchCheck(
            decisions.BatchCheckRequest(action=decisions.ACTION_CREATE_GROUP, account_ids=world.verified)
        )
        return all(decision.allowed for decision in reply.decisions)

    async def found(owner: str) -> None:
        reply = await stub.CreateGroup(
            groups.CreateGroupRequest(request_id=request_id(), founder_account_id=owner, name="Bench")
        )
        world.owners[reply.group.group_id] = owner
        world.members[reply.group.group_id] = {owner}

    async def join(pair: tuple[str, str]) -> None:
        group, account = pair
        await stub.JoinGroup(groups.JoinGroupRequest(request_id=request_id(), group_id=group, account_id=account))
        world.members[group].add(account)

    await _until(may_found)
    await _all(found, world.verified[:_GROUPS])
    drawn, everywhere = random.Random(_SEED), list(world.owners)  # noqa: S311 - the choice of test data
    pairs = [
        (group, account)
        for account in world.verified
        for group in drawn.sample(everywhere, _JOINS)
        if account not in world.members[group]
    ]
    await _all(join, pairs)


async def _sanction(
    moderator: grpc.aio.Channel, approver: grpc.aio.Channel, world: World, account_ids: Iterable[str]
) -> None:
    now = SystemClock().now()

    async def impose(account_id: str) -> None:
        proposed = await SanctionServiceStub(moderator).ProposeSanction(
            sanctions.ProposeSanctionRequest(
                request_id=request_id(),
                subject=Subject(account_id=account_id),
                capacity=CAPACITY_ACCOUNT,
                reasons=sanctions.Reasons(
                    rule_id="spam",
                    facts="The same message went to many people who had not asked for it.",
                    explanation="That is what the rule names.",
                    act_time=_timestamp(now - timedelta(hours=1)),
                    evidence=[
                        Evidence(sha256=hashlib.sha256(account_id.encode()).hexdigest(), observe_time=_timestamp(now))
                    ],
                    proportionality_note="A warning had no effect.",
                    how_to_restore="It ends by itself.",
                ),
                measures=[
                    sanctions.Measure(
                        kind=MEASURE_KIND_PUBLISHING_SUSPENDED, end_time=_timestamp(now + timedelta(days=7))
                    )
                ],
                points=1,
            )
        )
        sanction_id = proposed.sanction.sanction_id
        await SanctionServiceStub(approver).ApproveSanction(
            sanctions.ApproveSanctionRequest(request_id=request_id(), sanction_id=sanction_id)
        )
        world.sanctioned[account_id] = sanction_id

    await _all(impose, account_ids)


def _timestamp(at: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(at)
    return timestamp


async def _until_known(channel: grpc.aio.Channel, world: World) -> None:
    """Waits until decisions know of every sanction: the last thing that was done, and the one with the longest way."""
    stub, anywhere = DecisionServiceStub(channel), next(iter(world.owners))

    async def known() -> bool:
        reply = await stub.BatchCheck(
            decisions.BatchCheckRequest(
                action=decisions.ACTION_POST, account_ids=list(world.sanctioned), group_ids=[anywhere]
            )
        )
        return all(answered(decision)[0] == "PUBLISHING_SUSPENDED" for decision in reply.decisions)

    await _until(known)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + _KNOWN_WITHIN
    while not await holds():
        if time.monotonic() > end:
            raise TimeoutError("decisions have not come to know of what was done")
        await asyncio.sleep(_LOOK_EVERY)


async def _all(act: Callable[[Any], Awaitable[T]], items: Iterable[Any]) -> list[T]:
    """Does `act` for every item, some at a time; results in the order of the items."""
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(item: object) -> T:
        async with free:
            return await act(item)

    return await asyncio.gather(*(one(item) for item in items))
