"""C2SP tlog-cosignature v1 with Ed25519: witnesses say that they saw a checkpoint, when, and no other history before.

A cosignature is a line of the checkpoint's note whose payload is `key id (4) || u64 POSIX seconds || signature (64)`;
signed is `cosignature/v1`, `time <seconds>` and the checkpoint's text, each line ended by a newline.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ombud.verify.errors import VerificationError
from ombud.verify.note import check_signature, parse_verifier_key, split_note

_COSIGNATURE = b"\x04"
_PAYLOAD = struct.Struct(">Q64s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's public key, as a verifier key of type 0x04 writes it."""

    name: str
    key_id: bytes
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> "WitnessKey":
        """Reads a witness's verifier key.

        Raises:
            VerificationError: It is malformed, of another algorithm, or its key id is not its key's.
        """
        return cls(*parse_verifier_key(text, _COSIGNATURE))


def cosigned_message(text: str, seconds: int) -> bytes:
    """What a witness signs of a checkpoint's text."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def verify_cosignatures(note: str, witnesses: Sequence[WitnessKey]) -> dict[str, datetime]:
    """Which of some witnesses cosigned a checkpoint, and when.

    Args:
        note: The checkpoint's whole note. The log's own signature is not looked at.
        witnesses: Whose cosignatures count; those of others are ignored.

    Raises:
        VerificationError: The note is malformed, or a cosignature by one of them is not valid.
    """
    text, signatures = split_note(note)
    known = {(witness.name, witness.key_id): witness for witness in witnesses}
    found: dict[str, datetime] = {}
    for signature in signatures:
        if (witness := known.get((signature.name, signature.key_id))) is None:
            continue
        if len(signature.value) != _PAYLOAD.size:
            raise VerificationError("a cosignature of the wrong length")
        seconds, value = _PAYLOAD.unpack(signature.value)
        check_signature(witness.public_key, value, cosigned_message(text, seconds))
        try:
            found[witness.name] = _EPOCH + timedelta(seconds=seconds)
        except OverflowError as error:
            raise VerificationError("a cosignature's time is out of range") from error
    return found


def verify_quorum(note: str, witnesses: Sequence[WitnessKey], quorum: int) -> dict[str, datetime]:
    """Checks that enough witnesses cosigned; arguments and errors else as in `verify_cosignatures`.

    Args:
        note: The checkpoint's whole note, or a tlog-proof that ends with it.
        witnesses: Whose cosignatures count.
        quorum: How many of them are needed.

    Raises:
        VerificationError: Fewer did.
    """
    checkpoint = note.partition("\n\n")[2] if note.startswith("c2sp.org/tlog-proof@v1\n") else note
    found = verify_cosignatures(checkpoint, witnesses)
    if len(found) < quorum:
        raise VerificationError(f"cosigned by {len(found)} of the witnesses, not by {quorum}")
    return found
