"""The hard rules between one request and one unit: one small function per rule, one reason code each.

A rule is expressed as *traits*. A trait is one property that makes a kind of request and a kind of unit unfit for each
other: a pair is barred by the trait's code if the request has it on its side and the unit on the other. All traits
together are two bit masks, and

    a request fits a unit  ⇔  request_mask & unit_mask == 0

The common bits are the explanation. Traits nobody has on one of the sides are dropped, and traits of few pairs kept out
of the masks, so that they stay short.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.problem import CLOSURES, SEXES, Person, Problem, Request, Unit

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

ADULT_AGE = 18

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


@dataclass(frozen=True, slots=True)
class Sides:
    """The two lists the rules look at, with the numbers of the units as columns (all of length U)."""

    problem: Problem
    requests: Sequence[Request]
    units: Sequence[Unit]
    places: IntArray
    sons_until: IntArray
    age_min: IntArray
    age_max: IntArray
    available_from: IntArray
    available_until: IntArray
    located: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> "Sides":
        """The columns of `units`; an open end of availability becomes the largest day there can be."""

        def column(read: Callable[[Unit], int]) -> IntArray:
            return np.fromiter((read(unit) for unit in units), np.int64, len(units))

        located: dict[str, list[int]] = defaultdict(list)
        for at, unit in enumerate(units):
            located[unit.location].append(at)
        return cls(
            problem,
            requests,
            units,
            places=column(lambda unit: unit.places),
            sons_until=column(lambda unit: unit.sons_until),
            age_min=column(lambda unit: unit.age_min),
            age_max=column(lambda unit: unit.age_max),
            available_from=column(lambda unit: unit.available_from),
            available_until=column(lambda unit: 2**62 if unit.available_until is None else unit.available_until),
            located=located,
        )

    def marked(self, holds: Callable[[Unit], bool]) -> BoolArray:
        """bool[U]: the units for which `holds` is true."""
        return np.fromiter((holds(unit) for unit in self.units), np.bool_, len(self.units))

    def grouped(self, name: Callable[[Unit], str | None]) -> dict[str, list[int]]:
        """The numbers of the units by what `name` says of them, ascending; those of whom it says nothing left out."""
        groups: dict[str, list[int]] = defaultdict(list)
        for at, unit in enumerate(self.units):
            if (named := name(unit)) is not None:
                groups[named].append(at)
        return groups


def is_grown(person: Person) -> bool:
    """Someone who can accompany a child: 18 or older, or marked as a parent."""
    return person.age >= ADULT_AGE or person.parent


def accompanied_children(request: Request) -> list[Person]:
    """The children of a party that has someone with them; a minor alone is nobody's child here."""
    if not any(is_grown(person) for person in request.persons):
        return []
    return [person for person in request.persons if not is_grown(person)]


def own_account(request: Request) -> list[Person]:
    """The persons who must be admitted in their own right: everyone who is not an accompanied child."""
    if not any(is_grown(person) for person in request.persons):
        return list(request.persons)
    return [person for person in request.persons if is_grown(person)]


def _closed(sides: Sides) -> Iterator[Trait]:
    everyone = list(range(len(sides.requests)))
    shut = sides.grouped(lambda unit: unit.closed)
    for closure in CLOSURES:
        yield Trait(f"closed:{closure}", everyone, _numbers(shut.get(closure, ())))


def _pool(sides: Sides) -> Iterator[Trait]:
    wanted = [frozenset(request.pools) for request in sides.requests]
    for pool, units in sorted(sides.grouped(lambda unit: unit.pool).items()):
        others = [at for at, pools in enumerate(wanted) if pool not in pools]
        yield Trait("pool", others, _numbers(units))


