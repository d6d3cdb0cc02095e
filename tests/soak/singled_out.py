"""Row 12: nobody is singled out from what is published. An opponent has every table of all months and years.

The opponent is written apart from what protects: it sees numbers by name, adds up what belongs together by itself,
knows every rule, and is even told which of the numbers left out are the small ones. A small number is recovered when
it has fewer than three possible values. The years are made up: few persons and many, months that are alike and not,
few regions and all of them.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from nrm.insight import catalogue, disclosure
from nrm.insight.catalogue import Catalogue, Cell
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
Publish = Callable[[Catalogue, Persons, Sequence[str]], Published]


# --- made-up years ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Year:
    """A year of a made-up country."""

    found: Catalogue
    persons: Persons
    months: tuple[str, ...]


def made_up(chance: random.Random) -> Year:
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
    return Year(found, persons, months)


# --- publishing, rightly and wrongly ----------------------------------------------------------------------------------


def _counted(found: Catalogue, persons: Persons, months: Sequence[str]) -> dict[Cell, int]:
    return found.count(persons, [*months, "2026"])


def _named(shown: Mapping[Cell, int | None]) -> Published:
    return {(one.period, frozenset(one.of)): value for one, value in shown.items()}


def as_we_do(found: Catalogue, persons: Persons, months: Sequence[str]) -> Published:
    """Month by month, and the year at its end."""
    counts, shown = _counted(found, persons, months), dict[Cell, int | None]()
    for period in (*months, "2026"):
        try:
            shown |= disclosure.release(found, counts, period, months, shown)
        except disclosure.CannotProtectError:
            continue  # rare, and then there are no tables of it: not even which of their numbers are small is to be had
    return _named(shown)


def small_ones_only(found: Catalogue, persons: Persons, months: Sequence[str]) -> Published:
    """Planted: what is small is left out, and nothing besides."""
    counts = _counted(found, persons, months)
    return _named({one: None if count < one.least else catalogue.rounded(count) for one, count in counts.items()})


def exact(found: Catalogue, persons: Persons, months: Sequence[str]) -> Published:
    """Planted: everything is left out that should be, and what is shown is not rounded."""
    counts, shown = _named(_counted(found, persons, months)), as_we_do(found, persons, months)
    return {name: None if value is None else counts[name] for name, value in shown.items()}


def year_by_itself(found: Catalogue, persons: Persons, months: Sequence[str]) -> Published:
    """Planted: months and year are each safe, and nobody looked at what one says of the other."""
    counts, shown = _counted(found, persons, months), dict[Cell, int | None]()
    for period in (*months, "2026"):
        own = {one: count for one, count in counts.items() if one.period == period}
        shown |= disclosure.protect(own, found.equations(period), {})
    return _named(shown)


# --- the opponent -----------------------------------------------------------------------------------------------------


class Opponent:
    """Everybody who has read every table, and what they can work out."""

    def __init__(self, year: Year, published: Published, true: Mapping[Names, int], base: int = BASE) -> None:
        self.names = sorted(published, key=lambda name: (name[0], sorted(name[1])))
        self.place = {name: at for at, name in enumerate(self.names)}
        self.true = [true[name] for name in self.names]
        self.bounds = [self._bounds(name, published[name], true[name], base) for name in self.names]
        self.sums = list(self._sums(year))
        self.small = [at for at, name in enumerate(self.names) if true[name] < _least(name)]
        self.widest = {at: (self.true[at], self.true[at]) for at in self.small}
        self._lp = pywraplp.Solver.CreateSolver("GLOP")
        self._columns = [self._lp.NumVar(low, high, "") for low, high in self.bounds]
        for whole, parts in self.sums:
            self._lp.Add(self._columns[whole] == self._lp.Sum([self._columns[part] for part in parts]))

    def _bounds(self, name: Names, shown: int | None, count: int, base: int) -> tuple[int, int]:
        least = _least(name)
        if shown is not None:
            return max(least, shown - base // 2), shown + (base - 1) // 2
        return (0, least - 1) if count < least else (least, FAR)

    def _sums(self, year: Year) -> Iterator[tuple[int, list[int]]]:
        """Whatever adds up, found by the names alone: a whole and all its parts, and a year and all its months."""
        for period, of in self.names:
            for one in year.found.dimensions:
                code = dict(of).get(one.code, catalogue.ALL)
                rest = frozenset(pair for pair in of if pair[0] != one.code)
                parts = [(period, rest | {(one.code, part)}) for part in one.parts.get(code, ())]
                if parts and all(part in self.place for part in parts):
                    yield self.place[period, of], [self.place[part] for part in parts]
            months = [(month, of) for month in year.months]
            if period == "2026" and all(month in self.place for month in months):
                yield self.place[period, of], [self.place[month] for month in months]

    def recovered(self) -> list[str]:
        """The small numbers of which fewer than three values are possible."""
        for sign in (1, -1):
            self._push(dict.fromkeys(self.small, sign))
        for at in self._unsure():
            for sign in (1, -1):
                if self._narrow(at) and not self._push({at: sign}):
                    self._exactly(at, sign)
        return [
            f"{self.names[at][0]} {sorted(self.names[at][1])} is {self.true[at]}: {self.widest[at]}"
            for at in self._unsure()
        ]

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
        for whole, parts in self.sums:
            model.add(values[whole] == sum(values[part] for part in parts))
        model.maximize(sign * values[at])
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        assert solver.solve(model) == cp_model.OPTIMAL, "the truth itself agrees with what was published"
        self._note([solver.value(value) for value in values])

    def _agrees(self, world: list[int]) -> bool:
        within = all(low <= one <= high for one, (low, high) in zip(world, self.bounds, strict=True))
        return within and all(world[whole] == sum(world[part] for part in parts) for whole, parts in self.sums)

    def _note(self, world: list[int]) -> None:
        assert self._agrees(world)
        for at, (low, high) in self.widest.items():
            self.widest[at] = min(low, world[at]), max(high, world[at])


def _least(name: Names) -> int:
    return REGIONAL_MIN if any(dimension == "region" for dimension, _ in name[1]) else NATIONAL_MIN


def attacked(year: Year, publish: Publish, base: int = BASE) -> tuple[int, list[str]]:
    """How many small numbers there were, and those that could be recovered."""
    true = {name: value for name, value in _named(_counted(*_of(year))).items() if value is not None}
    opponent = Opponent(year, publish(*_of(year)), true, base)
    return len(opponent.small), opponent.recovered()


def _of(year: Year) -> tuple[Catalogue, Persons, tuple[str, ...]]:
    return year.found, year.persons, year.months


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


def _finds(publish: Publish, base: int, _here: Ground, seed: int) -> bool:
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    return any(attacked(made_up(chance), publish, base)[1] for _ in range(PLANTED_YEARS))


PLANTED_YEARS = 20

SINGLED_OUT = Row(
    12,
    "small numbers worked out from all that is published",
    100,
    run,
    (
        Planted("only the small ones left out", partial(_finds, small_ones_only, BASE)),
        Planted("not rounded", partial(_finds, exact, 1)),
        Planted("months and year each by themselves", partial(_finds, year_by_itself, BASE)),
    ),
    engines=("library",),
)
