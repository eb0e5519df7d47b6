"""Checks offline what the retention service's log gives out. Needs `cryptography` and nothing else.

All that is trusted is the log's public key, which the caller brings as a verifier key. Formats: C2SP signed-note,
tlog-checkpoint and tlog-proof; RFC 6962 trees with SHA-256; the layouts of our leaves stand in `ombud.verify.evidence`.
"""

from ombud.verify.cosignature import WitnessKey, verify_cosignatures, verify_quorum
from ombud.verify.errors import VerificationError
from ombud.verify.evidence import VerifiedEvent, VerifiedRecord, verify_event, verify_evidence, verify_record
from ombud.verify.follow import Alarm, Seen, follow
from ombud.verify.leaf import EventLeaf, SegmentLeaf, parse_leaf
from ombud.verify.note import Checkpoint, VerifierKey, verify_checkpoint, verify_note
from ombud.verify.received import Received, verify_received
from ombud.verify.tree import Frontier, leaf_hash, verify_consistency, verify_inclusion

__all__ = [
    "Alarm",
    "Checkpoint",
    "EventLeaf",
    "Frontier",
    "Received",
    "Seen",
    "SegmentLeaf",
    "VerificationError",
    "VerifiedEvent",
    "VerifiedRecord",
    "VerifierKey",
    "WitnessKey",
    "follow",
    "leaf_hash",
    "parse_leaf",
    "verify_checkpoint",
    "verify_consistency",
    "verify_cosignatures",
    "verify_event",
    "verify_evidence",
    "verify_inclusion",
    "verify_note",
    "verify_quorum",
    "verify_received",
    "verify_record",
]
