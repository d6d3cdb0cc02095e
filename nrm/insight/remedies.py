"""What would place whoever has no place now: one more place of a kind, or one rule less. Exact: by solving again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import matching
from nrm.db import Database, Tx
from nrm.intake import queries as intake
from nrm.placing import problem as placing
from nrm.placing.problem import NO_POOL, Built
from nrm.registry import queries as registry
from nrm.registry.rules import Stance

BUDGET_MS = 1800
"""For all of it together, so that whoever opens the page has an answer within two seconds."""

ROOMS_MAX = 5
"""How many kinds of rooms are tried beside a plain single place: those that most who have no place would need."""

EXTRA = "one-more"

CLOSED_NOW = "intake_hours"


@dataclass(frozen=True)
class Remedy:
    """One thing that would be different, and whom it would place."""

    kind: str
    """`place`, `rule` (one criterion in a whole pool), `hours` (intake at this hour in a pool) or `house_rule`."""
    pool: str
    regions: tuple[str, ...] = ()
    """Of a place: where it would do this. In all of them it does the same."""
    places: int = 0
    needs: tuple[str, ...] = ()
    """What the room has of what somebody needs."""
    criterion: str = ""
    location_code: str = ""
    organisation_id: str = ""
    placed: tuple[str, ...] = ()
    """The regions of the requests that would have a place, one each; more are placed than lose one."""
    persons: int = 0
    proven: bool = True
    order: tuple[int, ...] = ()
    """How much better by the solver's own levels: the most urgent persons first."""

    @property
    def requests(self) -> int:
        return len(self.placed)


@dataclass(frozen=True)
class Remedies:
    """Everything that would help, best first, and who has no place without it."""

    waiting: tuple[str, ...]
    """The region of each request that waits and of which nobody is being asked."""
    unplaced: tuple[str, ...]
    """The region of each of those for which there is no place now."""
    found: tuple[Remedy, ...]
    proven: bool = True


def remedies(database: Database, houses: bool = False, budget_ms: int = BUDGET_MS) -> Remedies:
    """What would place the requests that wait now; with `houses` also one rule less at one house.

    Read first, then solved outside any transaction: nobody waits for it.
    """
    with database.reading() as tx:
        built, details = _built(tx)
    return solved(built, {found.request.id: found for found in details}, houses, budget_ms)


def _built(tx: Tx) -> tuple[Built, list[intake.RequestDetail]]:
    details = intake.details(tx, placing.waiting(tx))
    # With nobody where they were proposed before: what is asked is how many can be placed, not who stays where.
    return placing.build(tx, details, registry.locations(tx), with_previous=False), details


def solved(
    built: Built, details: Mapping[str, intake.RequestDetail], houses: bool = False, budget_ms: int = BUDGET_MS
) -> Remedies:
    """The same for a problem that was built already.

    One session follows the problem from remedy to remedy, so that each costs what it touches; its answers are those of
    solving from scratch. When the time is up the rest is left out, and `proven` says so.
    """
    begun = perf_counter()

    def left() -> matching.Budget:
        return matching.Budget(milliseconds=max(1, budget_ms - int(1000 * (perf_counter() - begun))))

    session = matching.Session(built.problem, keep_places=False)
    base = session.solve(left(), reasons=False)
    unplaced = [details[found.request] for found in base.unplaced]
    region_of = {key: found.request.region_code for key, found in details.items()}
    whole = Remedies(
        tuple(sorted(region_of.values())),
        tuple(sorted(region_of[one.request.id] for one in unplaced)),
        (),
        base.proven,
    )
    found = []
    own = {unit.id: unit for unit in built.problem.units}
    rooms: list[tuple[Remedy, Remedy | None, TriedRoom]] = []
    for remedy, units in _tried(built, details, unplaced, houses) if unplaced else ():
        unsafe = _unsafe(built, remedy)
        known = [better for one, better, room in rooms if _alike(remedy, one) and room.holds_for(unsafe)]
        if known:
            if better := known[0]:
                found.append(replace(better, regions=remedy.regions))
            continue
        if 1000 * (perf_counter() - begun) >= budget_ms:
            whole = replace(whole, proven=False)
            break
        session.change(units=units)
        after = session.solve(left(), reasons=False)
        new = [unit.id for unit in units if unit.id not in own]
        session.change(units=[own[unit.id] for unit in units if unit.id in own], without_units=new)
        if better := _better(remedy, base, after, details):
            found.append(better)
        if after.proven and base.proven:
            rooms.append((remedy, better, TriedRoom(unsafe, inside(after), helps=better is not None)))
        whole = replace(whole, proven=whole.proven and after.proven)
    return replace(whole, found=tuple(_merged(found)))


