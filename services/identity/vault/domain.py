"""Sealed cells: what a cell looks like, and what binds it to its place.

A cell is `version (1 byte) ‖ key id (16 bytes) ‖ nonce (12 bytes) ‖ AES-256-GCM-SIV ciphertext` (RFC 8452, which
keeps its secrets even if a nonce repeats). Version, holder, record, field and key id are associated data: a cell
that is moved to any other place does not open. Values are padded to blocks of 64 bytes, so that their length does
not tell the kind or country of a number.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from chassis.redacted import Redacted

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
_BLOCK_BYTES = 64
# ISO/IEC 7816-4: one marking byte, then zeros.
_PAD_MARK = b"\x80"
_KEY_ID_END = 1 + 16
_HEADER_END = _KEY_ID_END + _NONCE_BYTES


class CellBroken(Exception):  # noqa: N818 - what happened, not whose error it is
    """A cell does not open where it lies: it was moved, altered, or sealed under another key."""


class CellField(StrEnum):
    """What a cell holds."""

    NAME = "NAME"
    NUMBER = "NUMBER"
    SCHEME = "SCHEME"
    COUNTRY = "COUNTRY"
    KIND = "KIND"
    EXPIRY_DATE = "EXPIRY_DATE"
    PHONE = "PHONE"


@dataclass(frozen=True)
class Place:
    """Where a cell lies: the account whose holder it tells of, the verification that it came with, and the field."""

    account_id: str
    verification_id: str
    field: CellField


@dataclass(frozen=True)
class DataKey:
    """One holder's key, in the clear, and the UUID that names it."""

    key_id: str
    key: Redacted[bytes]


def new_data_key(key_id: str) -> DataKey:
    """A fresh random key of 32 bytes."""
    return DataKey(key_id, Redacted(secrets.token_bytes(KEY_BYTES)))


def length_prefixed(parts: Sequence[bytes]) -> bytes:
    """The parts, each behind its length in 4 bytes (big-endian): different sequences never give the same bytes."""
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def seal(data_key: DataKey, place: Place, value: Redacted[str]) -> bytes:
    """The value as a cell for that place."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    header = _VERSION + UUID(data_key.key_id).bytes
    cipher = AESGCMSIV(data_key.key.reveal())
    return header + nonce + cipher.encrypt(nonce, _padded(value.reveal().encode()), _bound(header, place))


def unseal(data_key: DataKey, place: Place, cell: bytes) -> Redacted[str]:
    """The value of a cell that lies at that place.

    Raises:
        CellBroken: It is not the cell that was sealed for this place under this key.
    """
    header, nonce, sealed = cell[:_KEY_ID_END], cell[_KEY_ID_END:_HEADER_END], cell[_HEADER_END:]
    if header != _VERSION + UUID(data_key.key_id).bytes:
        message = "a cell names another format or key"
        raise CellBroken(message)
    try:
        padded = AESGCMSIV(data_key.key.reveal()).decrypt(nonce, sealed, _bound(header, place))
    except (InvalidTag, ValueError):
        message = "a cell does not open where it lies"
        raise CellBroken(message) from None
    return Redacted(padded.rpartition(_PAD_MARK)[0].decode())


def _padded(value: bytes) -> bytes:
    marked = value + _PAD_MARK
    return marked.ljust(-(-len(marked) // _BLOCK_BYTES) * _BLOCK_BYTES, b"\0")


def _bound(header: bytes, place: Place) -> bytes:
    version, key_id = header[:1], header[1:]
    identity = (place.account_id.encode(), place.verification_id.encode(), place.field.encode())
    return length_prefixed((version, *identity, key_id))
