"""What makes a sanction milder, as part of a life."""

import hashlib

from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from tests.support.life import APPROVER, MODERATOR, Life
from tests.support.wire import PLATFORM


async def mercy(life: Life, account_id: str) -> None:
    """Takes a proposal back, imposes an interim measure; varies, stays and lifts a sanction of the account."""
    proposal = life.proposal(Subject(account_id=account_id), credit.MEASURE_KIND_WARNED)
    proposed = (await life.act(MODERATOR, proposal)).sanction
    await life.act(MODERATOR, sanctions.WithdrawSanctionRequest(sanction_id=proposed.sanction_id))
    await life.act(
        MODERATOR,
        sanctions.ImposeInterimMeasureRequest(
            subject=proposal.subject,
            capacity=proposal.capacity,
            reasons=proposal.reasons,
            kinds=[credit.MEASURE_KIND_JOINING_SUSPENDED],
            until_time=life.after(hours=2),
        ),
    )
    ordered = await life.sanction(proposal.subject, credit.MEASURE_KIND_RECTIFICATION_ORDERED)
    proof = hashlib.sha256(b"paid back").hexdigest()
    await life.act(MODERATOR, sanctions.RecordRectificationRequest(sanction_id=ordered, proof_sha256=proof))
    sanction_id = await life.sanction(Subject(account_id=account_id), credit.MEASURE_KIND_WARNED)
    await life.act(
        APPROVER,
        sanctions.VarySanctionRequest(
            sanction_id=sanction_id,
            measures=[sanctions.VariedMeasure(kind=credit.MEASURE_KIND_WARNED, end_time=life.after(days=7))],
            points=1,
            reasons="The buyers were paid back in part.",
        ),
    )
    await life.act(
        PLATFORM,
        appeals.FileAppealRequest(
            sanction_id=sanction_id,
            appellant_account_id=account_id,
            grounds=[appeals.APPEAL_GROUND_HARDSHIP],
            statement="The rest will be paid next week.",
        ),
    )
    await life.act(
        APPROVER, sanctions.StaySanctionRequest(sanction_id=sanction_id, reasons="What is said seems plausible.")
    )
    await life.act(APPROVER, sanctions.LiftSanctionRequest(sanction_id=sanction_id, reasons="All buyers were paid."))
