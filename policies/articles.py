"""Which article a setting serves."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from policies.pack import Cited, Obligation, Pack

_REFERENCE = re.compile(r"(?P<statute>[A-Z][\w -]*? )?Art\. ?(?P<number>\d+)(?P<parts>(?:\(\w+\))*)")
_WANTED = re.compile(r"(?:(?P<statute>.*?) ?\bArt\. ?)?(?P<number>\d+)(?P<parts>(?:\(\w+\))*)")


@dataclass(frozen=True)
class Setting:
    """A setting of a pack with the article that it serves.

    Attributes:
        path: The setting, such as `credit.rules[spam]`.
        value: Its value, as JSON.
        serves: What it says that it serves.
    """

    path: str
    value: str
    serves: str


@dataclass(frozen=True)
class Article:
    """An article, or a part of it, of one statute or of any.

    Attributes:
        statute: The statute's name; empty for any.
        number: The number of the article.
        parts: The parts that are meant, such as `(3)(d)`; empty for all.
    """

    statute: str
    number: str
    parts: str = ""

    @classmethod
    def parse(cls, text: str) -> "Article":
        """Reads `17`, `17(3)` or `DSA Art. 17(3)`.

        Raises:
            ValueError: It is no article.
        """
        found = _WANTED.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no article; 17, 17(3) or DSA Art. 17(3) are")
        return cls((found["statute"] or "").strip(), found["number"], found["parts"])

    def cited_in(self, citation: str) -> bool:
        """Whether a citation names the article or a part of it."""
        return any(
            found["number"] == self.number
            and (found["parts"] or "").startswith(self.parts)
            and (found["statute"] or "").strip().endswith(self.statute)
            for found in _REFERENCE.finditer(citation)
        )


def settings_of(pack: Pack, article: Article) -> list[Setting]:
    """The settings and rules of a pack that serve an article."""
    return [setting for setting in _settings(pack) if article.cited_in(setting.serves)]


def obligations_of(pack: Pack, article: Article) -> list[Obligation]:
    """What a pack says that an article demands."""
    return [obligation for obligation in pack.obligations if article.cited_in(obligation.article)]


def _settings(pack: Pack) -> Iterator[Setting]:
    for name, section in (("identity", pack.identity), ("credit", pack.credit), ("groups", pack.groups)):
        yield from _cited(name, section)
    for rule in pack.credit.rules:
        yield Setting(f"credit.rules[{rule.id}]", json.dumps(rule.title, ensure_ascii=False), rule.article)
    for name, terms in pack.retention.classes.items():
        kept = {"floor_days": terms.floor_days, "ceiling_days": terms.ceiling_days}
        yield Setting(f"retention.classes.{name}", json.dumps(kept), terms.serves)
    yield from _cited("retention.access", pack.retention.access)


def _cited(path: str, section: Cited) -> Iterator[Setting]:
    values = section.model_dump(mode="json")
    for name, article in section.serves.items():
        value = values[name]
        # What a list or a table holds has its own lines, or is too long to show.
        shown = f"{len(value)} entries" if isinstance(value, list | dict) else json.dumps(value)
        yield Setting(f"{path}.{name}", shown, article)
