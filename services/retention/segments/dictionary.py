"""The compression dictionary: phrases that short chunks need not spell out again.

It is kept in the clear beside the segments, under its SHA-256, and segments of many groups and days need it. So nothing
may enter it that belongs to somebody: only a phrase that many different groups use does.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

FEWEST_RECORDS = 10_000
FEWEST_GROUPS = 20
_MOST_BYTES = 32_768
_MOST_WORDS = 3
_SHORTEST = 4
_SAMPLE = 50_000
_WORD = re.compile(rb"\S+\s?")


def train(records: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A dictionary from records, given as group and body; empty if they are too few or have too little in common."""
    if len(records) < FEWEST_RECORDS:
        return b""
    used: dict[bytes, set[bytes]] = {}
    for group, body in records[:_SAMPLE]:
        used.setdefault(group, set()).update(_phrases(body))
    groups = Counter(phrase for phrases in used.values() for phrase in phrases)
    return _assemble((phrase, count) for phrase, count in groups.items() if count >= FEWEST_GROUPS)


def _phrases(body: bytes) -> Iterable[bytes]:
    words = [match.span() for match in _WORD.finditer(body)]
    for at, (start, _) in enumerate(words):
        for _, end in words[at : at + _MOST_WORDS]:
            if end - start >= _SHORTEST:
                yield body[start:end]


def _assemble(phrases: Iterable[tuple[bytes, int]]) -> bytes:
    """The phrases that save most; those at the end are the cheapest to refer to."""
    ranked = sorted(phrases, key=lambda each: (-each[1] * (len(each[0]) - _SHORTEST + 1), each[0]))
    chosen: list[bytes] = []
    text = b""
    for phrase, _ in ranked:
        if len(text) + len(phrase) > _MOST_BYTES:
            break
        if phrase not in text:
            chosen.append(phrase)
            text += phrase
    return b"".join(reversed(chosen))
