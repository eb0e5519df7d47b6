"""Key files: made once, readable by their owner alone, never beside the data in a backup."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.config import ConfigError

_ED25519_BYTES = 32


def load_or_create(path: Path, length: int) -> bytes:
    """The secret in a file, made at random if the file does not exist.

    Args:
        path: The file; mode 0600, its folder 0700.
        length: The secret's length in bytes.

    Raises:
        ValueError: The file holds something of another length.
        ConfigError: It is not there and can not be made, or can not be read. Where several processes serve, the
            folder is mounted read-only, so that none makes a key of its own.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _put(path, secrets.token_bytes(length))
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"key file {path.name}: wanted {length} random bytes there: {error.strerror}") from None
    if len(secret) != length:
        message = f"{path.name}: holds {len(secret)} bytes, not {length}"
        raise ValueError(message)
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
