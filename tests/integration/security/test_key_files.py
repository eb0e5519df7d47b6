"""A database is served with the keys that it was first served with, and with no others.

But for those of page tokens: without them a caller begins a listing anew.
"""

from pathlib import Path

import pytest

from chassis.config import ConfigError
from tests.support.mesh import meshed

KEYS = {
    "identity": ["identity.key"],
    "credit": ["credit-blacklist.key", "credit-pages.key", "credit-receipts.key", "credit-sampling.key"],
    "groups": ["groups.key"],
}
OF_PAGES = {"credit-pages.key"}


@pytest.mark.parametrize("service", KEYS)
async def test_start_with_another_key_is_refused_and_with_its_own_is_not(service: str, tmp_path: Path) -> None:
    folder = tmp_path / service / "keys"
    async with meshed(tmp_path, services=[service]):
        pass
    assert {file.name for file in folder.glob("*.key")} == set(KEYS[service])
    for name in sorted({*KEYS[service]} - OF_PAGES):
        own = (folder / name).read_bytes()
        (folder / name).write_bytes(bytes(32))
        with pytest.raises(ConfigError, match=f"^key file {name}: the database belongs to another key"):
            async with meshed(tmp_path, services=[service]):
                pass
        (folder / name).write_bytes(own)
    async with meshed(tmp_path, services=[service]):
        pass


@pytest.mark.parametrize("service", KEYS)
async def test_start_with_a_key_file_that_is_cut_short_is_refused(service: str, tmp_path: Path) -> None:
    folder = tmp_path / service / "keys"
    folder.mkdir(parents=True)
    for name in KEYS[service]:
        (folder / name).write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"^key file [a-z-]+\.key: holds 5 bytes, not 32$"):
        async with meshed(tmp_path, services=[service]):
            pass
