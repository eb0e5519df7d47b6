"""Verification through the public way in. The persons and numbers are made up."""

import asyncio
import stat
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlmodel import select

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import (
    ASSURANCE_BASIS_ATTENDED_REVIEW,
    ASSURANCE_BASIS_CODE_RETURNED,
    ASSURANCE_BASIS_NUMBER_FORM,
    HOLDER_KIND_COMPANY,
    HOLDER_KIND_ORGANISATION,
    LEVEL_L0,
    LEVEL_L1,
    LEVEL_L2,
    LEVEL_L3,
    VERIFICATION_METHOD_DOCUMENT_NUMBER,
    VERIFICATION_METHOD_PHONE_CODE,
)
from ombud.identity.v1.verification_service_pb2 import (
    DOCUMENT_TYPE_PASSPORT,
    DOUBT_DOCUMENT_EXPIRED,
    DOUBT_NAME_MIXED_SCRIPTS,
    DOUBT_NUMBER_NOT_CHECKABLE,
    DOUBT_OTHER_NUMBER_BEFORE,
    REVIEW_DECISION_APPROVE,
    REVIEW_DECISION_REJECT,
    REVIEW_DECISION_RESUBMIT,
    VERIFICATION_REASON_EVIDENCE_REFUSED,
    VERIFICATION_REASON_UNREADABLE,
    VERIFICATION_STATE_AWAITING_USER,
    VERIFICATION_STATE_EXPIRED,
    VERIFICATION_STATE_REJECTED,
    VERIFICATION_STATE_REVIEW,
    VERIFICATION_STATE_SUPERSEDED,
    VERIFICATION_STATE_VERIFIED,
    DecideVerificationRequest,
    GetVerificationRequest,
    ListReviewCasesRequest,
    PhoneCodeEvidence,
    ReviewCase,
    StartVerificationRequest,
    SubmitEvidenceRequest,
    Verification,
)
from services.identity.vault.models import CellRow
from tests.integration.identity.conftest import Identity, document
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

PERSON = "110101199003074514"
OTHER_PERSON = "310104195508121230"


async def state_of(identity: Identity, verification_id: str) -> Verification:
    request = GetVerificationRequest(verification_id=verification_id)
    return (await identity.verifications().GetVerification(request)).verification


async def cases(identity: Identity) -> list[ReviewCase]:
    return list((await identity.review().ListReviewCases(ListReviewCasesRequest())).cases)


async def decide(identity: Identity, verification_id: str, account: str = "", **fields: Any) -> Verification:
    request = DecideVerificationRequest(
        request_id=new_id(),
        verification_id=verification_id,
        **fields,
    )
    return (await identity.review(account).DecideVerification(request)).verification


async def passport(identity: Identity, number: str = "12AB34567") -> tuple[str, Verification]:
    account = await identity.register()
    verification = await identity.verify_person(account.account_id, number, country="FR", kind=DOCUMENT_TYPE_PASSPORT)
    return account.account_id, verification


