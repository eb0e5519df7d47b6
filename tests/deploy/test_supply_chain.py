"""What the image is made of: pinned, licensed for this use, and listed whole in the bill of materials."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
# What may be linked with, or used unchanged by, a program under Apache-2.0.
LICENCES = {
    "3-Clause BSD License",
    "Apache Software License",
    "Apache-2.0",
    "Apache-2.0 OR BSD-3-Clause",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)",
    "ISC License (ISCL)",
    "LGPL-3.0-only",
    "MIT",
    "MIT License",
    "MIT-0",
    "PSF-2.0",
}


def pinned(lock: Path) -> dict[str, str]:
    """Versions by package."""
    return dict(re.findall(r"^([a-z][\w.-]*)(?:\[[\w,]+\])?==([^\s;]+)", lock.read_text(), re.MULTILINE))


def licences(package: str) -> list[str]:
    """What the package says of itself: an SPDX expression, its classifiers, or a name."""
    about = importlib.metadata.metadata(package)
    if "License-Expression" in about:
        return [about["License-Expression"]]
    named = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if each.startswith("License")]
    return named or [about["License"]]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_lock_pins_every_package_with_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert len(pinned(lock)) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in requirement
    assert "://" not in text


def test_image_and_suite_hold_the_same_versions() -> None:
    image, suite = (pinned(ROOT / "requirements" / f"{name}.lock") for name in ("image", "runtime"))
    assert suite.items() <= image.items()


def test_licence_of_each_package_in_the_image_may_be_used() -> None:
    for package in pinned(ROOT / "requirements" / "image.lock"):
        found = set(licences(package))
        assert found, package
        assert found <= LICENCES, package


def test_bill_of_materials_lists_each_package_of_the_image_with_its_version_and_hashes() -> None:
    tool = Path(sys.executable).parent / "cyclonedx-py"
    lock = ROOT / "requirements" / "image.lock"
    done = subprocess.run(  # noqa: S603 - our own lock
        [tool, "requirements", lock, "--output-reproducible"], check=True, capture_output=True, text=True
    )
    components = json.loads(done.stdout)["components"]
    assert {each["name"]: each["version"] for each in components} == pinned(lock)
    assert all(reference["hashes"] for each in components for reference in each["externalReferences"])
