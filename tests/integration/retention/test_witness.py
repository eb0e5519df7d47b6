"""Witnesses cosign what continues what they saw, and nothing else."""

import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chassis.config import ConfigError
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.verify import VerificationError, VerifierKey, WitnessKey, verify_cosignatures, verify_quorum, verify_record
from ombudctl import verify
from ombudctl.main import app
from services.retention.config import RetentionConfig
from tests.integration.retention.harness import POLICY, Retention, bodies, frame, running_retention
from tests.integration.retention.served import served
from tests.integration.retention.witness import Witness, witnessing


@pytest.fixture
def witnesses(tmp_path: Path) -> list[Witness]:
    return [Witness(f"witness.example/{number}".replace("/", "-"), tmp_path) for number in (1, 2)]


@contextlib.asynccontextmanager
async def witnessed(folder: Path, *witnesses: Witness) -> AsyncIterator[Retention]:
    """A service whose checkpoints witnesses cosign; they know its key from the second start on."""
    with contextlib.ExitStack() as stack:
        named = [{"url": stack.enter_context(witnessing(each)), "vkey": each.vkey} for each in witnesses]
        if (folder / "log.vkey").exists():
            for each in witnesses:
                each.know(VerifierKey.parse((folder / "log.vkey").read_text()))
        async with running_retention(folder, witnesses=named) as retention:
            yield retention


async def append(retention: Retention, sequence: int) -> str:
    """Appends a record; returns its proof."""
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(sequence, bodies(sequence, 1))))
    return (await retention.receipt(sequence)).proof


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A log of one record, which no witness knows."""
    async with running_retention(tmp_path / "data") as retention:
        await append(retention, 1)
    return tmp_path / "data"


def keys(witnesses: list[Witness]) -> list[WitnessKey]:
    return [WitnessKey.parse(each.vkey) for each in witnesses]


async def test_proofs_and_the_published_checkpoint_bear_the_cosignatures(
    folder: Path, witnesses: list[Witness]
) -> None:
    async with witnessed(folder, *witnesses) as retention:
        for sequence in (2, 3, 4):
            proof = await append(retention, sequence)
        verify_record(proof, retention.verifier_key, bodies(4, 1)[0])
        assert set(verify_quorum(proof, keys(witnesses), 2)) == {each.name for each in witnesses}
        published = (folder / "log" / "checkpoint").read_text()
        assert len(verify_cosignatures(published, keys(witnesses))) == 2


async def test_log_goes_on_without_a_witness_and_a_quorum_tells_that_it_is_missing(
    folder: Path, witnesses: list[Witness]
) -> None:
    async with witnessed(folder, witnesses[0]) as retention:
        proof = await append(retention, 2)
    assert len(verify_quorum(proof, keys(witnesses), 1)) == 1
    with pytest.raises(VerificationError, match="1 of the witnesses"):
        verify_quorum(proof, keys(witnesses), 2)


async def test_witness_that_knows_nothing_of_the_log_does_not_stop_it(folder: Path, witnesses: list[Witness]) -> None:
    async with running_retention(folder, witnesses=[{"url": "http://127.0.0.1:1", "vkey": witnesses[0].vkey}]) as one:
        proof = await append(one, 2)
    assert verify_cosignatures(proof.partition("\n\n")[2], keys(witnesses)) == {}


async def test_log_restored_from_an_older_state_is_refused_since_a_witness_has_seen_more(
    folder: Path, witnesses: list[Witness]
) -> None:
    shutil.copytree(folder, folder.with_name("older"))
    async with witnessed(folder, witnesses[0]) as retention:
        await append(retention, 2)
    with pytest.raises(ConfigError, match="has seen"):
        async with witnessed(folder.with_name("older"), witnesses[0]):
            pass


async def test_second_history_is_not_cosigned(folder: Path, witnesses: list[Witness]) -> None:
    shutil.copytree(folder, folder.with_name("other"))
    async with witnessed(folder, witnesses[0]) as retention:
        await append(retention, 2)
    async with running_retention(folder.with_name("other")) as retention:
        for sequence in (2, 3):
            await append(retention, sequence)
    async with witnessed(folder.with_name("other"), witnesses[0]) as retention:
        proof = await append(retention, 4)
    assert verify_cosignatures(proof.partition("\n\n")[2], keys(witnesses)) == {}


async def test_any_flipped_bit_of_a_cosignature_is_refused(folder: Path, witnesses: list[Witness]) -> None:
    async with witnessed(folder, witnesses[0]) as retention:
        await append(retention, 2)
    note = (folder / "log" / "checkpoint").read_text()
    start = note.rindex(" ") + 1 + 6  # past the name and the key id
    for at in range(start, len(note) - 1):
        altered = note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1 :]
        with pytest.raises(VerificationError):
            verify_quorum(altered, keys(witnesses), 1)


async def test_command_wants_as_many_witnesses_as_it_is_told(
    folder: Path, tmp_path: Path, witnesses: list[Witness], capsys: pytest.CaptureFixture[str]
) -> None:
    async with witnessed(folder, witnesses[0]) as retention:
        file, body = tmp_path / "proof", tmp_path / "body"
        file.write_text(await append(retention, 2))
        body.write_bytes(bodies(2, 1)[0])
    key, vkeys = str(folder / "log.vkey"), [each.vkey for each in witnesses]
    assert verify.run(file, key, body, vkeys, 1, as_json=True)
    assert witnesses[0].name in capsys.readouterr().out
    assert not verify.run(file, key, body, vkeys, None, as_json=True)


async def test_monitor_wants_as_many_witnesses_as_it_is_told(
    folder: Path, tmp_path: Path, witnesses: list[Witness]
) -> None:
    async with witnessed(folder, witnesses[0]) as retention:
        await append(retention, 2)
    arguments = ["monitor", "--vkey", str(folder / "log.vkey"), "--state", str(tmp_path / "state.json"), "--once"]
    arguments += [part for each in witnesses for part in ("--witness", each.vkey)]
    with served(folder) as url:
        asked = [*arguments, "--target", url, "--most-age", "1e12", "--json"]
        runner = CliRunner()
        one, both = (runner.invoke(app, [*asked, *quorum]) for quorum in (["--quorum", "1"], []))
        assert (one.exit_code, json.loads(one.output)["alarm"]) == (0, "")
        assert both.exit_code == 1
        assert json.loads(both.output)["alarm"] == "unwitnessed: cosigned by 1 of the witnesses, not by 2"
        note = (folder / "log" / "checkpoint").read_text()
        (folder / "log" / "checkpoint").write_text(note[:-10] + ("A" if note[-10] != "A" else "B") + note[-9:])
        forged = runner.invoke(app, [*asked, "--quorum", "1"])
        assert (forged.exit_code, "unwitnessed" in forged.output) == (1, True)
        assert runner.invoke(app, [*asked, "--quorum", "3"]).exit_code == 2


@pytest.mark.parametrize("witness", [{"url": "http://witness.example", "vkey": ""}, {"url": "https://w.example"}])
def test_witness_without_encryption_or_key_is_no_configuration(tmp_path: Path, witness: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="vkey"):
        RetentionConfig(database_url="sqlite://", data_dir=tmp_path, policy_file=POLICY, witnesses=[witness])
