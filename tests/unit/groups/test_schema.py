from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import Session

from services.groups import models
from tests.support.engines import OpenDatabase


def owned(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name in models.metadata.tables


async def test_migrations_give_the_tables_that_the_models_describe(databases: OpenDatabase) -> None:
    def differences(session: Session) -> list[object]:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True, "include_name": owned})
        return list(compare_metadata(context, models.metadata))

    async with databases("groups") as database:
        assert await database.read(differences) == []
