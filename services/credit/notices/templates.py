"""The texts of notices and letters, a file a language."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.resources import files
from string import Template
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from yaml import CSafeLoader, load

from services.credit.notices.domain import Language


class Measured(Protocol):
    """A measure with its end or its review date."""

    @property
    def kind(self) -> str:
        """What it does."""
        ...

    @property
    def end(self) -> datetime | None:
        """When it ends."""
        ...

    @property
    def review(self) -> datetime | None:
        """When it is looked at again, if it has no end."""
        ...


class Cited(Protocol):
    """A decision that another rests on, with the points that it had then."""

    @property
    def sanction_id(self) -> str:
        """Its id."""
        ...

    @property
    def points(self) -> int:
        """The points."""
        ...

    @property
    def points_end(self) -> datetime | None:
        """When they expire; None without points."""
        ...


class _Text(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str


class _Texts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: Mapping[str, _Text]
    outcomes: Mapping[str, str]
    measures: Mapping[str, str]
    sources: Mapping[str, str]
    until: str
    review: str
    register_again: str
    points: str
    materials: str
    rests_on: str
    decision: str
    decision_with_points: str


class Templates:
    """Reads the files that are shipped with the service."""

    def __init__(self) -> None:
        folder = files(__package__).joinpath("texts")
        self._texts = {
            language: _Texts.model_validate(load(folder.joinpath(f"{language}.yaml").read_text("utf-8"), CSafeLoader))
            for language in Language
        }

    def text(self, language: Language, occasion: str, **values: str | int) -> tuple[str, str]:
        """Title and text for an occasion, with all its values put in."""
        texts = self._texts[language].texts[occasion]
        return texts.title, Template(texts.text).substitute(values)

    def outcome(self, language: Language, outcome: str, **values: str) -> str:
        """How an appeal ended, with the measures as they run now and the points that are left where that is news."""
        return Template(self._texts[language].outcomes[outcome]).substitute(values)

    def measures(
        self, language: Language, measures: Iterable[Measured], *, register_again: datetime | None = None
    ) -> str:
        """Measures with their ends, a line each, and from when on another account may be had."""
        texts = self._texts[language]
        lines = [f"{texts.measures[measure.kind]}, {_term(texts, measure.end, measure.review)}" for measure in measures]
        if register_again:
            lines.append(Template(texts.register_again).substitute(at=told(register_again)))
        return "\n".join(f"- {line}" for line in lines)

    def points(self, language: Language, points: int, days: int) -> str:
        """How many points a sanction counts, and for how many days."""
        return Template(self._texts[language].points).substitute(points=points, days=days) if points else "0"

    def source(self, language: Language, source: str) -> str:
        """How the facts came to be known, in a sentence."""
        return self._texts[language].sources[source]

    def materials(self, language: Language, materials: str) -> str:
        """What it takes to restore how things were, on a line of its own; empty if nothing is needed."""
        return "\n" + Template(self._texts[language].materials).substitute(materials=materials) if materials else ""

    def rests_on(self, language: Language, decisions: Iterable[Cited]) -> str:
        """The decisions that one rests on, a line each after a first one; empty if it rests on none."""
        texts = self._texts[language]
        lines = [
            Template(texts.decision_with_points if each.points else texts.decision).substitute(
                sanction=each.sanction_id, points=each.points, at=told(each.points_end) if each.points_end else ""
            )
            for each in decisions
        ]
        return "\n".join(["", texts.rests_on, *(f"- {line}" for line in lines)]) if lines else ""

    def names(self, language: Language) -> dict[str, set[str]]:
        """What a language has words for."""
        texts = self._texts[language]
        return {
            "texts": set(texts.texts),
            "outcomes": set(texts.outcomes),
            "measures": set(texts.measures),
            "sources": set(texts.sources),
        }


def _term(texts: _Texts, end: datetime | None, review: datetime | None) -> str:
    at = end or review
    return Template(texts.until if end else texts.review).substitute(at=told(at) if at else "")


def told(at: datetime) -> str:
    """An instant, as people are told of it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
