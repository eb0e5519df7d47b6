"""The receipt that a producer keeps: the log's signed word that its records are stored."""

from dataclasses import dataclass
from datetime import datetime

from ombud.verify.errors import VerificationError
from ombud.verify.note import VerifierKey, decode_number, verify_note

# What stands after the log's origin on a receipt's first line, so that no receipt is ever taken for a checkpoint.
RECEIPT = "/received"
_LINES = 5


@dataclass(frozen=True, slots=True)
class Received:
    """What a receipt says.

    Attributes:
        producer: The producer.
        sequence: Every record up to and including it is stored.
        time: When the log said so, by its clock.
    """

    producer: str
    sequence: int
    time: datetime


def verify_received(note: str, key: VerifierKey | str) -> Received:
    """Checks a receipt.

    Args:
        note: The receipt, as GetProgress gives it out.
        key: The log's verifier key.

    Raises:
        VerificationError: The signature is not the log's, or the text is no receipt.
    """
    key = VerifierKey.parse(key) if isinstance(key, str) else key
    lines = verify_note(note, key).split("\n")
    if len(lines) != _LINES or lines[0] != key.name + RECEIPT:
        raise VerificationError("the note is not a receipt of this log")
    try:
        return Received(lines[1], decode_number(lines[2]), datetime.fromisoformat(lines[3]))
    except ValueError as error:
        raise VerificationError("the receipt's time is none") from error
