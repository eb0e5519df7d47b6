"""How the story reads a log, makes people up, and tells what does not hold."""

import asyncio
from collections.abc import Awaitable
from datetime import date
from io import StringIO
from pathlib import Path

import grpc
import pytest
from rich.console import Console

from chassis.redacted import Redacted
from ombud.client import OmbudError
from ombud.common.v1.error_reason_pb2 import ERROR_REASON_END_REQUIRED, ERROR_REASON_WRONG_STATE
from ombud.identity.v1.verification_service_pb2 import DOCUMENT_TYPE_NATIONAL_IDENTITY
from ombudctl.story.documents import COMPANY, identity
from ombudctl.story.scene import Scene, StoryError, together
from ombudctl.story.script import read
from services.identity.verifications.numbers import DocumentType, RegisterType, document_number, register_number

TODAY = date(2026, 11, 21)


def script_of(folder: Path, *lines: str) -> list[tuple[str, int]]:
    (folder / "2026-03-14.txt").write_text("\n".join(lines))
    script = read(folder)
    return [(line.event.nick, line.person) for line in script.lines]


def test_new_nickname_keeps_being_the_same_person(tmp_path: Path) -> None:
    lines = script_of(tmp_path, "[09:00] <a> x", "=== a is now known as b", "[09:01] <b> y", "[09:02] <c> z")
    assert lines == [("a", 0), ("a", 0), ("b", 0), ("c", 1)]


def test_nickname_that_somebody_had_stays_that_persons(tmp_path: Path) -> None:
    lines = script_of(tmp_path, "[09:00] <a> x", "[09:00] <b> y", "=== a is now known as b", "[09:01] <b> z")
    assert lines == [("a", 0), ("b", 1), ("a", 0), ("b", 1)]


def test_writers_are_those_who_write(tmp_path: Path) -> None:
    (tmp_path / "2026-03-14.txt").write_text("=== a has joined #c\n[09:00] <b> x\n=== d waves\n[09:01] <b> y\n")
    script = read(tmp_path)
    assert (script.people, script.writers, script.posts) == (["a", "b", "d"], [1, 2], 3)


def test_made_up_people_have_distinct_numbers_that_the_service_accepts() -> None:
    indexes = [*range(2_000), 35_999]
    people = [identity(index) for index in indexes]
    assert len({(one.country, one.number) for one in people}) == len(indexes)
    for one in people:
        assert one.evidence().type == DOCUMENT_TYPE_NATIONAL_IDENTITY
        document_number(one.country, DocumentType.NATIONAL_IDENTITY, Redacted(one.number), today=TODAY)
    assert {one.country for one in people} == {"CN", "ES", "IN", "PL"}


def test_made_up_company_has_a_number_that_the_service_accepts() -> None:
    register_number(RegisterType.LEI, "", Redacted(COMPANY.number), today=TODAY)


@pytest.fixture
def scene() -> Scene:
    return Scene(Console(file=StringIO(), width=200))


def told(scene: Scene) -> str:
    assert isinstance(scene.console.file, StringIO)
    return scene.console.file.getvalue()


async def refused() -> None:
    raise OmbudError.of(ERROR_REASON_END_REQUIRED, "no end", facts={"measure": "WARNED"})


async def goes_through() -> None:
    return


async def test_demanded_refusal_is_told_with_its_facts(scene: Scene) -> None:
    error = await scene.refuses("no end date", "END_REQUIRED", refused())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no end date: refused, END_REQUIRED (measure WARNED)" in told(scene)
    assert scene.proofs == 1


@pytest.mark.parametrize(("call", "reason"), [(goes_through, "END_REQUIRED"), (refused, "WRONG_STATE")])
async def test_refusal_that_does_not_come_ends_the_story(scene: Scene, call: object, reason: str) -> None:
    awaitable: Awaitable[object] = call()  # type: ignore[operator]
    with pytest.raises(StoryError, match=reason):
        await scene.refuses("something forbidden", reason, awaitable)
    assert scene.proofs == 0


async def test_what_does_not_hold_ends_the_story(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoryError, match="two is three"):
        scene.proves("two is three", holds=False)
    monkeypatch.setattr("ombudctl.story.scene._PATIENCE", 0.05)

    async def ask() -> int:
        return 2

    with pytest.raises(StoryError, match=r"two becomes three: not within"):
        await scene.until("two becomes three", ask, lambda value: value == 3)


async def test_many_things_are_done_a_bounded_number_at_a_time() -> None:
    running = most = 0

    async def act(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number * 2

    assert await together(range(200), act) == [number * 2 for number in range(200)]
    assert 1 < most <= 32


def test_reason_of_a_newer_server_keeps_its_number() -> None:
    error = OmbudError.of(9999, "new")  # type: ignore[arg-type]
    assert (error.reason, error.code()) == ("9999", grpc.StatusCode.UNKNOWN)
    assert OmbudError.of(ERROR_REASON_WRONG_STATE, "x").code() is grpc.StatusCode.FAILED_PRECONDITION
