"""Who is behind a call."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A member of staff, as the issuer of the token names them.

    Attributes:
        staff_id: The token's subject; the same person has the same id in every call.
        roles: What they may do.
        account_id: Their own account on the platform, if they have told the issuer of one. Rules on conflicts of
            interest compare it; empty if unknown.
    """

    staff_id: str
    roles: frozenset[str]
    account_id: str = ""


@dataclass(frozen=True)
class Caller:
    """The workload that calls, and the person behind it if there is one. Neither: anonymous."""

    workload: str = ""
    person: Person | None = None

    @property
    def key(self) -> str:
        """Names the caller where its idempotency keys are kept apart from those of others."""
        return f"{self.workload}/{self.person.staff_id if self.person else ''}"

    @property
    def anonymous(self) -> bool:
        """True if nobody was proved."""
        return not self.workload


ANONYMOUS = Caller()
