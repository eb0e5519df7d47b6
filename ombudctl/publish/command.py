"""`ombud report` and `ombud statements`: asks the suite and writes files."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from ombud.client import OmbudError
from ombud.credit.v1.transparency_service_pb2 import (
    ExportErrataRequest,
    ExportStatementsRequest,
    GetTransparencyReportRequest,
    TransparencyReport,
)
from ombud.credit.v1.transparency_service_pb2_grpc import TransparencyServiceStub
from ombudctl.output import CommandError, print_json
from ombudctl.publish.page import page
from ombudctl.suite import Suite, reach

Statements = list[dict[str, Any]]

_BATCH = 100


@dataclass(frozen=True)
class Months:
    """The first and the last month, as YYYY-MM."""

    first: str
    last: str


def report(months: Months, target: str, tls: Path | None, out: Path, *, as_json: bool) -> bool:
    """Writes the report as HTML; with `as_json` prints it as JSON, too.

    Raises:
        CommandError: The suite refused.
    """
    try:
        made = asyncio.run(_report(months, target, tls))
    except OmbudError as error:
        raise CommandError(f"refused: {error}", "Report on whole months that are over, as in 2026-01.") from error
    out.write_text(page(made), encoding="utf-8")
    if as_json:
        print_json(_json(made))
    else:
        Console().print(f"The report is in {out}")
    return True


def statements(months: Months, suite: Suite, folder: Path, *, as_json: bool) -> bool:
    """Writes statements in files of at most 100, each the body of one call to the EU's database, and their errata.

    Raises:
        CommandError: The folder exists, there is no suite, or the suite refused.
    """
    if folder.exists():
        raise CommandError(f"{folder}: exists", "Name a folder that does not.")
    try:
        batches, errata = asyncio.run(_exported(months, suite))
    except OmbudError as error:
        raise CommandError(f"refused: {error}") from error
    write(folder, batches, errata)
    counts = {"statements": sum(map(len, batches)), "batches": len(batches), "errata": len(errata)}
    if as_json:
        print_json({"folder": str(folder), **counts})
    else:
        Console().print(
            f"{counts['statements']} statements in {counts['batches']} files and {counts['errata']} errata in {folder}"
        )
    return True


async def exported(channel: grpc.aio.Channel, months: Months) -> tuple[list[Statements], Statements]:
    """The statements of decisions that took effect in some months, in batches, and the errata of these months.

    Raises:
        CommandError: A month is none.
        OmbudError: The suite refused.
    """
    start, end = _instant(months.first), _instant(months.last, later=1)
    stub = TransparencyServiceStub(channel)
    stated = ExportStatementsRequest(start_time=start, end_time=end, page_size=_BATCH)
    batches = [[_json(each) for each in page.statements] async for page in _pages(stub.ExportStatements, stated)]
    corrected = ExportErrataRequest(start_time=start, end_time=end, page_size=_BATCH)
    errata = [_json(each) async for page in _pages(stub.ExportErrata, corrected) for each in page.errata]
    return [batch for batch in batches if batch], errata


def write(folder: Path, batches: list[Statements], errata: Statements) -> None:
    """Writes a file a batch, the body of one call to the database, and one with the errata."""
    folder.mkdir(mode=0o700, parents=True)
    for number, batch in enumerate(batches, 1):
        _write(folder / f"statements-{number:04}.json", {"statements": batch})
    _write(folder / "errata.json", {"errata": errata})


async def _report(months: Months, target: str, tls: Path | None) -> TransparencyReport:
    async with reach(target, tls=tls) as channel:
        request = GetTransparencyReportRequest(first_month=months.first, last_month=months.last)
        return (await TransparencyServiceStub(channel).GetTransparencyReport(request)).report


async def _exported(months: Months, suite: Suite) -> tuple[list[Statements], Statements]:
    async with suite.channel() as channel:
        return await exported(channel, months)


async def _pages(
    list_page: Callable[[Any], Awaitable[Any]], request: ExportStatementsRequest | ExportErrataRequest
) -> AsyncIterator[Any]:
    while True:
        answer = await list_page(request)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _instant(month: str, *, later: int = 0) -> Timestamp:
    try:
        start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"{month}: not a month", "Give it as YYYY-MM.") from None
    months = start.year * 12 + start.month - 1 + later
    message = Timestamp()
    message.FromDatetime(start.replace(year=months // 12, month=months % 12 + 1))
    return message


def _json(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
