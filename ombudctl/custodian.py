"""`ombud custodian`: a custodian's tool, on the custodian's own machine. The private key never leaves it."""

from datetime import date
from pathlib import Path
from uuid import UUID

import grpc.aio
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ombud.retention.v1.custody_service_pb2 import (
    AnswerRequestRequest,
    CustodyShare,
    ListPendingRequestsRequest,
    PendingRequest,
)
from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceStub
from ombudctl.output import CommandError, print_json
from ombudctl.suite import Suite
from services.retention.custody import domain
from services.retention.custody.domain import Asked, Held
from services.retention.keys.domain import Buffer, unpack
from services.retention.keys.envelope import EnvelopeError, PrivateKey, public_key_id, seal

_DEV_CUSTODIANS = 3


def dev_custodians(folder: Path) -> Path:
    """Makes the keys of three custodians for a suite on one machine, if the folder has none; returns the folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for slot in range(1, _DEV_CUSTODIANS + 1):
        if not (folder / f"{slot}.key").exists():
            _make(folder / f"{slot}.key")
    return folder


def keygen(path: Path, *, as_json: bool) -> bool:
    """Makes a custodian's key: the private one in a file, the public one beside it with the ending `.pub`.

    Raises:
        CommandError: The file exists.
    """
    if path.exists():
        raise CommandError(f"{path}: exists", "Name a file that does not.")
    public = _make(path)
    if as_json:
        print_json({"key": str(path), "public_key": str(path.with_suffix(".pub")), "key_id": public.hex()})
    else:
        Console().print(f"Private key in {path}: keep it, and a copy, where nobody else reads it.")
        Console().print(
            f"Public key in {path.with_suffix('.pub')}, id {public.hex()}: have it registered for your slot."
        )
    return True


def pending(suite: Suite, *, as_json: bool) -> bool:
    """Shows what waits for the custodian, and what an answer would open.

    Raises:
        CommandError: There is no suite in the folder, or the suite refused.
    """
    requests = suite.ask(_pending)
    if as_json:
        print_json({"requests": [_described(request) for request in requests]})
        return True
    if not requests:
        Console().print("Nothing waits for you.")
    for request in requests:
        table = Table(show_header=False, title=escape(request.pending_id))
        for name, value in _described(request).items():
            table.add_row(name, escape(str(value)))
        Console().print(table)
    return True


def answer(suite: Suite, pending_id: str, key_file: Path, *, as_json: bool) -> bool:
    """Answers a request: gives the keys of what it names, and of nothing else.

    Raises:
        CommandError: There is no suite in the folder, the key is none or another one, or the suite refused.
    """
    key = _load(key_file)

    async def answered(channel: grpc.aio.Channel) -> tuple[int, bool]:
        request = next((each for each in await _pending(channel) if each.pending_id == pending_id.lower()), None)
        if request is None:
            raise CommandError(f"{pending_id}: does not wait for you", "See what does: ombud custodian pending")
        made = AnswerRequestRequest(pending_id=request.pending_id, envelopes=envelopes(request, key))
        reply = await CustodyServiceStub(channel).AnswerRequest(made)
        return reply.answers, reply.opened

    answers, opened = suite.ask(answered)
    if as_json:
        print_json({"pending_id": pending_id.lower(), "answers": answers, "opened": opened})
    else:
        Console().print("Answered; it is open now." if opened else "Answered; one more custodian has to answer.")
    return True


def envelopes(request: PendingRequest, key: PrivateKey) -> list[bytes]:
    """The answer to a request.

    Raises:
        CommandError: A share in it is not for this key, or opens something else than it says.
    """
    held = [_opened(share, key) for share in request.shares]
    if request.HasField("successor"):
        slot = request.successor.slot
        return [
            seal(
                domain.successor_share(each, slot),
                request.answer_key,
                domain.held_info(each.asked.day, each.asked.group),
            )
            for each in held
        ]
    scope = request.hold.scope if request.HasField("hold") else request.access.scope
    if not _groups(request) <= set(scope.group_ids):
        raise CommandError(f"{request.pending_id}: asks for groups beyond its scope", "Do not answer; say so.")
    content = domain.access_answer(held)
    return [seal(content, request.answer_key, domain.answer_info(request.pending_id))]


def _opened(share: CustodyShare, key: PrivateKey) -> Held:
    day, group = date.fromisoformat(share.day), UUID(share.group_id).bytes if share.group_id else None
    values: dict[int, Buffer] = {}
    try:
        for envelope in share.envelopes:
            values |= unpack(key.open(envelope, domain.held_info(day, group)))
    except EnvelopeError:
        raise CommandError(
            f"{share.day}: the share is not for this key", "Use the key that you are registered with."
        ) from None
    return Held(Asked(day, group, [UUID(group_id).bytes for group_id in share.opened_group_ids]), values)


def _groups(request: PendingRequest) -> set[str]:
    """The groups that an answer opens."""
    return {group_id for share in request.shares for group_id in share.opened_group_ids}


def _make(path: Path) -> bytes:
    """Makes a key pair's files; returns the public key's id."""
    key = PrivateKey.generate()
    path.with_suffix(".pub").write_bytes(key.public)
    key.save(path)
    return public_key_id(key.public)


def _load(path: Path) -> PrivateKey:
    try:
        return PrivateKey.load(path)
    except (OSError, EnvelopeError) as error:
        raise CommandError(f"{path}: no custodian's key", "Make one: ombud custodian keygen FILE") from error


async def _pending(channel: grpc.aio.Channel) -> list[PendingRequest]:
    stub, token = CustodyServiceStub(channel), ""
    found: list[PendingRequest] = []
    while True:
        answer = await stub.ListPendingRequests(ListPendingRequestsRequest(page_token=token))
        found += answer.requests
        if not (token := answer.next_page_token):
            return found


def _described(request: PendingRequest) -> dict[str, object]:
    """What a custodian decides by."""
    shown: dict[str, object] = {"pending_id": request.pending_id}
    if request.HasField("successor"):
        shown |= {"gives shares to": request.successor.staff_id, "slot": request.successor.slot}
    elif request.HasField("hold"):
        shown |= {"holds for case": request.hold.case_id, "legal basis": request.hold.legal_basis}
        shown["groups"] = sorted(_groups(request))
    else:
        access = request.access
        shown |= {"opens for case": access.case_id, "legal basis": access.legal_basis, "purpose": access.purpose}
        shown |= {"requested by": access.requester, "approved by": access.approver}
        shown["groups"] = sorted(_groups(request))
    shown["days"] = sorted({share.day for share in request.shares})
    shown["answers so far"] = request.answers
    return shown
