"""A part of step 5: the referral of one act to an authority."""

from typing import TYPE_CHECKING

from ombud.client import request_id
from ombud.credit.v1.referral_service_pb2 import (
    REFERRAL_FIELD_ACT_TIME,
    REFERRAL_FIELD_EVIDENCE_HASHES,
    REFERRAL_FIELD_RULE,
    REFERRAL_OUTCOME_TAKEN_UP,
    REFERRAL_STATE_CONCLUDED,
    ApproveReferralRequest,
    ListReferralsRequest,
    ProposeReferralRequest,
    RecordReferralOutcomeRequest,
    Referral,
)
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceStub
from ombudctl.story.scene import Scene
from ombudctl.story.suite import Person
from ombudctl.story.world import APPROVER, BOTH, MODERATOR, World

if TYPE_CHECKING:
    from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceAsyncStub


async def refer(world: World, scene: Scene) -> None:
    """Refers the member's sanctioned act, by two persons."""
    scene.says("The act is referred to an authority: a single act, by two persons, with no more fields than it takes.")
    proposal = ProposeReferralRequest(
        request_id=request_id(),
        sanction_id=world.sanction_id,
        authority="Harbour Police, desk for threats",
        legal_basis="Regulation (EU) 2022/2065, Article 18",
        fields=[REFERRAL_FIELD_ACT_TIME, REFERRAL_FIELD_RULE, REFERRAL_FIELD_EVIDENCE_HASHES],
    )
    proposed = (await _stub(world, BOTH).ProposeReferral(proposal)).referral
    world.referral_id = proposed.referral_id
    approval = ApproveReferralRequest(request_id=request_id(), referral_id=proposed.referral_id)
    await scene.refuses(
        "the proposer approving the referral", "SECOND_PERSON_REQUIRED", _stub(world, BOTH).ApproveReferral(approval)
    )
    approval.request_id = request_id()
    await _stub(world, APPROVER).ApproveReferral(approval)
    outcome = RecordReferralOutcomeRequest(
        request_id=request_id(),
        referral_id=proposed.referral_id,
        outcome=REFERRAL_OUTCOME_TAKEN_UP,
        reference="HP 2026/118",
    )
    await _stub(world, MODERATOR).RecordReferralOutcome(outcome)
    filed = await on_file(world)
    scene.proves("approved by another, taken up, and on file", filed.state == REFERRAL_STATE_CONCLUDED)


async def on_file(world: World) -> Referral:
    """The story's referral, as it is on file."""
    listed = (await _stub(world, MODERATOR).ListReferrals(ListReferralsRequest(page_size=100))).referrals
    return next(referral for referral in listed if referral.referral_id == world.referral_id)


def _stub(world: World, someone: Person) -> "ReferralServiceAsyncStub":
    return ReferralServiceStub(world.suite.as_(someone))
