"""Whom a decision concerns."""

from dataclasses import dataclass
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal


class SubjectKind(StrEnum):
    """Accounts and groups can be sanctioned."""

    ACCOUNT = "ACCOUNT"
    GROUP = "GROUP"


@dataclass(frozen=True, order=True)
class Subject:
    """An account or a group, by its id (UUID text)."""

    kind: SubjectKind
    id: str

    @property
    def key(self) -> str:
        """Names the subject in the change feed."""
        return f"{self.kind.lower()}/{self.id}"


def refuse_own(subject: Subject, account_id: str) -> None:
    """Refuses that a person decides on an own account.

    Args:
        subject: Whom the decision concerns.
        account_id: The account of who decides, if they told of one.

    Raises:
        Refusal: OWN_ACCOUNT.
    """
    if subject == Subject(SubjectKind.ACCOUNT, account_id):
        raise Refusal(
            ErrorReason.ERROR_REASON_OWN_ACCOUNT,
            "a person can not decide on an own account",
            satisfy="another person who holds the role",
            account_id=account_id,
        )
