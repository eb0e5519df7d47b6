"""What differs between two packs, setting by setting."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.pack import Pack


@dataclass(frozen=True)
class Difference:
    """A setting that differs.

    Attributes:
        path: The setting, such as `credit.rules[spam].points_most`; what a list holds is named by its id or name.
        before: Its value in the older pack, as JSON; None if it was added.
        after: Its value in the newer pack, as JSON; None if it was removed.
        serves: The article or promise that the setting serves; empty if it names none.
    """

    path: str
    before: str | None
    after: str | None
    serves: str


def differences(older: Pack, newer: Pack) -> list[Difference]:
    """What differs from one pack to another, in the order of the schema."""
    return list(_compare("", older.model_dump(mode="json"), newer.model_dump(mode="json"), ""))


def _compare(path: str, before: Any, after: Any, serves: str) -> Iterator[Difference]:  # noqa: ANN401 - JSON values
    if before == after:
        return
    parts = _parts(before), _parts(after)
    if parts[0] is None or parts[1] is None:
        yield Difference(path, _json(before), _json(after), serves)
        return
    for name in parts[1] | parts[0]:
        part = f"{path}{name}".removeprefix(".")
        cited = _cited(name, after, before) or serves
        yield from _compare(part, parts[0].get(name), parts[1].get(name), cited)
    if list(parts[0]) != list(parts[1]) and parts[0] == parts[1]:
        yield Difference(f"{path}.order", _json(list(parts[0])), _json(list(parts[1])), serves)


def _parts(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    """What a value consists of, by how a path goes on; None if it is compared whole."""
    if isinstance(value, dict):
        return {f".{name}": part for name, part in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and _name(item) for item in value):
        return {f"[{_name(item)}]": item for item in value}
    return None


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("id") or item.get("name") or "")


def _cited(part: str, *values: Any) -> str:  # noqa: ANN401 - as above
    """The article that a part of a section serves: named by the section, or by the part itself."""
    for value in values:
        own = (_parts(value) or {}).get(part)
        if isinstance(own, dict) and (article := own.get("article") or own.get("serves")) and isinstance(article, str):
            return article
        if isinstance(value, dict) and isinstance(value.get("serves"), dict):
            cited = value["serves"].get(part.removeprefix("."))
            if cited:
                return str(cited)
    return ""


def _json(value: Any) -> str | None:  # noqa: ANN401 - as above
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
