"""Step 10: the whole tip-off as one tree, each of its audit records verified offline."""

from collections import Counter

from chassis.trace_store import spans_of
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombudctl.story.scene import Scene
from ombudctl.story.world import AUDITOR, World
from ombudctl.trace import TRACES, Act, acts_of, tree_of

_TIP_OFF = 5
_ACTS = Counter(
    {
        "groups.tip_off.submitted": 1,
        "groups.tip_off.triaged": 1,
        "groups.tip_off.decided": 1,
        "groups.tip_off.replied": 1,
        "credit.sanction.proposed": 4,
        "credit.sanction.approved": 4,
        "credit.sanction.notified": 4,
        "credit.referral.proposed": 1,
        "credit.referral.approved": 1,
        "credit.referral.concluded": 1,
        "credit.call.denied": 2,
    }
)
_BACKGROUND = {"deliver notice", "deliver audit records", "follow credit-standings"}


async def play(world: World, scene: Scene) -> None:
    """Prints the trace of step 5 and verifies it."""
    trace_id = world.traces[_TIP_OFF]
    auditor = world.suite.as_(AUDITOR)

    async def ask() -> list[Act]:
        return await acts_of(auditor, QueryAuditRecordsRequest(trace_id=trace_id), world.verifier_key)

    scene.says(f"Everything of step 5 travelled under trace {trace_id}.")
    acts = await scene.until(
        "exactly the acts of step 5 and its denied attempts are in the log, under signed checkpoints",
        ask,
        lambda acts: Counter(act.record.action for act in acts) == _ACTS and all(act.verified for act in acts),
    )
    spans = spans_of(world.suite.data / TRACES, trace_id)
    scene.console.print(tree_of(trace_id, spans, acts))
    services = {span.service for span in spans}
    scene.proves(f"the tree spans {' and '.join(sorted(services))}", services == {"groups", "credit"})
    scene.proves("with what was delivered in the background", {span.name for span in spans} >= _BACKGROUND)
    known = {span.span_id for span in spans}
    scene.proves("each audit record hangs under the span of its act", all(act.record.span_id in known for act in acts))
    scene.proves(
        f"each of the {len(acts)} audit records is verified offline, those of denied attempts too",
        all(act.verified for act in acts),
    )
    scene.counts(spans=len(spans), audit_records=len(acts), verified=sum(act.verified for act in acts))
