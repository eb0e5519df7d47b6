"""Tables of what other services have said, as messages."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlmodel import Field

from chassis.db.types import Instant
from services.groups.tables import GroupsTable


class ProjectedAccount(GroupsTable, table=True):
    """What decisions need of the last `ombud.identity.v1.Account` of an account."""

    __tablename__ = "projected_account"

    account_id: str = Field(primary_key=True, sa_type=String(36))
    message: bytes = Field(sa_type=LargeBinary)


class ProjectedStanding(GroupsTable, table=True):
    """The last `ombud.credit.v1.SubjectEntitlements` of a subject, or the `DefaultEntitlements`.

    The key is "account/<id>", "group/<id>", "default", or "default held back" while credit tells what it has.
    """

    __tablename__ = "projected_standing"

    subject_key: str = Field(primary_key=True, sa_type=String(48))
    message: bytes = Field(sa_type=LargeBinary)


class HeardFeed(GroupsTable, table=True):
    """Up to which instant a feed has told all, by the clock of the service whose feed it is."""

    __tablename__ = "heard_feed"

    feed: str = Field(primary_key=True, sa_type=String(64))
    time: datetime = Field(sa_type=Instant)
