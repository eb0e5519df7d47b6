"""DecisionService: questions from messages, answers from memory."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from grpc.aio import ServicerContext

from chassis.clock import Clock
from chassis.instants import timestamp
from chassis.refusal import Refusal
from ombud.groups.v1 import decision_service_pb2 as contract
from ombud.groups.v1 import decision_service_pb2_grpc
from services.groups.decisions import wire
from services.groups.decisions.domain import Action
from services.groups.decisions.memory import DecisionMemory
from services.groups.decisions.verdicts import NEVER

Context = ServicerContext[Any, Any]

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class DecisionServicer(decision_service_pb2_grpc.DecisionServiceServicer):
    """Answers what accounts may do. Touches no database.

    Args:
        memory: What the answers rest on.
        clock: The instant of the answers.
    """

    def __init__(self, memory: DecisionMemory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def Check(self, request: contract.CheckRequest, _context: Context) -> contract.CheckResponse:
        """Answers one question."""
        if request.consistency_token:
            await self._memory.reached(request.consistency_token)
        action = wire.ACTIONS[request.action]
        group_id = "" if action is Action.CREATE_GROUP else request.group_id
        at = self._clock.now()
        verdict = self._memory.state.check(action, request.account_id, group_id, at)
        response = contract.CheckResponse(decision=verdict.decision, revision=self._memory.revision)
        if verdict.until != NEVER:
            response.decision.valid_until_time.FromMicroseconds(verdict.until)
        if known := self._memory.known_until(at):
            response.known_until_time.CopyFrom(timestamp(known))
        return response

    async def BatchCheck(self, request: contract.BatchCheckRequest, _context: Context) -> contract.BatchCheckResponse:
        """Answers many questions."""
        if request.consistency_token:
            await self._memory.reached(request.consistency_token)
        action = wire.ACTIONS[request.action]
        account_ids = list(request.account_ids)
        group_ids = list(request.group_ids) if action is not Action.CREATE_GROUP else []
        state, at = self._memory.state, self._clock.now()
        verdicts = state.check_many(action, account_ids, group_ids or [""], at)
        answers = [verdict.decision for verdict in verdicts]
        # Messages can not be hashed, but equal answers are one object.
        keys = list(map(id, answers))
        decisions = dict(zip(keys, answers, strict=True))
        _refuse_malformed("group_ids", group_ids, state.unknown_groups(group_ids))
        _refuse_malformed("account_ids", account_ids, _unknown_accounts(decisions.values()))
        place = {key: index for index, key in enumerate(decisions)}
        known = self._memory.known_until(at)
        return contract.BatchCheckResponse(
            decisions=decisions.values(),
            decision_indexes=map(place.__getitem__, keys),
            valid_until_micros=[verdict.until for verdict in verdicts],
            revision=self._memory.revision,
            known_until_time=timestamp(known) if known else None,
        )


def _unknown_accounts(decisions: Iterable[contract.Decision]) -> set[str]:
    return {each.fact.id for each in decisions if each.reason == contract.DECISION_REASON_ACCOUNT_UNKNOWN}


def _refuse_malformed(field: str, ids: Sequence[str], unknown: Iterable[str]) -> None:
    """Tells a slip of the caller from an id that nobody has. A known id needs no look at its form."""
    for each in unknown:
        if not _UUID.fullmatch(each):
            raise Refusal.field(f"{field}[{ids.index(each)}]", "must be a valid UUID", satisfy="a UUID in each place")
