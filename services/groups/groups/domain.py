"""Groups and their members: codes, founding, roles."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stdnum import damm
from stdnum.exceptions import ValidationError

from chassis.refusal import ErrorReason, Refusal
from services.groups.decisions.domain import Entitlements, Measure, Restriction, Role, Standing


class GroupState(StrEnum):
    """Whether a group works; the contract's `GroupState`."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


_STATE_MEASURES = (
    (GroupState.CLOSED, (Measure.GROUP_CLOSED,)),
    (GroupState.SUSPENDED, (Measure.GROUP_SUSPENDED, Measure.PUBLISHING_SUSPENDED, Measure.BLACKLISTED)),
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it was founded, and how many are in it."""

    group_id: str
    code: str
    name: str
    group_class: str
    most_members: int
    open_to_readers: bool
    owner_account_id: str
    create_time: datetime
    member_count: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """An account in a group."""

    group_id: str
    account_id: str
    role: Role
    join_time: datetime

    @property
    def label(self) -> str:
        """What is shown beside the nickname."""
        return self.role.capitalize()


def state(standing: Standing, at: datetime) -> tuple[GroupState, Restriction | None]:
    """Whether a group of that standing works at the instant, and the measure that it comes from."""
    for value, measures in _STATE_MEASURES:
        if restriction := standing.binding(at, *measures):
            return value, restriction
    return GroupState.ACTIVE, None


def found(
    *,
    group_id: str,
    code: str,
    founder: str,
    entitlements: Entitlements,
    name: str,
    most_members: int,
    open_to_readers: bool,
    at: datetime,
) -> Group:
    """The group that a founder with these entitlements may have.

    Args:
        group_id: Id of the new group.
        code: Its code, of `code_of`.
        founder: Id of the account that will own it.
        entitlements: What the founder's standing gives at the instant.
        name: Name shown.
        most_members: The size wished for; 0 takes what the founder is entitled to.
        open_to_readers: Whether accounts that are not in it may read it.
        at: The instant of the founding.

    Raises:
        Refusal: GROUP_SIZE_CAP.
    """
    limit = entitlements.most_group_members
    if max(most_members, 1) > limit:
        raise Refusal.field(
            "most_members",
            "a founder of this standing can not have a group of that size",
            reason=ErrorReason.ERROR_REASON_GROUP_SIZE_CAP,
            satisfy=f"at most {limit} members, or 0 for as many as the standing allows",
            cap="most_group_members",
            limit=limit,
        )
    return Group(
        group_id=group_id,
        code=code,
        name=name,
        group_class=entitlements.group_class,
        most_members=most_members or limit,
        open_to_readers=open_to_readers,
        owner_account_id=founder,
        create_time=at,
    )


def code_of(number: int, digits: int) -> str:
    """The group code of a number from 0 to 10^(digits-1) - 1: zero-padded, with its Damm check digit.

    Damm's check digit finds every single wrong digit and every swap of neighbours (Damm, 2004).
    """
    body = str(number).zfill(digits - 1)
    return f"{body}{damm.calc_check_digit(body)}"


def check_code(code: str, *, path: str) -> None:
    """Returns if the check digit fits.

    Args:
        code: Decimal digits.
        path: The request's field that holds it.

    Raises:
        Refusal: GROUP_CODE_INVALID.
    """
    try:
        damm.validate(code)
    except ValidationError:
        raise Refusal.field(
            path,
            "the check digit does not fit the rest of the code",
            reason=ErrorReason.ERROR_REASON_GROUP_CODE_INVALID,
            satisfy="the code as the group shows it",
        ) from None


def refuse_owner(group: Group, account_id: str) -> None:
    """Returns unless the account is the group's owner, who can neither leave nor take another role.

    Raises:
        Refusal: OWNER_MUST_STAY.
    """
    if account_id == group.owner_account_id:
        raise Refusal(
            ErrorReason.ERROR_REASON_OWNER_MUST_STAY,
            "the owner answers for the group and stays its owner",
            satisfy="another member",
            group_id=group.group_id,
            account_id=account_id,
        )


def not_a_member(group_id: str, account_id: str) -> Refusal:
    """What is said of an account that is not in the group: NOT_A_MEMBER."""
    return Refusal(
        ErrorReason.ERROR_REASON_NOT_A_MEMBER,
        "the account is not in the group",
        satisfy="a member of the group",
        group_id=group_id,
        account_id=account_id,
    )
