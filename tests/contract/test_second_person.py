"""Acts that need two persons refuse the one who took the first part, whatever roles that person holds."""

import hashlib
from typing import Any

import pytest

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from tests.contract.conftest import Lived
from tests.support.contract import Rpc, rpcs
from tests.support.publishing import draft
from tests.support.refusals import refusal_of
from tests.support.wire import Who, staff

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_VERB = {rpc.verb: rpc for rpc in rpcs()}
# The first part, what it makes, and where the second part names that.
PARTS = {
    "ApproveSanction": ("ProposeSanction", "sanction", "sanction_id"),
    "ApprovePolicy": ("ProposePolicy", "proposal", "proposal_id"),
    "ApproveExchange": ("ProposeExchange", "exchange", "exchange_id"),
    "ApproveReferral": ("ProposeReferral", "referral", "referral_id"),
    "ApproveAccess": ("RequestAccess", "access", "access_id"),
    "ApproveCustodian": ("RegisterCustodian", "custodian", "custodian_id"),
    "ApproveHold": ("PlaceHold", "hold", "hold_id"),
    "ApproveRetentionClass": ("SetRetentionClass", "terms", "terms_id"),
}


async def first_part(lived: Lived, rpc: Rpc, who: Who) -> Any:
    """The person takes the first part; gives what it made."""
    request = type(lived.examples[rpc.path].request)()
    request.CopyFrom(lived.examples[rpc.path].request)
    request.request_id = new_id()
    if rpc.verb == "ProposeSanction":
        request.reasons.evidence[0].sha256 = hashlib.sha256(request.request_id.encode()).hexdigest()
    if rpc.verb == "ProposePolicy":
        request.document = draft("2026.3").canonical
        request.effective_time.seconds += 1  # later than what was published
    if rpc.verb == "ProposeReferral":
        subject = Subject(account_id=lived.life.ids["founder"])
        request.sanction_id = await lived.life.sanction(subject, credit.MEASURE_KIND_WARNED)
    return rpc.method.reply_type.FromString(await lived.wire.call(who, rpc, request))


async def test_every_second_part_has_its_first() -> None:
    assert {rpc.verb for rpc in rpcs() if rpc.method.rule.second_person} == set(PARTS)


@pytest.mark.parametrize("rpc", [rpc for rpc in rpcs() if rpc.method.rule.second_person], ids=lambda rpc: rpc.name)
async def test_person_of_the_first_part_is_refused_the_second(lived: Lived, rpc: Rpc) -> None:
    verb, made, named = PARTS[rpc.verb]
    first = BY_VERB[verb]
    both = staff("both-1", *first.method.rule.roles, *rpc.method.rule.roles)
    resource = getattr(await first_part(lived, first, both), made)
    request: Any = rpc.request()
    request.request_id = new_id()
    setattr(request, named, getattr(resource, named))
    refused = await refusal_of(lived.wire.call(both, rpc, request))
    assert refused.reason == "SECOND_PERSON_REQUIRED"
    other = staff("both-2", *first.method.rule.roles, *rpc.method.rule.roles)
    request.request_id = new_id()
    await lived.wire.call(other, rpc, request)
    request.request_id = new_id()
    again = await refusal_of(lived.wire.call(staff("both-3", *rpc.method.rule.roles), rpc, request))
    assert again.reason == "WRONG_STATE"
