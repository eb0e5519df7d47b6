"""What a benchmark says: one JSON object on one line."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        bench: Name of the benchmark.
        value: What was measured, in `unit`; the median where there were several runs; None where it is not installed.
        unit: Such as `calls/s`.
        peer: What ran beside it in turn, if anything did.
        ratio: `value` over that of the peer.
        budget: What the design asks of `ratio` where there is a peer, of `value` where there is none.
        ok: Whether the budget is kept; True where there is none.
        more: Further figures, by name.
    """

    bench: str
    value: float | None
    unit: str
    peer: str | None = None
    ratio: float | None = None
    budget: float | None = None
    ok: bool = True
    more: Mapping[str, float | str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = {
            "bench": self.bench,
            "value": _rounded(self.value),
            "unit": self.unit,
            "peer": self.peer,
            "ratio": _rounded(self.ratio),
            "budget": self.budget,
            "ok": self.ok,
        }
        return json.dumps(shown | {name: _rounded(value) for name, value in self.more.items()})


def _rounded(value: float | str | None) -> float | str | None:
    """Three digits after the point below 100, none above: nothing here is measured more exactly."""
    if not isinstance(value, float):
        return value
    return round(value) if abs(value) >= 100 else round(value, 3)  # noqa: PLR2004 - said above
