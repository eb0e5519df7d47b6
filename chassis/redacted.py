"""A wrapper for values that must not be seen by accident."""

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes)

_SHOWN = "[redacted]"


class Redacted(Generic[T]):
    """Holds a personal or secret value that prints, formats and reprs as `[redacted]`.

    It can not be pickled, iterated or measured; only `reveal` gives the value, so a search for that word finds
    every place where one is used in the clear. Equality is constant in time.
    """

    __slots__ = ("_value",)
    _value: T

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value in the clear."""
        return self._value

    def __repr__(self) -> str:
        return _SHOWN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Redacted):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        message = "a redacted value is not pickled"
        raise TypeError(message)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
