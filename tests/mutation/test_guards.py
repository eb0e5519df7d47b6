"""Takes each guard away in turn, and expects a test to notice."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

from services.credit.appeals import domain as appeals
from services.credit.blacklist import exchange
from services.credit.referrals import domain as referrals
from services.credit.sanctions import domain as sanctions
from services.credit.sanctions import ladder, proposal
from services.credit.standings import remedies

TESTS = Path(__file__).parents[1] / "unit" / "credit"
GUARDED: dict[ModuleType, str] = {
    sanctions: "sanctions/test_domain.py",
    proposal: "sanctions/test_proposal.py",
    ladder: "sanctions/test_ladder.py",
    appeals: "appeals/test_domain.py",
    exchange: "blacklist/test_exchange.py",
    referrals: "referrals/test_domain.py",
    remedies: "standings/test_remedies.py",
}


@dataclass(frozen=True)
class Guard:
    """A condition under which a function of the domain refuses."""

    module: ModuleType
    function: str
    condition: ast.If

    @property
    def name(self) -> str:
        module = self.module.__name__.removeprefix("services.credit.")
        return f"{module}.{self.function}: {ast.unparse(self.condition.test)}"

    def without(self) -> CodeType:
        """The function's code as if the guard had been forgotten."""
        definition = next(each for each in _functions(self.module) if each.name == self.function)
        forgotten = ast.fix_missing_locations(_Forgetting(self.condition.lineno).visit(definition))
        namespace = dict(vars(self.module))
        exec(compile(ast.Module([forgotten], []), self.module.__name__, "exec"), namespace)  # noqa: S102 - our own code
        code: CodeType = namespace[self.function].__code__
        return code


class _Forgetting(ast.NodeTransformer):
    def __init__(self, line: int) -> None:
        self._line = line

    def visit_If(self, node: ast.If) -> ast.AST:
        if node.lineno == self._line:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def _functions(module: ModuleType) -> Iterator[ast.FunctionDef]:
    yield from (each for each in ast.parse(inspect.getsource(module)).body if isinstance(each, ast.FunctionDef))


def _guards() -> Iterator[Guard]:
    for module in GUARDED:
        for function in _functions(module):
            for node in ast.walk(function):
                if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
                    yield Guard(module, function.name, node)


@pytest.mark.parametrize("guard", [pytest.param(guard, id=guard.name) for guard in _guards()])
def test_guard_that_is_forgotten_is_missed(guard: Guard) -> None:
    function = getattr(guard.module, guard.function)
    assert isinstance(function, FunctionType)
    whole = function.__code__
    function.__code__ = guard.without()
    try:
        outcome = pytest.main(
            ["-x", "-q", "-p", "no:cacheprovider", "-k", "not postgresql", str(TESTS / GUARDED[guard.module])]
        )
    finally:
        function.__code__ = whole

    assert outcome == pytest.ExitCode.TESTS_FAILED
