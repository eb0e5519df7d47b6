"""Acts on the suite, each in a state in which it succeeds.

People, documents and telephone numbers are made up.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.clock import Clock
from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import referral_service_pb2 as referrals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import group_service_pb2 as groups
from ombud.groups.v1 import stewardship_service_pb2 as stewardship
from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import accreditation_service_pb2 as accreditations
from ombud.identity.v1 import agreement_service_pb2 as agreements
from ombud.identity.v1 import verification_service_pb2 as verifications
from ombudctl.story.documents import COMPANY, PHONE, identity
from tests.support.contract import Rpc, rpcs
from tests.support.eventually import eventually
from tests.support.wire import NOBODY, PLATFORM, Who, staff

MODERATOR = staff("mod-1", "moderator")
APPROVER = staff("app-1", "approver")
REVIEWER = staff("rev-1", "reviewer")
IDENTITY_REVIEWER = staff("idr-1", "identity_reviewer")
REGISTRAR = staff("reg-1", "registrar")
AUDITOR = staff("aud-1", "auditor")
RECORDS_OFFICER = staff("rec-1", "records_officer")
RECORDS_APPROVER = staff("rec-2", "records_approver")

_BY_REQUEST = {rpc.descriptor.input_type.full_name: rpc for rpc in rpcs()}

Call = Callable[[Who, Rpc, Message], Awaitable[bytes]]


@dataclass(frozen=True)
class Example:
    """An act that succeeded: who called what, and the answer."""

    who: Who
    rpc: Rpc
    request: Any
    reply: bytes


@dataclass
class Life:
    """Acts through any transport, and remembers one example an RPC.

    Args:
        call: Makes one call.
        clock: The suite's clock.
        outbox: The file that codes for telephones are written to.
    """

    call: Call
    clock: Clock
    outbox: Path
    examples: dict[str, Example] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def act(self, who: Who, request: Message) -> Any:
        """Makes the call that the request belongs to; an act gets a request_id."""
        rpc = _BY_REQUEST[request.DESCRIPTOR.full_name]
        if rpc.method.keyed:
            request.request_id = new_id()  # type: ignore[attr-defined]  # `keyed` says that the field is there
        reply = await self.call(who, rpc, request)
        self.examples.setdefault(rpc.path, Example(who, rpc, request, reply))
        return rpc.method.reply_type.FromString(reply)

    def after(self, **step: float) -> Timestamp:
        """An instant so much later than now; earlier if negative."""
        instant = Timestamp()
        instant.FromDatetime(self.clock.now() + timedelta(**step))
        return instant

    async def account(self, nickname: str, *, holder: int = 1, kind: int = 1, legacy: bool = False) -> str:
        reply = await self.act(
            PLATFORM,
            accounts.RegisterAccountRequest(
                kind=accounts.AccountKind.ValueType(kind),
                holder_kind=accounts.HolderKind.ValueType(holder),
                nickname=nickname,
                legacy=legacy,
            ),
        )
        account_id: str = reply.account.account_id
        return account_id

    async def start(self, account_id: str, method: int, phone: str = "") -> str:
        reply = await self.act(
            PLATFORM,
            verifications.StartVerificationRequest(
                account_id=account_id, method=accounts.VerificationMethod.ValueType(method), phone_number=phone
            ),
        )
        verification_id: str = reply.verification.verification_id
        return verification_id

    async def verify(self, account_id: str, person: int) -> None:
        """Verifies by the document of a made-up person."""
        verification_id = await self.start(account_id, accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER)
        evidence = identity(person).evidence()
        await self.act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, document=evidence)
        )

    async def verified(self, nickname: str, person: int) -> str:
        account_id = await self.account(nickname)
        await self.verify(account_id, person)
        await self.may(account_id, decisions.ACTION_POST)
        return account_id

    async def verify_by_phone(self, account_id: str, phone: str = PHONE) -> None:
        verification_id = await self.start(account_id, accounts.VERIFICATION_METHOD_PHONE_CODE, phone)
        code = json.loads(self.outbox.read_text(encoding="utf-8").splitlines()[-1])["code"]
        evidence = verifications.PhoneCodeEvidence(code=code)
        await self.act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, phone_code=evidence)
        )

    async def verify_by_review(self, account_id: str, number: str, name: str) -> None:
        verification_id = await self.start(account_id, accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER)
        passport = verifications.DocumentEvidence(
            country="FI", type=verifications.DOCUMENT_TYPE_PASSPORT, number=number, full_name=name
        )
        await self.act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, document=passport)
        )
        await self.act(
            IDENTITY_REVIEWER,
            verifications.DecideVerificationRequest(
                verification_id=verification_id, decision=verifications.REVIEW_DECISION_APPROVE
            ),
        )

    async def publisher(self, nickname: str) -> str:
        account_id = await self.account(nickname, holder=3, kind=2)
        verification_id = await self.start(account_id, accounts.VERIFICATION_METHOD_REGISTRATION_NUMBER)
        await self.act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, registration=COMPANY)
        )
        applied = await self.act(PLATFORM, accreditations.ApplyForAccreditationRequest(account_id=account_id))
        accreditation_id = applied.accreditation.accreditation_id
        await self.act(REGISTRAR, accreditations.GrantAccreditationRequest(accreditation_id=accreditation_id))
        await self.act(NOBODY, accreditations.CheckMarkRequest(account_id=account_id))
        await self.act(PLATFORM, accounts.ChangeNicknameRequest(account_id=account_id, nickname=nickname + " two"))
        return account_id

    async def agreement(self, account_id: str) -> None:
        await self.act(REGISTRAR, agreements.PublishAgreementRequest(name="terms", terms="Be kind."))
        await self.act(PLATFORM, agreements.SignAgreementRequest(account_id=account_id, name="terms", version=1))

    async def may(self, account_id: str, action: int, group_id: str = "", *, allowed: bool = True) -> Any:
        """Waits until the answer of Check is that."""
        request = decisions.CheckRequest(
            account_id=account_id, group_id=group_id, action=decisions.Action.ValueType(action)
        )

        async def answer() -> Any:
            reply = await self.act(PLATFORM, request)
            return reply.decision if reply.decision.allowed is allowed else None

        return await eventually(answer)

    async def group(self, founder: str, *members: str, name: str = "Chess") -> Any:
        await self.may(founder, decisions.ACTION_CREATE_GROUP)
        founded = await self.act(PLATFORM, groups.CreateGroupRequest(founder_account_id=founder, name=name))
        for member in members:
            await self.act(PLATFORM, groups.JoinGroupRequest(group_id=founded.group.group_id, account_id=member))
        return founded.group

    async def tip_off(self, group: Any) -> str:
        receipt = await self.act(
            NOBODY,
            tipoffs.SubmitTipOffRequest(
                target=tipoffs.TipOffTarget(group_code=group.code),
                category=tipoffs.TIP_OFF_CATEGORY_FRAUD,
                explanation="They sell tickets that do not exist.",
                excerpt=b"cheap tickets",
                good_faith=True,
            ),
        )
        self.ids["tracking_code"] = receipt.tracking_code
        due = await self.act(MODERATOR, tipoffs.ListDueTipOffsRequest())
        tip_off_id: str = next(
            each.tip_off_id for each in due.tip_offs if each.reference_number == receipt.reference_number
        )
        await self.act(
            MODERATOR,
            tipoffs.TriageTipOffRequest(tip_off_id=tip_off_id, category=tipoffs.TIP_OFF_CATEGORY_FRAUD, priority=70),
        )
        return tip_off_id

    async def answer(self, tip_off_id: str, *sanction_ids: str) -> None:
        await self.act(
            MODERATOR,
            tipoffs.DecideTipOffRequest(
                tip_off_id=tip_off_id,
                outcome=tipoffs.TIP_OFF_OUTCOME_ACTION_TAKEN,
                reasons="The tickets were never delivered.",
                sanction_ids=sanction_ids,
            ),
        )
        await self.act(
            MODERATOR, tipoffs.ReplyTipOffRequest(tip_off_id=tip_off_id, reply="We acted on your report. Thank you.")
        )

    def proposal(
        self, subject: Subject, *measures: int, tip_off_id: str = "", points: int = 3
    ) -> sanctions.ProposeSanctionRequest:
        act_time = self.after(hours=-1)
        evidence = hashlib.sha256(new_id().encode()).hexdigest()
        return sanctions.ProposeSanctionRequest(
            subject=subject,
            capacity=credit.CAPACITY_GROUP if subject.HasField("group_id") else credit.CAPACITY_ACCOUNT,
            reasons=sanctions.Reasons(
                rule_id="fraud",
                facts="Sold tickets that did not exist.",
                explanation="The buyers got nothing for their money.",
                act_time=act_time,
                evidence=[credit.Evidence(sha256=evidence, observe_time=act_time)],
                proportionality_note="A warning came before.",
                how_to_restore="Pay the buyers back.",
            ),
            measures=[
                sanctions.Measure(kind=credit.MeasureKind.ValueType(kind), end_time=self.after(days=30))
                for kind in measures
            ],
            points=0 if subject.HasField("group_id") else points,
            tip_off_id=tip_off_id,
        )

    async def sanction(self, subject: Subject, *measures: int, tip_off_id: str = "", points: int = 3) -> str:
        """Proposes and approves; returns when the sanction is in force."""
        proposal = self.proposal(subject, *measures, tip_off_id=tip_off_id, points=points)
        sanction_id: str = (await self.act(MODERATOR, proposal)).sanction.sanction_id
        await self.act(APPROVER, sanctions.ApproveSanctionRequest(sanction_id=sanction_id))
        await self.in_force(sanction_id)
        return sanction_id

    async def in_force(self, sanction_id: str) -> None:
        """Waits until the notice of a sanction was delivered."""

        async def delivered() -> bool:
            reply = await self.act(PLATFORM, sanctions.GetSanctionRequest(sanction_id=sanction_id))
            return bool(reply.sanction.state == sanctions.SANCTION_STATE_IN_FORCE)

        await eventually(delivered)

    async def remedy(self, sanction_id: str) -> None:
        await self.act(
            MODERATOR,
            standings.RecordRemedyRequest(
                sanction_id=sanction_id,
                kind=standings.REMEDY_KIND_COURSE,
                proof_sha256=hashlib.sha256(new_id().encode()).hexdigest(),
            ),
        )

    async def referral(self, sanction_id: str) -> None:
        proposed = await self.act(
            MODERATOR,
            referrals.ProposeReferralRequest(
                sanction_id=sanction_id,
                authority="Consumer office",
                legal_basis="Consumer code, article 7",
                fields=[referrals.REFERRAL_FIELD_SUBJECT_ID],
            ),
        )
        referral_id = proposed.referral.referral_id
        await self.act(APPROVER, referrals.ApproveReferralRequest(referral_id=referral_id))
        await self.act(MODERATOR, referrals.HandOverReferralRequest(referral_id=referral_id))
        await self.act(
            MODERATOR,
            referrals.RecordReferralOutcomeRequest(
                referral_id=referral_id, outcome=referrals.REFERRAL_OUTCOME_TAKEN_UP, reference="A-1"
            ),
        )

    async def appeal(self, sanction_id: str, appellant: str) -> None:
        """Appeals with success."""
        filed = await self.act(
            PLATFORM,
            appeals.FileAppealRequest(
                sanction_id=sanction_id,
                appellant_account_id=appellant,
                grounds=[appeals.APPEAL_GROUND_FACTS_WRONG],
                statement="The tickets were delivered.",
            ),
        )
        appeal_id = filed.appeal.appeal_id
        await self.act(REVIEWER, appeals.AnnounceReadinessRequest(ready=True))
        await self.act(REVIEWER, appeals.AssignReviewerRequest(appeal_id=appeal_id, declares_no_conflict=True))
        await self.act(
            REVIEWER,
            appeals.DecideAppealRequest(
                appeal_id=appeal_id,
                outcome=appeals.APPEAL_OUTCOME_OVERTURNED,
                reasons="The buyers confirm it.",
                declares_no_conflict=True,
            ),
        )

    async def notice(self, group_id: str) -> None:
        served = await self.act(
            MODERATOR,
            stewardship.ServeNoticeRequest(
                group_id=group_id,
                duty="Remove the offer.",
                tools=[stewardship.MANAGEMENT_TOOL_REMOVE_MESSAGE],
                cure_end_time=self.after(days=3),
            ),
        )
        await self.act(PLATFORM, stewardship.RecordCureRequest(notice_id=served.entry.notice_id))

    def reply(self, path: str) -> Any:
        """The answer of the example."""
        example = self.examples[path]
        return example.rpc.method.reply_type.FromString(example.reply)
