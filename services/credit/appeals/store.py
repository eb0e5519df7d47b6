"""Queries of appeals."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.credit.appeals.domain import Appeal, AppealGround, AppealOutcome, AppealState, Reviewer
from services.credit.appeals.models import AppealEvidenceRow, AppealRow
from services.credit.sanctions.domain import Evidence, Sanction


def add(session: Session, appeal: Appeal, sanction: Sanction) -> None:
    """Stores a filed appeal, with who had a part in the sanction."""
    assert sanction.appeal_end is not None  # noqa: S101 - a sanction that can be appealed has a window
    session.add(
        AppealRow(
            appeal_id=appeal.appeal_id,
            sanction_id=appeal.sanction_id,
            issuer=sanction.issuer,
            approver=sanction.approver,
            reporter_account_id=sanction.reporter_account_id,
            appeal_end=sanction.appeal_end,
            state=appeal.state,
            appellant_account_id=appeal.appellant_account_id,
            grounds=",".join(appeal.grounds),
            statement=appeal.statement,
            filed_at=appeal.filed_at,
            due_at=appeal.due,
        )
    )
    session.flush()
    session.add_all(
        AppealEvidenceRow(appeal_id=appeal.appeal_id, sha256=item.sha256, observed_at=item.observed_at)
        for item in {item.sha256: item for item in appeal.evidence}.values()
    )
    session.flush()


def update(session: Session, appeal: Appeal) -> None:
    """Stores who reviews an appeal and how it was decided; what was filed never changes."""
    row = session.get_one(AppealRow, appeal.appeal_id)
    row.state = appeal.state
    row.reviewer = appeal.reviewer.staff_id if appeal.reviewer else None
    row.reviewer_account_id = appeal.reviewer.account_id if appeal.reviewer else ""
    row.outcome, row.reasons, row.decided_at = appeal.outcome, appeal.reasons, appeal.decided_at
    session.add(row)
    session.flush()


def get(session: Session, appeal_id: str) -> Appeal:
    """The appeal by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(AppealRow, appeal_id)
    if row is None:
        raise Refusal.not_found("appeal", appeal_id)
    return _appeal(session, row)


def of_sanctions(session: Session, sanction_ids: Iterable[str]) -> list[Appeal]:
    """The appeals against some sanctions."""
    query = select(AppealRow).where(col(AppealRow.sanction_id).in_(list(sanction_ids)))
    return [_appeal(session, row) for row in session.exec(query)]


def _appeal(session: Session, row: AppealRow) -> Appeal:
    evidence = session.exec(
        select(AppealEvidenceRow)
        .where(AppealEvidenceRow.appeal_id == row.appeal_id)
        .order_by(col(AppealEvidenceRow.observed_at), col(AppealEvidenceRow.sha256))
    )
    return Appeal(
        appeal_id=row.appeal_id,
        sanction_id=row.sanction_id,
        state=AppealState(row.state),
        appellant_account_id=row.appellant_account_id,
        grounds=tuple(AppealGround(ground) for ground in row.grounds.split(",")),
        statement=row.statement,
        evidence=tuple(Evidence(item.sha256, item.observed_at) for item in evidence),
        filed_at=row.filed_at,
        due=row.due_at,
        reviewer=Reviewer(row.reviewer, row.reviewer_account_id) if row.reviewer else None,
        outcome=AppealOutcome(row.outcome) if row.outcome else None,
        reasons=row.reasons,
        decided_at=row.decided_at,
    )
