"""Row 12: nobody is singled out from what is published. An opponent has every table of all months and years.

The opponent is written apart from what protects: it sees numbers by name, adds up what belongs together by itself,
knows every rule, and is even told which of the numbers left out are the small ones. A small number is recovered when
it has fewer than three possible values. The years are made up: few persons and many, months that are alike and not,
few regions and all of them.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from nrm.insight import catalogue, disclosure, telling
from nrm.insight.catalogue import Catalogue, Cell, months_of, quarter_of
from nrm.insight.telling import PROFILE, Counted
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row

POSSIBLE_MIN = 3
NATIONAL_MIN, REGIONAL_MIN, BASE = 5, 10, 5
"""The rules, written down again."""
FAR = 10**5

Names = tuple[str, frozenset[tuple[str, str]]]
"""A number by its name: the period, and what it is of."""
Published = Mapping[Names, int | None]
Persons = list[tuple[str, dict[str, str]]]


# --- made-up years ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Year:
    """A year of a made-up country."""

    found: Catalogue
    persons: Persons
    months: tuple[str, ...]
    stated: bool = False
    """Whether there are shortage statements of it beside the tables."""
    late: tuple[tuple[str, str], ...] = ()
    """Months and regions of which a statement was made once more."""


Publish = Callable[[Year], Published]
STATED_MAX = 24
"""So many statements of a month, of all regions, are in reach of one trial."""


def made_up(chance: random.Random, stated: bool = False) -> Year:
    """Every fifth or so has statements beside its tables, or all of them."""
    regions = tuple(f"VR{number:02d}" for number in range(1, chance.choice((2, 3, 6, 12, 25)) + 1))
    found = catalogue.first(regions)
    months = tuple(f"2026-{number:02d}" for number in range(chance.choice((1, 1, 1, 7, 11)), 13))
    bottoms = {
        one.code: [code for code in found.codes((one.code, 9)) if code != catalogue.ALL and code not in one.parts]
        for one in found.dimensions
    }
    skew = chance.choice((0.3, 1, 3))
    weights = {name: [chance.random() ** skew + 0.001 for _ in codes] for name, codes in bottoms.items()}

    def somebody(**known: str) -> dict[str, str]:
        drawn = {name: chance.choices(codes, weights[name])[0] for name, codes in sorted(bottoms.items())}
        return drawn | known

    if chance.random() < 0.3:  # every month the same: what a year says of its months is most then
        every = {result: chance.randint(0, 6) for result in bottoms[catalogue.RESULT]}
        persons = [
            (month, somebody(result=result))
            for month in months
            for result, times in every.items()
            for _ in range(times)
        ]
    else:
        persons = [(chance.choice(months), somebody()) for _ in range(int(10 ** chance.uniform(1.2, 3.4)))]
    if len(regions) * len(months) > STATED_MAX or (not stated and chance.random() < 0.8):
        return Year(found, persons, months)
    late = sorted({(chance.choice(months), chance.choice(regions)) for _ in range(chance.randint(0, 4))})
    return Year(found, persons, months, True, tuple(late))


# --- publishing, rightly and wrongly ----------------------------------------------------------------------------------


def _counted(found: Catalogue, persons: Persons, months: Sequence[str]) -> dict[Cell, int]:
    return found.count(persons, [*months, "2026"])


def _named(shown: Mapping[Cell, int | None]) -> Published:
    return {(one.period, frozenset(one.of)): value for one, value in shown.items()}


def statements(year: Year) -> list[list[Counted]]:
    """What every statement of the year counts, in the order in which they are made: month by month, all regions.

    Everybody is a request, and a first version took some to wait still: they are in the next one as they are.
    """
    regions = [code for code in year.found.codes((catalogue.REGION, 1)) if code != catalogue.ALL]
    codes = {kind: sorted(of) for kind, of in CODES.items()}
    made: list[list[Counted]] = []

    def counted(period: str, region: str, version: int, who: Persons) -> Counted:
        # A quarter is counted on the day of its last month, when the months before stand as they will; who waits at its
        # end is who waits at the end of that month.
        last = period if region else months_of(period)[-1]
        late = [one for one in year.late if version == 1 and one[0] == last]
        told = [_in_words(month, person, late, month == last) for month, person in who]
        counts = {kind: {code: sum(one.get(kind) == code for one in told) for code in codes[kind]} for kind in codes}
        of = {code: sum(person["region"] == code for _, person in who) for code in regions} if not region else {}
        counts |= (
            {PROFILE: {sex: sum(person["sex"] == sex for _, person in who) for sex in "fmx"}} if not region else {}
        )
        return Counted(period, region, version, counts, of)

    for month in year.months if year.stated else ():
        of_month = [one for one in year.persons if one[0] == month]
        by = {region: [one for one in of_month if one[1]["region"] == region] for region in regions}
        made.append([counted(month, region, 1, by[region]) for region in regions])
        if int(month[5:]) % 3 == 0:
            of_quarter = [one for one in year.persons if one[0] in months_of(quarter_of(month))]
            made.append([counted(quarter_of(month), "", 1, of_quarter)])
        made += [[counted(month, region, 2, by[region])] for late, region in year.late if late == month]
    return made


CODES = {
    "demand": ("placed", "ended", "waiting", "youth_care"),
    "ended": ("no_place", "unsafe", "other"),
    "waiting": ("f", "m", "x"),
}
"""What statements count in parts. Why somebody waits still is drawn by something else they are told apart by."""


def _in_words(
    month: str, person: Mapping[str, str], late: Sequence[tuple[str, str]], at_the_end: bool
) -> dict[str, str]:
    result = person["result"]
    if (month, person["region"]) in late and person["sex"] == "x":
        result = "waiting"
    if result in {"placed", "youth_care"}:
        return {"demand": result}
    if result == "waiting":
        return {"demand": result, "waiting": person["sex"] if at_the_end else ""}
    return {"demand": "ended", "ended": result if result in CODES["ended"] else "other"}


def as_we_do(year: Year, forgotten: bool = False) -> Published:
    """Statements of a month, then its tables; of a quarter once its months have theirs, and the year at its end.

    Planted: with the first version `forgotten` when there is another.
    """
    counts = _counted(year.found, year.persons, year.months)
    shown, said = dict[Cell, int | None](), list[Counted]()
    to_come = list(year.months)
    for group in statements(year):
        while to_come and catalogue.is_month(group[0].period) and to_come[0] < group[0].period:
            _published(year, counts, to_come.pop(0), said, shown)
        out = [month for month in year.months if month not in to_come]
        beside = telling.published(year.found, counts, out)
        if forgotten and group[0].version > 1:
            shown |= _as_first(group[0], said, beside, shown)
        else:
            told = telling.tell(group, said, beside, shown)
            if group[0].version > 1 and all(told[name] == shown[first] for name, first in _both_versions(group[0])):
                continue  # nothing a reader would see: no such version is made (`stating.correct`)
            shown |= told
        said += group
    for period in (*to_come, "2026"):
        _published(year, counts, period, said, shown)
    return _named(shown)


def _as_first(
    one: Counted, said: Sequence[Counted], beside: telling.Together, shown: Mapping[Cell, int | None]
) -> dict[Cell, int | None]:
    others = [other for other in said if (other.period, other.region) != (one.period, one.region)]
    first = replace(one, version=1)
    before = {name: value for name, value in shown.items() if not any(name in first.numbers(kind) for kind in CODES)}
    told = telling.tell([first], others, beside, before)
    return {name: told[as_first] for name, as_first in _both_versions(one)}


def _both_versions(one: Counted) -> list[tuple[Cell, Cell]]:
    """Each number of a later version beside that of the first."""
    first = replace(one, version=1)
    return [pair for kind in CODES for pair in zip(one.numbers(kind), first.numbers(kind), strict=True)]


def _published(
    year: Year, counts: Mapping[Cell, int], period: str, said: Sequence[Counted], shown: dict[Cell, int | None]
) -> None:
    try:
        shown |= telling.publish(year.found, counts, period, year.months, said, shown)
    except disclosure.CannotProtectError:
        return  # rare, and then there are no tables of it: not even which of their numbers are small is to be had


def tables_alone(year: Year) -> Published:
    """Everything that is published, and no statements: what everybody has."""
    counts, shown = _counted(year.found, year.persons, year.months), dict[Cell, int | None]()
    for period in (*year.months, "2026"):
        _published(year, counts, period, (), shown)
    return _named(shown)


def small_ones_only(year: Year) -> Published:
    """Planted: what is small is left out, and nothing besides."""
    counts = _counted(year.found, year.persons, year.months)
    return _named({one: None if count < one.least else catalogue.rounded(count) for one, count in counts.items()})


def exact(year: Year) -> Published:
    """Planted: everything is left out that should be, and what is shown is not rounded."""
    counts, shown = _named(_counted(year.found, year.persons, year.months)), tables_alone(year)
    return {name: None if value is None else counts[name] for name, value in shown.items()}


def year_by_itself(year: Year) -> Published:
    """Planted: months and year are each safe, and nobody looked at what one says of the other."""
    counts, shown = _counted(year.found, year.persons, year.months), dict[Cell, int | None]()
    for period in (*year.months, "2026"):
        own = {one: count for one, count in counts.items() if one.period == period}
        shown |= disclosure.protect(own, year.found.equations(period), {})
    return _named(shown)


def statements_by_themselves(year: Year) -> Published:
    """Planted: statements and tables are each safe, and nobody laid them side by side."""
    shown, said = dict[Cell, int | None](), list[Counted]()
    for group in statements(year):
        shown |= telling.tell(group, said, telling.Together(), shown)
        said += group
    return {**_named(shown), **tables_alone(year)}


def every_statement_by_itself(year: Year) -> Published:
    """Planted: each is safe by itself, beside no other region, no quarter and no earlier version."""
    shown = dict[Cell, int | None]()
    for group in statements(year):
        for one in group:
            shown |= telling.alone(one)
    return {**_named(shown), **tables_alone(year)}


def newer_versions_by_themselves(year: Year) -> Published:
    """Planted: a statement that is made once more is told as if there had been no first one."""
    return as_we_do(year, forgotten=True)


# --- the opponent -----------------------------------------------------------------------------------------------------


class Opponent:
    """Everybody who has read every table and every statement, and what they can work out.

    Two counts of nearly the same are a first version and a later one, and requests and persons.
    """

    def __init__(self, year: Year, published: Published, true: Mapping[Names, int], base: int = BASE) -> None:
        self.names = sorted(published, key=lambda name: (name[0], sorted(name[1])))
        self.place = {name: at for at, name in enumerate(self.names)}
        self.true = [true[name] for name in self.names]
        self.bounds = [self._bounds(name, published[name], true[name], base) for name in self.names]
        self.sums = [
            (self.place[whole], [self.place[part] for part in parts])
            for whole, parts in (*self._sums(year), *self._sums_of_statements(year))
        ]
        self.small = [at for at, name in enumerate(self.names) if true[name] < _least(name)]
        self.widest = {at: (self.true[at], self.true[at]) for at in self.small}
        # How much a count and the sum of others differ is known when it is one person; else only which way it goes.
        for at, (whole, places) in enumerate(self.sums):
            more = self.true[whole] - sum(self.true[one] for one in places)
            if more:
                self.bounds.append((more, more) if abs(more) < 2 else (2, FAR) if more > 0 else (-FAR, -2))
                self.sums[at] = whole, [*places, len(self.bounds) - 1]
        self._lp = pywraplp.Solver.CreateSolver("GLOP")
        self._columns = [self._lp.NumVar(low, high, "") for low, high in self.bounds]
        for whole, places in self.sums:
            self._lp.Add(self._columns[whole] == self._lp.Sum([self._columns[at] for at in places]))

    def _bounds(self, name: Names, shown: int | None, count: int, base: int) -> tuple[int, int]:
        least = _least(name)
        if shown is not None:
            return max(least, shown - base // 2), shown + (base - 1) // 2
        if "version" in dict(name[1]):
            return 0, FAR
        return (0, least - 1) if count < least else (least, FAR)

    def _sums(self, year: Year) -> Iterator[tuple[Names, list[Names]]]:
        """Whatever adds up, found by the names alone: a whole and all its parts, and a year and all its months."""
        for period, of in self.names:
            for one in year.found.dimensions:
                code = dict(of).get(one.code, catalogue.ALL)
                rest = frozenset(pair for pair in of if pair[0] != one.code)
                parts = [(period, rest | {(one.code, part)}) for part in one.parts.get(code, ())]
                if parts and all(part in self.place for part in parts):
                    yield (period, of), parts
            months = [(month, of) for month in year.months]
            if period == "2026" and all(month in self.place for month in months):
                yield (period, of), months

    def _sums_of_statements(self, year: Year) -> Iterator[tuple[Names, list[Names]]]:
        """What adds up in statements, and between them and the tables, by what they say of themselves."""
        regions = [code for code in year.found.codes(("region", 1)) if code != "all"]
        how = {
            "placed": "placed",
            "youth_care": "youth_care",
            "not_placed": "ended",
            "waiting": "waiting",
            "all": "all",
        }
        for period, of in self.names:
            said = dict(of)
            kind = next((kind for kind in CODES if kind in said), None)
            where = {pair for pair in of if pair[0] == "region"}
            wanted: list[list[Names]] = []
            if kind and "version" in said:
                wanted = [[(period, of - {("version", said["version"])})]]
            elif kind:
                months = [month for month in year.months if quarter_of(month) == period]
                months = months[-1:] if kind == "waiting" else months
                here = where or {("region", region) for region in regions}
                wanted = [[(month, frozenset({(kind, said[kind]), at})) for month in months for at in here]]
                if said[kind] == "all":
                    wanted.append([(period, frozenset({(kind, code), *where})) for code in CODES[kind]])
                if (kind, said[kind]) == ("demand", "all") and not where:
                    wanted.append([(period, frozenset({("demand", "all"), ("region", code)})) for code in regions])
                    wanted.append([(period, frozenset({("profile", sex)})) for sex in "fmx"])
            elif said.get("result", "all") in how and set(said) <= {"result", "region"} and (where or "-" in period):
                months = [period] if "-" in period else list(year.months)
                here = where or {("region", region) for region in regions}
                code = how[said.get("result", "all")]
                wanted = [[(month, frozenset({("demand", code), at})) for month in months for at in here]]
            yield from (((period, of), parts) for parts in wanted if parts and all(one in self.place for one in parts))

    def recovered(self) -> dict[Names, str]:
        """The small numbers of which fewer than three values are possible, in words."""
        for sign in (1, -1):
            self._push(dict.fromkeys(self.small, sign))
        for at in self._unsure():
            for sign in (1, -1):
                if self._narrow(at) and not self._push({at: sign}):
                    self._exactly(at, sign)
        return {
            self.names[at]: f"{self.names[at][0]} {sorted(self.names[at][1])} is {self.true[at]}: {self.widest[at]}"
            for at in self._unsure()
        }

    def _narrow(self, at: int) -> bool:
        low, high = self.widest[at]
        return high - low + 1 < POSSIBLE_MIN

    def _unsure(self) -> list[int]:
        return [at for at in self.small if self._narrow(at)]

    def _push(self, ways: Mapping[int, int]) -> bool:
        """Go as far as can be in one direction. False when that is no world of whole persons.

        Whatever solves it: only a world that adds up counts, so a wrong answer can only find too much to be known.
        """
        self._lp.Maximize(self._lp.Sum([sign * self._columns[at] for at, sign in ways.items()]))
        if self._lp.Solve() != pywraplp.Solver.OPTIMAL:
            return False
        world = [round(column.solution_value()) for column in self._columns]
        if not self._agrees(world):
            return False
        self._note(world)
        return True

    def _exactly(self, at: int, sign: int) -> None:
        """As far as one number goes, in whole persons."""
        model = cp_model.CpModel()
        values = [model.new_int_var(low, high, "") for low, high in self.bounds]
        for whole, places in self.sums:
            model.add(values[whole] == sum(values[one] for one in places))
        model.maximize(sign * values[at])
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        assert solver.solve(model) == cp_model.OPTIMAL, "the truth itself agrees with what was published"
        self._note([solver.value(value) for value in values])

    def _agrees(self, world: list[int]) -> bool:
        within = all(low <= one <= high for one, (low, high) in zip(world, self.bounds, strict=True))
        return within and all(world[whole] == sum(world[at] for at in places) for whole, places in self.sums)

    def _note(self, world: list[int]) -> None:
        assert self._agrees(world)
        for at, (low, high) in self.widest.items():
            self.widest[at] = min(low, world[at]), max(high, world[at])


def _least(name: Names) -> int:
    return REGIONAL_MIN if any(dimension == "region" for dimension, _ in name[1]) else NATIONAL_MIN


def attacked(year: Year, publish: Publish, base: int = BASE) -> tuple[int, list[str]]:
    """How many small numbers there were, and those that could be recovered."""
    true = dict(_named(_counted(year.found, year.persons, year.months)))
    for group in statements(year):
        for one in group:
            for kind in CODES:
                true |= _named(one.numbers(kind))
    known = {name: value for name, value in true.items() if value is not None}
    published = publish(year)
    opponent = Opponent(year, published, known, base)
    found = opponent.recovered()
    if found and year.late:
        # Whoever knows of a person in each of several regions may know enough without reading anything.
        without = Opponent(year, dict.fromkeys(published), known, base).recovered()
        found = {name: how for name, how in found.items() if name not in without}
    return len(opponent.small), list(found.values())


# --- the trials -------------------------------------------------------------------------------------------------------


def run(_here: Ground, count: int, seed: int) -> Outcome:
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    outcome = Outcome()
    small = 0
    for _ in range(count):
        tried, recovered = attacked(made_up(chance), as_we_do)
        small += tried
        outcome.trials += 1
        outcome.failures += recovered
    outcome.notes = [f"small numbers={small}"]
    return outcome


def _finds(publish: Publish, base: int, stated: bool, _here: Ground, seed: int) -> bool:
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    return any(attacked(made_up(chance, stated), publish, base)[1] for _ in range(PLANTED_YEARS))


PLANTED_YEARS = 150

SINGLED_OUT = Row(
    12,
    "small numbers worked out from all that is published",
    100,
    run,
    (
        Planted("only the small ones left out", partial(_finds, small_ones_only, BASE, False)),
        Planted("not rounded", partial(_finds, exact, 1, False)),
        Planted("months and year each by themselves", partial(_finds, year_by_itself, BASE, False)),
        Planted("statements not beside tables", partial(_finds, statements_by_themselves, BASE, True)),
        Planted("a version not beside the one before", partial(_finds, newer_versions_by_themselves, BASE, True)),
    ),
    engines=("library",),
)