@dataclass(frozen=True)
class Worth:
    """What one place more of a kind there is would change now, and in which regions it would do the same."""

    pool: str
    places: int
    """Of a room of one's own that is taken whole; 0 is a place in a room with others."""
    sexes: tuple[str, ...]
    regions: tuple[str, ...]
    placed: tuple[str, ...]
    """The regions of the requests that would have a place, one each, after those that would lose theirs."""
    change: str
    """Without a place more for anybody, what would be better: a level of the solver, first one first."""
    order: tuple[int, ...] = ()


@dataclass(frozen=True)
class Worths:
    """Everything that one place more would change, best first, and of how many kinds and regions that was asked."""

    found: tuple[Worth, ...]
    waiting: int
    kinds: int
    proven: bool


def worths(database: Database, budget_ms: int = BUDGET_MS) -> Worths:
    """What one place more of each kind of place there is would change for whoever waits now: the shadow prices.

    Read first, then solved outside any transaction. What the time was too short for is left out, and `proven` says so.
    """
    with database.reading() as tx:
        built, details = _built(tx)
    if not details:
        return Worths((), 0, 0, proven=True)
    prices = matching.prices(built.problem, matching.Budget(milliseconds=budget_ms))
    return priced(built.problem, prices, {found.request.id: found.request.region_code for found in details})


def priced(problem: matching.Problem, prices: Iterable[matching.Price], region_of: Mapping[str, str]) -> Worths:
    """Prices by pool, region and kind of room. Rooms that differ in their rules alone are not told apart.

    Of those the best one counts: a class is often one room, and its rules would say which house that is.
    """
    units = {unit.id: unit for unit in problem.units}
    best: dict[tuple[str, str, int, tuple[str, ...]], matching.Price] = {}
    proven, kinds = True, set()
    for price in prices:
        unit = units[price.units[0]]
        places = max(units[one].places for one in price.units) if unit.private else 0
        key = (unit.pool, unit.region, places, tuple(sorted(unit.sexes)))
        kinds.add(key)
        proven = proven and price.proven
        if price.proven and (key not in best or price.rank < best[key].rank):
            best[key] = price
    merged: dict[tuple[object, ...], Worth] = {}
    for (pool, region, places, sexes), price in sorted(best.items(), key=lambda one: (one[1].rank[0], one[0])):
        level = next((one for one in matching.LEVELS if price.delta.get(one)), None)
        if level is None:
            continue
        regions = Counter(region_of[one] for one in price.newly_placed)
        regions.subtract(region_of[one] for one in price.newly_unplaced)
        more = len(price.newly_placed) - len(price.newly_unplaced)
        placed = tuple(sorted(regions.elements()))[: max(0, more)]
        change = "" if placed else level
        alike = (pool, places, sexes, placed, change)
        first = merged.get(alike)
        there = (*first.regions, region) if first else (region,)
        order = first.order if first else price.rank[0]
        merged[alike] = Worth(pool, places, sexes, tuple(sorted(there)), placed, change, order)
    return Worths(tuple(sorted(merged.values(), key=lambda one: one.order)), len(region_of), len(kinds), proven)


