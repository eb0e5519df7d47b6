import asyncio
from datetime import timedelta
from typing import Any

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_remedies import remedy
from tests.support.refusals import refusal_of


async def test_sanction_is_in_force_once_its_notice_was_delivered(court: Court) -> None:
    subject = Subject(account_id=new_id())

    sanction = await court.in_force(
        court.proposal(subject, tip_off_id=await court.tip_off(), reporter_account_id=new_id())
    )

    now = court.suite.clock.now()
    assert sanction.start_time.ToDatetime(now.tzinfo) == now
    assert sanction.appeal_end_time.ToSeconds() - sanction.start_time.ToSeconds() == 184 * 86_400
    assert sanction.points_end_time.ToSeconds() - sanction.start_time.ToSeconds() == 365 * 86_400
    statement = sanction.statement
    assert statement.source_type == pb.SOURCE_TYPE_NOTICE
    assert not statement.automated_detection
    assert not statement.automated_decision
    assert statement.category == credit.CATEGORY_SCAMS_AND_FRAUD
    assert len(statement.policy.content_hash) == len(statement.clause_hash) == 64
    (notice,) = court.notices()
    assert notice["notice_id"] == sanction.sanction_id
    assert notice["facts"] == statement.reasons.facts
    assert notice["appeal_within_days"] == 184
    outbox = court.suite.data_dir / "credit" / "outbox" / "notices.jsonl"
    assert outbox.stat().st_mode & 0o777 == 0o600


async def test_source_is_derived_from_who_brought_the_tip_off_and_lateness_from_its_clock(court: Court) -> None:
    reported, flagged = await court.tip_off(), await court.tip_off(trusted=True)

    own = await court.propose(court.proposal())
    from_anyone = await court.propose(court.proposal(tip_off_id=reported))
    from_flagger = await court.propose(court.proposal(tip_off_id=flagged))
    court.suite.clock.advance(timedelta(days=7))
    late = await court.propose(court.proposal(tip_off_id=reported))
    unknown = await refusal_of(court.propose(court.proposal(tip_off_id=new_id())))

    statements = [each.statement for each in (own, from_anyone, from_flagger, late)]
    assert [each.source_type for each in statements] == [
        pb.SOURCE_TYPE_OWN_INITIATIVE,
        pb.SOURCE_TYPE_NOTICE,
        pb.SOURCE_TYPE_TRUSTED_FLAGGER,
        pb.SOURCE_TYPE_NOTICE,
    ]
    assert [each.late for each in statements] == [False, False, False, True]
    assert (unknown.reason, unknown.facts["resource"]) == ("NOT_FOUND", "tip-off")
    kept = await court.sanction(late.sanction_id)
    assert (kept.statement.source_type, kept.statement.late) == (pb.SOURCE_TYPE_NOTICE, True)


async def test_neither_messages_nor_notices_name_staff_or_reporter(court: Court) -> None:
    reporter = new_id()

    sanction = await court.in_force(court.proposal(reporter_account_id=reporter))

    shown = str(sanction) + str(court.notices())
    for secret in ("mod-1", "app-1", reporter):
        assert secret not in shown


