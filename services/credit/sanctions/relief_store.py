"""What is stored of acts that make a sanction milder, or answer it: lifts, variations, stays, rectifications."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from policies.pack import MeasureKind
from services.credit.sanctions.domain import Sanction
from services.credit.sanctions.models import LiftRow, RectificationRow, StayRow, VariationRow, VariedMeasureRow
from services.credit.sanctions.store import update


def add_lift(session: Session, sanction: Sanction) -> None:
    """Stores the lift of a sanction."""
    assert sanction.lift is not None  # noqa: S101 - whoever stores a lift made one
    assert sanction.start is not None  # noqa: S101 - only what is in force is lifted
    session.add(
        LiftRow(
            sanction_id=sanction.sanction_id,
            start_at=sanction.start,
            lifted_at=sanction.lift.at,
            lifter=sanction.lift.lifter,
            reasons=sanction.lift.reasons,
            decision_id=sanction.lift.decision_id or None,
        )
    )
    update(session, sanction)


def add_variation(session: Session, sanction: Sanction) -> None:
    """Stores the variation of a sanction."""
    assert sanction.variation is not None  # noqa: S101 - whoever stores a variation made one
    assert sanction.start is not None  # noqa: S101 - only what is in force is varied
    variation = sanction.variation
    session.add(
        VariationRow(
            sanction_id=sanction.sanction_id,
            start_at=sanction.start,
            varied_at=variation.at,
            varier=variation.varier,
            reasons=variation.reasons,
        )
    )
    session.flush()
    session.add_all(
        VariedMeasureRow(sanction_id=sanction.sanction_id, kind=kind, end_at=end)
        for kind, end in variation.ends.items()
    )
    update(session, sanction)


def add_stay(session: Session, appeal_id: str, *, stayer: str, reasons: str, at: datetime) -> None:
    """Stores that a sanction is stayed from an instant on, until its appeal ends."""
    session.add(StayRow(appeal_id=appeal_id, stayed_at=at, stayer=stayer, reasons=reasons))
    session.flush()


def stayed_from(session: Session, appeal_ids: Iterable[str]) -> dict[str, datetime]:
    """From when on a person stayed the sanctions of some appeals, by appeal id."""
    rows = session.exec(select(StayRow).where(col(StayRow.appeal_id).in_(list(appeal_ids))))
    return {row.appeal_id: row.stayed_at for row in rows}


def add_rectification(session: Session, sanction: Sanction) -> None:
    """Stores that what a sanction ordered was put right in time."""
    due = next(measure.end for measure in sanction.measures if measure.kind is MeasureKind.RECTIFICATION_ORDERED)
    assert sanction.rectified is not None  # noqa: S101 - whoever stores it recorded it
    assert sanction.start is not None  # noqa: S101 - only what is in force is answered
    assert due is not None  # noqa: S101 - an order has a date
    session.add(
        RectificationRow(
            sanction_id=sanction.sanction_id,
            kind=MeasureKind.RECTIFICATION_ORDERED,
            start_at=sanction.start,
            due_at=due,
            recorded_at=sanction.rectified.at,
            recorder=sanction.rectified.recorder,
            proof_sha256=sanction.rectified.proof_sha256,
        )
    )
    session.flush()
