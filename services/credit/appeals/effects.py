"""What an overturned sanction takes with it, in the transaction of the decision."""

from dataclasses import dataclass

from sqlmodel import Session

from chassis.db import Unit
from chassis.ids import new_id
from services.credit import wire
from services.credit.appeals.domain import Appeal
from services.credit.blacklist import feed as blacklist_feed
from services.credit.blacklist import store as blacklist
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.referrals import store as referrals
from services.credit.referrals.domain import ReferralState, mark_for_correction
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction, SanctionState, overturn
from services.credit.standings import feed
from services.credit.standings import store as standings
from services.credit.standings.domain import OverturnEntry


@dataclass(frozen=True)
class Effects:
    """Ids of what fell: sanctions, blacklist entries, and referrals that must be corrected."""

    sanction_ids: tuple[str, ...]
    blacklist_entry_ids: tuple[str, ...]
    referral_ids: tuple[str, ...]


def take_back(unit: Unit, appeal: Appeal, sanction: Sanction) -> None:
    """Overturns the appealed sanction and all that rests on it: points, measures, blacklist entries.

    Referrals stay on file, marked for correction. The feed tells every subject that is touched.
    """
    session = unit.session
    standing = [
        each
        for each in (sanction, *sanctions.resting_on(session, sanction.sanction_id))
        if each.state is not SanctionState.OVERTURNED
    ]
    for each in standing:
        sanctions.update(session, overturn(each, appeal_id=appeal.appeal_id))
        unit.audit(
            "credit.sanction.overturned",
            subject=wire.subject_message(each.subject),
            resource_id=each.sanction_id,
            facts={"appeal_id": appeal.appeal_id},
        )
        if each.start is not None:
            _tell(unit, each, appeal)
    ids = [each.sanction_id for each in standing]
    for entry in standings.points_entries(session, ids):
        standings.add(
            unit,
            OverturnEntry(
                new_id(), entry.subject, entry.sanction_id, entry.entry_id, appeal.appeal_id, recorded_at=unit.now
            ),
        )
    blacklist.revoke(session, ids, at=unit.now)
    for referral in referrals.of_sanctions(session, ids):
        if referral.state is not ReferralState.PROPOSED:
            term = referrals.term(session, unit.now)
            referrals.save(session, mark_for_correction(referral, term=term, at=unit.now))
            letters.write(
                unit,
                LetterKind.REFERRAL_CORRECTED,
                sanctions.get(session, referral.sanction_id),
                text=referral.referral_id,
            )
    subjects = [each.subject for each in standing]
    feed.publish(unit, subjects)
    blacklist_feed.publish(unit, subjects)


def _tell(unit: Unit, fallen: Sanction, appeal: Appeal) -> None:
    """Everybody who was told of the sanction is told that it fell; the appellant hears it with the decision."""
    if fallen.sanction_id != appeal.sanction_id:
        letters.write(unit, LetterKind.SANCTION_FELL, fallen)
    if fallen.tip_off_id or fallen.reporter_account_id:
        letters.write(unit, LetterKind.REPORTER_TOLD, fallen)


def effects_of(session: Session, appeal: Appeal) -> Effects:
    """What an appeal has overturned."""
    fallen = sanctions.overturned_by(session, appeal.appeal_id)
    ids = sorted(fallen, key=lambda sanction_id: (sanction_id != appeal.sanction_id, sanction_id))
    return Effects(
        sanction_ids=tuple(ids),
        blacklist_entry_ids=tuple(entry.entry_id for entry in blacklist.of_sanctions(session, ids)),
        referral_ids=tuple(
            referral.referral_id for referral in referrals.of_sanctions(session, ids) if referral.correction_at
        ),
    )
