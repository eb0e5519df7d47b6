"""The commands: what they ask of the suite, and how they show what it says."""

from datetime import UTC, datetime
from typing import Any

import grpc.aio
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ombud.client import request_id
from ombud.credit.v1 import policy_service_pb2 as pb
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from ombudctl.output import CommandError, print_json
from ombudctl.policy.packs import pack_at
from ombudctl.suite import Suite
from policies.diff import Difference, differences

_SIMULATION_SECONDS = 600
"""A simulation judges every account of the ledger."""


def lint(name: str, *, as_json: bool) -> bool:
    """Says whether a pack can be used, and its hash.

    Raises:
        CommandError: It can not; each fault is told with file, line, field and reason.
    """
    pack = pack_at(name)
    if as_json:
        print_json({"id": pack.id, "version": pack.version, "content_hash": pack.content_hash})
    else:
        Console().print(f"{pack.id} {pack.version} can be used; its content hash is {pack.content_hash}")
    return True


def diff(older: str, newer: str, *, as_json: bool) -> bool:
    """Shows what differs between two packs, setting by setting.

    Raises:
        CommandError: One of them can not be used.
    """
    found = differences(pack_at(older), pack_at(newer))
    if as_json:
        print_json({"changes": [_described(each) for each in found]})
        return True
    table = Table()
    for heading in ("setting", "before", "after", "serves"):
        table.add_column(heading)
    for each in found:
        table.add_row(*(escape(text or "") for text in (each.path, each.before, each.after, each.serves)))
    Console().print(table if found else "They say the same.")
    return True


def simulate(name: str, suite: Suite, *, as_json: bool) -> bool:
    """Shows what a draft would change for the accounts of the live ledger.

    Raises:
        CommandError: The draft can not be used, or the suite refused.
    """
    request = pb.SimulatePolicyRequest(document=pack_at(name).canonical)

    async def asked(channel: grpc.aio.Channel) -> pb.PolicySimulation:
        answer = await PolicyServiceStub(channel).SimulatePolicy(request, timeout=_SIMULATION_SECONDS)
        return answer.simulation

    _show_simulation(suite.ask(asked), as_json=as_json)
    return True


def propose(name: str, effective: str, suite: Suite, *, as_json: bool) -> bool:
    """Proposes to publish a pack, and shows what it would change.

    Args:
        name: The pack.
        effective: From when it is to be in force, as ISO 8601; empty for the date that the pack names.
        suite: The suite, and who proposes it.
        as_json: Print a JSON object.

    Raises:
        CommandError: The pack can not be used, the date is none, or the suite refused.
    """
    request = pb.ProposePolicyRequest(request_id=request_id(), document=pack_at(name).canonical)
    if effective:
        request.effective_time.CopyFrom(_timestamp(effective))

    async def asked(channel: grpc.aio.Channel) -> pb.PolicyProposal:
        answer = await PolicyServiceStub(channel).ProposePolicy(request, timeout=_SIMULATION_SECONDS)
        return answer.proposal

    proposal = suite.ask(asked)
    if as_json:
        print_json(_json(proposal))
        return True
    _show_simulation(proposal.simulation, as_json=False)
    since = proposal.effective_time.ToJsonString()
    Console().print(f"Proposed, in force from {since}. Another person approves it:", soft_wrap=True)
    Console().print(f"  ombud policy approve {proposal.proposal_id}", soft_wrap=True)
    return True


def approve(proposal_id: str, suite: Suite, *, as_json: bool) -> bool:
    """Publishes a proposed pack, as the second person.

    Raises:
        CommandError: The suite refused.
    """
    request = pb.ApprovePolicyRequest(request_id=request_id(), proposal_id=proposal_id)

    async def asked(channel: grpc.aio.Channel) -> pb.Policy:
        return (await PolicyServiceStub(channel).ApprovePolicy(request)).policy

    policy = suite.ask(asked)
    if as_json:
        print_json(_json(policy))
    else:
        since = policy.effective_time.ToJsonString()
        Console().print(f"{policy.version.policy_id} {policy.version.version} is published, in force from {since}")
    return True


def _timestamp(text: str) -> Timestamp:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text}: no instant", "Give it as in 2026-12-01T00:00:00Z.") from error
    message = Timestamp()
    message.FromDatetime(at if at.tzinfo else at.replace(tzinfo=UTC))
    return message


def _described(difference: Difference) -> dict[str, str | None]:
    return {
        "path": difference.path,
        "before": difference.before,
        "after": difference.after,
        "serves": difference.serves,
    }


def _json(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _show_simulation(found: pb.PolicySimulation, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(found))
        return
    console = Console()
    table = Table(title=f"{found.accounts} accounts with a ledger, judged at {found.time.ToJsonString()}")
    table.add_column("what would change")
    table.add_column("accounts", justify="right")
    table.add_row("another tier", str(found.accounts_with_another_tier))
    for move in found.moves:
        table.add_row(escape(f"  {move.from_tier} to {move.to_tier}"), str(move.accounts))
    table.add_row("more rights", str(found.accounts_with_more_rights))
    table.add_row("fewer rights", str(found.accounts_with_fewer_rights))
    for change in found.rights:
        if change.more or change.less:
            table.add_row(f"  {change.right}", f"+{change.more} -{change.less}")
    console.print(table)
    if found.default_entitlements != found.draft_default_entitlements:
        console.print("Accounts without a ledger would have other rights, too.")
