import pytest

from chassis.peers import Peers
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.types_pb2 import Interval
from services.credit.retention_peer import RetentionPeer


async def test_silent_retention_service_makes_no_report_with_a_part_missing(unused_tcp_port: int) -> None:
    peers = Peers({"retention": f"127.0.0.1:{unused_tcp_port}"}, token=lambda: "none")
    with pytest.raises(Refusal) as refused:
        await RetentionPeer(peers).disclosure_figures(Interval())
    await peers.close()
    assert refused.value.reason == ErrorReason.ERROR_REASON_PEER_UNAVAILABLE
    assert refused.value.facts == {"service": "retention"}
