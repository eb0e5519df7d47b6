"""The four services over mTLS: a certificate proves the workload, a token only the person behind it."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.auth.tokens import DevIssuer
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombudctl.dev_ca import Authority
from tests.support.contract import Rpc, rpcs
from tests.support.life import MODERATOR, Life
from tests.support.mesh import Mesh, meshed
from tests.support.refusals import refusal_of
from tests.support.wire import NOBODY, PLATFORM, Who

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_VERB = {rpc.verb: rpc for rpc in rpcs()}
REGISTER, LIST, CHECK_MARK = (BY_VERB[verb] for verb in ("RegisterAccount", "ListAccounts", "CheckMark"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    async with meshed(tmp_path_factory.mktemp("mesh")) as running:
        yield running


@pytest.fixture
def life(mesh: Mesh) -> Life:
    return Life(mesh.wire().call, mesh.clock, mesh.folder / "identity" / "outbox" / "phone.jsonl")


async def test_story_crosses_the_services(life: Life) -> None:
    founder, member = await life.verified("anna", 11), await life.verified("ben", 12)
    group = await life.group(founder, member)
    tip_off_id = await life.tip_off(group)
    sanction_id = await life.sanction(
        Subject(account_id=member), credit.MEASURE_KIND_PUBLISHING_SUSPENDED, tip_off_id=tip_off_id
    )
    denied = await life.may(member, decisions.ACTION_POST, group.group_id, allowed=False)
    assert denied.reason == decisions.DECISION_REASON_PUBLISHING_SUSPENDED
    assert denied.fact.id == sanction_id
    await life.answer(tip_off_id, sanction_id)
    await life.appeal(sanction_id, member)
    await life.may(member, decisions.ACTION_POST, group.group_id)


async def refused_connection(mesh: Mesh, channel: grpc.aio.Channel) -> str:
    """What a caller sees that can not even connect."""
    assert mesh.targets
    call: Any = channel.unary_unary(LIST.path)
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    return refused.value.details() or ""


async def test_without_a_certificate_there_is_no_connection(mesh: Mesh) -> None:
    root = mesh.authority.workload("platform").root.read_bytes()
    channel = grpc.aio.secure_channel(mesh.targets["identity"], grpc.ssl_channel_credentials(root))
    await refused_connection(mesh, channel)


async def test_with_a_certificate_of_another_authority_there_is_no_connection(mesh: Mesh) -> None:
    foreign = Authority(mesh.folder / "foreign", mesh.authority.at, mesh.authority.name).workload("platform")
    root = mesh.authority.workload("platform").root.read_bytes()
    credentials = grpc.ssl_channel_credentials(root, foreign.key.read_bytes(), foreign.certificate.read_bytes())
    await refused_connection(mesh, grpc.aio.secure_channel(mesh.targets["identity"], credentials))


async def test_without_tls_there_is_no_connection(mesh: Mesh) -> None:
    await refused_connection(mesh, grpc.aio.insecure_channel(mesh.targets["identity"]))


async def test_caller_who_trusts_another_authority_does_not_connect(mesh: Mesh) -> None:
    own = mesh.authority.workload("platform")
    foreign = Authority(mesh.folder / "other", mesh.authority.at, "Another authority").workload("platform")
    credentials = grpc.ssl_channel_credentials(
        foreign.root.read_bytes(), own.key.read_bytes(), own.certificate.read_bytes()
    )
    await refused_connection(mesh, grpc.aio.secure_channel(mesh.targets["identity"], credentials))


@pytest.mark.parametrize(
    ("name", "uris"),
    [
        ("foreign-domain", ["spiffe://another.local/platform"]),
        ("two-names", ["spiffe://ombud.local/platform", "spiffe://ombud.local/groups"]),
        ("no-workload", ["spiffe://ombud.local"]),
        ("no-spiffe", ["https://ombud.local/platform"]),
    ],
)
async def test_certificate_that_names_no_workload_of_ours_proves_nobody(mesh: Mesh, name: str, uris: list[str]) -> None:
    wire = mesh.wire(mesh.authority.workload(name, *uris))
    refused = await refusal_of(wire.call(PLATFORM, LIST, b""))
    assert refused.code() is grpc.StatusCode.UNAUTHENTICATED
    assert refused.reason == "UNAUTHENTICATED"


async def test_certificate_of_a_workload_opens_what_that_workload_may(mesh: Mesh) -> None:
    wire = mesh.wire()
    await wire.call(PLATFORM, LIST, b"")
    refused = await refusal_of(wire.call(Who("groups"), LIST, b""))
    assert refused.reason == "WORKLOAD_NOT_ALLOWED"
    assert refused.facts["workload"] == "groups"


async def test_workloads_token_proves_nothing_over_tls(mesh: Mesh) -> None:
    groups = mesh.wire(mesh.authority.workload("groups"), mesh.issuer.workload("platform"))
    platform = mesh.wire(token=mesh.issuer.workload("platform"))
    for wire in (groups, platform):
        assert (await refusal_of(wire.call(PLATFORM, LIST, b""))).reason == "TOKEN_REFUSED"


async def test_persons_token_does_not_change_the_workload(mesh: Mesh) -> None:
    due = BY_VERB["ListDueTipOffs"]
    await mesh.wire().call(MODERATOR, due, b"")
    behind_desk = mesh.issuer.person("mod-1", MODERATOR.roles, workload="desk")
    refused = await refusal_of(mesh.wire(token=behind_desk).call(PLATFORM, due, b""))
    assert refused.reason == "WORKLOAD_NOT_ALLOWED"


async def test_token_of_an_issuer_that_is_not_known_is_refused(mesh: Mesh) -> None:
    stranger = DevIssuer(mesh.folder / "stranger", mesh.clock).person("mod-1", MODERATOR.roles)
    refused = await refusal_of(mesh.wire(token=stranger).call(MODERATOR, BY_VERB["ListDueTipOffs"], b""))
    assert refused.reason == "TOKEN_REFUSED"


async def test_public_rpcs_stay_public(life: Life) -> None:
    founder = await life.verified("cleo", 13)
    mark = await life.act(NOBODY, CHECK_MARK.method.request_type(account_id=founder))
    assert mark.state


async def test_health_is_on_its_own_port_with_nothing_else(mesh: Mesh) -> None:
    for service, target in mesh.health.items():
        async with grpc.aio.insecure_channel(target) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            for name in ("", service):
                status = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert status.status == health_pb2.HealthCheckResponse.SERVING
            call: Any = channel.unary_unary(LIST.path)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"")
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_is_off(mesh: Mesh) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(mesh.channel(mesh.authority.workload("platform"), "identity"))
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ServerReflectionInfo(iter([asked])).read()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_each_service_serves_its_own_rpcs_alone(mesh: Mesh) -> None:
    def elsewhere(rpc: Rpc) -> str:
        return "credit" if rpc.method.service != "credit" else "identity"

    files = mesh.authority.workload("platform")
    for rpc in rpcs():
        call: Any = mesh.channel(files, elsewhere(rpc)).unary_unary(rpc.path)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
