"""Verification through the public way in. The persons and numbers are made up."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import pytest

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import (
    ASSURANCE_BASIS_ATTENDED_REVIEW,
    ASSURANCE_BASIS_NUMBER_FORM,
    HOLDER_KIND_COMPANY,
    HOLDER_KIND_ORGANISATION,
    LEVEL_L0,
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
    VERIFICATION_STATE_REJECTED,
    VERIFICATION_STATE_REVIEW,
    VERIFICATION_STATE_VERIFIED,
    DecideVerificationRequest,
    ListReviewCasesRequest,
    ReviewCase,
    SubmitEvidenceRequest,
    Verification,
)
from tests.integration.identity.conftest import Identity, document
from tests.support.refusals import refusal_of

PERSON = "110101199003074514"
OTHER_PERSON = "310104195508121230"


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
    rejected = await identity.state_of(verification.verification_id)
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
    assert (await identity.state_of(waiting[3].verification_id)).state == VERIFICATION_STATE_REJECTED


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
