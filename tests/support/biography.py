"""A whole life of the suite: every act of the contract in a state in which it succeeds, then every read."""

from google.protobuf.message import Message

from chassis.ids import new_id
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from ombud.common.v1.types_pb2 import Interval, Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import blacklist_service_pb2 as blacklist
from ombud.credit.v1 import policy_service_pb2 as policies
from ombud.credit.v1 import referral_service_pb2 as referrals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import transparency_service_pb2 as transparency
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import figures_service_pb2 as group_figures
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.groups.v1 import stewardship_service_pb2 as stewardship
from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import accreditation_service_pb2 as accreditations
from ombud.identity.v1 import agreement_service_pb2 as agreements
from ombud.identity.v1 import verification_service_pb2 as verifications
from ombud.retention.v1 import access_service_pb2 as access
from ombud.retention.v1 import audit_service_pb2 as audit
from ombud.retention.v1 import custody_service_pb2 as custody
from ombud.retention.v1 import figures_service_pb2 as retention_figures
from ombud.retention.v1 import hold_service_pb2 as holds
from ombud.retention.v1 import ingest_service_pb2 as ingest
from ombud.retention.v1 import lifecycle_service_pb2 as lifecycle
from ombud.retention.v1 import log_service_pb2 as log
from ombud.retention.v1.record_pb2 import ProofState
from tests.support import records
from tests.support.appealing import appeals_by_receipt, second_look
from tests.support.contesting import contested
from tests.support.eventually import eventually
from tests.support.exchanging import exchanged
from tests.support.keeping import CUSTODIAN, answered, day_that_closes
from tests.support.life import AUDITOR, IDENTITY_REVIEWER, MODERATOR, Life
from tests.support.mercy import mercy
from tests.support.publishing import publishing
from tests.support.wire import NOBODY, PLATFORM, Who


async def live(life: Life) -> None:
    """Every act of the contract, once at least."""
    yesterday = await day_that_closes(life)
    founder, member = await life.verified("anna", 1), await life.verified("ben", 2)
    other = await life.account("cleo")
    await life.verify_by_phone(other)
    await life.may(other, decisions.ACTION_POST)
    await life.verify_by_review(await life.account("dora"), "FP1234567", "Dora Dale")
    await life.publisher("Tidewater")
    await life.agreement(founder)
    group = await life.group(founder, member, other)
    life.ids |= {"founder": founder, "member": member, "group": group.group_id, "code": group.code}
    await life.act(
        PLATFORM,
        groups.SetRoleRequest(
            group_id=group.group_id,
            acting_account_id=founder,
            account_id=member,
            role=groups.MEMBER_ROLE_MANAGER,
        ),
    )
    await life.act(PLATFORM, groups.LeaveGroupRequest(group_id=group.group_id, account_id=other))
    await records.append(life, group.group_id, b"one", b"two")
    await contested(life, group)
    await exchanged(life)
    tip_off_id = await life.tip_off(group)
    sanction_id = await life.sanction(
        Subject(account_id=member), credit.MEASURE_KIND_PUBLISHING_SUSPENDED, tip_off_id=tip_off_id
    )
    life.ids["sanction"] = sanction_id
    await life.may(member, decisions.ACTION_POST, allowed=False)
    await life.answer(tip_off_id, sanction_id)
    await life.remedy(sanction_id)
    await life.referral(sanction_id)
    await life.appeal(sanction_id, member)
    await second_look(life)
    await appeals_by_receipt(life, other)
    await life.may(member, decisions.ACTION_POST)
    await mercy(life, member)
    await life.notice(group.group_id)
    await records.read(life, group.group_id)
    await records.retention_terms(life)
    await records.hold(life, group.group_id)
    await answered(life, yesterday)
    await publishing(life)
    await hand_over(life)


async def hand_over(life: Life) -> None:
    """Hands an audit record over, as a service does."""
    record = AuditRecord(
        audit_id=new_id(),
        service="identity",
        sequence=1_000_000,
        time=life.after(),
        action="identity.account.registered",
        outcome=AuditOutcome.AUDIT_OUTCOME_DONE,
    )
    life.ids["epoch"] = new_id()
    await life.act(Who("identity"), audit.AppendAuditRecordsRequest(records=[record], epoch=life.ids["epoch"]))


