"""The receipt that comes with a notice: whoever holds it may appeal, without an account.

It is derived from the sanction under a key that is not in the database, and stored nowhere: nothing that leaks from the
database files an appeal in somebody's name.
"""

import hashlib
import hmac
from uuid import UUID

# Crockford's base32: no letter that is taken for a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_ID_BYTES = 16
_PROOF_BYTES = 14
_SYMBOLS = 48
_GROUP = 4


class Receipts:
    """Makes receipts and reads them.

    Args:
        key: 32 secret bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, sanction_id: str) -> str:
        """The receipt of a sanction: its id and 112 bits that prove it, as 48 symbols in groups of four."""
        plain = UUID(sanction_id).bytes
        number = int.from_bytes(plain + self._proof(plain))
        symbols = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_SYMBOLS)))
        return "-".join(symbols[start : start + _GROUP] for start in range(0, _SYMBOLS, _GROUP))

    def sanction_id(self, receipt: str) -> str | None:
        """The sanction of a receipt, whatever its case and hyphens; None if it was never made."""
        symbols = receipt.upper().translate(_MISREAD)
        if len(symbols) != _SYMBOLS or not set(symbols) <= set(_ALPHABET):
            return None
        number = 0
        for symbol in symbols:
            number = number << 5 | _ALPHABET.index(symbol)
        content = number.to_bytes(_ID_BYTES + _PROOF_BYTES)
        plain, proof = content[:_ID_BYTES], content[_ID_BYTES:]
        return str(UUID(bytes=plain)) if hmac.compare_digest(proof, self._proof(plain)) else None

    def _proof(self, plain: bytes) -> bytes:
        return hmac.digest(self._key, b"appeal-receipt\0" + plain, hashlib.sha256)[:_PROOF_BYTES]
