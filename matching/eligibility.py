"""The hard rules between one request and one unit: one small function per rule, one reason code each.

A rule is expressed as *traits*. A trait is one property that makes a kind of request and a kind of unit unfit for each
other: a pair is barred by the trait's code if the request has it on its side and the unit on the other. All traits
together are two bit masks, and

    a request fits a unit  ⇔  request_mask & unit_mask == 0

The common bits are the explanation. Traits nobody has on one of the sides are dropped, and traits of few pairs kept out
of the masks, so that they stay short.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matching.problem import CLOSURES, SEXES, Person, Problem, Request, Unit

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

ADULT_AGE = 18

SIZE = "size"

# A trait met by so few pairs is looked up per request instead of taking a bit in every mask.
_SPARSE_SHARE = 64
# Bits used of a mask's word: the sign stays out of it.
WORD_BITS = 62
# Pairs looked at together: what a matrix of bytes may take.
_BLOCK_PAIRS = 2**22


@dataclass(frozen=True, slots=True)
class Trait:
    """A code that bars every request at `requests` from every unit at `listed`, or from all but those if `others`.

    Both are ascending numbers.
    """

    code: str
    requests: list[int]
    listed: NDArray[np.intp]
    others: bool = False

    def barred(self, units: int) -> int:
        """How many of so many units it concerns."""
        return units - len(self.listed) if self.others else len(self.listed)

    def mark(self, marks: BoolArray) -> None:
        """Set what it concerns in bool[U]."""
        if self.others:
            kept = marks[self.listed]
            marks[:] = True
            marks[self.listed] = kept
        else:
            marks[self.listed] = True


def _marked(code: str, requests: list[int], units: BoolArray) -> Trait:
    return Trait(code, requests, units.nonzero()[0])


def is_grown(person: Person) -> bool:
    """Someone who can accompany a child: 18 or older, or marked as a parent."""
    return person.age >= ADULT_AGE or person.parent


def by_account(request: Request) -> tuple[Sequence[Person], Sequence[Person]]:
    """The persons who must be admitted in their own right, and the accompanied children: those of a party that has
    someone with them, for a minor alone is nobody's child here."""
    grown = [person for person in request.persons if is_grown(person)]
    if not grown:
        return request.persons, ()
    return grown, [person for person in request.persons if not is_grown(person)]


class Demand:
    """Requests by whatever a rule asks of them: lists of their numbers, each request once in a list."""

    def __init__(self) -> None:
        self.everyone: list[int] = []
        self.of_pools: dict[frozenset[str], list[int]] = {}
        self.with_sex: dict[str, list[int]] = {}
        self.with_son: dict[int, list[int]] = {}
        self.with_age: dict[int, list[int]] = {}
        self.with_children: dict[bool, list[int]] = {}
        self.of_size: dict[int, list[int]] = {}
        self.with_fact: dict[str, list[int]] = {}
        self.needing: dict[str, list[int]] = {}
        self.fearing: dict[str, list[int]] = {}
        self.barring: dict[tuple[str, str], list[int]] = {}
        self.limited: dict[frozenset[str], list[int]] = {}
        self.avoiding: dict[str, list[int]] = {}
        self.with_dates: dict[tuple[int, int, int], list[int]] = {}

    @classmethod
    def of(cls, requests: Iterable[Request]) -> "Demand":
        """All of them, numbered in the order given."""
        demand = cls()
        for at, request in enumerate(requests):
            demand.add(at, request)
        return demand

    def add(self, at: int, request: Request) -> None:
        """One more, under this number."""
        self.everyone.append(at)
        for lists, key in self._places(request):
            lists.setdefault(key, []).append(at)

    def remove(self, at: int, request: Request) -> None:
        """Take out what `add` put in."""
        self.everyone.remove(at)
        for lists, key in self._places(request):
            lists[key].remove(at)
            if not lists[key]:
                del lists[key]

    def _places(self, request: Request) -> Iterator[tuple[dict[Any, list[int]], Any]]:
        grown, children = by_account(request)
        yield self.of_pools, frozenset(request.pools)
        sexes = {person.sex for person in grown} | {child.sex for child in children if child.sex != "m"}
        yield from ((self.with_sex, sex) for sex in SEXES if sex in sexes)
        yield from ((self.with_son, age) for age in sorted({child.age for child in children if child.sex == "m"}))
        yield from ((self.with_age, age) for age in sorted({person.age for person in grown}))
        if children:
            yield self.with_children, True
        yield self.of_size, request.size
        yield from ((self.with_fact, criterion) for criterion, fact in request.facts.items() if fact == "yes")
        yield from ((self.needing, need) for need in request.needs)
        yield from ((self.fearing, region) for region in request.unsafe_regions)
        yield from ((self.barring, (why, location)) for location, why in request.barred.items())
        if request.only_locations is not None:
            yield self.limited, frozenset(request.only_locations)
        yield from ((self.avoiding, other) for other in request.apart)
        yield self.with_dates, (request.from_day, request.latest_day, request.days)


