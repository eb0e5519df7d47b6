"""GroupService: founding, finding, joining, leaving, roles."""

from dataclasses import replace
from typing import Any

from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from chassis.refusal import Refusal
from ombud.groups.v1 import group_service_pb2 as contract
from ombud.groups.v1 import group_service_pb2_grpc
from ombud.groups.v1.change_pb2 import GroupsChange, MemberLeft
from policies.schedule import Schedule
from services.groups.decisions import store as decisions
from services.groups.decisions import wire as decision_wire
from services.groups.decisions.domain import NO_STANDING, Action, Role, Situation, decide
from services.groups.decisions.memory import DecisionMemory
from services.groups.decisions.refusals import require
from services.groups.groups import domain, store, wire
from services.groups.projections import store as projections
from services.groups.wire import of_group

Context = ServicerContext[Any, Any]


class GroupServicer(group_service_pb2_grpc.GroupServiceServicer):
    """Founds groups, finds them, and keeps who is in them.

    Args:
        database: Where they are kept.
        memory: Gives the token of a write.
        pages: Makes page tokens.
        schedule: Says how long a code is.
    """

    def __init__(self, database: Database, memory: DecisionMemory, pages: Pages, schedule: Schedule) -> None:
        self._database = database
        self._memory = memory
        self._pages = pages
        self._schedule = schedule

    async def CreateGroup(
        self, request: contract.CreateGroupRequest, _context: Context
    ) -> contract.CreateGroupResponse:
        """Founds a group."""

        def command(unit: Unit) -> contract.CreateGroupResponse:
            situation = _permit(unit, Action.CREATE_GROUP, request.founder_account_id)
            assert situation.standing is not None  # noqa: S101 - without one the action is denied
            group = domain.found(
                group_id=new_id(),
                code=store.unused_code(unit.session, self._schedule.at(unit.now).groups.code_digits),
                founder=request.founder_account_id,
                entitlements=situation.standing.entitlements(unit.now),
                name=request.name,
                most_members=request.most_members,
                open_to_readers=request.open_to_readers,
                at=unit.now,
            )
            store.add_group(unit.session, group)
            unit.audit(
                "groups.group.created",
                subject=of_group(group.group_id),
                facts={
                    "owner": group.owner_account_id,
                    "group_class": group.group_class,
                    "most_members": group.most_members,
                },
            )
            unit.change(group.group_id, GroupsChange(group=wire.bare_group(group)))
            _tell(unit, store.owner_of(group))
            return contract.CreateGroupResponse(group=wire.group(group, NO_STANDING, unit.now))

        response = await self._database.write(command)
        response.consistency_token = self._memory.token()
        return response

    async def GetGroup(self, request: contract.GetGroupRequest, _context: Context) -> contract.GetGroupResponse:
        """Shows a group."""

        def query(session: Session) -> contract.Group:
            return self._read(session, store.get(session, request.group_id))

        return contract.GetGroupResponse(group=await self._database.read(query))

    async def FindGroupByCode(
        self,
        request: contract.FindGroupByCodeRequest,
        _context: Context,
    ) -> contract.FindGroupByCodeResponse:
        """Shows the group of a code."""
        domain.check_code(request.code, path="code")

        def query(session: Session) -> contract.Group:
            return self._read(session, store.get_by_code(session, request.code))

        return contract.FindGroupByCodeResponse(group=await self._database.read(query))

    async def JoinGroup(self, request: contract.JoinGroupRequest, _context: Context) -> contract.JoinGroupResponse:
        """Takes an account in."""

        def command(unit: Unit) -> contract.JoinGroupResponse:
            _permit(unit, Action.JOIN, request.account_id, request.group_id)
            member = domain.Member(request.group_id, request.account_id, Role.MEMBER, unit.now)
            store.add_member(unit.session, member)
            unit.audit(
                "groups.member.joined", subject=of_group(member.group_id), facts={"account_id": member.account_id}
            )
            _tell(unit, member)
            return contract.JoinGroupResponse(member=wire.member(member))

        response = await self._database.write(command)
        response.consistency_token = self._memory.token()
        return response

    async def LeaveGroup(self, request: contract.LeaveGroupRequest, _context: Context) -> contract.LeaveGroupResponse:
        """Lets an account go."""

        def command(unit: Unit) -> contract.LeaveGroupResponse:
            member = _member(unit, request.group_id, request.account_id)
            domain.refuse_owner(store.get(unit.session, request.group_id), request.account_id)
            store.remove_member(unit.session, member)
            unit.audit("groups.member.left", subject=of_group(member.group_id), facts={"account_id": member.account_id})
            left = MemberLeft(group_id=member.group_id, account_id=member.account_id)
            unit.change(f"{member.group_id}/{member.account_id}", GroupsChange(member_left=left))
            return contract.LeaveGroupResponse()

        response = await self._database.write(command)
        response.consistency_token = self._memory.token()
        return response

    async def SetRole(self, request: contract.SetRoleRequest, _context: Context) -> contract.SetRoleResponse:
        """Sets a member's role."""

        def command(unit: Unit) -> contract.SetRoleResponse:
            group = store.get(unit.session, request.group_id)
            _permit(unit, Action.MANAGE, request.acting_account_id, request.group_id)
            member = _member(unit, request.group_id, request.account_id)
            domain.refuse_owner(group, request.account_id)
            changed = replace(member, role=decision_wire.role(request.role))
            store.set_role(unit.session, changed)
            unit.audit(
                "groups.member.role_set",
                subject=of_group(member.group_id),
                facts={
                    "account_id": member.account_id,
                    "acting_account_id": request.acting_account_id,
                    "role": changed.role,
                },
            )
            _tell(unit, changed)
            return contract.SetRoleResponse(member=wire.member(changed))

        response = await self._database.write(command)
        response.consistency_token = self._memory.token()
        return response

    async def GetMember(self, request: contract.GetMemberRequest, _context: Context) -> contract.GetMemberResponse:
        """Shows a member."""
        member = await self._database.read(
            lambda session: store.find_member(session, request.group_id, request.account_id)
        )
        if member is None:
            raise Refusal.not_found("member", request.account_id)
        return contract.GetMemberResponse(member=wire.member(member))

    async def ListMembers(
        self, request: contract.ListMembersRequest, _context: Context
    ) -> contract.ListMembersResponse:
        """Shows a page of members."""
        page = self._pages.open(request)

        def query(session: Session) -> list[domain.Member]:
            store.get(session, request.group_id)
            return store.members(session, request.group_id, page)

        found = await self._database.read(query)
        shown = found[: page.size]
        return contract.ListMembersResponse(
            members=[wire.member(member) for member in shown],
            next_page_token=self._pages.token(page, shown[-1].account_id) if len(found) > page.size else "",
        )

    def _read(self, session: Session, group: domain.Group) -> contract.Group:
        standing = projections.group_standing(session, group.group_id)
        return wire.group(group, standing, self._database.clock.now())


def _permit(unit: Unit, action: Action, account_id: str, group_id: str = "") -> Situation:
    """The situation, if it allows the action; otherwise the refusal that says why not."""
    situation = decisions.situation(unit.session, account_id, group_id)
    require(decide(situation, action, unit.now), action)
    return situation


def _member(unit: Unit, group_id: str, account_id: str) -> domain.Member:
    member = store.find_member(unit.session, group_id, account_id)
    if member is None:
        raise domain.not_a_member(group_id, account_id)
    return member


def _tell(unit: Unit, member: domain.Member) -> None:
    unit.change(f"{member.group_id}/{member.account_id}", GroupsChange(member=wire.member(member)))
