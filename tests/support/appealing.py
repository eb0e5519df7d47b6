"""Appeals by receipt, with every step that one can take."""

import json

from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import notice_service_pb2 as notices
from ombud.credit.v1 import quality_service_pb2 as quality
from ombud.credit.v1 import types_pb2 as credit
from tests.support.life import REVIEWER, Life
from tests.support.wire import NOBODY, PLATFORM, staff

OTHER_REVIEWER = staff("rev-2", "reviewer")


async def appeals_by_receipt(life: Life, account_id: str) -> None:
    """One appeal that passes to another reviewer and is dismissed, and one that is taken back."""
    await life.act(
        PLATFORM,
        notices.ChooseNoticeLanguageRequest(
            subject=Subject(account_id=account_id), language=notices.NOTICE_LANGUAGE_CHINESE
        ),
    )
    appeal_id = await _filed(life, account_id)
    assign = appeals.AssignReviewerRequest(appeal_id=appeal_id, declares_no_conflict=True)
    await life.act(REVIEWER, assign)
    await life.act(REVIEWER, appeals.RequestInfoRequest(appeal_id=appeal_id, question="Which day was it?"))
    await life.act(
        NOBODY, appeals.AnswerInfoRequestRequest(receipt=life.ids["receipt"], answer="The first Tuesday in March.")
    )
    await life.act(REVIEWER, appeals.ProlongReviewRequest(appeal_id=appeal_id, reasons="A witness is away."))
    await life.act(OTHER_REVIEWER, appeals.AnnounceReadinessRequest(ready=True))
    await life.act(REVIEWER, appeals.RecuseReviewerRequest(appeal_id=appeal_id))
    await life.act(REVIEWER, assign)
    await life.act(
        OTHER_REVIEWER,
        appeals.DismissAppealRequest(
            appeal_id=appeal_id, reasons="It concerns another case.", declares_no_conflict=True
        ),
    )
    await life.act(OTHER_REVIEWER, appeals.AnnounceReadinessRequest(ready=False))
    await _filed(life, account_id)
    await life.act(NOBODY, appeals.WithdrawAppealRequest(receipt=life.ids["receipt"]))


async def second_look(life: Life) -> None:
    """Another reviewer looks at a decided appeal without knowing how it ended."""
    taken = await life.act(OTHER_REVIEWER, quality.TakeBlindReviewRequest())
    await life.act(
        OTHER_REVIEWER,
        quality.RecordBlindReviewRequest(
            review_id=taken.review.review_id,
            outcome=appeals.APPEAL_OUTCOME_UPHELD,
            reasons="Nothing shows that the tickets came.",
        ),
    )


async def _filed(life: Life, account_id: str) -> str:
    sanction_id = await life.sanction(Subject(account_id=account_id), credit.MEASURE_KIND_WARNED)
    outbox = life.outbox.parents[2] / "credit" / "outbox" / "notices.jsonl"
    (notice,) = (
        each
        for line in outbox.read_text("utf-8").splitlines()
        if (each := json.loads(line))["notice_id"] == sanction_id
    )
    life.ids["receipt"] = notice["appeal_receipt"]
    filed = await life.act(
        NOBODY,
        appeals.FileAppealByReceiptRequest(
            receipt=life.ids["receipt"], grounds=[appeals.APPEAL_GROUND_FACTS_WRONG], statement="It was not like that."
        ),
    )
    appeal_id: str = filed.appeal.appeal_id
    return appeal_id
