from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from services.credit.models import metadata
from tests.support.engines import OpenDatabase


async def test_migrations_make_the_tables_that_the_code_expects(databases: OpenDatabase, database_url: str) -> None:
    async with databases("credit"):
        engine = create_engine(database_url)
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables}
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        engine.dispose()

    assert differences == []