@dataclass(frozen=True)
class TriedRoom:
    """Who is in one more room where these are not safe, and whether it helps anybody."""

    unsafe: frozenset[str]
    inside: frozenset[str]
    helps: bool = True

    def holds_for(self, unsafe: frozenset[str]) -> bool:
        """Whether it does the same where others are not safe: more of them, and nobody who would be in it.

        Where it helps nobody it helps nobody where more are unsafe either.
        """
        return self.unsafe <= unsafe and not (self.helps and self.inside & unsafe)


def inside(answer: matching.Solution) -> frozenset[str]:
    """Who is in the room that was tried."""
    return frozenset(key for key, unit in answer.unit_of.items() if unit == EXTRA)


def _merged(found: Iterable[Remedy]) -> list[Remedy]:
    """Best first; what does the same in several regions, to as many people in the same ones, is named once."""
    merged: dict[tuple[object, ...], Remedy] = {}
    for one in sorted(found, key=lambda one: one.order):
        key = (one.kind, one.pool, one.places, one.needs, one.criterion, one.location_code, one.placed, one.persons)
        first = merged.setdefault(key, one)
        if first is not one:
            merged[key] = replace(first, regions=tuple(sorted({*first.regions, *one.regions})))
    return sorted(
        merged.values(),
        key=lambda one: (
            one.order,
            one.places,
            one.kind,
            one.pool,
            -len(one.regions),
            one.criterion,
            one.location_code,
        ),
    )


def _alike(one: Remedy, other: Remedy) -> bool:
    return one.kind == "place" and (one.kind, one.pool, one.places, one.needs) == (
        *(other.kind, other.pool, other.places),
        other.needs,
    )


def _unsafe(built: Built, remedy: Remedy) -> frozenset[str]:
    """Who that waits is not safe where a place would come."""
    if not remedy.regions:
        return frozenset()
    return frozenset(one.id for one in built.problem.requests if remedy.regions[0] in one.unsafe_regions)


def _better(
    remedy: Remedy, base: matching.Solution, after: matching.Solution, details: Mapping[str, intake.RequestDetail]
) -> Remedy | None:
    """What it would place; None when it places no more requests than there are placed now."""
    before, now = set(base.unit_of), set(after.unit_of)
    more, less = sorted(now - before), sorted(before - now)
    if len(more) <= len(less):
        return None
    # Somebody more urgent may come instead of others: what counts is how many more there are, by where they are.
    regions = Counter(details[one].request.region_code for one in more)
    regions.subtract(details[one].request.region_code for one in less)
    return replace(
        remedy,
        placed=tuple(sorted(regions.elements()))[: len(more) - len(less)],
        persons=sum(len(details[one].persons) for one in more) - sum(len(details[one].persons) for one in less),
        proven=base.proven and after.proven,
        order=tuple(after.levels[level] - base.levels[level] for level in matching.LEVELS),
    )


Tried = tuple[Remedy, list[matching.Unit]]
"""A remedy, and the units as they would then be."""


def _tried(
    built: Built,
    details: Mapping[str, intake.RequestDetail],
    unplaced: Sequence[intake.RequestDetail],
    houses: bool,
) -> Iterator[Tried]:
    """Everything that is tried, what is most likely to be done first."""
    alone = _kept_out_alone(built, details)
    yield from _places(built, unplaced, ((1, ()),))
    yield from _rules(built, alone)
    yield from _hours(built, alone)
    asked = Counter((len(found.persons), tuple(sorted(found.request.needs))) for found in unplaced)
    del asked[1, ()]
    yield from _places(built, unplaced, [room for room, _ in asked.most_common(ROOMS_MAX)])
    if houses:
        yield from _house_rules(built, alone)


def _kept_out_alone(built: Built, details: Iterable[str]) -> dict[str, set[str]]:
    """Reason code → the units that it alone keeps from somebody who waits: lifted elsewhere it opens no door."""
    found: dict[str, set[str]] = {}
    for request_id in details:
        for unit_id, codes in matching.pair_codes(built.problem, request_id).items():
            if len(codes) == 1:
                found.setdefault(next(iter(codes)), set()).add(unit_id)
    return found


