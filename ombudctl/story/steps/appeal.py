"""Step 7: an appeal, decided by somebody who had no part in it; what falls leaves no trace in the score."""

from ombud.client import request_id
from ombud.credit.v1.appeal_service_pb2 import (
    APPEAL_GROUND_FACTS_WRONG,
    APPEAL_GROUND_NEW_EVIDENCE,
    APPEAL_OUTCOME_OVERTURNED,
    APPEAL_STATE_DECIDED,
    AnnounceReadinessRequest,
    Appeal,
    AssignReviewerRequest,
    DecideAppealRequest,
    FileAppealRequest,
)
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.credit.v1.blacklist_service_pb2 import CheckBlacklistRequest
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.sanction_service_pb2 import SANCTION_STATE_OVERTURNED, GetSanctionRequest
from ombud.credit.v1.standing_service_pb2 import (
    LEDGER_ENTRY_KIND_OVERTURN,
    ExplainStandingRequest,
    ListLedgerRequest,
)
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from ombud.groups.v1.decision_service_pb2 import ACTION_MANAGE, ACTION_POST, CheckRequest, Decision
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombudctl.story.cases import account, desk, evidence
from ombudctl.story.scene import Scene
from ombudctl.story.steps.referral import on_file
from ombudctl.story.suite import Person, person
from ombudctl.story.world import APPROVER, BOTH, MODERATOR, REVIEWER, World


async def play(world: World, scene: Scene) -> None:
    """Files, refuses who is not independent, overturns."""
    appeal = await _file(world, scene)
    await _reviewer(world, scene, appeal)
    decided = await _decide(world, scene, appeal)
    await _effects(world, scene, decided)


async def _file(world: World, scene: Scene) -> Appeal:
    stub = AppealServiceStub(world.suite.workload("platform"))
    scene.says("The sanctioned member appeals: it was a line from a play that the group rehearses.")

    def filing(appellant: str) -> FileAppealRequest:
        return FileAppealRequest(
            request_id=request_id(),
            sanction_id=world.sanction_id,
            appellant_account_id=appellant,
            grounds=[APPEAL_GROUND_FACTS_WRONG, APPEAL_GROUND_NEW_EVIDENCE],
            statement="We rehearse a play about the sea; the line is in its second act, and everybody there knew.",
            evidence=[evidence("the script of the play", world.suite.now())],
        )

    await scene.refuses(
        "somebody else appealing", "APPELLANT_NOT_CONCERNED", stub.FileAppeal(filing(world.cast.lurker))
    )
    appeal = (await stub.FileAppeal(filing(world.cast.rowdy))).appeal
    days = (appeal.due_time.ToDatetime() - appeal.file_time.ToDatetime()).days
    scene.proves(
        f"filed; undecided after {days} days it would stay the sanction", days == world.pack.credit.appeal_decision_days
    )
    await scene.refuses("a second appeal", "ALREADY_APPEALED", stub.FileAppeal(filing(world.cast.rowdy)))
    return appeal


async def _reviewer(world: World, scene: Scene, appeal: Appeal) -> None:
    async def assign(someone: Person) -> None:
        stub = AppealServiceStub(world.suite.as_(someone))
        await stub.AnnounceReadiness(AnnounceReadinessRequest(request_id=request_id(), ready=True))
        request = AssignReviewerRequest(request_id=request_id(), appeal_id=appeal.appeal_id, declares_no_conflict=True)
        await stub.AssignReviewer(request)

    issuer = person(BOTH.staff_id, *BOTH.roles, "reviewer")
    approver = person(APPROVER.staff_id, *APPROVER.roles, "reviewer")
    member = person("rev-kai", "reviewer", account_id=world.cast.helper)
    for text, someone in (("the issuer", issuer), ("the approver", approver), ("a member of the group", member)):
        await scene.refuses(f"{text} as reviewer", "REVIEWER_NOT_INDEPENDENT", assign(someone))
    await scene.refuses("a moderator without the role", "ROLE_REQUIRED", assign(MODERATOR))
    await assign(REVIEWER)


async def _decide(world: World, scene: Scene, appeal: Appeal) -> Appeal:
    reviewer = AppealServiceStub(world.suite.as_(REVIEWER))

    def decision(reasons: str) -> DecideAppealRequest:
        return DecideAppealRequest(
            request_id=request_id(),
            appeal_id=appeal.appeal_id,
            outcome=APPEAL_OUTCOME_OVERTURNED,
            reasons=reasons,
            declares_no_conflict=True,
        )

    await scene.refuses("a decision without reasons", "REASONS_REQUIRED", reviewer.DecideAppeal(decision("")))
    grounds = "The script was seen: the line is spoken in it, and no member took it for more than that."
    decided = (await reviewer.DecideAppeal(decision(grounds))).appeal
    scene.proves("another reviewer overturns it, with reasons", decided.state == APPEAL_STATE_DECIDED)
    return decided


async def _effects(world: World, scene: Scene, decided: Appeal) -> None:
    scene.says("Nobody has to put anything back: it all comes back by itself.")
    fallen = list(decided.effects.overturned_sanction_ids)
    scene.proves(
        "with the sanction fell what rested on it, the blacklist entry",
        fallen[0] == world.sanction_id and world.blacklist_sanction_id in fallen,
    )
    subject = account(world.cast.rowdy)
    derived = await desk(world, MODERATOR).GetSanction(GetSanctionRequest(sanction_id=world.blacklist_sanction_id))
    scene.proves("the derived sanction is OVERTURNED too", derived.sanction.state == SANCTION_STATE_OVERTURNED)
    listed = await BlacklistServiceStub(world.suite.workload("platform")).CheckBlacklist(
        CheckBlacklistRequest(subject=subject)
    )
    scene.proves("the blacklist knows the account no more", not listed.HasField("entry"))
    standings = StandingServiceStub(world.suite.workload("platform"))
    explained = await standings.ExplainStanding(ExplainStandingRequest(subject=subject))
    best = world.pack.credit.tiers[0].name
    scene.proves(
        f"nothing is left in the score: no entry counts, tier '{explained.standing.tier}'",
        not explained.entries and not explained.standing.active_points and explained.standing.tier == best,
    )
    ledger = (await standings.ListLedger(ListLedgerRequest(subject=subject))).entries
    scene.proves(
        "and nothing is lost from the ledger: the points and their taking back are both on it",
        any(entry.kind == LEDGER_ENTRY_KIND_OVERTURN for entry in ledger) and any(entry.points for entry in ledger),
    )
    for action, text in ((ACTION_MANAGE, "manage"), (ACTION_POST, "post")):
        await scene.until(
            f"the member may {text} again, as groups learns from the feed",
            lambda action=action: _decision(world, action),  # type: ignore[misc]
            lambda decision: decision.allowed,
        )
    referral = await on_file(world)
    scene.proves("the referral stays on file, marked for correction", referral.HasField("correction_time"))
    scene.counts(overturned=len(fallen), ledger_entries=len(ledger))


async def _decision(world: World, action: int) -> Decision:
    decisions = DecisionServiceStub(world.suite.workload("platform"))
    request = CheckRequest(account_id=world.cast.rowdy, group_id=world.group_id, action=action)  # type: ignore[arg-type]
    return (await decisions.Check(request)).decision
