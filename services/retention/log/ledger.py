"""The log itself: grows by leaves, signs what it has grown to, and never signs two histories.

Order: the files that the leaves commit to are on stable storage; the checkpoint is signed; one transaction swaps it
against the one it builds on and adds the leaves; witnesses cosign it; from the leaves the tiles are written; only then
is it published. After any failure from the signature on, the log is loaded again from what was committed, and what was
not published is.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.keys import load_or_create_ed25519
from chassis.refusal import ErrorReason, Refusal
from ombud.verify import VerificationError, verify_checkpoint
from services.retention.errors import ForkedError
from services.retention.files import sync_folder, write_durably
from services.retention.log import store
from services.retention.log.hashes import HashFile
from services.retention.log.leaves import proof_text
from services.retention.log.models import LogHead
from services.retention.log.note import Head, Signer
from services.retention.log.tiles import TileFolder, first_entry_needed
from services.retention.log.tree import Tree, leaf_hash
from services.retention.log.witness import Witnesses

Catalogue = Callable[[Session, int], None]
_LOADED_AT_ONCE = 65_536


class _Shown(NamedTuple):
    """What was published last, and a tree that has at least what the checkpoint covers: they change together."""

    tree: Tree
    head: Head
    checkpoint: str


class Ledger:
    """The log of one service.

    Args:
        database: Keeps the leaves and the last checkpoint.
        data_dir: Holds `keys/log.key` (the private key), `log.vkey` (the verifier key) and `log/`, the public files.
        origin: The log's name.
        witnesses: Asked to cosign each checkpoint before it is published.
    """

    def __init__(self, database: Database, data_dir: Path, origin: str, witnesses: Witnesses | None = None) -> None:
        self._database = database
        self._origin = origin
        self._witnesses = witnesses or Witnesses()
        self._key_file = data_dir / "keys" / "log.key"
        self._new_key_file = data_dir / "keys" / "log.key.new"
        self._verifier_file = data_dir / "log.vkey"
        self._files = TileFolder(data_dir / "log")
        self._data_dir = data_dir
        self._shown = _Shown(Tree(), Head(0, b""), "")
        self._signer: Signer | None = None

    async def open(self) -> None:
        """Loads the log, or begins it.

        Raises:
            ForkedError: Key, files and database do not belong together: one of them was lost, restored or replaced.
        """
        if await self._database.read(store.head) is None:
            await self._begin()
        self._adopt_key()
        await self.reload()
        write_durably(self._verifier_file, self.verifier_key.encode() + b"\n", mode=0o644)

    async def reload(self) -> None:
        """Takes up what was committed last, and publishes it.

        Raises:
            ForkedError: What was published, or seen by a witness, is not an earlier state of what was committed.
        """
        row = await self._database.read(store.head)
        if row is None:
            raise ForkedError("the database has lost the log")
        tree = await self._load()
        head = Head(row.size, row.root)
        self._check_own(tree, head, row.checkpoint)
        published = self._check_published(tree, head)
        first = first_entry_needed(published)
        fresh = await self._database.read(lambda session: store.entries(session, first))
        checkpoint = await self._witnesses.cosign(row.checkpoint, head, tree.consistency)
        await asyncio.to_thread(self._publish, tree, fresh, published, head, checkpoint)
        self._shown = _Shown(tree, head, checkpoint)

    async def _load(self) -> Tree:
        """The tree over all leaves that were committed."""
        tree = Tree(level=partial(HashFile, self._data_dir))
        while entries := await self._database.read(lambda session: store.entries(session, tree.size, _LOADED_AT_ONCE)):
            await asyncio.to_thread(tree.extend, map(leaf_hash, entries))
        return tree

    async def settle(self) -> None:
        """Takes up what was committed and publishes it, if an append failed and so did the reload after it."""
        if self._shown.tree.size != self._shown.head.size:
            await self.reload()

    def covers(self, leaf_index: int) -> bool:
        """Whether the newest checkpoint covers a leaf; one that was just committed it may not yet."""
        return leaf_index < self._shown.head.size

    def commits_to(self, leaf_index: int, entry: bytes) -> bool:
        """Whether a leaf that the newest checkpoint covers is this one."""
        return self.covers(leaf_index) and self._shown.tree.row(0, leaf_index, leaf_index + 1) == [leaf_hash(entry)]

    @property
    def head(self) -> Head:
        """What the newest checkpoint covers."""
        return self._shown.head

    @property
    def checkpoint(self) -> str:
        """The newest checkpoint, a signed note."""
        return self._shown.checkpoint

    @property
    def verifier_key(self) -> str:
        """The log's public key as a C2SP verifier key."""
        return self._signing.verifier_key

    def receipt(self, producer: str, sequence: int, at: datetime) -> str:
        """The log's signed word that a producer's records are kept up to a sequence."""
        return self._signing.receipt(producer, sequence, at)

    async def append(self, entries: Sequence[bytes], catalogue: Catalogue) -> None:
        """Adds leaves under a new checkpoint.

        Args:
            entries: The leaves; what they commit to is on stable storage.
            catalogue: Called in the same transaction with the index of the first of them.

        Raises:
            ForkedError: Another writer has signed; nothing was added.
        """
        try:
            await self._append(entries, catalogue)
        except Exception:
            await self.reload()
            raise

    def inclusion(self, leaf_index: int, size: int) -> list[bytes]:
        """The audit path of a leaf in the tree of a size.

        Raises:
            Refusal: TREE_SIZE_UNKNOWN.
        """
        shown = self._shown
        if not leaf_index < size <= shown.head.size:
            raise _unknown(size if size > shown.head.size else leaf_index, shown.head)
        return shown.tree.inclusion(leaf_index, size)

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that one tree is a prefix of another.

        Raises:
            Refusal: TREE_SIZE_UNKNOWN.
        """
        shown = self._shown
        if not old_size <= new_size <= shown.head.size:
            raise _unknown(new_size if new_size > shown.head.size else old_size, shown.head)
        return shown.tree.consistency(old_size, new_size)

    def proof(self, evidence: bytes, leaf_index: int) -> str:
        """The tlog-proof of a leaf under the newest checkpoint, which covers it. May be called from any thread."""
        shown = self._shown
        return proof_text(evidence, leaf_index, shown.tree.inclusion(leaf_index, shown.head.size), shown.checkpoint)

    @property
    def _signing(self) -> Signer:
        assert self._signer is not None  # noqa: S101 - open() comes first
        return self._signer

    async def _append(self, entries: Sequence[bytes], catalogue: Catalogue) -> None:
        tree, old = self._shown.tree, self._shown.head
        tree.extend(map(leaf_hash, entries))
        new = Head(tree.size, tree.root(tree.size))
        checkpoint = self._signing.checkpoint(new)

        def commit(unit: Unit) -> None:
            store.swap(unit.session, old=old, new=new, checkpoint=checkpoint)
            store.add_leaves(unit.session, old.size, entries)
            catalogue(unit.session, old.size)

        await self._database.work("seal", commit)
        first = first_entry_needed(old.size)
        fresh = await self._database.read(lambda session: store.entries(session, first))
        cosigned = await self._witnesses.cosign(checkpoint, new, tree.consistency)
        await asyncio.to_thread(self._publish, tree, fresh, old.size, new, cosigned)
        self._shown = _Shown(tree, new, cosigned)

    async def _begin(self) -> None:
        """Begins the log. Its key gets its name afterwards, so that a key of that name has a log somewhere."""
        if self._key_file.exists():
            raise ForkedError("keys/log.key has signed a log that the database does not know")
        if self._files.begun:
            raise ForkedError("log/ is of a log that the database does not know")
        signer = Signer(self._origin, load_or_create_ed25519(self._new_key_file))
        head = Head(0, Tree().root(0))
        checkpoint = signer.checkpoint(head)

        def begin(unit: Unit) -> None:
            unit.session.add(LogHead(size=head.size, root=head.root, checkpoint=checkpoint))

        await self._database.work("begin log", begin)

    def _adopt_key(self) -> None:
        if not self._key_file.exists():
            if not self._new_key_file.exists():
                raise ForkedError("keys/log.key is missing; a new key can not continue the log")
            self._new_key_file.rename(self._key_file)
        self._signer = Signer(self._origin, load_or_create_ed25519(self._key_file))
        sync_folder(self._key_file.parent)

    def _check_own(self, tree: Tree, head: Head, checkpoint: str) -> None:
        try:
            signed = verify_checkpoint(checkpoint, self._signing.verifier)
        except VerificationError as error:
            raise ForkedError("keys/log.key or the origin is not the one that signed the log") from error
        if not (signed.size, signed.root) == (head.size, head.root) == (tree.size, tree.root(tree.size)):
            raise ForkedError("the database's leaves do not lead to its checkpoint")

    def _check_published(self, tree: Tree, head: Head) -> int:
        """The size that was published last; 0 if nothing was."""
        file = self._files.checkpoint_file
        if not file.exists():
            return 0
        try:
            published = verify_checkpoint(file.read_text("utf-8"), self._signing.verifier)
        except (VerificationError, UnicodeDecodeError) as error:
            raise ForkedError("log/checkpoint is not signed by keys/log.key") from error
        if published.size > head.size:
            raise ForkedError(
                "log/checkpoint is ahead of the database, which was restored from an older state; to sign on it would "
                "fork the log: bring the database to a newer state (docs/runbooks/restore.md)"
            )
        if published.root != tree.root(published.size):
            raise ForkedError("log/checkpoint is of another history than the database")
        return published.size

    def _publish(self, tree: Tree, entries: Sequence[bytes], old_size: int, new: Head, checkpoint: str) -> None:
        self._files.publish(tree, entries, old_size=old_size, new_size=new.size, checkpoint=checkpoint)


def _unknown(asked: int, head: Head) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_TREE_SIZE_UNKNOWN,
        "the log has no such tree, or the leaf or older tree lies beyond it",
        satisfy="sizes up to the newest checkpoint's, the older one not above the newer",
        asked=asked,
        size=head.size,
    )
