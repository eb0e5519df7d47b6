"""Keys: what a day's secret gives, to whom, and until when."""

from collections.abc import Mapping
from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.retention.keys import domain
from services.retention.keys.domain import KEY_BYTES, Buffer, Scope
from services.retention.keys.envelope import EnvelopeError, PrivateKey, seal
from services.retention.keys.keys import Custodian, Keys
from services.retention.keys.store import Custody, KeyStore
from services.retention.log.leaves import RecordClass

DAY = date(2026, 11, 20)
SCOPE = Scope(RecordClass.CHAT, bytes(15) + b"\x01")
OTHER = Scope(RecordClass.CHAT, bytes(15) + b"\x02")
HOLD = "0192f0c1-0000-7000-8000-000000000009"
parts_of = st.integers(2, 8).flatmap(
    lambda slots: st.lists(
        st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES), min_size=slots, max_size=slots, unique=True
    )
)


class Custodians:
    """Three custodians with their own keys, apart from the service."""

    def __init__(self) -> None:
        self.keys = {slot: PrivateKey.generate() for slot in (1, 2, 3)}

    @property
    def roster(self) -> dict[int, Custodian]:
        return {slot: Custodian(slot, f"custodian-{slot}", key.public) for slot, key in self.keys.items()}

    def open(self, slot: int, custody: Custody, info: bytes) -> dict[int, Buffer]:
        found: dict[int, Buffer] = {}
        for envelope in custody.shares[slot].envelopes:
            found |= domain.unpack(self.keys[slot].open(envelope, info))
        return found

    def answer(self, slot: int, custody: Custody, day: date, scope: Scope) -> dict[int, Buffer]:
        """A custodian's answer for one scope of a closed day."""
        share = self.open(slot, custody, domain.share_info(scope.record_class, day))
        return {other: domain.value(part, scope.info) for other, part in share.items()}


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "days")


@pytest.fixture
def people() -> Custodians:
    return Custodians()


@pytest.fixture
def keys(store: KeyStore, people: Custodians) -> Keys:
    made = Keys(store, 3)
    made.custodians = people.roster
    return made


def refused(reason: ErrorReason.ValueType) -> "pytest.RaisesExc[Refusal]":
    return pytest.RaisesExc(Refusal, check=lambda refusal: refusal.reason == reason)


@given(parts=parts_of, data=st.data())
def test_any_two_custodians_open_a_scope_and_nothing_else(parts: list[bytes], data: st.DataObject) -> None:
    first, second = data.draw(st.sampled_from(list(combinations(range(1, len(parts) + 1), 2))))
    answers: list[Mapping[int, Buffer]] = [
        {slot: domain.value(part, SCOPE.info) for slot, part in domain.share(parts, custodian).items()}
        for custodian in (first, second)
    ]
    opened = domain.combine(domain.merge(answers, len(parts)))
    assert opened == domain.derive(parts, SCOPE.info)
    assert opened != domain.derive(parts, OTHER.info)
    given_out = {bytes(each) for answer in answers for each in answer.values()}
    assert not given_out & set(parts)


@given(parts=parts_of, data=st.data())
def test_one_custodian_lacks_a_part_that_every_key_needs(parts: list[bytes], data: st.DataObject) -> None:
    custodian = data.draw(st.integers(1, len(parts)))
    share = domain.share(parts, custodian)
    assert custodian not in share
    with refused(ErrorReason.ERROR_REASON_CUSTODY_ANSWER_INVALID):
        domain.merge([share, share], len(parts))


@given(parts=parts_of)
def test_contradicting_answers_are_refused(parts: list[bytes]) -> None:
    altered = dict(domain.share(parts, 1)) | {2: bytes(KEY_BYTES - 1) + b"\x01"}
    with refused(ErrorReason.ERROR_REASON_CUSTODY_ANSWER_INVALID):
        domain.merge([domain.share(parts, 1), altered], len(parts))


def test_day_keeps_its_secret_and_no_two_days_scopes_or_classes_share_a_key(keys: Keys) -> None:
    assert keys.current(RecordClass.CHAT, DAY) == keys.current(RecordClass.CHAT, DAY)
    keys.current(RecordClass.CHAT, date(2026, 11, 21))
    keys.current(RecordClass.AUDIT, DAY)
    found = [
        bytes(keys.scope_key(DAY, SCOPE)),
        bytes(keys.scope_key(DAY, OTHER)),
        bytes(keys.scope_key(date(2026, 11, 21), SCOPE)),
        bytes(keys.scope_key(DAY, Scope(RecordClass.AUDIT))),
    ]
    assert len(set(found)) == len(found)


def test_files_of_keys_are_their_owners_alone(keys: Keys, tmp_path: Path) -> None:
    keys.current(RecordClass.CHAT, DAY)
    (file,) = (tmp_path / "days").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_closed_day_needs_two_custodians_for_each_scope(keys: Keys, store: KeyStore, people: Custodians) -> None:
    keys.current(RecordClass.CHAT, DAY)
    before = bytes(keys.scope_key(DAY, SCOPE))
    keys.close_day(DAY)
    keys.close_day(DAY)

    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, SCOPE)
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.current(RecordClass.CHAT, DAY)
    custody = store.custody(RecordClass.CHAT, DAY)
    assert custody is not None
    answers = [people.answer(slot, custody, DAY, SCOPE) for slot in (1, 3)]
    keys.grant("access", DAY, SCOPE, [bytearray(each) for each in domain.merge(answers, custody.slots)])
    assert keys.scope_key(DAY, SCOPE, access_id="access") == before
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, OTHER, access_id="access")
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, SCOPE, access_id="another access")
    keys.end_access("access")
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, SCOPE, access_id="access")


