from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import policy_service_pb2 as policies
from ombud.credit.v1 import standing_service_pb2 as pb
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of


def proof() -> str:
    return new_id().replace("-", "") * 2


async def remedy(
    court: Court,
    sanction_id: str,
    kind: "pb.RemedyKind.ValueType" = pb.REMEDY_KIND_CURE,
    *,
    proved_by: str = "",
    account: str = "",
) -> pb.LedgerEntry:
    request = pb.RecordRemedyRequest(
        request_id=new_id(), sanction_id=sanction_id, kind=kind, proof_sha256=proved_by or proof()
    )
    return (await court.desk(StandingServiceStub, "moderator", "mod-1", account).RecordRemedy(request)).entry


async def what_if(court: Court, request: pb.WhatIfRequest) -> pb.WhatIfResponse:
    return await court.platform(StandingServiceStub).WhatIf(request)


async def test_remedy_wins_points_back_at_once_and_is_explained(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    stub = court.platform(StandingServiceStub)
    ask = pb.ExplainStandingRequest(subject=sanction.subject)
    (before,) = (await stub.ExplainStanding(ask)).restorations

    entry = await remedy(court, sanction.sanction_id)

    explained = await stub.ExplainStanding(ask)
    (after,) = explained.restorations
    assert (entry.kind, entry.points, entry.end_time) == (pb.LEDGER_ENTRY_KIND_CURE, 3, sanction.points_end_time)
    assert (explained.standing.active_points, explained.standing.tier) == (6, "limited")
    assert [each.entry_id for each in explained.entries] == [entry.relieved_entry_id, entry.entry_id]
    assert (before.points_left, after.points_left) == (9, 6)
    assert before.how_to_restore == "Pay the buyers back."
    assert before.appeal_end_time == sanction.appeal_end_time
    assert [(offer.kind, offer.points) for offer in before.remedies] == [
        (pb.REMEDY_KIND_CURE, 3),
        (pb.REMEDY_KIND_COURSE, 2),
    ]
    assert [offer.kind for offer in after.remedies] == [pb.REMEDY_KIND_COURSE]


async def test_what_is_left_expires_by_its_rule_and_the_ledger_says_so_from_then_on(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    won_back = await remedy(court, sanction.sanction_id)
    stub, ledger = court.platform(StandingServiceStub), pb.ListLedgerRequest(subject=sanction.subject)

    (foreseen,) = (await stub.ExplainStanding(pb.ExplainStandingRequest(subject=sanction.subject))).expiries
    before = list((await stub.ListLedger(ledger)).entries)
    court.suite.clock.advance(sanction.points_end_time.ToDatetime() - court.after().ToDatetime())
    stub = court.platform(StandingServiceStub)
    *written, expired = (await stub.ListLedger(ledger)).entries

    assert written == before
    assert expired == foreseen
    assert (expired.kind, expired.points, expired.entry_id) == (pb.LEDGER_ENTRY_KIND_EXPIRY, 6, "")
    assert (expired.expired_entry_id, expired.record_time) == (won_back.relieved_entry_id, sanction.points_end_time)
    assert (expired.rule_id, expired.policy.policy_id) == ("fraud", "default")
    assert (await court.standing(sanction.subject)).active_points == 0
    assert list((await stub.ExplainStanding(pb.ExplainStandingRequest(subject=sanction.subject))).expiries) == []


async def test_remedy_falls_with_the_sanction_that_it_answers(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    await remedy(court, sanction.sanction_id)
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    standing = await court.standing(sanction.subject)

    assert (standing.active_points, standing.tier) == (0, "good")


async def test_remedy_that_wins_back_nothing_is_refused_with_what_would_satisfy_it(court: Court) -> None:
    subject = Subject(account_id=new_id())
    first = await court.in_force(court.proposal(subject, points=9))
    second = await court.in_force(court.proposal(subject, points=9))
    used = proof()
    await remedy(court, first.sanction_id, proved_by=used)

    again = await refusal_of(remedy(court, first.sanction_id))
    reused = await refusal_of(remedy(court, second.sanction_id, proved_by=used))
    own = await refusal_of(remedy(court, second.sanction_id, account=subject.account_id))
    unknown = await refusal_of(remedy(court, new_id()))
    await remedy(court, second.sanction_id)
    capped = await refusal_of(remedy(court, second.sanction_id, pb.REMEDY_KIND_COURSE))

    assert (again.reason, again.facts["cause"]) == ("REMEDY_REFUSED", "RECORDED")
    assert (reused.reason, reused.facts["sanction_id"]) == ("EVIDENCE_REUSED", first.sanction_id)
    assert own.reason == "OWN_ACCOUNT"
    assert unknown.reason == "NOT_FOUND"
    assert (capped.reason, capped.facts["cause"]) == ("REMEDY_REFUSED", "CAP_REACHED")
    assert capped.satisfy


async def test_what_if_answers_for_entries_remedies_and_instants_and_records_nothing(court: Court) -> None:
    subject = Subject(account_id=new_id())
    sanction = await court.in_force(court.proposal(subject, points=9))
    term = {"start_time": court.after(), "end_time": court.after(days=10)}

    more = await what_if(court, pb.WhatIfRequest(subject=subject, points=[pb.SupposedPoints(points=2, **term)]))
    without = await what_if(court, pb.WhatIfRequest(subject=subject, without_sanction_ids=[sanction.sanction_id]))
    cured = pb.SupposedRemedy(kind=pb.REMEDY_KIND_CURE, sanction_id=sanction.sanction_id)
    less = await what_if(court, pb.WhatIfRequest(subject=subject, remedies=[cured]))
    later = await what_if(court, pb.WhatIfRequest(subject=subject, time=court.after(days=365)))

    assert [step.active_points for step in more.steps] == [11, 9, 0]
    assert (without.standing.tier, list(without.standing.restrictions)) == ("good", [])
    assert (less.standing.active_points, less.standing.tier) == (6, "limited")
    assert later.standing.active_points == 0
    assert (await court.standing(subject)).active_points == 9
    ledger = await court.platform(StandingServiceStub).ListLedger(pb.ListLedgerRequest(subject=subject))
    assert len(ledger.entries) == 1


async def test_what_if_takes_with_a_sanction_all_that_rests_on_it(court: Court) -> None:
    subject = Subject(account_id=new_id())
    first = await court.in_force(court.proposal(subject, points=4))
    await court.in_force(court.proposal(subject, points=5, prior_sanction_ids=[first.sanction_id]))

    without = await what_if(court, pb.WhatIfRequest(subject=subject, without_sanction_ids=[first.sanction_id]))

    assert without.standing.active_points == 0


async def test_what_if_judges_by_a_published_policy_and_knows_no_other(court: Court) -> None:
    subject = Subject(account_id=new_id())
    published = await court.platform(PolicyServiceStub).GetPolicy(policies.GetPolicyRequest())
    known = published.policy.version.content_hash

    answer = await what_if(court, pb.WhatIfRequest(subject=subject, policy_content_hash=known))
    unknown = await refusal_of(what_if(court, pb.WhatIfRequest(subject=subject, policy_content_hash="0" * 64)))

    assert answer.standing.policy.content_hash == known
    assert unknown.reason == "NOT_FOUND"


async def test_points_won_back_end_with_the_points_they_relieve(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    await remedy(court, sanction.sanction_id)
    end = sanction.points_end_time.ToDatetime(court.suite.clock.now().tzinfo)

    court.suite.clock.advance(end - court.suite.clock.now() + timedelta(days=1))

    assert (await court.standing(sanction.subject)).active_points == 0
