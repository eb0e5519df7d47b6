import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis.config import ConfigError
from chassis.keys import load_or_create, load_or_create_ed25519


def test_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one.key"
    secret = load_or_create(path, 32)
    assert len(secret) == 32
    assert load_or_create(path, 32) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create(tmp_path / "keys" / "other.key", 32) != secret


def test_key_of_another_length_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "one.key"
    path.write_bytes(b"short secret")
    with pytest.raises(ConfigError, match=r"one\.key: holds 12 bytes, not 32") as refused:
        load_or_create(path, 32)
    assert "short secret" not in str(refused.value)
    assert path.read_bytes() == b"short secret"


def test_key_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("no folder")
    with pytest.raises(ConfigError, match=r"^key file one\.key: wanted 32 random bytes there: "):
        load_or_create(tmp_path / "keys" / "one.key", 32)


def test_signing_key_is_the_same_at_each_start(tmp_path: Path) -> None:
    path = tmp_path / "issuer.key"
    signature = load_or_create_ed25519(path).sign(b"message")
    load_or_create_ed25519(path).public_key().verify(signature, b"message")


def test_starts_that_race_for_a_new_key_agree_on_it(tmp_path: Path) -> None:
    for round_number in range(20):
        path = tmp_path / f"{round_number}.key"
        with ThreadPoolExecutor(8) as pool:
            secrets = set(pool.map(lambda _, path=path: load_or_create(path, 32), range(8)))
        assert len(secrets) == 1
