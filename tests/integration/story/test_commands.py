"""Tokens, imports, traces and proofs, against a suite that `ombud up` started."""

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from typer.testing import CliRunner

from ombud.client import OmbudError, connect, request_id
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    HOLDER_KIND_INDIVIDUAL,
    ChangeNicknameRequest,
    RegisterAccountRequest,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.verification_service_pb2 import ListReviewCasesRequest
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceStub
from ombud.retention.v1.ingest_service_pb2 import GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombudctl.chat import Event, entries, files, sample
from ombudctl.import_chat import body_of, producer_name
from ombudctl.main import app
from tests.integration.story.shell import Said, Up, ombud, up
from tests.support.eventually import eventually

GROUP = "018f0000-0000-7000-8000-00000000000a"


def token(running: Up, *options: str) -> str:
    said = ombud("token", *options, "--data", running.data, folder=running.data)
    assert said.code == 0, said.err
    return said.out.strip()


async def register(channel: grpc.aio.Channel) -> str:
    request = RegisterAccountRequest(
        request_id=request_id(),
        kind=ACCOUNT_KIND_PERSONAL,
        holder_kind=HOLDER_KIND_INDIVIDUAL,
        nickname="marlow",
    )
    return (await AccountServiceStub(channel).RegisterAccount(request)).account.account_id


async def test_workload_token_calls_and_a_person_without_the_role_does_not(running: Up) -> None:
    async with connect(running.target, token=token(running, "--workload", "platform")) as channel:
        assert await register(channel)
    cases = ListReviewCasesRequest()
    reviewer = token(running, "--role", "identity_reviewer", "--role", "moderator", "--staff", "rev-1")
    async with connect(running.target, token=reviewer) as channel:
        assert not (await VerificationServiceStub(channel).ListReviewCases(cases)).cases
    async with connect(running.target, token=token(running, "--role", "moderator")) as channel:
        with pytest.raises(OmbudError) as refused:
            await VerificationServiceStub(channel).ListReviewCases(cases)
    assert refused.value.reason == "ROLE_REQUIRED"


async def proof_of(channel: grpc.aio.Channel, request: GetReceiptRequest) -> str:
    receipt = await LogServiceStub(channel).GetReceipt(request)
    return receipt.proof if receipt.state == PROOF_STATE_SEALED else ""


def test_token_tells_programs_how_long_it_is_valid(running: Up) -> None:
    said = ombud(
        "token", "--workload", "platform", "--minutes", 5, "--data", running.data, "--json", folder=running.data
    )
    assert said.lines[0]["seconds"] == 300


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("token",), 2, "--role"),
        (("token", "--workload", "platform", "--data", "nowhere"), 1, "ombud up --data nowhere"),
        (("trace", "xyz"), 1, "32 hexadecimal digits"),
        (("verify", "nowhere", "--vkey", "a+b+c"), 1, "nowhere"),
        (("import", "chat", "nowhere", "--group", GROUP), 1, "name a file, or a folder"),
        (("import", "chat", "nowhere", "--group", "tidepool"), 1, "group_id"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_what_cannot_be_done_ends_with_a_code_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, arguments)
    assert (said.exit_code, said.stdout) == (code, "")
    assert words in said.stderr
    assert "Traceback" not in said.stderr


async def test_import_appends_once_and_keeps_aside_what_cannot_be_read(running: Up, tmp_path: Path) -> None:
    (log,) = files(sample())
    events = [entry for entry in entries(log) if isinstance(entry, Event)]
    arguments = ("import", "chat", sample(), "--group", GROUP, "--data", running.data, "--target", running.target)
    for _ in range(2):
        said = ombud(*arguments, "--json", folder=tmp_path)
        assert said.code == 0, said.err
        (told,) = said.lines
        assert told["records"] == len(events)
        assert [fault["line"] for fault in told["unreadable"]] == [159]
    rejected = (tmp_path / "chat.rejected").read_text()
    assert rejected.startswith("2026-03-14_09.txt:159: ")
    assert log.read_text().splitlines()[158] in rejected
    name = producer_name(GROUP, log.name)
    async with connect(running.target, token=token(running, "--workload", "platform")) as channel:
        progress = await IngestServiceStub(channel).GetProgress(GetProgressRequest(producer=name))
    assert progress.acked_sequence == len(events)
    plain = ombud(*arguments, folder=tmp_path)
    assert "2026-03-14_09.txt:159" in plain.err
    assert f"{len(events)} records" in plain.out


