"""The tracking code: the one key to a reporter's mailbox, of which the database has a keyed hash only.

The code is derived from the reference number, so a repeat of the same call gives the same receipt although nothing
that is stored would open the mailbox.
"""

import hashlib
import hmac

from chassis.redacted import Redacted
from services.groups.keys import GroupsKeys

# Crockford's base32: no letter that is taken for a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_BYTES = 20
_SYMBOLS = 32
_GROUP = 4


class Tracking:
    """Makes tracking codes and the hashes that they are found by.

    Args:
        keys: The service's secrets.
    """

    def __init__(self, keys: GroupsKeys) -> None:
        self._code_key = keys.derive("tracking-code")
        self._hash_key = keys.derive("tracking-hash")

    def code(self, reference_number: str) -> Redacted[str]:
        """The code of a tip-off: 160 bits, as 32 symbols in groups of four."""
        digest = hmac.digest(self._code_key, reference_number.encode(), hashlib.sha256)
        number = int.from_bytes(digest[:_BYTES])
        symbols = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_SYMBOLS)))
        return Redacted("-".join(symbols[start : start + _GROUP] for start in range(0, _SYMBOLS, _GROUP)))

    def hash(self, code: Redacted[str]) -> bytes:
        """The keyed hash that a code is found by, 32 bytes: of what was meant, whatever its case and hyphens."""
        meant = code.reveal().upper().translate(_MISREAD)
        return hmac.digest(self._hash_key, meant.encode(), hashlib.sha256)
