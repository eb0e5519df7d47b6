"""Hears of published packs from the credit service, before they come into force."""

import asyncio
from datetime import UTC

from chassis.peers import Peers
from chassis.retry import Backoff
from ombud.client import OmbudError
from ombud.credit.v1.policy_service_pb2 import GetPolicyRequest, ListPoliciesRequest, Policy
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from policies.pack import Pack
from policies.schedule import Schedule, Scheduled

_SECONDS = 5.0
"""Between two questions: much less than the lead with which a pack is published."""


class Following:
    """Keeps a schedule abreast of what is published.

    Args:
        schedule: What the service knows.
        peers: The other services; as long as credit is not among them, the schedule stays as it is.
    """

    def __init__(self, schedule: Schedule, peers: Peers) -> None:
        self._schedule = schedule
        self._peers = peers

    async def run(self) -> None:
        """Asks until cancelled."""
        backoff = Backoff()
        while True:
            try:
                if self._peers.knows("credit"):
                    await self.ask()
            except OmbudError:
                await asyncio.sleep(backoff.wait())
            else:
                backoff.reset()
                await asyncio.sleep(_SECONDS)

    async def ask(self) -> None:
        """Takes over what is published now; of a pack that is known, the content is not asked for again.

        Raises:
            OmbudError: Credit did not answer.
        """
        packs = {each.pack.content_hash: each.pack for each in self._schedule.known}
        published = await self._published()
        for content_hash in {each.version.content_hash for each in published} - packs.keys():
            packs[content_hash] = await self._pack(content_hash)
        self._schedule.take(
            [Scheduled(each.effective_time.ToDatetime(UTC), packs[each.version.content_hash]) for each in published]
        )

    async def _published(self) -> list[Policy]:
        stub, token = PolicyServiceStub(self._peers.channel("credit")), ""
        found: list[Policy] = []
        while True:
            page = await stub.ListPolicies(ListPoliciesRequest(page_token=token))
            found += page.policies
            if not (token := page.next_page_token):
                return found

    async def _pack(self, content_hash: str) -> Pack:
        stub = PolicyServiceStub(self._peers.channel("credit"))
        return Pack.model_validate_json((await stub.GetPolicy(GetPolicyRequest(content_hash=content_hash))).document)
