import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.config import ConfigError
from services.identity.vault.domain import CellBroken
from services.identity.vault.keys import LocalKeys, Purpose

ROOT = b"r" * 32


@given(message=st.binary(max_size=100))
def test_each_purpose_has_a_key_of_its_own(message: bytes) -> None:
    keys = LocalKeys(ROOT)
    assert len({keys.mac(purpose, message) for purpose in Purpose}) == len(Purpose)


def test_another_root_gives_other_keys() -> None:
    first, second = LocalKeys(ROOT), LocalKeys(b"s" * 32)
    assert first.key_id != second.key_id
    assert first.mac(Purpose.SLOT, b"m") != second.mac(Purpose.SLOT, b"m")
    with pytest.raises(CellBroken):
        second.unwrap(first.wrap(b"k" * 32, b"context"), b"context")


@given(context=st.binary(max_size=20), other=st.binary(max_size=20))
def test_data_key_unwraps_only_in_its_context(context: bytes, other: bytes) -> None:
    keys = LocalKeys(ROOT)
    wrapped = keys.wrap(b"k" * 32, context)
    assert keys.unwrap(wrapped, context) == b"k" * 32
    if other != context:
        with pytest.raises(CellBroken):
            keys.unwrap(wrapped, other)


@given(position=st.integers(0, 76), flip=st.integers(1, 255))
def test_altered_data_key_does_not_unwrap(position: int, flip: int) -> None:
    keys = LocalKeys(ROOT)
    wrapped = bytearray(keys.wrap(b"k" * 32, b"context"))
    wrapped[position] ^= flip
    with pytest.raises(CellBroken):
        keys.unwrap(bytes(wrapped), b"context")


def test_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "identity.key"
    made = LocalKeys.from_file(file)
    assert LocalKeys.from_file(file).key_id == made.key_id
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size == 32


def test_key_file_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "identity.key"
    file.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"identity\.key"):
        LocalKeys.from_file(file)
