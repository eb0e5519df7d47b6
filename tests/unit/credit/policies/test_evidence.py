from chassis.db import Unit
from services.credit.policies.evidence import Evidence, EvidenceKind, collect
from tests.support.engines import OpenDatabase
from tests.unit.credit.stored import keep_in_force, keep_interim, work


async def test_interim_measure_is_no_evidence_of_a_second_person(databases: OpenDatabase) -> None:
    def task(unit: Unit) -> None:
        keep_in_force(unit)
        keep_interim(unit)
        found = collect(unit.session, unit.now)
        assert found[EvidenceKind.SECOND_PERSONS] == Evidence(1, 1)
        assert found[EvidenceKind.STATEMENTS] == Evidence(2, 2)

    async with databases("credit") as database:
        await work(database, task)
