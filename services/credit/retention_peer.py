"""What the credit service asks of the retention service."""

from chassis.peers import Peers
from chassis.refusal import Refusal
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.figures_service_pb2 import GetDisclosureFiguresRequest, GetDisclosureFiguresResponse
from ombud.retention.v1.figures_service_pb2_grpc import FiguresServiceStub


class RetentionPeer:
    """The retention service, as far as the credit service needs it."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def disclosure_figures(self, interval: Interval) -> GetDisclosureFiguresResponse:
        """How often retained records were asked for, read and held over an interval.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        try:
            return await FiguresServiceStub(self._peers.channel("retention")).GetDisclosureFigures(
                GetDisclosureFiguresRequest(interval=interval)
            )
        except OmbudError:
            raise Refusal.peer_unavailable("retention") from None
