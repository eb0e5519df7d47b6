"""VerificationService: messages to rules and back. Personal values are `Redacted` from here on."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from google.type.date_pb2 import Date  # type: ignore[import-untyped]  # generated code without stubs for mypy
from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.call import current_call, serve
from chassis.db import Database, Unit
from chassis.enums import number, value_of
from chassis.pages import Pages
from chassis.redacted import Redacted
from chassis.refusal import Refusal
from ombud.identity.v1 import account_service_pb2 as account_pb
from ombud.identity.v1 import verification_service_pb2 as pb
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceServicer
from services.identity.accounts.domain import Method
from services.identity.credit_peer import CreditPeer
from services.identity.vault.domain import CellField
from services.identity.vault.keys import KeyService, Purpose
from services.identity.vault.store import Vault
from services.identity.verifications import domain, store
from services.identity.verifications.commands import PhoneCode, VerificationCommands
from services.identity.verifications.domain import Decision, Evidence, Verification, VerificationReason
from services.identity.verifications.names import canonical_name, mixes_scripts
from services.identity.verifications.numbers import DocumentType, RegisterType, document_number, register_number
from services.identity.verifications.phones import canonical_phone, new_code
from services.identity.verifications.sender import CodeSender
from services.identity.wire import timestamp

Context = ServicerContext[Any, Any]


class VerificationServicer(VerificationServiceServicer):
    """Takes evidence, and lets reviewers decide on what is in doubt."""

    def __init__(
        self,
        database: Database,
        commands: VerificationCommands,
        *,
        keys: KeyService,
        vault: Vault,
        sender: CodeSender,
        pages: Pages,
        credit: CreditPeer,
    ) -> None:
        self._database = database
        self._commands = commands
        self._keys = keys
        self._vault = vault
        self._sender = sender
        self._pages = pages
        self._credit = credit

    async def StartVerification(
        self, request: pb.StartVerificationRequest, _context: Context
    ) -> pb.StartVerificationResponse:
        """Starts a verification, and sends the code of a new one by telephone."""
        method = value_of(account_pb.VerificationMethod, Method, request.method)
        sent = None
        if method is Method.PHONE_CODE:
            sent = PhoneCode(canonical_phone(Redacted(request.phone_number)), new_code())
        started = False

        def command(unit: Unit) -> pb.StartVerificationResponse:
            nonlocal started
            verification = self._commands.start(unit, request.account_id, method, sent)
            started = True
            return pb.StartVerificationResponse(verification=_message(verification, at=unit.now))

        self._key_request_digest()
        response = await self._database.write(command)
        if sent and started:
            await self._sender.send(sent.phone, sent.code)
        return response

    async def SubmitEvidence(self, request: pb.SubmitEvidenceRequest, _context: Context) -> pb.SubmitEvidenceResponse:
        """Verifies, refers to a reviewer, or refuses."""
        today = self._database.clock.now().date()
        submitted = request.WhichOneof("evidence")
        verification_id = request.verification_id
        evidence: Evidence | None = None
        if submitted == "document":
            evidence = _document(request.document, today)
        elif submitted == "registration":
            evidence = _registration(request.registration, today)
        method = Method.DOCUMENT_NUMBER if submitted == "document" else Method.REGISTRATION_NUMBER
        barred = False

        def command(unit: Unit) -> pb.SubmitEvidenceResponse:
            if evidence is None:
                verification = self._commands.try_code(unit, verification_id, Redacted(request.phone_code.code))
            else:
                verification = self._commands.submit(unit, verification_id, method, evidence, barred=barred)
            return pb.SubmitEvidenceResponse(verification=_message(verification, at=unit.now))

        self._key_request_digest()
        if evidence is not None and await self._database.recall() is None:
            barred = await self._barred(verification_id, evidence)
        response = await self._database.write(command)
        # Failures are refused only now: tries and rejections count although the call is refused, once a request_id.
        _refuse_failed(response.verification)
        return response

    async def GetVerification(
        self, request: pb.GetVerificationRequest, _context: Context
    ) -> pb.GetVerificationResponse:
        """Shows a verification."""
        stored = await self._database.read(lambda session: store.get(session, request.verification_id))
        return pb.GetVerificationResponse(verification=_message(stored.verification, at=self._database.clock.now()))

    async def ListReviewCases(
        self, request: pb.ListReviewCasesRequest, _context: Context
    ) -> pb.ListReviewCasesResponse:
        """Shows a page of the verifications that wait for a reviewer."""
        page = self._pages.open(request)
        after = page.after[0] if page.after else ""
        now = self._database.clock.now()

        def query(session: Session) -> tuple[list[pb.ReviewCase], bool]:
            found = store.in_review(session, after=after, limit=page.size + 1)
            shown = [self._review_case(session, verification, now) for verification in found[: page.size]]
            return shown, len(found) > page.size

        cases, more = await self._database.read(query)
        token = self._pages.token(page, cases[-1].verification.verification_id) if more else ""
        return pb.ListReviewCasesResponse(cases=cases, next_page_token=token)

    async def DecideVerification(
        self, request: pb.DecideVerificationRequest, _context: Context
    ) -> pb.DecideVerificationResponse:
        """Applies a reviewer's decision."""
        reviewer = current_call().person
        reason = value_of(pb.VerificationReason, VerificationReason, request.reason) if request.reason else None

        def command(unit: Unit) -> pb.DecideVerificationResponse:
            verification = self._commands.decide(
                unit,
                request.verification_id,
                value_of(pb.ReviewDecision, Decision, request.decision),
                reason=reason,
                attended=request.attended,
                reviewer_account_id=reviewer.account_id,
            )
            return pb.DecideVerificationResponse(verification=_message(verification, at=unit.now))

        response = await self._database.write(command)
        if request.decision == pb.REVIEW_DECISION_APPROVE:
            _refuse_failed(response.verification)
        return response

    async def _barred(self, verification_id: str, evidence: Evidence) -> bool:
        """Whether another account of the holder is blacklisted so that this one can not be verified.

        Raises:
            Refusal: PEER_UNAVAILABLE or NOT_FOUND.
        """
        at = self._database.clock.now()
        others = await self._database.read(
            lambda session: self._commands.other_accounts(session, verification_id, evidence.number, at)
        )
        return bool(others) and await self._credit.bars(others)

    def _key_request_digest(self) -> None:
        """Keys the digest that tells a replay.

        All of these requests but the personal value is in the database, too: a plain digest would let whoever copies
        that try out all numbers.
        """
        call = current_call()
        serve(replace(call, request_digest=self._keys.mac(Purpose.REQUEST_DIGEST, call.request_digest)))

    def _review_case(self, session: Session, verification: Verification, now: datetime) -> pb.ReviewCase:
        cells = self._vault.open(session, verification.verification_id)
        kind = cells[CellField.KIND].reveal()
        document = verification.method is Method.DOCUMENT_NUMBER
        return pb.ReviewCase(
            verification=_message(verification, at=now),
            doubts=[number(pb.Doubt, doubt) for doubt in verification.doubts],
            country=cells[CellField.COUNTRY].reveal(),
            document_type=number(pb.DocumentType, DocumentType(kind) if document else None),
            register_type=number(pb.RegisterType, None if document else RegisterType(kind)),
            submit_time=timestamp(verification.submit_time),
        )


