"""Groups and members as messages."""

from datetime import datetime

from ombud.groups.v1 import group_service_pb2 as contract
from services.groups.decisions.domain import Standing
from services.groups.groups import domain
from services.groups.wire import timestamp


def group(group: domain.Group, standing: Standing, at: datetime) -> contract.Group:
    """A group and its state at the instant."""
    state, restriction = domain.state(standing, at)
    message = bare_group(group)
    message.member_count = group.member_count
    message.state = contract.GroupState.Value(f"GROUP_STATE_{state}")
    message.state_sanction_id = restriction.sanction_id if restriction else ""
    return message


def bare_group(group: domain.Group) -> contract.Group:
    """What the change feed carries of a group: what never changes."""
    return contract.Group(
        group_id=group.group_id,
        code=group.code,
        name=group.name,
        group_class=group.group_class,
        most_members=group.most_members,
        open_to_readers=group.open_to_readers,
        owner_account_id=group.owner_account_id,
        create_time=timestamp(group.create_time),
    )


def member(member: domain.Member) -> contract.Member:
    """A member."""
    return contract.Member(
        group_id=member.group_id,
        account_id=member.account_id,
        role=contract.MemberRole.Value(f"MEMBER_ROLE_{member.role}"),
        label=member.label,
        join_time=timestamp(member.join_time),
    )
