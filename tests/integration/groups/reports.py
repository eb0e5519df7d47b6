"""Tip-offs as reporters and the desk bring them on their way."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.groups.v1 import tipoff_service_pb2 as contract
from ombud.groups.v1.tipoff_service_pb2 import TipOffCategory, TipOffTarget
from tests.integration.groups.stand import Stand

DAY = timedelta(days=1)
WORDS = "The account sells forged tickets, canary-explanation"
EXCERPT = b"Buy now, canary-excerpt"


def tip(target: TipOffTarget, /, **fields: object) -> contract.SubmitTipOffRequest:
    usual = {
        "request_id": new_id(),
        "target": target,
        "category": TipOffCategory.TIP_OFF_CATEGORY_FRAUD,
        "explanation": WORDS,
        "excerpt": EXCERPT,
        "evidence_sha256": [b"a" * 32, b"b" * 32],
        "good_faith": True,
    }
    return contract.SubmitTipOffRequest(**usual | fields)  # type: ignore[arg-type]  # fields of many types


def triage(tip_off_id: str, priority: int = 70) -> contract.TriageTipOffRequest:
    return contract.TriageTipOffRequest(
        request_id=new_id(),
        tip_off_id=tip_off_id,
        category=TipOffCategory.TIP_OFF_CATEGORY_ILLEGAL_GOODS,
        priority=priority,
    )


def decision(tip_off_id: str, outcome: str = "ACTION_TAKEN", **fields: object) -> contract.DecideTipOffRequest:
    usual = {
        "request_id": new_id(),
        "tip_off_id": tip_off_id,
        "outcome": f"TIP_OFF_OUTCOME_{outcome}",
        "reasons": "The offer breaks clause 4.3, canary-reasons",
    }
    return contract.DecideTipOffRequest(**usual | fields)  # type: ignore[arg-type]  # fields of many types


def reply(tip_off_id: str) -> contract.ReplyTipOffRequest:
    return contract.ReplyTipOffRequest(
        request_id=new_id(), tip_off_id=tip_off_id, reply="We took the offer down, canary-reply"
    )


async def on_a_group(stand: Stand) -> TipOffTarget:
    return TipOffTarget(group_code=(await stand.group()).code)


async def due(stand: Stand, **fields: object) -> list[contract.TipOff]:
    request = contract.ListDueTipOffsRequest(**fields)  # type: ignore[arg-type]  # fields of many types
    return list((await stand.handling.ListDueTipOffs(request)).tip_offs)


async def submitted(stand: Stand) -> tuple[str, contract.SubmitTipOffResponse]:
    """The id of a new tip-off, and its receipt."""
    receipt = await stand.tip_offs.SubmitTipOff(tip(await on_a_group(stand)))
    (found,) = [each for each in await due(stand) if each.reference_number == receipt.reference_number]
    return found.tip_off_id, receipt


async def tracked(stand: Stand, code: str) -> contract.GetTipOffByTrackingCodeResponse:
    request = contract.GetTipOffByTrackingCodeRequest(tracking_code=code)
    return await stand.tip_offs.GetTipOffByTrackingCode(request)


async def answered(stand: Stand, outcome: str = "NO_ACTION") -> tuple[str, contract.SubmitTipOffResponse]:
    """The id of a tip-off that was answered, and its receipt."""
    tip_off_id, receipt = await submitted(stand)
    await stand.handling.TriageTipOff(triage(tip_off_id))
    await stand.handling.DecideTipOff(decision(tip_off_id, outcome))
    await stand.handling.ReplyTipOff(reply(tip_off_id))
    return tip_off_id, receipt


def contest(code: str) -> contract.ContestTipOffRequest:
    return contract.ContestTipOffRequest(
        request_id=new_id(), tracking_code=code, statement="The tickets are forged all the same, canary-contest"
    )


def contest_decision(
    tip_off_id: str, outcome: str = "ACTION_TAKEN", **fields: object
) -> contract.DecideTipOffContestRequest:
    usual = {
        "request_id": new_id(),
        "tip_off_id": tip_off_id,
        "outcome": f"TIP_OFF_OUTCOME_{outcome}",
        "reasons": "The serial numbers are made up, canary-contest-reasons",
        "reply": "You were right, and the offer is gone, canary-contest-reply",
    }
    return contract.DecideTipOffContestRequest(**usual | fields)  # type: ignore[arg-type]  # fields of many types
