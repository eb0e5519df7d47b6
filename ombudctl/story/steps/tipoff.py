"""Step 5: from a tip-off without an account to sanctions in force, with every refusal that the rules demand."""

from datetime import UTC, datetime, timedelta

from ombud.client import request_id
from ombud.credit.v1.blacklist_service_pb2 import CheckBlacklistRequest, CheckBlacklistResponse
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.sanction_service_pb2 import Measure, ProposeSanctionRequest, Sanction
from ombud.credit.v1.standing_service_pb2 import GetStandingRequest
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from ombud.credit.v1.types_pb2 import (
    CAPACITY_GROUP,
    CAPACITY_MEMBER,
    MEASURE_KIND_MANAGEMENT_SUSPENDED,
    Evidence,
)
from ombud.groups.v1.decision_service_pb2 import (
    ACTION_MANAGE,
    ACTION_POST,
    DECISION_REASON_ACCOUNT_BLACKLISTED,
    DECISION_REASON_GROUP_SUSPENDED,
    DECISION_REASON_MANAGEMENT_SUSPENDED,
    Action,
    CheckRequest,
    Decision,
)
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.groups.v1.tipoff_service_pb2 import (
    TIP_OFF_CATEGORY_HARASSMENT,
    TIP_OFF_OUTCOME_ACTION_TAKEN,
    TIP_OFF_STATE_RECEIVED,
    TIP_OFF_STATE_REPLIED,
    DecideTipOffRequest,
    GetTipOffByTrackingCodeRequest,
    GetTipOffByTrackingCodeResponse,
    ListDueTipOffsRequest,
    MessageReference,
    ReplyTipOffRequest,
    SubmitTipOffRequest,
    TipOffTarget,
    TriageTipOffRequest,
)
from ombud.groups.v1.tipoff_service_pb2_grpc import TipOffServiceStub
from ombudctl.story.cases import (
    account,
    approve,
    desk,
    evidence,
    group,
    impose,
    in_force,
    measures,
    reasons,
)
from ombudctl.story.scene import Scene, StoryError
from ombudctl.story.steps.referral import refer
from ombudctl.story.world import APPROVER, BOTH, MODERATOR, World

_POINTS = 6


async def play(world: World, scene: Scene) -> None:
    """Tip-off, decision, sanctions, referral, reply."""
    tip_off_id, code = await _submit(world, scene)
    act = world.suite.now() - timedelta(minutes=5)
    seen = [evidence(f"message {len(world.bodies)}", act)]
    await _refused_proposals(world, scene, act, seen)
    member = await _member(world, scene, tip_off_id, act, seen)
    world.sanction_id = member.sanction_id
    await _blacklist(world, scene, act)
    groups = await _group(world, scene, act)
    await refer(world, scene)
    await _reply(world, scene, tip_off_id, code, [world.sanction_id, world.blacklist_sanction_id, *groups])


async def _submit(world: World, scene: Scene) -> tuple[str, str]:
    anyone = TipOffServiceStub(world.suite.anonymous())
    days = world.pack.groups.tip_off_reply_days
    scene.says("Somebody without an account tips off a message. No token, no name: the receipt is all they have.")
    message = MessageReference(group_code=world.group_code, message_id=f"record-{len(world.bodies)}")
    request = SubmitTipOffRequest(
        request_id=request_id(),
        target=TipOffTarget(message=message),
        category=TIP_OFF_CATEGORY_HARASSMENT,
        explanation="A member is being threatened in the group, shortly before people meet.",
        excerpt=b"you will not, and nobody will miss you",
        good_faith=True,
    )
    receipt = await anyone.SubmitTipOff(request)
    clock = receipt.due_time.ToDatetime(UTC) - receipt.receive_time.ToDatetime(UTC)
    scene.proves(
        f"receipt {receipt.reference_number} and a tracking code at once; an answer is due in {days} days",
        receipt.tracking_code and clock == timedelta(days=days),
    )
    scene.proves("sent again, it is the same tip-off", (await anyone.SubmitTipOff(request)) == receipt)

    async def follow(code: str) -> GetTipOffByTrackingCodeResponse:
        return await anyone.GetTipOffByTrackingCode(GetTipOffByTrackingCodeRequest(tracking_code=code))

    mine = await follow(receipt.tracking_code)
    scene.proves("the code follows it", mine.tip_off.state == TIP_OFF_STATE_RECEIVED)
    await scene.refuses("another code", "NOT_FOUND", follow(receipt.tracking_code[::-1]))
    moderator = TipOffServiceStub(world.suite.as_(MODERATOR))
    due = (await moderator.ListDueTipOffs(ListDueTipOffsRequest())).tip_offs
    found = next((one for one in due if one.reference_number == receipt.reference_number), None)
    if found is None:
        raise StoryError("the tip-off is on the desk's list")
    triage = TriageTipOffRequest(
        request_id=request_id(), tip_off_id=found.tip_off_id, category=TIP_OFF_CATEGORY_HARASSMENT, priority=70
    )
    await moderator.TriageTipOff(triage)
    scene.proves("a moderator finds it on the desk's list and sorts it", found.group_id == world.group_id)
    return found.tip_off_id, receipt.tracking_code