def _sex(sides: Sides) -> Iterator[Trait]:
    with_sex: dict[str, list[int]] = {sex: [] for sex in SEXES}
    with_son: dict[int, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        children = accompanied_children(request)
        sons = {person.age for person in children if person.sex == "m"}
        for age in sons:
            with_son[age].append(at)
        others = {person.sex for person in own_account(request)} | {p.sex for p in children if p.sex != "m"}
        for sex in others:
            with_sex[sex].append(at)
    refusing = {sex: sides.marked(lambda unit, s=sex: s not in unit.sexes) for sex in SEXES}  # type: ignore[misc]
    for sex, requests in with_sex.items():
        yield _marked("sex", requests, refusing[sex])
    for age, requests in with_son.items():
        yield _marked("sex", requests, refusing["m"] & (sides.sons_until <= age))


def _age(sides: Sides) -> Iterator[Trait]:
    with_age: dict[int, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for age in {person.age for person in own_account(request)}:
            with_age[age].append(at)
    for age, requests in with_age.items():
        yield _marked("age", requests, (sides.age_min > age) | (sides.age_max < age))


def _children(sides: Sides) -> Iterator[Trait]:
    with_children = [at for at, request in enumerate(sides.requests) if accompanied_children(request)]
    yield _marked("children", with_children, sides.marked(lambda unit: not unit.children))


def _size(sides: Sides) -> Iterator[Trait]:
    of_size: dict[int, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        of_size[request.size].append(at)
    for size, requests in of_size.items():
        yield _marked("size", requests, sides.places < size)


def _excludes(sides: Sides) -> Iterator[Trait]:
    for criterion in sides.problem.criteria:
        with_it = [at for at, request in enumerate(sides.requests) if request.facts.get(criterion) == "yes"]
        excluding = sides.marked(lambda unit, c=criterion: unit.stance.get(c) == "excludes")  # type: ignore[misc]
        yield _marked(f"excludes:{criterion}", with_it, excluding)


def _lacks(sides: Sides) -> Iterator[Trait]:
    needing: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for need in request.needs:
            needing[need].append(at)
    for need, requests in needing.items():
        yield _marked(f"lacks:{need}", requests, sides.marked(lambda unit, n=need: n not in unit.offers))  # type: ignore[misc]


def _unsafe_region(sides: Sides) -> Iterator[Trait]:
    fearing: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for region in request.unsafe_regions:
            fearing[region].append(at)
    there = sides.grouped(lambda unit: unit.region) if fearing else {}
    for region, requests in fearing.items():
        yield Trait("unsafe_region", requests, _numbers(there.get(region, ())))


def _barred(sides: Sides) -> Iterator[Trait]:
    barring: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for location, why in request.barred.items():
            barring[why, location].append(at)
    for (why, location), requests in barring.items():
        yield Trait(f"barred:{why}", requests, _numbers(sides.located.get(location, ())))


def _only_location(sides: Sides) -> Iterator[Trait]:
    limited: dict[frozenset[str], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        if request.only_locations is not None:
            limited[frozenset(request.only_locations)].append(at)
    for locations, requests in limited.items():
        there = sorted(unit for location in locations for unit in sides.located.get(location, ()))
        yield Trait("only_location", requests, _numbers(there), others=True)


def _apart(sides: Sides) -> Iterator[Trait]:
    homes: dict[str, list[str]] = defaultdict(list)
    for location, occupants in sides.problem.occupants.items():
        for occupant in occupants:
            homes[occupant].append(location)
    avoiding: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for location in sorted({home for other in request.apart for home in homes.get(other, ())}):
            avoiding[location].append(at)
    for location, requests in avoiding.items():
        yield Trait("apart", requests, _numbers(sides.located.get(location, ())))


def _dates(sides: Sides) -> Iterator[Trait]:
    with_dates: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        with_dates[request.from_day, request.latest_day, request.days].append(at)
    for (from_day, latest_day, days), requests in with_dates.items():
        starts = np.maximum(sides.available_from, from_day)
        yield _marked("dates", requests, (sides.available_from > latest_day) | (sides.available_until < starts + days))


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

    def barring_units(self, request: int) -> dict[str, BoolArray]:
        """Per code, the units (bool[U]) that bar this request, codes sorted."""
        found: dict[str, BoolArray] = {}
        for at in self.traits_of[request]:
            trait = self.traits[at]
            trait.mark(found.setdefault(trait.code, np.zeros(self.units, np.bool_)))
        return {code: found[code] for code in sorted(found)}


def eligibility(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> Eligibility:
    """All hard pair rules for the given order of requests (R) and units (U)."""
    sides = Sides.of(problem, requests, units)
    everybody = len(units)
    traits = [trait for rule in RULES for trait in rule(sides) if trait.requests and trait.barred(everybody)]
    traits_of: list[list[int]] = [[] for _ in requests]
    located_of: list[list[int]] = [[] for _ in requests]
    dense = []
    for at, trait in enumerate(traits):
        located = len(trait.requests) * trait.barred(everybody) * _SPARSE_SHARE < len(requests) * everybody
        if not located:
            dense.append(trait)
        for request in trait.requests:
            traits_of[request].append(at)
            if located:
                located_of[request].append(at)
    request_words, unit_words = masks(dense, len(requests), everybody)
    return Eligibility(
        everybody, tuple(traits), tuple(map(tuple, traits_of)), request_words, unit_words, tuple(map(tuple, located_of))
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
