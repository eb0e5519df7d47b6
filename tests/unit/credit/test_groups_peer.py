from collections.abc import AsyncIterator

import pytest

from chassis.ids import new_id
from chassis.peers import Peers
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.types_pb2 import Interval
from services.credit.groups_peer import GroupsPeer


@pytest.fixture
async def unreachable(unused_tcp_port: int) -> AsyncIterator[GroupsPeer]:
    peers = Peers({"groups": f"127.0.0.1:{unused_tcp_port}"}, token=lambda: "none")
    yield GroupsPeer(peers)
    await peers.close()


async def test_silent_groups_service_is_no_breach_and_no_membership(unreachable: GroupsPeer) -> None:
    for question in (
        unreachable.breach(group_id=new_id(), notice_id=new_id(), account_id=new_id()),
        unreachable.role_in(new_id(), new_id()),
        unreachable.has_member(new_id(), new_id()),
        unreachable.tip_off_figures(Interval()),
        unreachable.deciders(new_id()),
    ):
        with pytest.raises(Refusal) as refused:
            await question
        assert refused.value.reason == ErrorReason.ERROR_REASON_PEER_UNAVAILABLE
        assert refused.value.facts == {"service": "groups"}


async def test_nobody_without_an_account_is_a_member(unreachable: GroupsPeer) -> None:
    assert not await unreachable.has_member(new_id(), "")
    assert not await unreachable.has_member("", new_id())


async def test_nobody_decided_what_was_not_tipped_off(unreachable: GroupsPeer) -> None:
    assert await unreachable.deciders("") == frozenset()
