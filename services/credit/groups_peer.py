"""What the credit service asks of the groups service."""

from datetime import UTC
from enum import StrEnum

import grpc

from chassis.peers import Peers
from chassis.refusal import Refusal
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Interval
from ombud.groups.v1 import figures_service_pb2, group_service_pb2, stewardship_service_pb2, tipoff_service_pb2
from ombud.groups.v1.figures_service_pb2_grpc import FiguresServiceStub
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.groups.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from ombud.groups.v1.tipoff_service_pb2_grpc import TipOffServiceStub
from services.credit.sanctions.domain import OWN_INITIATIVE, DutyBreach, Origin, SourceType
from services.credit.sanctions.proposal import breach_required


class GroupRole(StrEnum):
    """What an account is in a group."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    MEMBER = "MEMBER"


class GroupsPeer:
    """The groups service, as far as the credit service needs it."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def breach(self, *, group_id: str, notice_id: str, account_id: str) -> DutyBreach:
        """The recorded breach of duty of an account.

        Raises:
            Refusal: OWNER_BREACH_REQUIRED, if the ledger of the group records no such breach; PEER_UNAVAILABLE.
        """
        request = stewardship_service_pb2.GetDutyLedgerRequest(group_id=group_id, notice_id=notice_id)
        try:
            reply = await StewardshipServiceStub(self._channel()).GetDutyLedger(request)
        except OmbudError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise breach_required(notice_id, "NONE") from None
            raise Refusal.peer_unavailable("groups") from None
        entry = next((entry for entry in reply.entries if entry.owner_account_id == account_id), None)
        if entry is None:
            raise breach_required(notice_id, "NONE")
        if entry.state != stewardship_service_pb2.DUTY_STATE_BREACHED:
            state = stewardship_service_pb2.DutyState.Name(entry.state).removeprefix("DUTY_STATE_")
            raise breach_required(notice_id, state)
        return DutyBreach(
            notice_id=entry.notice_id,
            group_id=entry.group_id,
            served_at=entry.serve_time.ToDatetime(UTC),
            cure_end=entry.cure_end_time.ToDatetime(UTC),
        )

    async def origin(self, tip_off_id: str) -> Origin:
        """Where the facts of a proposal came from; without a tip-off, from the platform itself.

        Raises:
            Refusal: NOT_FOUND, if there is no such tip-off; PEER_UNAVAILABLE.
        """
        if not tip_off_id:
            return OWN_INITIATIVE
        reply = await self._tip_off(tip_off_id)
        if reply is None:
            raise Refusal.not_found("tip-off", tip_off_id)
        trusted = reply.source == tipoff_service_pb2.TIP_OFF_SOURCE_TRUSTED_FLAGGER
        source = SourceType.TRUSTED_FLAGGER if trusted else SourceType.NOTICE
        return Origin(source, reply.due_time.ToDatetime(UTC))

    async def deciders(self, tip_off_id: str) -> frozenset[str]:
        """Staff ids of who decided a tip-off and the contest of its answer; nobody without one, or if it is lost.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        reply = await self._tip_off(tip_off_id) if tip_off_id else None
        return frozenset(reply.deciders) if reply else frozenset()

    async def role_in(self, group_id: str, account_id: str) -> GroupRole | None:
        """What an account is in a group; None if it is not in it.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        request = group_service_pb2.GetMemberRequest(group_id=group_id, account_id=account_id)
        try:
            reply = await GroupServiceStub(self._channel()).GetMember(request)
        except OmbudError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise Refusal.peer_unavailable("groups") from None
        return GroupRole(group_service_pb2.MemberRole.Name(reply.member.role).removeprefix("MEMBER_ROLE_"))

    async def has_member(self, group_id: str, account_id: str) -> bool:
        """Whether an account is in a group; without one or the other it is not.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        return bool(group_id and account_id) and await self.role_in(group_id, account_id) is not None

    async def tip_off_figures(self, interval: Interval) -> figures_service_pb2.GetTipOffFiguresResponse:
        """How tip-offs were answered over an interval.

        Raises:
            Refusal: PEER_UNAVAILABLE.
        """
        request = figures_service_pb2.GetTipOffFiguresRequest(interval=interval)
        try:
            return await FiguresServiceStub(self._channel()).GetTipOffFigures(request)
        except OmbudError:
            raise Refusal.peer_unavailable("groups") from None

    async def _tip_off(self, tip_off_id: str) -> tipoff_service_pb2.GetTipOffOriginResponse | None:
        request = tipoff_service_pb2.GetTipOffOriginRequest(tip_off_id=tip_off_id)
        try:
            return await TipOffServiceStub(self._channel()).GetTipOffOrigin(request)
        except OmbudError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise Refusal.peer_unavailable("groups") from None

    def _channel(self) -> grpc.aio.Channel:
        return self._peers.channel("groups")
