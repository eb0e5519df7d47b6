"""Horizontal bars as SVG, readable without colour and without a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

_WIDTH = 720
_LABELS = 350
_VALUES = 90
_ROW = 26
_BAR = 16


@dataclass(frozen=True)
class Bar:
    """A bar: what it is, how long it is in the unit of its plot, and the value as text."""

    label: str
    length: float
    value: str


def plot(parent: Element, title: str, bars: Sequence[Bar], *, longest: float = 0) -> None:
    """Adds a figure with its caption; without a bar it says that there was nothing.

    Args:
        parent: The element to add it to.
        title: What the bars show, with the unit.
        bars: From top to bottom.
        longest: The length that takes the whole width; that of the longest bar if it is greater.
    """
    figure = SubElement(parent, "figure")
    SubElement(figure, "figcaption").text = title
    if not bars:
        SubElement(figure, "p").text = "None."
        return
    height = str(_ROW * len(bars))
    svg = SubElement(figure, "svg", {"viewBox": f"0 0 {_WIDTH} {height}"})
    longest = max(longest, *(bar.length for bar in bars)) or 1
    for row, bar in enumerate(bars):
        _bar(svg, bar, top=row * _ROW, width=bar.length / longest * (_WIDTH - _LABELS - _VALUES))


def _bar(svg: Element, bar: Bar, *, top: int, width: float) -> None:
    middle = str(top + _ROW / 2)
    SubElement(svg, "text", {"x": str(_LABELS - 10), "y": middle, "class": "label"}).text = bar.label
    box = {"x": str(_LABELS), "y": str(top + (_ROW - _BAR) / 2), "width": f"{max(width, 1):.1f}", "height": str(_BAR)}
    SubElement(svg, "rect", box)
    SubElement(svg, "text", {"x": f"{_LABELS + width + 8:.1f}", "y": middle, "class": "value"}).text = bar.value
