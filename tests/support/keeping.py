"""Custody of keys: a slot gets another custodian."""

from ombud.retention.v1 import custody_service_pb2 as custody
from services.retention.keys.envelope import PrivateKey
from tests.support.contract import rpcs
from tests.support.life import Example, Life
from tests.support.refusals import refusal_of
from tests.support.wire import staff

CUSTODIAN = staff("custodian-4", "custodian")
CUSTODY_OFFICER = staff("cus-1", "custody_officer")
CUSTODY_APPROVER = staff("cus-2", "custody_approver")


async def custodians(life: Life) -> None:
    """Slot 3 passes to another person, by two persons."""
    proposed = await life.act(
        CUSTODY_OFFICER,
        custody.RegisterCustodianRequest(slot=3, staff_id=CUSTODIAN.staff, public_key=PrivateKey.generate().public),
    )
    custodian_id = proposed.custodian.custodian_id
    await life.act(CUSTODY_APPROVER, custody.ApproveCustodianRequest(custodian_id=custodian_id))
    await nothing_to_answer(life, custodian_id)


async def nothing_to_answer(life: Life, pending_id: str) -> None:
    """No day has closed in this life, so that no request waits; who asks, and with what, is an example all the same."""
    request = custody.AnswerRequestRequest(pending_id=pending_id, envelopes=[b"sealed"])
    (rpc,) = [each for each in rpcs() if each.descriptor.input_type is request.DESCRIPTOR]
    refused = await refusal_of(life.call(CUSTODIAN, rpc, request))
    assert refused.reason == "NOT_FOUND"
    life.examples[rpc.path] = Example(CUSTODIAN, rpc, request, b"")
