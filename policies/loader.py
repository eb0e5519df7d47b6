"""Reads a policy pack from YAML; whatever is wrong is told with file, line and field."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError

from chassis.config import ConfigError
from policies.pack import Pack


class _Loader(yaml.SafeLoader):
    """Leaves instants as text: the schema reads them, and a wrong one is told with its line."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class PackError(ConfigError):
    """A pack that can not be used. Its text has a line "file:line: field: reason" for each fault."""


def load(path: Path) -> Pack:
    """Reads and checks the pack in `path`.

    Raises:
        PackError: the file can not be read, is not YAML, repeats a key, or breaks the schema.
    """
    return _checked(path, _text(path))


# The services of one process are given the same pack.
@lru_cache(maxsize=4)
def _checked(path: Path, text: str) -> Pack:
    root = _root(path, text)
    _refuse_repeated_keys(path, root, ())
    try:
        return Pack.model_validate(_construct(path, root))
    except ValidationError as error:
        raise PackError(
            "\n".join(_fault(path, root, problem["loc"], problem["msg"]) for problem in error.errors())
        ) from error


def fault(path: Path, field: str, reason: str) -> PackError:
    """The error for a top-level field of a pack that was read, but can not be used where it was."""
    return PackError(_fault(path, _root(path, _text(path)), (field,), reason))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise PackError(f"{path}:1: file: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{path}:1: file: not UTF-8 text") from error


def _root(path: Path, text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PackError(f"{path}:{line}: file: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PackError(f"{path}:1: file: not YAML text") from error
    if not isinstance(root, yaml.MappingNode):
        raise PackError(f"{path}:1: file: expected a mapping of settings")
    return root


def _construct(path: Path, root: yaml.MappingNode) -> object:
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PackError(f"{path}:{line}: file: {error.problem}") from error
    except ValueError as error:
        raise PackError(f"{path}:1: file: {error}") from error
    finally:
        loader.dispose()


def _refuse_repeated_keys(path: Path, node: yaml.Node, location: tuple[str | int, ...]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_repeated_keys(path, item, (*location, index))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*location, str(key.value))
            if str(key.value) in seen:
                raise PackError(f"{path}:{key.start_mark.line + 1}: {_dotted(here)}: given twice")
            seen.add(str(key.value))
            _refuse_repeated_keys(path, value, here)


def _fault(path: Path, root: yaml.Node, location: Sequence[str | int], message: str) -> str:
    return f"{path}:{_line(root, location)}: {_dotted(location)}: {message.removeprefix('Value error, ')}"


def _line(root: yaml.Node, location: Sequence[str | int]) -> int:
    """The line, from 1, of the innermost node that the location leads to."""
    node, line = root, root.start_mark.line
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if str(key.value) == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _dotted(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location) or "pack"