async def test_receipt_is_verified_offline_and_an_altered_record_is_not(running: Up, tmp_path: Path) -> None:
    arguments = ("import", "chat", sample(), "--group", GROUP, "--data", running.data, "--target", running.target)
    assert ombud(*arguments, folder=tmp_path).code == 0
    (log,) = files(sample())
    first = next(entry for entry in entries(log) if isinstance(entry, Event))
    async with connect(running.target, token=token(running, "--workload", "platform")) as channel:
        proved = await eventually(
            lambda: proof_of(channel, GetReceiptRequest(producer=producer_name(GROUP, log.name), sequence=1))
        )
    proof, body, altered = tmp_path / "receipt", tmp_path / "body", tmp_path / "altered"
    proof.write_text(proved)
    body.write_bytes(body_of(first))
    altered.write_bytes(body_of(first).replace(b"marlow", b"barlow"))
    key = running.data / "retention" / "log.vkey"
    good = ombud("verify", proof, "--vkey", key, "--body", body, "--json", folder=tmp_path)
    assert (good.code, good.lines[0]["verified"], good.lines[0]["sequence"]) == (0, True, 1)
    assert ombud("verify", proof, "--vkey", key.read_text().strip(), "--body", body, folder=tmp_path).code == 0
    bad = ombud("verify", proof, "--vkey", key, "--body", altered, "--json", folder=tmp_path)
    assert (bad.code, bad.lines[0]["verified"]) == (1, False)


async def test_trace_shows_the_acts_of_a_trace_each_verified(running: Up, tmp_path: Path) -> None:
    context = SpanContext(secrets.randbits(128), secrets.randbits(64), is_remote=False, trace_flags=TraceFlags(1))
    trace_id = f"{context.trace_id:032x}"
    async with connect(running.target, token=token(running, "--workload", "platform")) as channel:
        with trace.use_span(NonRecordingSpan(context)):
            account_id = await register(channel)
            rename = ChangeNicknameRequest(request_id=request_id(), account_id=account_id, nickname="limpet")
            await AccountServiceStub(channel).ChangeNickname(rename)
    arguments = ("trace", trace_id, "--data", running.data, "--target", running.target)

    async def complete() -> Said | None:
        said = await asyncio.to_thread(ombud, *arguments, "--json", folder=tmp_path)
        return said if said.code == 0 else None

    said = await eventually(complete, within=30)
    assert said is not None
    (told,) = said.lines
    assert [act["action"] for act in told["audit"]] == ["identity.account.registered", "identity.account.renamed"]
    assert all(act["verified"] and act["tree_size"] > 0 for act in told["audit"])
    spans = {span["span_id"]: span for span in told["spans"]}
    assert all(act["span_id"] in spans for act in told["audit"])
    assert {span["service"] for span in spans.values()} >= {"identity", "groups"}
    plain = ombud(*arguments, folder=tmp_path)
    assert plain.code == 0
    assert re.search(r"✓ identity\.account\.registered .*signed at \d+ leaves", plain.out)
    assert "limpet" not in plain.out + said.out


def test_unknown_trace_is_told(running: Up, tmp_path: Path) -> None:
    said = ombud("trace", "0" * 31 + "1", "--data", running.data, "--target", running.target, folder=tmp_path)
    assert (said.code, "nothing is known" in said.err) == (1, True)


def test_suite_that_is_down_is_told_with_how_to_start_it(running: Up, tmp_path: Path) -> None:
    said = ombud("trace", "0" * 31 + "1", "--data", running.data, "--target", "127.0.0.1:1", folder=tmp_path)
    assert (said.code, "ombud up" in said.err) == (1, True)


def test_first_call_of_the_readme_works_as_printed(running: Up, tmp_path: Path) -> None:
    readme = Path(__file__).parents[3] / "sdk" / "README.md"
    code = re.search(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    assert code
    script = tmp_path / "first_call.py"
    script.write_text(code[1].replace("127.0.0.1:7700", running.target))
    environment = os.environ | {"OMBUD_TOKEN": token(running, "--workload", "platform")}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, timeout=30, check=False)  # noqa: S603 - the README's own lines
    assert done.returncode == 0, done.stderr.decode()
    assert re.search(rb"DECISION_REASON_(NOT_VERIFIED|ACCOUNT_UNKNOWN)", done.stdout)


async def test_interrupt_drains_and_exits_with_0(tmp_path: Path) -> None:
    with up(tmp_path / "data") as started:
        async with connect(started.target, token=token(started, "--workload", "platform")) as channel:
            assert await register(channel)
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(20) == 0


def test_help_loads_no_service() -> None:
    code = "import json, sys, ombudctl.main; print(json.dumps(list(sys.modules)))"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)  # noqa: S603 - our own module
    assert not {name.split(".")[0] for name in json.loads(done.stdout)} & {"services", "chassis", "grpc", "sqlmodel"}
