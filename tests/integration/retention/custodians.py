"""Custodians with their keys on a machine of their own: a folder that the service never sees."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from ombud.retention.v1.custody_service_pb2 import (
    AnswerRequestRequest,
    AnswerRequestResponse,
    ListPendingRequestsRequest,
    PendingRequest,
)
from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceStub
from ombudctl.custodian import dev_custodians, envelopes
from services.retention.keys.envelope import PrivateKey
from tests.integration.retention.harness import Retention


@dataclass
class Custodians:
    """The custodians of the three slots: `custodian-1` to `custodian-3`."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Custodians":
        """Makes their keys, and gives the service the public ones alone."""
        folder.mkdir()
        dev_custodians(folder)
        (folder / "public").mkdir()
        for slot in (1, 2, 3):
            (folder / f"{slot}.pub").rename(folder / "public" / f"{slot}.pub")
        return cls(folder)

    @property
    def public(self) -> Path:
        return self.folder / "public"

    def key(self, slot: int) -> PrivateKey:
        return PrivateKey.load(self.folder / f"{slot}.key")

    async def pending(self, retention: Retention, staff: str) -> list[PendingRequest]:
        answer = await CustodyServiceStub(channel(retention, staff)).ListPendingRequests(ListPendingRequestsRequest())
        return list(answer.requests)

    async def answer(
        self, retention: Retention, slot: int, pending_id: str, *, key: PrivateKey | None = None, staff: str = ""
    ) -> AnswerRequestResponse:
        """A custodian's answer, as the tool makes it."""
        staff = staff or f"custodian-{slot}"
        found = await self.pending(retention, staff)
        (request,) = [each for each in found if each.pending_id == pending_id]
        made = envelopes(request, key or self.key(slot))
        return await send(retention, staff, pending_id, made)


async def send(retention: Retention, staff: str, pending_id: str, made: list[bytes]) -> AnswerRequestResponse:
    request = AnswerRequestRequest(pending_id=pending_id, envelopes=made)
    return await CustodyServiceStub(channel(retention, staff)).AnswerRequest(request)


def channel(retention: Retention, staff: str, role: str = "custodian") -> grpc.aio.Channel:
    return retention.channel(role=role, staff=staff)