async def test_right_document_number_verifies_and_says_that_only_its_form_was_checked(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.verify_person(account.account_id, "110101-19900307-4514")
    assert (verification.state, verification.level) == (VERIFICATION_STATE_VERIFIED, LEVEL_L2)
    verified = await identity.account(account.account_id)
    assert (verified.level, verified.method, verified.basis) == (
        LEVEL_L2,
        VERIFICATION_METHOD_DOCUMENT_NUMBER,
        ASSURANCE_BASIS_NUMBER_FORM,
    )


@pytest.mark.parametrize("holder", [HOLDER_KIND_ORGANISATION, HOLDER_KIND_COMPANY])
async def test_right_registration_number_verifies_an_organisation(identity: Identity, holder: int) -> None:
    account = await identity.register_public(holder)  # type: ignore[arg-type]  # an enum's number
    verification = await identity.verify_organisation(account.account_id)
    assert (verification.state, verification.level) == (VERIFICATION_STATE_VERIFIED, LEVEL_L2)


async def test_wrong_number_is_refused_by_rule_and_may_be_mended(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.start(account.account_id)
    refusal = await refusal_of(identity.submit(document(verification.verification_id, "110101199003074515")))
    assert (refusal.reason, refusal.facts["rule"]) == ("DOCUMENT_NUMBER_REFUSED", "CHECK_DIGITS")
    assert refusal.violations[0].field == "document.number"
    assert (await identity.submit(document(verification.verification_id))).state == VERIFICATION_STATE_VERIFIED


async def test_date_that_does_not_exist_is_refused(identity: Identity) -> None:
    account = await identity.register()
    refusal = await refusal_of(
        identity.verify_person(account.account_id, expiry_date={"year": 2026, "month": 2, "day": 30})
    )
    assert (refusal.reason, refusal.facts["field"]) == ("INVALID_FIELD", "document.expiry_date")


async def test_fourth_account_of_a_person_is_refused_even_when_fifty_race(identity_on_each_engine: Identity) -> None:
    identity = identity_on_each_engine
    accounts = [await identity.register(f"nick-{number}") for number in range(50)]
    started = [await identity.start(account.account_id) for account in accounts]
    spellings = [PERSON, f"{PERSON[:6]} {PERSON[6:14]}-{PERSON[14:]}", f"{PERSON[:9]}\u200b{PERSON[9:]}"]
    requests = [
        document(verification.verification_id, spellings[number % len(spellings)])
        for number, verification in enumerate(started)
    ]
    outcomes = await asyncio.gather(*map(identity.submit, requests), return_exceptions=True)
    verified = [outcome for outcome in outcomes if isinstance(outcome, Verification)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, OmbudError)]
    assert (len(verified), len(refused)) == (3, 47)
    assert {refusal.reason for refusal in refused} == {"VERIFICATION_REFUSED"}
    levels = [(await identity.account(account.account_id)).level for account in accounts]
    assert (levels.count(LEVEL_L2), levels.count(LEVEL_L0)) == (3, 47)


async def test_refusal_at_the_cap_tells_nothing_of_other_accounts_and_is_recorded(identity: Identity) -> None:
    for _ in range(3):
        await identity.verify_person((await identity.register()).account_id)
    account = await identity.register()
    verification = await identity.start(account.account_id)
    request = document(verification.verification_id)
    refusal = await refusal_of(identity.submit(request))
    assert refusal.reason == "VERIFICATION_REFUSED"
    assert set(refusal.facts) <= {"satisfy"}
    rejected = await state_of(identity, verification.verification_id)
    assert (rejected.state, rejected.reason) == (VERIFICATION_STATE_REJECTED, VERIFICATION_REASON_EVIDENCE_REFUSED)
    again = await refusal_of(identity.submit(request))
    assert again.reason == "VERIFICATION_REFUSED"
    assert (await identity.audited())[-1].action == "identity.verification.rejected"


async def test_renewal_needs_no_further_slot(identity: Identity) -> None:
    accounts = [await identity.register() for _ in range(3)]
    for account in accounts:
        await identity.verify_person(account.account_id)
    identity.clock.advance(timedelta(days=30))
    before = (await identity.account(accounts[0].account_id)).verified_until
    await identity.verify_person(accounts[0].account_id)
    after = (await identity.account(accounts[0].account_id)).verified_until
    assert after.ToDatetime(UTC) - before.ToDatetime(UTC) == timedelta(days=30)


async def test_account_that_changes_its_person_goes_to_a_reviewer(identity: Identity) -> None:
    account = await identity.register()
    await identity.verify_person(account.account_id, PERSON)
    verification = await identity.verify_person(account.account_id, OTHER_PERSON)
    assert verification.state == VERIFICATION_STATE_REVIEW
    assert list((await cases(identity))[0].doubts) == [DOUBT_OTHER_NUMBER_BEFORE]
    assert (await identity.account(account.account_id)).level == LEVEL_L2


async def test_the_doubtful_goes_to_a_reviewer_and_the_answer_does_not_say_why(identity: Identity) -> None:
    expired = {"expiry_date": {"year": 2026, "month": 3, "day": 1}}
    for fields in (expired, {"name": "\N{CYRILLIC CAPITAL LETTER A}na"}, {"kind": DOCUMENT_TYPE_PASSPORT}):
        account = await identity.register()
        verification = await identity.verify_person(account.account_id, **fields)
        assert (verification.state, verification.reason) == (VERIFICATION_STATE_REVIEW, 0)
        assert (await identity.account(account.account_id)).level == LEVEL_L0
    assert [list(case.doubts) for case in await cases(identity)] == [
        [DOUBT_DOCUMENT_EXPIRED],
        [DOUBT_NAME_MIXED_SCRIPTS],
        [DOUBT_NUMBER_NOT_CHECKABLE],
    ]


async def test_review_case_shows_country_and_kind_and_neither_name_nor_number(identity: Identity) -> None:
    await passport(identity)
    (case,) = await cases(identity)
    assert (case.country, case.document_type) == ("FR", DOCUMENT_TYPE_PASSPORT)
    assert b"12AB34567" not in case.SerializeToString()
    assert "Díaz".encode() not in case.SerializeToString()


async def test_reviewer_approves_and_the_level_says_who_looked(identity: Identity) -> None:
    account_id, verification = await passport(identity)
    decided = await decide(identity, verification.verification_id, decision=REVIEW_DECISION_APPROVE, attended=True)
    assert (decided.state, decided.level) == (VERIFICATION_STATE_VERIFIED, LEVEL_L3)
    assert (await identity.account(account_id)).basis == ASSURANCE_BASIS_ATTENDED_REVIEW
    assert await cases(identity) == []


async def test_reviewer_can_not_decide_on_the_own_account(identity: Identity) -> None:
    account_id, verification = await passport(identity)
    refusal = await refusal_of(
        decide(identity, verification.verification_id, account_id, decision=REVIEW_DECISION_APPROVE)
    )
    assert refusal.reason == "OWN_ACCOUNT"


async def test_approval_does_not_pass_the_cap(identity: Identity) -> None:
    waiting = [(await passport(identity))[1] for _ in range(4)]
    for verification in waiting[:3]:
        await decide(identity, verification.verification_id, decision=REVIEW_DECISION_APPROVE)
    refusal = await refusal_of(decide(identity, waiting[3].verification_id, decision=REVIEW_DECISION_APPROVE))
    assert refusal.reason == "VERIFICATION_REFUSED"
    assert (await state_of(identity, waiting[3].verification_id)).state == VERIFICATION_STATE_REJECTED


async def test_reviewer_sends_back_and_the_user_submits_again(identity: Identity) -> None:
    _, verification = await passport(identity)
    returned = await decide(
        identity,
        verification.verification_id,
        decision=REVIEW_DECISION_RESUBMIT,
        reason=VERIFICATION_REASON_UNREADABLE,
    )
    assert (returned.state, returned.reason) == (VERIFICATION_STATE_AWAITING_USER, VERIFICATION_REASON_UNREADABLE)
    assert (await identity.submit(document(verification.verification_id))).state == VERIFICATION_STATE_VERIFIED


async def test_rejection_is_final_for_that_evidence(identity: Identity) -> None:
    _, verification = await passport(identity)
    rejected = await decide(identity, verification.verification_id, decision=REVIEW_DECISION_REJECT)
    assert (rejected.state, rejected.reason) == (VERIFICATION_STATE_REJECTED, VERIFICATION_REASON_EVIDENCE_REFUSED)
    refusal = await refusal_of(decide(identity, verification.verification_id, decision=REVIEW_DECISION_APPROVE))
    assert refusal.reason == "WRONG_STATE"


@pytest.mark.parametrize(
    "fields",
    [
        {"decision": REVIEW_DECISION_RESUBMIT},
        {"decision": REVIEW_DECISION_APPROVE, "reason": VERIFICATION_REASON_UNREADABLE},
        {"decision": REVIEW_DECISION_REJECT, "attended": True},
    ],
)
async def test_decision_that_contradicts_itself_is_refused(identity: Identity, fields: dict[str, Any]) -> None:
    assert (await refusal_of(decide(identity, new_id(), **fields))).reason == "INVALID_FIELD"


async def test_review_is_for_reviewers_alone(identity: Identity) -> None:
    stub = identity.verifications()
    assert (await refusal_of(stub.ListReviewCases(ListReviewCasesRequest()))).reason == "WORKLOAD_NOT_ALLOWED"


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

    assert (await state_of(identity, verification.verification_id)).state == VERIFICATION_STATE_EXPIRED
    assert (await identity.audited())[-1].action == "identity.verification.expired"
    refusal = await refusal_of(identity.submit_code(verification.verification_id, identity.sent_codes()[0]["code"]))
    assert (refusal.reason, refusal.facts["cause"]) == ("PHONE_CODE_SPENT", "EXPIRED")
    assert (await identity.submit_code(other.verification_id, identity.sent_codes()[1]["code"])).level == LEVEL_L1


async def test_new_start_supersedes_the_open_one_and_its_code(identity: Identity) -> None:
    account = await identity.register()
    first = await identity.start_phone(account.account_id)
    await identity.start_phone(account.account_id)
    assert (await state_of(identity, first.verification_id)).state == VERIFICATION_STATE_SUPERSEDED
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


async def test_methods_and_evidence_must_fit(identity: Identity) -> None:
    person = await identity.register()
    company = await identity.register_public(HOLDER_KIND_COMPANY)
    assert (await refusal_of(identity.verify_organisation(person.account_id))).reason == "METHOD_NOT_FOR_HOLDER"
    assert (await refusal_of(identity.start(company.account_id))).reason == "METHOD_NOT_FOR_HOLDER"
    verification = await identity.start_phone(person.account_id)
    assert (await refusal_of(identity.submit(document(verification.verification_id)))).reason == "EVIDENCE_MISMATCH"
    without_number = identity.start(person.account_id, VERIFICATION_METHOD_PHONE_CODE)
    assert (await refusal_of(without_number)).reason == "INVALID_FIELD"
    empty = SubmitEvidenceRequest(request_id=new_id(), verification_id=verification.verification_id)
    assert (await refusal_of(identity.submit(empty))).reason == "INVALID_FIELD"
