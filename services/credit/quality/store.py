"""Queries of second looks."""

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.credit.appeals.domain import Appeal, AppealOutcome
from services.credit.quality.domain import BlindReview
from services.credit.quality.models import BlindReviewRow
from services.credit.sanctions.domain import Sanction


def add(session: Session, review: BlindReview, appeal: Appeal, sanction: Sanction) -> None:
    """Stores a drawn review, with who had a part in the case."""
    assert appeal.reviewer is not None  # noqa: S101 - a decided appeal had a reviewer
    session.add(
        BlindReviewRow(
            review_id=review.review_id,
            appeal_id=appeal.appeal_id,
            first_reviewer=appeal.reviewer.staff_id,
            issuer=sanction.issuer,
            approver=sanction.approver,
            drawn_at=review.drawn_at,
        )
    )
    session.flush()


def update(session: Session, review: BlindReview) -> None:
    """Stores who has a review, and what they found."""
    row = session.get_one(BlindReviewRow, review.review_id)
    row.reviewer, row.taken_at = review.reviewer or None, review.taken_at
    row.outcome, row.reasons, row.recorded_at = review.outcome, review.reasons, review.recorded_at
    session.flush()


def get(session: Session, review_id: str) -> BlindReview:
    """The review by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(BlindReviewRow, review_id)
    if row is None:
        raise Refusal.not_found("review", review_id)
    return _review(row)


def unrecorded(session: Session, size: int) -> list[BlindReview]:
    """Reviews that nobody recorded yet, the longest drawn first, at most `size`."""
    query = select(BlindReviewRow).where(col(BlindReviewRow.recorded_at).is_(None))
    return [_review(row) for row in session.exec(query.order_by(col(BlindReviewRow.review_id)).limit(size))]


def _review(row: BlindReviewRow) -> BlindReview:
    return BlindReview(
        review_id=row.review_id,
        appeal_id=row.appeal_id,
        drawn_at=row.drawn_at,
        reviewer=row.reviewer or "",
        taken_at=row.taken_at,
        outcome=AppealOutcome(row.outcome) if row.outcome else None,
        reasons=row.reasons,
        recorded_at=row.recorded_at,
    )
