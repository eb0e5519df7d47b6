"""Proofs of records verified offline, a second."""

import random
import time

import grpc

from bench.append import Run, proof_of
from bench.line import Line
from bench.processes import Server
from ombud.verify import verify_record

_PROOFS, _SEED = 64, 20261121
_SECONDS = 1.0


async def measure(suite: Server, token: str, run: Run, verifier_key: str) -> Line:
    """Fetches proofs of records from anywhere in the run and verifies them again and again, each with its record.

    Raises:
        VerificationError: One does not hold.
    """
    drawn = random.Random(_SEED)  # noqa: S311 - which records
    proofs: list[tuple[str, bytes]] = []
    async with grpc.aio.insecure_channel(suite.target) as channel:
        for _ in range(_PROOFS):
            producer = drawn.choice(run.producers)
            sequence = drawn.randint(1, producer.acked)
            proofs.append((await proof_of(channel, token, producer, sequence), producer.body(sequence)))
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < _SECONDS:
        proof, body = proofs[done % _PROOFS]
        verify_record(proof, verifier_key, body)
        done += 1
    return Line("verify", done / took, "proofs/s", more={"bytes": len(proofs[0][0])})
