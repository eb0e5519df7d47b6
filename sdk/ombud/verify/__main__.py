"""`python -m ombud.verify PROOF --vkey KEY`: checks a proof on any machine, without the suite."""

import argparse
import sys
from pathlib import Path

from ombud.verify import VerificationError, VerifiedRecord, verify_evidence


def main(arguments: list[str] | None = None) -> int:
    """Prints what was proved and returns 0, or says why nothing was and returns 1."""
    parser = argparse.ArgumentParser(prog="python -m ombud.verify", description=__doc__)
    parser.add_argument("proof", type=Path, help="file with a C2SP tlog-proof")
    parser.add_argument("--vkey", required=True, help="the log's verifier key, or a file that holds it")
    parser.add_argument("--body", type=Path, help="file with the record's body, if the proof does not carry it")
    options = parser.parse_args(arguments)
    try:
        key = options.vkey if "+" in options.vkey else Path(options.vkey).read_text("utf-8")
        body = options.body.read_bytes() if options.body else None
        verified = verify_evidence(options.proof.read_bytes().decode(), key, body)
    except (OSError, UnicodeDecodeError, VerificationError) as error:
        sys.stderr.write(f"NOT VERIFIED: {error}\n")
        return 1
    checkpoint = verified.checkpoint
    if isinstance(verified, VerifiedRecord):
        what = f"{verified.record_class.name.lower()} record {verified.sequence} of {verified.producer}"
        when = verified.receive_time
    else:
        what, when = f"event {verified.event_id}", verified.time
    sys.stdout.write(
        f"VERIFIED: {what}, received {when.isoformat()}, in leaf {verified.leaf_index} of {checkpoint.origin},"
        f" covered by the signed checkpoint of {checkpoint.size} leaves\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
