"""A follower from outside notices what the log's owner could do with the key in hand."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.verify import Alarm, Seen, VerifierKey, follow, leaf_hash
from ombud.verify.tree import Frontier
from ombudctl.monitor import Watched, run
from ombudctl.output import CommandError
from services.retention.log.leaves import Codec, RecordClass, SegmentLeaf, event_entry
from services.retention.log.note import Head
from services.retention.log.tiles import ENTRIES, Tile
from services.retention.log.tree import Tree
from tests.integration.retention.harness import bodies, frame, running_retention
from tests.integration.retention.served import START, grow, served
from tests.support.clock import ManualClock
from tests.unit.verify.test_note import signer

NOW = datetime.fromtimestamp(START / 1_000_000, UTC) + timedelta(hours=1)
HOUR = 3_600


def look(url: str, key: str, state: Path, *, now: datetime = NOW, most_age: float = HOUR) -> bool:
    watched = Watched(url, VerifierKey.parse(key), state, most_age)
    return run(watched, once=True, interval=1, as_json=True, clock=ManualClock(now))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def alarm(capsys: pytest.CaptureFixture[str]) -> str:
    return str(json.loads(capsys.readouterr().out.splitlines()[-1])["alarm"])


def test_log_that_grows_over_the_edges_of_tiles_is_good_at_every_look(tmp_path: Path, state: Path) -> None:
    folder = tmp_path / "log"
    key = grow(folder, 1)
    with served(folder) as url:
        assert look(url, key, state)
        for size in (2, 200, 256, 257, 700):
            grow(folder, size)
            assert look(url, key, state)
    assert json.loads(state.read_text())["size"] == 700


async def test_log_of_a_service_with_records_is_good(tmp_path: Path, state: Path) -> None:
    folder, clock = tmp_path / "data", ManualClock()
    async with running_retention(folder, clock=clock) as retention:
        for first in range(1, 31, 10):
            await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, bodies(first, 10))))
            await retention.receipt(first)
            with served(folder) as url:
                assert look(url, retention.verifier_key, state, now=clock.now())


def test_rollback_is_refused_and_kept_as_evidence(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(tmp_path / "log", 5)
    shutil.copytree(tmp_path / "log", tmp_path / "old")
    key = grow(tmp_path / "log", 9)
    with served(tmp_path / "log") as url:
        assert look(url, key, state)
    before = state.read_text()
    with served(tmp_path / "old") as url:
        assert not look(url, key, state)
    assert alarm(capsys).startswith("rollback")
    assert state.read_text() == before
    assert (tmp_path / "state.json.evidence").read_text() == (tmp_path / "old/log/checkpoint").read_text()


@pytest.mark.parametrize("size", [9, 12])
def test_split_view_is_refused(tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str], size: int) -> None:
    """Two histories under one key: of the same size, and one that is ahead."""
    grow(tmp_path / "one", 5)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    key = grow(tmp_path / "one", 9)
    assert key == grow(tmp_path / "other", size, history=b"another")
    with served(tmp_path / "one") as url:
        assert look(url, key, state)
    with served(tmp_path / "other") as url:
        assert not look(url, key, state)
    assert alarm(capsys).startswith("split view")


def test_checkpoint_of_another_key_and_altered_leaves_raise_the_alarm(tmp_path: Path, state: Path) -> None:
    key = grow(tmp_path / "log", 5)
    stranger = grow(tmp_path / "stranger", 5)
    with served(tmp_path / "log") as url:
        assert not look(url, stranger, state)
        bundle = tmp_path / "log/log" / Tile(ENTRIES, 0, 5).path
        content = bytearray(bundle.read_bytes())
        content[10] ^= 1
        bundle.write_bytes(content)
        assert not look(url, key, state)
    assert not state.exists()


def test_late_log_and_one_that_does_not_answer_raise_the_alarm(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = grow(tmp_path / "log", 5)
    with served(tmp_path / "log") as url:
        assert not look(url, key, state, now=NOW + timedelta(hours=1))
        assert alarm(capsys).startswith("late")
        assert look(url, key, state)
    assert not look(url, key, state)
    assert alarm(capsys).startswith("unreachable")


def test_state_that_was_altered_is_refused(tmp_path: Path, state: Path) -> None:
    key = grow(tmp_path / "log", 5)
    with served(tmp_path / "log") as url:
        assert look(url, key, state)
        for altered in (state.read_text().replace('"size": 5', '"size": 4'), "{}", "[]", "no"):
            state.write_text(altered)
            with pytest.raises(CommandError):
                look(url, key, state)


def segment(first_index: int, *, received: int = START, count: int = 10) -> bytes:
    return SegmentLeaf(
        segment_id=UUID(int=first_index),
        record_class=RecordClass.CHAT,
        first_index=first_index,
        count=count,
        first_receive_time=received,
        last_receive_time=received,
        inner_root=bytes(32),
        file_hash=bytes(32),
        codec=Codec.ZSTD_AES_256_GCM,
        key_id=bytes(16),
    ).entry()


MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("leaves", "complaint"),
    [
        ([segment(0), segment(20)], "in no segment"),
        ([segment(0), segment(5)], "in no segment"),
        ([segment(0, received=START + 10 * MINUTE), segment(10, received=START)], "received before"),
        ([segment(0, received=START + 70 * MINUTE)], "not come"),
        ([event_entry(1, UUID(int=1), START + 70 * MINUTE, bytes(16), b"")], "not come"),
        ([b"something else"], "known kind"),
    ],
)
def test_signed_leaves_that_belie_each_other_raise_the_alarm(leaves: list[bytes], complaint: str) -> None:
    own = signer()
    tree = Tree(map(leaf_hash, leaves))
    note = own.checkpoint(Head(tree.size, tree.root(tree.size)))
    with pytest.raises(Alarm, match=complaint):
        follow(Seen(), note, own.verifier, lambda start, end, _size: leaves[start:end], START + 60 * MINUTE)


def test_frontier_of_every_size_leads_to_the_root_and_on_to_every_later_one() -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(70)]
    tree = Tree(leaves)
    for size in range(71):
        frontier = Frontier().extend(leaves[:size])
        assert (frontier.size, frontier.root) == (size, tree.root(size))
        assert frontier.extend(leaves[size:]) == Frontier().extend(leaves)
