"""The suite as the people of a case meet it: a platform, moderators, approvers, reviewers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.ids import new_id
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.groups.v1.tipoff_service_pb2_grpc import TipOffServiceStub
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import verification_service_pb2 as verifications
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceStub
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from ombudctl.story.documents import identity
from tests.support.eventually import eventually
from tests.support.suite import Suite

S = TypeVar("S")


@dataclass
class Court:
    """Acts on a running suite. Every call gets a fresh token, because tests move the clock past the life of one."""

    suite: Suite
    people: int = 0

    def platform(self, stub: Callable[[grpc.aio.Channel], S]) -> S:
        return stub(self.suite.channel(workload="platform"))

    def desk(self, stub: Callable[[grpc.aio.Channel], S], role: str, staff: str, account: str = "") -> S:
        return stub(self.suite.channel(role=role, staff=staff, account=account))

    def after(self, **step: float) -> Timestamp:
        instant = Timestamp()
        instant.FromDatetime(self.suite.clock.now() + timedelta(**step))
        return instant

    def evidence(self) -> credit.Evidence:
        return credit.Evidence(sha256=new_id().replace("-", "") * 2, observe_time=self.after(hours=-1))

    def proposal(
        self, subject: Subject | None = None, *kinds: "credit.MeasureKind.ValueType", **fields: Any
    ) -> sanctions.ProposeSanctionRequest:
        """A proposal that meets every rule, unless `fields` say otherwise."""
        subject = subject or Subject(account_id=new_id())
        whole: dict[str, Any] = {
            "request_id": new_id(),
            "subject": subject,
            "capacity": credit.CAPACITY_GROUP if subject.group_id else credit.CAPACITY_ACCOUNT,
            "reasons": self.reasons(),
            "measures": [
                sanctions.Measure(kind=kind, end_time=self.after(days=30))
                for kind in kinds or (credit.MEASURE_KIND_PUBLISHING_SUSPENDED,)
            ],
            "points": 0 if subject.group_id else 3,
        }
        return sanctions.ProposeSanctionRequest(**whole | fields)

    def reasons(self, **fields: Any) -> sanctions.Reasons:
        whole: dict[str, Any] = {
            "rule_id": "fraud",
            "facts": "Sold tickets that did not exist.",
            "explanation": "The buyers got nothing for their money.",
            "act_time": self.after(hours=-2),
            "evidence": [self.evidence()],
            "proportionality_note": "A warning came before and changed nothing.",
            "how_to_restore": "Pay the buyers back.",
            "step_justification": "More buyers would be cheated meanwhile.",
        }
        return sanctions.Reasons(**whole | fields)

    async def propose(
        self, request: sanctions.ProposeSanctionRequest, *, by: str = "mod-1", account: str = ""
    ) -> sanctions.Sanction:
        reply = await self.desk(SanctionServiceStub, "moderator", by, account).ProposeSanction(request)
        return reply.sanction

    async def approve(self, sanction_id: str, *, by: str = "app-1", account: str = "") -> sanctions.Sanction:
        request = sanctions.ApproveSanctionRequest(request_id=new_id(), sanction_id=sanction_id)
        return (await self.desk(SanctionServiceStub, "approver", by, account).ApproveSanction(request)).sanction

    async def sanction(self, sanction_id: str) -> sanctions.Sanction:
        request = sanctions.GetSanctionRequest(sanction_id=sanction_id)
        return (await self.platform(SanctionServiceStub).GetSanction(request)).sanction

    async def in_force(
        self, request: sanctions.ProposeSanctionRequest, *, by: str = "mod-1", approver: str = "app-1"
    ) -> sanctions.Sanction:
        """Proposes and approves; returns when the notice is delivered."""
        sanction_id = (await self.propose(request, by=by)).sanction_id
        await self.approve(sanction_id, by=approver)
        return await self.delivered(sanction_id)

    async def delivered(self, sanction_id: str) -> sanctions.Sanction:
        """The sanction, once its notice is delivered."""

        async def in_force() -> sanctions.Sanction | None:
            sanction = await self.sanction(sanction_id)
            return sanction if sanction.state == sanctions.SANCTION_STATE_IN_FORCE else None

        found = await eventually(in_force)
        assert found is not None
        return found

    def notices(self) -> list[dict[str, Any]]:
        """What the outbox holds, oldest first."""
        outbox = self.suite.data_dir / "credit" / "outbox" / "notices.jsonl"
        return [json.loads(line) for line in outbox.read_text("utf-8").splitlines()] if outbox.exists() else []

    async def standing(self, subject: Subject, at: Timestamp | None = None) -> standings.Standing:
        request = standings.GetStandingRequest(subject=subject, time=at)
        return (await self.platform(StandingServiceStub).GetStanding(request)).standing

    async def file(self, sanction_id: str, appellant: str, **fields: Any) -> appeals.Appeal:
        request = appeals.FileAppealRequest(
            request_id=fields.pop("request_id", new_id()),
            sanction_id=sanction_id,
            appellant_account_id=appellant,
            grounds=[appeals.APPEAL_GROUND_FACTS_WRONG],
            statement="The tickets were delivered a day late.",
            **fields,
        )
        return (await self.platform(AppealServiceStub).FileAppeal(request)).appeal

    async def assign(self, appeal_id: str, *, to: str = "rev-1", account: str = "") -> appeals.Appeal:
        """Puts somebody on the roster; then the server chooses."""
        stub = self.desk(AppealServiceStub, "reviewer", to, account)
        await stub.AnnounceReadiness(appeals.AnnounceReadinessRequest(request_id=new_id(), ready=True))
        request = appeals.AssignReviewerRequest(request_id=new_id(), appeal_id=appeal_id, declares_no_conflict=True)
        return (await stub.AssignReviewer(request)).appeal

    async def reviewers(self, *staff: str, account: str = "") -> None:
        """Puts people on the roster."""
        for each in staff:
            await self.desk(AppealServiceStub, "reviewer", each, account).AnnounceReadiness(
                appeals.AnnounceReadinessRequest(request_id=new_id(), ready=True)
            )

    async def under_review(self, appeal_id: str) -> None:
        """Waits until the server has given the appeal to somebody."""

        async def given() -> bool:
            reply = await self.platform(AppealServiceStub).GetAppeal(appeals.GetAppealRequest(appeal_id=appeal_id))
            return reply.appeal.state == appeals.APPEAL_STATE_UNDER_REVIEW

        await eventually(given)

    async def audited(self, resource_id: str, action: str, *, subject: Subject | None = None) -> AuditRecord:
        """The audit record of an act, once it has arrived: on a sanction, or on what concerns a subject."""
        auditor = self.desk(AuditServiceStub, "auditor", "aud-1")
        concerned = subject or (await self.sanction(resource_id)).subject

        async def arrived() -> AuditRecord | None:
            reply = await auditor.QueryAuditRecords(QueryAuditRecordsRequest(subject=concerned, page_size=500))
            records = (entry.record for entry in reply.entries)
            return next((each for each in records if (each.resource_id, each.action) == (resource_id, action)), None)

        found = await eventually(arrived)
        assert found is not None
        return found

    async def tip_off(self, *, trusted: bool = False) -> str:
        """A tip-off about a new account, by anyone or by a trusted flagger; gives its id."""
        channel = self.suite.channel(role="trusted_flagger", staff="flag-1") if trusted else self.suite.channel()
        receipt = await TipOffServiceStub(channel).SubmitTipOff(
            tipoffs.SubmitTipOffRequest(
                request_id=new_id(),
                target=tipoffs.TipOffTarget(account_id=await self.person()),
                category=tipoffs.TIP_OFF_CATEGORY_SPAM,
                explanation="Sends the same offer to everybody.",
                good_faith=True,
            )
        )
        due = await self.desk(TipOffServiceStub, "moderator", "mod-1").ListDueTipOffs(tipoffs.ListDueTipOffsRequest())
        return next(each.tip_off_id for each in due.tip_offs if each.reference_number == receipt.reference_number)

    def notice(self, sanction_id: str) -> dict[str, Any]:
        """The notice of a sanction."""
        return next(notice for notice in self.notices() if notice["notice_id"] == sanction_id)

    async def letter(self, kind: str, sanction_id: str) -> dict[str, Any]:
        """The letter of that kind about a sanction, once it was sent."""

        async def sent() -> dict[str, Any] | None:
            letters = (notice for notice in self.notices() if notice.get("kind") == kind)
            return next((letter for letter in letters if letter["sanction_id"] == sanction_id), None)

        found = await eventually(sent)
        assert found is not None
        return found

    async def decide(
        self,
        appeal_id: str,
        outcome: "appeals.AppealOutcome.ValueType",
        *,
        by: str = "rev-1",
        reasons: str = "Seen.",
        declares_no_conflict: bool = True,
    ) -> appeals.Appeal:
        request = appeals.DecideAppealRequest(
            request_id=new_id(),
            appeal_id=appeal_id,
            outcome=outcome,
            reasons=reasons,
            declares_no_conflict=declares_no_conflict,
        )
        return (await self.desk(AppealServiceStub, "reviewer", by).DecideAppeal(request)).appeal

    async def person(self) -> str:
        """A verified account that may post, of a person who has no other."""
        self.people += 1
        account_id = await self.again(self.people)
        await self.until_may(account_id)
        return account_id

    async def again(self, number: int) -> str:
        """A verified account of the person with a number, who may have others."""
        account = await self.platform(AccountServiceStub).RegisterAccount(
            accounts.RegisterAccountRequest(
                request_id=new_id(),
                kind=accounts.ACCOUNT_KIND_PERSONAL,
                holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
                nickname=f"nick{number}",
            )
        )
        stub = self.platform(VerificationServiceStub)
        started = await stub.StartVerification(
            verifications.StartVerificationRequest(
                request_id=new_id(),
                account_id=account.account.account_id,
                method=accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER,
            )
        )
        await stub.SubmitEvidence(
            verifications.SubmitEvidenceRequest(
                request_id=new_id(),
                verification_id=started.verification.verification_id,
                document=identity(number).evidence(),
            )
        )
        account_id: str = account.account.account_id
        return account_id

    async def group(self, founder: str, *members: str) -> str:
        stub = self.platform(GroupServiceStub)
        created = await stub.CreateGroup(
            groups.CreateGroupRequest(request_id=new_id(), founder_account_id=founder, name="Tickets")
        )
        for member in members:
            await stub.JoinGroup(
                groups.JoinGroupRequest(request_id=new_id(), group_id=created.group.group_id, account_id=member)
            )
        return created.group.group_id

    async def may(
        self, account: str, group: str = "", action: "decisions.Action.ValueType" = decisions.ACTION_POST
    ) -> bool:
        request = decisions.CheckRequest(account_id=account, group_id=group, action=action)
        return (await self.platform(DecisionServiceStub).Check(request)).decision.allowed

    async def until_may(
        self,
        account: str,
        group: str = "",
        action: "decisions.Action.ValueType" = decisions.ACTION_POST,
        *,
        allowed: bool = True,
    ) -> None:
        async def answered() -> bool:
            return await self.may(account, group, action) == allowed

        await eventually(answered)
