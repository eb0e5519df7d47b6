"""Draws the sample when an appeal is decided, in the same transaction."""

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.appeals.domain import Appeal
from services.credit.policies import store as policies
from services.credit.quality import domain, store
from services.credit.quality.domain import BlindReview
from services.credit.sanctions.domain import Sanction


class Sampling:
    """Draws as many in a hundred as the policy in force says.

    Args:
        key: 32 secret bytes: without them nobody knows beforehand which of their decisions is looked at again.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def draw(self, unit: Unit, appeal: Appeal, sanction: Sanction) -> None:
        """Puts a decided appeal into the sample, if it is drawn."""
        percent = policies.at(unit.session, unit.now).pack.credit.blind_review_percent
        if domain.drawn(self._key, appeal.appeal_id, percent):
            review = BlindReview(review_id=new_id(), appeal_id=appeal.appeal_id, drawn_at=unit.now)
            store.add(unit.session, review, appeal, sanction)
            unit.audit("credit.blind_review.drawn", resource_id=review.review_id)
