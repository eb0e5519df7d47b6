"""Queries of decisions that are stated to the EU's database, and of what became of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, func
from sqlmodel import Session, col, select

from services.credit.appeals.models import AppealRow
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction, SanctionState
from services.credit.sanctions.models import LiftRow, MeasureRow, SanctionRow, VariationRow
from services.credit.transparency.domain import Period
from services.credit.transparency.statements import RESTRICTIONS


class ErratumKind(StrEnum):
    """What became of a stated decision."""

    OVERTURNED = "OVERTURNED"
    VARIED = "VARIED"
    LIFTED = "LIFTED"
    REPLACED = "REPLACED"


@dataclass(frozen=True)
class Erratum:
    """The last act that changed a stated decision."""

    sanction: Sanction
    kind: ErratumKind
    at: datetime


def stated(session: Session, period: Period, *, after: str, size: int) -> list[Sanction]:
    """Decisions that restrict and took effect in a period, after a sanction id, in the order of ids, at most `size`.

    Those that fell later are among them: an erratum follows them.
    """
    query = (
        select(SanctionRow.sanction_id)
        .where(col(SanctionRow.start_at) >= period.start, col(SanctionRow.start_at) < period.end)
        .where(_restricts(), col(SanctionRow.sanction_id) > after)
        .order_by(col(SanctionRow.sanction_id))
        .limit(size)
    )
    return sanctions.get_all(session, session.exec(query).all())


def errata(session: Session, period: Period, *, after: str, size: int) -> list[Erratum]:
    """Stated decisions whose last change fell into a period, after a sanction id, in the order of ids."""
    at: ColumnElement[datetime] = func.coalesce(AppealRow.decided_at, LiftRow.lifted_at, VariationRow.varied_at)
    appealed = and_(
        col(AppealRow.appeal_id) == SanctionRow.overturning_appeal_id,
        col(SanctionRow.state) == SanctionState.OVERTURNED,
    )
    query = (
        select(SanctionRow.sanction_id, at)
        .join(AppealRow, appealed, isouter=True)
        .join(LiftRow, col(LiftRow.sanction_id) == SanctionRow.sanction_id, isouter=True)
        .join(VariationRow, col(VariationRow.sanction_id) == SanctionRow.sanction_id, isouter=True)
        .where(col(SanctionRow.start_at).is_not(None), at >= period.start, at < period.end)
        .where(_restricts(), col(SanctionRow.sanction_id) > after)
        .order_by(col(SanctionRow.sanction_id))
        .limit(size)
    )
    instants = dict(session.exec(query).all())
    found = sanctions.get_all(session, instants)
    return [Erratum(sanction, _kind(sanction), instants[sanction.sanction_id]) for sanction in found]


def _kind(sanction: Sanction) -> ErratumKind:
    if sanction.state is SanctionState.OVERTURNED:
        return ErratumKind.OVERTURNED
    if sanction.lift is None:
        return ErratumKind.VARIED
    return ErratumKind.REPLACED if sanction.lift.decision_id else ErratumKind.LIFTED


def _restricts() -> ColumnElement[bool]:
    return exists().where(
        col(MeasureRow.sanction_id) == SanctionRow.sanction_id, col(MeasureRow.kind).in_(sorted(RESTRICTIONS))
    )
