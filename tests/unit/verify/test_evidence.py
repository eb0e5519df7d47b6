import base64
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ombud.verify import (
    VerificationError,
    VerifiedEvent,
    VerifiedRecord,
    verify_event,
    verify_evidence,
    verify_record,
)
from ombud.verify.evidence import RecordClass as VerifiedClass
from services.retention.log.leaves import (
    RecordClass,
    event_entry,
    event_evidence,
    proof_text,
    record_evidence,
)
from services.retention.log.note import Head, Signer
from services.retention.log.tree import Tree, leaf_hash
from services.retention.segments.building import build
from services.retention.segments.records import ReceivedBatch, RecordBatch, from_micros
from services.retention.segments.segment import Segment
from tests.support.sealing import SEALING, opened

GROUPS = (UUID(int=1).bytes, UUID(int=2).bytes)
RECEIVED = 1_790_000_000_000_000
SIGNER = Signer("log.example/chat", Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEY = SIGNER.verifier_key
LEAF_INDEX = 2
OTHER_LEAVES = [leaf_hash(bytes([number])) for number in range(5)]


@dataclass(frozen=True)
class Sealed:
    segment: Segment
    leaf: bytes

    def proof(self, ordinal: int, *, with_body: bool = False) -> str:
        record = self.segment.all_records[ordinal]
        evidence = record_evidence(
            self.leaf,
            salt=record.salt,
            place=self.segment.place(record),
            head=self.segment.head(record),
            body=record.body if with_body else None,
        )
        return signed(evidence, self.leaf)


def signed(evidence: bytes, leaf: bytes) -> str:
    tree = Tree([*OTHER_LEAVES[:LEAF_INDEX], leaf_hash(leaf), *OTHER_LEAVES[LEAF_INDEX:]])
    checkpoint = SIGNER.checkpoint(Head(tree.size, tree.root(tree.size)))
    return proof_text(evidence, LEAF_INDEX, tree.inclusion(LEAF_INDEX, tree.size), checkpoint)


def body_of(ordinal: int) -> bytes:
    return f"message {ordinal}".encode()


def sealed(count: int) -> Sealed:
    batch = RecordBatch(
        producer="chat-1",
        first_sequence=101,
        groups=GROUPS,
        group_indexes=[ordinal % 2 for ordinal in range(count)],
        event_times=[RECEIVED - ordinal for ordinal in range(count)],
        bodies=[body_of(ordinal) for ordinal in range(count)],
    )
    content, leaf = build(RecordClass.CHAT, UUID(int=9), [ReceivedBatch(batch, RECEIVED, 1000)], SEALING)
    return Sealed(opened(content), leaf.entry())


def event_proof() -> str:
    statement, salt = b"what was read", bytes(range(16))
    leaf = event_entry(3, UUID(int=7), RECEIVED, salt, statement)
    return signed(event_evidence(leaf, salt, statement), leaf)


@given(st.integers(1, 40), st.data())
def test_every_record_of_a_segment_is_proved_with_all_that_is_known_of_it(count: int, data: st.DataObject) -> None:
    ordinal = data.draw(st.integers(0, count - 1))
    verified = verify_record(sealed(count).proof(ordinal), KEY, body_of(ordinal))
    assert verified == VerifiedRecord(
        record_class=VerifiedClass.CHAT,
        group_id=UUID(bytes=GROUPS[ordinal % 2]),
        producer="chat-1",
        sequence=101 + ordinal,
        index=1000 + ordinal,
        receive_time=from_micros(RECEIVED),
        event_time=from_micros(RECEIVED - ordinal),
        body=body_of(ordinal),
        leaf_index=LEAF_INDEX,
        checkpoint=verified.checkpoint,
    )
    assert verified.checkpoint.size == 6


def test_proof_that_carries_the_body_needs_no_other() -> None:
    assert verify_record(sealed(3).proof(1, with_body=True), KEY).body == body_of(1)


def test_proof_without_the_body_asks_for_it() -> None:
    with pytest.raises(VerificationError, match="none was given"):
        verify_record(sealed(3).proof(1), KEY)


@pytest.mark.parametrize("with_body", [False, True])
@pytest.mark.parametrize("body", [b"", b"1", body_of(0), body_of(1) + b" "])
def test_other_body_is_refused(body: bytes, with_body: bool) -> None:
    with pytest.raises(VerificationError):
        verify_record(sealed(3).proof(1, with_body=with_body), KEY, body)


def test_proof_under_another_key_is_refused() -> None:
    other = Signer("log.example/chat", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    with pytest.raises(VerificationError):
        verify_record(sealed(3).proof(1), other.verifier_key, body_of(1))


def test_event_is_proved_and_its_kind_of_proof_told_apart() -> None:
    verified = verify_event(event_proof(), KEY)
    assert verified.statement == b"what was read"
    assert (verified.kind, verified.event_id, verified.time) == (3, UUID(int=7), from_micros(RECEIVED))
    assert verified.time < datetime(2027, 1, 1, tzinfo=UTC)
    assert isinstance(verify_evidence(event_proof(), KEY), VerifiedEvent)
    with pytest.raises(VerificationError):
        verify_record(event_proof(), KEY)
    with pytest.raises(VerificationError):
        verify_event(sealed(1).proof(0), KEY)


@pytest.mark.parametrize("proof", [sealed(3).proof(1, with_body=True), event_proof()], ids=["record", "event"])
def test_every_flipped_bit_of_a_proof_is_refused(proof: str) -> None:
    raw = proof.encode()
    for at in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[at] ^= 1 << bit
            with pytest.raises((VerificationError, UnicodeDecodeError)):
                verify_evidence(flipped.decode(), KEY)


@pytest.mark.parametrize("proof", [sealed(3).proof(1, with_body=True), event_proof()], ids=["record", "event"])
def test_every_flipped_bit_of_the_evidence_inside_is_refused(proof: str) -> None:
    head, extra, tail = proof.split("\n", 2)
    evidence = base64.b64decode(extra.removeprefix("extra "))
    for at in range(len(evidence)):
        for bit in range(8):
            flipped = bytearray(evidence)
            flipped[at] ^= 1 << bit
            with pytest.raises(VerificationError):
                verify_evidence(f"{head}\nextra {base64.b64encode(flipped).decode()}\n{tail}", KEY)


@given(st.integers(0, 700))
def test_proof_cut_short_is_refused(length: int) -> None:
    proof = event_proof()
    if length < len(proof):
        with pytest.raises(VerificationError):
            verify_evidence(proof[:length], KEY)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the interpreter that runs the test
        [sys.executable, "-m", "ombud.verify", *arguments], capture_output=True, text=True, check=False, timeout=30
    )


def test_command_tells_verified_from_not_verified(tmp_path: Path) -> None:
    proof, body, key = tmp_path / "proof", tmp_path / "body", tmp_path / "log.vkey"
    proof.write_text(sealed(3).proof(1))
    body.write_bytes(body_of(1))
    key.write_text(KEY + "\n")
    good = run(str(proof), "--vkey", str(key), "--body", str(body))
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("VERIFIED: chat record 102 of chat-1")
    body.write_bytes(body_of(2))
    bad = run(str(proof), "--vkey", KEY, "--body", str(body))
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("NOT VERIFIED")


def test_command_verifies_an_event_and_refuses_an_absent_file(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    proof.write_text(event_proof())
    assert run(str(proof), "--vkey", KEY).stdout.startswith("VERIFIED: event")
    assert run(str(tmp_path / "absent"), "--vkey", KEY).returncode == 1


def test_verifier_loads_neither_grpc_nor_protobuf_nor_services() -> None:
    script = (
        "import sys, ombud.verify; print([n for n in sys.modules if n.split('.')[0] in ('grpc', 'google', 'services')])"
    )
    done = subprocess.run(  # noqa: S603 - the interpreter that runs the test
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"
