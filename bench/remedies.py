"""Remedies: the RPC that writes the ledger at once. Every other entry follows from a notice, an appeal or a lift."""

import hashlib
from collections.abc import Sequence

from ombud.client import request_id
from ombud.credit.v1 import standing_service_pb2 as standings

# With three points, a sanction leaves something to win back for one of each.
KINDS = (standings.REMEDY_KIND_COURSE, standings.REMEDY_KIND_CURE)


def requests(sanction_ids: Sequence[str]) -> list[standings.RecordRemedyRequest]:
    """A remedy of each kind for each of the sanctions, no two of a sanction beside each other."""
    return [
        standings.RecordRemedyRequest(
            request_id=request_id(),
            sanction_id=sanction_id,
            kind=kind,
            proof_sha256=hashlib.sha256(f"{sanction_id} {kind}".encode()).hexdigest(),
        )
        for kind in KINDS
        for sanction_id in sanction_ids
    ]
