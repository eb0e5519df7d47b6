"""Messages of policies, proposals, differences and simulations."""

from google.protobuf.duration_pb2 import Duration
from pydantic import ValidationError

from chassis import enums
from chassis.refusal import ErrorReason, FieldViolation, Refusal
from ombud.credit.v1 import policy_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from ombud.groups.v1.figures_service_pb2 import GetTipOffFiguresResponse
from ombud.retention.v1.figures_service_pb2 import GetDisclosureFiguresResponse
from policies.diff import Difference
from policies.pack import Pack
from services.credit import wire
from services.credit.policies.domain import Proposal, Publication
from services.credit.policies.evidence import Evidence, EvidenceKind
from services.credit.policies.simulator import Simulation
from services.credit.standings.feed import default_entitlements, policy_message


def pack_of(document: str, field: str = "document") -> Pack:
    """The pack that a document holds.

    Args:
        document: JSON.
        field: The field of the request that holds it.

    Raises:
        Refusal: PACK_REFUSED, with every place where the document breaks the schema.
    """
    try:
        return Pack.model_validate_json(document)
    except ValidationError as error:
        faults = [
            FieldViolation(".".join([field, *map(str, each["loc"])]), each["msg"].removeprefix("Value error, "))
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    refusal = Refusal.field(
        faults[0].path,
        f"the document is no policy pack: {faults[0].description}",
        reason=ErrorReason.ERROR_REASON_PACK_REFUSED,
        satisfy="a pack that `ombud policy lint` accepts",
    )
    refusal.violations = tuple(faults)
    raise refusal


def publication_message(publication: Publication) -> pb.Policy:
    """The message of a publication."""
    return pb.Policy(
        version=_version(publication),
        title=publication.title,
        effective_time=wire.timestamp(publication.effective_at),
        publish_time=wire.timestamp(publication.published_at),
    )


def proposal_message(proposal: Proposal, simulation: pb.PolicySimulation) -> pb.PolicyProposal:
    """The message of a proposal, with what the simulation found."""
    return pb.PolicyProposal(
        proposal_id=proposal.proposal_id,
        version=_version(proposal),
        title=proposal.title,
        effective_time=wire.timestamp(proposal.effective_at),
        state=pb.POLICY_PROPOSAL_STATE_APPROVED if proposal.approved_at else pb.POLICY_PROPOSAL_STATE_PROPOSED,
        propose_time=wire.timestamp(proposal.proposed_at),
        approve_time=wire.timestamp(proposal.approved_at),
        simulation=simulation,
    )


def change_message(difference: Difference) -> pb.PolicyChange:
    """The message of a difference."""
    kind = pb.POLICY_CHANGE_KIND_CHANGED
    if difference.before is None:
        kind = pb.POLICY_CHANGE_KIND_ADDED
    elif difference.after is None:
        kind = pb.POLICY_CHANGE_KIND_REMOVED
    return pb.PolicyChange(
        path=difference.path,
        kind=kind,
        before=difference.before or "",
        after=difference.after or "",
        serves=difference.serves,
    )


def simulation_message(simulation: Simulation) -> pb.PolicySimulation:
    """The message of a simulation."""
    tally = simulation.tally
    return pb.PolicySimulation(
        time=wire.timestamp(simulation.at),
        current=policy_message(simulation.current),
        draft=policy_message(simulation.draft),
        accounts=tally.accounts,
        accounts_with_another_tier=sum(tally.tiers.values()),
        accounts_with_more_rights=tally.with_more,
        accounts_with_fewer_rights=tally.with_less,
        moves=[
            pb.TierMove(from_tier=before, to_tier=after, accounts=accounts)
            for (before, after), accounts in tally.tiers.items()
        ],
        rights=[pb.RightChange(right=right, more=more, less=less) for right, (more, less) in tally.rights.items()],
        sample_account_ids=tally.sample,
        default_entitlements=default_entitlements(simulation.current),
        draft_default_entitlements=default_entitlements(simulation.draft),
    )


def evidence_message(kind: EvidenceKind, evidence: Evidence) -> pb.EvidenceCount:
    """The message of what was counted of a kind."""
    median = None
    if evidence.median is not None:
        median = Duration()
        median.FromTimedelta(evidence.median)
    return pb.EvidenceCount(
        kind=enums.number(pb.EvidenceKind, kind), found=evidence.found, kept=evidence.kept, median_time=median
    )


def tip_offs_message(figures: GetTipOffFiguresResponse) -> pb.EvidenceCount:
    """The message of how tip-offs were answered."""
    median = figures.median_answer_time if figures.HasField("median_answer_time") else None
    kept = max(figures.received - figures.overdue, 0)
    return pb.EvidenceCount(kind=pb.EVIDENCE_KIND_TIP_OFFS, found=figures.received, kept=kept, median_time=median)


def disclosures_message(figures: GetDisclosureFiguresResponse) -> pb.EvidenceCount:
    """The message of how retained records were disclosed."""
    approved = figures.accesses_approved
    return pb.EvidenceCount(kind=pb.EVIDENCE_KIND_DISCLOSURES, found=approved, kept=approved)


def _version(named: Proposal | Publication) -> types_pb2.PolicyVersion:
    return types_pb2.PolicyVersion(policy_id=named.policy_id, version=named.version, content_hash=named.content_hash)
