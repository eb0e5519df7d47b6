"""Queries on tip-offs. Texts come and go sealed."""

from dataclasses import dataclass
from datetime import datetime
from secrets import randbelow

from sqlalchemy import ColumnElement, func, tuple_
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from chassis.pages import Page
from chassis.refusal import Refusal
from services.groups.tipoffs import domain
from services.groups.tipoffs.models import TipOffContestRow, TipOffRow

_NUMBERS = 10**8


@dataclass(frozen=True, slots=True)
class SealedReport:
    """What the reporter wrote: sealed texts, evidence as SHA-256 hashes one after the other, 32 bytes each."""

    explanation: bytes
    excerpt: bytes
    evidence_sha256: bytes
    observe_time: datetime | None


@dataclass(frozen=True, slots=True)
class SealedTexts:
    """What the desk wrote, and what the reporter wrote to contest it, sealed; None until they did."""

    reasons: bytes | None
    reply: bytes | None
    contest: bytes | None
    contest_reasons: bytes | None
    contest_reply: bytes | None


def unused_reference(session: Session, year: int) -> str:
    """A reference number that no tip-off has."""
    while True:
        reference = domain.reference_number(year, randbelow(_NUMBERS))
        query = select(TipOffRow.tip_off_id).where(TipOffRow.reference_number == reference)
        if session.exec(query).first() is None:
            return reference


def add(session: Session, tip_off: domain.TipOff, report: SealedReport, tracking_hash: bytes) -> None:
    """Keeps a new tip-off."""
    session.add(
        TipOffRow(
            tip_off_id=tip_off.tip_off_id,
            reference_number=tip_off.reference_number,
            tracking_hash=tracking_hash,
            account_id=tip_off.target.account_id,
            group_id=tip_off.target.group_id,
            group_code=tip_off.target.group_code,
            message_id=tip_off.target.message_id,
            category=tip_off.category,
            urgent=tip_off.urgent,
            priority=tip_off.priority,
            explanation=report.explanation,
            excerpt=report.excerpt,
            evidence_sha256=report.evidence_sha256,
            observe_time=report.observe_time,
            receive_time=tip_off.receive_time,
            due_time=tip_off.due_time,
            source=tip_off.source,
        )
    )


def received(session: Session, number: int, *, about: domain.Target | None = None) -> datetime | None:
    """When the newest tip-off but so many less one came in: `number` have come since; None if there are fewer.

    Args:
        session: The database.
        number: 1 for the newest.
        about: Only those about the same account or group; None for all.
    """
    query = select(TipOffRow.receive_time)
    if about is not None:
        query = query.where(TipOffRow.group_id == about.group_id, TipOffRow.account_id == about.account_id)
    return session.exec(query.order_by(col(TipOffRow.receive_time).desc()).offset(number - 1).limit(1)).first()


def get(session: Session, tip_off_id: str) -> domain.TipOff:
    """A tip-off by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = _row(session, tip_off_id)
    return _tip_off(row, _contest(session, row))


def get_whole(session: Session, tip_off_id: str) -> tuple[domain.TipOff, SealedReport, SealedTexts]:
    """A tip-off with all that was written.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = _row(session, tip_off_id)
    report = SealedReport(row.explanation, row.excerpt, row.evidence_sha256, row.observe_time)
    contest = _contest(session, row)
    return _tip_off(row, contest), report, _texts(row, contest)


def find_by_tracking(session: Session, tracking_hash: bytes) -> tuple[domain.TipOff, SealedTexts] | None:
    """The tip-off that a tracking code opens; None if none.

    The hash is keyed, so that the time of the look-up tells nothing of how much of a guessed code was right.
    """
    row = session.exec(select(TipOffRow).where(TipOffRow.tracking_hash == tracking_hash)).first()
    if row is None:
        return None
    contest = _contest(session, row)
    return _tip_off(row, contest), _texts(row, contest)


def keep_triage(session: Session, tip_off: domain.TipOff) -> None:
    """Keeps how a tip-off was sorted."""
    row = _row(session, tip_off.tip_off_id)
    row.category = tip_off.category
    row.priority = tip_off.priority
    row.triage_time = tip_off.triage_time


def keep_decision(session: Session, tip_off: domain.TipOff, reasons: bytes) -> None:
    """Keeps what was decided, and the sealed reasons."""
    row = _row(session, tip_off.tip_off_id)
    row.outcome = tip_off.outcome
    row.sanction_ids = ",".join(tip_off.sanction_ids)
    row.decider = tip_off.decider
    row.decide_time = tip_off.decide_time
    row.reasons = reasons


def keep_reply(session: Session, tip_off: domain.TipOff, reply: bytes) -> None:
    """Keeps that the reporter was answered, and the sealed answer."""
    row = _row(session, tip_off.tip_off_id)
    row.reply_time = tip_off.reply_time
    row.contest_end = tip_off.contest_end
    row.reply = reply


