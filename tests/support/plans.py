"""How SQLite would answer a service's queries: by an index, or by reading a whole table."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlmodel import Session

from chassis.db import Database


async def plan_of(database: Database, query: Callable[[Session], object]) -> str:
    """SQLite's plan for every statement of a query, a line a step; the database is empty or small all the same."""
    steps: list[str] = []

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        found = connection.connection.cursor()
        found.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps.extend(str(row[3]) for row in found.fetchall())

    def run(session: Session) -> None:
        event.listen(session.connection(), "before_cursor_execute", explain)
        query(session)

    await database.read(run)
    return "\n".join(steps)
