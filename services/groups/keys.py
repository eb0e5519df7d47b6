"""The secrets of the service: one master key in a file outside the database, one derived key a purpose."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.redacted import Redacted

_BYTES = 32


class GroupsKeys:
    """Derives keys of 32 bytes (HKDF-SHA256, RFC 5869); keys of different purposes tell nothing of each other.

    Args:
        master: 32 bytes.
    """

    def __init__(self, master: bytes) -> None:
        self._master = Redacted(master)

    def derive(self, purpose: str) -> bytes:
        """The key for a purpose, 32 bytes."""
        info = f"ombud/groups/{purpose}".encode()
        return HKDF(SHA256(), _BYTES, salt=None, info=info).derive(self._master.reveal())