@pytest.mark.parametrize("left", [0, 1, 3 * KEY_BYTES - 1, 3 * KEY_BYTES])
def test_closing_that_was_cut_off_while_it_wiped_goes_on_wiping_and_shares_nothing_again(
    keys: Keys, store: KeyStore, people: Custodians, tmp_path: Path, left: int
) -> None:
    keys.current(RecordClass.CHAT, DAY)
    before = bytes(keys.scope_key(DAY, SCOPE))
    (file,) = (tmp_path / "days").iterdir()
    secret = file.read_bytes()
    keys.close_day(DAY)
    file.write_bytes(bytes(len(secret) - left) + secret[len(secret) - left :])

    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, SCOPE)
    keys.close_day(DAY)
    assert not file.exists()
    custody = store.custody(RecordClass.CHAT, DAY)
    assert custody is not None
    answers = [people.answer(slot, custody, DAY, SCOPE) for slot in (1, 2)]
    keys.grant("access", DAY, SCOPE, [bytearray(each) for each in domain.merge(answers, custody.slots)])
    assert keys.scope_key(DAY, SCOPE, access_id="access") == before


def test_day_stays_open_while_there_are_too_few_custodians(keys: Keys, people: Custodians) -> None:
    keys.custodians = {1: people.roster[1]}
    keys.current(RecordClass.CHAT, DAY)
    before = keys.scope_key(DAY, SCOPE)
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_MISSING):
        keys.close_day(DAY)
    assert keys.scope_key(DAY, SCOPE) == before


def test_destroyed_day_is_gone_but_for_what_a_hold_keeps(keys: Keys, store: KeyStore, people: Custodians) -> None:
    keys.current(RecordClass.CHAT, DAY)
    before = bytes(keys.scope_key(DAY, SCOPE))
    keys.wrap_for_hold(DAY, SCOPE, HOLD)
    keys.wrap_for_hold(DAY, SCOPE, HOLD)
    keys.close_day(DAY)
    keys.destroy_day(DAY)

    with refused(ErrorReason.ERROR_REASON_KEYS_DESTROYED):
        keys.scope_key(DAY, OTHER)
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.scope_key(DAY, SCOPE)
    custody = store.hold(HOLD, DAY, SCOPE)
    assert custody is not None
    answers = [people.open(slot, custody, domain.hold_info(DAY, SCOPE)) for slot in (2, 3)]
    assert domain.combine(domain.merge(answers, custody.slots)) == before
    keys.release_hold(HOLD)
    with refused(ErrorReason.ERROR_REASON_KEYS_DESTROYED):
        keys.scope_key(DAY, SCOPE)


def test_hold_on_a_closed_day_needs_custodians(keys: Keys, store: KeyStore, people: Custodians) -> None:
    keys.current(RecordClass.CHAT, DAY)
    before = bytes(keys.scope_key(DAY, SCOPE))
    keys.close_day(DAY)
    with refused(ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED):
        keys.wrap_for_hold(DAY, SCOPE, HOLD)
    custody = store.custody(RecordClass.CHAT, DAY)
    assert custody is not None
    answers = [people.answer(slot, custody, DAY, SCOPE) for slot in (1, 2)]
    keys.grant(HOLD, DAY, SCOPE, [bytearray(each) for each in domain.merge(answers, custody.slots)])
    keys.wrap_for_hold(DAY, SCOPE, HOLD)
    kept = store.hold(HOLD, DAY, SCOPE)
    assert kept is not None
    answers = [people.open(slot, kept, domain.hold_info(DAY, SCOPE)) for slot in (1, 3)]
    assert domain.combine(domain.merge(answers, kept.slots)) == before


def test_hold_on_a_destroyed_day_is_refused(keys: Keys) -> None:
    with refused(ErrorReason.ERROR_REASON_KEYS_DESTROYED):
        keys.wrap_for_hold(DAY, SCOPE, HOLD)


def test_envelope_opens_for_its_key_and_purpose_alone() -> None:
    key = PrivateKey.generate()
    envelope = seal(b"content", key.public, b"purpose")
    assert key.open(envelope, b"purpose") == b"content"
    altered = envelope[:-1] + bytes([envelope[-1] ^ 1])
    for opener, sealed, purpose in (
        (PrivateKey.generate(), envelope, b"purpose"),
        (key, envelope, b"other purpose"),
        (key, altered, b"purpose"),
        (key, b"", b"purpose"),
    ):
        with pytest.raises(EnvelopeError):
            opener.open(sealed, purpose)


def test_private_key_survives_its_file(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    key.save(tmp_path / "custodian.key")
    assert PrivateKey.load(tmp_path / "custodian.key").public == key.public
    assert (tmp_path / "custodian.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "custodian.key").write_bytes(b"short")
    with pytest.raises(EnvelopeError):
        PrivateKey.load(tmp_path / "custodian.key")
