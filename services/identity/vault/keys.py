"""The key service: the keys that are never in the database.

The root key is read from a file, wherever that comes from (docs/adr/0024). A KMS that keeps it to itself would be
another `KeyService`.
"""

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.keys import load_or_create
from services.identity.vault.domain import CellBroken

_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID_BYTES = 16
_VERSION = b"\x01"


class Purpose(StrEnum):
    """What a key is for. Each has a key of its own: knowing one tells nothing of another."""

    WRAP = "wrap"
    SLOT = "slot"
    PHONE_CODE = "phone-code"
    REQUEST_DIGEST = "request-digest"
    PAGE_TOKEN = "page-token"  # noqa: S105 - the name of a purpose
    KEY_ID = "key-id"


class KeyService(Protocol):
    """Wraps data keys and makes keyed hashes, without giving away its own keys."""

    @property
    def key_id(self) -> bytes:
        """Names the keys in use (16 bytes); another name means that what the former ones made can not be used."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """A data key, encrypted and bound to its context."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key that was wrapped in that context.

        Raises:
            CellBroken: It was not wrapped in that context by these keys.
        """
        ...

    def mac(self, purpose: Purpose, message: bytes) -> bytes:
        """HMAC-SHA-256 (32 bytes) under the purpose's own key."""
        ...


class LocalKeys:
    """A key service on one root key of 32 bytes: a purpose's key is its HKDF-SHA-256 (RFC 5869) by name."""

    def __init__(self, root: bytes) -> None:
        self._keys = {purpose: _derive(root, purpose) for purpose in Purpose}
        self._wrapper = AESGCMSIV(self._keys[Purpose.WRAP])

    @classmethod
    def from_file(cls, path: Path) -> "LocalKeys":
        """The keys under the root key in that file, which is made (mode 0600) if it does not exist.

        Raises:
            ConfigError: The file can not be used.
        """
        return cls(load_or_create(path, _KEY_BYTES))

    @property
    def key_id(self) -> bytes:
        """Names the root key without telling it."""
        return self._keys[Purpose.KEY_ID][:_KEY_ID_BYTES]

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`version (1 byte) ‖ key id (16) ‖ nonce (12) ‖ AES-256-GCM-SIV ciphertext`, the context bound to it."""
        header = _VERSION + self.key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return header + nonce + self._wrapper.encrypt(nonce, key, header + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """The data key that was wrapped in that context.

        Raises:
            CellBroken: It was not wrapped in that context by these keys.
        """
        header_end = len(_VERSION) + _KEY_ID_BYTES
        header, rest = wrapped[:header_end], wrapped[header_end:]
        try:
            return self._wrapper.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + context)
        except (InvalidTag, ValueError):
            message = "a data key was not wrapped here"
            raise CellBroken(message) from None

    def mac(self, purpose: Purpose, message: bytes) -> bytes:
        """HMAC-SHA-256 (32 bytes) under the purpose's own key."""
        authenticator = hmac.HMAC(self._keys[purpose], hashes.SHA256())
        authenticator.update(message)
        return authenticator.finalize()


def _derive(root: bytes, purpose: Purpose) -> bytes:
    info = b"ombud/identity/" + purpose.encode()
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=info).derive(root)
