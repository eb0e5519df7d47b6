"""The transparency report as one HTML page that needs nothing else: no script, no other file, no network."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from google.protobuf.duration_pb2 import Duration

from ombud.credit.v1.transparency_service_pb2 import (
    AppealFigures,
    DecisionFigures,
    Figure,
    NamedFigure,
    RuleFigures,
    TipOffFigures,
    TransparencyReport,
)
from ombudctl.publish.plot import Bar, plot

_STYLE = """
:root { color-scheme: light dark; --bar: #2f6f9f; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; }
svg { width: 100%; height: auto; } svg rect { fill: var(--bar); }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; dominant-baseline: central; }
svg text.label { text-anchor: end; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
th { text-align: left; } td { text-align: right; font-variant-numeric: tabular-nums; }
"""
_READING = (
    "Every count is rounded to the nearest ten, and one of 1 to 9 is shown as <10, so that no person can be found in a"
    " sum or in a difference. Rates are worked out from the figures as shown, and left out where these are too small."
    " Median times are of ten cases at least."
)
_HOURS_A_DAY = 24
_TWO_DAYS = 48


def page(report: TransparencyReport) -> str:
    """The report as HTML."""
    html = Element("html", {"lang": "en"})
    _head(html, report)
    body = SubElement(html, "body")
    SubElement(body, "h1").text = _title(report)
    SubElement(body, "p").text = f"Figures as of {report.make_time.ToDatetime():%Y-%m-%d %H:%M} UTC. {_READING}"
    _decisions(body, report.decisions)
    _times(body, report)
    _appeals(body, report.appeals)
    _rules(body, report.rules)
    _tip_offs(body, report.tip_offs)
    _authorities(body, report)
    indent(html)
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


def _head(html: Element, report: TransparencyReport) -> None:
    head = SubElement(html, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    SubElement(head, "title").text = _title(report)
    SubElement(head, "style").text = _STYLE


def _title(report: TransparencyReport) -> str:
    last = report.end_time.ToDatetime() - timedelta(days=1)
    return f"Transparency report, {report.start_time.ToDatetime():%Y-%m-%d} to {last:%Y-%m-%d}"


def _decisions(body: Element, decisions: DecisionFigures) -> None:
    SubElement(body, "h2").text = "Decisions"
    _said(body, "Decisions that took effect", decisions.total)
    _said(body, "Interim measures among them, by one person for three days at most", decisions.interim)
    _said(body, "Decisions that came after the answer to their tip-off was due", decisions.late)
    plot(body, "By ground", _bars(decisions.by_ground))
    plot(body, "By category", _bars(decisions.by_category))
    plot(body, "By what brought them about", _bars(decisions.by_source))
    plot(body, "By measure (a decision counts with each of its measures)", _bars(decisions.by_measure))


def _times(body: Element, report: TransparencyReport) -> None:
    SubElement(body, "h2").text = "Median times"
    times: list[tuple[str, DecisionFigures | AppealFigures | TipOffFigures]] = [
        ("A decision, from proposal to effect", report.decisions),
        ("An appeal, from filing to decision", report.appeals),
        ("A tip-off, from receipt to answer", report.tip_offs),
    ]
    known = [(label, figures.median_time) for label, figures in times if figures.HasField("median_time")]
    plot(body, "Hours, in the middle of all cases", [Bar(label, _hours(time), _time(time)) for label, time in known])


def _appeals(body: Element, appeals: AppealFigures) -> None:
    SubElement(body, "h2").text = "Appeals"
    _said(body, "Appeals filed", appeals.filed)
    _said(body, "Appeals not decided by their deadline, which stayed the sanction", appeals.overdue)
    plot(body, "Ended, by outcome", _bars(appeals.by_outcome))


def _rules(body: Element, rules: Sequence[RuleFigures]) -> None:
    SubElement(body, "h2").text = "Rule by rule"
    overturned = [_rate(rule.rule_id, rule.overturn_rate) for rule in rules if rule.HasField("overturn_rate")]
    plot(body, "Share of decided appeals that took the decision back", overturned, longest=1)
    agreed = [_rate(rule.rule_id, rule.agreement_rate) for rule in rules if rule.HasField("agreement_rate")]
    plot(body, "Share of blind second reviews that agreed with the first", agreed, longest=1)
    table = SubElement(body, "table")
    heads = SubElement(table, "tr")
    for name in ("Rule", "Decisions", "Appeals decided", "Taken back", "Made milder", "Reviewed twice", "Agreed"):
        SubElement(heads, "th", {"scope": "col"}).text = name
    for rule in rules:
        row = SubElement(table, "tr")
        SubElement(row, "th", {"scope": "row"}).text = rule.rule_id
        figures = (rule.decisions, rule.appeals_decided, rule.overturned, rule.varied, rule.blind_reviews, rule.agreed)
        for figure in figures:
            SubElement(row, "td").text = _shown(figure)


def _tip_offs(body: Element, tip_offs: TipOffFigures) -> None:
    SubElement(body, "h2").text = "Tip-offs"
    answers = (
        ("Received", tip_offs.received),
        ("Answered", tip_offs.answered),
        ("Not answered by their deadline", tip_offs.overdue),
        ("Answers contested by the reporter", tip_offs.contested),
        ("Contests granted", tip_offs.contests_granted),
    )
    plot(body, "Tip-offs and their answers", [_counted(label, figure) for label, figure in answers])
    plot(body, "Decided, by outcome", _bars(tip_offs.by_outcome))


def _authorities(body: Element, report: TransparencyReport) -> None:
    SubElement(body, "h2").text = "Authorities and retained records"
    disclosures = report.disclosures
    acts = (
        ("Referrals to an authority", report.referrals.approved),
        ("Accesses to retained records requested", disclosures.accesses_requested),
        ("Accesses approved by a second person", disclosures.accesses_approved),
        ("Reads under approved accesses", disclosures.reads),
        ("Legal holds approved", disclosures.holds_approved),
    )
    plot(body, "Single acts of two persons each", [_counted(label, figure) for label, figure in acts])
    plot(body, "Referrals that the authority answered, by outcome", _bars(report.referrals.by_outcome))


def _said(body: Element, what: str, figure: Figure) -> None:
    SubElement(body, "p").text = f"{what}: {_shown(figure)}."


def _bars(figures: Iterable[NamedFigure]) -> list[Bar]:
    return [_counted(named.name.replace("_", " ").capitalize(), named.figure) for named in figures]


def _counted(label: str, figure: Figure) -> Bar:
    return Bar(label, figure.count, _shown(figure))


def _rate(label: str, rate: float) -> Bar:
    return Bar(label, rate, f"{rate:.0%}")


def _shown(figure: Figure) -> str:
    return "<10" if figure.fewer_than_ten else f"{figure.count:,}"


def _hours(time: Duration) -> float:
    return time.ToTimedelta() / timedelta(hours=1)


def _time(time: Duration) -> str:
    hours = _hours(time)
    return f"{hours:.0f} h" if hours < _TWO_DAYS else f"{hours / _HOURS_A_DAY:.1f} days"
