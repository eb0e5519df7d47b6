import asyncio
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from chassis.config import ConfigError
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.log_service_pb2 import (
    GetCheckpointRequest,
    GetConsistencyProofRequest,
    GetInclusionProofRequest,
    GetReceiptRequest,
)
from ombud.retention.v1.record_pb2 import ProofState
from ombud.verify import (
    VerificationError,
    leaf_hash,
    verify_checkpoint,
    verify_consistency,
    verify_event,
    verify_inclusion,
    verify_record,
)
from services.retention.checks.fsck import check as fsck
from services.retention.log.leaves import event_evidence
from services.retention.log.ledger import Ledger
from services.retention.log.note import Head, Signer
from services.retention.log.tree import Tree
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.integration.retention.served import entries
from tests.support.engines import opened
from tests.support.refusals import refusal_of

BEYOND = 1_000_000


async def append(retention: Retention, first_sequence: int, count: int = 5) -> None:
    both = (GROUP, OTHER_GROUP)
    sent = frame(first_sequence, bodies(first_sequence, count), groups=both)
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


async def test_every_record_is_proved_offline_against_the_published_key(retention: Retention) -> None:
    for first in range(1, 26, 5):
        await append(retention, first)
    for sequence, body in enumerate(bodies(1, 25), 1):
        receipt = await retention.receipt(sequence)
        verified = verify_record(receipt.proof, retention.verifier_key, body)
        assert (verified.producer, verified.sequence, verified.index) == ("chat-1", sequence, sequence - 1)
        assert str(verified.group_id) == (GROUP, OTHER_GROUP)[sequence % 2]
        assert verified.receive_time == receipt.receive_time.ToDatetime(tzinfo=verified.receive_time.tzinfo)
        with pytest.raises(VerificationError):
            verify_record(receipt.proof, retention.verifier_key, body + b"!")


async def test_receipt_is_found_by_the_group_that_the_record_is_of_and_by_no_other(retention: Retention) -> None:
    await append(retention, 1)
    whole = await retention.receipt(1)
    named = GetReceiptRequest(producer="chat-1", sequence=1, group_id=OTHER_GROUP)
    assert (await retention.log.GetReceipt(named)).proof == whole.proof
    named.group_id = GROUP
    assert (await refusal_of(retention.log.GetReceipt(named))).reason == "NOT_FOUND"


async def test_receipt_is_pending_until_a_checkpoint_covers_the_record(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", seal_seconds=5) as retention:
        await append(retention, 1)
        receipt = await retention.log.GetReceipt(GetReceiptRequest(producer="chat-1", sequence=3))
        assert (receipt.state, receipt.proof, receipt.index) == (ProofState.PROOF_STATE_PENDING, "", 2)


async def test_receipt_of_what_was_never_acknowledged_is_not_found(retention: Retention) -> None:
    await append(retention, 1)
    for producer, sequence in (("chat-1", 6), ("chat-2", 1)):
        refused = await refusal_of(retention.log.GetReceipt(GetReceiptRequest(producer=producer, sequence=sequence)))
        assert refused.reason == "NOT_FOUND"


async def test_checkpoints_are_consistent_with_every_earlier_one(retention: Retention) -> None:
    log, key = retention.log, retention.verifier_key
    seen = []
    for first in range(1, 31, 5):
        seen.append(verify_checkpoint((await log.GetCheckpoint(GetCheckpointRequest())).checkpoint, key))
        await append(retention, first)
        await retention.receipt(first)
    answer = await log.GetCheckpoint(GetCheckpointRequest())
    newest = verify_checkpoint(answer.checkpoint, key)
    assert answer.verifier_key == key.strip()
    assert answer.size == newest.size >= 6
    for old in seen:
        request = GetConsistencyProofRequest(old_size=old.size, new_size=newest.size)
        proof = await log.GetConsistencyProof(request)
        verify_consistency(old.size, old.root, newest.size, newest.root, list(proof.hashes))
    for index in range(newest.size):
        proved = await log.GetInclusionProof(GetInclusionProofRequest(leaf_index=index))
        verify_inclusion(leaf_hash(proved.entry), index, proved.tree_size, newest.root, list(proved.hashes))


async def test_published_files_hold_the_checkpoint_and_the_key(retention: Retention) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    published = (retention.folder / "log" / "checkpoint").read_text("utf-8")
    assert verify_checkpoint(published, retention.verifier_key).size > 0
    assert (retention.folder / "keys" / "log.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "request_message",
    [
        GetInclusionProofRequest(leaf_index=BEYOND),
        GetInclusionProofRequest(leaf_index=0, tree_size=BEYOND),
        GetConsistencyProofRequest(old_size=1, new_size=BEYOND),
        GetConsistencyProofRequest(old_size=2, new_size=1),
    ],
    ids=["leaf beyond", "tree beyond", "newer beyond", "older beyond"],
)
async def test_tree_that_the_log_has_not_reached_is_refused(retention: Retention, request_message: Message) -> None:
    await append(retention, 1)
    await retention.receipt(1)
    method = "GetInclusionProof" if isinstance(request_message, GetInclusionProofRequest) else "GetConsistencyProof"
    refused = await refusal_of(getattr(retention.log, method)(request_message))
    size = (await retention.log.GetCheckpoint(GetCheckpointRequest())).size
    assert (refused.reason, refused.facts["size"]) == ("TREE_SIZE_UNKNOWN", str(size))


async def test_proof_is_good_after_the_log_has_grown_and_started_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder) as retention:
        await append(retention, 1)
        old = (await retention.receipt(2)).proof
        key = retention.verifier_key
    async with running_retention(folder) as retention:
        await append(retention, 6)
        await retention.receipt(6)
        new = (await retention.receipt(2)).proof
        assert retention.verifier_key == key
    first, second = (verify_record(proof, key, bodies(2, 1)[0]) for proof in (old, new))
    assert first.checkpoint.size < second.checkpoint.size


