"""Guards in code, and the same code without them."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def is_guard(node: ast.AST) -> bool:
    """Whether a statement is a condition, or a search, that ends in a refusal."""
    return isinstance(node, ast.If | ast.For) and isinstance(node.body[-1], ast.Raise)


class Forgetting(ast.NodeTransformer):
    """Takes guards out of a function."""

    def __init__(self, forgotten: Callable[[ast.AST], bool]) -> None:
        self._forgotten = forgotten

    def visit(self, node: ast.AST) -> ast.AST:
        if self._forgotten(node):
            return ast.copy_location(ast.Pass(), node)
        visited: ast.AST = self.generic_visit(node)
        return visited


def definitions(module: ModuleType) -> Iterator[tuple[str, Definition]]:
    """The functions of a module and the methods of its classes, by qualified name."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, Definition):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{each.name}", each) for each in node.body if isinstance(each, Definition))


def function(module: ModuleType, name: str) -> FunctionType:
    """The function of a module, or the method or property of one of its classes."""
    holder, _, last = name.rpartition(".")
    found = vars(vars(module)[holder] if holder else module)[last]
    found = found.fget if isinstance(found, property) else found
    assert isinstance(found, FunctionType)
    return found


def compiled(module: ModuleType, definition: Definition) -> CodeType:
    """The code of a definition, as if it stood in its module."""
    definition.decorator_list = []
    namespace = dict(vars(module))
    tree = ast.fix_missing_locations(ast.Module([definition], []))
    exec(compile(tree, module.__name__, "exec"), namespace)  # noqa: S102 - our own code
    code: CodeType = namespace[definition.name].__code__
    return code


@contextmanager
def replaced(module: ModuleType, name: str, code: CodeType) -> Iterator[None]:
    """Runs the block with other code in a function."""
    target = function(module, name)
    whole, target.__code__ = target.__code__, code
    try:
        yield
    finally:
        target.__code__ = whole


@contextmanager
def without(path: str, answers: str) -> Iterator[None]:
    """Runs the block without the guards of a function.

    Args:
        path: Module and qualified name, such as "services.credit.sanctions.domain:approve".
        answers: What the function answers instead of anything else; empty to take its refusals out alone.
    """
    module = importlib.import_module(path.partition(":")[0])
    name = path.partition(":")[2]
    definition = dict(definitions(module))[name]
    if answers:
        definition.body = [ast.Return(ast.parse(answers, mode="eval").body)]
    else:
        Forgetting(is_guard).visit(definition)
    with replaced(module, name, compiled(module, definition)):
        yield
