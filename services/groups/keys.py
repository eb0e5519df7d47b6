"""The secrets of the service: one master key in a file outside the database, one derived key a purpose."""

from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.keys import load_or_create
from chassis.redacted import Redacted

_BYTES = 32


class GroupsKeys:
    """Derives keys of 32 bytes (HKDF-SHA256, RFC 5869); keys of different purposes tell nothing of each other.

    Args:
        master: 32 bytes.
    """

    def __init__(self, master: bytes) -> None:
        self._master = Redacted(master)

    @classmethod
    def open(cls, data_dir: Path) -> "GroupsKeys":
        """The keys of a data folder; the master key is made at the first start.

        Raises:
            ValueError: The key file holds something else.
        """
        return cls(load_or_create(data_dir / "keys" / "groups.key", _BYTES))

    def derive(self, purpose: str) -> bytes:
        """The key for a purpose, 32 bytes."""
        info = f"ombud/groups/{purpose}".encode()
        return HKDF(SHA256(), _BYTES, salt=None, info=info).derive(self._master.reveal())