class Supply:
    """Units in columns (all of length U), and by whatever a rule asks of them."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = list(units)

        self.places: IntArray = np.array([unit.places for unit in units], np.int64)
        self.sons_until: IntArray = np.array([unit.sons_until for unit in units], np.int64)
        self.age_min: IntArray = np.array([unit.age_min for unit in units], np.int64)
        self.age_max: IntArray = np.array([unit.age_max for unit in units], np.int64)
        self.available_from: IntArray = np.array([unit.available_from for unit in units], np.int64)
        self.available_until: IntArray = np.array([_end(unit) for unit in units], np.int64)
        self._by: dict[str, dict[str, list[int]]] = {}
        self._marks: dict[tuple[str, str], BoolArray] = {}

    def put(self, at: int, unit: Unit) -> None:
        """Another unit under this number."""
        old, self.units[at] = self.units[at], unit
        self.places[at], self.sons_until[at] = unit.places, unit.sons_until
        self.age_min[at], self.age_max[at] = unit.age_min, unit.age_max
        self.available_from[at], self.available_until[at] = unit.available_from, _end(unit)
        for name, groups in self._by.items():
            was, becomes = (getattr(one, name) for one in (old, unit))
            if was == becomes:
                continue
            if was is not None:
                groups[was].remove(at)
            if becomes is not None:
                insort(groups.setdefault(becomes, []), at)
        for (question, about), marks in self._marks.items():
            [marks[at]] = _REFUSALS[question]([unit], about)

    def by(self, name: str) -> dict[str, list[int]]:
        """The numbers of the units by one of their fields, ascending; those where it is None left out."""
        if name not in self._by:
            groups: dict[str, list[int]] = defaultdict(list)
            for at, named in enumerate(map(attrgetter(name), self.units)):
                if named is not None:
                    groups[named].append(at)
            self._by[name] = dict(groups)
        return self._by[name]

    def refusing(self, question: str, about: str = "") -> BoolArray:
        """bool[U]: who refuses a sex, children or a criterion, or lacks an offer (see `_REFUSALS`)."""
        known = self._marks.get((question, about))
        if known is None:
            known = self._marks[question, about] = np.array(_REFUSALS[question](self.units, about), np.bool_)
        return known


def _end(unit: Unit) -> int:
    """An open end of availability is the largest day there can be."""
    return 2**62 if unit.available_until is None else unit.available_until


_REFUSALS: Mapping[str, Callable[[Sequence[Unit], str], list[bool]]] = {
    "sex": lambda units, sex: [sex not in unit.sexes for unit in units],
    "children": lambda units, _: [not unit.children for unit in units],
    "excludes": lambda units, criterion: [unit.stance.get(criterion) == "excludes" for unit in units],
    "lacks": lambda units, need: [need not in unit.offers for unit in units],
}


@dataclass(frozen=True, slots=True)
class Sides:
    """The two lists the rules look at, and who lives where."""

    criteria: Sequence[str]
    occupants: Mapping[str, Sequence[str]]
    demand: Demand
    supply: Supply


def _closed(sides: Sides) -> Iterator[Trait]:
    shut = sides.supply.by("closed")
    for closure in CLOSURES:
        yield Trait(f"closed:{closure}", sides.demand.everyone, _numbers(shut.get(closure, ())))


def _pool(sides: Sides) -> Iterator[Trait]:
    for pool, units in sorted(sides.supply.by("pool").items()):
        others = [at for pools, listed in sides.demand.of_pools.items() if pool not in pools for at in listed]
        yield Trait("pool", sorted(others), _numbers(units))


def _sex(sides: Sides) -> Iterator[Trait]:
    for sex, requests in sides.demand.with_sex.items():
        yield _marked("sex", requests, sides.supply.refusing("sex", sex))
    for age, requests in sides.demand.with_son.items():
        yield _marked("sex", requests, sides.supply.refusing("sex", "m") & (sides.supply.sons_until <= age))


def _age(sides: Sides) -> Iterator[Trait]:
    for age, requests in sides.demand.with_age.items():
        yield _marked("age", requests, (sides.supply.age_min > age) | (sides.supply.age_max < age))


def _children(sides: Sides) -> Iterator[Trait]:
    for requests in sides.demand.with_children.values():
        yield _marked("children", requests, sides.supply.refusing("children"))


def _size(sides: Sides) -> Iterator[Trait]:
    for size, requests in sides.demand.of_size.items():
        yield _marked(SIZE, requests, sides.supply.places < size)


def _excludes(sides: Sides) -> Iterator[Trait]:
    for criterion in sides.criteria:
        if requests := sides.demand.with_fact.get(criterion):
            yield _marked(f"excludes:{criterion}", requests, sides.supply.refusing("excludes", criterion))


def _lacks(sides: Sides) -> Iterator[Trait]:
    for need, requests in sides.demand.needing.items():
        yield _marked(f"lacks:{need}", requests, sides.supply.refusing("lacks", need))


def _unsafe_region(sides: Sides) -> Iterator[Trait]:
    for region, requests in sides.demand.fearing.items():
        yield Trait("unsafe_region", requests, _numbers(sides.supply.by("region").get(region, ())))


def _barred(sides: Sides) -> Iterator[Trait]:
    for (why, location), requests in sides.demand.barring.items():
        yield Trait(f"barred:{why}", requests, _numbers(sides.supply.by("location").get(location, ())))


def _only_location(sides: Sides) -> Iterator[Trait]:
    for locations, requests in sides.demand.limited.items():
        located = sides.supply.by("location")
        there = sorted(unit for location in locations for unit in located.get(location, ()))
        yield Trait("only_location", requests, _numbers(there), others=True)


def _apart(sides: Sides) -> Iterator[Trait]:
    homes: dict[str, list[str]] = defaultdict(list)
    for location, occupants in sides.occupants.items():
        for occupant in occupants:
            if occupant in sides.demand.avoiding:
                homes[occupant].append(location)
    at_location: dict[str, set[int]] = defaultdict(set)
    for occupant, locations in homes.items():
        for location in locations:
            at_location[location].update(sides.demand.avoiding[occupant])
    for location, requests in at_location.items():
        yield Trait("apart", sorted(requests), _numbers(sides.supply.by("location").get(location, ())))


def _dates(sides: Sides) -> Iterator[Trait]:
    start, end = sides.supply.available_from, sides.supply.available_until
    for (from_day, latest_day, days), requests in sides.demand.with_dates.items():
        yield _marked("dates", requests, (start > latest_day) | (end < np.maximum(start, from_day) + days))


def _numbers(units: Sequence[int]) -> NDArray[np.intp]:
    return np.array(units, np.intp)


RULES: tuple[Callable[[Sides], Iterator[Trait]], ...] = (
    _closed,
    _pool,
    _sex,
    _age,
    _children,
    _size,
    _excludes,
    _lacks,
    _unsafe_region,
    _barred,
    _only_location,
    _apart,
    _dates,
)


def traits_between(sides: Sides) -> Iterator[Trait]:
    """Every trait that bars some request from some unit, rule by rule."""
    everybody = len(sides.supply.units)
    for rule in RULES:
        yield from (trait for trait in rule(sides) if trait.requests and trait.barred(everybody))


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The traits, and what of them each request and unit has.

    request_words[R, W], unit_words[W, U]: the masks · located_of: per request the traits that are in no mask.
    """

    units: int
    traits: tuple[Trait, ...]
    traits_of: tuple[tuple[int, ...], ...]
    request_words: IntArray
    unit_words: IntArray
    located_of: tuple[tuple[int, ...], ...]

    def barred(self, first: int, last: int) -> BoolArray:
        """bool[last - first, U]: which units are barred to these requests (True = some rule forbids)."""
        barred = np.zeros((last - first, self.units), np.bool_)
        for word, unit_word in enumerate(self.unit_words):
            barred |= (self.request_words[first:last, word, None] & unit_word[None, :]) != 0
        for request in range(first, last):
            for at in self.located_of[request]:
                self.traits[at].mark(barred[request - first])
        return barred

    def allowed(self, request: int) -> NDArray[np.intp]:
        """The units that pass every pair rule for this request, ascending."""
        units: NDArray[np.intp] = np.flatnonzero(~self.barred(request, request + 1)[0])
        return units

    def listed(self) -> tuple[IntArray, NDArray[np.int32]]:
        """row[R + 1], unit_of[A]: the units allowed to request r are unit_of[row[r] : row[r + 1]], ascending."""
        requests = len(self.traits_of)
        block = max(1, _BLOCK_PAIRS // max(1, self.units))
        counts, found = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
        for first in range(0, requests, block):
            allowed = ~self.barred(first, min(requests, first + block))
            counts.append(np.count_nonzero(allowed, axis=1))
            found.append((np.flatnonzero(allowed) % self.units).astype(np.int32))
        return np.cumsum(np.concatenate(counts)), np.concatenate(found)

    def larger(self, sizes: IntArray, places: IntArray) -> "Eligibility":
        """The same for units of other places[U], none of them fewer. sizes[R]: persons per request."""
        traits = []
        for trait in self.traits:
            kept = trait
            if trait.code == SIZE:
                kept = _marked(SIZE, trait.requests, places < sizes[trait.requests[0]])
            if kept.barred(self.units):
                traits.append(kept)
        return _told(traits, len(self.traits_of), self.units)

    def barring_units(self, request: int) -> dict[str, BoolArray]:
        """Per code, the units (bool[U]) that bar this request, codes sorted."""
        found: dict[str, BoolArray] = {}
        for at in self.traits_of[request]:
            trait = self.traits[at]
            trait.mark(found.setdefault(trait.code, np.zeros(self.units, np.bool_)))
        return {code: found[code] for code in sorted(found)}


def eligibility(
    problem: Problem, requests: Sequence[Request], units: Sequence[Unit], supply: Supply | None = None
) -> Eligibility:
    """All hard pair rules for the given order of requests (R) and units (U). `supply`: of these units, if known."""
    sides = Sides(problem.criteria, problem.occupants, Demand.of(requests), supply or Supply(units))
    return _told(list(traits_between(sides)), len(requests), len(units))


def _told(traits: Sequence[Trait], requests: int, units: int) -> Eligibility:
    """What traits say of so many requests and units."""
    traits_of: list[list[int]] = [[] for _ in range(requests)]
    located_of: list[list[int]] = [[] for _ in range(requests)]
    dense = []
    for at, trait in enumerate(traits):
        located = len(trait.requests) * trait.barred(units) * _SPARSE_SHARE < requests * units
        if not located:
            dense.append(trait)
        for request in trait.requests:
            traits_of[request].append(at)
            if located:
                located_of[request].append(at)
    request_words, unit_words = masks(dense, requests, units)
    return Eligibility(
        units, tuple(traits), tuple(map(tuple, traits_of)), request_words, unit_words, tuple(map(tuple, located_of))
    )


def masks(traits: Sequence[Trait], requests: int, units: int) -> tuple[IntArray, IntArray]:
    """request_words[R, W] and unit_words[W, U]: bit t of each side says whether trait t holds."""
    words = -(-len(traits) // WORD_BITS)
    request_words, unit_words = np.zeros((requests, words), np.int64), np.zeros((words, units), np.int64)
    for at, trait in enumerate(traits):
        word, bit = at // WORD_BITS, 1 << at % WORD_BITS
        request_words[trait.requests, word] |= bit
        if trait.others:
            marks = np.zeros(units, np.bool_)
            trait.mark(marks)
            unit_words[word] |= bit * marks
        else:
            unit_words[word, trait.listed] |= bit
    return request_words, unit_words
