"""What a check finds."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        place: The file below the service's folder, or the database's table.
        what: What is wrong there.
        offset: The first wrong byte, or the first wrong row, where that can be told; of a segment, where the first part
            begins that has a wrong byte.
        mend: Makes it again from what is whole; None if it can not be derived.
    """

    place: str
    what: str
    offset: int | None = None
    mend: Callable[[], object] | None = None


def first_difference(found: bytes, expected: bytes) -> int:
    """Offset of the first byte that differs, or where the shorter one ends."""
    pairs = zip(found, expected, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(found), len(expected)))
