from datetime import UTC

from chassis.ids import new_id
from ombud.identity.v1.account_service_pb2 import HOLDER_KIND_INDIVIDUAL, HOLDER_KIND_ORGANISATION
from ombud.identity.v1.accreditation_service_pb2 import (
    ACCREDITATION_STATE_GRANTED,
    ACCREDITATION_STATE_PENDING,
    MARK_STATE_ACTIVE,
    MARK_STATE_LAPSED,
    MARK_STATE_NONE,
    MARK_STATE_STALE,
    Accreditation,
    ApplyForAccreditationRequest,
    CheckMarkRequest,
    CheckMarkResponse,
    GrantAccreditationRequest,
)
from tests.integration.identity.conftest import Identity
from tests.support.refusals import refusal_of


async def publisher(identity: Identity) -> str:
    account = await identity.register_public(HOLDER_KIND_ORGANISATION)
    await identity.verify_organisation(account.account_id)
    return account.account_id


async def apply(identity: Identity, account_id: str) -> Accreditation:
    request = ApplyForAccreditationRequest(request_id=new_id(), account_id=account_id)
    return (await identity.accreditations(workload="platform").ApplyForAccreditation(request)).accreditation


async def grant(identity: Identity, accreditation_id: str, account: str = "") -> Accreditation:
    request = GrantAccreditationRequest(request_id=new_id(), accreditation_id=accreditation_id)
    stub = identity.accreditations("registrar", account=account)
    return (await stub.GrantAccreditation(request)).accreditation


async def mark(identity: Identity, account_id: str) -> CheckMarkResponse:
    """As anyone sees it, without a token."""
    return await identity.accreditations().CheckMark(CheckMarkRequest(account_id=account_id))


async def test_mark_is_active_for_anyone_and_stale_once_the_name_changes(identity: Identity) -> None:
    account_id = await publisher(identity)
    applied = await apply(identity, account_id)
    assert (applied.state, applied.nickname) == (ACCREDITATION_STATE_PENDING, "daily")
    assert (await mark(identity, account_id)).state == MARK_STATE_NONE
    assert (await grant(identity, applied.accreditation_id)).state == ACCREDITATION_STATE_GRANTED
    active = await mark(identity, account_id)
    assert (active.state, active.nickname) == (MARK_STATE_ACTIVE, "daily")
    await identity.rename(account_id, "daily-news")
    stale = await mark(identity, account_id)
    assert (stale.state, stale.nickname) == (MARK_STATE_STALE, "daily")


async def test_mark_under_the_new_name_takes_the_place_of_the_stale_one(identity: Identity) -> None:
    account_id = await publisher(identity)
    await grant(identity, (await apply(identity, account_id)).accreditation_id)
    await identity.rename(account_id, "daily-news")
    await grant(identity, (await apply(identity, account_id)).accreditation_id)
    active = await mark(identity, account_id)
    assert (active.state, active.nickname) == (MARK_STATE_ACTIVE, "daily-news")


async def test_mark_lapses_with_the_verification_of_the_organisation(identity: Identity) -> None:
    account_id = await publisher(identity)
    await grant(identity, (await apply(identity, account_id)).accreditation_id)
    until = (await identity.account(account_id)).verified_until.ToDatetime(UTC)
    identity.clock.advance(until - identity.clock.now())
    assert (await mark(identity, account_id)).state == MARK_STATE_LAPSED


async def test_unknown_account_bears_no_mark(identity: Identity) -> None:
    assert await mark(identity, new_id()) == CheckMarkResponse(state=MARK_STATE_NONE)


async def test_account_that_can_not_bear_the_mark_is_refused_with_the_cause(identity: Identity) -> None:
    causes = {
        (await identity.register()).account_id: "ACCOUNT_NOT_PUBLIC",
        (await identity.register_public(HOLDER_KIND_INDIVIDUAL)).account_id: "HOLDER_INDIVIDUAL",
        (await identity.register_public(HOLDER_KIND_ORGANISATION)).account_id: "NOT_VERIFIED",
    }
    for account_id, cause in causes.items():
        refusal = await refusal_of(apply(identity, account_id))
        assert (refusal.reason, refusal.facts["cause"]) == ("NOT_ACCREDITABLE", cause)


async def test_second_application_and_second_grant_are_refused(identity: Identity) -> None:
    account_id = await publisher(identity)
    applied = await apply(identity, account_id)
    assert (await refusal_of(apply(identity, account_id))).reason == "ACCREDITATION_EXISTS"
    await grant(identity, applied.accreditation_id)
    assert (await refusal_of(grant(identity, applied.accreditation_id))).reason == "WRONG_STATE"


async def test_application_is_withdrawn_by_one_under_a_new_name(identity: Identity) -> None:
    account_id = await publisher(identity)
    former = await apply(identity, account_id)
    await identity.rename(account_id, "daily-news")
    renamed = await refusal_of(grant(identity, former.accreditation_id))
    assert (renamed.reason, renamed.facts["cause"]) == ("NOT_ACCREDITABLE", "RENAMED")
    await apply(identity, account_id)
    assert (await refusal_of(grant(identity, former.accreditation_id))).reason == "WRONG_STATE"


async def test_registrar_can_not_grant_the_own_account(identity: Identity) -> None:
    account_id = await publisher(identity)
    applied = await apply(identity, account_id)
    assert (await refusal_of(grant(identity, applied.accreditation_id, account_id))).reason == "OWN_ACCOUNT"


async def test_granting_is_for_the_registrar(identity: Identity) -> None:
    request = GrantAccreditationRequest(request_id=new_id(), accreditation_id=new_id())
    platform = identity.accreditations(workload="platform")
    assert (await refusal_of(platform.GrantAccreditation(request))).reason == "WORKLOAD_NOT_ALLOWED"
    assert (await refusal_of(identity.accreditations().GrantAccreditation(request))).reason == "UNAUTHENTICATED"
