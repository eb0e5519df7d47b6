"""Tip-offs between messages and the domain."""

from datetime import datetime

from ombud.groups.v1 import tipoff_service_pb2 as contract
from services.groups.tipoffs import domain
from services.groups.wire import timestamp


def category(value: contract.TipOffCategory.ValueType) -> domain.Category:
    """The domain's category."""
    return domain.Category(contract.TipOffCategory.Name(value).removeprefix("TIP_OFF_CATEGORY_"))


def outcome(value: contract.TipOffOutcome.ValueType) -> domain.Outcome:
    """The domain's outcome."""
    return domain.Outcome(contract.TipOffOutcome.Name(value).removeprefix("TIP_OFF_OUTCOME_"))


def source(value: domain.Source) -> contract.TipOffSource.ValueType:
    """The contract's source."""
    return contract.TipOffSource.Value(f"TIP_OFF_SOURCE_{value}")


def tip_off(tip_off: domain.TipOff, at: datetime) -> contract.TipOff:
    """A tip-off as the desk sees it at the instant."""
    message = for_reporter(tip_off, at)
    message.tip_off_id = tip_off.tip_off_id
    message.priority = tip_off.priority
    message.sanction_ids.extend(tip_off.sanction_ids)
    if tip_off.contest is not None:
        message.contest.sanction_ids.extend(tip_off.contest.sanction_ids)
    return message


def for_reporter(tip_off: domain.TipOff, at: datetime) -> contract.TipOff:
    """A tip-off as its reporter sees it: without id, priority and sanctions."""
    return contract.TipOff(
        reference_number=tip_off.reference_number,
        target=_target(tip_off.target),
        group_id=tip_off.target.group_id,
        category=contract.TipOffCategory.Value(f"TIP_OFF_CATEGORY_{tip_off.category}"),
        urgent=tip_off.urgent,
        state=contract.TipOffState.Value(f"TIP_OFF_STATE_{tip_off.state}"),
        receive_time=timestamp(tip_off.receive_time),
        due_time=timestamp(tip_off.due_time),
        overdue=tip_off.overdue(at),
        escalated=tip_off.escalated(at),
        triage_time=timestamp(tip_off.triage_time),
        outcome=_outcome(tip_off.outcome),
        decide_time=timestamp(tip_off.decide_time),
        reply_time=timestamp(tip_off.reply_time),
        contest_end_time=timestamp(tip_off.contest_end),
        source=source(tip_off.source),
        contest=_contest(tip_off.contest, at) if tip_off.contest else None,
    )


def _contest(contest: domain.Contest, at: datetime) -> contract.TipOffContest:
    return contract.TipOffContest(
        contest_time=timestamp(contest.contest_time),
        due_time=timestamp(contest.due_time),
        overdue=contest.overdue(at),
        outcome=_outcome(contest.outcome),
        decide_time=timestamp(contest.decide_time),
    )


def _outcome(outcome: domain.Outcome | None) -> contract.TipOffOutcome.ValueType:
    return contract.TipOffOutcome.Value(f"TIP_OFF_OUTCOME_{outcome or 'UNSPECIFIED'}")


def _target(target: domain.Target) -> contract.TipOffTarget:
    if target.account_id:
        return contract.TipOffTarget(account_id=target.account_id)
    if target.message_id:
        message = contract.MessageReference(group_code=target.group_code, message_id=target.message_id)
        return contract.TipOffTarget(message=message)
    return contract.TipOffTarget(group_code=target.group_code)