def _document(message: pb.DocumentEvidence, today: date) -> Evidence:
    kind = value_of(pb.DocumentType, DocumentType, message.type)
    name = canonical_name(Redacted(message.full_name), field="document.full_name")
    return Evidence(
        kind=kind,
        number=document_number(message.country, kind, Redacted(message.number), today=today),
        name=name,
        expiry=_date(message.expiry_date) if message.HasField("expiry_date") else None,
        mixed_scripts=mixes_scripts(name),
    )


def _registration(message: pb.RegistrationEvidence, today: date) -> Evidence:
    kind = value_of(pb.RegisterType, RegisterType, message.type)
    return Evidence(
        kind=kind,
        number=register_number(kind, message.country, Redacted(message.number), today=today),
        name=canonical_name(Redacted(message.legal_name), field="registration.legal_name"),
        expiry=None,
        # Registered names mix scripts rightly.
        mixed_scripts=False,
    )


def _date(message: Date) -> date:
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise Refusal.field(
            "document.expiry_date", "not a day of the calendar", satisfy="year, month and day of an existing day"
        ) from None


def _refuse_failed(verification: pb.Verification) -> None:
    if verification.reason == pb.VERIFICATION_REASON_EVIDENCE_REFUSED:
        raise domain.refused_evidence()
    if verification.reason == pb.VERIFICATION_REASON_TRIES_USED:
        raise domain.spent_code("TRIES_USED")
    if verification.state == pb.VERIFICATION_STATE_AWAITING_USER:
        raise domain.wrong_code(verification.tries_left)


def _message(verification: Verification, *, at: datetime) -> pb.Verification:
    return pb.Verification(
        verification_id=verification.verification_id,
        account_id=verification.account_id,
        method=number(account_pb.VerificationMethod, verification.method),
        state=number(pb.VerificationState, verification.state_at(at)),
        reason=number(pb.VerificationReason, verification.reason),
        level=number(account_pb.Level, verification.level),
        tries_left=verification.tries_left,
        create_time=timestamp(verification.create_time),
        expire_time=timestamp(verification.expire_time),
        decide_time=timestamp(verification.decide_time),
    )