def keep_contest(session: Session, tip_off: domain.TipOff, statement: bytes) -> None:
    """Keeps that the answer was contested, and the sealed words of the reporter."""
    assert tip_off.contest is not None  # noqa: S101 - it has just been made
    session.add(
        TipOffContestRow(
            tip_off_id=tip_off.tip_off_id,
            first_decider=tip_off.decider,
            contest_time=tip_off.contest.contest_time,
            due_time=tip_off.contest.due_time,
            statement=statement,
        )
    )


def keep_contest_decision(session: Session, tip_off: domain.TipOff, *, reasons: bytes, reply: bytes) -> None:
    """Keeps what was decided on the contest, with the sealed reasons and the sealed answer."""
    row = session.get_one(TipOffContestRow, tip_off.tip_off_id)
    assert tip_off.contest is not None  # noqa: S101 - the row says so
    row.decider = tip_off.contest.decider
    row.outcome = tip_off.contest.outcome
    row.sanction_ids = ",".join(tip_off.contest.sanction_ids)
    row.decide_time = tip_off.contest.decide_time
    row.reasons = reasons
    row.reply = reply


def count_overdue(session: Session, at: datetime) -> int:
    """How many tip-offs and contests are late and still without an answer."""
    first = select(func.count()).where(col(TipOffRow.reply_time).is_(None), TipOffRow.due_time <= at)
    second = select(func.count()).where(col(TipOffContestRow.decide_time).is_(None), TipOffContestRow.due_time <= at)
    return session.exec(first).one() + session.exec(second).one()


def unanswered(session: Session, page: Page, *, due_by: datetime | None) -> list[domain.TipOff]:
    """A page of the tip-offs and contests without an answer, by due time, and one more if there is a further page.

    Args:
        session: The database.
        page: Which page; its sort key is a tip-off's id.
        due_by: Only those due at this instant or before; None for all.
    """
    after = _place(get(session, page.after[0])) if page.after else None
    either = select(TipOffRow, TipOffContestRow).join(
        TipOffContestRow, col(TipOffContestRow.tip_off_id) == col(TipOffRow.tip_off_id), isouter=True
    )

    def oldest(due_time: Mapped[datetime], *among: ColumnElement[bool]) -> list[domain.TipOff]:
        query = either.where(*among).order_by(due_time, col(TipOffRow.tip_off_id)).limit(page.size + 1)
        if due_by is not None:
            query = query.where(due_time <= due_by)
        if after is not None:
            query = query.where(tuple_(due_time, col(TipOffRow.tip_off_id)) > after)
        return [_tip_off(row, contest) for row, contest in session.exec(query)]

    # Each in the order of an index; together they would be sorted, with all that was answered read before.
    found = oldest(col(TipOffRow.due_time), col(TipOffRow.reply_time).is_(None))
    found += oldest(
        col(TipOffContestRow.due_time),
        col(TipOffContestRow.tip_off_id).is_not(None),
        col(TipOffContestRow.decide_time).is_(None),
    )
    return sorted(found, key=_place)[: page.size + 1]


def _place(tip_off: domain.TipOff) -> tuple[datetime, str]:
    """Where a tip-off stands among those without an answer."""
    return (tip_off.contest.due_time if tip_off.contest else tip_off.due_time), tip_off.tip_off_id


def _row(session: Session, tip_off_id: str) -> TipOffRow:
    row = session.get(TipOffRow, tip_off_id)
    if row is None:
        raise Refusal.not_found("tip-off", tip_off_id)
    return row


def _contest(session: Session, row: TipOffRow) -> TipOffContestRow | None:
    return session.get(TipOffContestRow, row.tip_off_id)


def _texts(row: TipOffRow, contest: TipOffContestRow | None) -> SealedTexts:
    if contest is None:
        return SealedTexts(row.reasons, row.reply, None, None, None)
    return SealedTexts(row.reasons, row.reply, contest.statement, contest.reasons, contest.reply)


def _tip_off(row: TipOffRow, contest: TipOffContestRow | None) -> domain.TipOff:
    return domain.TipOff(
        tip_off_id=row.tip_off_id,
        reference_number=row.reference_number,
        target=domain.Target(row.account_id, row.group_id, row.group_code, row.message_id),
        category=domain.Category(row.category),
        urgent=row.urgent,
        receive_time=row.receive_time,
        due_time=row.due_time,
        priority=row.priority,
        triage_time=row.triage_time,
        outcome=_outcome(row.outcome),
        sanction_ids=_ids(row.sanction_ids),
        decide_time=row.decide_time,
        reply_time=row.reply_time,
        decider=row.decider,
        contest_end=row.contest_end,
        source=domain.Source(row.source),
        contest=domain.Contest(
            contest_time=contest.contest_time,
            due_time=contest.due_time,
            outcome=_outcome(contest.outcome),
            sanction_ids=_ids(contest.sanction_ids),
            decide_time=contest.decide_time,
            decider=contest.decider or "",
        )
        if contest
        else None,
    )


def _outcome(name: str | None) -> domain.Outcome | None:
    return domain.Outcome(name) if name else None


def _ids(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(",")) if listed else ()
