"""The groups service on a port of its own. What identity and credit would tell it, the tests tell it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import Session, col, select

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.db import Database, Unit
from chassis.db.tables import AuditEntry, FeedPosition
from chassis.ids import new_id
from chassis.peers import Peers
from chassis.server.builder import build_server
from chassis.server.probe import Probe
from chassis.service import Platform
from chassis.telemetry import Telemetry
from ombud.client import connect
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1.standing_service_pb2 import DefaultEntitlements, StandingChange, SubjectEntitlements
from ombud.groups.v1 import decision_service_pb2 as decision_contract
from ombud.groups.v1 import group_service_pb2 as group_contract
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.groups.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from ombud.groups.v1.tipoff_service_pb2_grpc import TipOffServiceStub
from ombud.identity.v1.account_service_pb2 import Account, AccountChange
from services.groups.config import GroupsConfig
from services.groups.projections import following
from services.groups.wiring import build
from tests.support.clock import ManualClock
from tests.unit.groups import changes

_FOREVER = timedelta(days=3650)
POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"


@dataclass
class Stand:
    """A running groups service and everybody who calls it.

    `groups`, `decisions` and `stewardship` are called as the platform, `tip_offs` as nobody; `moderation` and
    `handling` are the stubs of a moderator.
    """

    database: Database
    clock: ManualClock
    port: int
    issuer: DevIssuer
    database_file: Path
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def channel(
        self, *, workload: str = "", role: str = "", staff: str = "mod-1", account: str = ""
    ) -> grpc.aio.Channel:
        token = None
        if role:
            token = self.issuer.person(
                staff, frozenset({role}), workload=workload or "desk", account_id=account, valid=_FOREVER
            )
        elif workload:
            token = self.issuer.workload(workload, valid=_FOREVER)
        channel = connect(f"127.0.0.1:{self.port}", token=token)
        self._channels.append(channel)
        return channel

    def __post_init__(self) -> None:
        platform, moderator, nobody = self.channel(workload="platform"), self.channel(role="moderator"), self.channel()
        self.groups = GroupServiceStub(platform)
        self.decisions = DecisionServiceStub(platform)
        self.stewardship = StewardshipServiceStub(platform)
        self.moderation = StewardshipServiceStub(moderator)
        self.handling = TipOffServiceStub(moderator)
        self.tip_offs = TipOffServiceStub(nobody)

    def desk(self, role: str, *, staff: str = "mod-1", account: str = "") -> Any:
        """The tip-offs as a member of staff handles them, who may have an account."""
        return TipOffServiceStub(self.channel(role=role, staff=staff, account=account))

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def tell_account(self, message: Account) -> None:
        change = AccountChange(account=message)
        await self.database.work("test", lambda unit: following.apply_account(unit, change))

    async def tell_standing(self, message: SubjectEntitlements | DefaultEntitlements) -> None:
        if isinstance(message, SubjectEntitlements):
            change = StandingChange(subject=message)
        else:
            change = StandingChange(defaults=message)
        await self.database.work("test", lambda unit: following.apply_standing(unit, change))

    async def verified(self, *, until: datetime | None = None) -> str:
        """A new account with somebody behind it."""
        account_id = new_id()
        end = until or self.clock.now() + timedelta(days=365)
        await self.tell_account(changes.account(account_id, verified_until=end))
        return account_id

    async def sanction(self, measure: str, *, account: str = "", group: str = "", **term: Any) -> str:
        """A measure in force from now on against an account or a group; gives the sanction's id."""
        sanction_id = new_id()
        now = self.clock.now()
        subject = Subject(account_id=account) if account else Subject(group_id=group)
        restriction = changes.restriction(measure, now, sanction_id=sanction_id, **term)
        await self.tell_standing(changes.standing(subject, now, restriction))
        return sanction_id

    async def group(self, founder: str = "", **fields: Any) -> group_contract.Group:
        """A new group."""
        request = group_contract.CreateGroupRequest(
            request_id=new_id(), founder_account_id=founder or await self.verified(), name="Gardeners", **fields
        )
        return (await self.groups.CreateGroup(request)).group

    async def join(self, group_id: str, account_id: str = "") -> str:
        """Lets an account join; gives the account's id."""
        account_id = account_id or await self.verified()
        request = group_contract.JoinGroupRequest(request_id=new_id(), group_id=group_id, account_id=account_id)
        await self.groups.JoinGroup(request)
        return account_id

    async def check(self, account_id: str, group_id: str, action: str, token: str = "") -> decision_contract.Decision:
        """The answer to one question."""
        request = decision_contract.CheckRequest(
            account_id=account_id,
            group_id=group_id,
            action=decision_contract.Action.Value(f"ACTION_{action}"),
            consistency_token=token,
        )
        return (await self.decisions.Check(request)).decision

    async def audited(self) -> list[AuditRecord]:
        """All audit records, in order."""

        def query(session: Session) -> list[AuditRecord]:
            rows = session.exec(select(AuditEntry).order_by(col(AuditEntry.sequence)))
            return [AuditRecord.FromString(row.record) for row in rows]

        return await self.database.read(query)


def _told_all(unit: Unit) -> None:
    unit.session.merge(FeedPosition(feed=following.STANDINGS, epoch="credit's", revision=0))


@contextlib.asynccontextmanager
async def standing(folder: Path, config: str | GroupsConfig) -> AsyncIterator[Stand]:
    """The groups service with its settings, or over a database, with credit's default entitlements told."""
    if isinstance(config, str):
        config = GroupsConfig(database_url=config, data_dir=folder, policy_file=POLICY)
    clock = ManualClock()
    telemetry = Telemetry(InMemorySpanExporter(), read_ratio=0)
    issuer = DevIssuer(folder, clock)
    platform = Platform(clock, Peers({}), telemetry)
    service = build(config, platform)
    authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
    await service.database.open()
    for start in service.starting:
        await start()
    server = build_server([service], authenticator=authenticator, telemetry=telemetry, reflect=False, probe=Probe([]))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # Its memory alone: nobody is there to be followed.
    remembering = asyncio.ensure_future(service.tasks[0]())
    stand = Stand(service.database, clock, port, issuer, folder / "test.db")
    try:
        await service.database.work("test", _told_all)
        await stand.tell_standing(changes.default())
        yield stand
    finally:
        remembering.cancel()
        await asyncio.wait([remembering])
        await stand.close()
        await server.stop(0)
        await service.database.close()
        telemetry.shutdown()
