"""The epoch of a change feed: which history its revisions count."""

from sqlalchemy import update

from chassis.db.engine import write_engine
from chassis.db.tables import FeedHead
from chassis.ids import new_id


def renew(url: str) -> None:
    """Begins a new epoch, since the database was restored: its next revisions name other changes than before.

    Whoever followed the feed, or holds a token of it, learns so from the epoch, however far the revisions have come
    by then.

    Args:
        url: SQLAlchemy URL of a database at the newest schema, which no process serves from. One that was never
            served from begins its first epoch when it is.
    """
    engine = write_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(update(FeedHead).values(epoch=new_id()))
    finally:
        engine.dispose()
