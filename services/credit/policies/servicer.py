"""PolicyService: what is published, by whom it is, and what a draft would change."""

from datetime import timedelta

from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Interval
from ombud.credit.v1 import policy_service_pb2 as pb
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceServicer as Contract
from policies.diff import differences
from policies.pack import Pack
from services.credit import wire
from services.credit.groups_peer import GroupsPeer
from services.credit.listing import Listing
from services.credit.policies import domain, evidence, messages, store
from services.credit.policies.domain import PolicyInForce, Proposal
from services.credit.policies.evidence import Evidence, EvidenceKind
from services.credit.policies.jobs import Republication
from services.credit.policies.simulator import simulate
from services.credit.retention_peer import RetentionPeer
from services.credit.standings import feed
from services.credit.subjects import Subject

_YEAR, _SECOND = timedelta(days=365), timedelta(seconds=1)


class PolicyServicer(Contract):
    """Published policy packs, and the two persons' way to publish another.

    Args:
        database: The database.
        listing: Pages of publications.
        republication: Tells accounts what a publication entitles them to.
        groups: Counts tip-offs.
        retention: Counts accesses to retained records.
    """

    def __init__(
        self,
        database: Database,
        listing: Listing,
        republication: Republication,
        *,
        groups: GroupsPeer,
        retention: RetentionPeer,
    ) -> None:
        self._database = database
        self._groups = groups
        self._retention = retention
        self._listing = listing
        self._republication = republication

    async def GetPolicy(self, request: pb.GetPolicyRequest, _context: wire.Context) -> pb.GetPolicyResponse:
        """The policy in force at an instant, or a published one."""
        at = wire.instant(request, "time") or self._database.clock.now()

        def query(session: Session) -> PolicyInForce:
            return store.with_hash(session, request.content_hash) if request.content_hash else store.at(session, at)

        policy = await self._database.read(query)
        return pb.GetPolicyResponse(
            policy=messages.publication_message(policy.publication), document=policy.pack.canonical
        )

    async def ListPolicies(self, request: pb.ListPoliciesRequest, _context: wire.Context) -> pb.ListPoliciesResponse:
        """A page of the publications."""
        found, token = await self._listing.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size),
            lambda publication: publication.publication_id,
        )
        return pb.ListPoliciesResponse(
            policies=[messages.publication_message(item) for item in found], next_page_token=token
        )

    async def ProposePolicy(self, request: pb.ProposePolicyRequest, _context: wire.Context) -> pb.ProposePolicyResponse:
        """Simulates a pack and proposes to publish it."""
        recalled: pb.ProposePolicyResponse | None = await self._database.recall()
        if recalled is not None:
            return recalled
        pack, effective_at = messages.pack_of(request.document), wire.instant(request, "effective_time")
        simulation = messages.simulation_message(await simulate(self._database, pack, self._database.clock.now()))

        def command(unit: Unit) -> pb.ProposePolicyResponse:
            proposal = domain.propose(
                pack,
                proposal_id=new_id(),
                effective_at=effective_at,
                published=store.published(unit.session),
                proposer=unit.call.person.staff_id,
                at=unit.now,
            )
            store.propose(unit.session, proposal, pack, simulation.SerializeToString())
            _audit(unit, "credit.policy.proposed", proposal)
            return pb.ProposePolicyResponse(proposal=messages.proposal_message(proposal, simulation))

        return await self._database.write(command)

    async def ApprovePolicy(self, request: pb.ApprovePolicyRequest, _context: wire.Context) -> pb.ApprovePolicyResponse:
        """Publishes a proposed pack, and tells in advance what it entitles to."""

        def command(unit: Unit) -> pb.ApprovePolicyResponse:
            proposed, pack, simulation = store.proposed(unit.session, request.proposal_id)
            proposal, publication = domain.approve(
                proposed,
                publication_id=new_id(),
                published=store.published(unit.session),
                approver=unit.call.person.staff_id,
                at=unit.now,
            )
            store.approve(unit.session, proposal)
            store.add(unit.session, publication, pack)
            feed.publish_defaults(unit)
            _audit(unit, "credit.policy.published", proposal)
            return pb.ApprovePolicyResponse(
                proposal=messages.proposal_message(proposal, pb.PolicySimulation.FromString(simulation)),
                policy=messages.publication_message(publication),
            )

        response = await self._database.write(command)
        self._republication.wake()
        return response

    async def GetPolicyProposal(
        self, request: pb.GetPolicyProposalRequest, _context: wire.Context
    ) -> pb.GetPolicyProposalResponse:
        """A proposal, for the second person to decide by."""
        proposal, pack, simulation = await self._database.read(
            lambda session: store.proposed(session, request.proposal_id)
        )
        return pb.GetPolicyProposalResponse(
            proposal=messages.proposal_message(proposal, pb.PolicySimulation.FromString(simulation)),
            document=pack.canonical,
        )

    async def DiffPolicies(self, request: pb.DiffPoliciesRequest, _context: wire.Context) -> pb.DiffPoliciesResponse:
        """What differs between two packs."""
        now = self._database.clock.now()

        def query(session: Session) -> tuple[Pack, Pack]:
            older = (
                store.with_hash(session, request.from_content_hash)
                if request.from_content_hash
                else store.at(session, now)
            )
            if request.WhichOneof("to") == "to_document":
                return older.pack, messages.pack_of(request.to_document, "to_document")
            return older.pack, store.with_hash(session, request.to_content_hash).pack

        older, newer = await self._database.read(query)
        return pb.DiffPoliciesResponse(
            changes=[messages.change_message(difference) for difference in differences(older, newer)]
        )

    async def SimulatePolicy(
        self, request: pb.SimulatePolicyRequest, _context: wire.Context
    ) -> pb.SimulatePolicyResponse:
        """What a draft would change."""
        pack, at = messages.pack_of(request.document), wire.instant(request, "time") or self._database.clock.now()
        simulation = await simulate(self._database, pack, at)
        return pb.SimulatePolicyResponse(simulation=messages.simulation_message(simulation))

    async def GetEvidence(self, _request: pb.GetEvidenceRequest, _context: wire.Context) -> pb.GetEvidenceResponse:
        """Counts of what shows that the rules are kept."""
        now = self._database.clock.now()
        interval = Interval(start_time=wire.timestamp(now - _YEAR), end_time=wire.timestamp(now + _SECOND))
        tip_offs = await self._groups.tip_off_figures(interval)
        disclosures = await self._retention.disclosure_figures(interval)

        def query(session: Session) -> tuple[dict[EvidenceKind, Evidence], Subject | None]:
            return evidence.collect(session, now), evidence.latest_subject(session)

        own, latest = await self._database.read(query)
        return pb.GetEvidenceResponse(
            evidence=[
                *(messages.evidence_message(kind, each) for kind, each in own.items()),
                messages.tip_offs_message(tip_offs),
                messages.disclosures_message(disclosures),
            ],
            latest_subject=wire.subject_message(latest) if latest else None,
        )


def _audit(unit: Unit, action: str, proposal: Proposal) -> None:
    unit.audit(
        action,
        resource_id=proposal.proposal_id,
        facts={"policy": proposal.policy_id, "version": proposal.version, "content_hash": proposal.content_hash},
    )
