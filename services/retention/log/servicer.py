"""LogService."""

import asyncio
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from chassis.instants import timestamp
from chassis.refusal import Refusal
from ombud.retention.v1 import log_service_pb2 as pb
from ombud.retention.v1.log_service_pb2_grpc import LogServiceServicer
from ombud.retention.v1.record_pb2 import ProofState
from services.retention.ingest.journal import Journal
from services.retention.log import store
from services.retention.log.ledger import Ledger
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive, evidence_of
from services.retention.segments.records import from_micros
from services.retention.segments.store import Sealed
from services.retention.wire import Context


class LogServicer(LogServiceServicer):
    """Gives out checkpoints and proofs."""

    def __init__(self, database: Database, ledger: Ledger, archive: Archive, journal: Journal) -> None:
        self._database = database
        self._ledger = ledger
        self._archive = archive
        self._journal = journal

    async def GetCheckpoint(self, _request: pb.GetCheckpointRequest, _context: Context) -> pb.GetCheckpointResponse:
        """The newest checkpoint."""
        return pb.GetCheckpointResponse(
            checkpoint=self._ledger.checkpoint,
            verifier_key=self._ledger.verifier_key,
            size=self._ledger.head.size,
        )

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, _context: Context
    ) -> pb.GetInclusionProofResponse:
        """The audit path of a leaf."""
        size = request.tree_size or self._ledger.head.size
        hashes = self._ledger.inclusion(request.leaf_index, size)
        entry = await self._database.read(lambda session: store.entry(session, request.leaf_index))
        return pb.GetInclusionProofResponse(entry=entry, hashes=hashes, tree_size=size)

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, _context: Context
    ) -> pb.GetConsistencyProofResponse:
        """The proof that nothing changed between two sizes."""
        size = request.new_size or self._ledger.head.size
        return pb.GetConsistencyProofResponse(hashes=self._ledger.consistency(request.old_size, size), new_size=size)

    async def GetReceipt(self, request: pb.GetReceiptRequest, _context: Context) -> pb.GetReceiptResponse:
        """The proof of a record, as far as it has come."""
        if request.sequence > self._journal.acked(request.producer):
            raise Refusal.not_found("record", f"{request.producer}/{request.sequence}")
        # In this order: a batch leaves the journal only after the catalogue has it.
        if received := self._journal.find_unsealed(request.producer, request.sequence):
            return pb.GetReceiptResponse(
                state=ProofState.PROOF_STATE_PENDING,
                receive_time=timestamp(from_micros(received.receive_time)),
                index=received.first_index + request.sequence - received.batch.first_sequence,
            )
        found = await self._database.read(lambda session: _find(session, request))
        if found is None:
            raise Refusal.not_found("record", f"{request.producer}/{request.sequence}")
        return await asyncio.to_thread(self._receipt, request, *found)

    def _receipt(self, request: pb.GetReceiptRequest, sealed: Sealed, leaf: bytes) -> pb.GetReceiptResponse:
        segment = self._archive.load(sealed)
        run = segment.run_of(request.producer, request.sequence)
        if run is None:
            raise Refusal.not_found("record", f"{request.producer}/{request.sequence}")
        ordinal = run.first_ordinal + request.sequence - run.first_sequence
        receipt = pb.GetReceiptResponse(
            state=ProofState.PROOF_STATE_PENDING,
            receive_time=timestamp(from_micros(run.receive_time)),
            index=segment.first_index + ordinal,
        )
        if self._ledger.covers(sealed.leaf_index):
            record = segment.record(ordinal, UUID(request.group_id).bytes if request.group_id else None)
            if record is None:
                raise Refusal.not_found("record", f"{request.producer}/{request.sequence}")
            evidence = evidence_of(segment, leaf, record, with_body=False)
            receipt.state = ProofState.PROOF_STATE_SEALED
            receipt.proof = self._ledger.proof(evidence, sealed.leaf_index)
        return receipt


def _find(session: Session, request: pb.GetReceiptRequest) -> tuple[Sealed, bytes] | None:
    sealed = catalogue.of_producer(session, request.producer, request.sequence)
    return (sealed, store.entry(session, sealed.leaf_index)) if sealed else None
