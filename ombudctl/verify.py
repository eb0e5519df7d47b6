"""`ombud verify`: proofs, checked offline."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from ombud.verify import (
    VerificationError,
    VerifiedEvent,
    VerifiedRecord,
    VerifierKey,
    WitnessKey,
    verify_evidence,
    verify_quorum,
)
from ombudctl.output import CommandError, print_json

K = TypeVar("K")


def run(
    file: Path, vkey: str, body: Path | None, witnesses: Sequence[str], quorum: int | None, *, as_json: bool
) -> bool:
    """Checks a proof and prints what it proves.

    Args:
        file: The proof.
        vkey: The log's verifier key, or the file that holds it.
        body: The record, if the proof does not carry it.
        witnesses: Verifier keys of witnesses, or the files that hold them.
        quorum: How many of them must have cosigned; all of them if None.
        as_json: Print a JSON object.

    Returns:
        True if it holds.

    Raises:
        CommandError: The proof is not text, or the key is none.
        OSError: A file cannot be read.
    """
    try:
        proof = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise CommandError("the proof is a text file", "Give the proof as the suite gave it out.") from error
    key, known = read_key(vkey), [read_witness(witness) for witness in witnesses]
    try:
        verified = verify_evidence(proof, key, body.read_bytes() if body else None)
        cosigned = verify_quorum(proof, known, len(known) if quorum is None else quorum)
    except VerificationError as error:
        if as_json:
            print_json({"verified": False, "reason": str(error)})
        else:
            Console().print(f"[bold red]does not hold[/]: {error}")
        return False
    facts = _facts(verified)
    if cosigned:
        facts["cosigned"] = ", ".join(f"{name} at {time.isoformat()}" for name, time in sorted(cosigned.items()))
    if as_json:
        print_json({"verified": True, **facts})
    else:
        console = Console()
        console.print("[bold green]holds[/]")
        for name, value in facts.items():
            console.print(f"  {name:<12} {value}", markup=False, highlight=False)
    return True


def read_key(vkey: str) -> VerifierKey:
    """A log's verifier key, or the one in a file.

    Raises:
        CommandError: It is none.
        OSError: The file cannot be read.
    """
    return _read(vkey, VerifierKey.parse, "Give log.vkey, as the log's owner gave it out.")


def read_witness(vkey: str) -> WitnessKey:
    """A witness's verifier key, or the one in a file; errors as for `read_key`."""
    return _read(vkey, WitnessKey.parse, "Give the key that the witness gave out, of type 0x04.")


def _read(vkey: str, parse: Callable[[str], K], advice: str) -> K:
    try:
        return parse(vkey if "+" in vkey and not Path(vkey).exists() else Path(vkey).read_text("utf-8"))
    except (UnicodeDecodeError, VerificationError) as error:
        raise CommandError(f"not a verifier key: {error}", advice) from error


def _facts(verified: VerifiedRecord | VerifiedEvent) -> dict[str, object]:
    log = {
        "leaf": verified.leaf_index,
        "log": verified.checkpoint.origin,
        "size": verified.checkpoint.size,
        "root": verified.checkpoint.root.hex(),
    }
    if isinstance(verified, VerifiedEvent):
        return {"event": str(verified.event_id), "time": verified.time.isoformat(), **log}
    return {
        "class": verified.record_class.name.lower(),
        "group": str(verified.group_id or ""),
        "producer": verified.producer,
        "sequence": verified.sequence,
        "received": verified.receive_time.isoformat(),
        **log,
    }
