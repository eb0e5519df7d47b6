"""PolicyService: what was published, and what is in force when."""

from chassis.db import Database
from ombud.credit.v1 import policy_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceServicer as Contract
from services.credit import wire
from services.credit.listing import Listing
from services.credit.policies import store
from services.credit.policies.domain import Publication


class PolicyServicer(Contract):
    """Published policy packs."""

    def __init__(self, database: Database, listing: Listing) -> None:
        self._database = database
        self._listing = listing

    async def GetPolicy(self, request: pb.GetPolicyRequest, _context: wire.Context) -> pb.GetPolicyResponse:
        """The policy in force at an instant."""
        at = wire.instant(request, "time") or self._database.clock.now()
        policy = await self._database.read(lambda session: store.at(session, at))
        return pb.GetPolicyResponse(policy=_message(policy.publication), document=policy.pack.canonical)

    async def ListPolicies(self, request: pb.ListPoliciesRequest, _context: wire.Context) -> pb.ListPoliciesResponse:
        """A page of the publications."""
        found, token = await self._listing.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size),
            lambda publication: publication.publication_id,
        )
        return pb.ListPoliciesResponse(policies=[_message(item) for item in found], next_page_token=token)


def _message(publication: Publication) -> pb.Policy:
    return pb.Policy(
        version=types_pb2.PolicyVersion(
            policy_id=publication.policy_id, version=publication.version, content_hash=publication.content_hash
        ),
        title=publication.title,
        effective_time=wire.timestamp(publication.effective_at),
        publish_time=wire.timestamp(publication.published_at),
    )
