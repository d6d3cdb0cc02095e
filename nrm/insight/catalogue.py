"""What is published of persons: a fixed list of tables, what they count, and how they hang together. Pure.

There are no filters and no tables on demand: whoever may choose what is counted can subtract. The tables hang together
as a tree: two share a margin or nothing, and there is no way round. So whatever anybody can work out of persons from
all of them can be worked out of their cells, and that is what `disclosure` protects (docs/decisions/0033).

Definitions have a version. Another one holds for whole years only, and what was published stays as it was.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import product
from typing import NamedTuple

ALL = "all"
"""The whole of a dimension."""

NATIONAL_MIN = 5
REGIONAL_MIN = 10
"""A smaller number of persons is not shown: in the whole country, and in a part of it."""

BASE = 5
"""What is shown is rounded to a multiple of this, each number by itself: the parts need not add up to the whole."""

CLOSES_AFTER_DAYS = 28
"""So long after its last day a month is counted, once, as it was known then."""


@dataclass(frozen=True)
class Dimension:
    """One thing persons are told apart by, with its levels: every code but the whole has one it is part of."""

    code: str
    levels: tuple[tuple[str, tuple[str, ...]], ...]
    """Each code that has parts, with its parts, from the whole down."""

    @property
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.levels)

    def above(self, code: str) -> tuple[str, ...]:
        """A code and everything it is part of, up to the whole."""
        whole = {part: code for code, parts in self.levels for part in parts}
        found = [code]
        while found[-1] != ALL:
            found.append(whole[found[-1]])
        return tuple(found)

    def depth(self, code: str) -> int:
        return len(self.above(code)) - 1


class Cell(NamedTuple):
    """One number: in which year or month, and of whom. The same persons are one cell, in whatever table they stand."""

    period: str
    """`2026` or `2026-03`."""
    of: tuple[tuple[str, str], ...]
    """Dimension and code, sorted; without what is the whole of a dimension."""

    @property
    def national(self) -> bool:
        return all(dimension != REGION for dimension, _ in self.of)

    @property
    def again(self) -> bool:
        """Whether it was counted before: then it is not even told whether it is small now."""
        return any(dimension == VERSION for dimension, _ in self.of)

    @property
    def least(self) -> int:
        """The smallest number that may be shown here."""
        return NATIONAL_MIN if self.national else REGIONAL_MIN


@dataclass(frozen=True)
class Table:
    """A table: its dimensions, each down to a depth."""

    code: str
    axes: tuple[tuple[str, int], ...]
    monthly: bool = False
    """Whether it is there per month too."""
    public: bool = True
    """Whether it stands on the public page too, and not only in the rapporteur's data set."""


@dataclass(frozen=True)
class Catalogue:
    """All tables of one version of the definitions."""

    version: int
    dimensions: tuple[Dimension, ...]
    tables: tuple[Table, ...]

    def dimension(self, code: str) -> Dimension:
        return next(found for found in self.dimensions if found.code == code)

    def codes(self, axis: tuple[str, int]) -> tuple[str, ...]:
        """The codes of an axis, the whole first, each followed by its parts."""
        dimension = self.dimension(axis[0])

        def down(code: str) -> Iterable[str]:
            yield code
            if dimension.depth(code) < axis[1]:
                for part in dimension.parts.get(code, ()):
                    yield from down(part)

        return tuple(down(ALL))

    def cells(self, table: Table, period: str) -> list[Cell]:
        """Every number of a table, in order."""
        names = [name for name, _ in table.axes]
        return [cell(period, zip(names, codes, strict=True)) for codes in product(*map(self.codes, table.axes))]

    def monthly(self, month: str) -> list[Cell]:
        """Every number there is of a month."""
        return [one for table in self.tables_of(month) for one in self.cells(table, month)]

    def tables_of(self, period: str) -> list[Table]:
        """The tables there are of a year, or of a month."""
        return [table for table in self.tables if table.monthly or not is_month(period)]

    def equations(self, period: str) -> set[tuple[Cell, tuple[Cell, ...]]]:
        """What in a year or a month is exactly the sum of what."""
        found = set()
        for table in self.tables_of(period):
            names = [name for name, _ in table.axes]
            for codes in product(*map(self.codes, table.axes)):
                for place, (name, depth) in enumerate(table.axes):
                    dimension = self.dimension(name)
                    parts = dimension.parts.get(codes[place], ()) if dimension.depth(codes[place]) < depth else ()
                    if parts:
                        whole = cell(period, zip(names, codes, strict=True))
                        split = [(*codes[:place], part, *codes[place + 1 :]) for part in parts]
                        found.add((whole, tuple(cell(period, zip(names, one, strict=True)) for one in split)))
        return found

    def year_equations(self, year: str, months: Sequence[str]) -> set[tuple[Cell, tuple[Cell, ...]]]:
        """The year is the sum of its months, for what there is of both."""
        monthly = {one.of for table in self.tables if table.monthly for one in self.cells(table, year)}
        return {(Cell(year, of), tuple(Cell(month, of) for month in months)) for of in monthly}

    def count(self, persons: Iterable[tuple[str, Mapping[str, str]]], periods: Sequence[str]) -> dict[Cell, int]:
        """The true numbers: of persons given as month and code per dimension, per month and per year of `periods`."""
        told = Counter((month, tuple(sorted(codes.items()))) for month, codes in persons)
        counts: dict[Cell, int] = {}
        for period in periods:
            for table in self.tables_of(period):
                # By itself, and not added to: the whole counts once, however many tables it stands in.
                own = dict.fromkeys(self.cells(table, period), 0)
                alike: Counter[tuple[str, ...]] = Counter()
                for (month, codes), number in told.items():
                    if period in (month, month[:4]):
                        of = dict(codes)
                        alike[tuple(of[name] for name, _ in table.axes)] += number
                for bottom, number in alike.items():
                    for one in self._about(table, period, bottom):
                        own[one] += number
                counts |= own
        return counts

    def _about(self, table: Table, period: str, codes: Sequence[str]) -> Iterable[Cell]:
        """Every number of a table that somebody of these codes is in."""
        names = [name for name, _ in table.axes]
        paths = []
        for (name, depth), code in zip(table.axes, codes, strict=True):
            dimension = self.dimension(name)
            paths.append([one for one in dimension.above(code) if dimension.depth(one) <= depth])
        return (cell(period, zip(names, one, strict=True)) for one in product(*paths))


