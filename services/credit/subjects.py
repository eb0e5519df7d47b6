"""Whom a decision concerns."""

from dataclasses import dataclass
from enum import StrEnum


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
