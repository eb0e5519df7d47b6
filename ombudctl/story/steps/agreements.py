"""Step 2: agreements by version, and a mark that anyone can check."""

from datetime import timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from ombud.client import request_id
from ombud.identity.v1.account_service_pb2 import ChangeNicknameRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.accreditation_service_pb2 import (
    MARK_STATE_ACTIVE,
    MARK_STATE_NONE,
    MARK_STATE_STALE,
    ApplyForAccreditationRequest,
    CheckMarkRequest,
    CheckMarkResponse,
    GrantAccreditationRequest,
)
from ombud.identity.v1.accreditation_service_pb2_grpc import AccreditationServiceStub
from ombud.identity.v1.agreement_service_pb2 import (
    GetCurrentAgreementRequest,
    ListSignaturesRequest,
    PublishAgreementRequest,
    SignAgreementRequest,
)
from ombud.identity.v1.agreement_service_pb2_grpc import AgreementServiceStub
from ombudctl.story.scene import Scene
from ombudctl.story.world import REGISTRAR, World

_NAME = "group-founder"


async def play(world: World, scene: Scene) -> None:
    """Signs, accredits, renames."""
    await _sign(world, scene)
    await _accredit(world, scene)


async def _sign(world: World, scene: Scene) -> None:
    agreements = AgreementServiceStub(world.suite.workload("platform"))
    registrar = AgreementServiceStub(world.suite.as_(REGISTRAR))
    scene.says(
        "The registrar publishes what founders agree to, and then a second version that is in force a day later."
    )
    first = PublishAgreementRequest(
        request_id=request_id(), name=_NAME, terms="Whoever founds a group answers notices in time."
    )
    await registrar.PublishAgreement(first)
    later = Timestamp()
    later.FromDatetime(world.suite.now() + timedelta(days=1))
    second = PublishAgreementRequest(
        request_id=request_id(),
        name=_NAME,
        terms="Whoever founds a group answers notices in time, with the tools at hand.",
        effective_time=later,
    )
    await registrar.PublishAgreement(second)

    def signature(account_id: str, version: int) -> SignAgreementRequest:
        return SignAgreementRequest(request_id=request_id(), account_id=account_id, name=_NAME, version=version)

    current = (await agreements.GetCurrentAgreement(GetCurrentAgreementRequest(name=_NAME))).agreement
    signed = (await agreements.SignAgreement(signature(world.cast.founder, 1))).signature
    scene.proves(
        "the founder signed version 1, and the signature names the hash of its wording",
        current.version == signed.version == 1 and signed.terms_sha256 == current.terms_sha256,
    )
    scene.says("[bold]The clock goes forward by a day[/]: version 2 is in force.")
    await world.suite.advance(timedelta(days=1))
    await scene.refuses(
        "signing version 1 now", "AGREEMENT_OUT_OF_FORCE", agreements.SignAgreement(signature(world.cast.helper, 1))
    )
    await agreements.SignAgreement(signature(world.cast.founder, 2))
    listed = (await agreements.ListSignatures(ListSignaturesRequest(account_id=world.cast.founder))).signatures
    scene.proves("both signatures of the founder stay on file", [one.version for one in listed] == [1, 2])


async def _accredit(world: World, scene: Scene) -> None:
    company = world.cast.company
    platform = AccreditationServiceStub(world.suite.workload("platform"))
    anyone = AccreditationServiceStub(world.suite.anonymous())

    async def mark() -> CheckMarkResponse:
        return await anyone.CheckMark(CheckMarkRequest(account_id=company))

    scene.says(
        "The company applies for a publisher's mark; the registrar grants it; anyone may check it, without a token."
    )
    scene.proves("no mark yet", (await mark()).state == MARK_STATE_NONE)
    personal = ApplyForAccreditationRequest(request_id=request_id(), account_id=world.cast.founder)
    await scene.refuses("a personal account applying", "NOT_ACCREDITABLE", platform.ApplyForAccreditation(personal))
    applied = await platform.ApplyForAccreditation(
        ApplyForAccreditationRequest(request_id=request_id(), account_id=company)
    )
    registrar = AccreditationServiceStub(world.suite.as_(REGISTRAR))
    await registrar.GrantAccreditation(
        GrantAccreditationRequest(request_id=request_id(), accreditation_id=applied.accreditation.accreditation_id)
    )
    active = await mark()
    scene.proves(
        "the mark is ACTIVE for that very name",
        (active.state, active.nickname) == (MARK_STATE_ACTIVE, "Tidewater Press"),
    )
    await AccountServiceStub(world.suite.workload("platform")).ChangeNickname(
        ChangeNicknameRequest(request_id=request_id(), account_id=company, nickname="Tidewater Press Official")
    )
    scene.proves("after a change of name it is STALE", (await mark()).state == MARK_STATE_STALE)
