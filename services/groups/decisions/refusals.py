"""A denied decision, as the refusal of the act that asked for it."""

from chassis.refusal import ErrorReason, Refusal
from services.groups.decisions.domain import Action, Decision, FactKind, Reason

_REFUSALS: dict[Reason, tuple[ErrorReason.ValueType, str, str]] = {
    Reason.ACCOUNT_UNKNOWN: (
        ErrorReason.ERROR_REASON_MEMBER_ACCOUNT_UNKNOWN,
        "the groups service has not heard of the account",
        "the id of a registered account; if it was registered this second, the same call again",
    ),
    Reason.STANDING_UNKNOWN: (
        ErrorReason.ERROR_REASON_STANDING_UNKNOWN,
        "the groups service has not heard from the credit service yet",
        "the same call, later",
    ),
    Reason.ACCOUNT_CLOSED: (
        ErrorReason.ERROR_REASON_MEMBER_ACCOUNT_CLOSED,
        "the account is closed",
        "an account that is not closed",
    ),
    Reason.ACCOUNT_SUSPENDED: (
        ErrorReason.ERROR_REASON_ACCOUNT_SUSPENDED,
        "a sanction suspends the account",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.ACCOUNT_BLACKLISTED: (
        ErrorReason.ERROR_REASON_ACCOUNT_BLACKLISTED,
        "the account is on the blacklist",
        "the end of the entry's term, or a successful appeal",
    ),
    Reason.UPDATES_SUSPENDED: (
        ErrorReason.ERROR_REASON_UPDATES_SUSPENDED,
        "a sanction keeps the account from bringing out anything new",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.MANAGEMENT_CANCELLED: (
        ErrorReason.ERROR_REASON_MANAGEMENT_CANCELLED,
        "a sanction took the account's rights of an owner or a manager",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.MANAGEMENT_SUSPENDED: (
        ErrorReason.ERROR_REASON_MANAGEMENT_SUSPENDED,
        "a sanction keeps the account from managing groups",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.GROUP_CREATION_CANCELLED: (
        ErrorReason.ERROR_REASON_GROUP_CREATION_CANCELLED,
        "a sanction took the account's right to found groups",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.JOINING_SUSPENDED: (
        ErrorReason.ERROR_REASON_JOINING_SUSPENDED,
        "a sanction keeps the account from joining groups",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.NOT_VERIFIED: (
        ErrorReason.ERROR_REASON_VERIFICATION_NEEDED,
        "nobody has proved to be behind the account",
        "a completed verification",
    ),
    Reason.VERIFICATION_EXPIRED: (
        ErrorReason.ERROR_REASON_VERIFICATION_NEEDED,
        "the account's verification has expired",
        "a new verification",
    ),
    Reason.GRACE_ENDED: (
        ErrorReason.ERROR_REASON_VERIFICATION_NEEDED,
        "the account's time to verify has ended",
        "a completed verification",
    ),
    Reason.GROUP_UNKNOWN: (
        ErrorReason.ERROR_REASON_NOT_FOUND,
        "no group by that id",
        "the id of an existing group",
    ),
    Reason.GROUP_CLOSED: (
        ErrorReason.ERROR_REASON_GROUP_CLOSED,
        "a sanction closed the group",
        "another group, or a successful appeal",
    ),
    Reason.GROUP_BLACKLISTED: (
        ErrorReason.ERROR_REASON_GROUP_BLACKLISTED,
        "the group is on the blacklist",
        "another group, the end of the entry's term, or a successful appeal",
    ),
    Reason.GROUP_SUSPENDED: (
        ErrorReason.ERROR_REASON_GROUP_SUSPENDED,
        "a sanction suspends the group",
        "the end of the sanction, or a successful appeal",
    ),
    Reason.GROUP_JOINING_SUSPENDED: (
        ErrorReason.ERROR_REASON_GROUP_JOINING_SUSPENDED,
        "a sanction keeps the group from taking members",
        "another group, the end of the sanction, or a successful appeal",
    ),
    Reason.NOT_A_MEMBER: (
        ErrorReason.ERROR_REASON_NOT_A_MEMBER,
        "the account is not in the group",
        "a member of the group",
    ),
    Reason.ALREADY_A_MEMBER: (
        ErrorReason.ERROR_REASON_ALREADY_A_MEMBER,
        "the account is in the group already",
        "an account that is not in the group",
    ),
    Reason.ROLE_NOT_HELD: (
        ErrorReason.ERROR_REASON_ROLE_NOT_HELD,
        "the acting account is neither owner nor manager of the group",
        "the account of the owner or of a manager",
    ),
    Reason.GROUP_CREATION_NOT_ENTITLED: (
        ErrorReason.ERROR_REASON_GROUP_CREATION_NOT_ENTITLED,
        "accounts of this standing do not found groups",
        "a better standing, which comes back as points expire",
    ),
    Reason.GROUPS_OWNED_CAP: (
        ErrorReason.ERROR_REASON_GROUPS_OWNED_CAP,
        "the account owns as many groups as its standing allows",
        "a founder who owns fewer groups than the cap",
    ),
    Reason.GROUPS_JOINED_CAP: (
        ErrorReason.ERROR_REASON_GROUPS_JOINED_CAP,
        "the account is in as many groups as its standing allows",
        "an account that is in fewer groups than the cap; leaving one makes room",
    ),
    Reason.GROUP_MEMBERS_CAP: (
        ErrorReason.ERROR_REASON_GROUP_MEMBERS_CAP,
        "the group is full",
        "a group with fewer members than its cap",
    ),
}

_FACT_NAMES = {
    FactKind.SANCTION: "sanction",
    FactKind.CAP: "cap",
    FactKind.GROUP: "group_id",
    FactKind.ACCOUNT: "account_id",
    FactKind.VERIFICATION: "level",
    FactKind.GRACE: "grace",
    FactKind.ROLE: "role",
}


def require(decision: Decision, action: Action) -> None:
    """Returns if the decision allows the action.

    Raises:
        Refusal: The reason that the contract pairs with the decision's, and the deciding fact.
    """
    if decision.allowed:
        return
    reason, message, satisfy = _REFUSALS[decision.reason]
    raise Refusal(reason, message, satisfy=satisfy, **facts(decision, action))


def facts(decision: Decision, action: Action) -> dict[str, str | int]:
    """The deciding fact of a decision, for an error's metadata."""
    fact = decision.fact
    found: dict[str, str | int] = {"action": action, "decision": decision.reason}
    if decision.reason is Reason.GROUP_UNKNOWN:
        found |= {"resource": "group", "id": fact.id}
    elif fact.id:
        found[_FACT_NAMES[fact.kind]] = fact.id
    if fact.kind is FactKind.CAP:
        found["limit"] = fact.limit
    if fact.time is not None:
        found["until"] = fact.time.isoformat()
    return found
