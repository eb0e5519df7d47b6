"""`ombud verify`: proofs, checked offline."""

from pathlib import Path

from rich.console import Console

from ombud.verify import VerificationError, VerifiedEvent, VerifiedRecord, VerifierKey, verify_evidence
from ombudctl.output import CommandError, print_json


def run(file: Path, vkey: str, body: Path | None, *, as_json: bool) -> bool:
    """Checks a proof and prints what it proves.

    Args:
        file: The proof.
        vkey: The log's verifier key, or the file that holds it.
        body: The record, if the proof does not carry it.
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
    key = read_key(vkey)
    try:
        verified = verify_evidence(proof, key, body.read_bytes() if body else None)
    except VerificationError as error:
        if as_json:
            print_json({"verified": False, "reason": str(error)})
        else:
            Console().print(f"[bold red]does not hold[/]: {error}")
        return False
    facts = _facts(verified)
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
    try:
        text = vkey if "+" in vkey and not Path(vkey).exists() else Path(vkey).read_text("utf-8")
        return VerifierKey.parse(text)
    except (UnicodeDecodeError, VerificationError) as error:
        raise CommandError(
            f"not a verifier key: {error}", "Give log.vkey, as you had it from the log's owner."
        ) from error


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
