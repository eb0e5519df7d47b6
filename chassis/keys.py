"""Key files: made once, readable by their owner alone, never beside the data in a backup.

A database belongs to the keys that it was first served with, and is served with no others: what was written under them
could not be used, or would be taken for something else.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlmodel import Session

from chassis.config import ConfigError
from chassis.db.tables import BoundKey

_ED25519_BYTES = 32
_SECRET_BYTES = 32
_KEY_ID_BYTES = 16


class KeyFiles:
    """The key files of a service that its database belongs to.

    Args:
        folder: Where they are, but for those that the settings put elsewhere.

    Attributes:
        ids: What each that was read is known by (16 bytes), by file name.
    """

    def __init__(self, folder: Path) -> None:
        self.ids: dict[str, bytes] = {}
        self._folder = folder

    def secret(self, name: str, path: Path | None = None) -> bytes:
        """The 32 bytes of a key file, made at the first start.

        Args:
            name: Of the file in the folder.
            path: Where the settings put it.

        Raises:
            ConfigError: As `load_or_create`.
        """
        secret = load_or_create(path or self._folder / name, _SECRET_BYTES)
        self.ids[name] = key_id(secret)
        return secret


def key_id(secret: bytes) -> bytes:
    """What a secret is known by (16 bytes, HKDF-SHA256, RFC 5869): it tells nothing of the secret."""
    return HKDF(SHA256(), _KEY_ID_BYTES, salt=None, info=b"ombud/key-id").derive(secret)


def bind_keys(session: Session, key_ids: Mapping[str, bytes]) -> None:
    """Ties a database to keys when it is first served with them.

    Args:
        session: In a transaction that writes.
        key_ids: By file name, what each key is known by.

    Raises:
        ConfigError: The database belongs to another key.
    """
    for name, known_by in key_ids.items():
        row = session.get(BoundKey, name)
        if row is None:
            session.add(BoundKey(name=name, key_id=known_by))
        elif row.key_id != known_by:
            raise ConfigError(f"key file {name}: the database belongs to another key; restore the one it was made with")


def load_or_create(path: Path, length: int) -> bytes:
    """The secret in a file, made at random if the file does not exist.

    Args:
        path: The file; mode 0600, its folder 0700.
        length: The secret's length in bytes.

    Raises:
        ConfigError: It is not there and can not be made, can not be read, or is of another length. Where several
            processes serve, the folder is mounted read-only, so that none makes a key of its own.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _put(path, secrets.token_bytes(length))
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"key file {path.name}: wanted {length} random bytes there: {error.strerror}") from None
    if len(secret) != length:
        raise ConfigError(f"key file {path.name}: holds {len(secret)} bytes, not {length}")
    return secret


def _put(path: Path, secret: bytes) -> None:
    """Makes the file, whole or not at all; one that another process made first stays."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_or_create_ed25519(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key (RFC 8032 seed, 32 bytes) in a file, made if the file does not exist."""
    return Ed25519PrivateKey.from_private_bytes(load_or_create(path, _ED25519_BYTES))
