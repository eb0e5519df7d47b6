"""Tables of appeals.

Who proposed and who approved the sanction is copied by a foreign key, so that a check can compare it. Everybody else
has one part in a case, and only those whose part it is to review are reviewers.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.credit.appeals.domain import AppealState, Conflict
from services.credit.tables import CreditTable

REVIEWER = "REVIEWER"
"""The part of whoever has the appeal."""

_PARTS = (REVIEWER, Conflict.GROUND, Conflict.SAME_FACTS, Conflict.RELIEF, Conflict.TIP_OFF, Conflict.HAD_IT_BEFORE)


class CasePartRow(CreditTable, table=True):
    """The one part that a member of staff has in the case of a sanction: to review it, or else a reason not to."""

    __tablename__ = "case_part"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        CheckConstraint(f"part IN ({', '.join(repr(str(part)) for part in _PARTS)})", name="part"),
        # What an appeal's reviewer refers to.
        UniqueConstraint("sanction_id", "staff_id", "part"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    staff_id: str = Field(primary_key=True, sa_type=String(128))
    part: str = Field(sa_type=String(16))


class AppealRow(CreditTable, table=True):
    """An appeal against one sanction that was in force."""

    __tablename__ = "appeal"
    __table_args__ = (
        ForeignKeyConstraint(
            ["sanction_id", "issuer", "approver", "reporter_account_id", "appeal_end"],
            [
                "sanction.sanction_id",
                "sanction.issuer",
                "sanction.approver",
                "sanction.reporter_account_id",
                "sanction.appeal_end",
            ],
            name="fk_appeal_parties",
        ),
        ForeignKeyConstraint(
            ["sanction_id", "reviewer", "reviewer_part"],
            ["case_part.sanction_id", "case_part.staff_id", "case_part.part"],
            name="fk_appeal_case_part",
        ),
        CheckConstraint(f"reviewer_part = '{REVIEWER}'", name="reviewer_part"),
        one_of("state", AppealState),
        CheckConstraint("filed_at < appeal_end", name="within_window"),
        CheckConstraint("due_at > filed_at", name="due"),
        CheckConstraint("length(trim(statement)) > 0", name="statement"),
        CheckConstraint("reviewer <> issuer AND reviewer <> approver", name="other_person"),
        CheckConstraint(
            "reviewer_account_id = ''"
            " OR (reviewer_account_id <> reporter_account_id AND reviewer_account_id <> appellant_account_id)",
            name="no_party",
        ),
        CheckConstraint(
            "state IN ('FILED', 'WITHDRAWN') OR (reviewer IS NOT NULL AND length(reviewer) > 0)", name="reviewed"
        ),
        CheckConstraint(
            "(state = 'DECIDED' AND outcome IS NOT NULL AND outcome IN ('UPHELD', 'OVERTURNED', 'REMANDED', 'VARIED')"
            " AND length(trim(reasons)) > 0 AND decided_at IS NOT NULL)"
            " OR (state = 'INADMISSIBLE' AND outcome IS NULL AND length(trim(reasons)) > 0 AND decided_at IS NOT NULL)"
            " OR (state = 'WITHDRAWN' AND outcome IS NULL AND reasons = '' AND decided_at IS NOT NULL)"
            " OR (state IN ('FILED', 'UNDER_REVIEW', 'INFO_REQUESTED') AND outcome IS NULL AND reasons = ''"
            " AND decided_at IS NULL)",
            name="decision",
        ),
        CheckConstraint(
            "(prolonged_until IS NULL AND prolongation_reasons = '')"
            " OR (prolonged_until > due_at AND length(trim(prolongation_reasons)) > 0)",
            name="prolongation",
        ),
        UniqueConstraint("sanction_id"),
        Index(None, "state", "due_at", "appeal_id"),
        Index(None, "decided_at"),
    )

    appeal_id: str = Field(primary_key=True, sa_type=String(36))
    sanction_id: str = Field(sa_type=String(36))
    issuer: str = Field(sa_type=String(128))
    approver: str = Field(sa_type=String(128))
    reporter_account_id: str = Field(sa_type=String(36))
    appeal_end: datetime = Field(sa_type=Instant)
    state: str = Field(sa_type=String(16))
    appellant_account_id: str = Field(sa_type=String(36))
    grounds: str = Field(sa_type=Text)
    statement: str = Field(sa_type=Text)
    filed_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    reviewer: str | None = Field(default=None, sa_type=String(128))
    reviewer_account_id: str = Field(default="", sa_type=String(36))
    outcome: str | None = Field(default=None, sa_type=String(16))
    reasons: str = Field(default="", sa_type=Text)
    decided_at: datetime | None = Field(default=None, sa_type=Instant)
    remedy_sought: str = Field(default="", sa_type=Text)
    wants_suspension: bool = False
    prolonged_until: datetime | None = Field(default=None, sa_type=Instant)
    prolongation_reasons: str = Field(default="", sa_type=Text)
    reviewer_part: str = Field(default=REVIEWER, sa_type=String(16))


class AppealQuestionRow(CreditTable, table=True):
    """What a reviewer asked the person concerned, and the answer."""

    __tablename__ = "appeal_question"
    __table_args__ = (
        ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),
        CheckConstraint("length(trim(question)) > 0", name="question"),
        CheckConstraint("(answered_at IS NULL) = (answer = '')", name="answer"),
    )

    appeal_id: str = Field(primary_key=True, sa_type=String(36))
    position: int = Field(primary_key=True)
    question: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=Instant)
    answer: str = Field(default="", sa_type=Text)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class RosterRow(CreditTable, table=True):
    """A reviewer who takes appeals, or took them until they left."""

    __tablename__ = "roster"

    staff_id: str = Field(primary_key=True, sa_type=String(128))
    account_id: str = Field(sa_type=String(36))
    joined_at: datetime = Field(sa_type=Instant)
    left_at: datetime | None = Field(default=None, sa_type=Instant)


class AppealEvidenceRow(CreditTable, table=True):
    """A hash that an appeal refers to."""

    __tablename__ = "appeal_evidence"
    __table_args__ = (ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),)

    appeal_id: str = Field(primary_key=True, sa_type=String(36))
    sha256: str = Field(primary_key=True, sa_type=String(64))
    observed_at: datetime = Field(sa_type=Instant)
