"""The command: asks for an approved access's records and writes them, each proof verified on the way."""

import asyncio
import csv
import json
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
from google.protobuf.json_format import MessageToDict
from rich.console import Console

from ombud.client import OmbudError
from ombud.groups.v1.group_service_pb2 import ListMembersRequest, Member
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.retention.v1.access_service_pb2 import (
    ExportedRecord,
    ExportRecordsRequest,
    ExportRecordsResponse,
    ExportStatement,
    GetAccessRequest,
    Membership,
)
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.verify import VerificationError, verify_record
from ombudctl.export.rows import Rows
from ombudctl.export.rsmf import Rsmf
from ombudctl.output import CommandError, print_json
from ombudctl.suite import reach
from ombudctl.token import issuer

if TYPE_CHECKING:  # the stubs of asynchronous channels exist for type checkers alone
    from ombud.groups.v1.group_service_pb2_grpc import GroupServiceAsyncStub

_VKEY = "retention/log.vkey"
_PAGE = 500
_MEMBERS_NOTE = (
    "members.csv lists who was a member of each group at some time of the interval, as the audit trail in the log says."
    " Of the unfounded_group_ids the trail does not have the beginning: those who are members now are listed as the"
    " groups service names them, and who left before the trail begins is not in it."
)


@dataclass(frozen=True)
class Wanted:
    """What to export: the access, who exports, and where to."""

    access_id: str
    staff_id: str
    folder: Path


def run(wanted: Wanted, data: Path, target: str, *, as_json: bool) -> bool:
    """Exports and says what was written.

    Raises:
        CommandError: There is no suite in the folder, the suite refused, or a proof does not hold.
    """
    if wanted.folder.exists():
        raise CommandError(f"{wanted.folder}: exists", "Name a folder that does not.")
    token = issuer(data).person(wanted.staff_id, frozenset({"records_officer"}), workload="desk", account_id="")
    verifier_key = (data / _VKEY).read_text(encoding="utf-8")
    try:
        statement = asyncio.run(_export(wanted, target, token, verifier_key))
    except OmbudError as error:
        raise CommandError(f"refused: {error}", "An export needs an open access of your own.") from error
    except VerificationError as error:
        raise CommandError(
            f"a proof does not hold: {error}", "Do not rely on this export; run `ombud fsck`."
        ) from error
    missing = len(statement.missing)
    if as_json:
        print_json({"folder": str(wanted.folder), "records": statement.records, "missing": missing})
    else:
        Console().print(f"{statement.records} records, each with a proof that was verified, in {wanted.folder}")
        Console().print(
            f"statement.json says what is missing and why: {missing} entries" if missing else "Nothing is missing."
        )
    return True


async def _export(wanted: Wanted, target: str, token: str, verifier_key: str) -> ExportStatement:
    async with reach(target, token=token) as channel:
        stub = AccessServiceStub(channel)
        access = (await stub.GetAccess(GetAccessRequest(access_id=wanted.access_id))).access
        wanted.folder.mkdir(mode=0o700, parents=True)
        request = ExportRecordsRequest(access_id=wanted.access_id, scope=access.scope)
        statement, members = await _records(stub.ExportRecords(request), wanted.folder, verifier_key)
        for group_id in statement.unfounded_group_ids:
            members += await _members_now(channel, group_id, members)
    _write_members(members, wanted.folder)
    _state(statement, wanted.folder)
    return statement


async def _records(
    stream: AsyncIterable[ExportRecordsResponse], folder: Path, verifier_key: str
) -> tuple[ExportStatement, list[Membership]]:
    """Writes what comes; every record's proof has to be of that record."""
    rows, rsmf = Rows(folder), Rsmf(folder / "records.rsmf")
    statement, members = ExportStatement(), list[Membership]()
    try:
        async for part in stream:
            match part.WhichOneof("part"):
                case "statement":
                    statement = part.statement
                case "membership":
                    members.append(part.membership)
                case _:
                    _check(part.record, verifier_key)
                    rows.add(part.record)
                    rsmf.add(part.record)
    finally:
        rows.close()
        rsmf.close()
    return statement, members


def _check(exported: ExportedRecord, verifier_key: str) -> None:
    proved = verify_record(exported.proof, verifier_key, exported.record.body)
    if (str(proved.group_id), proved.index) != (exported.record.group_id, exported.record.index):
        raise VerificationError("a proof is of another record")


async def _members_now(channel: grpc.aio.Channel, group_id: str, known: Sequence[Membership]) -> list[Membership]:
    """The members of a group whom the audit trail does not name; none of a group that was never registered."""
    named = {each.account_id for each in known if each.group_id == group_id}
    try:
        members = await _members_of(GroupServiceStub(channel), group_id)
    except OmbudError as error:
        if error.reason != "NOT_FOUND":
            raise
        return []
    return [
        Membership(group_id=group_id, account_id=member.account_id, join_time=member.join_time)
        for member in members
        if member.account_id not in named
    ]


def _write_members(members: Sequence[Membership], folder: Path) -> None:
    with (folder / "members.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("group_id", "account_id", "join_time", "leave_time"))
        for each in members:
            joined = each.join_time.ToJsonString() if each.HasField("join_time") else ""
            left = each.leave_time.ToJsonString() if each.HasField("leave_time") else ""
            table.writerow((each.group_id, each.account_id, joined, left))


async def _members_of(stub: "GroupServiceAsyncStub", group_id: str) -> list[Member]:
    members: list[Member] = []
    token = ""
    while True:
        page = await stub.ListMembers(ListMembersRequest(group_id=group_id, page_size=_PAGE, page_token=token))
        members += page.members
        token = page.next_page_token
        if not token:
            return members


def _state(statement: ExportStatement, folder: Path) -> None:
    """Writes the statement, with the hash of every other file of the export."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    content = {
        "statement": MessageToDict(statement, preserving_proto_field_name=True),
        "members": _MEMBERS_NOTE,
        "formats": "records.jsonl has every record unchanged; in records.csv an apostrophe precedes text that a"
        " spreadsheet would take for a formula.",
        "sha256": {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (folder / "statement.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