def _proposal(world: World, act: datetime, seen: list[Evidence]) -> ProposeSanctionRequest:
    """The sanction against the member, as it should be proposed."""
    return ProposeSanctionRequest(
        request_id=request_id(),
        subject=account(world.cast.rowdy),
        capacity=CAPACITY_MEMBER,
        group_id=world.group_id,
        reasons=reasons("harassment", seen, act),
        measures=measures(world.suite.now(), PUBLISHING_SUSPENDED=14, MANAGEMENT_SUSPENDED=90),
        points=_POINTS,
    )


async def _refused_proposals(world: World, scene: Scene, act: datetime, seen: list[Evidence]) -> None:
    scene.says("What the rules do not let through:")
    propose = desk(world, MODERATOR).ProposeSanction
    bare = _proposal(world, act, seen)
    bare.ClearField("reasons")
    await scene.refuses("a sanction without reasons", "REASONS_REQUIRED", propose(bare))
    blank = _proposal(world, act, seen)
    blank.reasons.facts = " "
    await scene.refuses("a sanction without facts", "REASONS_REQUIRED", propose(blank))
    endless = _proposal(world, act, seen)
    endless.measures[1].CopyFrom(Measure(kind=MEASURE_KIND_MANAGEMENT_SUSPENDED))
    await scene.refuses("a sanction without an end date", "END_REQUIRED", propose(endless))
    before = world.pack.effective_at - timedelta(days=1)
    early = _proposal(world, before, seen)
    await scene.refuses("an act from before the policy's date", "ACT_BEFORE_POLICY", propose(early))
    unknown = _proposal(world, act, seen)
    unknown.reasons.rule_id = "bad-taste"
    await scene.refuses("a rule that nobody published", "RULE_UNKNOWN", propose(unknown))


async def _member(world: World, scene: Scene, tip_off_id: str, act: datetime, seen: list[Evidence]) -> Sanction:
    scene.says(
        "The full statement of reasons passes. Approval takes a second person, whatever roles the first one holds."
    )
    before = await _decision(world, world.cast.rowdy, ACTION_MANAGE)
    scene.proves("until then the member manages as before", before.allowed)
    proposal = _proposal(world, act, seen)
    proposal.tip_off_id = tip_off_id
    proposed = (await desk(world, BOTH).ProposeSanction(proposal)).sanction
    await scene.refuses("the proposer approving", "SECOND_PERSON_REQUIRED", approve(world, proposed.sanction_id, BOTH))
    again = _proposal(world, act, seen)
    await scene.refuses(
        "a second sanction on the same evidence", "EVIDENCE_REUSED", desk(world, MODERATOR).ProposeSanction(again)
    )
    await approve(world, proposed.sanction_id, APPROVER)
    sanction = await in_force(world, scene, "approved by another, notice delivered: in force", proposed.sanction_id)
    window = sanction.appeal_end_time.ToDatetime(UTC) - sanction.start_time.ToDatetime(UTC)
    scene.proves(
        f"the appeal window is open for {world.pack.credit.appeal_window_days} days",
        window == timedelta(days=world.pack.credit.appeal_window_days),
    )
    notice = world.notice_outbox.read_text()
    staff = (BOTH.staff_id, MODERATOR.staff_id, APPROVER.staff_id)
    scene.proves(
        "the notice is in the outbox, and names no member of staff",
        proposed.sanction_id in notice and not any(name in notice for name in staff),
    )
    standing = (
        await StandingServiceStub(world.suite.workload("platform")).GetStanding(
            GetStandingRequest(subject=account(world.cast.rowdy))
        )
    ).standing
    scene.proves(
        f"{standing.active_points} points on the ledger: tier '{standing.tier}'", standing.active_points == _POINTS
    )
    await scene.until(
        "the right to manage is suspended in groups, with the sanction as the deciding fact",
        lambda: _decision(world, world.cast.rowdy, ACTION_MANAGE),
        lambda decision: (
            decision.reason == DECISION_REASON_MANAGEMENT_SUSPENDED and decision.fact.id == proposed.sanction_id
        ),
    )
    return sanction


