"""Nothing of the contract carries what people write, outside of the two places where it may be (R1).

What counts as bearing content:

1. A field of type `bytes`, unless its rule fixes its length, as that of a hash.
2. A field of type `string` that a caller can fill with more than 128 characters, or with as many as it likes: a
   message of a chat would fit.
3. A field of type `string` whose name says that it holds what was posted.

The first kind may be a retained record's body or a tip-off's excerpt; proofs of the log are bytes, too, and are listed.
The second and third kind may be a statement that its speaker makes to the suite about a case or a contract: each is
listed here with who speaks. So a new field of that kind fails until somebody has said whose words it holds.
"""

import importlib
import re

import pytest
from google.protobuf.descriptor import FieldDescriptor

from tests.support.contract import TEXT, in_requests, in_responses, messages, rules

CONTENT = {
    "ombud.retention.v1.Frame.bodies",
    "ombud.retention.v1.RetainedRecord.body",
    "ombud.groups.v1.SubmitTipOffRequest.excerpt",
    "ombud.groups.v1.TipOffReport.excerpt",
}
PROOFS = {
    "ombud.retention.v1.GetInclusionProofResponse.entry",
    "ombud.retention.v1.GetInclusionProofResponse.hashes",
    "ombud.retention.v1.GetConsistencyProofResponse.hashes",
    "ombud.groups.v1.TipOffReport.evidence_sha256",
}
# Public keys, and shares of keys sealed to one of them: whoever carries these reads nothing.
SEALED = {
    "ombud.retention.v1.Custodian.public_key",
    "ombud.retention.v1.PendingRequest.answer_key",
    "ombud.retention.v1.RegisterCustodianRequest.public_key",
    "ombud.retention.v1.AnswerRequestRequest.envelopes",
    "ombud.retention.v1.CustodyShare.envelopes",
}
SPEAKERS = {
    "ombud.common.v1.AuditRecord.FactsEntry.value": "the suite",
    "ombud.common.v1.AuditRecord.method": "the suite",
    "ombud.credit.v1.AnswerInfoRequestRequest.answer": "the appellant",
    "ombud.credit.v1.DatabaseStatement.content_date": "the suite",
    "ombud.credit.v1.DatabaseStatement.content_type": "the suite",
    "ombud.credit.v1.DatabaseStatement.content_type_other": "the suite",
    "ombud.credit.v1.DatabaseStatement.illegal_content_explanation": "the policy pack",
    "ombud.credit.v1.DatabaseStatement.illegal_content_legal_ground": "the policy pack",
    "ombud.credit.v1.DatabaseStatement.incompatible_content_explanation": "the policy pack",
    "ombud.credit.v1.DatabaseStatement.incompatible_content_ground": "the policy pack",
    "ombud.credit.v1.DecideAppealRequest.reasons": "the reviewer",
    "ombud.credit.v1.DismissAppealRequest.reasons": "the reviewer",
    "ombud.credit.v1.FileAppealByReceiptRequest.remedy_sought": "the appellant",
    "ombud.credit.v1.FileAppealByReceiptRequest.statement": "the appellant",
    "ombud.credit.v1.FileAppealRequest.remedy_sought": "the appellant",
    "ombud.credit.v1.FileAppealRequest.statement": "the appellant",
    "ombud.credit.v1.GetPolicyResponse.document": "the policy pack",
    "ombud.credit.v1.DiffPoliciesRequest.to_document": "the policy officer",
    "ombud.credit.v1.GetPolicyProposalResponse.document": "the policy officer",
    "ombud.credit.v1.ProposePolicyRequest.document": "the policy officer",
    "ombud.credit.v1.SimulatePolicyRequest.document": "the policy officer",
    "ombud.credit.v1.ProlongReviewRequest.reasons": "the reviewer",
    "ombud.credit.v1.LiftSanctionRequest.reasons": "the approver",
    "ombud.credit.v1.RecordBlindReviewRequest.reasons": "the reviewer",
    "ombud.credit.v1.ProposeReferralRequest.authority": "the proposer",
    "ombud.credit.v1.ProposeReferralRequest.legal_basis": "the proposer",
    "ombud.credit.v1.Reasons.explanation": "the proposer",
    "ombud.credit.v1.Reasons.facts": "the proposer",
    "ombud.credit.v1.Reasons.how_to_restore": "the proposer",
    "ombud.credit.v1.Reasons.materials_needed": "the proposer",
    "ombud.credit.v1.Reasons.proportionality_note": "the proposer",
    "ombud.credit.v1.Reasons.step_justification": "the proposer",
    "ombud.credit.v1.RequestInfoRequest.question": "the reviewer",
    "ombud.credit.v1.RecordReferralOutcomeRequest.reference": "the authority",
    "ombud.credit.v1.RevokeListingRequest.reasons": "the approver",
    "ombud.credit.v1.StaySanctionRequest.reasons": "the approver",
    "ombud.credit.v1.VarySanctionRequest.reasons": "the approver",
    "ombud.groups.v1.ContestTipOffRequest.statement": "the reporter",
    "ombud.groups.v1.DecideTipOffContestRequest.reasons": "the reviewer",
    "ombud.groups.v1.DecideTipOffContestRequest.reply": "the reviewer",
    "ombud.groups.v1.DecideTipOffRequest.reasons": "the moderator",
    "ombud.groups.v1.ReplyTipOffRequest.reply": "the moderator",
    "ombud.groups.v1.ServeNoticeRequest.duty": "the moderator",
    "ombud.groups.v1.SubmitTipOffRequest.explanation": "the reporter",
    "ombud.identity.v1.DocumentEvidence.full_name": "the holder",
    "ombud.identity.v1.RegistrationEvidence.legal_name": "the holder",
    "ombud.identity.v1.PublishAgreementRequest.terms": "the platform",
    "ombud.retention.v1.FrameRefusal.message": "the suite",
    "ombud.retention.v1.PlaceHoldRequest.legal_basis": "the records officer",
    "ombud.retention.v1.RequestAccessRequest.legal_basis": "the records officer",
    "ombud.retention.v1.RequestAccessRequest.purpose": "the records officer",
}
# Opaque tokens that the suite made, and checks.
TOKENS = {"page_token", "consistency_token"}
# Checked by the service: a frame because one bad frame must not end its stream, a batch because of its size.
CHECKED_BY_THE_SERVICE = {
    "ombud.groups.v1.BatchCheckRequest.account_ids",
    "ombud.groups.v1.BatchCheckRequest.group_ids",
    "ombud.retention.v1.Frame.group_ids",
    "ombud.retention.v1.Frame.producer",
}

