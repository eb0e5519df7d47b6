"""Asks a running suite for the evidence of obligations."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc.aio

from ombud.client import OmbudError
from ombud.credit.v1.policy_service_pb2 import EvidenceKind, GetEvidenceRequest, GetEvidenceResponse, GetPolicyRequest
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from ombud.identity.v1.account_service_pb2 import LEVEL_L0, ListAccountsRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.agreement_service_pb2 import GetCurrentAgreementRequest
from ombud.identity.v1.agreement_service_pb2_grpc import AgreementServiceStub
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.hold_service_pb2 import ListHoldsRequest
from ombud.retention.v1.hold_service_pb2_grpc import HoldServiceStub
from ombud.retention.v1.lifecycle_service_pb2 import (
    ListCertificatesRequest,
    ListRetentionClassesRequest,
    PurgeEvent,
    RegisteredPurgeEvent,
    RetentionClassName,
    RetentionTerms,
)
from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from ombud.retention.v1.log_service_pb2 import GetCheckpointRequest
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.verify import VerificationError, VerifierKey, verify_checkpoint, verify_event
from ombudctl.trace import acts_of
from policies.pack import Evidence, Pack

_SECONDS = 60


@dataclass(frozen=True)
class Shown:
    """What the suite shows: cases, those of them that are as they have to be, and their median time if there is one."""

    found: int
    kept: int
    median: timedelta | None = None

    @property
    def state(self) -> str:
        """`met`, `not met`, or `missing` if there is no case."""
        if not self.found:
            return "missing"
        return "met" if self.kept == self.found else "not met"


class Inquiry:
    """Asks for evidence, each kind in its place.

    Args:
        channel: Channel of a person with the role auditor.
        pack: The pack whose obligations are to be shown.
        key: The log's verifier key, from elsewhere than the channel.
        agreement: Name of the agreement that accounts sign.
        now: The present instant.
    """

    def __init__(
        self, channel: grpc.aio.Channel, pack: Pack, key: VerifierKey, *, agreement: str, now: datetime
    ) -> None:
        self._channel = channel
        self._pack = pack
        self._key = key
        self._agreement = agreement
        self._now = now
        self._elsewhere: dict[Evidence, Callable[[], Awaitable[Shown]]] = {
            Evidence.PACK_IN_FORCE: self._pack_in_force,
            Evidence.AGREEMENT: self._agreement_in_force,
            Evidence.VERIFIED_ACCOUNTS: self._verified_accounts,
            Evidence.RETENTION_TERMS: self._retention_terms,
            Evidence.SIGNED_LOG: self._signed_log,
            Evidence.HOLDS: self._holds,
            Evidence.CERTIFICATES: self._certificates,
        }

    async def collect(self, wanted: Collection[Evidence]) -> dict[Evidence, Shown]:
        """What the suite shows of the kinds wanted.

        Raises:
            OmbudError: The suite refused, or does not answer.
        """
        found = {kind: await self._elsewhere[kind]() for kind in wanted if kind in self._elsewhere}
        if len(found) < len(wanted):
            counted = await PolicyServiceStub(self._channel).GetEvidence(GetEvidenceRequest(), timeout=_SECONDS)
            found |= _counts(counted)
            if Evidence.AUDIT_PROOFS in wanted:
                found[Evidence.AUDIT_PROOFS] = await self._audit_proofs(counted)
        return {kind: found[kind] for kind in wanted}

    async def _pack_in_force(self) -> Shown:
        answer = await PolicyServiceStub(self._channel).GetPolicy(GetPolicyRequest())
        return Shown(1, int(answer.policy.version.content_hash == self._pack.content_hash))

    async def _agreement_in_force(self) -> Shown:
        request = GetCurrentAgreementRequest(name=self._agreement)
        try:
            await AgreementServiceStub(self._channel).GetCurrentAgreement(request)
        except OmbudError as error:
            if error.reason == "NOT_FOUND":
                return Shown(0, 0)
            raise
        return Shown(1, 1)

    async def _verified_accounts(self) -> Shown:
        stub, token, verified = AccountServiceStub(self._channel), "", 0
        while True:
            page = await stub.ListAccounts(ListAccountsRequest(page_size=500, page_token=token))
            verified += sum(account.level > LEVEL_L0 for account in page.accounts)
            if not (token := page.next_page_token):
                return Shown(verified, verified)

    async def _retention_terms(self) -> Shown:
        """Of each class the terms in force, which have to keep records as long as the pack says, and no longer."""
        stub, token = LifecycleServiceStub(self._channel), ""
        in_force: dict[str, RetentionTerms] = {}
        while True:
            page = await stub.ListRetentionClasses(ListRetentionClassesRequest(page_token=token))
            for event in page.events:
                terms = event.event.terms
                if terms.HasField("effective_time") and terms.effective_time.ToDatetime(UTC) <= self._now:
                    in_force[RetentionClassName.Name(terms.name).removeprefix("RETENTION_CLASS_NAME_").lower()] = terms
            if not (token := page.next_page_token):
                break
        classes = self._pack.retention.classes
        kept = sum(
            in_force[name].floor_days >= wanted.floor_days and in_force[name].ceiling_days <= wanted.ceiling_days
            for name, wanted in classes.items()
            if name in in_force
        )
        return Shown(len(in_force), kept)

    async def _signed_log(self) -> Shown:
        answer = await LogServiceStub(self._channel).GetCheckpoint(GetCheckpointRequest())
        try:
            signed = verify_checkpoint(answer.checkpoint, self._key).size
        except VerificationError:
            signed = 0
        return Shown(answer.size, signed)

    async def _holds(self) -> Shown:
        """Legal holds that two persons placed: each has to have a date to be reviewed at."""
        stub, token, found, kept = HoldServiceStub(self._channel), "", 0, 0
        while True:
            page = await stub.ListHolds(ListHoldsRequest(page_token=token))
            placed = [hold for hold in page.holds if hold.HasField("place_time")]
            found += len(placed)
            kept += sum(hold.HasField("review_time") for hold in placed)
            if not (token := page.next_page_token):
                return Shown(found, kept)

    async def _certificates(self) -> Shown:
        """Events of destructions of records at their ceiling: each has to be in the signed log."""
        stub, token = LifecycleServiceStub(self._channel), ""
        events: list[RegisteredPurgeEvent] = []
        while True:
            page = await stub.ListCertificates(ListCertificatesRequest(page_token=token))
            events += page.events
            if not (token := page.next_page_token):
                return Shown(len(events), sum(self._logged(event) for event in events))

    def _logged(self, event: RegisteredPurgeEvent) -> bool:
        try:
            verified = verify_event(event.proof, self._key)
        except VerificationError:
            return False
        return PurgeEvent.FromString(verified.statement) == event.event

    async def _audit_proofs(self, counted: GetEvidenceResponse) -> Shown:
        """The audit records of the latest sanction's subject: each has to be in the signed log."""
        if not counted.HasField("latest_subject"):
            return Shown(0, 0)
        request = QueryAuditRecordsRequest(subject=counted.latest_subject)
        acts = await acts_of(self._channel, request, self._key)
        return Shown(len(acts), sum(act.verified for act in acts))


def _counts(counted: GetEvidenceResponse) -> dict[Evidence, Shown]:
    return {
        Evidence(EvidenceKind.Name(each.kind).removeprefix("EVIDENCE_KIND_")): Shown(
            each.found, each.kept, each.median_time.ToTimedelta() if each.HasField("median_time") else None
        )
        for each in counted.evidence
    }
