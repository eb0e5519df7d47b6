"""Looking subjects up in a blacklist of ten million entries: their digests, then the sieve, in calls of 1,000."""

import os
import random
import time
from array import array

from bench.line import Line
from bench.load import Plan, median
from bench.world import WrongAnswerError
from chassis.ids import new_id
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.sieve import Sieve, key_of
from services.credit.subjects import Subject, SubjectKind

_KEYS = 10_000_000
_A_CALL = 1_000
_CALLS = 50
_SPACE = 1 << 64
_BYTES_A_KEY = 12.0


def measure(plan: Plan) -> Line:
    """Nanoseconds a subject, every second one listed, in calls of 1,000 subjects that come once each.

    Raises:
        WrongAnswerError: Somebody listed was not found, or somebody else was.
    """
    digests = SubjectDigests(os.urandom(32))
    subjects = [Subject(SubjectKind.ACCOUNT, new_id()) for _ in range(plan.runs * _CALLS * _A_CALL)]
    listed = {subject for index, subject in enumerate(subjects) if index % 2}
    began = time.perf_counter()
    sieve = _filled([key_of(digests.of(subject)) for subject in listed])
    built = time.perf_counter() - began
    random.shuffle(subjects)
    totals, look_ups = [], []
    for run in range(plan.runs):
        asked = subjects[run * _CALLS * _A_CALL : (run + 1) * _CALLS * _A_CALL]
        calls = [asked[first : first + _A_CALL] for first in range(0, len(asked), _A_CALL)]
        began = time.perf_counter()
        named = [[(digests.of(subject), subject) for subject in call] for call in calls]
        digested = time.perf_counter()
        found = [subject for call in named for digest, subject in call if key_of(digest) in sieve]
        ended = time.perf_counter()
        totals.append((ended - began) / len(asked) * 1e9)
        look_ups.append((ended - digested) / len(asked) * 1e9)
        if found != [subject for subject in asked if subject in listed]:
            raise WrongAnswerError("blacklist: a look-up is not what it must be")
    more: dict[str, float | str | None] = {
        "look_up_ns": median(look_ups),
        "min": min(totals),
        "max": max(totals),
        "bytes_a_key": sieve.size / len(sieve),
        "keys": float(len(sieve)),
        "seconds_to_fill": built,
        "runs": float(plan.runs),
    }
    return Line("blacklist", median(totals), "ns/key", ok=sieve.size / len(sieve) <= _BYTES_A_KEY, more=more)


def _filled(listed: list[int]) -> Sieve:
    """A sieve of ten million keys, spread as digests are: those listed, and others made up."""
    step = _SPACE // (_KEYS - len(listed))
    jitter = array("Q")
    jitter.frombytes(os.urandom(jitter.itemsize * (_KEYS - len(listed))))
    sieve = Sieve(index * step + offset % step for index, offset in enumerate(jitter))
    for key in listed:
        sieve.add(key)
    return sieve
