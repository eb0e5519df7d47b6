"""Which decided appeals are looked at twice, by whom, and what it is to agree."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.refusal import ErrorReason, Refusal
from services.credit.appeals.domain import AppealOutcome

KEPT = timedelta(days=14)
"""So long somebody has a review before another one may take it."""

_SHARES = 100


@dataclass(frozen=True)
class BlindReview:
    """A second look at a decided appeal. Instants are None until they are known."""

    review_id: str
    appeal_id: str
    drawn_at: datetime
    reviewer: str = ""
    taken_at: datetime | None = None
    outcome: AppealOutcome | None = None
    reasons: str = ""
    recorded_at: datetime | None = None

    def held_by(self, staff_id: str, *, at: datetime) -> bool:
        """Whether the person has it to look at."""
        return self.reviewer == staff_id and self.recorded_at is None and not self.waits(at=at)

    def waits(self, *, at: datetime) -> bool:
        """Whether anybody may take it."""
        return self.recorded_at is None and (self.taken_at is None or at >= self.taken_at + KEPT)


def drawn(key: bytes, appeal_id: str, percent: int) -> bool:
    """Whether an appeal is in the sample: always the same for a key, and unknown to whoever decides without it.

    Args:
        key: 32 secret bytes.
        appeal_id: The decided appeal.
        percent: How many in a hundred are drawn.
    """
    digest = hmac.digest(key, b"blind-review\0" + appeal_id.encode(), hashlib.sha256)
    return int.from_bytes(digest[:8]) % _SHARES < percent


def take(review: BlindReview, *, reviewer: str, at: datetime) -> BlindReview:
    """The review, in the hands of a person whom nothing ties to it."""
    return replace(review, reviewer=reviewer, taken_at=at)


def record(review: BlindReview, *, reviewer: str, outcome: AppealOutcome, reasons: str, at: datetime) -> BlindReview:
    """The review with what the person would have decided.

    Raises:
        Refusal: WRONG_STATE, REVIEWER_NOT_ASSIGNED or REASONS_REQUIRED.
    """
    if review.recorded_at is not None:
        raise Refusal.wrong_state("review", state="RECORDED", needs="TAKEN")
    if not review.held_by(reviewer, at=at):
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED,
            "the review is not with this reviewer",
            satisfy="the reviewer who took it, within 14 days",
            review_id=review.review_id,
        )
    if not reasons.strip():
        raise Refusal.field(
            "reasons",
            "a second look needs its reasons",
            reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
            satisfy="reasons for those who improve the rules",
            missing="reasons",
        )
    return replace(review, outcome=outcome, reasons=reasons, recorded_at=at)


def agree(first: AppealOutcome, second: AppealOutcome) -> bool:
    """Whether two outcomes leave the person concerned with the same: it stands, it is milder, or it falls."""
    return first is second or (first.takes_back and second.takes_back)
