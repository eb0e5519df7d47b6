"""`ombud access export`, against a suite that `ombud up` started."""

import asyncio
import csv
import email
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from email.message import Message
from hashlib import sha256
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from chassis.instants import timestamp
from ombud.client import connect, request_id
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import AccessScope, ApproveAccessRequest, RequestAccessRequest
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest, Frame
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombud.verify import verify_record
from tests.integration.story.shell import Said, Up, ombud
from tests.integration.story.test_commands import token

GROUP = "018f0000-0000-7000-8000-00000000000e"
BODIES = ("Grüße an alle".encode(), b"=1+1", b"\xff\xfe not text", b"two\nlines, and a comma")


async def appended(running: Up) -> None:
    now = int(datetime.now(UTC).timestamp() * 1_000_000)  # noqa: TID251 - the suite is a process with the machine's clock
    frame = Frame(
        producer="exported",
        first_sequence=1,
        group_ids=[GROUP],
        group_indexes=[0] * len(BODIES),
        event_times_micros=[now + at for at in range(len(BODIES))],
        bodies=BODIES,
    )
    async with connect(running.target, token=token(running, "--workload", "platform")) as channel:
        await IngestServiceStub(channel).AppendBatch(AppendBatchRequest(frame=frame))


async def opened(running: Up) -> str:
    """An approved access to the group's records of this hour."""
    now = datetime.now(UTC)  # noqa: TID251 - the suite is a process with the machine's clock
    interval = Interval(start_time=timestamp(now - timedelta(minutes=30)), end_time=timestamp(now + timedelta(hours=1)))
    request = RequestAccessRequest(
        request_id=request_id(),
        case_id="case-1",
        legal_basis="court order",
        purpose="to answer the appeal",
        scope=AccessScope(group_ids=[GROUP], interval=interval),
        window=Duration(seconds=600),
        most_reads=1,
    )
    officer = token(running, "--role", "records_officer", "--staff", "officer-1")
    async with connect(running.target, token=officer) as channel:
        access_id = (await AccessServiceStub(channel).RequestAccess(request)).access.access_id
    approver = token(running, "--role", "records_approver", "--staff", "approver-1")
    async with connect(running.target, token=approver) as channel:
        approval = ApproveAccessRequest(request_id=request_id(), access_id=access_id)
        await AccessServiceStub(channel).ApproveAccess(approval)
    return access_id


def export(running: Up, access_id: str, folder: Path, *, staff: str = "officer-1") -> Said:
    arguments = ("access", "export", access_id, folder, "--staff", staff, "--json")
    return ombud(*arguments, "--data", running.data, "--target", running.target, folder=folder.parent)


@pytest.fixture(scope="module")
def exported(running: Up, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "case-1"
    asyncio.run(appended(running))
    access_id = asyncio.run(opened(running))
    said = export(running, access_id, folder, staff="officer-2")
    assert said.code == 1
    assert "ACCESS_NOT_YOURS" in said.err
    said = export(running, access_id, folder.with_name("own"))
    assert said.code == 0, said.err
    assert said.lines == [{"folder": str(folder.with_name("own")), "records": len(BODIES), "missing": 0}]
    return folder.with_name("own")


def test_json_lines_have_every_record_as_it_was_and_its_proof_holds(running: Up, exported: Path) -> None:
    key = (running.data / "retention" / "log.vkey").read_text()
    lines = [json.loads(line) for line in (exported / "records.jsonl").read_text().splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4]
    for line, body in zip(lines, BODIES, strict=True):
        assert verify_record((exported / line["proof"]).read_text(), key, body).index == line["index"]
    assert [line["text"] for line in lines] == ["Grüße an alle", "=1+1", None, "two\nlines, and a comma"]


def test_table_has_the_same_records_and_no_formula(exported: Path) -> None:
    with (exported / "records.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["Grüße an alle", "'=1+1", "", "two\nlines, and a comma"]


def attachment(mail: Message) -> zipfile.ZipFile:
    (attached,) = [part for part in mail.walk() if part.get_filename()]
    assert attached.get_filename() == "rsmf.zip"
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return zipfile.ZipFile(io.BytesIO(content))


def test_rsmf_is_a_mail_with_one_zip_of_manifest_and_proofs(exported: Path) -> None:
    mail = email.message_from_bytes((exported / "records.rsmf").read_bytes())
    assert (mail["X-RSMF-Version"], mail["X-RSMF-EventCount"]) == ("2.0.0", "4")
    zipped = attachment(mail)
    manifest = json.loads(zipped.read("rsmf_manifest.json"))
    assert [each["id"] for each in manifest["participants"]] == ["exported"]
    assert [each["id"] for each in manifest["conversations"]] == [GROUP]
    assert [event["body"] for event in manifest["events"]][:2] == ["Grüße an alle", "=1+1"]
    for event in manifest["events"]:
        (proof,) = event["attachments"]
        assert zipped.read(proof["id"]) == (exported / "proofs" / proof["id"]).read_bytes()
    (text,) = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    indexed = text.get_payload(decode=True)
    assert isinstance(indexed, bytes)
    assert "Grüße an alle" in indexed.decode()


def test_statement_says_what_the_export_is_and_hashes_every_file(exported: Path) -> None:
    stated = json.loads((exported / "statement.json").read_text())
    assert stated["statement"]["records"] == "4"
    assert "missing" not in stated["statement"]
    assert stated["statement"]["unfounded_group_ids"] == [GROUP]
    assert "unfounded_group_ids" in stated["members"]
    files = {str(path.relative_to(exported)): path for path in exported.rglob("*") if path.is_file()}
    del files["statement.json"]
    assert stated["sha256"] == {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def test_folder_that_exists_is_left_alone(running: Up, exported: Path) -> None:
    said = export(running, "018f0000-0000-7000-8000-0000000000ff", exported)
    assert said.code == 1
    assert "exists" in said.err
