"""Envelopes: what only the holder of a key opens (HPKE, RFC 9180, with ML-KEM-768 and X25519 together).

A private key is 96 bytes (64 of ML-KEM's seed, 32 of X25519), a public key 1,216 (1,184 and 32). A key's id is the
first 16 bytes of the SHA-256 of the public key. Info, which sealing and opening must agree on, binds an envelope to its
purpose.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from services.retention.files import write_durably
from services.retention.keys.domain import KEY_ID_BYTES, Buffer

PUBLIC_KEY_BYTES = 1_216
_SEED_BYTES, _PRIVATE_KEY_BYTES = 64, 96
_MLKEM_PUBLIC_BYTES = 1_184
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class EnvelopeError(Exception):
    """The envelope is not for this key or purpose, or was altered; or a key is none."""


class PrivateKey:
    """Opens envelopes."""

    def __init__(self, mlkem: MLKEM768PrivateKey, x25519: X25519PrivateKey) -> None:
        self._mlkem, self._x25519 = mlkem, x25519
        self._pair = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A new key."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> "PrivateKey":
        """The key in a file.

        Raises:
            EnvelopeError: The file holds no key.
            OSError: It can not be read.
        """
        raw = path.read_bytes()
        if len(raw) != _PRIVATE_KEY_BYTES:
            raise EnvelopeError(f"{path.name}: not a private key of {_PRIVATE_KEY_BYTES} bytes")
        return cls(
            MLKEM768PrivateKey.from_seed_bytes(raw[:_SEED_BYTES]),
            X25519PrivateKey.from_private_bytes(raw[_SEED_BYTES:]),
        )

    def save(self, path: Path) -> None:
        """Writes the key to a file that its owner alone can read."""
        write_durably(path, self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw())

    @property
    def public(self) -> bytes:
        """The public key."""
        return self._mlkem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()

    def open(self, envelope: bytes, info: bytes) -> bytes:
        """What was put in.

        Raises:
            EnvelopeError: It is not for this key and purpose, or was altered.
        """
        try:
            return _SUITE.decrypt(envelope, self._pair, info)
        except (InvalidTag, ValueError) as error:
            raise EnvelopeError("not an envelope for this key and purpose") from error


def seal(content: Buffer, public_key: bytes, info: bytes) -> bytes:
    """Puts something into an envelope.

    Raises:
        EnvelopeError: The public key is none.
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise EnvelopeError(f"not a public key of {PUBLIC_KEY_BYTES} bytes")
    try:
        pair = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC_BYTES:]),
        )
        return _SUITE.encrypt(content, pair, info)
    except ValueError as error:
        raise EnvelopeError("not a public key") from error


def public_key_id(public_key: bytes) -> bytes:
    """By which a custodian's key is named."""
    return sha256(public_key).digest()[:KEY_ID_BYTES]
