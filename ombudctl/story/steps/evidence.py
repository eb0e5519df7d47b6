"""Step 10: the whole tip-off as one tree, each of its audit records verified offline."""

from chassis.trace_store import spans_of
from ombud.common.v1.audit_pb2 import AUDIT_OUTCOME_DENIED
from ombudctl.story.scene import Scene
from ombudctl.story.world import AUDITOR, World
from ombudctl.trace import TRACES, Act, acts_of, tree_of

_TIP_OFF = 5
_NEEDED = {
    "groups": 4,
    "credit": 8,
}


async def play(world: World, scene: Scene) -> None:
    """Prints the trace of step 5 and verifies it."""
    trace_id = world.traces[_TIP_OFF]
    auditor = world.suite.as_(AUDITOR)

    async def ask() -> list[Act]:
        return await acts_of(auditor, trace_id, world.verifier_key)

    scene.says(f"Everything of step 5 travelled under trace {trace_id}.")
    acts = await scene.until(
        "every audit record of it is in the log and covered by a signed checkpoint",
        ask,
        lambda acts: _complete(acts) and all(act.verified for act in acts),
    )
    spans = spans_of(world.suite.data / TRACES, trace_id)
    scene.console.print(tree_of(trace_id, spans, acts))
    services = {span.service for span in spans}
    scene.proves(f"the tree spans {', '.join(sorted(services))}", services >= {"groups", "credit"})
    known = {span.span_id for span in spans}
    scene.proves("every audit record hangs under a span of the tree", all(act.record.span_id in known for act in acts))
    denied = sum(act.record.outcome == AUDIT_OUTCOME_DENIED for act in acts)
    scene.proves(
        f"{len(acts)} audit records, {denied} of them of denied attempts, are each verified offline",
        all(act.verified for act in acts),
    )
    scene.counts(spans=len(spans), audit_records=len(acts), verified=sum(act.verified for act in acts))


def _complete(acts: list[Act]) -> bool:
    """Whether the log has received all that step 5 did."""
    return all(sum(act.record.service == name for act in acts) >= least for name, least in _NEEDED.items())