Room = tuple[int, tuple[str, ...]]
"""For how many persons, and what it has of what they need."""


def _places(built: Built, unplaced: Sequence[intake.RequestDetail], rooms: Iterable[Room]) -> Iterator[Tried]:
    """A room of each pool that is open to somebody without a place.

    To the solver regions differ, as to who can be placed, only in who is not safe there: those for whom that is the
    same are tried once and named together.
    """
    ids = {found.request.id for found in unplaced}
    pools = sorted({pool for one in built.problem.requests if one.id in ids for pool in one.pools if pool != NO_POOL})
    alike: dict[frozenset[str], list[str]] = {}
    for region in sorted(built.zones):
        barred = frozenset(one.id for one in built.problem.requests if region in one.unsafe_regions)
        alike.setdefault(barred, []).append(region)
    most = sorted(alike.values(), key=lambda regions: (-len(regions), regions))
    criteria = built.problem.criteria
    for places, needs in rooms:
        for regions in most:
            for pool in pools:
                remedy = Remedy("place", pool, tuple(regions), places, needs=needs)
                yield remedy, [new_unit(criteria, built.settings.scarcity_omm, regions[0], pool, places, needs)]


def new_unit(
    criteria: Iterable[str], scarcity_omm: int, region: str, pool: str, places: int, needs: Iterable[str] = ()
) -> matching.Unit:
    """A place as it would be if it were added: everybody may come, every criterion is consulted on, free now.

    For more than one person, or whoever needs one, it is a room of their own.
    """
    own = places > 1 or "own_room" in needs
    scarcity = scarcity_omm if pool == "OMM" else 0
    return matching.Unit(
        id=EXTRA,
        location=EXTRA,
        region=region,
        pool=pool,
        places=places,
        private=own,
        sexes=("f", "m", "x"),
        sons_until=17,
        age_min=0,
        children=True,
        stance=dict.fromkeys(criteria, Stance.CONSULT.value),
        offers=tuple(sorted({*needs, *(["own_room"] if own else [])})),
        freshness="fresh",
        scarcity=scarcity,
    )


def _rules(built: Built, alone: Mapping[str, set[str]]) -> Iterator[Tried]:
    """One criterion consulted on instead of excluded, at every house of one pool."""
    for criterion in built.problem.criteria:
        opened = alone.get(f"excludes:{criterion}", set())
        for pool in sorted({unit.pool for unit in built.problem.units if unit.id in opened}):
            yield (
                Remedy("rule", pool, criterion=criterion),
                [consulted(unit, criterion) for unit in built.problem.units if unit.pool == pool],
            )


def _house_rules(built: Built, alone: Mapping[str, set[str]]) -> Iterator[Tried]:
    """The same at one house."""
    for criterion in built.problem.criteria:
        opened = alone.get(f"excludes:{criterion}", set())
        for location_id in sorted({unit.location for unit in built.problem.units if unit.id in opened}):
            units = [unit for unit in built.problem.units if unit.location == location_id]
            location = built.units[units[0].id][0].location
            remedy = Remedy(
                "house_rule",
                location.pool,
                criterion=criterion,
                location_code=location.code,
                organisation_id=location.organisation_id,
            )
            yield remedy, [consulted(unit, criterion) for unit in units]


def _hours(built: Built, alone: Mapping[str, set[str]]) -> Iterator[Tried]:
    """Intake at this hour, at every house of one pool that has none now."""
    opened = alone.get("closed:intake_hours", set())
    for pool in sorted({unit.pool for unit in built.problem.units if unit.id in opened}):
        units = [unit for unit in built.problem.units if unit.pool == pool and unit.closed == CLOSED_NOW]
        yield Remedy("hours", pool), [replace(unit, closed=None) for unit in units]


def consulted(unit: matching.Unit, criterion: str) -> matching.Unit:
    """The unit, consulting on a criterion instead of excluding on it."""
    if unit.stance.get(criterion) != Stance.EXCLUDES:
        return unit
    return replace(unit, stance={**unit.stance, criterion: Stance.CONSULT.value})
