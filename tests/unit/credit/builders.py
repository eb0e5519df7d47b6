"""Proposals, sanctions and appeals that meet every rule, for tests to bend."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from chassis.ids import new_id
from policies import Pack, load
from policies.pack import MeasureKind
from services.credit.appeals import domain as appeals
from services.credit.notices.domain import Language
from services.credit.notices.templates import Templates
from services.credit.policies.domain import PolicyInForce, publish
from services.credit.sanctions.domain import (
    OWN_INITIATIVE,
    Capacity,
    DutyBreach,
    Evidence,
    Measure,
    Origin,
    Reasons,
    Sanction,
    approve,
    enter_force,
)
from services.credit.sanctions.interim import impose
from services.credit.sanctions.notices import Notice, notice_of
from services.credit.sanctions.proposal import Proposal, propose
from services.credit.subjects import Subject, SubjectKind

POLICIES = Path(__file__).parents[3] / "policies"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@cache
def pack() -> Pack:
    return load(POLICIES / "default.yaml")


def policy() -> PolicyInForce:
    publication = publish(pack(), publication_id=new_id(), earlier=[], at=NOW)
    assert publication is not None
    return PolicyInForce(publication, pack())


def account() -> Subject:
    return Subject(SubjectKind.ACCOUNT, new_id())


def group() -> Subject:
    return Subject(SubjectKind.GROUP, new_id())


def evidence(digest: str = "") -> Evidence:
    return Evidence(digest or new_id().replace("-", "") * 2, NOW - DAY)


def reasons(**changes: Any) -> Reasons:
    whole = Reasons(
        rule_id="harassment",
        facts="Called for others to pursue a member, twice.",
        explanation="Calling on others to pursue a person is what the clause forbids.",
        act_at=NOW - 2 * DAY,
        evidence=(evidence(),),
        proportionality_note="A warning was given a week before and changed nothing.",
        how_to_restore="The measure ends by itself; an appeal can end it sooner.",
        materials_needed="",
        step_justification="The person pursued is in danger.",
    )
    return replace(whole, **changes)


def measure(kind: MeasureKind = MeasureKind.PUBLISHING_SUSPENDED, days: int | None = 30) -> Measure:
    return Measure(kind, None if days is None else NOW + days * DAY, None)


def proposal(**changes: Any) -> Proposal:
    subject = changes.get("subject", account())
    whole = Proposal(
        subject=subject,
        capacity=Capacity.ACCOUNT if subject.kind is SubjectKind.ACCOUNT else Capacity.GROUP,
        group_id="",
        reasons=reasons(),
        measures=(measure(),),
        points=3 if subject.kind is SubjectKind.ACCOUNT else 0,
        tip_off_id="",
        duty_notice_id="",
        reporter_account_id="",
        issuer="mod-1",
    )
    return replace(whole, **{"subject": subject} | changes)


def breach(group_id: str, notice_id: str) -> DutyBreach:
    return DutyBreach(notice_id, group_id, NOW - 5 * DAY, NOW - DAY)


def proposed(
    *,
    priors: tuple[Sanction, ...] = (),
    counting: Mapping[str, int] | None = None,
    recorded: DutyBreach | None = None,
    origin: Origin = OWN_INITIATIVE,
    at: datetime = NOW,
    **changes: Any,
) -> Sanction:
    return propose(
        proposal(**changes),
        sanction_id=new_id(),
        policy=policy(),
        priors=priors,
        points_left={prior.sanction_id: prior.points for prior in priors} if counting is None else counting,
        breach=recorded,
        origin=origin,
        at=at,
    )


def approved(**changes: Any) -> Sanction:
    return approve(proposed(**changes), approver="app-1", at=NOW)


def in_force(**changes: Any) -> Sanction:
    return enter_force(approved(**changes), delivered_at=NOW)


def interim(
    *, hours: float = 48, known: str = "", own_account_id: str = "", at: datetime = NOW, **changes: Any
) -> Sanction:
    """An interim measure whose notice is not delivered yet."""
    until = at + timedelta(hours=hours)
    whole = {"measures": (Measure(MeasureKind.PUBLISHING_SUSPENDED, until, None),), "points": 0} | changes
    return impose(
        proposal(**whole), sanction_id=new_id(), policy=policy(), known=known, own_account_id=own_account_id, at=at
    )


def appeal(sanction: Sanction, *, at: datetime = NOW + DAY, **changes: Any) -> appeals.Appeal:
    filed = appeals.file(
        sanction,
        appeal_id=new_id(),
        appellant_account_id=sanction.subject.id,
        grounds=(appeals.AppealGround.FACTS_WRONG,),
        statement="It was not me who wrote it.",
        evidence=(),
        at=at,
    )
    return replace(filed, **changes)


def written(sanction: Sanction, language: Language = Language.ENGLISH) -> Notice:
    """The notice of a sanction."""
    return notice_of(sanction, receipt="RECEIPT", language=language, templates=Templates())
