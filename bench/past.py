"""A past for the credit service: accounts with sanctions in force, put into its database as its own code would."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from chassis.db import Database, Unit
from chassis.ids import new_id
from policies.pack import MeasureKind, Pack
from services.credit.policies import store as policies
from services.credit.policies.domain import PolicyInForce
from services.credit.policies.jobs import take_up
from services.credit.sanctions.domain import (
    Capacity,
    Evidence,
    Measure,
    Reasons,
    Sanction,
    approve,
    enter_force,
)
from services.credit.sanctions.models import EvidenceRow, MeasureRow, NoticeRow, SanctionRow, StatementRow
from services.credit.sanctions.proposal import Proposal, propose
from services.credit.sanctions.rows import sanction_row, statement_row
from services.credit.standings import store as standings
from services.credit.standings.domain import PointsEntry
from services.credit.subjects import Subject, SubjectKind

# As many as leave something to win back for a remedy of each kind.
POINTS = 3
_AT_ONCE = 500
_STATEMENT, _EVIDENCE, _NOTICE = insert(StatementRow), insert(EvidenceRow), insert(NoticeRow)
_SANCTION, _MEASURE = insert(SanctionRow), insert(MeasureRow)


async def sanctioned(database: Database, pack: Pack, account_ids: Sequence[str]) -> list[str]:
    """Puts a sanction in force for each of the accounts; one that is named again gets another.

    Returns:
        The ids of the sanctions, in the order of the accounts.
    """
    await take_up(database, pack)
    now = database.clock.now()
    template = _template(await database.read(lambda session: policies.at(session, now)), now)
    rows = (
        statement_row(template.sanction_id, template.statement).model_dump(),
        sanction_row(template).model_dump(),
    )
    found: list[str] = []
    for first in range(0, len(account_ids), _AT_ONCE):
        some = account_ids[first : first + _AT_ONCE]

        def task(unit: Unit, some: Sequence[str] = some) -> list[str]:
            return [_sanction(unit, template, rows, each) for each in some]

        found += await database.work("past", task)
    return found


def _sanction(unit: Unit, template: Sanction, rows: tuple[dict[str, Any], dict[str, Any]], account_id: str) -> str:
    statement, sanction = rows
    (measure,), sanction_id = template.measures, new_id()
    # The same evidence can not found two sanctions of one subject.
    digest = hashlib.sha256(sanction_id.encode()).hexdigest()
    own = {"sanction_id": sanction_id}
    unit.store(_STATEMENT, **statement | own)
    unit.store(_EVIDENCE, **own, sha256=digest, observed_at=template.proposed_at)
    times = {"made_at": template.approved_at, "delivered_at": template.start, "appeal_end": template.appeal_end}
    unit.store(_NOTICE, **own, traceparent="", **times)
    unit.store(_SANCTION, **sanction | own | {"subject_id": account_id, "evidence_set": digest})
    unit.store(_MEASURE, **own, kind=measure.kind, end_at=measure.end, review_at=measure.review)
    subject = Subject(SubjectKind.ACCOUNT, account_id)
    assert template.start is not None  # noqa: S101 - what is in force has a start
    assert template.points_end is not None  # noqa: S101 - and an end of its points
    entry = PointsEntry(new_id(), subject, sanction_id, POINTS, template.start, template.points_end, template.start)
    standings.add(unit, entry)
    return sanction_id


def _template(policy: PolicyInForce, at: datetime) -> Sanction:
    proposal = Proposal(
        subject=Subject(SubjectKind.ACCOUNT, new_id()),
        capacity=Capacity.ACCOUNT,
        group_id="",
        reasons=Reasons(
            rule_id="harassment",
            facts="Called for others to pursue a member.",
            explanation="That is what the rule names.",
            act_at=at,
            evidence=(Evidence("0" * 64, at),),
            proportionality_note="A warning had no effect.",
            how_to_restore="It ends by itself.",
            materials_needed="",
        ),
        measures=(Measure(MeasureKind.WARNED, at + timedelta(days=7), None),),
        points=POINTS,
        tip_off_id="",
        duty_notice_id="",
        reporter_account_id="",
        issuer="bench-moderator",
    )
    proposed = propose(proposal, sanction_id=new_id(), policy=policy, priors=(), points_left={}, breach=None, at=at)
    return enter_force(approve(proposed, approver="bench-approver", at=at), delivered_at=at)