def in_force(year: int, regions: tuple[str, ...]) -> Catalogue:
    """The definitions of a year."""
    version = max(version for version, since in DEFINED_FROM if since <= year)
    return {1: first}[version](regions)


def cell(period: str, of: Iterable[tuple[str, str]]) -> Cell:
    """The cell of these codes."""
    return Cell(period, tuple(sorted((name, code) for name, code in of if code != ALL)))


def rounded(count: int) -> int:
    """To the nearest multiple of the base; nothing that may be told becomes nothing."""
    return BASE * ((count + BASE // 2) // BASE)


def month_of(day: date) -> str:
    """What the month of a day is called: `2026-10`. A year is `2026`, a quarter `2026Q4`."""
    return f"{day:%Y-%m}"


def quarter_of(month: str) -> str:
    """The quarter in which a month lies."""
    return f"{month[:4]}Q{(int(month[5:]) + 2) // 3}"


def months_of(period: str) -> list[str]:
    """The months of a year or of a quarter, in order."""
    year, quarter = period[:4], period[5:]
    last = 3 * int(quarter) if quarter else 12
    return [f"{year}-{month:02d}" for month in range(last - 2 if quarter else 1, last + 1)]


def is_month(period: str) -> bool:
    return "-" in period


VERSION = "version"
"""Of a count that was made once more: which one."""

SEX, AGE, CITIZENSHIP, EXPLOITATION, RESULT, REGION = "sex", "age", "citizenship", "exploitation", "result", "region"

NOT_PLACED, NOT_KNOWN, UNKNOWN = "not_placed", "not_known", "unknown"

CHANGE = "change"
CHANGES = ("rule_eased", "places_added", "authority_asked")
"""What became of it, in numbers that are not of persons: rules that no longer exclude, places that were added, times
the competent authority was asked to act."""

DEFINED_FROM: tuple[tuple[int, int], ...] = ((1, 0),)
"""Version and the first year it is for. What changed and why is in `web/published_words.py`, a word per version."""


@cache
def first(regions: tuple[str, ...]) -> Catalogue:
    """Version 1, with the regions there are."""
    return Catalogue(
        1,
        (
            Dimension(SEX, ((ALL, ("f", "m", "x")),)),
            Dimension(
                AGE, ((ALL, ("child", "adult", UNKNOWN)), ("child", ("0_11", "12_17")), ("adult", ("18_24", "25_up")))
            ),
            Dimension(CITIZENSHIP, ((ALL, ("dutch", "eu", "non_eu", "unknown")),)),
            Dimension(EXPLOITATION, ((ALL, ("sexual", "labour", "criminal", "organ_removal", "unknown")),)),
            Dimension(
                RESULT,
                (
                    (ALL, ("placed", "youth_care", NOT_PLACED, "waiting")),
                    (
                        NOT_PLACED,
                        (
                            *("no_place", "no_suitable_place", "unsafe", "no_answer", "declined", "no_authority"),
                            *("stale_figures", "not_asked", "withdrawn", NOT_KNOWN),
                        ),
                    ),
                ),
            ),
            Dimension(REGION, ((ALL, regions),)),
        ),
        (
            Table("result", ((RESULT, 1),), monthly=True),
            Table("cause", ((RESULT, 2),)),
            Table("sex_age", ((AGE, 2), (SEX, 1))),
            Table("sex_age_exploitation", ((EXPLOITATION, 1), (AGE, 1), (SEX, 1)), public=False),
            Table("exploitation_citizenship", ((EXPLOITATION, 1), (CITIZENSHIP, 1)), public=False),
            Table("exploitation_result", ((EXPLOITATION, 1), (RESULT, 1))),
            Table("region_result", ((REGION, 1), (RESULT, 1))),
        ),
    )
