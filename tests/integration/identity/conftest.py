import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import col, select

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.db import Database
from chassis.db.tables import AuditEntry
from chassis.ids import new_id
from chassis.peers import Peers
from chassis.server.builder import build_server
from chassis.server.probe import Probe
from chassis.service import Platform
from chassis.telemetry import Telemetry
from ombud.client import connect
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.credit.v1.blacklist_service_pb2 import BatchCheckBlacklistRequest, BatchCheckBlacklistResponse
from ombud.credit.v1.blacklist_service_pb2_grpc import (
    BlacklistServiceServicer,
    add_BlacklistServiceServicer_to_server,
)
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    ACCOUNT_KIND_PUBLIC,
    HOLDER_KIND_INDIVIDUAL,
    VERIFICATION_METHOD_DOCUMENT_NUMBER,
    VERIFICATION_METHOD_PHONE_CODE,
    VERIFICATION_METHOD_REGISTRATION_NUMBER,
    Account,
    ChangeNicknameRequest,
    GetAccountRequest,
    HolderKind,
    RegisterAccountRequest,
    VerificationMethod,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.accreditation_service_pb2_grpc import AccreditationServiceStub
from ombud.identity.v1.agreement_service_pb2_grpc import AgreementServiceStub
from ombud.identity.v1.verification_service_pb2 import (
    DOCUMENT_TYPE_NATIONAL_IDENTITY,
    REGISTER_TYPE_NATIONAL,
    DocumentEvidence,
    DocumentType,
    GetVerificationRequest,
    PhoneCodeEvidence,
    RegistrationEvidence,
    StartVerificationRequest,
    SubmitEvidenceRequest,
    Verification,
)
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceStub
from services.identity.config import IdentityConfig
from services.identity.wiring import build
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from ombud.identity.v1.account_service_pb2_grpc import AccountServiceAsyncStub
    from ombud.identity.v1.accreditation_service_pb2_grpc import AccreditationServiceAsyncStub
    from ombud.identity.v1.agreement_service_pb2_grpc import AgreementServiceAsyncStub
    from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceAsyncStub

POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"


@dataclass
class Identity:
    """The identity service, served alone, and a platform that calls it."""

    data_dir: Path
    database: Database
    clock: ManualClock
    issuer: DevIssuer
    exporter: InMemorySpanExporter
    telemetry: Telemetry
    port: int
    jobs: Sequence[Callable[[], Awaitable[None]]]
    _channels: dict[tuple[str, str, str], grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, *, workload: str = "", role: str = "", account: str = "") -> grpc.aio.Channel:
        """A channel of that caller's; tokens are fresh, because tests move the clock past the life of one."""
        caller = (workload, role, account)
        if caller not in self._channels:
            token = (lambda: self._token(*caller)) if workload or role else None
            self._channels[caller] = connect(f"127.0.0.1:{self.port}", token=token, timeout=60)
        return self._channels[caller]

    def _token(self, workload: str, role: str, account: str) -> str:
        if role:
            return self.issuer.person("staff-1", frozenset({role}), workload="desk", account_id=account)
        return self.issuer.workload(workload)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def accounts(self, workload: str = "platform") -> "AccountServiceAsyncStub":
        return AccountServiceStub(self.channel(workload=workload))

    def verifications(self) -> "VerificationServiceAsyncStub":
        return VerificationServiceStub(self.channel(workload="platform"))

    def review(self, account: str = "") -> "VerificationServiceAsyncStub":
        return VerificationServiceStub(self.channel(role="identity_reviewer", account=account))

    def agreements(self, role: str = "") -> "AgreementServiceAsyncStub":
        return AgreementServiceStub(self.channel(role=role) if role else self.channel(workload="platform"))

    def accreditations(self, role: str = "", workload: str = "", account: str = "") -> "AccreditationServiceAsyncStub":
        return AccreditationServiceStub(self.channel(role=role, workload=workload, account=account))

    async def register(self, nickname: str = "gnubie", **fields: Any) -> Account:
        request = RegisterAccountRequest(
            request_id=new_id(),
            nickname=nickname,
            kind=fields.pop("kind", ACCOUNT_KIND_PERSONAL),
            holder_kind=fields.pop("holder_kind", HOLDER_KIND_INDIVIDUAL),
            **fields,
        )
        return (await self.accounts().RegisterAccount(request)).account

    async def register_public(self, holder_kind: "HolderKind.ValueType", nickname: str = "daily") -> Account:
        return await self.register(nickname, kind=ACCOUNT_KIND_PUBLIC, holder_kind=holder_kind)

    async def rename(self, account_id: str, nickname: str) -> Account:
        request = ChangeNicknameRequest(request_id=new_id(), account_id=account_id, nickname=nickname)
        return (await self.accounts().ChangeNickname(request)).account

    async def state_of(self, verification_id: str) -> Verification:
        request = GetVerificationRequest(verification_id=verification_id)
        return (await self.verifications().GetVerification(request)).verification

    async def account(self, account_id: str) -> Account:
        return (await self.accounts().GetAccount(GetAccountRequest(account_id=account_id))).account

    async def start(
        self,
        account_id: str,
        method: "VerificationMethod.ValueType" = VERIFICATION_METHOD_DOCUMENT_NUMBER,
        phone_number: str = "",
    ) -> Verification:
        request = StartVerificationRequest(
            request_id=new_id(), account_id=account_id, method=method, phone_number=phone_number
        )
        return (await self.verifications().StartVerification(request)).verification

    async def start_phone(self, account_id: str, phone_number: str = "+442079460958") -> Verification:
        return await self.start(account_id, VERIFICATION_METHOD_PHONE_CODE, phone_number)

    async def submit(self, request: SubmitEvidenceRequest) -> Verification:
        return (await self.verifications().SubmitEvidence(request)).verification

    async def submit_code(self, verification_id: str, code: str) -> Verification:
        return await self.submit(
            SubmitEvidenceRequest(
                request_id=new_id(), verification_id=verification_id, phone_code=PhoneCodeEvidence(code=code)
            )
        )

    async def verify_person(self, account_id: str, number: str = "110101199003074514", **fields: Any) -> Verification:
        verification = await self.start(account_id)
        return await self.submit(document(verification.verification_id, number, **fields))

    async def verify_organisation(
        self, account_id: str, number: str = "732829320", country: str = "FR"
    ) -> Verification:
        verification = await self.start(account_id, VERIFICATION_METHOD_REGISTRATION_NUMBER)
        evidence = RegistrationEvidence(
            type=REGISTER_TYPE_NATIONAL, country=country, number=number, legal_name="Société 北京 Daily"
        )
        return await self.submit(
            SubmitEvidenceRequest(
                request_id=new_id(), verification_id=verification.verification_id, registration=evidence
            )
        )

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The service's jobs run."""
        running = [asyncio.ensure_future(job()) for job in self.jobs]
        try:
            yield
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def sent_codes(self) -> list[dict[str, str]]:
        """What the outbox holds, oldest first."""
        outbox = self.data_dir / "outbox" / "phone.jsonl"
        return [json.loads(line) for line in outbox.read_text().splitlines()] if outbox.exists() else []

    async def audited(self) -> Sequence[AuditRecord]:
        """The audit records, oldest first."""
        entries = await self.database.read(
            lambda session: session.exec(select(AuditEntry).order_by(col(AuditEntry.sequence))).all()
        )
        return [AuditRecord.FromString(entry.record) for entry in entries]