MOST = 128
TELLING = re.compile(
    r"(^|_)(attachments?|body|bodies|caption|contents?|conversation|document|excerpts?|image|media|messages?|payload|"
    r"posts?|quotes?|quoted|snippet|text|transcript|utterance)(_|$)(?!ids?$|hash$)"
)
# What the standard library knows of a pattern: the least and the most that it matches.
PATTERNS = importlib.import_module("re._parser")


def text_fields(kind: int) -> dict[str, FieldDescriptor]:
    return {field.full_name: field for message in messages() for field in message.fields if field.type == kind}


STRINGS = text_fields(FieldDescriptor.TYPE_STRING)
BYTES = text_fields(FieldDescriptor.TYPE_BYTES)
OF_REQUESTS = {field.full_name for message in in_requests().values() for field in message.fields}


def most_characters(field: FieldDescriptor) -> int | None:
    """The most characters that the field's rule lets a caller send; None if there is no bound."""
    rule = rules(field).string
    bounds = [bound for bound in (rule.max_len, rule.len, rule.max_bytes, rule.len_bytes) if bound]
    if rule.uuid:
        bounds.append(36)
    if rule.const:
        bounds.append(len(rule.const))
    if rule.pattern.startswith("^") and rule.pattern.endswith("$"):
        bounds.append(PATTERNS.parse(rule.pattern).getwidth()[1])
    return min((bound for bound in bounds if bound < PATTERNS.MAXREPEAT), default=None)


@pytest.mark.parametrize("name", sorted(BYTES))
def test_bytes_are_a_hash_a_proof_or_one_of_the_two_places(name: str) -> None:
    if name in CONTENT | PROOFS | SEALED:
        return
    rule = rules(BYTES[name]).bytes
    assert rule.len, "bytes of any length could be a message"
    assert rule.len <= 64


def test_excerpt_is_capped() -> None:
    assert rules(BYTES["ombud.groups.v1.SubmitTipOffRequest.excerpt"]).bytes.max_len == 1000


def is_long(field: FieldDescriptor) -> bool:
    if field.full_name not in OF_REQUESTS or field.full_name in CHECKED_BY_THE_SERVICE or field.name in TOKENS:
        return False
    most = most_characters(field)
    return most is None or most > MOST


def in_need_of_a_speaker() -> list[str]:
    return sorted(name for name, field in STRINGS.items() if is_long(field) or TELLING.search(field.name))


@pytest.mark.parametrize("name", in_need_of_a_speaker())
def test_long_text_is_the_word_of_a_speaker_that_is_named(name: str) -> None:
    field = STRINGS[name]
    assert name in SPEAKERS, f"whose words are in {name}? {most_characters(field)} characters fit"


@pytest.mark.parametrize("name", sorted(name for name in in_need_of_a_speaker() if name in OF_REQUESTS))
def test_long_text_of_a_request_has_a_bound(name: str) -> None:
    assert most_characters(STRINGS[name])


def test_list_of_speakers_names_only_what_needs_one() -> None:
    assert set(SPEAKERS) - set(in_need_of_a_speaker()) == set()
    assert (CONTENT | PROOFS | SEALED) - set(BYTES) == set()


def test_content_comes_out_by_approved_access_and_to_the_people_of_the_desk_alone() -> None:
    out = {
        field.full_name for message in in_responses().values() for field in message.fields if field.full_name in CONTENT
    }
    assert out == {"ombud.retention.v1.RetainedRecord.body", "ombud.groups.v1.TipOffReport.excerpt"}


def test_definition_finds_content_where_it_is() -> None:
    assert TEXT == (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    for name in ("message_text", "body", "post", "quoted_words", "messages"):
        assert TELLING.search(name)
    for name in ("message_id", "content_hash", "contention", "reposted"):
        assert not TELLING.search(name)
    assert most_characters(STRINGS["ombud.identity.v1.RegisterAccountRequest.nickname"]) == 64
    assert most_characters(STRINGS["ombud.retention.v1.GetProgressRequest.producer"]) is not None
    assert most_characters(STRINGS["ombud.credit.v1.FileAppealRequest.statement"]) == 5000
