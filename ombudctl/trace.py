"""`ombud trace`: one trace as a tree over all services, its audit records beside, each verified offline."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from chassis.trace_store import StoredSpan, spans_of
from ombud.client import OmbudError
from ombud.common.v1.audit_pb2 import AUDIT_OUTCOME_DENIED, AuditRecord
from ombud.retention.v1.audit_service_pb2 import AuditEntry, QueryAuditRecordsRequest
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import VerificationError, VerifierKey, verify_record
from ombudctl.output import CommandError, print_json
from ombudctl.suite import reach
from ombudctl.token import issuer

TRACES = "traces.db"  # as ombudctl.embedded names it, which would load all services
_ID_DIGITS = 32


@dataclass(frozen=True)
class Act:
    """An audit record and what its proof is worth.

    Attributes:
        record: What was done.
        tree_size: Leaves of the signed checkpoint that covers it; 0 if it is not verified.
        problem: Why it is not verified; empty if it is.
    """

    record: AuditRecord
    tree_size: int
    problem: str

    @property
    def verified(self) -> bool:
        """Whether a signed checkpoint covers exactly this record."""
        return not self.problem


async def acts_of(
    channel: grpc.aio.Channel, wanted: QueryAuditRecordsRequest, verifier_key: VerifierKey | str
) -> list[Act]:
    """Asks for audit records and verifies each offline.

    Args:
        channel: Channel of a person with the role auditor.
        wanted: Which records: of a trace, or of a subject.
        verifier_key: The log's public key, from elsewhere than the channel.

    Returns:
        The records in the order in which the log received them.

    Raises:
        OmbudError: The suite refused.
    """
    stub = AuditServiceStub(channel)
    acts: list[Act] = []
    token = ""
    while True:
        request = QueryAuditRecordsRequest(page_token=token, page_size=500)
        request.MergeFrom(wanted)
        page = await stub.QueryAuditRecords(request)
        acts += [_act(entry, verifier_key) for entry in page.entries]
        token = page.next_page_token
        if not token:
            return acts


def _act(entry: AuditEntry, verifier_key: VerifierKey | str) -> Act:
    if entry.state != PROOF_STATE_SEALED:
        return Act(entry.record, 0, "no checkpoint covers it yet; ask again in a few seconds")
    try:
        verified = verify_record(entry.proof, verifier_key)
    except VerificationError as error:
        return Act(entry.record, 0, str(error))
    if AuditRecord.FromString(verified.body) != entry.record:
        return Act(entry.record, 0, "the log holds another record than the one shown")
    return Act(entry.record, verified.checkpoint.size, "")


def tree_of(trace_id: str, spans: Sequence[StoredSpan], acts: Iterable[Act]) -> Tree:
    """Draws a trace.

    Args:
        trace_id: The trace.
        spans: Its spans; one whose parent was not kept stands at the top.
        acts: Its audit records; each hangs under its span, or at the top if that was not kept.

    Returns:
        The tree, earliest first.
    """
    kept = {span.span_id for span in spans}
    children: dict[str, list[StoredSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_ns):
        children[span.parent_id if span.parent_id in kept else ""].append(span)
    beside: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        beside[act.record.span_id if act.record.span_id in kept else ""].append(act)
    tree = Tree(Text(f"trace {trace_id}", style="bold"))
    start = min((span.start_ns for span in spans), default=0)

    def grow(branch: Tree, parent: str) -> None:
        for act in beside[parent]:
            branch.add(_act_line(act))
        for span in children[parent]:
            grow(branch.add(_span_line(span, start)), span.span_id)

    grow(tree, "")
    return tree


def _span_line(span: StoredSpan, start: int) -> Text:
    line = Text()
    line.append(f"{span.service:<9} ", style="cyan")
    line.append(span.name.rpartition("/")[2])
    line.append(f"  +{(span.start_ns - start) / 1e6:.0f} ms, {(span.end_ns - span.start_ns) / 1e6:.1f} ms", style="dim")
    if span.status != "OK":
        line.append(f"  {span.status} {span.attributes.get('ombud.reason', '')}".rstrip(), style="yellow")
    return line


def _act_line(act: Act) -> Text:
    record = act.record
    line = Text()
    line.append("✓ " if act.verified else "✗ ", style="bold green" if act.verified else "bold red")
    denied = " denied" if record.outcome == AUDIT_OUTCOME_DENIED else ""
    line.append(f"{record.action}{denied}", style="magenta")
    itself = record.service if record.method.startswith("job:") else "anonymous"
    line.append(f"  {record.person or record.workload or itself}")
    proved = f"in the log, signed at {act.tree_size} leaves" if act.verified else act.problem
    line.append(f"  {record.service} #{record.sequence}, {proved}", style="dim")
    return line


def run(trace_id: str, data: Path, target: str, *, as_json: bool) -> bool:
    """Prints a trace.

    Args:
        trace_id: The trace, 32 lower-case hexadecimal digits.
        data: The suite's folder: spans and the log's public key are read there.
        target: Where the suite serves: it is asked for the audit records.
        as_json: Print a JSON object.

    Returns:
        True if every audit record is verified.

    Raises:
        CommandError: There is no such trace, no such suite, or it does not answer.
    """
    if len(trace_id) != _ID_DIGITS or not set(trace_id) <= set("0123456789abcdef"):
        raise CommandError(f"{trace_id}: not a trace id", "A trace id is 32 hexadecimal digits.")
    spans = spans_of(data / TRACES, trace_id)
    acts = asyncio.run(_ask(trace_id, data, target))
    if not spans and not acts:
        raise CommandError(
            f"{trace_id}: nothing is known of this trace", "Is it of this suite, and of the last seven days?"
        )
    if as_json:
        print_json(
            {"trace_id": trace_id, "spans": [vars(span) for span in spans], "audit": [_plain(act) for act in acts]}
        )
    else:
        Console().print(tree_of(trace_id, spans, acts))
    return all(act.verified for act in acts)


async def _ask(trace_id: str, data: Path, target: str) -> list[Act]:
    token = issuer(data).person("ombud-trace", frozenset({"auditor"}), workload="operator")
    verifier_key = (data / "retention" / "log.vkey").read_text().strip()
    async with reach(target, token=token) as channel:
        try:
            return await acts_of(channel, QueryAuditRecordsRequest(trace_id=trace_id), verifier_key)
        except OmbudError as error:
            raise CommandError(f"{target}: {error}", f"Is the suite up? ombud up --data {data}") from error


def _plain(act: Act) -> dict[str, object]:
    record = act.record
    return {
        "audit_id": record.audit_id,
        "service": record.service,
        "sequence": record.sequence,
        "action": record.action,
        "span_id": record.span_id,
        "workload": record.workload,
        "person": record.person,
        "resource_id": record.resource_id,
        "facts": dict(record.facts),
        "denied": record.outcome == AUDIT_OUTCOME_DENIED,
        "verified": act.verified,
        "tree_size": act.tree_size,
        "problem": act.problem,
    }
