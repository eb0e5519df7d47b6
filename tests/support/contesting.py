"""A reporter who contests that nothing was done."""

from typing import Any

from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from tests.support.life import MODERATOR, REVIEWER, Life
from tests.support.wire import NOBODY


async def contested(life: Life, group: Any) -> None:
    """A tip-off on which nothing was done, contested by its reporter and decided by another person."""
    tip_off_id = await life.tip_off(group)
    await life.act(
        MODERATOR,
        tipoffs.DecideTipOffRequest(
            tip_off_id=tip_off_id,
            outcome=tipoffs.TIP_OFF_OUTCOME_NO_ACTION,
            reasons="Nobody says that they bought one.",
        ),
    )
    reply = "We found nothing. You can contest that for six months."
    await life.act(MODERATOR, tipoffs.ReplyTipOffRequest(tip_off_id=tip_off_id, reply=reply))
    statement = "I bought two of them myself."
    await life.act(NOBODY, tipoffs.ContestTipOffRequest(tracking_code=life.ids["tracking_code"], statement=statement))
    await life.act(
        REVIEWER,
        tipoffs.DecideTipOffContestRequest(
            tip_off_id=tip_off_id,
            outcome=tipoffs.TIP_OFF_OUTCOME_NO_ACTION,
            reasons="The receipts are of another seller.",
            reply="The receipts that you sent are of another seller.",
        ),
    )
