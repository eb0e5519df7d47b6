"""The notice of a sanction, and the ways in which it is sent."""

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.credit.sanctions.domain import Sanction


class NoticeNotSentError(Exception):
    """The notice was not delivered; it is sent again."""


@dataclass(frozen=True)
class NoticedMeasure:
    """A measure as the person concerned is told of it: one of `end` and `review` is given."""

    kind: str
    end: datetime | None
    review: datetime | None


@dataclass(frozen=True)
class Notice:
    """What the person concerned is told (DSA Art. 17(3)). Names neither a member of staff nor a reporter.

    The sanction is in force from the delivery, so the terms of the appeal are given in days from then.
    """

    notice_id: str
    subject_kind: str
    subject_id: str
    capacity: str
    group_id: str
    measures: tuple[NoticedMeasure, ...]
    points: int
    points_days: int
    act_at: datetime
    facts: str
    explanation: str
    evidence: tuple[str, ...]
    rests_on: tuple[str, ...]
    rule: str
    article: str
    clause: str
    ground: str
    policy: str
    policy_hash: str
    proportionality_note: str
    how_to_restore: str
    materials_needed: str
    automated: bool
    appeal_within_days: int
    appeal_decided_within_days: int


class NoticeSender(Protocol):
    """Delivers notices to the persons concerned."""

    async def send(self, notice: Notice) -> None:
        """Returns once the notice is delivered. The same notice may be sent more than once.

        Raises:
            NoticeNotSentError: It was not delivered.
        """
        ...


class FileOutbox:
    """Appends notices as JSON lines to a file, for the platform to carry on.

    Args:
        path: The file; mode 0600.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, notice: Notice) -> None:
        """Returns once the line is on disk."""
        line = json.dumps(asdict(notice), default=datetime.isoformat, ensure_ascii=False, sort_keys=True)
        try:
            await asyncio.to_thread(self._append, line.encode() + b"\n")
        except OSError as error:
            raise NoticeNotSentError(f"the outbox can not be written: {error.strerror}") from error

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def notice_of(sanction: Sanction) -> Notice:
    """The notice of an approved sanction."""
    statement, rule = sanction.statement, sanction.statement.rule
    return Notice(
        notice_id=sanction.sanction_id,
        subject_kind=sanction.subject.kind,
        subject_id=sanction.subject.id,
        capacity=sanction.capacity,
        group_id=sanction.group_id,
        measures=tuple(NoticedMeasure(item.kind, item.end, item.review) for item in sanction.measures),
        points=sanction.points,
        points_days=rule.points_days,
        act_at=statement.act_at,
        facts=statement.facts,
        explanation=statement.explanation,
        evidence=tuple(item.sha256 for item in statement.evidence),
        rests_on=tuple(prior.sanction_id for prior in statement.prior_decisions),
        rule=rule.rule_id,
        article=rule.article,
        clause=rule.clause,
        ground=rule.ground,
        policy=f"{rule.policy_id} {rule.policy_version}",
        policy_hash=rule.policy_hash,
        proportionality_note=statement.proportionality_note,
        how_to_restore=statement.how_to_restore,
        materials_needed=statement.materials_needed,
        automated=False,
        appeal_within_days=rule.appeal_window_days,
        appeal_decided_within_days=rule.appeal_decision_days,
    )
