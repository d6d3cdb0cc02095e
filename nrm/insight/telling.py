"""What may be told in shortage statements, beside everything else that is out of the same year. Pure.

Statements count requests, per region and month and for the country per quarter; what is published counts persons, per
month and year. Those are nearly the same people, and one reader may have all of it. So they are one set of numbers
for `disclosure`, and whatever comes out gives way to what is out already (docs/decisions/0035).

Two counts of nearly the same (persons and requests, a first version and a later one, after three days and after four
weeks) differ by something. An opponent is taken to know when that is one person, and else which way it goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nrm.insight import catalogue
from nrm.insight.catalogue import ALL, REGION, VERSION, Catalogue, Cell, is_month, months_of, quarter_of
from nrm.insight.disclosure import CannotProtectError, Equation, Shown, protect

DEMAND, ENDED, WAITING, CONTINUITY = "demand", "ended", "waiting", "continuity"
"""What statements count in parts: how requests went, what was missing for those that ended or waited, and answers."""

PROFILE = "profile"
"""The same requests as of `DEMAND` by whom they are for, told of the country only."""

RESULTS = {"placed": "placed", "youth_care": "youth_care", catalogue.NOT_PLACED: "ended", "waiting": "waiting"}
"""The result in what is published, and how it went in a statement."""

BETWEEN = "between"

MANY = 800
"""With more numbers than this, what statements counted that told nothing is laid beside and not itself sought for."""


@dataclass(frozen=True)
class Counted:
    """What one version of one statement counted, exactly."""

    period: str
    """`2026-10`, or `2026Q4`."""
    region: str
    """Empty for the whole country."""
    version: int
    counts: Mapping[str, Mapping[str, int]]
    """Per kind its parts, also those that are nobody."""
    regions: Mapping[str, int] = field(default_factory=dict)
    """Of the country: the requests of every region."""

    def plain(self) -> dict[str, Any]:
        """As it is kept."""
        return {"counts": self.counts, "regions": self.regions}

    def name(self, kind: str, code: str, region: str = "") -> Cell:
        """What one of its numbers is called."""
        return number(self.period, kind, code, region or self.region, self.version)

    def numbers(self, kind: str) -> dict[Cell, int]:
        """Its numbers of one kind, with the whole of it."""
        found = {self.name(kind, ALL): sum(self.counts[kind].values())}
        found |= {self.name(kind, code): count for code, count in self.counts[kind].items()}
        if kind == DEMAND:
            found |= {self.name(PROFILE, code): count for code, count in self.counts.get(PROFILE, {}).items()}
            found |= {self.name(DEMAND, ALL, region): count for region, count in self.regions.items()}
        return found


@dataclass
class Together:
    """Numbers that hang together, as `disclosure.protect` takes them."""

    counts: dict[Cell, int] = field(default_factory=dict)
    sums: set[Equation] = field(default_factory=set)
    between: set[Cell] = field(default_factory=set)
    """How much two counts of nearly the same differ."""
    inner: set[Cell] = field(default_factory=set)
    """In no table: what others hang together by."""

    def is_sum(self, whole: Cell, parts: Iterable[Cell]) -> None:
        """A number is the sum of those of the others that are counted, up to what lies between."""
        found = tuple(part for part in parts if part in self.counts)
        differ = self.counts[whole] - sum(self.counts[part] for part in found)
        if found and differ:
            more = Cell(whole.period, (*whole.of, (BETWEEN, str(len(self.between)))))
            self.counts[more] = differ
            self.between.add(more)
            found = (*found, more)
        if found:
            self.sums.add((whole, found))


def number(period: str, kind: str, code: str, region: str = "", version: int = 1) -> Cell:
    """A number of a statement by its name."""
    of = [(kind, code), *([(REGION, region)] if region else []), *([(VERSION, str(version))] if version > 1 else [])]
    return Cell(period, tuple(sorted(of)))


def published(found: Catalogue, counts: Mapping[Cell, int], periods: Sequence[str]) -> Together:
    """What is published of these months of one year, and of the year if it is among them, with what they add up to."""
    months = [period for period in periods if is_month(period)]
    sums: set[Equation] = set().union(*(found.equations(period) for period in periods))
    for year in set(periods) - set(months):
        sums |= found.year_equations(year, months)
    return Together({one: count for one, count in counts.items() if one.period in set(periods)}, sums)


def tell(new: Sequence[Counted], out: Sequence[Counted], beside: Together, before: Mapping[Cell, int | None]) -> Shown:
    """What to tell in new statements of one period. The others that are `out`, and what is published, stay.

    What a month is in the whole country will be published: it is taken that it is, as it is now.
    """
    shown: Shown = {}
    period = new[0].period
    quarter = quarter_of(period) if is_month(period) else period
    year_is_out = any(not is_month(one.period) for one in beside.counts)
    if not year_is_out:
        near = {one for one in beside.counts if quarter_of(one.period) == quarter}
        beside = Together({one: beside.counts[one] for one in near}, {one for one in beside.sums if one[0] in near})
    for kind in (kind for kind in new[0].counts if kind != PROFILE):
        others = out if kind == DEMAND and year_is_out else _near(out, quarter)
        found = together(kind, [*others, *new], beside if kind == DEMAND else Together())
        as_if = _as_published(found) if kind == DEMAND else {}
        own = {name for one in new for name in one.numbers(kind)}
        try:
            safe = protect(found.counts, found.sums, {**as_if, **before}, found.between, found.inner)
        except CannotProtectError:
            safe = dict.fromkeys(own)
        shown |= {one: safe[one] for one in own}
    return shown


def publish(
    found: Catalogue,
    counts: Mapping[Cell, int],
    period: str,
    months: Sequence[str],
    said: Sequence[Counted],
    before: Mapping[Cell, int | None],
) -> Shown:
    """What to show of one month, or of one year with its `months`. Everything that was `said` and shown before stays.

    Nothing but the year says of a quarter and of another at once.
    """
    if is_month(period):
        periods = [month for month in months if month < period and quarter_of(month) == quarter_of(period)]
        said = _near(said, quarter_of(period))
    else:
        periods = list(months)
    all_of_it = together(DEMAND, said, published(found, counts, [*periods, period]))
    aside = set(all_of_it.inner)
    if len(all_of_it.counts) > MANY:
        silent = (one for one in said if all(before.get(name) is None for name in one.numbers(DEMAND)))
        aside |= {name for one in silent for name in one.numbers(DEMAND)}
    shown = protect(all_of_it.counts, all_of_it.sums, before, all_of_it.between, aside)
    return {one: value for one, value in shown.items() if one.period == period and one in counts}


def alone(said: Counted) -> Shown:
    """What of one statement could be told if there were no other."""
    return tell([said], (), Together(), {})


def _as_published(found: Together) -> Shown:
    """What would be shown of every month of the country, by itself."""
    shown: Shown = {}
    for month in {one.period for one in found.inner}:
        own = {one: found.counts[one] for one in found.inner if one.period == month}
        sums = [(whole, parts) for whole, parts in found.sums if {whole, *parts} <= own.keys()]
        shown |= protect(own, sums, {})
    return shown


def _near(said: Sequence[Counted], quarter: str) -> list[Counted]:
    """The statements of a quarter and of its months."""
    return [one for one in said if quarter in {one.period, *([quarter_of(one.period)] if is_month(one.period) else ())}]


def together(kind: str, said: Sequence[Counted], beside: Together) -> Together:
    """What statements of one year count of one kind, with what of it is published."""
    found = Together(dict(beside.counts), set(beside.sums), set(beside.between), set(beside.inner))
    for one in said:
        found.counts |= one.numbers(kind)
    first = [one for one in said if one.version == 1]
    for one in said:
        if one.version == 1:
            _within(found, one, kind)
        else:
            of_first = Counted(one.period, one.region, 1, one.counts, one.regions)
            for name, same in zip(one.numbers(kind), of_first.numbers(kind), strict=True):
                found.is_sum(name, [same])
    months = sorted({one.period for one in first if one.region})
    codes = sorted({code for one in first for code in one.counts[kind]})
    for month in months:
        regions = sorted(one.region for one in first if one.period == month)
        for code in (ALL, *codes):
            parts = [name for region in regions if (name := number(month, kind, code, region)) in found.counts]
            whole = number(month, kind, code)
            found.counts[whole] = sum(found.counts[part] for part in parts)
            found.inner.add(whole)
            found.is_sum(whole, parts)
        found.is_sum(number(month, kind, ALL), [number(month, kind, code) for code in codes])
    for one in first:
        if not one.region:
            _of_quarter(found, one, kind)
    if kind == DEMAND:
        _beside_persons(found, beside.counts, months)
    return found


def _within(found: Together, one: Counted, kind: str) -> None:
    found.is_sum(one.name(kind, ALL), [one.name(kind, code) for code in one.counts[kind]])
    if kind == DEMAND:
        found.is_sum(one.name(DEMAND, ALL), [one.name(PROFILE, code) for code in one.counts.get(PROFILE, ())])
        found.is_sum(one.name(DEMAND, ALL), [one.name(DEMAND, ALL, region) for region in one.regions])


def _of_quarter(found: Together, one: Counted, kind: str) -> None:
    """A quarter is its months; of who waits at its end, the last."""
    months = months_of(one.period)[-1 if kind == WAITING else 0 :]
    for code in (ALL, *one.counts[kind]):
        found.is_sum(one.name(kind, code), [number(month, kind, code) for month in months])
    for region in one.regions if kind == DEMAND else ():
        found.is_sum(one.name(DEMAND, ALL, region), [number(month, DEMAND, ALL, region) for month in months])


def _beside_persons(found: Together, persons: Iterable[Cell], months: Sequence[str]) -> None:
    """Persons beside requests, by result: of the country in a month, and of a region in a year."""
    for one in persons:
        of = dict(one.of)
        how = RESULTS.get(of.pop(catalogue.RESULT, ""), "") if catalogue.RESULT in of else ALL
        region = of.pop(REGION, "")
        if how and not of and (region or is_month(one.period)):
            over = [one.period] if is_month(one.period) else [month for month in months if month[:4] == one.period]
            found.is_sum(one, [number(month, DEMAND, how, region) for month in over])
