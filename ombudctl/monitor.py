"""`ombud monitor`: follows a log from outside and raises the alarm."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.clock import Clock, SystemClock
from ombud.verify import Alarm, Seen, VerificationError, VerifierKey, WitnessKey, follow, verify_quorum
from ombudctl.output import CommandError, print_json
from ombudctl.remote import RemoteLog, UnreachableError

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Watched:
    """What to follow, and what to expect of it.

    Attributes:
        url: Where the log is served.
        key: Its verifier key.
        state: The file that remembers what was seen.
        most_age: Seconds that the newest leaf may be old.
        witnesses: Whose cosignatures count.
        quorum: How many of them the newest checkpoint has to bear.
    """

    url: str
    key: VerifierKey
    state: Path
    most_age: float
    witnesses: Sequence[WitnessKey] = ()
    quorum: int = 0


def run(watched: Watched, *, once: bool, interval: float, as_json: bool, clock: Clock | None = None) -> bool:
    """Follows a log until SIGINT or SIGTERM, or looks once.

    Args:
        watched: What to follow.
        once: Look once and say how it is.
        interval: Seconds between two looks.
        as_json: Print one JSON object a look, instead of a line.
        clock: The time; the system's if not given.

    Returns:
        False after an alarm: the log broke what it had shown; or with `once`, it is late, can not be reached, or bears
        too few cosignatures.

    Raises:
        CommandError: The state file is not one of this log.
    """
    stopped = threading.Event()
    if not once:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stopped.set())
    log, clock = RemoteLog(watched.url), clock or SystemClock()
    seen = _recall(watched)
    while True:
        now = int(clock.now().timestamp() * _MICROS)
        try:
            seen = _look(watched, log, seen, now)
        except Alarm as alarm:
            _say(seen, alarm=str(alarm), as_json=as_json)
            return False
        except UnreachableError as error:
            trouble = f"unreachable: {error}"
        else:
            trouble = _late(watched, seen, now) or _unwitnessed(watched, seen)
        _say(seen, alarm=trouble, as_json=as_json)
        if once:
            return not trouble
        if stopped.wait(interval):
            return True


def _look(watched: Watched, log: RemoteLog, seen: Seen, now: int) -> Seen:
    """Takes the newest checkpoint up and remembers it; one that raises the alarm is kept beside, as evidence."""
    note = log.checkpoint()
    try:
        newer = follow(seen, note, watched.key, log.entries, now)
    except Alarm:
        _keep(watched.state.with_name(watched.state.name + ".evidence"), note)
        raise
    if newer != seen:
        _keep(watched.state, newer.dump())
    return newer


def _late(watched: Watched, seen: Seen, now: int) -> str:
    age = now - seen.newest
    return f"late: the newest leaf is of {age // _MICROS} s ago" if age > watched.most_age * _MICROS else ""


def _unwitnessed(watched: Watched, seen: Seen) -> str:
    try:
        verify_quorum(seen.note, watched.witnesses, watched.quorum)
    except VerificationError as error:
        return f"unwitnessed: {error}"
    return ""


def _recall(watched: Watched) -> Seen:
    if not watched.state.exists():
        return Seen()
    try:
        return Seen.load(watched.state.read_text("utf-8"), watched.key)
    except (VerificationError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{watched.state}: {error}", "Restore it: without it a rollback before its time goes unseen."
        ) from error


def _keep(file: Path, text: str) -> None:
    scratch = file.with_name(file.name + ".part")
    with scratch.open("w", encoding="utf-8") as draft:
        draft.write(text)
        draft.flush()
        os.fsync(draft.fileno())
    scratch.replace(file)


def _say(seen: Seen, *, alarm: str, as_json: bool) -> None:
    size, root = seen.frontier.size, seen.frontier.root.hex()
    if as_json:
        print_json({"good": not alarm, "size": size, "root": root, "alarm": alarm})
    elif alarm:
        sys.stderr.write(f"ALARM {alarm}\n")
    else:
        sys.stdout.write(f"good: {size} leaves, root {root}\n")
        sys.stdout.flush()
