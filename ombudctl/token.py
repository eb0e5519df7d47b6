"""`ombud token`: tokens of the development issuer."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from ombudctl.output import CommandError, print_json


@dataclass(frozen=True)
class Wanted:
    """What the token is to say.

    Attributes:
        roles: Roles of the person; none for a workload's token.
        staff_id: The person.
        account_id: The person's own account; empty if there is none.
        workload: The workload; empty for the desk.
        minutes: How long the token is valid.
    """

    roles: tuple[str, ...]
    staff_id: str
    account_id: str
    workload: str
    minutes: int


def issuer(data: Path) -> DevIssuer:
    """The issuer of a suite's folder.

    Raises:
        CommandError: There is no suite in the folder.
    """
    if not (data / "keys" / "issuer.key").exists():
        raise CommandError(f"{data}: no suite here", f"Start one: ombud up --data {data}")
    return DevIssuer(data, SystemClock())


def run(wanted: Wanted, data: Path, *, as_json: bool) -> bool:
    """Prints the token.

    Raises:
        CommandError: There is no suite in the folder.
    """
    valid = timedelta(minutes=wanted.minutes)
    if wanted.roles:
        token = issuer(data).person(
            wanted.staff_id,
            frozenset(wanted.roles),
            workload=wanted.workload or "desk",
            account_id=wanted.account_id,
            valid=valid,
        )
    else:
        token = issuer(data).workload(wanted.workload, valid=valid)
    if as_json:
        print_json({"token": token, "seconds": valid.total_seconds()})
    else:
        sys.stdout.write(token + "\n")
    return True
