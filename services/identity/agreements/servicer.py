"""AgreementService: messages to rules and back."""

from datetime import UTC
from typing import Any

from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.pages import Pages
from chassis.refusal import Refusal
from ombud.common.v1.types_pb2 import Subject
from ombud.identity.v1 import agreement_service_pb2 as pb
from ombud.identity.v1.agreement_service_pb2_grpc import AgreementServiceServicer
from services.identity.accounts import store as accounts
from services.identity.agreements import domain, store
from services.identity.agreements.domain import Agreement, Signature
from services.identity.wire import timestamp

Context = ServicerContext[Any, Any]

_BEFORE_ALL = ("", 0)


class AgreementServicer(AgreementServiceServicer):
    """Publishes agreements and keeps signatures."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self._pages = pages

    async def PublishAgreement(
        self, request: pb.PublishAgreementRequest, _context: Context
    ) -> pb.PublishAgreementResponse:
        """Publishes the next version."""
        effective = None
        if request.HasField("effective_time"):
            effective = request.effective_time.ToDatetime(UTC)

        def command(unit: Unit) -> pb.PublishAgreementResponse:
            newest = store.newest(unit.session, request.name)
            agreement = domain.publish(
                request.name, request.terms, newest=newest, effective_time=effective, at=unit.now
            )
            store.add(unit.session, agreement)
            unit.audit(
                "identity.agreement.published",
                resource_id=f"{agreement.name}/{agreement.version}",
                facts={"terms_sha256": agreement.terms_sha256},
            )
            return pb.PublishAgreementResponse(agreement=_agreement(agreement))

        return await self._database.write(command)

    async def GetCurrentAgreement(
        self, request: pb.GetCurrentAgreementRequest, _context: Context
    ) -> pb.GetCurrentAgreementResponse:
        """Shows the version in force."""
        now = self._database.clock.now()
        agreement = await self._database.read(lambda session: store.current(session, request.name, at=now))
        if agreement is None:
            raise Refusal.not_found("agreement", request.name)
        return pb.GetCurrentAgreementResponse(agreement=_agreement(agreement))

    async def SignAgreement(self, request: pb.SignAgreementRequest, _context: Context) -> pb.SignAgreementResponse:
        """Signs a version; the first signature stays."""

        def command(unit: Unit) -> pb.SignAgreementResponse:
            account = accounts.get(unit.session, request.account_id)
            signature = store.signature(unit.session, account.account_id, request.name, request.version)
            if signature is None:
                signature = domain.sign(
                    account.account_id,
                    store.get(unit.session, request.name, request.version),
                    current=store.current(unit.session, request.name, at=unit.now),
                    at=unit.now,
                )
                store.add_signature(unit.session, signature)
                unit.audit(
                    "identity.agreement.signed",
                    subject=Subject(account_id=account.account_id),
                    resource_id=f"{signature.agreement_name}/{signature.version}",
                    facts={"terms_sha256": signature.terms_sha256},
                )
            return pb.SignAgreementResponse(signature=_signature(signature))

        return await self._database.write(command)

    async def GetAcceptance(self, request: pb.GetAcceptanceRequest, _context: Context) -> pb.GetAcceptanceResponse:
        """Shows what an account had accepted at an instant."""
        at = self._database.clock.now()
        if request.HasField("time"):
            at = request.time.ToDatetime(UTC)

        def query(session: Session) -> tuple[Signature, Agreement | None]:
            account = accounts.get(session, request.account_id)
            signature = store.accepted(session, account.account_id, request.name, at=at)
            if signature is None:
                raise Refusal.not_found("signature", f"{request.account_id}/{request.name}")
            return signature, store.current(session, request.name, at=at)

        signature, current = await self._database.read(query)
        return pb.GetAcceptanceResponse(
            signature=_signature(signature), version_in_force=current.version if current else 0
        )

    async def ListSignatures(self, request: pb.ListSignaturesRequest, _context: Context) -> pb.ListSignaturesResponse:
        """Shows a page of an account's signatures."""
        page = self._pages.open(request)
        after = (page.after[0], int(page.after[1])) if page.after else _BEFORE_ALL

        def query(session: Session) -> list[Signature]:
            account = accounts.get(session, request.account_id)
            return store.signatures(session, account.account_id, after=after, limit=page.size + 1)

        found = await self._database.read(query)
        shown = found[: page.size]
        token = ""
        if len(found) > page.size:
            token = self._pages.token(page, shown[-1].agreement_name, str(shown[-1].version))
        return pb.ListSignaturesResponse(
            signatures=[_signature(signature) for signature in shown], next_page_token=token
        )


def _agreement(agreement: Agreement) -> pb.Agreement:
    return pb.Agreement(
        name=agreement.name,
        version=agreement.version,
        terms=agreement.terms,
        terms_sha256=agreement.terms_sha256,
        effective_time=timestamp(agreement.effective_time),
        publish_time=timestamp(agreement.publish_time),
    )


def _signature(signature: Signature) -> pb.Signature:
    return pb.Signature(
        account_id=signature.account_id,
        agreement_name=signature.agreement_name,
        version=signature.version,
        terms_sha256=signature.terms_sha256,
        sign_time=timestamp(signature.sign_time),
    )
