"""Gives appeals to reviewers, at filing, after a recusal, and when somebody joins the roster; tells of late ones."""

import contextlib
from dataclasses import dataclass

from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.pace import Due
from chassis.refusal import Refusal
from services.credit.appeals import domain, store
from services.credit.appeals.domain import Appeal, Conflict, Reviewer
from services.credit.appeals.parties import parts_in
from services.credit.appeals.steps import audit, take
from services.credit.groups_peer import GroupsPeer
from services.credit.notices import stays
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction

_JOB = "assign-reviewer"
_AGAIN_SECONDS = 15.0


@dataclass(frozen=True)
class Choice:
    """Who is to have an appeal.

    Attributes:
        reviewer: The reviewer; None if who has the appeal keeps it, in time or for want of another.
        deciders: Staff ids of who decided the tip-off behind the case.
    """

    reviewer: Reviewer | None = None
    deciders: frozenset[str] = frozenset()


class Assignment:
    """Finds reviewers whom nothing ties to a case. An appeal that has none waits, and its deadline runs on."""

    def __init__(self, database: Database, groups: GroupsPeer) -> None:
        self._database = database
        self._groups = groups
        self._due = Due(_AGAIN_SECONDS)

    def wake(self) -> None:
        """Says that an appeal waits for a reviewer, or that there is another reviewer."""
        self._due.wake()

    async def run(self) -> None:
        """Assigns what waits until cancelled; what can not be assigned is tried again."""
        while True:
            self._due.look()
            waiting = await self._database.read(store.waiting)
            for appeal_id in waiting:
                await self._give(appeal_id)
            await self._due.wait()

    async def independent(self, appeal_id: str) -> Choice:
        """Whom the roster offers for an appeal: of those whom nothing ties to it, who has the fewest.

        Raises:
            Refusal: NOT_FOUND, WRONG_STATE if it has ended, REVIEWER_NOT_INDEPENDENT or PEER_UNAVAILABLE.
        """

        def case(session: Session) -> tuple[Appeal, Sanction, list[Reviewer]]:
            appeal = store.get(session, appeal_id)
            return appeal, sanctions.get(session, appeal.sanction_id), store.roster(session)

        appeal, sanction, roster = await self._database.read(case)
        if not domain.needs_reviewer(appeal, at=self._database.clock.now()):
            return Choice()
        deciders = await self._groups.deciders(sanction.tip_off_id)
        parts = await self._database.read(lambda session: parts_in(session, sanction, tip_off=deciders))
        appeal = domain.tie(appeal, parts)
        conflicts: list[Conflict] = []
        for reviewer in roster:
            conflict = domain.conflict_of(appeal, sanction, reviewer, in_group=False)
            if conflict is None and await self._groups.has_member(sanction.group_concerned, reviewer.account_id):
                conflict = Conflict.GROUP_MEMBER
            if conflict is None:
                return Choice(reviewer, deciders)
            conflicts.append(conflict)
        if appeal.reviewer is None:
            raise domain.nobody_independent(conflicts)
        return Choice()

    async def _give(self, appeal_id: str) -> None:
        with contextlib.suppress(Refusal):
            choice = await self.independent(appeal_id)
            await self._database.work(_JOB, lambda unit: give(unit, appeal_id, choice))


def give(unit: Unit, appeal_id: str, choice: Choice) -> Appeal:
    """Gives an appeal to a reviewer, unless somebody has it and is in time; that they keep it is recorded, too.

    Raises:
        Refusal: WRONG_STATE, if it has ended; REVIEWER_NOT_INDEPENDENT.
    """

    def step(_unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
        needed = domain.needs_reviewer(appeal, at=unit.now)
        if choice.reviewer is None or choice.reviewer == appeal.reviewer or not needed:
            return appeal
        tied = domain.tie(appeal, parts_in(unit.session, sanction, tip_off=choice.deciders))
        conflict = domain.conflict_of(tied, sanction, choice.reviewer, in_group=False)
        if conflict is not None:
            raise domain.nobody_independent([conflict])
        return domain.assign(tied, reviewer=choice.reviewer)

    return take(unit, store.get(unit.session, appeal_id), "assigned", step)


def tell_overdue(unit: Unit, appeal_id: str) -> None:
    """Tells that an appeal was not decided in time: the stay began by the clock alone, and nobody signs it."""
    appeal = store.get(unit.session, appeal_id)
    if appeal.state.ended:
        return
    sanction = sanctions.get(unit.session, appeal.sanction_id)
    letters.write(unit, LetterKind.APPEAL_OVERDUE, sanction)
    stays.tell_begin(unit, sanction)
    audit(unit, "overdue", appeal, sanction)
