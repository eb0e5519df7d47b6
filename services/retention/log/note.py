"""C2SP signed notes with Ed25519: how the log signs its checkpoints, and how it reads its own back."""

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.verify import VerifierKey
from ombud.verify.received import RECEIPT

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Head:
    """A state of the log: number of leaves and root (32 bytes)."""

    size: int
    root: bytes


class Signer:
    """Signs checkpoints of one log.

    Args:
        origin: The log's name, which is the key's name too.
        key: The log's private key.
    """

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self.origin = origin
        self._key = key
        self._public = _ED25519 + key.public_key().public_bytes_raw()
        self._key_id = sha256(origin.encode() + b"\n" + self._public).digest()[:_KEY_ID_BYTES]

    @property
    def verifier_key(self) -> str:
        """The public key as a C2SP signed-note verifier key."""
        return f"{self.origin}+{self._key_id.hex()}+{base64.b64encode(self._public).decode()}"

    @property
    def verifier(self) -> VerifierKey:
        """The public key, ready to verify with."""
        return VerifierKey(self.origin, self._key_id, self._public[1:])

    def checkpoint(self, head: Head) -> str:
        """The signed checkpoint of a state."""
        return self._note(f"{self.origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n")

    def receipt(self, producer: str, sequence: int, at: datetime) -> str:
        """The signed word that a producer's records are kept up to a sequence; its first line is no checkpoint's."""
        return self._note(f"{self.origin}{RECEIPT}\n{producer}\n{sequence}\n{at.isoformat()}\n")

    def _note(self, text: str) -> str:
        signature = base64.b64encode(self._key_id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.origin} {signature}\n"
