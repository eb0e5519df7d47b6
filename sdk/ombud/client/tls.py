"""Mutual TLS from files that are replaced while the process runs."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_LOOK_EVERY = 1.0

T = TypeVar("T")

_log = logging.getLogger("ombud.client")


@dataclass(frozen=True)
class Pem:
    """The contents of certificate files: PEM each."""

    root: bytes
    certificate: bytes
    key: bytes

    def credentials(self) -> grpc.ChannelCredentials:
        """Credentials for a channel."""
        return grpc.ssl_channel_credentials(self.root, self.key, self.certificate)


@dataclass(frozen=True)
class Tls:
    """The files with which a workload proves itself and checks the server (mutual TLS).

    Attributes:
        root: Certificates of the authorities that the server's certificate must come from, PEM.
        certificate: The workload's certificate chain, PEM.
        key: The workload's private key, PEM.
    """

    root: Path
    certificate: Path
    key: Path

    def read(self) -> Pem:
        """Reads the files.

        Raises:
            OSError: A file cannot be read.
            ValueError: A file is no PEM, or the key is not the certificate's.
        """
        pem = Pem(self.root.read_bytes(), self.certificate.read_bytes(), self.key.read_bytes())
        _parsed(self.root, "certificates in PEM", lambda: x509.load_pem_x509_certificates(pem.root))
        chain = _parsed(
            self.certificate, "certificates in PEM", lambda: x509.load_pem_x509_certificates(pem.certificate)
        )
        key = _parsed(self.key, "a PEM private key without a password", lambda: load_pem_private_key(pem.key, None))
        if chain[0].public_key() != key.public_key():
            raise ValueError(f"{self.key.name}: is not the key of {self.certificate.name}")
        return pem

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """What changes when a file is replaced or written, a symbolic link's target included.

        Raises:
            OSError: A file is not there.
        """
        found = [path.stat() for path in (self.root, self.certificate, self.key)]
        return tuple((status.st_ino, status.st_mtime_ns, status.st_size) for status in found)


def _parsed(path: Path, wanted: str, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (ValueError, TypeError):
        raise ValueError(f"{path.name}: holds not {wanted}") from None


class Rotation:
    """The newest usable content of certificate files. Any thread may ask.

    Files that are half written, or of which one is old and one new, are not taken: the last good content stays until
    the files are whole.

    Args:
        tls: The files.

    Attributes:
        pem: The content in use.

    Raises:
        OSError: A file cannot be read.
        ValueError: The files cannot be used.
    """

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._taken = tls.stamp()
        self._refused: object = None
        self._look_at = time.monotonic() + _LOOK_EVERY
        self.pem = tls.read()

    def newer(self) -> Pem | None:
        """The content, if it is another than the last time; looks at the files once a second at most."""
        with self._lock:
            if time.monotonic() < self._look_at:
                return None
            self._look_at = time.monotonic() + _LOOK_EVERY
            return self._look()

    def _look(self) -> Pem | None:
        stamp: object = None
        try:
            stamp = self._tls.stamp()
            if stamp == self._taken:
                return None
            self.pem = self._tls.read()
        except (OSError, ValueError) as error:
            if stamp != self._refused or stamp is None:
                _log.warning("certificate files are not usable, the last good ones stay: %s", type(error).__name__)
            self._refused = stamp
            return None
        self._taken = stamp
        return self.pem
