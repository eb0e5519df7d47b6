"""The log: key, leaves, head, tiles and published checkpoint lead to one another.

The leaves are in the database and once more in the entry bundles. Those whose root a checkpoint of the log's key signs
are the true ones, and the rest is compared with them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete
from sqlmodel import Session, col, select

from ombud.verify import Checkpoint, VerificationError, VerifierKey, verify_checkpoint
from services.retention.checks.findings import Finding, first_difference
from services.retention.files import write_durably
from services.retention.log import store
from services.retention.log.models import LogHead, LogLeaf
from services.retention.log.note import Signer
from services.retention.log.tiles import CHECKPOINT, ENTRIES, WIDTH, Tile, split_bundle, tiles_between
from services.retention.log.tree import Tree, leaf_hash

_KEY_FILE = "keys/log.key"
_VERIFIER_FILE = "log.vkey"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Truth:
    """The log as its key has signed it.

    Attributes:
        key: The log's verifier key.
        signed: The newest checkpoint.
        note: The note that signs it.
        entries: Its leaves.
        tree: The tree over them.
    """

    key: VerifierKey
    signed: Checkpoint
    note: str
    entries: Sequence[bytes]
    tree: Tree


class Log:
    """Checks one log.

    Args:
        folder: The retention service's folder.
        session: Its database.
    """

    def __init__(self, folder: Path, session: Session) -> None:
        self._folder = folder
        self._session = session
        # Files first: where a service runs, what is read later is newer. So are leaves that the head does not have.
        self._published = _text(folder / "log" / CHECKPOINT)
        self._files = [file for file in sorted((folder / "log").glob("tile/**/*")) if file.is_file()]
        self._row = store.head(session)
        self._noted = self._row.checkpoint if self._row else None
        self._leaves = store.entries(session, 0)
        if self._row is not None and session.exec(select(LogHead.size)).one() != self._row.size:
            del self._leaves[self._row.size :]

    def check(self) -> tuple[Truth | None, list[Finding]]:
        """The true log, if one can be told, and what is not as it says."""
        key, findings = self._key()
        if key is None:
            return None, findings
        truth = self._truth(key)
        if truth is None:
            if self._noted is None and self._published is None and not self._leaves:
                return None, findings
            return None, [*findings, Finding("log", "no checkpoint of the log's key is one of these leaves or bundles")]
        findings += self._rows(truth)
        findings += self._tiles(truth)
        findings += self._checkpoint(truth)
        return truth, findings

    def _key(self) -> tuple[VerifierKey | None, list[Finding]]:
        """The key that has signed, and whether both files that tell it do."""
        known = _text(self._folder / _VERIFIER_FILE)
        notes = [note for note in (self._noted, self._published) if note]
        if not notes and known is None:
            return None, []
        derived = self._derived_keys(notes)
        found: list[VerifierKey] = []
        for text in [known, *derived]:
            try:
                candidate = VerifierKey.parse(text) if text else None
            except VerificationError:
                continue
            if candidate and any(_signed(note, candidate) for note in notes):
                found.append(candidate)
        if not found:
            return None, [Finding(_VERIFIER_FILE, "no checkpoint is signed by this key, nor by keys/log.key")]
        findings: list[Finding] = []
        right = next((text for text in derived if VerifierKey.parse(text) == found[0]), None)
        if right is None:
            findings.append(Finding(_KEY_FILE, "not the key that signed the log"))
        elif known != right + "\n":
            offset = first_difference((known or "").encode(), right.encode() + b"\n")
            mended = right.encode() + b"\n"
            findings.append(
                Finding(
                    _VERIFIER_FILE,
                    "not the public half of keys/log.key",
                    offset,
                    lambda: write_durably(self._folder / _VERIFIER_FILE, mended, mode=0o644),
                )
            )
        return found[0], findings

    def _derived_keys(self, notes: Sequence[str]) -> list[str]:
        try:
            secret = (self._folder / _KEY_FILE).read_bytes()
        except OSError:
            return []
        if len(secret) != _KEY_BYTES:
            return []
        private = Ed25519PrivateKey.from_private_bytes(secret)
        origins = {note.partition("\n")[0] for note in notes}
        keys = [Signer(origin, private).verifier_key for origin in origins]
        return [key for key in keys if _parses(key)]

    def _truth(self, key: VerifierKey) -> Truth | None:
        notes = [(signed, note) for note in (self._noted, self._published) if note and (signed := _signed(note, key))]
        notes.sort(key=lambda each: each[0].size, reverse=True)
        for signed, note in notes:
            for leaves in (self._leaves, self._bundled(signed.size)):
                tree = Tree(map(leaf_hash, leaves[: signed.size]))
                if tree.size == signed.size and tree.root(tree.size) == signed.root:
                    return Truth(key, signed, note, leaves[: signed.size], tree)
        return None

    def _bundled(self, size: int) -> list[bytes]:
        """The leaves as the entry bundles have them, up to the first that can not be read."""
        entries: list[bytes] = []
        for number in range(-(-size // WIDTH)):
            tile = Tile(ENTRIES, number, min(WIDTH, size - number * WIDTH))
            whole = Tile(ENTRIES, number, WIDTH)
            try:
                found = next(
                    (self._folder / "log" / each.path).read_bytes()
                    for each in (tile, whole)
                    if (self._folder / "log" / each.path).exists()
                )
                entries += split_bundle(found)
            except (OSError, ValueError, StopIteration):
                break
        return entries

    def _rows(self, truth: Truth) -> Iterator[Finding]:
        row = self._row
        noted = _signed(row.checkpoint, truth.key) if row else None
        if row is None or noted is None or (noted == truth.signed and row.checkpoint != truth.note):
            yield Finding("database: log_head", "not the newest checkpoint", mend=lambda: self._mend_head(truth))
        elif noted != truth.signed:
            yield Finding("database: log_head", "behind log/checkpoint: restored from an older state")
            return
        elif (row.size, row.root) != (noted.size, noted.root):
            yield Finding("database: log_head", "not what its checkpoint says", mend=lambda: self._mend_head(truth))
        if self._leaves != list(truth.entries):
            pairs = zip(self._leaves, truth.entries, strict=False)
            same = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
            index = min(len(self._leaves), len(truth.entries)) if same is None else same
            yield Finding(
                "database: log_leaf", "not the leaves that were signed", index, lambda: self._mend_leaves(truth)
            )

    def _mend_head(self, truth: Truth) -> None:
        head = LogHead(size=truth.signed.size, root=truth.signed.root, checkpoint=truth.note)
        self._session.merge(head)

    def _mend_leaves(self, truth: Truth) -> None:
        self._session.execute(delete(LogLeaf).where(col(LogLeaf.leaf_index) >= 0))
        store.add_leaves(self._session, 0, truth.entries)

    def _tiles(self, truth: Truth) -> Iterator[Finding]:
        folder = self._folder / "log"
        published = _signed(self._published, truth.key) if self._published else None
        needed = set(tiles_between(0, published.size if published else truth.signed.size))
        present = set()
        for file in self._files:
            path = file.relative_to(folder).as_posix()
            if file.name.endswith(".part"):
                continue
            tile = Tile.parse(path)
            if tile is None or not tile.within(truth.signed.size):
                yield Finding(f"log/{path}", "no tile of this log", mend=file.unlink)
                continue
            present.add(tile)
            yield from self._tile(truth, tile, file.read_bytes())
        for tile in sorted(needed - present):
            if tile._replace(width=WIDTH) not in present:
                yield Finding(f"log/{tile.path}", "missing", 0, self._mend_tile(truth, tile))

    def _tile(self, truth: Truth, tile: Tile, found: bytes) -> Iterator[Finding]:
        expected = tile.content(truth.tree, truth.entries)
        if found != expected:
            offset = first_difference(found, expected)
            yield Finding(f"log/{tile.path}", "not what the leaves lead to", offset, self._mend_tile(truth, tile))

    def _mend_tile(self, truth: Truth, tile: Tile) -> Callable[[], None]:
        content = tile.content(truth.tree, truth.entries)
        return lambda: write_durably(self._folder / "log" / tile.path, content, mode=0o644)

    def _checkpoint(self, truth: Truth) -> Iterator[Finding]:
        path = f"log/{CHECKPOINT}"
        found = self._published
        published = _signed(found, truth.key) if found else None
        if published is not None and published.size < truth.signed.size:
            if published.root == truth.tree.root(published.size):
                return
            yield Finding(path, "of another history than the database")
        elif found is None or not found.startswith(truth.note):
            offset = first_difference((found or "").encode(), truth.note.encode())
            mended = truth.note.encode()
            yield Finding(
                path,
                "not the newest checkpoint",
                offset,
                lambda: write_durably(self._folder / path, mended, mode=0o644),
            )


def _text(file: Path) -> str | None:
    """A file's text; None if it is not there or no text."""
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def _parses(key: str) -> bool:
    try:
        VerifierKey.parse(key)
    except VerificationError:
        return False
    return True


def _signed(note: str, key: VerifierKey) -> Checkpoint | None:
    """The checkpoint that a note signs; None if the key did not sign one."""
    try:
        return verify_checkpoint(note, key)
    except VerificationError:
        return None