async def look(life: Life) -> None:
    """Every read of the contract, with something to see."""
    member, founder, group_id = life.ids["member"], life.ids["founder"], life.ids["group"]
    subject = Subject(account_id=member)
    signed = life.examples["/ombud.identity.v1.VerificationService/SubmitEvidence"].request
    appealed = life.reply("/ombud.credit.v1.AppealService/FileAppeal").appeal
    decided = life.reply("/ombud.groups.v1.TipOffService/DecideTipOff").tip_off
    interval = Interval(start_time=life.after(days=-1), end_time=life.after(days=1))
    looks: list[tuple[Who, Message]] = [
        (PLATFORM, accounts.GetAccountRequest(account_id=member)),
        (PLATFORM, accounts.ListAccountsRequest()),
        (Who("groups"), accounts.WatchAccountsRequest()),
        (PLATFORM, verifications.GetVerificationRequest(verification_id=signed.verification_id)),
        (IDENTITY_REVIEWER, verifications.ListReviewCasesRequest()),
        (PLATFORM, agreements.GetCurrentAgreementRequest(name="terms")),
        (PLATFORM, agreements.GetAcceptanceRequest(account_id=founder, name="terms")),
        (PLATFORM, agreements.ListSignaturesRequest(account_id=founder)),
        (NOBODY, accreditations.CheckMarkRequest(account_id=member)),
        (PLATFORM, standings.GetStandingRequest(subject=subject)),
        (PLATFORM, standings.ExplainStandingRequest(subject=subject)),
        (PLATFORM, standings.ListLedgerRequest(subject=subject)),
        (PLATFORM, standings.WhatIfRequest(subject=subject)),
        (Who("groups"), standings.WatchStandingRequest()),
        (PLATFORM, sanctions.ListSanctionsRequest(subject=subject)),
        (PLATFORM, appeals.GetAppealRequest(appeal_id=appealed.appeal_id)),
        (NOBODY, appeals.GetAppealByReceiptRequest(receipt=life.ids["receipt"])),
        (AUDITOR, appeals.ListOverdueAppealsRequest()),
        (PLATFORM, blacklist.CheckBlacklistRequest(subject=subject)),
        (PLATFORM, blacklist.BatchCheckBlacklistRequest(subjects=[subject])),
        (MODERATOR, blacklist.ListBlacklistRequest()),
        (PLATFORM, blacklist.WatchBlacklistRequest()),
        (MODERATOR, blacklist.ExportBlacklistRequest()),
        (MODERATOR, referrals.ListReferralsRequest()),
        (AUDITOR, referrals.ListReferralCertificatesRequest()),
        (PLATFORM, policies.GetPolicyRequest()),
        (PLATFORM, policies.ListPoliciesRequest()),
        (AUDITOR, policies.GetEvidenceRequest()),
        (PLATFORM, decisions.BatchCheckRequest(action=decisions.ACTION_POST, account_ids=[member, founder])),
        (PLATFORM, groups.GetGroupRequest(group_id=group_id)),
        (PLATFORM, groups.FindGroupByCodeRequest(code=life.ids["code"])),
        (PLATFORM, groups.GetMemberRequest(group_id=group_id, account_id=member)),
        (PLATFORM, groups.ListMembersRequest(group_id=group_id)),
        (PLATFORM, stewardship.GetDutyLedgerRequest(group_id=group_id)),
        (NOBODY, tipoffs.GetTipOffByTrackingCodeRequest(tracking_code=life.ids["tracking_code"])),
        (MODERATOR, tipoffs.GetTipOffRequest(tip_off_id=decided.tip_off_id)),
        (Who("credit"), tipoffs.GetTipOffOriginRequest(tip_off_id=decided.tip_off_id)),
        (AUDITOR, access.GetAccessRequest(access_id=life.ids["access"])),
        (AUDITOR, access.ListAccessRegisterRequest()),
        (AUDITOR, lifecycle.ListRetentionClassesRequest()),
        (AUDITOR, lifecycle.ListCertificatesRequest()),
        (AUDITOR, holds.ListHoldsRequest()),
        (AUDITOR, holds.ListHoldRegisterRequest()),
        (AUDITOR, custody.ListCustodiansRequest()),
        (CUSTODIAN, custody.ListPendingRequestsRequest()),
        (AUDITOR, audit.QueryAuditRecordsRequest(subject=subject)),
        (Who("identity"), audit.GetAuditPositionRequest(epoch=life.ids["epoch"])),
        (PLATFORM, ingest.GetProgressRequest(producer="chat-1")),
        (PLATFORM, log.GetReceiptRequest(producer="chat-1", sequence=1)),
        (NOBODY, transparency.GetTransparencyReportRequest(first_month="2025-01", last_month="2025-12")),
        (AUDITOR, transparency.ExportStatementsRequest(start_time=interval.start_time, end_time=interval.end_time)),
        (AUDITOR, transparency.ExportErrataRequest(start_time=interval.start_time, end_time=interval.end_time)),
        (Who("credit"), group_figures.GetTipOffFiguresRequest(interval=interval)),
        (Who("credit"), retention_figures.GetDisclosureFiguresRequest(interval=interval)),
    ]
    for who, request in looks:
        await life.act(who, request)

    async def sealed() -> bool:
        trail = await life.act(AUDITOR, audit.QueryAuditRecordsRequest(subject=subject, page_size=500))
        return {entry.state for entry in trail.entries} == {ProofState.PROOF_STATE_SEALED}

    await eventually(sealed)
    await life.act(PLATFORM, log.GetCheckpointRequest())
    await life.act(PLATFORM, log.GetInclusionProofRequest(leaf_index=0))
    await life.act(PLATFORM, log.GetConsistencyProofRequest(old_size=1))
