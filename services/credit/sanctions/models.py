"""Tables of sanctions, and the constraints that hold what the law of the project demands.

A sanction shares its id with its statement of reasons and its notice. It can not be stored without the statement, nor
in force without a second person, a delivered notice, an open appeal window, and an end or a review date: the row that
says so can not exist.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from policies.pack import SIX_MONTHS_DAYS, Category, Ground, MeasureKind
from services.credit.sanctions.domain import Capacity, SourceType
from services.credit.sanctions.interim import INTERIM_HOURS_MOST
from services.credit.subjects import SubjectKind
from services.credit.tables import DAY_MICROSECONDS, HOUR_MICROSECONDS, CreditTable

_STORED_STATES = "'PROPOSED', 'APPROVED', 'IN_FORCE', 'WITHDRAWN', 'OVERTURNED'"
_INTERIM_MOST = INTERIM_HOURS_MOST * HOUR_MICROSECONDS
_APPEAL_WINDOW_LEAST = SIX_MONTHS_DAYS * DAY_MICROSECONDS


class StatementRow(CreditTable, table=True):
    """A statement of reasons, with the rule as it stood."""

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("sanction_id", "duty_notice_id"),
        one_of("ground", Ground),
        one_of("source", SourceType),
        one_of("category", Category),
        CheckConstraint("length(trim(facts)) > 0", name="facts"),
        CheckConstraint("length(trim(explanation)) > 0", name="explanation"),
        CheckConstraint("length(trim(proportionality_note)) > 0", name="proportionality_note"),
        CheckConstraint("length(trim(how_to_restore)) > 0", name="how_to_restore"),
        CheckConstraint("act_at >= policy_effective_at", name="not_retroactive"),
        CheckConstraint("steps_skipped = 0 OR length(trim(step_justification)) > 0", name="step_justification"),
        CheckConstraint("source <> 'OWN_INITIATIVE' OR NOT late", name="late"),
        CheckConstraint(f"appeal_window_days >= {SIX_MONTHS_DAYS}", name="appeal_window"),
        CheckConstraint(
            "duty_notice_id IS NULL OR (duty_group_id IS NOT NULL AND duty_served_at IS NOT NULL"
            " AND duty_cure_end IS NOT NULL AND duty_cure_end > duty_served_at)",
            name="duty_breach",
        ),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    policy_id: str = Field(sa_type=String(64))
    policy_version: str = Field(sa_type=String(64))
    policy_hash: str = Field(sa_type=String(64))
    policy_effective_at: datetime = Field(sa_type=Instant)
    rule_id: str = Field(sa_type=String(64))
    title: str = Field(sa_type=Text)
    article: str = Field(sa_type=Text)
    clause: str = Field(sa_type=Text)
    clause_hash: str = Field(sa_type=String(64))
    ground: str = Field(sa_type=String(16))
    category: str = Field(sa_type=String(64))
    points_days: int
    appeal_window_days: int
    appeal_decision_days: int
    facts: str = Field(sa_type=Text)
    explanation: str = Field(sa_type=Text)
    act_at: datetime = Field(sa_type=Instant)
    proportionality_note: str = Field(sa_type=Text)
    how_to_restore: str = Field(sa_type=Text)
    materials_needed: str = Field(sa_type=Text)
    step_justification: str = Field(default="", sa_type=Text)
    steps_skipped: int = 0
    duty_notice_id: str | None = Field(default=None, sa_type=String(36))
    duty_group_id: str | None = Field(default=None, sa_type=String(36))
    duty_served_at: datetime | None = Field(default=None, sa_type=Instant)
    duty_cure_end: datetime | None = Field(default=None, sa_type=Instant)
    source: str = Field(default=SourceType.OWN_INITIATIVE, sa_type=String(16))
    late: bool = False


class EvidenceRow(CreditTable, table=True):
    """A hash that a statement refers to."""

    __tablename__ = "evidence"
    __table_args__ = (ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"]), Index(None, "sha256"))

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    sha256: str = Field(primary_key=True, sa_type=String(64))
    observed_at: datetime = Field(sa_type=Instant)


class NoticeRow(CreditTable, table=True):
    """The notice of a sanction: made when it is approved, delivered before it has effect."""

    __tablename__ = "notice"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"]),
        UniqueConstraint("sanction_id", "delivered_at", "appeal_end"),
        CheckConstraint("(delivered_at IS NULL) = (appeal_end IS NULL)", name="delivered"),
        CheckConstraint(f"appeal_end >= delivered_at + {_APPEAL_WINDOW_LEAST}", name="appeal_window"),
        Index(None, "delivered_at"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    made_at: datetime = Field(sa_type=Instant)
    delivered_at: datetime | None = Field(default=None, sa_type=Instant)
    appeal_end: datetime | None = Field(default=None, sa_type=Instant)
    traceparent: str = Field(sa_type=String(55))


class SanctionRow(CreditTable, table=True):
    """A sanction."""

    __tablename__ = "sanction"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"]),
        # Matched once none of the three is null, which the check "in_force" demands of a sanction in force.
        ForeignKeyConstraint(
            ["sanction_id", "start_at", "appeal_end"],
            ["notice.sanction_id", "notice.delivered_at", "notice.appeal_end"],
        ),
        # A consequence for an owner cites a breach that its statement records.
        ForeignKeyConstraint(["sanction_id", "duty_notice_id"], ["statement.sanction_id", "statement.duty_notice_id"]),
        one_of("subject_kind", SubjectKind),
        one_of("capacity", Capacity),
        CheckConstraint(f"state IN ({_STORED_STATES})", name="state"),
        CheckConstraint(
            "length(issuer) > 0 AND (approver IS NULL OR (length(approver) > 0) = (interim_until IS NULL))",
            name="persons",
        ),
        # One person may do it alone: for three days, without points, with an end.
        CheckConstraint(
            "interim_until IS NULL OR (points = 0 AND end_at IS NOT NULL AND end_at <= interim_until"
            f" AND interim_until > proposed_at AND interim_until <= proposed_at + {_INTERIM_MOST})",
            name="interim",
        ),
        CheckConstraint("approver <> issuer", name="second_person"),
        CheckConstraint(
            "state IN ('PROPOSED', 'WITHDRAWN', 'OVERTURNED') OR (approver IS NOT NULL AND approved_at IS NOT NULL)",
            name="approved",
        ),
        CheckConstraint("end_at IS NOT NULL OR review_at IS NOT NULL", name="end_or_review"),
        CheckConstraint(
            "state <> 'IN_FORCE' OR (approver IS NOT NULL AND start_at IS NOT NULL AND appeal_end IS NOT NULL)",
            name="in_force",
        ),
        CheckConstraint("(state = 'OVERTURNED') = (overturning_appeal_id IS NOT NULL)", name="overturned"),
        CheckConstraint(
            "points = 0 OR start_at IS NULL OR (points_end IS NOT NULL AND points_end > start_at)", name="points_end"
        ),
        CheckConstraint("capacity NOT IN ('FOUNDER', 'MANAGER') OR duty_notice_id IS NOT NULL", name="recorded_breach"),
        # Nothing is recorded to have ended that did not, or before it did.
        CheckConstraint(
            "end_recorded_at IS NULL OR (start_at IS NOT NULL AND end_at IS NOT NULL AND end_recorded_at >= end_at)",
            name="ended",
        ),
        # The same evidence can not found two sanctions of one subject.
        UniqueConstraint("subject_kind", "subject_id", "evidence_set"),
        # What ledger entries, blacklist entries and appeals refer to.
        UniqueConstraint("sanction_id", "start_at"),
        UniqueConstraint(
            "sanction_id", "issuer", "approver", "reporter_account_id", "appeal_end", name="uq_sanction_parties"
        ),
        Index(None, "subject_kind", "subject_id", "sanction_id"),
        # What has come to its end and waits for the record of it.
        Index(None, "state", "end_recorded_at", "end_at"),
        Index(None, "start_at"),
        # What fell with an appeal.
        Index(None, "overturning_appeal_id"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    state: str = Field(sa_type=String(16))
    subject_kind: str = Field(sa_type=String(16))
    subject_id: str = Field(sa_type=String(36))
    capacity: str = Field(sa_type=String(16))
    group_id: str = Field(sa_type=String(36))
    points: int
    evidence_set: str = Field(sa_type=String(64))
    tip_off_id: str = Field(sa_type=String(36))
    duty_notice_id: str | None = Field(default=None, sa_type=String(36))
    reporter_account_id: str = Field(sa_type=String(36))
    issuer: str = Field(sa_type=String(128))
    proposed_at: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    start_at: datetime | None = Field(default=None, sa_type=Instant)
    end_at: datetime | None = Field(default=None, sa_type=Instant)
    review_at: datetime | None = Field(default=None, sa_type=Instant)
    points_end: datetime | None = Field(default=None, sa_type=Instant)
    appeal_end: datetime | None = Field(default=None, sa_type=Instant)
    overturning_appeal_id: str | None = Field(default=None, sa_type=String(36))
    end_recorded_at: datetime | None = Field(default=None, sa_type=Instant)
    interim_until: datetime | None = Field(default=None, sa_type=Instant)
    register_again_at: datetime | None = Field(default=None, sa_type=Instant)


class MeasureRow(CreditTable, table=True):
    """A measure of a sanction."""

    __tablename__ = "measure"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        one_of("kind", MeasureKind),
        CheckConstraint("(end_at IS NULL) <> (review_at IS NULL)", name="end_or_review"),
        CheckConstraint("kind <> 'BLACKLISTED' OR end_at IS NOT NULL", name="blacklist_term"),
        # What a rectification refers to.
        Index(None, "sanction_id", "kind", "end_at", unique=True),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str = Field(primary_key=True, sa_type=String(32))
    end_at: datetime | None = Field(default=None, sa_type=Instant)
    review_at: datetime | None = Field(default=None, sa_type=Instant)


class PriorDecisionRow(CreditTable, table=True):
    """That one sanction rests on another, with the points that the other had."""

    __tablename__ = "prior_decision"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        ForeignKeyConstraint(["prior_sanction_id"], ["sanction.sanction_id"]),
        CheckConstraint("sanction_id <> prior_sanction_id", name="other"),
        Index(None, "prior_sanction_id"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    prior_sanction_id: str = Field(primary_key=True, sa_type=String(36))
    points: int
    points_end: datetime | None = Field(default=None, sa_type=Instant)


class LiftRow(CreditTable, table=True):
    """That a sanction in force was lifted by a person, or an interim measure by a decision; one sanction, for good."""

    __tablename__ = "lift"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        ForeignKeyConstraint(["decision_id"], ["sanction.sanction_id"], name="fk_lift_decision"),
        CheckConstraint("lifted_at >= start_at", name="in_force"),
        CheckConstraint("(length(lifter) > 0) = (decision_id IS NULL)", name="person"),
        CheckConstraint("length(trim(reasons)) > 0 OR decision_id IS NOT NULL", name="reasons"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    start_at: datetime = Field(sa_type=Instant)
    lifted_at: datetime = Field(sa_type=Instant)
    lifter: str = Field(sa_type=String(128))
    reasons: str = Field(sa_type=Text)
    decision_id: str | None = Field(default=None, sa_type=String(36))


class RectificationRow(CreditTable, table=True):
    """That what a sanction ordered was put right before its date. Without a row it was not."""

    __tablename__ = "rectification"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        ForeignKeyConstraint(
            ["sanction_id", "kind", "due_at"],
            ["measure.sanction_id", "measure.kind", "measure.end_at"],
            name="fk_rectification_measure",
        ),
        CheckConstraint("kind = 'RECTIFICATION_ORDERED'", name="kind"),
        CheckConstraint("recorded_at >= start_at AND recorded_at < due_at", name="in_time"),
        CheckConstraint("length(recorder) > 0", name="person"),
        CheckConstraint("length(proof_sha256) = 64", name="proof"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str = Field(sa_type=String(32))
    start_at: datetime = Field(sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    recorder: str = Field(sa_type=String(128))
    proof_sha256: str = Field(sa_type=String(64))


class VariationRow(CreditTable, table=True):
    """That a sanction in force was made milder; what it imposed stays on record."""

    __tablename__ = "variation"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        CheckConstraint("varied_at >= start_at", name="in_force"),
        CheckConstraint("length(varier) > 0", name="person"),
        CheckConstraint("length(trim(reasons)) > 0", name="reasons"),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    start_at: datetime = Field(sa_type=Instant)
    varied_at: datetime = Field(sa_type=Instant)
    varier: str = Field(sa_type=String(128))
    reasons: str = Field(sa_type=Text)


class VariedMeasureRow(CreditTable, table=True):
    """The new end of a measure that a variation shortened."""

    __tablename__ = "varied_measure"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["variation.sanction_id"]),
        ForeignKeyConstraint(
            ["sanction_id", "kind"], ["measure.sanction_id", "measure.kind"], name="fk_varied_measure_measure"
        ),
    )

    sanction_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str = Field(primary_key=True, sa_type=String(32))
    end_at: datetime = Field(sa_type=Instant)


class StayRow(CreditTable, table=True):
    """That a person stayed a sanction whose appeal is open. It lasts as long as the appeal: there is no end to set."""

    __tablename__ = "stay"
    __table_args__ = (
        ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),
        CheckConstraint("length(stayer) > 0", name="person"),
        CheckConstraint("length(trim(reasons)) > 0", name="reasons"),
    )

    appeal_id: str = Field(primary_key=True, sa_type=String(36))
    stayed_at: datetime = Field(sa_type=Instant)
    stayer: str = Field(sa_type=String(128))
    reasons: str = Field(sa_type=Text)
