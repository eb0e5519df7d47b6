"""Takes the constraints of the database away, each in turn, and expects the attacks that it held to get through."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from tests.mutation.guards import GUARDS
from tests.support.engines import fresh_postgres, opened
from tests.unit.credit.attacks.attack import Attack, bound, values_of
from tests.unit.credit.attacks.on_appeals import APPEALS
from tests.unit.credit.attacks.on_consequences import CONSEQUENCES
from tests.unit.credit.attacks.on_exchanges import EXCHANGES
from tests.unit.credit.attacks.on_policies import POLICIES
from tests.unit.credit.attacks.on_referrals import REFERRALS
from tests.unit.credit.attacks.on_sanctions import INTERIM, SANCTIONS
from tests.unit.credit.stored import work

ATTACKS = (*SANCTIONS, *INTERIM, *CONSEQUENCES, *APPEALS, *REFERRALS, *EXCHANGES, *POLICIES)
# More guards than these do not stand behind one another.
DEEPEST = 6


async def test_each_constraint_is_what_holds_an_attack(postgres: str) -> None:
    url = fresh_postgres(postgres)
    async with opened(url, "credit") as database:
        await work(database, lambda _unit: None)
        targets = [await database.work("prepare", attack.prepare) for attack in ATTACKS]

    engine = create_engine(url)
    holding = {attack: held_by(engine, attack, target) for attack, target in zip(ATTACKS, targets, strict=True)}
    engine.dispose()

    for attack, constraints in holding.items():
        assert constraints, f"nothing holds: {attack.name}"
        assert attack.constraint in constraints[0], f"{attack.name} is held by {constraints[0]}"
    held = {name for constraints in holding.values() for name in constraints}
    assert {name for guard in GUARDS for name in guard.constraints} <= held


def held_by(engine: Engine, attack: Attack, target: str) -> list[str]:
    """The constraints that an attack meets, one behind another, until it gets through."""
    values = values_of(target)
    met: list[tuple[str, str]] = []
    for _ in range(DEEPEST):
        with rolled_back(engine) as connection:
            drop(connection, met)
            try:
                for statement in attack.statements:
                    connection.execute(bound(statement, values))
            except IntegrityError as error:
                diagnosis = error.orig.diag  # type: ignore[union-attr]  # of psycopg
                met.append((diagnosis.table_name, diagnosis.constraint_name or diagnosis.column_name))
            else:
                return [name for _, name in met]
    pytest.fail(f"{attack.name} does not get through without {met}")


def drop(connection: Connection, guards: Sequence[tuple[str, str]]) -> None:
    for table, name in guards:
        if "_" in name and name.split("_")[0] in {"ck", "fk", "uq", "pk"}:
            connection.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}" CASCADE'))
        else:
            connection.execute(text(f'ALTER TABLE "{table}" ALTER COLUMN "{name}" DROP NOT NULL'))


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()