async def test_proposal_that_breaks_a_rule_is_refused_with_what_would_satisfy_it(court: Court) -> None:
    unending = pb.Measure(kind=credit.MEASURE_KIND_PUBLISHING_SUSPENDED)
    before_policy = court.after(days=-90)
    broken: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
        ("REASONS_REQUIRED", {"reasons": None}, ("missing", "facts")),
        ("REASONS_REQUIRED", {"reasons": court.reasons(facts=" ")}, ("missing", "facts")),
        ("REASONS_REQUIRED", {"reasons": court.reasons(evidence=[])}, ("missing", "evidence")),
        ("REASONS_REQUIRED", {"reasons": court.reasons(act_time=None)}, ("missing", "act_time")),
        ("RULE_UNKNOWN", {"reasons": court.reasons(rule_id="rudeness")}, ("rule", "rudeness")),
        (
            "ACT_BEFORE_POLICY",
            {"reasons": court.reasons(act_time=before_policy)},
            ("effective_time", "2026-01-01T00:00:00+00:00"),
        ),
        ("END_REQUIRED", {"measures": [unending]}, ("measure", "PUBLISHING_SUSPENDED")),
        (
            "TERM_REFUSED",
            {"measures": [pb.Measure(kind=unending.kind, end_time=court.after(days=91))]},
            ("days_most", "90"),
        ),
        ("MEASURE_NOT_ALLOWED", {"measures": [pb.Measure(kind=credit.MEASURE_KIND_GROUP_CLOSED)]}, ("rule", "fraud")),
        ("POINTS_REFUSED", {"points": 13}, ("most", "12")),
        ("CAPACITY_REFUSED", {"capacity": credit.CAPACITY_GROUP}, ("subject", "ACCOUNT")),
        ("OWNER_BREACH_REQUIRED", {"capacity": credit.CAPACITY_FOUNDER, "group_id": new_id()}, ("state", "NONE")),
        ("NOT_FOUND", {"prior_sanction_ids": [new_id()]}, ("resource", "sanction")),
    ]

    for reason, fields, (name, value) in broken:
        refusal = await refusal_of(court.propose(court.proposal(**fields)))
        assert (refusal.reason, refusal.facts[name]) == (reason, value)
        assert refusal.satisfy


async def test_step_of_the_ladder_is_left_out_only_with_a_justification(court: Court) -> None:
    subject, bare = Subject(account_id=new_id()), court.reasons(step_justification="")
    closed = credit.MEASURE_KIND_ACCOUNT_CLOSED

    refusal = await refusal_of(court.propose(court.proposal(subject, closed, reasons=bare)))
    justified = await court.in_force(court.proposal(subject, credit.MEASURE_KIND_ACCOUNT_CLOSED))
    again = await court.propose(court.proposal(subject, closed, reasons=bare))

    assert (refusal.reason, refusal.facts["skipped"]) == ("LADDER_SKIPPED", "1")
    assert justified.statement.steps_skipped == 1
    assert justified.statement.reasons.step_justification
    assert again.statement.steps_skipped == 0


async def test_instant_out_of_range_is_refused_as_a_field(court: Court) -> None:
    proposal = court.proposal()
    proposal.reasons.act_time.seconds = 1 << 50

    refusal = await refusal_of(court.propose(proposal))

    assert refusal.reason == "INVALID_FIELD"


async def test_rule_id_that_is_none_is_refused_without_being_repeated(court: Court) -> None:
    proposal = court.proposal(reasons=court.reasons(rule_id="Ana Díaz, 110101199003074514"))

    refusal = await refusal_of(court.propose(proposal))

    assert refusal.reason == "INVALID_FIELD"
    assert "110101199003074514" not in repr(refusal) + str(refusal.facts) + str(refusal.violations)


async def test_who_proposed_can_not_approve(court: Court) -> None:
    sanction = await court.propose(court.proposal(), by="mod-1")

    refusal = await refusal_of(court.approve(sanction.sanction_id, by="mod-1"))

    assert refusal.reason == "SECOND_PERSON_REQUIRED"
    assert (await court.sanction(sanction.sanction_id)).state == pb.SANCTION_STATE_PROPOSED
    assert court.notices() == []


async def test_nobody_decides_on_an_own_account_nor_approves_what_they_reported(court: Court) -> None:
    subject, reporter = Subject(account_id=new_id()), new_id()
    proposal = court.proposal(subject, reporter_account_id=reporter)

    own = await refusal_of(court.propose(proposal, account=subject.account_id))
    sanction_id = (await court.propose(proposal)).sanction_id
    concerned = await refusal_of(court.approve(sanction_id, account=subject.account_id))
    reported = await refusal_of(court.approve(sanction_id, account=reporter))

    assert [own.reason, concerned.reason] == ["OWN_ACCOUNT"] * 2
    assert (reported.reason, reported.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "REPORTER")
    assert (await court.approve(sanction_id, account=new_id())).state == pb.SANCTION_STATE_APPROVED


