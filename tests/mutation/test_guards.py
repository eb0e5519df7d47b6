"""Takes each refusal of the domain away in turn, and expects a test to notice."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from services.credit import subjects
from services.credit.appeals import domain as appeals
from services.credit.blacklist import exchange
from services.credit.policies import domain as policies
from services.credit.quality import domain as quality
from services.credit.referrals import domain as referrals
from services.credit.sanctions import domain as sanctions
from services.credit.sanctions import interim, ladder, proposal, relief
from services.credit.standings import remedies
from services.credit.transparency import domain as transparency
from tests.mutation.code import Forgetting, compiled, definitions, is_guard, replaced
from tests.mutation.guards import API, CREDIT, GUARDS

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "unit" / "credit"
GUARDED: dict[ModuleType, str] = {
    sanctions: "sanctions/test_domain.py",
    proposal: "sanctions/test_proposal.py",
    ladder: "sanctions/test_ladder.py",
    interim: "sanctions/test_interim.py",
    relief: "sanctions/test_relief.py",
    subjects: "sanctions/test_relief.py",
    appeals: "appeals/test_domain.py",
    exchange: "blacklist/test_exchange.py",
    referrals: "referrals/test_domain.py",
    remedies: "standings/test_remedies.py",
    quality: "quality/test_domain.py",
    policies: "policies/test_domain.py",
    transparency: "transparency/test_domain.py",
}


@dataclass(frozen=True)
class Refusing:
    """A condition under which a function of the domain refuses."""

    module: ModuleType
    function: str
    condition: ast.If

    @property
    def name(self) -> str:
        module = self.module.__name__.removeprefix(CREDIT)
        return f"{module}.{self.function}: {ast.unparse(self.condition.test)}"


def refusing() -> Iterator[Refusing]:
    for module in GUARDED:
        for name, definition in definitions(module):
            for node in ast.walk(definition):
                if isinstance(node, ast.If) and is_guard(node):
                    yield Refusing(module, name, node)


@pytest.mark.parametrize("guard", [pytest.param(guard, id=guard.name) for guard in refusing()])
def test_refusal_that_is_forgotten_is_missed(guard: Refusing) -> None:
    definition = dict(definitions(guard.module))[guard.function]
    line = guard.condition.lineno
    Forgetting(lambda node: isinstance(node, ast.If) and node.lineno == line).visit(definition)

    with replaced(guard.module, guard.function, compiled(guard.module, definition)):
        outcome = pytest.main(
            ["-x", "-q", "-p", "no:cacheprovider", "-k", "not postgresql", str(TESTS / GUARDED[guard.module])]
        )

    assert outcome == pytest.ExitCode.TESTS_FAILED


def test_every_rule_has_guards_that_are_attacked_from_both_sides() -> None:
    assert {guard.rule for guard in GUARDS} == {"R2", "R3", "R4", "R5", "R6", "R10"}
    for guard in GUARDS:
        file, _, test = guard.api.partition("::")
        assert f"async def {test}(" in (ROOT / API / file).read_text(encoding="utf-8"), guard.api
        assert guard.constraints, guard.what
