"""Letters about stays: to all whom one reaches, beyond who appealed."""

from chassis.db import Unit
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction, SanctionState
from services.credit.standings import store as standings


def tell_begin(unit: Unit, sanction: Sanction) -> None:
    """Tells those whose sanctions rest on one that is stayed from now on that theirs are stayed with it."""
    for each in sanctions.resting_on(unit.session, sanction.sanction_id):
        if each.state_at(unit.now) is SanctionState.IN_FORCE:
            letters.write(unit, LetterKind.GROUND_STAYED, each)


def tell_end(unit: Unit, sanction: Sanction) -> None:
    """Tells those whose sanctions were stayed until now by the appeal of one that theirs have effect again."""
    touched = [sanction, *sanctions.resting_on(unit.session, sanction.sanction_id)]
    stays = standings.stays(unit.session, [each.sanction_id for each in touched])
    for each in touched:
        stay = stays.get(each.sanction_id)
        ended = stay is not None and unit.now in stay.edges and not stay.covers(unit.now)
        if ended and each.state_at(unit.now) is SanctionState.IN_FORCE:
            letters.write(unit, LetterKind.STAY_ENDED, each)
