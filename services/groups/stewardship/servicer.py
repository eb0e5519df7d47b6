"""StewardshipService: notices, cures, and the ledger of both."""

from datetime import datetime, timedelta
from typing import Any

from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.auth.access import AccessRule
from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from ombud.groups.v1 import stewardship_service_pb2 as contract
from ombud.groups.v1 import stewardship_service_pb2_grpc
from policies.schedule import Schedule
from services.groups.decisions import store as decisions
from services.groups.decisions.domain import Action, decide
from services.groups.groups import store as groups
from services.groups.stewardship import domain, store
from services.groups.wire import instant, of_group, timestamp

Context = ServicerContext[Any, Any]

# The platform tells of a cure by itself; at the desk it is a moderator's act.
_AT_THE_DESK = AccessRule(workloads=frozenset({"desk"}), roles=frozenset({"moderator"}))


class StewardshipServicer(stewardship_service_pb2_grpc.StewardshipServiceServicer):
    """Serves owners with notices and keeps what became of them.

    Args:
        database: Where they are kept.
        pages: Makes page tokens.
        schedule: Says how much time a notice gives at least.
    """

    def __init__(self, database: Database, pages: Pages, schedule: Schedule) -> None:
        self._database = database
        self._pages = pages
        self._schedule = schedule

    async def ServeNotice(
        self, request: contract.ServeNoticeRequest, _context: Context
    ) -> contract.ServeNoticeResponse:
        """Serves a notice."""

        def command(unit: Unit) -> contract.ServeNoticeResponse:
            group = groups.get(unit.session, request.group_id)
            situation = decisions.situation(unit.session, group.owner_account_id, group.group_id)
            domain.check_tools(decide(situation, Action.MANAGE, unit.now))
            cure_end_time = instant(request.cure_end_time)
            least_cure = timedelta(hours=self._schedule.at(unit.now).groups.least_cure_hours)
            domain.check_cure_time(unit.now, cure_end_time, least_cure)
            entry = domain.DutyEntry(
                notice_id=new_id(),
                group_id=group.group_id,
                owner_account_id=group.owner_account_id,
                duty=request.duty,
                tools=tuple(_tool(tool) for tool in request.tools),
                serve_time=unit.now,
                cure_end_time=cure_end_time,
            )
            store.add(unit.session, entry)
            unit.audit(
                "groups.duty.notice_served",
                subject=of_group(entry.group_id),
                resource_id=entry.notice_id,
                facts={
                    "owner": entry.owner_account_id,
                    "tools": len(entry.tools),
                    "cure_end_time": entry.cure_end_time.isoformat(),
                },
            )
            return contract.ServeNoticeResponse(entry=_message(entry, unit.now))

        return await self._database.write(command)

    async def RecordCure(self, request: contract.RecordCureRequest, _context: Context) -> contract.RecordCureResponse:
        """Records a cure."""
        caller = current_call().caller
        if caller.workload in _AT_THE_DESK.workloads:
            _AT_THE_DESK.check(caller)

        def command(unit: Unit) -> contract.RecordCureResponse:
            entry = domain.cure(store.get(unit.session, request.notice_id), unit.now)
            store.keep(unit.session, entry)
            unit.audit(
                "groups.duty.cured",
                subject=of_group(entry.group_id),
                resource_id=entry.notice_id,
                facts={"owner": entry.owner_account_id},
            )
            return contract.RecordCureResponse(entry=_message(entry, unit.now))

        return await self._database.write(command)

    async def GetDutyLedger(
        self, request: contract.GetDutyLedgerRequest, _context: Context
    ) -> contract.GetDutyLedgerResponse:
        """Shows a page of the ledger."""
        page = self._pages.open(request)

        def query(session: Session) -> list[domain.DutyEntry]:
            groups.get(session, request.group_id)
            return store.ledger(session, request.group_id, request.notice_id, page)

        found = await self._database.read(query)
        at = self._database.clock.now()
        shown = found[: page.size]
        return contract.GetDutyLedgerResponse(
            entries=[_message(entry, at) for entry in shown],
            next_page_token=self._pages.token(page, shown[-1].notice_id) if len(found) > page.size else "",
        )


def _tool(value: contract.ManagementTool.ValueType) -> domain.Tool:
    return domain.Tool(contract.ManagementTool.Name(value).removeprefix("MANAGEMENT_TOOL_"))


def _message(entry: domain.DutyEntry, at: datetime) -> contract.DutyEntry:
    return contract.DutyEntry(
        notice_id=entry.notice_id,
        group_id=entry.group_id,
        owner_account_id=entry.owner_account_id,
        duty=entry.duty,
        tools=[contract.ManagementTool.Value(f"MANAGEMENT_TOOL_{tool}") for tool in entry.tools],
        serve_time=timestamp(entry.serve_time),
        cure_end_time=timestamp(entry.cure_end_time),
        cure_time=timestamp(entry.cure_time),
        tools_lost_time=timestamp(entry.tools_lost_time),
        state=contract.DutyState.Value(f"DUTY_STATE_{entry.state(at)}"),
    )
