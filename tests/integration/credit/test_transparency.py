"""What the public gets: the report for anybody, statements and errata for the EU's database."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import transparency_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from ombud.credit.v1.transparency_service_pb2_grpc import TransparencyServiceStub
from ombudctl.publish import command
from ombudctl.publish.command import Months
from ombudctl.suite import Suite
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of
from tests.unit.credit.transparency.database_schema import violations

FEWER = pb.Figure(fewer_than_ten=True)
NONE = pb.Figure()


def months_of(court: Court) -> Months:
    month = f"{court.suite.clock.now():%Y-%m}"
    return Months(month, month)


def month_passes(court: Court) -> None:
    court.suite.clock.advance(timedelta(days=32))


async def report(court: Court, months: Months) -> pb.TransparencyReport:
    """The report, as anybody gets it."""
    request = pb.GetTransparencyReportRequest(first_month=months.first, last_month=months.last)
    return (await TransparencyServiceStub(court.suite.channel()).GetTransparencyReport(request)).report


async def a_fallen_decision(court: Court) -> str:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)
    return sanction.sanction_id


async def test_anybody_reads_the_report_of_a_month_that_is_over(court: Court) -> None:
    months = months_of(court)
    await court.in_force(court.proposal(tip_off_id=await court.tip_off()))
    await a_fallen_decision(court)
    early = await refusal_of(report(court, months))
    month_passes(court)

    told = await report(court, months)

    assert (early.reason, early.facts["last_month"]) == ("PERIOD_REFUSED", months.last)
    assert (told.decisions.total, told.appeals.filed) == (FEWER, FEWER)
    assert {each.name: each.figure for each in told.decisions.by_source} == {"NOTICE": FEWER, "OWN_INITIATIVE": FEWER}
    assert [each.name for each in told.appeals.by_outcome] == ["OVERTURNED"]
    assert (told.referrals.approved, told.disclosures.reads, told.appeals.overdue) == (NONE, NONE, NONE)
    (rule,) = told.rules
    assert (rule.rule_id, rule.decisions, rule.overturned) == ("fraud", FEWER, FEWER)
    assert not rule.HasField("overturn_rate")


async def test_tip_off_without_an_answer_counts_as_overdue_in_the_public_figures(court: Court) -> None:
    months = months_of(court)
    await court.tip_off()
    month_passes(court)

    told = await report(court, months)

    assert (told.tip_offs.received, told.tip_offs.answered, told.tip_offs.overdue) == (FEWER, NONE, FEWER)


async def test_report_lasts_an_hour_and_is_then_counted_anew(court: Court) -> None:
    months = months_of(court)
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    month_passes(court)
    first = await report(court, months)
    court.suite.clock.advance(timedelta(minutes=59))
    again = await report(court, months)
    court.suite.clock.advance(timedelta(minutes=1))
    later = await report(court, months)

    assert first.appeals.overdue == FEWER
    assert appeal.due_time.ToDatetime() < first.make_time.ToDatetime()
    assert again == first
    assert later.make_time == court.after()


async def test_statements_go_out_in_batches_and_errata_follow_them(court: Court) -> None:
    kept = [(await court.in_force(court.proposal())).sanction_id for _ in range(2)]
    fallen = await a_fallen_decision(court)
    await court.in_force(court.proposal(Subject(account_id=await court.person()), credit.MEASURE_KIND_WARNED))
    stub = court.desk(TransparencyServiceStub, "auditor", "aud-1")
    start, end = court.after(days=-2), court.after(days=2)

    asked = pb.ExportStatementsRequest(start_time=start, end_time=end, page_size=2)
    first = await stub.ExportStatements(asked)
    asked.page_token = first.next_page_token
    second = await stub.ExportStatements(asked)
    errata = await stub.ExportErrata(pb.ExportErrataRequest(start_time=start, end_time=end))

    told = [*first.statements, *second.statements]
    assert [each.puid for each in told] == [*kept, fallen]
    assert not second.next_page_token
    assert not [
        broken for each in told if (broken := violations(MessageToDict(each, preserving_proto_field_name=True)))
    ]
    (erratum,) = errata.errata
    assert (erratum.puid, erratum.kind) == (fallen, pb.ERRATUM_KIND_OVERTURNED)
    assert not erratum.HasField("corrected")


async def test_shortened_decision_is_stated_anew_with_its_earlier_end(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    earlier = court.after(days=3)
    await court.desk(SanctionServiceStub, "approver", "app-2").VarySanction(
        sanctions.VarySanctionRequest(
            request_id=new_id(),
            sanction_id=sanction.sanction_id,
            measures=[sanctions.VariedMeasure(kind=credit.MEASURE_KIND_PUBLISHING_SUSPENDED, end_time=earlier)],
            points=1,
            reasons="The buyers were paid back in part.",
        )
    )
    stub = court.desk(TransparencyServiceStub, "auditor", "aud-1")
    (erratum,) = (
        await stub.ExportErrata(pb.ExportErrataRequest(start_time=court.after(days=-2), end_time=court.after(days=2)))
    ).errata

    assert erratum.kind == pb.ERRATUM_KIND_VARIED
    assert erratum.corrected.end_date_service_restriction == f"{earlier.ToDatetime():%Y-%m-%d}"


async def test_period_out_of_order_and_a_moderator_are_refused(court: Court) -> None:
    backwards = pb.ExportStatementsRequest(start_time=court.after(days=1), end_time=court.after(days=-1))
    refused = await refusal_of(court.desk(TransparencyServiceStub, "auditor", "aud-1").ExportStatements(backwards))
    moderator = await refusal_of(court.desk(TransparencyServiceStub, "moderator", "mod-1").ExportStatements(backwards))

    assert (refused.reason, moderator.reason) == ("PERIOD_REFUSED", "ROLE_REQUIRED")


async def test_commands_write_the_page_and_files_that_are_ready_to_be_sent(court: Court, tmp_path: Path) -> None:
    months, target = months_of(court), f"127.0.0.1:{court.suite.port}"
    fallen = await a_fallen_decision(court)
    month_passes(court)

    page, folder = tmp_path / "report.html", tmp_path / "statements"
    await asyncio.to_thread(command.report, months, target, None, page, as_json=True)
    token = tmp_path / "auditor.token"
    token.write_text(court.suite.issuer.person("aud-1", frozenset({"auditor"}), workload="desk", account_id=""))
    suite = Suite(target, "", tmp_path, token_file=token)
    await asyncio.to_thread(command.statements, months, suite, folder, as_json=True)

    assert "Transparency report" in page.read_text("utf-8")
    (statement,) = json.loads((folder / "statements-0001.json").read_text("utf-8"))["statements"]
    assert (statement["puid"], violations(statement)) == (fallen, [])
    (erratum,) = json.loads((folder / "errata.json").read_text("utf-8"))["errata"]
    assert (erratum["puid"], erratum["kind"]) == (fallen, "ERRATUM_KIND_OVERTURNED")
