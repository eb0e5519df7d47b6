"""The worked example of docs/retention.md, computed."""

import re
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.retention.log.leaves import Codec, RecordClass, SegmentLeaf, event_entry
from services.retention.log.note import Head, Signer
from services.retention.log.tiles import ENTRIES, Tile
from services.retention.log.tree import Tree, leaf_hash

PAGE = (Path(__file__).parents[4] / "docs" / "retention.md").read_text("utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE.partition("## A worked example")[2].partition("## The order")[0], re.DOTALL)
START = 1_772_442_000_000_000


def hexadecimal(block: str) -> bytes:
    """The bytes that a block shows before its comments."""
    return bytes.fromhex("".join(line.partition("   ")[0] for line in block.splitlines()))


def test_every_byte_of_the_example_is_what_the_code_writes() -> None:
    key, event, segment, hashes, checkpoint = BLOCKS
    signer = Signer("log.example/chat", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    statement = event_entry(1, UUID("0192f0c1-0000-7000-8000-00000000000a"), START, bytes(range(16)), b"statement")
    sealed = SegmentLeaf(
        segment_id=UUID("0192f0c1-0000-7000-8000-00000000000b"),
        record_class=RecordClass.CHAT,
        first_index=0,
        count=3,
        first_receive_time=START,
        last_receive_time=START + 250_000,
        inner_root=b"\x11" * 32,
        file_hash=b"\x22" * 32,
        codec=Codec.ZSTD_AES_256_GCM,
        key_id=b"\x33" * 16,
    ).entry()
    tree = Tree(map(leaf_hash, (statement, sealed)))
    assert key.strip() == signer.verifier_key
    assert hexadecimal(event) == statement
    assert hexadecimal(segment) == sealed
    assert hexadecimal(hashes) == Tile(0, 0, 2).content(tree, [])
    bundle = Tile(ENTRIES, 0, 2).content(tree, [statement, sealed])
    assert bundle == bytes.fromhex("003c") + statement + bytes.fromhex("0080") + sealed
    assert len(bundle) == 192
    assert tree.root(2).hex() in PAGE
    assert checkpoint == signer.checkpoint(Head(2, tree.root(2)))
