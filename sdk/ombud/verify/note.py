"""C2SP signed notes (v1.0.0) with Ed25519, and the checkpoint that a log signs in one (tlog-checkpoint v1.0.0)."""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ombud.verify.errors import VerificationError
from ombud.verify.tree import HASH_BYTES

_ED25519 = b"\x01"
KEY_ID_BYTES = 4
_MOST_SIGNATURES = 64
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


def decode_base64(text: str) -> bytes:
    """Standard base64 with padding, in its one canonical spelling.

    Raises:
        VerificationError: It is not that.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise VerificationError("base64 that is not canonical")
    return raw


def encode_base64(raw: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(raw).decode()


def decode_number(text: str) -> int:
    """A decimal number of at most 19 digits without sign or leading zeros.

    Raises:
        VerificationError: It is not that.
    """
    if not _NUMBER.fullmatch(text):
        raise VerificationError("not a decimal number")
    return int(text)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key with the name that signs, as `<name>+<key id>+<base64>` writes it.

    Attributes:
        name: The key's name; a log's key is named like the log's origin.
        key_id: SHA-256(name || LF || 0x01 || public key)[:4].
        public_key: 32 bytes (RFC 8032).
    """

    name: str
    key_id: bytes
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Reads a verifier key.

        Raises:
            VerificationError: It is malformed, of another algorithm, or its key id is not its key's.
        """
        return cls(*parse_verifier_key(text, _ED25519))


def parse_verifier_key(text: str, algorithm: bytes) -> tuple[str, bytes, bytes]:
    """Name, key id and public key of a verifier key.

    Args:
        text: `<name>+<key id>+<base64>`.
        algorithm: The type byte that the key must have; its public key has 32 bytes.

    Raises:
        VerificationError: It is malformed, of another algorithm, or its key id is not its key's.
    """
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not parts[0] or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):  # noqa: PLR2004 - name, id, key
        raise VerificationError("not a verifier key: <name>+<key id>+<base64> is needed")
    name, key_id, raw = parts[0], bytes.fromhex(parts[1]), decode_base64(parts[2])
    if raw[:1] != algorithm or len(raw) != 1 + HASH_BYTES:
        raise VerificationError("a verifier key of another algorithm")
    if key_id_of(name, raw) != key_id:
        raise VerificationError("the verifier key's id is not that of its key")
    return name, key_id, raw[1:]


def key_id_of(name: str, key: bytes) -> bytes:
    """The id of a key: of its name, and its type byte with the public key."""
    return sha256(name.encode() + b"\n" + key).digest()[:KEY_ID_BYTES]


class Signature(NamedTuple):
    """A signature line of a note: who is said to have signed, with which key, and the signature itself."""

    name: str
    key_id: bytes
    value: bytes


def split_note(note: str) -> tuple[str, list[Signature]]:
    """The text of a signed note, with its final newline, and its signatures, none of them checked.

    Raises:
        VerificationError: It is malformed.
    """
    if _CONTROL.search(note):
        raise VerificationError("the note has control characters")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not text or not signatures.endswith("\n"):
        raise VerificationError("the note has no signatures")
    lines = signatures[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise VerificationError("the note has too many signatures")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if not match:
        raise VerificationError("the note has a malformed signature line")
    payload = decode_base64(match[2])
    return Signature(match[1], payload[:KEY_ID_BYTES], payload[KEY_ID_BYTES:])


def verify_note(note: str, key: VerifierKey | str) -> str:
    """Checks a signed note.

    Args:
        note: The whole note.
        key: Whose signature it must bear. Signatures of others are ignored.

    Returns:
        The signed text, with its final newline.

    Raises:
        VerificationError: The note is malformed, or has no valid signature by the key.
    """
    key = VerifierKey.parse(key) if isinstance(key, str) else key
    signed, signatures = split_note(note)
    valid = False
    for signature in signatures:
        if (signature.name, signature.key_id) == (key.name, key.key_id):
            check_signature(key.public_key, signature.value, signed.encode())
            valid = True
    if not valid:
        raise VerificationError("the note is not signed by this key")
    return signed


def check_signature(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Checks an Ed25519 signature.

    Raises:
        VerificationError: It is not valid.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError("the signature is not valid") from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs: its name, its number of leaves and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes


def verify_checkpoint(note: str, key: VerifierKey | str) -> Checkpoint:
    """Checks a signed checkpoint; the log's origin must be the key's name.

    Raises:
        VerificationError: As `verify_note`, or the text is not a checkpoint of this log.
    """
    key = VerifierKey.parse(key) if isinstance(key, str) else key
    lines = verify_note(note, key).split("\n")
    if len(lines) < 4 or "" in lines[:-1]:  # noqa: PLR2004 - origin, size, root and the end
        raise VerificationError("the note is not a checkpoint")
    root = decode_base64(lines[2])
    if lines[0] != key.name or len(root) != HASH_BYTES:
        raise VerificationError("the checkpoint is not one of this log")
    return Checkpoint(origin=lines[0], size=decode_number(lines[1]), root=root)
