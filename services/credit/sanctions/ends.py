"""Puts on record, and tells, that sanctions have come to their end by themselves: no person signs it."""

from chassis.db import Unit
from services.credit import wire
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.sanctions import rectification, store
from services.credit.sanctions.domain import record_end
from services.credit.sanctions.rectification import RectificationState
from services.credit.standings import feed
from services.credit.standings import store as standings


def end(unit: Unit, sanction_id: str) -> None:
    """Records the end of a sanction that has come to it, and tells the person concerned and the feed."""
    sanction = store.get(unit.session, sanction_id)
    ended = record_end(sanction, at=unit.now)
    if ended is sanction:
        return
    stay = standings.stays(unit.session, [sanction_id]).get(sanction_id)
    rectified = rectification.state_of(ended, stay, unit.now)
    missed = rectified is RectificationState.MISSED
    store.update(unit.session, ended)
    letters.write(unit, LetterKind.RECTIFICATION_MISSED if missed else LetterKind.SANCTION_ENDED, ended)
    feed.publish(unit, [ended.subject])
    unit.audit(
        "credit.sanction.ended",
        subject=wire.subject_message(ended.subject),
        resource_id=sanction_id,
        facts={"signed_by": "system", "rectification": rectified or "NONE"},
    )
