"""What the identity service asks of the credit service."""

from collections.abc import Iterable

from chassis.peers import Peers
from chassis.refusal import Refusal
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import blacklist_service_pb2
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub


class CreditPeer:
    """The credit service, as far as the identity service needs it."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def bars(self, account_ids: Iterable[str]) -> bool:
        """Whether a blacklist entry of one of some accounts keeps their holder from having another one verified.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        request = blacklist_service_pb2.BatchCheckBlacklistRequest(
            subjects=[Subject(account_id=account_id) for account_id in account_ids],
            scope=blacklist_service_pb2.BLACKLIST_SCOPE_REGISTRATION,
        )
        try:
            reply = await BlacklistServiceStub(self._peers.channel("credit")).BatchCheckBlacklist(request)
        except OmbudError:
            raise Refusal.peer_unavailable("credit") from None
        return bool(reply.entries)
