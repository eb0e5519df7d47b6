"""The real server around stand-in servicers: for what the chassis does around every RPC, whatever the RPC does.

The contracts are borrowed from identity and retention, because access, validation and idempotency read their options.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import col, select

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.db import Database, Unit
from chassis.db.tables import AuditEntry
from chassis.feed import Feed
from chassis.server.builder import build_server
from chassis.server.probe import Probe
from chassis.service import Service
from chassis.telemetry import Telemetry
from ombud.client import OmbudError
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.common.v1.types_pb2 import FeedCheckpoint
from ombud.identity.v1.account_service_pb2 import (
    Account,
    AccountChange,
    GetAccountRequest,
    GetAccountResponse,
    RegisterAccountRequest,
    RegisterAccountResponse,
    WatchAccountsRequest,
    WatchAccountsResponse,
)
from ombud.identity.v1.account_service_pb2_grpc import (
    AccountServiceServicer,
    add_AccountServiceServicer_to_server,
)
from ombud.identity.v1.accreditation_service_pb2 import CheckMarkRequest, CheckMarkResponse
from ombud.identity.v1.accreditation_service_pb2_grpc import (
    AccreditationServiceServicer,
    add_AccreditationServiceServicer_to_server,
)
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from tests.support.clock import ManualClock
from tests.support.counter.models import Counter

REGISTER = "/ombud.identity.v1.AccountService/RegisterAccount"
GET = "/ombud.identity.v1.AccountService/GetAccount"
WATCH = "/ombud.identity.v1.AccountService/WatchAccounts"
CHECK_MARK = "/ombud.identity.v1.AccreditationService/CheckMark"
GRANT = "/ombud.identity.v1.AccreditationService/GrantAccreditation"
APPEND = "/ombud.retention.v1.IngestService/Append"

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"

Context = grpc.aio.ServicerContext[Any, Any]


async def _nothing() -> None:
    """Does nothing before the stand-in goes on."""


@dataclass
class Part:
    """What the stand-ins do next: `before` runs inside every RPC, before its ordinary answer."""

    before: Callable[[], Awaitable[Any]] = _nothing
    context: Context | None = None
    served: list[str] = field(default_factory=list)

    async def play(self, method: str, context: Context) -> Any:
        self.served.append(method)
        self.context = context
        return await self.before()


class Accounts(AccountServiceServicer):
    def __init__(self, database: Database, part: Part) -> None:
        self._database = database
        self._part = part

    async def RegisterAccount(self, request: RegisterAccountRequest, context: Context) -> RegisterAccountResponse:
        await self._part.play("RegisterAccount", context)

        def command(unit: Unit) -> RegisterAccountResponse:
            counter = unit.session.get(Counter, "accounts") or Counter(name="accounts")
            counter.total += 1
            unit.session.add(counter)
            account = Account(account_id=request.request_id, nickname=request.nickname)
            unit.audit("counter.account.registered", resource_id=account.account_id)
            unit.change(account.account_id, account)
            return RegisterAccountResponse(account=account)

        return await self._database.write(command)

    async def GetAccount(self, request: GetAccountRequest, context: Context) -> GetAccountResponse:
        played = await self._part.play("GetAccount", context)
        return GetAccountResponse(account=Account(account_id=request.account_id)) if played is None else played

    async def WatchAccounts(
        self, request: WatchAccountsRequest, context: Context
    ) -> AsyncIterator[WatchAccountsResponse]:
        await self._part.play("WatchAccounts", context)
        async for item in Feed(self._database).watch(request.from_revision, request.epoch):
            if isinstance(item, FeedCheckpoint):
                yield WatchAccountsResponse(checkpoint=item)
            else:
                account = Account.FromString(item.payload)
                yield WatchAccountsResponse(
                    change=AccountChange(revision=item.revision, traceparent=item.traceparent, account=account)
                )


class Marks(AccreditationServiceServicer):
    def __init__(self, part: Part) -> None:
        self._part = part

    async def CheckMark(self, _request: CheckMarkRequest, context: Context) -> CheckMarkResponse:
        await self._part.play("CheckMark", context)
        return CheckMarkResponse()


class Ingest(IngestServiceServicer):
    def __init__(self, part: Part) -> None:
        self._part = part

    async def Append(
        self, requests: AsyncIterator[AppendRequest | None], context: Context
    ) -> AsyncIterator[AppendResponse]:
        """Answers each frame with its number; one that does not parse with minus one."""
        number = 0
        async for request in requests:
            await self._part.play("Append", context)
            yield AppendResponse(frame_number=-1 if request is None else number)
            number += 1


@dataclass
class Stage:
    """A server that serves, what the stand-ins do, and what the chassis recorded."""

    target: str
    part: Part
    database: Database
    clock: ManualClock
    issuer: DevIssuer
    telemetry: Telemetry
    exporter: InMemorySpanExporter
    wire: Any  # a channel, as its methods take bytes
    probe: Probe  # which does not run by itself

    def authorized(self, workload: str) -> tuple[str, str]:
        """The header that proves a workload."""
        return ("authorization", f"Bearer {self.issuer.workload(workload)}")

    async def call(self, path: str, request: Message | bytes, *headers: tuple[str, str], **options: Any) -> bytes:
        """A unary call with these headers and nothing else; a failure raises what its details say."""
        raw = request if isinstance(request, bytes) else request.SerializeToString()
        try:
            reply: bytes = await self.wire.unary_unary(path)(raw, metadata=headers, **options)
        except grpc.aio.AioRpcError as error:
            raise OmbudError.read(error) from None
        return reply

    def spans(self) -> list[ReadableSpan]:
        """What was recorded, oldest first."""
        self.telemetry.flush()
        return list(self.exporter.get_finished_spans())

    async def audited(self) -> list[AuditRecord]:
        """The audit records, oldest first."""
        entries = await self.database.read(
            lambda session: session.exec(select(AuditEntry).order_by(col(AuditEntry.sequence))).all()
        )
        return [AuditRecord.FromString(entry.record) for entry in entries]


@contextlib.asynccontextmanager
async def staged(
    folder: Path, *, read_ratio: float = 1.0, connection_seconds: float | None = None
) -> AsyncIterator[Stage]:
    """The server on a port of its own over a fresh SQLite database."""
    clock = ManualClock()
    database = Database(
        f"sqlite:///{folder}/stage.db", service="counter", clock=clock, migrations="tests.support.counter"
    )
    part = Part()
    issuer = DevIssuer(folder, clock)
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(exporter, read_ratio=read_ratio)
    service = Service(
        "counter",
        database,
        servicers=[
            (add_AccountServiceServicer_to_server, Accounts(database, part)),  # type: ignore[abstract]  # the rest is not played
            (add_AccreditationServiceServicer_to_server, Marks(part)),  # type: ignore[abstract]  # the rest is not played
            (add_IngestServiceServicer_to_server, Ingest(part)),  # type: ignore[abstract]  # the rest is not played
        ],
    )
    authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
    await database.open()
    probe = Probe([database])
    server = build_server(
        [service],
        authenticator=authenticator,
        telemetry=telemetry,
        reflect=False,
        probe=probe,
        connection_seconds=connection_seconds,
    )
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    async with grpc.aio.insecure_channel(target) as wire:
        yield Stage(target, part, database, clock, issuer, telemetry, exporter, wire, probe)
    await server.stop(0)
    await database.close()
    telemetry.shutdown()
