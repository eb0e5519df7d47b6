"""How commands speak: results on stdout, errors with the next step on stderr, exit codes."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

import typer

FAILED = 1


class CommandError(Exception):
    """A command that cannot do what was asked.

    Args:
        what: What is wrong.
        advice: What to do next.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice


def print_json(values: Mapping[str, object]) -> None:
    """Prints one JSON object on a line of its own."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def finish(work: Callable[[], bool], *, as_json: bool) -> NoReturn:
    """Runs a command and ends the process by what became of it.

    Args:
        work: The command; False if it ran and the answer is no, such as a proof that does not hold.
        as_json: Tell an error as a JSON object.

    Raises:
        typer.Exit: Always; 0 if it went well, 1 if not.
    """
    try:
        good = work()
    except CommandError as error:
        _tell(str(error), error.advice, as_json=as_json)
        raise typer.Exit(FAILED) from error
    except OSError as error:
        _tell(f"{error.filename or 'file'}: {error.strerror or error}", "", as_json=as_json)
        raise typer.Exit(FAILED) from error
    raise typer.Exit(0 if good else FAILED)


def _tell(what: str, advice: str, *, as_json: bool) -> None:
    text = (
        json.dumps({"error": what, "next": advice}) if as_json else f"ombud: {what}" + (f"\n{advice}" if advice else "")
    )
    sys.stderr.write(text + "\n")