async def test_points_that_count_found_a_sanction_when_their_measures_are_over(court: Court) -> None:
    subject = Subject(account_id=new_id())
    first = await court.in_force(court.proposal(subject, points=9))
    await remedy(court, first.sanction_id)
    court.suite.clock.advance(timedelta(days=31))

    threshold = await court.in_force(
        court.proposal(
            subject,
            credit.MEASURE_KIND_ACCOUNT_SUSPENDED,
            prior_sanction_ids=[first.sanction_id],
            reasons=court.reasons(evidence=[]),
        )
    )

    (cited,) = threshold.statement.prior_decisions
    assert (cited.sanction_id, cited.points, cited.points_end_time) == (first.sanction_id, 6, first.points_end_time)
    assert f"decision {first.sanction_id}, 6 points until" in court.notice(threshold.sanction_id)["text"]


async def test_same_evidence_does_not_found_a_second_sanction(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()
    first = await court.propose(court.proposal(subject, reasons=reasons))

    refusal = await refusal_of(court.propose(court.proposal(subject, reasons=reasons)))

    assert refusal.reason == "EVIDENCE_REUSED"
    assert refusal.facts["sanction_id"] == first.sanction_id
    assert await court.propose(court.proposal(reasons=reasons))


async def test_races_found_one_sanction_and_put_it_in_force_once(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()

    proposed = await asyncio.gather(
        *(court.propose(court.proposal(subject, reasons=reasons)) for _ in range(20)), return_exceptions=True
    )
    (sanction,) = [each for each in proposed if isinstance(each, pb.Sanction)]
    approved = await asyncio.gather(
        *(court.approve(sanction.sanction_id, by=f"app-{index}") for index in range(20)), return_exceptions=True
    )

    refused = [each.reason for each in proposed if isinstance(each, OmbudError)]
    assert refused == ["EVIDENCE_REUSED"] * 19
    assert [each.reason for each in approved if isinstance(each, OmbudError)] == ["WRONG_STATE"] * 19
    await court.in_force(court.proposal())
    assert [notice["notice_id"] for notice in court.notices()].count(sanction.sanction_id) == 1
    assert (await court.standing(subject)).active_points == 3


async def test_replay_answers_as_before_and_has_no_second_effect(court: Court) -> None:
    proposal = court.proposal()
    first = await court.propose(proposal)

    again = await court.propose(proposal)
    proposal.points = 4
    refusal = await refusal_of(court.propose(proposal))

    assert again == first
    assert refusal.reason == "REQUEST_ID_REUSED"


async def test_sanctions_of_a_subject_are_listed_in_pages(court: Court) -> None:
    subject = Subject(account_id=new_id())
    proposed = [(await court.propose(court.proposal(subject))).sanction_id for _ in range(3)]
    await court.propose(court.proposal())
    stub = court.platform(SanctionServiceStub)

    first = await stub.ListSanctions(pb.ListSanctionsRequest(subject=subject, page_size=2))
    rest = await stub.ListSanctions(
        pb.ListSanctionsRequest(subject=subject, page_size=2, page_token=first.next_page_token)
    )

    assert [each.sanction_id for each in (*first.sanctions, *rest.sanctions)] == proposed
    assert rest.next_page_token == ""


async def test_sanction_expires_by_itself(court: Court) -> None:
    sanction = await court.in_force(court.proposal())

    court.suite.clock.advance(timedelta(days=30))

    assert (await court.sanction(sanction.sanction_id)).state == pb.SANCTION_STATE_EXPIRED
