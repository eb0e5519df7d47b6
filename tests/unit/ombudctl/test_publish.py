"""The report's page: all that it says, and nothing that it would have to fetch."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from ombud.credit.v1 import transparency_service_pb2 as pb
from ombudctl.publish.page import page

TEN, FEWER, MANY = pb.Figure(count=10), pb.Figure(fewer_than_ten=True), pb.Figure(count=12340)


class Read(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.widths: list[float] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "rect":
            self.widths.append(float(dict(attrs)["width"] or 0))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def instant(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


def hours(count: int) -> Duration:
    message = Duration()
    message.FromTimedelta(timedelta(hours=count))
    return message


@pytest.fixture
def report() -> pb.TransparencyReport:
    return pb.TransparencyReport(
        start_time=instant(datetime(2026, 1, 1, tzinfo=UTC)),
        end_time=instant(datetime(2026, 7, 1, tzinfo=UTC)),
        make_time=instant(datetime(2026, 7, 3, 9, 30, tzinfo=UTC)),
        decisions=pb.DecisionFigures(
            total=MANY,
            by_ground=[pb.NamedFigure(name="ILLEGAL", figure=FEWER), pb.NamedFigure(name="TERMS", figure=MANY)],
            median_time=hours(30),
        ),
        appeals=pb.AppealFigures(filed=TEN, overdue=FEWER, median_time=hours(132)),
        rules=[
            pb.RuleFigures(
                rule_id="fraud & <theft>", decisions=MANY, appeals_decided=TEN, overturn_rate=0.25, agreement_rate=0.9
            ),
            pb.RuleFigures(rule_id="spam", decisions=FEWER),
        ],
    )


def test_page_fetches_nothing_and_runs_nothing(report: pb.TransparencyReport) -> None:
    read = Read(page(report))
    assert not read.tags & {"script", "link", "img", "iframe", "object", "a"}
    assert not read.attributes & {"src", "href", "style", "onload"}
    assert "url(" not in page(report)


def test_figures_and_times_are_told_in_words_for_people(report: pb.TransparencyReport) -> None:
    texts = Read(page(report)).texts
    assert texts[0] == "Transparency report, 2026-01-01 to 2026-06-30"
    assert texts[texts.index("Illegal") + 1] == "<10"
    assert texts[texts.index("Terms") + 1] == "12,340"
    assert texts[texts.index("A decision, from proposal to effect") + 1] == "30 h"
    assert texts[texts.index("An appeal, from filing to decision") + 1] == "5.5 days"
    assert "A tip-off, from receipt to answer" not in texts
    assert "Appeals not decided by their deadline, which stayed the sanction: <10." in texts


def test_rules_are_told_with_their_rates_and_names_are_escaped(report: pb.TransparencyReport) -> None:
    texts = Read(page(report)).texts
    first = texts.index("fraud & <theft>")
    assert texts[first + 1] == "25%"
    assert texts[texts.index("fraud & <theft>", first + 1) + 1] == "90%"
    assert texts.count("spam") == 1


def test_bars_are_as_long_as_their_figures(report: pb.TransparencyReport) -> None:
    fewer, many = Read(page(report)).widths[:2]
    assert (fewer, many) == (1, 280)


def test_report_without_a_case_says_so() -> None:
    texts = Read(page(pb.TransparencyReport())).texts
    assert texts.count("None.") >= 6
    assert "Decisions that took effect: 0." in texts
