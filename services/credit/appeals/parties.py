"""Who of the staff had a part in what an appeal is about, beside who proposed and who approved the sanction."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from services.credit.appeals.domain import Conflict
from services.credit.appeals.models import AppealRow
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.sanctions.models import EvidenceRow, SanctionRow, StayRow


def parts_in(session: Session, sanction: Sanction, *, tip_off: Iterable[str]) -> dict[str, Conflict]:
    """By staff id what ties somebody to the case of a sanction.

    Args:
        session: The database.
        sanction: The sanction.
        tip_off: Staff ids of those who decided the tip-off that it followed.
    """
    rests_on = sanctions.grounds_of(session, [sanction.sanction_id])[sanction.sanction_id]
    found = dict.fromkeys(tip_off, Conflict.TIP_OFF)
    found |= dict.fromkeys(_relievers(session, sanction), Conflict.RELIEF)
    found |= dict.fromkeys(_deciders(session, _on_the_same_facts(session, sanction)), Conflict.SAME_FACTS)
    found |= dict.fromkeys(_deciders(session, rests_on), Conflict.GROUND)
    return found


def _relievers(session: Session, sanction: Sanction) -> set[str]:
    """Who lifted it, made it milder, stayed it, or put on record that it was followed."""
    stayers = select(StayRow.stayer).join(AppealRow, col(AppealRow.appeal_id) == col(StayRow.appeal_id))
    found = set(session.exec(stayers.where(AppealRow.sanction_id == sanction.sanction_id)))
    if sanction.lift and sanction.lift.lifter:
        found.add(sanction.lift.lifter)
    if sanction.variation:
        found.add(sanction.variation.varier)
    if sanction.rectified:
        found.add(sanction.rectified.recorder)
    return found


def _on_the_same_facts(session: Session, sanction: Sanction) -> set[str]:
    """Other sanctions on a part of the same evidence: a decision, and the interim measure before it."""
    hashes = [item.sha256 for item in sanction.statement.evidence]
    query = select(EvidenceRow.sanction_id).where(col(EvidenceRow.sha256).in_(hashes))
    return set(session.exec(query)) - {sanction.sanction_id}


def _deciders(session: Session, sanction_ids: Iterable[str]) -> set[str]:
    """Who proposed, imposed or approved some sanctions."""
    query = select(SanctionRow.issuer, SanctionRow.approver).where(col(SanctionRow.sanction_id).in_(list(sanction_ids)))
    return {person for persons in session.exec(query) for person in persons if person}
