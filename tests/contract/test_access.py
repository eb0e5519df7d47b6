"""Every RPC with every caller: whom the contract lists gets past authorisation, and nobody else does."""

import pytest

from ombud.client import OmbudError
from tests.contract.conftest import Lived
from tests.contract.test_shape import ROLES, WORKLOADS, every_rpc
from tests.support.contract import Rpc, rpcs
from tests.support.wire import NOBODY, Who, whoever_may

pytestmark = pytest.mark.asyncio(loop_scope="module")

STOPPED = {"UNAUTHENTICATED", "TOKEN_REFUSED", "WORKLOAD_NOT_ALLOWED", "ROLE_REQUIRED"}


async def reason_for(lived: Lived, who: Who, rpc: Rpc) -> str:
    """Why an empty request of the caller is refused; empty if it is not."""
    try:
        await lived.wire.call(who, rpc, rpc.request())
    except OmbudError as error:
        return error.reason or error.code().name
    return ""


@every_rpc
async def test_nobody_gets_past_authentication_unless_the_rpc_is_public(lived: Lived, rpc: Rpc) -> None:
    reason = await reason_for(lived, NOBODY, rpc)
    assert (reason == "UNAUTHENTICATED") is not rpc.method.rule.public


@every_rpc
async def test_listed_callers_get_past_authorisation(lived: Lived, rpc: Rpc) -> None:
    rule = rpc.method.rule
    for workload in rule.workloads:
        for role in rule.roles or {""}:
            reason = await reason_for(lived, Who(workload, frozenset({role} - {""})), rpc)
            assert reason not in STOPPED
            assert reason not in {"UNKNOWN_METHOD", "UNIMPLEMENTED", "INTERNAL", "UNKNOWN"}


@every_rpc
async def test_unlisted_workload_is_stopped_whatever_its_person_may(lived: Lived, rpc: Rpc) -> None:
    rule = rpc.method.rule
    if rule.public:
        return
    for workload in (WORKLOADS | {"", "Platform", "platform/", "root"}) - rule.workloads:
        for roles in {frozenset(), rule.roles} if workload else {frozenset({"moderator"})}:
            expected = "WORKLOAD_NOT_ALLOWED" if workload else "UNAUTHENTICATED"
            assert await reason_for(lived, Who(workload, roles), rpc) == expected


@pytest.mark.parametrize("rpc", [rpc for rpc in rpcs() if rpc.method.rule.roles], ids=lambda rpc: rpc.name)
async def test_wrong_role_is_stopped(lived: Lived, rpc: Rpc) -> None:
    rule = rpc.method.rule
    for workload in rule.workloads:
        for roles in (frozenset[str](), frozenset({"Moderator", "admin", "*"}), frozenset(ROLES) - rule.roles):
            assert await reason_for(lived, Who(workload, roles), rpc) == "ROLE_REQUIRED"


async def test_caller_of_the_examples_is_one_that_is_listed(lived: Lived) -> None:
    assert set(lived.examples) == {rpc.path for rpc in rpcs()}
    for example in lived.examples.values():
        assert example.who.workload in example.rpc.method.rule.workloads or example.rpc.method.rule.public
        assert whoever_may(example.rpc).workload