def document(
    verification_id: str,
    number: str = "110101199003074514",
    *,
    country: str = "CN",
    kind: "DocumentType.ValueType" = DOCUMENT_TYPE_NATIONAL_IDENTITY,
    name: str = "Ana Díaz",
    **fields: Any,
) -> SubmitEvidenceRequest:
    evidence = DocumentEvidence(country=country, type=kind, number=number, full_name=name, **fields)
    return SubmitEvidenceRequest(request_id=new_id(), verification_id=verification_id, document=evidence)


class NobodyListed(BlacklistServiceServicer):
    """The credit service of a platform on which nobody was ever sanctioned."""

    async def BatchCheckBlacklist(
        self, _request: BatchCheckBlacklistRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> BatchCheckBlacklistResponse:
        return BatchCheckBlacklistResponse()


@contextlib.asynccontextmanager
async def running_identity(folder: Path, database_url: str = "") -> AsyncIterator[Identity]:
    clock = ManualClock()
    issuer = DevIssuer(folder, clock)
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(exporter, read_ratio=1.0)
    config = IdentityConfig(
        database_url=database_url or f"sqlite:///{folder}/identity.db", data_dir=folder, policy_file=POLICY
    )
    targets: dict[str, str] = {}
    peers = Peers(targets, token=issuer.workload_source("identity"))
    service = build(config, Platform(clock, peers, telemetry))
    credit = replace(service, name="credit", servicers=[(add_BlacklistServiceServicer_to_server, NobodyListed())])  # type: ignore[abstract]  # the rest is not asked
    await service.database.open()
    try:
        for start in service.starting:
            await start()
        authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
        server = build_server(
            [service, credit], authenticator=authenticator, telemetry=telemetry, reflect=False, probe=Probe([])
        )
        port = server.add_insecure_port("127.0.0.1:0")
        targets["credit"] = f"127.0.0.1:{port}"
        await server.start()
        running = Identity(folder, service.database, clock, issuer, exporter, telemetry, port, service.jobs)
        yield running
        await running.close()
        await peers.close()
        await server.stop(0)
    finally:
        await service.database.close()
        telemetry.shutdown()


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    async with running_identity(tmp_path) as running:
        yield running


@pytest.fixture
async def identity_on_each_engine(tmp_path: Path, database_url: str) -> AsyncIterator[Identity]:
    async with running_identity(tmp_path, database_url) as running:
        yield running
