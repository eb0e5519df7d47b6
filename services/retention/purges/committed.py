"""Whether log and key store bear out what is about to be destroyed: the database alone is no reason to."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from sqlmodel import Session, col, select

from ombud.verify import SegmentLeaf, VerificationError, parse_leaf
from services.retention.errors import DamagedError
from services.retention.holds.models import HoldRow
from services.retention.log.ledger import Ledger
from services.retention.log.models import LogLeaf
from services.retention.segments.records import from_micros
from services.retention.segments.store import Sealed


def check_segments(session: Session, day: date, segments: Sequence[Sealed], ledger: Ledger) -> None:
    """Returns if segments are what the leaves beside them say, and were received on a UTC day.

    Args:
        session: Where the leaves are.
        day: The day.
        segments: In the order of their leaves.
        ledger: Knows the leaves' hashes.

    Raises:
        DamagedError: One is not.
    """
    if not segments:
        return
    span = col(LogLeaf.leaf_index).between(segments[0].leaf_index, segments[-1].leaf_index)
    entries = {leaf.leaf_index: leaf.entry for leaf in session.exec(select(LogLeaf).where(span))}
    for sealed in segments:
        entry = entries.get(sealed.leaf_index, b"")
        if not (ledger.commits_to(sealed.leaf_index, entry) and _says(entry, sealed, day)):
            raise DamagedError(f"database: segment {sealed.segment_id} is not what its leaf commits to")


def check_holds(session: Session, kept_for: AbstractSet[str]) -> None:
    """Returns if the database knows the holds that the key store keeps keys for.

    Raises:
        DamagedError: It does not know one: it was lost, and with it what that hold keeps.
    """
    known = session.exec(select(HoldRow.hold_id).where(col(HoldRow.hold_id).in_(kept_for)))
    if unknown := kept_for - set(known):
        raise DamagedError(f"keys/days/holds: the database does not know hold {min(unknown)}")


def _says(entry: bytes, sealed: Sealed, day: date) -> bool:
    try:
        leaf = parse_leaf(entry)
    except VerificationError:
        return False
    return (
        isinstance(leaf, SegmentLeaf)
        and (str(leaf.segment_id), leaf.file_hash) == (sealed.segment_id, sealed.file_hash)
        and from_micros(leaf.first_receive_time).date() == from_micros(leaf.last_receive_time).date() == day
    )
