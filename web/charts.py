"""Bars, drawn by the server as SVG: on a page, in print and in a PDF the same. Beside it stands the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

WIDTH, LABELS, NUMBERS = 680, 230, 110
BAR, GAP = 18, 12
LETTERS = 26
"""So many go beside the bars in one row of words, whatever the font."""
ROW = 16
_FILLS = ("#154273", "url(#%s-stripes)")
"""The second series is striped: colour is never what tells two apart."""


@dataclass(frozen=True)
class Bar:
    """One number: drawn when there is one, and said in words either way."""

    value: int | None
    text: str


@dataclass(frozen=True)
class Line:
    """What a group of bars is about: a bar per series."""

    name: str
    bars: tuple[Bar, ...]

    @property
    def words(self) -> list[str]:
        """The name, in rows."""
        return wrap(self.name, LETTERS)

    @property
    def height(self) -> int:
        return max(len(self.bars) * BAR, len(self.words) * ROW)


@dataclass(frozen=True)
class Chart:
    """A number of lines with a bar per series. `says` is what somebody hears who does not see it."""

    id: str
    says: str
    series: tuple[str, ...]
    lines: Sequence[Line]

    def svg(self) -> Markup:
        """The drawing. Names and numbers go in as text, so nothing in them is ever markup."""
        legend = 26 if len(self.series) > 1 else 0
        rows = [line.height + GAP for line in self.lines]
        height = legend + sum(rows)
        most = max((bar.value or 0 for line in self.lines for bar in line.bars), default=0)
        root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH} {height}",
                "class": "chart",
                "role": "img",
                "aria-label": self.says,
                "font-size": "14",
                "font-family": "Libertinus Serif",
            },
        )
        self._stripes(root)
        if legend:
            self._legend(root)
        top = legend
        for line, tall in zip(self.lines, rows, strict=True):
            self._line(root, line, top, most)
            top += tall
        return Markup(tostring(root, encoding="unicode"))  # noqa: S704 - made of elements above, all text escaped

    def _stripes(self, root: Element) -> None:
        marks = {"id": f"{self.id}-stripes", "width": "6", "height": "6", "patternUnits": "userSpaceOnUse"}
        pattern = SubElement(SubElement(root, "defs"), "pattern", marks)
        SubElement(pattern, "rect", {"width": "6", "height": "6", "fill": "#ffffff"})
        SubElement(pattern, "path", {"d": "M0 6L6 0M-1 1L1 -1M5 7L7 5", "stroke": "#8a3a00", "stroke-width": "2"})

    def _fill(self, at: int) -> dict[str, str]:
        fill = _FILLS[at] if at == 0 else _FILLS[at] % self.id
        return {"fill": fill, "stroke": "#154273" if at == 0 else "#8a3a00", "class": f"chart__bar chart__bar--{at}"}

    def _legend(self, root: Element) -> None:
        left = LABELS
        for at, name in enumerate(self.series):
            SubElement(root, "rect", {"x": str(left), "y": "4", "width": "14", "height": "12", **self._fill(at)})
            _text(root, left + 20, 15, name)
            left += 28 + 8 * len(name)

    def _line(self, root: Element, line: Line, top: int, most: int) -> None:
        first = top + (line.height - (len(line.words) - 1) * ROW) // 2 + 5
        for at, words in enumerate(line.words):
            _text(root, LABELS - 8, first + at * ROW, words, "end")
        for at, bar in enumerate(line.bars):
            y = top + (line.height - len(line.bars) * BAR) // 2 + at * BAR
            long = (WIDTH - LABELS - NUMBERS) * (bar.value or 0) // most if most else 0
            if bar.value:
                shape = {"x": str(LABELS), "y": str(y + 1), "width": str(max(long, 2)), "height": str(BAR - 3)}
                SubElement(root, "rect", {**shape, **self._fill(at)})
            _text(root, LABELS + long + 6, y + 14, bar.text)


def _text(root: Element, x: int, y: int, words: str, anchor: str = "start") -> None:
    said = SubElement(root, "text", {"x": str(x), "y": str(y), "text-anchor": anchor, "fill": "currentColor"})
    said.text = words