async def _blacklist(world: World, scene: Scene, act: datetime) -> None:
    scene.says("A blacklist entry rests on that sanction, and has a term: it falls with what it rests on.")
    proposal = ProposeSanctionRequest(
        request_id=request_id(),
        subject=account(world.cast.rowdy),
        capacity=CAPACITY_MEMBER,
        group_id=world.group_id,
        reasons=reasons("harassment", [evidence("a second look", act)], act),
        measures=measures(world.suite.now(), BLACKLISTED=120),
        prior_sanction_ids=[world.sanction_id],
    )
    sanction = await impose(world, scene, "the blacklist entry is in force", proposal)
    world.blacklist_sanction_id = sanction.sanction_id
    blacklist = BlacklistServiceStub(world.suite.workload("platform"))
    listed: CheckBlacklistResponse = await blacklist.CheckBlacklist(
        CheckBlacklistRequest(subject=account(world.cast.rowdy))
    )
    scene.proves(
        f"the entry names its sanction and its end, {listed.entry.end_time.ToDatetime(UTC):%Y-%m-%d}",
        listed.entry.sanction_id == sanction.sanction_id and listed.entry.HasField("end_time"),
    )
    await scene.until(
        "posting is denied as blacklisted",
        lambda: _decision(world, world.cast.rowdy, ACTION_POST),
        lambda decision: decision.reason == DECISION_REASON_ACCOUNT_BLACKLISTED,
    )


async def _group(world: World, scene: Scene, act: datetime) -> list[str]:
    scene.says("The group is warned, and then suspended for a day.")

    def proposal(what: str, prior: list[str], **days: int) -> ProposeSanctionRequest:
        return ProposeSanctionRequest(
            request_id=request_id(),
            subject=group(world.group_id),
            capacity=CAPACITY_GROUP,
            reasons=reasons("harassment", [evidence(what, act)], act),
            measures=measures(world.suite.now(), **days),
            prior_sanction_ids=prior,
        )

    warned = await impose(world, scene, "the group is warned", proposal("the thread", [], WARNED=180))
    suspended = await impose(
        world, scene, "the group is suspended", proposal("the thread after", [warned.sanction_id], GROUP_SUSPENDED=1)
    )
    await scene.until(
        "nobody posts in it",
        lambda: _decision(world, world.cast.helper, ACTION_POST),
        lambda decision: (
            decision.reason == DECISION_REASON_GROUP_SUSPENDED and decision.fact.id == suspended.sanction_id
        ),
    )
    return [warned.sanction_id, suspended.sanction_id]


async def _reply(world: World, scene: Scene, tip_off_id: str, code: str, sanction_ids: list[str]) -> None:
    moderator = TipOffServiceStub(world.suite.as_(MODERATOR))
    await moderator.DecideTipOff(
        DecideTipOffRequest(
            request_id=request_id(),
            tip_off_id=tip_off_id,
            outcome=TIP_OFF_OUTCOME_ACTION_TAKEN,
            reasons="The message is a threat; the statements of reasons say what follows from it.",
            sanction_ids=sanction_ids,
        )
    )
    reply = "The message broke the rules, and we have acted on it. You can answer here with your tracking code."
    await moderator.ReplyTipOff(ReplyTipOffRequest(request_id=request_id(), tip_off_id=tip_off_id, reply=reply))
    followed = await TipOffServiceStub(world.suite.anonymous()).GetTipOffByTrackingCode(
        GetTipOffByTrackingCodeRequest(tracking_code=code)
    )
    scene.proves(
        "the reporter reads the answer with the code, in time, and no word of who was sanctioned how",
        followed.tip_off.state == TIP_OFF_STATE_REPLIED
        and followed.reply == reply
        and not followed.tip_off.overdue
        and not followed.tip_off.sanction_ids,
    )
    scene.counts(sanctions=len(sanction_ids), points=_POINTS)


async def _decision(world: World, account_id: str, action: Action.ValueType) -> Decision:
    decisions = DecisionServiceStub(world.suite.workload("platform"))
    request = CheckRequest(account_id=account_id, group_id=world.group_id, action=action)
    return (await decisions.Check(request)).decision
