"""Every reason of a refusal is explained, has a code, is given somewhere, and some test sees it given."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from chassis.refusal import ErrorReason
from ombud.common.v1.access_pb2 import code as code_option

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "protos/ombud/common/v1/error_reason.proto"
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")

every_reason = pytest.mark.parametrize(
    "name", [value.name for value in ErrorReason.DESCRIPTOR.values if value.number], ids=lambda name: name[13:]
)


@cache
def comments() -> dict[str, list[str]]:
    """The comment lines above each value."""
    found: dict[str, list[str]] = {}
    above: list[str] = []
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("//"):
            above.append(text.removeprefix("//").strip())
        elif text.startswith("ERROR_REASON_"):
            found[text.split()[0]] = above
            above = []
        else:
            above = []
    return found


@cache
def code_of(*folders: str) -> str:
    """The Python code under the folders, without what is generated and without this module."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    own = Path(__file__)
    return "\n".join(
        path.read_text(encoding="utf-8") for path in paths if path != own and not GENERATED.search(path.name)
    )


def is_named(name: str, *folders: str) -> bool:
    short = name.removeprefix("ERROR_REASON_")
    return re.search(rf"\b(ERROR_REASON_)?{short}\b", code_of(*folders)) is not None


@every_reason
def test_reason_is_explained_with_an_example_that_parses(name: str) -> None:
    *explanation, example = comments()[name]
    assert explanation
    shown: dict[str, Any] = json.loads(example)
    assert set(shown) == {"reason", "metadata"}
    assert f"ERROR_REASON_{shown['reason']}" == name
    assert all(isinstance(value, str) for value in shown["metadata"].values())


@every_reason
def test_reason_has_a_code_that_is_an_error(name: str) -> None:
    value = ErrorReason.DESCRIPTOR.values_by_name[name]
    code = value.GetOptions().Extensions[code_option]
    assert code not in (code_pb2.OK, code_pb2.UNKNOWN)


@every_reason
def test_reason_is_given_somewhere(name: str) -> None:
    assert is_named(name, "chassis", "services")


@every_reason
def test_reason_is_seen_by_some_test(name: str) -> None:
    assert is_named(name, "tests", "ombudctl/story")
