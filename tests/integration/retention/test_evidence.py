"""What `ombud prove` finds of the log, holds and destructions."""

from ombud.verify import VerifierKey
from ombudctl.prove.evidence import Inquiry, Shown
from policies import load
from policies.pack import Evidence
from tests.integration.retention.harness import POLICY, Retention
from tests.integration.retention.test_purge import append, certificates, certified, pass_ceiling
from tests.support.clock import ManualClock

KINDS = (Evidence.CERTIFICATES, Evidence.SIGNED_LOG, Evidence.HOLDS)


def inquiry(retention: Retention, clock: ManualClock, key: VerifierKey) -> Inquiry:
    channel = retention.channel(role="auditor", staff="auditor-1")
    return Inquiry(channel, load(POLICY), key, agreement="terms", now=clock.now())


async def test_destructions_are_evidence_if_the_signed_log_has_them(retention: Retention, clock: ManualClock) -> None:
    key = VerifierKey.parse(retention.verifier_key)
    before = await inquiry(retention, clock, key).collect(KINDS)
    await append(retention, 1)
    await pass_ceiling(retention, clock)
    await certified(retention, 1)

    after = await inquiry(retention, clock, key).collect(KINDS)

    events = len(await certificates(retention))
    assert (before[Evidence.CERTIFICATES].state, before[Evidence.HOLDS].state) == ("missing", "missing")
    assert after[Evidence.CERTIFICATES] == Shown(events, events)
    assert after[Evidence.SIGNED_LOG].state == "met"
