import random

from hypothesis import given
from hypothesis import strategies as st

from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.sieve import Sieve, key_of
from services.credit.subjects import Subject, SubjectKind
from tests.unit.credit.builders import account

KEYS = st.integers(0, 2**64 - 1)


@given(first=st.sets(KEYS, max_size=50), later=st.lists(KEYS, max_size=50), asked=KEYS)
def test_sieve_is_the_set_of_what_it_was_given(first: set[int], later: list[int], asked: int) -> None:
    sieve = Sieve(sorted(first))
    for key in later:
        sieve.add(key)
    for key in [*first, *later, asked, 0, 2**64 - 1]:
        assert (key in sieve) == (key in first or key in later)
    assert len(sieve) == len(first | set(later))


def test_many_new_keys_are_sorted_in_and_cost_eight_bytes_and_an_eighth_each() -> None:
    spread = random.Random(7)  # noqa: S311 - a test's own numbers
    keys = [spread.getrandbits(64) for _ in range(60_000)]
    sieve = Sieve(sorted(keys[:30_000]))
    for key in keys[30_000:]:
        sieve.add(key)
    assert all(key in sieve for key in keys)
    assert not any(spread.getrandbits(64) in sieve for _ in range(1_000))
    assert len(sieve) == len(set(keys))
    assert sieve.size / len(keys) < 8.3


def test_digest_tells_kinds_and_keys_apart_and_names_nobody() -> None:
    subject = account()
    digests, others = SubjectDigests(b"k" * 32), SubjectDigests(b"l" * 32)
    same_id = Subject(SubjectKind.GROUP, subject.id)
    assert digests.of(subject) == SubjectDigests(b"k" * 32).of(subject)
    assert len({digests.of(subject), others.of(subject), digests.of(same_id)}) == 3
    assert len(digests.of(subject)) == 32
    assert subject.id.replace("-", "") not in digests.of(subject)
    assert key_of(digests.of(subject)) < 2**64
