"""What people wrote in a tip-off, encrypted: each text under the tip-off's own key, bound to its field."""

import secrets
from enum import StrEnum

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from chassis.redacted import Redacted
from services.groups.keys import GroupsKeys

_NONCE = 12


class Field(StrEnum):
    """Which text."""

    EXPLANATION = "explanation"
    EXCERPT = "excerpt"
    REASONS = "reasons"
    REPLY = "reply"
    CONTEST = "contest"
    CONTEST_REASONS = "contest-reasons"
    CONTEST_REPLY = "contest-reply"


class Sealing:
    """Encrypts and decrypts with AES-256-GCM-SIV (RFC 8452); a sealed text is its nonce of 12 bytes and ciphertext.

    Args:
        keys: The service's secrets.
    """

    def __init__(self, keys: GroupsKeys) -> None:
        self._keys = keys

    def seal(self, tip_off_id: str, field: Field, text: Redacted[bytes]) -> bytes:
        """The text, readable again only in this field of this tip-off."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher(tip_off_id).encrypt(nonce, text.reveal(), field.encode())

    def unseal(self, tip_off_id: str, field: Field, sealed: bytes | None) -> Redacted[bytes]:
        """The text; empty if there is none.

        Raises:
            cryptography.exceptions.InvalidTag: It was altered, or belongs elsewhere.
        """
        if sealed is None:
            return Redacted(b"")
        return Redacted(self._cipher(tip_off_id).decrypt(sealed[:_NONCE], sealed[_NONCE:], field.encode()))

    def _cipher(self, tip_off_id: str) -> AESGCMSIV:
        return AESGCMSIV(self._keys.derive(f"tip-off/{tip_off_id}"))
