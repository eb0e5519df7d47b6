"""The tables of tip-offs and of contests."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.groups.tables import GroupsTable
from services.groups.tipoffs.domain import Category, Outcome, Source


class TipOffRow(GroupsTable, table=True):
    """A tip-off. Nothing about the reporter; texts are sealed. A decision has its reasons, a reply its decision.

    The target has no foreign key: what becomes of an account or a group does not touch what was reported.
    """

    __tablename__ = "tip_off"
    __table_args__ = (
        one_of("category", Category),
        one_of("outcome", Outcome),
        one_of("source", Source),
        CheckConstraint("(account_id = '') <> (group_id = '')", name="one_target"),
        CheckConstraint("due_time > receive_time", name="time_to_answer"),
        CheckConstraint("decide_time IS NULL OR triage_time IS NOT NULL", name="triaged_first"),
        CheckConstraint("reply_time IS NULL OR decide_time IS NOT NULL", name="decided_first"),
        CheckConstraint("(decide_time IS NULL) = (outcome IS NULL)", name="outcome_decided"),
        CheckConstraint("(decide_time IS NULL) = (reasons IS NULL)", name="reasons_decided"),
        CheckConstraint("(reply_time IS NULL) = (reply IS NULL)", name="reply_sent"),
        Index(None, "due_time", "tip_off_id"),
        # What waits for an answer: no scan of all that was answered.
        Index(None, "reply_time", "due_time", "tip_off_id"),
        Index(None, "receive_time"),
        Index(None, "group_id", "account_id", "receive_time"),
        # What a contest refers to.
        Index(None, "tip_off_id", "decider", unique=True),
    )

    tip_off_id: str = Field(primary_key=True, sa_type=String(36))
    reference_number: str = Field(unique=True, sa_type=String(16))
    tracking_hash: bytes = Field(unique=True, sa_type=LargeBinary)
    account_id: str = Field(sa_type=String(36))
    group_id: str = Field(sa_type=String(36))
    group_code: str = Field(sa_type=String(12))
    message_id: str = Field(sa_type=String(128))
    category: str = Field(sa_type=String(32))
    urgent: bool
    priority: int
    explanation: bytes = Field(sa_type=LargeBinary)
    excerpt: bytes = Field(sa_type=LargeBinary)
    evidence_sha256: bytes = Field(sa_type=LargeBinary)
    observe_time: datetime | None = Field(default=None, sa_type=Instant)
    receive_time: datetime = Field(sa_type=Instant)
    due_time: datetime = Field(sa_type=Instant)
    triage_time: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = Field(default=None, sa_type=String(16))
    reasons: bytes | None = Field(default=None, sa_type=LargeBinary)
    sanction_ids: str = Field(default="", sa_type=String(740))
    decide_time: datetime | None = Field(default=None, sa_type=Instant)
    reply: bytes | None = Field(default=None, sa_type=LargeBinary)
    reply_time: datetime | None = Field(default=None, sa_type=Instant)
    decider: str = Field(default="", sa_type=String(128))
    contest_end: datetime | None = Field(default=None, sa_type=Instant)
    source: str = Field(default=Source.ANYONE, sa_type=String(16))


class TipOffContestRow(GroupsTable, table=True):
    """That a reporter contested an answer, once. Who decides it is not who decided first. Texts are sealed."""

    __tablename__ = "tip_off_contest"
    __table_args__ = (
        ForeignKeyConstraint(["tip_off_id", "first_decider"], ["tip_off.tip_off_id", "tip_off.decider"]),
        one_of("outcome", Outcome),
        CheckConstraint("due_time > contest_time", name="time_to_answer"),
        CheckConstraint("decider <> first_decider AND length(decider) > 0", name="other_person"),
        CheckConstraint(
            "(decide_time IS NULL) = (outcome IS NULL) AND (decide_time IS NULL) = (reasons IS NULL)"
            " AND (decide_time IS NULL) = (reply IS NULL) AND (decide_time IS NULL) = (decider IS NULL)",
            name="decided_whole",
        ),
        Index(None, "decide_time"),
    )

    tip_off_id: str = Field(primary_key=True, sa_type=String(36))
    first_decider: str = Field(sa_type=String(128))
    contest_time: datetime = Field(sa_type=Instant)
    due_time: datetime = Field(sa_type=Instant)
    statement: bytes = Field(sa_type=LargeBinary)
    decider: str | None = Field(default=None, sa_type=String(128))
    outcome: str | None = Field(default=None, sa_type=String(16))
    reasons: bytes | None = Field(default=None, sa_type=LargeBinary)
    reply: bytes | None = Field(default=None, sa_type=LargeBinary)
    sanction_ids: str = Field(default="", sa_type=String(740))
    decide_time: datetime | None = Field(default=None, sa_type=Instant)
