"""The hard rules between one request and one unit: one small function per rule, one reason code each.

A rule is expressed as *traits*. A trait is one property that makes a kind of request and a kind of unit unfit for each
other: a pair is barred by the trait's code if the request has it on its side and the unit on the other. All traits
together are two bit masks, and

    a request fits a unit  ⇔  request_mask & unit_mask == 0

The common bits are the explanation. Traits nobody has on one of the sides are dropped, so the masks stay short.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.problem import CLOSURES, SEXES, Person, Problem, Request, Unit

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

ADULT_AGE = 18

# A trait met by so few pairs is written straight into the matrix instead of taking a bit in every mask.
_SPARSE_SHARE = 64


@dataclass(frozen=True, slots=True)
class Trait:
    """A code that bars every request at `requests` (indexes) from every unit marked in `units` (bool[U])."""

    code: str
    requests: list[int]
    units: BoolArray


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

    @classmethod
    def of(cls, problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> "Sides":
        """The columns of `units`; an open end of availability becomes the largest day there can be."""

        def column(read: Callable[[Unit], int]) -> IntArray:
            return np.fromiter((read(unit) for unit in units), np.int64, len(units))

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
        )

    def marked(self, holds: Callable[[Unit], bool]) -> BoolArray:
        """bool[U]: the units for which `holds` is true."""
        return np.fromiter((holds(unit) for unit in self.units), np.bool_, len(self.units))


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
    for closure in CLOSURES:
        yield Trait(f"closed:{closure}", everyone, sides.marked(lambda unit, c=closure: unit.closed == c))  # type: ignore[misc]


def _pool(sides: Sides) -> Iterator[Trait]:
    wanted = [frozenset(request.pools) for request in sides.requests]
    for pool in sorted({unit.pool for unit in sides.units}):
        others = [at for at, pools in enumerate(wanted) if pool not in pools]
        yield Trait("pool", others, sides.marked(lambda unit, p=pool: unit.pool == p))  # type: ignore[misc]


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
        yield Trait("sex", requests, refusing[sex])
    for age, requests in with_son.items():
        yield Trait("sex", requests, refusing["m"] & (sides.sons_until <= age))


def _age(sides: Sides) -> Iterator[Trait]:
    with_age: dict[int, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for age in {person.age for person in own_account(request)}:
            with_age[age].append(at)
    for age, requests in with_age.items():
        yield Trait("age", requests, (sides.age_min > age) | (sides.age_max < age))


def _children(sides: Sides) -> Iterator[Trait]:
    with_children = [at for at, request in enumerate(sides.requests) if accompanied_children(request)]
    yield Trait("children", with_children, sides.marked(lambda unit: not unit.children))


def _size(sides: Sides) -> Iterator[Trait]:
    of_size: dict[int, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        of_size[request.size].append(at)
    for size, requests in of_size.items():
        yield Trait("size", requests, sides.places < size)


def _excludes(sides: Sides) -> Iterator[Trait]:
    for criterion in sides.problem.criteria:
        with_it = [at for at, request in enumerate(sides.requests) if request.facts.get(criterion) == "yes"]
        excluding = sides.marked(lambda unit, c=criterion: unit.stance.get(c) == "excludes")  # type: ignore[misc]
        yield Trait(f"excludes:{criterion}", with_it, excluding)


def _lacks(sides: Sides) -> Iterator[Trait]:
    needing: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for need in request.needs:
            needing[need].append(at)
    for need, requests in needing.items():
        yield Trait(f"lacks:{need}", requests, sides.marked(lambda unit, n=need: n not in unit.offers))  # type: ignore[misc]


def _unsafe_region(sides: Sides) -> Iterator[Trait]:
    fearing: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for region in request.unsafe_regions:
            fearing[region].append(at)
    for region, requests in fearing.items():
        yield Trait("unsafe_region", requests, sides.marked(lambda unit, r=region: unit.region == r))  # type: ignore[misc]


def _barred(sides: Sides) -> Iterator[Trait]:
    barring: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for location, why in request.barred.items():
            barring[why, location].append(at)
    located = _units_by_location(sides)
    for (why, location), requests in barring.items():
        if location in located:
            yield Trait(f"barred:{why}", requests, marked_at(located[location], len(sides.units)))


def _only_location(sides: Sides) -> Iterator[Trait]:
    limited: dict[frozenset[str], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        if request.only_locations is not None:
            limited[frozenset(request.only_locations)].append(at)
    for locations, requests in limited.items():
        yield Trait("only_location", requests, sides.marked(lambda unit, at=locations: unit.location not in at))  # type: ignore[misc]


def _apart(sides: Sides) -> Iterator[Trait]:
    located = _units_by_location(sides)
    homes: dict[str, list[str]] = defaultdict(list)
    for location, occupants in sides.problem.occupants.items():
        for occupant in occupants:
            homes[occupant].append(location)
    avoiding: dict[str, list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        for location in sorted({home for other in request.apart for home in homes.get(other, ())}):
            avoiding[location].append(at)
    for location, requests in avoiding.items():
        if location in located:
            yield Trait("apart", requests, marked_at(located[location], len(sides.units)))


def _dates(sides: Sides) -> Iterator[Trait]:
    with_dates: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for at, request in enumerate(sides.requests):
        with_dates[request.from_day, request.latest_day, request.days].append(at)
    for (from_day, latest_day, days), requests in with_dates.items():
        starts = np.maximum(sides.available_from, from_day)
        yield Trait("dates", requests, (sides.available_from > latest_day) | (sides.available_until < starts + days))


def _units_by_location(sides: Sides) -> dict[str, list[int]]:
    located: dict[str, list[int]] = defaultdict(list)
    for at, unit in enumerate(sides.units):
        located[unit.location].append(at)
    return located


def marked_at(indexes: list[int], length: int) -> BoolArray:
    marks = np.zeros(length, np.bool_)
    marks[indexes] = True
    return marks


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
    """Which pairs are barred (bool[R, U], True = some rule forbids) and the traits that say why."""

    barred: BoolArray
    traits: tuple[Trait, ...]
    traits_of: tuple[tuple[int, ...], ...]

    def barring_units(self, request: int) -> dict[str, BoolArray]:
        """Per code, the units (bool[U]) that bar this request, codes sorted."""
        found: dict[str, BoolArray] = {}
        for at in self.traits_of[request]:
            trait = self.traits[at]
            found[trait.code] = found[trait.code] | trait.units if trait.code in found else trait.units
        return {code: found[code] for code in sorted(found)}


def eligibility(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> Eligibility:
    """All hard pair rules for the given order of requests (R) and units (U)."""
    sides = Sides.of(problem, requests, units)
    traits = [trait for rule in RULES for trait in rule(sides) if trait.requests and trait.units.any()]
    traits_of: list[list[int]] = [[] for _ in requests]
    for at, trait in enumerate(traits):
        for request in trait.requests:
            traits_of[request].append(at)
    return Eligibility(_barred_pairs(traits, len(requests), len(units)), tuple(traits), tuple(map(tuple, traits_of)))


def _barred_pairs(traits: Sequence[Trait], requests: int, units: int) -> BoolArray:
    """bool[R, U] from the masks: AND word by word; traits of few pairs directly."""
    barred = np.zeros((requests, units), np.bool_)
    dense = []
    for trait in traits:
        if len(trait.requests) * int(trait.units.sum()) * _SPARSE_SHARE < requests * units:
            barred[np.array(trait.requests, np.intp)[:, None], np.flatnonzero(trait.units)[None, :]] = True
        else:
            dense.append(trait)
    if dense:
        request_words = mask_words([marked_at(trait.requests, requests) for trait in dense])
        unit_words = mask_words([trait.units for trait in dense])
        for request_word, unit_word in zip(request_words, unit_words, strict=True):
            barred |= (request_word[:, None] & unit_word[None, :]) != 0
    return barred


def mask_words(rows: list[BoolArray]) -> NDArray[np.uint64]:
    """bool[T][N] → uint64[⌈T/64⌉, N]: bit t of column n says whether trait t holds for n."""
    packed = np.packbits(np.array(rows), axis=0, bitorder="little")
    padded = np.zeros((-(-packed.shape[0] // 8) * 8, packed.shape[1]), np.uint8)
    padded[: packed.shape[0]] = packed
    words = padded.reshape(-1, 8, packed.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(words).view(np.uint64)[:, :, 0]