async def make_log(folder: Path) -> None:
    async with running_retention(folder) as retention:
        await append(retention, 1)
        await retention.receipt(1)


async def start_again(folder: Path) -> None:
    async with running_retention(folder):
        await asyncio.sleep(0)


async def test_start_is_refused_when_the_published_checkpoint_is_ahead_of_the_database(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    signer = Signer("ombud.local/log", Ed25519PrivateKey.from_private_bytes((folder / "keys/log.key").read_bytes()))
    (folder / "log" / "checkpoint").write_text(signer.checkpoint(Head(BEYOND, bytes(32))))
    with pytest.raises(ConfigError, match="ahead"):
        await start_again(folder)


async def test_start_is_refused_when_the_published_checkpoint_is_of_another_history(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    signer = Signer("ombud.local/log", Ed25519PrivateKey.from_private_bytes((folder / "keys/log.key").read_bytes()))
    (folder / "log" / "checkpoint").write_text(signer.checkpoint(Head(1, bytes(32))))
    with pytest.raises(ConfigError, match="another history"):
        await start_again(folder)


async def test_start_is_refused_when_the_database_was_lost_but_the_log_was_published(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    for file in (*folder.glob("retention.db*"), folder / "keys" / "log.key"):
        file.unlink()
    with pytest.raises(ConfigError, match="log/ is of a log that the database does not know"):
        await start_again(folder)


async def test_empty_restore_begins_no_second_log_under_the_same_key(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    restored = tmp_path / "restored"
    (restored / "keys").mkdir(parents=True)
    (restored / "keys" / "log.key").write_bytes((folder / "keys" / "log.key").read_bytes())
    with pytest.raises(ConfigError, match="has signed a log"):
        await start_again(restored)
    assert not (restored / "log").exists()


async def test_tiles_alone_keep_a_second_log_from_beginning(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    for lost in (*folder.glob("retention.db*"), folder / "keys" / "log.key", folder / "log" / "checkpoint"):
        lost.unlink()
    with pytest.raises(ConfigError, match="does not know"):
        await start_again(folder)


async def test_start_that_died_before_the_key_got_its_name_goes_on_with_that_key(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    verifier_key = (folder / "log.vkey").read_text()
    (folder / "keys" / "log.key").rename(folder / "keys" / "log.key.new")
    async with running_retention(folder) as retention:
        assert retention.verifier_key == verifier_key
        await append(retention, 6)
        verify_record((await retention.receipt(6)).proof, verifier_key, bodies(6, 1)[0])


async def test_tiles_that_were_not_published_are_made_again_at_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    whole = {file: file.read_bytes() for file in (folder / "log").rglob("*") if file.is_file()}
    shutil.rmtree(folder / "log")
    await start_again(folder)
    # Partial tiles of sizes that were passed are not needed any more.
    made = {file: file.read_bytes() for file in (folder / "log").rglob("*") if file.is_file()}
    assert made.items() <= whole.items()
    assert fsck(folder, f"sqlite:///{folder}/retention.db").findings == []


async def test_start_is_refused_when_the_key_was_lost_or_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    key = folder / "keys" / "log.key"
    key.unlink()
    with pytest.raises(ConfigError, match="missing"):
        await start_again(folder)
    key.write_bytes(bytes(32))
    with pytest.raises(ConfigError, match="not the one that signed"):
        await start_again(folder)


async def test_start_is_refused_when_acknowledged_records_are_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, seal_seconds=5) as retention:
        await append(retention, 1)
        await append(retention, 6)
    (wal,) = (folder / "wal").glob("*.wal")
    content = bytearray(wal.read_bytes())
    content[100] ^= 1
    wal.write_bytes(content)
    with pytest.raises(ConfigError, match=wal.name):
        await start_again(folder)


async def test_damaged_segment_is_refused_when_it_is_read_and_served_again_when_it_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    await make_log(folder)
    (file,) = (folder / "segments").rglob("chat-*.seg")
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    async with running_retention(folder) as retention:
        request = GetReceiptRequest(producer="chat-1", sequence=1)
        refused = await refusal_of(retention.log.GetReceipt(request))
        assert refused.reason == "SEGMENT_DAMAGED"
        file.write_bytes(whole)
        assert (await retention.log.GetReceipt(request)).state == ProofState.PROOF_STATE_SEALED


async def test_proof_that_a_new_checkpoint_overtakes_while_it_is_made_is_of_one_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, loop = Tree.inclusion, asyncio.get_running_loop()
    async with opened(f"sqlite:///{tmp_path}/retention.db", "retention") as database:
        ledger = Ledger(database, tmp_path, "log.example/chat")
        await ledger.open()
        await ledger.append(entries(0, 3), lambda _session, _first: None)

        def overtaken(tree: Tree, index: int, size: int) -> list[bytes]:
            later = ledger.append(entries(3, 9), lambda _session, _first: None)
            asyncio.run_coroutine_threadsafe(later, loop).result()
            return whole(tree, index, size)

        monkeypatch.setattr(Tree, "inclusion", overtaken)
        evidence = event_evidence(entries(1, 2)[0], bytes(16), b"event")
        proof = await asyncio.to_thread(ledger.proof, evidence, 1)
        assert verify_event(proof, ledger.verifier_key).checkpoint.size == 3
        assert ledger.head.size == 9
