"""Verification by the code sent to a telephone, through the public way in. The numbers are made up."""

import asyncio
import stat
from datetime import timedelta

from sqlmodel import select

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import (
    ASSURANCE_BASIS_CODE_RETURNED,
    LEVEL_L1,
    LEVEL_L2,
    VERIFICATION_METHOD_PHONE_CODE,
)
from ombud.identity.v1.verification_service_pb2 import (
    VERIFICATION_STATE_AWAITING_USER,
    VERIFICATION_STATE_EXPIRED,
    VERIFICATION_STATE_SUPERSEDED,
    VERIFICATION_STATE_VERIFIED,
    PhoneCodeEvidence,
    StartVerificationRequest,
    SubmitEvidenceRequest,
    Verification,
)
from services.identity.vault.models import CellRow
from tests.integration.identity.conftest import Identity
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of


async def test_code_of_the_outbox_verifies_possession_of_the_telephone(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.start_phone(account.account_id, "+44 20 7946 0958")
    (message,) = identity.sent_codes()
    assert message["to"] == "+442079460958"
    assert (await identity.submit_code(verification.verification_id, message["code"])).level == LEVEL_L1
    verified = await identity.account(account.account_id)
    assert (verified.method, verified.basis) == (VERIFICATION_METHOD_PHONE_CODE, ASSURANCE_BASIS_CODE_RETURNED)
    outbox = identity.data_dir / "outbox" / "phone.jsonl"
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o600


async def test_replayed_start_sends_one_code(identity: Identity) -> None:
    account = await identity.register()
    request = StartVerificationRequest(
        request_id=new_id(),
        account_id=account.account_id,
        method=VERIFICATION_METHOD_PHONE_CODE,
        phone_number="+442079460958",
    )
    stub = identity.verifications()
    assert await stub.StartVerification(request) == await stub.StartVerification(request)
    assert len(identity.sent_codes()) == 1


async def test_fifty_guesses_at_once_are_five_tries(identity_on_each_engine: Identity) -> None:
    identity = identity_on_each_engine
    account = await identity.register()
    verification = await identity.start_phone(account.account_id)
    right = identity.sent_codes()[0]["code"]
    guesses = [f"{(int(right) + 1 + number) % 10**6:06}" for number in range(50)]
    outcomes = await asyncio.gather(
        *(identity.submit_code(verification.verification_id, guess) for guess in guesses), return_exceptions=True
    )
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, OmbudError)]
    assert (len(reasons), reasons.count("PHONE_CODE_WRONG")) == (50, 4)
    assert reasons.count("PHONE_CODE_SPENT") == 46
    late = await refusal_of(identity.submit_code(verification.verification_id, right))
    assert (late.reason, late.facts["cause"]) == ("PHONE_CODE_SPENT", "TRIES_USED")


