import hashlib
from datetime import timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.ids import new_id
from ombud.identity.v1.agreement_service_pb2 import (
    Agreement,
    GetAcceptanceRequest,
    GetAcceptanceResponse,
    GetCurrentAgreementRequest,
    ListSignaturesRequest,
    PublishAgreementRequest,
    SignAgreementRequest,
    Signature,
)
from tests.integration.identity.conftest import Identity
from tests.support.refusals import refusal_of

NAME = "group-founder"


def after(identity: Identity, days: int) -> Timestamp:
    at = Timestamp()
    at.FromDatetime(identity.clock.now() + timedelta(days=days))
    return at


async def publish(identity: Identity, terms: str, name: str = NAME, **fields: Any) -> Agreement:
    request = PublishAgreementRequest(request_id=new_id(), name=name, terms=terms, **fields)
    return (await identity.agreements("registrar").PublishAgreement(request)).agreement


async def current(identity: Identity) -> Agreement:
    return (await identity.agreements().GetCurrentAgreement(GetCurrentAgreementRequest(name=NAME))).agreement


async def sign(identity: Identity, account_id: str, version: int, name: str = NAME) -> Signature:
    request = SignAgreementRequest(request_id=new_id(), account_id=account_id, name=name, version=version)
    return (await identity.agreements().SignAgreement(request)).signature


async def test_published_version_is_in_force_with_the_hash_of_its_wording(identity: Identity) -> None:
    await publish(identity, "Be fair.")
    agreement = await current(identity)
    assert (agreement.version, agreement.terms) == (1, "Be fair.")
    assert agreement.terms_sha256 == hashlib.sha256(b"Be fair.").hexdigest()


async def test_next_version_comes_into_force_at_its_time(identity: Identity) -> None:
    await publish(identity, "Be fair.")
    await publish(identity, "Be fairer.", effective_time=after(identity, 7))
    assert (await current(identity)).version == 1
    identity.clock.advance(timedelta(days=7))
    assert (await current(identity)).version == 2


async def test_agreement_not_yet_in_force_is_not_found(identity: Identity) -> None:
    await publish(identity, "Be fair.", effective_time=after(identity, 1))
    assert (await refusal_of(current(identity))).reason == "NOT_FOUND"


async def test_version_in_force_in_the_past_or_at_no_instant_is_refused(identity: Identity) -> None:
    past = await refusal_of(publish(identity, "Be fair.", effective_time=after(identity, -1)))
    assert past.reason == "EFFECTIVE_TIME_REFUSED"
    never = await refusal_of(publish(identity, "Be fair.", effective_time=Timestamp(seconds=1 << 60)))
    assert (never.reason, never.facts["field"]) == ("INVALID_FIELD", "effective_time")


async def test_signature_names_version_and_hash_and_the_first_one_stays(identity: Identity) -> None:
    account = await identity.register()
    agreement = await publish(identity, "Be fair.")
    first = await sign(identity, account.account_id, 1)
    assert (first.version, first.terms_sha256) == (1, agreement.terms_sha256)
    identity.clock.advance(timedelta(days=1))
    assert await sign(identity, account.account_id, 1) == first


async def test_version_out_of_force_can_not_be_signed_but_its_signatures_stay(identity: Identity) -> None:
    account = await identity.register()
    await publish(identity, "Be fair.")
    first = await sign(identity, account.account_id, 1)
    identity.clock.advance(timedelta(days=1))
    await publish(identity, "Be fairer.")
    other = await identity.register()
    refusal = await refusal_of(sign(identity, other.account_id, 1))
    assert (refusal.reason, refusal.facts["current_version"]) == ("AGREEMENT_OUT_OF_FORCE", "2")
    assert await sign(identity, account.account_id, 1) == first


async def test_unknown_version_or_account_is_not_found(identity: Identity) -> None:
    account = await identity.register()
    await publish(identity, "Be fair.")
    assert (await refusal_of(sign(identity, account.account_id, 2))).reason == "NOT_FOUND"
    assert (await refusal_of(sign(identity, new_id(), 1))).reason == "NOT_FOUND"


async def test_pages_of_signatures_show_each_once_in_order(identity: Identity) -> None:
    account = await identity.register()
    signed = []
    for name in ("a", "b"):
        for version in (1, 2, 3):
            await publish(identity, f"{name}{version}", name)
            signed.append((name, (await sign(identity, account.account_id, version, name)).version))
            identity.clock.advance(timedelta(days=1))
    shown, token = [], ""
    while True:
        request = ListSignaturesRequest(account_id=account.account_id, page_size=2, page_token=token)
        page = await identity.agreements().ListSignatures(request)
        shown += [(signature.agreement_name, signature.version) for signature in page.signatures]
        token = page.next_page_token
        if not token:
            break
    assert shown == signed


async def test_publishing_is_for_the_registrar(identity: Identity) -> None:
    request = PublishAgreementRequest(request_id=new_id(), name=NAME, terms="Be fair.")
    refusal = await refusal_of(identity.agreements("moderator").PublishAgreement(request))
    assert refusal.reason == "ROLE_REQUIRED"


async def acceptance(identity: Identity, account_id: str, days: int) -> GetAcceptanceResponse:
    request = GetAcceptanceRequest(account_id=account_id, name=NAME, time=after(identity, days))
    return await identity.agreements().GetAcceptance(request)


async def test_what_an_account_had_accepted_at_an_instant_is_told_beside_what_was_in_force(identity: Identity) -> None:
    account = await identity.register()
    await publish(identity, "Be fair.")
    await sign(identity, account.account_id, 1)
    identity.clock.advance(timedelta(days=2))
    await publish(identity, "Be fairer.")
    identity.clock.advance(timedelta(days=2))
    await sign(identity, account.account_id, 2)

    told = [await acceptance(identity, account.account_id, days) for days in (-4, -3, -2, -1, 0)]

    assert [(each.signature.version, each.version_in_force) for each in told] == [
        (1, 1),
        (1, 1),
        (1, 2),
        (1, 2),
        (2, 2),
    ]
    assert told[2].signature.terms_sha256 == hashlib.sha256(b"Be fair.").hexdigest()


async def test_account_that_had_accepted_nothing_by_then_is_not_found(identity: Identity) -> None:
    account = await identity.register()
    await publish(identity, "Be fair.")
    await sign(identity, account.account_id, 1)
    refused = await refusal_of(acceptance(identity, account.account_id, -1))
    assert (refused.reason, refused.facts["resource"]) == ("NOT_FOUND", "signature")