async def test_wrong_code_says_how_many_tries_are_left_and_a_retry_of_the_call_uses_none(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.start_phone(account.account_id)
    wrong = f"{(int(identity.sent_codes()[0]['code']) + 1) % 10**6:06}"
    request = SubmitEvidenceRequest(
        request_id=new_id(),
        verification_id=verification.verification_id,
        phone_code=PhoneCodeEvidence(code=wrong),
    )
    for _ in range(3):
        refusal = await refusal_of(identity.submit(request))
        assert (refusal.reason, refusal.facts["tries_left"]) == ("PHONE_CODE_WRONG", "4")
    right = identity.sent_codes()[0]["code"]
    assert (await identity.submit_code(verification.verification_id, right)).state == VERIFICATION_STATE_VERIFIED


async def test_code_is_spent_after_its_time(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.start_phone(account.account_id)
    identity.clock.advance(timedelta(minutes=10))
    refusal = await refusal_of(identity.submit_code(verification.verification_id, identity.sent_codes()[0]["code"]))
    assert (refusal.reason, refusal.facts["cause"]) == ("PHONE_CODE_SPENT", "EXPIRED")


async def test_telephone_number_is_erased_when_the_time_of_its_code_has_run_out(
    identity_on_each_engine: Identity,
) -> None:
    identity = identity_on_each_engine
    account = await identity.register()
    verification = await identity.start_phone(account.account_id)
    identity.clock.advance(timedelta(minutes=9))
    other = await identity.start_phone((await identity.register("other")).account_id)
    identity.clock.advance(timedelta(minutes=1))

    async def kept() -> set[str]:
        return set(await identity.database.read(lambda session: session.exec(select(CellRow.verification_id)).all()))

    async def erased() -> bool:
        return await kept() == {other.verification_id}

    assert await kept() == {verification.verification_id, other.verification_id}
    async with identity.working():
        await eventually(erased)

    assert (await identity.state_of(verification.verification_id)).state == VERIFICATION_STATE_EXPIRED
    assert (await identity.audited())[-1].action == "identity.verification.expired"
    refusal = await refusal_of(identity.submit_code(verification.verification_id, identity.sent_codes()[0]["code"]))
    assert (refusal.reason, refusal.facts["cause"]) == ("PHONE_CODE_SPENT", "EXPIRED")
    assert (await identity.submit_code(other.verification_id, identity.sent_codes()[1]["code"])).level == LEVEL_L1


async def test_new_start_supersedes_the_open_one_and_its_code(identity: Identity) -> None:
    account = await identity.register()
    first = await identity.start_phone(account.account_id)
    await identity.start_phone(account.account_id)
    assert (await identity.state_of(first.verification_id)).state == VERIFICATION_STATE_SUPERSEDED
    refusal = await refusal_of(identity.submit_code(first.verification_id, identity.sent_codes()[0]["code"]))
    assert refusal.reason == "WRONG_STATE"


async def test_telephone_counts_for_as_many_accounts_as_a_person(identity: Identity) -> None:
    for number in range(4):
        account = await identity.register()
        verification = await identity.start_phone(account.account_id)
        submitted = identity.submit_code(verification.verification_id, identity.sent_codes()[-1]["code"])
        if number < 3:
            assert (await submitted).state == VERIFICATION_STATE_VERIFIED
        else:
            assert (await refusal_of(submitted)).reason == "VERIFICATION_REFUSED"


async def test_changed_telephone_gives_its_place_back(identity: Identity) -> None:
    accounts = [await identity.register() for _ in range(4)]

    async def verify(account_id: str, phone_number: str) -> Verification:
        verification = await identity.start_phone(account_id, phone_number)
        return await identity.submit_code(verification.verification_id, identity.sent_codes()[-1]["code"])

    for account in accounts[:3]:
        await verify(account.account_id, "+442079460958")
    await verify(accounts[0].account_id, "+442079460959")
    assert (await verify(accounts[3].account_id, "+442079460958")).state == VERIFICATION_STATE_VERIFIED


async def test_telephone_does_not_lower_a_higher_level(identity: Identity) -> None:
    account = await identity.register()
    await identity.verify_person(account.account_id)
    verification = await identity.start_phone(account.account_id)
    await identity.submit_code(verification.verification_id, identity.sent_codes()[-1]["code"])
    assert (await identity.account(account.account_id)).level == LEVEL_L2


async def test_wrong_telephone_number_is_refused_and_nothing_is_sent(identity: Identity) -> None:
    account = await identity.register()
    refusal = await refusal_of(identity.start_phone(account.account_id, "020 7946"))
    assert refusal.reason == "PHONE_NUMBER_REFUSED"
    assert identity.sent_codes() == []


async def test_eleventh_start_in_a_day_is_refused_and_possible_on_the_next(identity: Identity) -> None:
    account = await identity.register()
    for _ in range(10):
        await identity.start(account.account_id)
    assert (await refusal_of(identity.start(account.account_id))).reason == "VERIFICATION_LIMIT"
    identity.clock.advance(timedelta(hours=24))
    assert (await identity.start(account.account_id)).state == VERIFICATION_STATE_AWAITING_USER
