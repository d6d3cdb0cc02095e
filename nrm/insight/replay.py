"""What would have placed more people over a period: every kept situation asked again with one thing different.

Pure: problems in, gains out. A thing that is different stays different: whoever has a place by it keeps that place
until they would have left, so that it helps nobody else meanwhile and nobody twice. What really happened is never
undone: where somebody really came to stay in a place that was counted on, that gain is taken back. The place that
somebody later really got, and would then not have needed, is not given to others: so this is never too much.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

import matching
from nrm.clock import AMSTERDAM
from nrm.insight.remedies import CLOSED_NOW, EXTRA, TriedRoom, consulted, inside, new_unit
from nrm.insight.situations import relied_on
from nrm.placing.problem import NO_POOL
from nrm.registry.rules import TRUSTED, Stance

ROOMS = (1, 2, 4)
"""For how many persons a room is tried. The same through the period, so that who would be in it is known."""

RESAMPLED = 1000
LOW, HIGH = 5, 95
"""Between which percentiles of the resampled periods the answer is said to lie."""


@dataclass(frozen=True)
class Line:
    """One thing that could have been different, through the period."""

    kind: str
    """`place`, `rule`, `house_rule`, `hours` (intake in one hour of the day) or `fresh` (figures that could be relied
    on)."""
    pool: str
    region: str = ""
    places: int = 0
    criterion: str = ""
    location_id: str = ""
    hour: int = -1

    @property
    def key(self) -> str:
        return ":".join(str(value) for value in asdict(self).values())


@dataclass(frozen=True)
class Claim:
    """Somebody who would be in a place by it."""

    request: str
    region: str
    persons: int
    unit: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Gain:
    """Who would have a place more in one situation, or who after all not, by where they were found."""

    requests: Counter[str] = field(default_factory=Counter)
    persons: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return any(self.requests.values()) or any(self.persons.values())

    def plus(self, found: Iterable[Claim | matching.Request], times: int = 1) -> "Gain":
        requests, persons = Counter(self.requests), Counter(self.persons)
        for one in found:
            requests[one.region] += times
            persons[one.region] += times * (one.persons if isinstance(one, Claim) else len(one.persons))
        return Gain(requests, persons)


Claims = Mapping[Line, tuple[Claim, ...]]


@dataclass(frozen=True)
class Asked:
    """What one situation says: how far every line got, and whether there was time for all of them."""

    claims: dict[Line, tuple[Claim, ...]]
    gains: dict[Line, Gain]
    whole: bool = True


def asked_again(
    problem: matching.Problem,
    at: datetime,
    before: Claims,
    scarcity_omm: int = 0,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Asked:
    """One situation, asked again for every line; `before` is who would be where by each of them until then."""
    claims, gains = {}, {}
    for line, held in before.items():
        claims[line], lost = kept(problem, at, held)
        if lost:
            gains[line] = Gain().plus(lost, -1)
    tried = _Tried(problem, scarcity_omm)
    whole = True
    for line in _lines(tried, at) if tried.unplaced or tried.nowhere else ():
        if out_of_time():
            whole = False
            break
        new, gain = tried.with_line(line, at, claims.get(line, ()))
        if new:
            claims[line] = (*claims.get(line, ()), *new)
            gains[line] = _sum(gains.get(line, Gain()), gain)
    return Asked(claims, {line: gain for line, gain in gains.items() if gain}, whole and tried.proven)


def _sum(one: Gain, other: Gain) -> Gain:
    requests, persons = Counter(one.requests), Counter(one.persons)
    requests.update(other.requests)
    persons.update(other.persons)
    return Gain(requests, persons)


def kept(problem: matching.Problem, at: datetime, held: Iterable[Claim]) -> tuple[tuple[Claim, ...], list[Claim]]:
    """Who would still be there, and who after all not, because somebody else really is."""
    units = {unit.id: unit for unit in problem.units}
    live: list[Claim] = []
    lost: list[Claim] = []
    for claim in held:
        if claim.until <= at:
            continue
        unit = units.get(claim.unit)
        if claim.unit == EXTRA:
            live.append(claim)
        elif unit is None:
            lost.append(claim)
        elif claim.request in problem.occupants.get(unit.location, ()):
            continue  # they really came to be there in the end
        elif _fits(unit, claim.persons, (one for one in live if one.unit == unit.id)):
            live.append(claim)
        else:
            lost.append(claim)
    return tuple(live), lost


def _fits(unit: matching.Unit, persons: int, others: Iterable[Claim]) -> bool:
    there = sum(one.persons for one in others)
    free = 0 if unit.available_from else unit.places
    return persons + there <= free and not (unit.private and there)


Found = tuple[tuple[Claim, ...], Gain]


def _dropped(answer: matching.Solution) -> tuple[int, ...]:
    """How many persons have no place, by how urgent: the same of two answers says that nobody more is placed."""
    return tuple(answer.levels[level] for level in matching.LEVELS[: len(matching.LEVELS) - _COSTS])


_COSTS = 3
"""The last levels of an answer are about what it costs where people are, no longer about whether they have a place."""


class _Tried:
    """A situation and its own answer, changed for one line after another and put back each time."""

    def __init__(self, problem: matching.Problem, scarcity_omm: int) -> None:
        self.problem = problem
        self.scarcity_omm = scarcity_omm
        self.requests = {one.id: one for one in problem.requests}
        self.units = {one.id: one for one in problem.units}
        self._session = matching.Session(problem, keep_places=False)
        base = self._session.solve(reasons=False)
        self._base = set(base.unit_of)
        self.proven = base.proven
        sure = relied_on(problem)
        self._sure = self._base
        if sure != problem:
            answer = matching.solve(sure, reasons=False)
            self._sure = set(answer.unit_of)
            self.proven &= answer.proven
        self.unplaced = [one for one in problem.requests if one.id not in self._sure]
        """Who has no place that could be relied on."""
        self.nowhere = [one for one in problem.requests if one.id not in self._base]
        """Who has none at all."""
        self.alone = _kept_out_alone(problem)
        self.unsafe = {
            region: frozenset(one.id for one in problem.requests if region in one.unsafe_regions)
            for region in problem.zones
        }
        """Who is not safe in a region."""
        self._placed = _dropped(base)
        self._places: dict[Line, list[tuple[TriedRoom, bool, Found]]] = {}
        self._no_help: set[tuple[str, str]] = set()
        """Pool and criterion of the rules that, lifted at every house at once, place nobody more."""

    def with_line(self, line: Line, at: datetime, held: Sequence[Claim]) -> Found:
        """Who would have a place by this who has none, beside who would already have one."""
        there = {claim.request for claim in held}
        of = self.unplaced if line.kind == "fresh" else self.nowhere
        # A room that was added has one place or is private: with anybody in it there is none left.
        if all(one.id in there for one in of) or (line.kind == "place" and held):
            return (), Gain()
        if line.kind == "place":
            return self._with_room(line, at)
        rule = line.pool, line.criterion
        if line.kind == "house_rule" and not held and rule in self._no_help:
            return (), Gain()
        after, found = self._worked_out(line, at, held, there)
        if line.kind == "rule" and not held and after.proven and _dropped(after) == self._placed:
            self._no_help.add(rule)
        return found

    def _with_room(self, line: Line, at: datetime) -> Found:
        """Who would have a place by one more room.

        Regions differ only in who is not safe there. The best there is with a room of which fewer are kept out is also
        the best with this one, unless whoever is in it then is kept out here. Of equally good answers it is one.
        """
        unsafe = self.unsafe[line.region]
        known = self._places.setdefault(replace(line, region=""), [])
        for room, proven, found in known:
            if room.unsafe == unsafe or (proven and room.holds_for(unsafe)):
                return found
        after, found = self._worked_out(line, at, (), set())
        known.append((TriedRoom(unsafe, inside(after)), after.proven, found))
        return found

    def _worked_out(
        self, line: Line, at: datetime, held: Sequence[Claim], there: set[str]
    ) -> tuple[matching.Solution, Found]:
        changed = {unit.id: unit for unit in self.with_it(line)}
        for claim in held:
            unit = changed.get(claim.unit) or self.units[claim.unit]
            changed[unit.id] = _taken(unit, claim.persons)
        self._session.change(units=changed.values(), without_requests=there & self.requests.keys())
        after = self._session.solve(reasons=False)
        self._session.change(
            units=[self.units[key] for key in changed if key in self.units],
            without_units=[key for key in changed if key not in self.units],
            requests=[self.requests[key] for key in there if key in self.requests],
        )
        self.proven &= after.proven
        base = self._sure if line.kind == "fresh" else self._base
        more, less = sorted(set(after.unit_of) - base), sorted(base - there - set(after.unit_of))
        if len(more) <= len(less):
            return after, ((), Gain())
        new = tuple(
            Claim(key, one.region, len(one.persons), after.unit_of[key], at, at + timedelta(days=max(1, one.days)))
            for key in more
            for one in (self.requests[key],)
        )
        return after, (new, Gain().plus(new).plus((self.requests[key] for key in less), -1))

    def with_it(self, line: Line) -> Iterable[matching.Unit]:
        """The units that are different by a line."""
        units = self.problem.units
        if line.kind == "place":
            criteria = self.problem.criteria
            return [new_unit(criteria, self.scarcity_omm, line.region, line.pool, line.places)]
        if line.kind == "fresh":
            # All others that cannot be relied on stay out: it is about this pool alone.
            return [one for one in relied_on(self.problem).units if one.pool != line.pool and one != self.units[one.id]]
        if line.kind == "hours":
            return [replace(one, closed=None) for one in units if one.pool == line.pool and one.closed == CLOSED_NOW]
        houses = [one for one in units if line.location_id in {"", one.location} and one.pool == line.pool]
        return [consulted(one, line.criterion) for one in houses if one.stance.get(line.criterion) == Stance.EXCLUDES]


def _taken(unit: matching.Unit, persons: int) -> matching.Unit:
    """A unit with so many more in it."""
    if unit.private or persons >= unit.places:
        return replace(unit, closed=unit.closed or "out_of_service")
    return replace(unit, places=unit.places - persons)


def _kept_out_alone(problem: matching.Problem) -> dict[str, set[str]]:
    """Reason code → the units that it alone keeps from somebody who waits: lifted elsewhere it opens no door."""
    found: dict[str, set[str]] = {}
    for one in problem.requests:
        for unit_id, codes in matching.pair_codes(problem, one.id).items():
            if len(codes) == 1:
                found.setdefault(next(iter(codes)), set()).add(unit_id)
    return found


def _lines(tried: _Tried, at: datetime) -> Iterator[Line]:
    """Everything that is tried, what is most likely to be done first."""
    problem = tried.problem
    pools = sorted({pool for one in tried.nowhere for pool in one.pools if pool != NO_POOL})
    # Where fewest are not safe comes first: what is found there mostly holds for the others.
    regions = sorted(problem.zones, key=lambda region: (len(tried.unsafe[region]), region))
    yield from (Line("place", pool, region, ROOMS[0]) for pool in pools for region in regions)
    for code in sorted(tried.alone):
        opened = [unit for unit in problem.units if unit.id in tried.alone[code]]
        own = sorted({unit.pool for unit in opened})
        if code.startswith("excludes:"):
            criterion = code.removeprefix("excludes:")
            yield from (Line("rule", pool, criterion=criterion) for pool in own)
            houses = sorted({(unit.location, unit.pool) for unit in opened})
            yield from (Line("house_rule", pool, criterion=criterion, location_id=house) for house, pool in houses)
        elif code == f"closed:{CLOSED_NOW}":
            yield from (Line("hours", pool, hour=at.astimezone(AMSTERDAM).hour) for pool in own)
    unsure = {unit.pool for unit in problem.units if not unit.closed and unit.freshness not in TRUSTED}
    yield from (Line("fresh", pool) for pool in sorted(unsure))
    yield from (Line("place", pool, region, room) for room in ROOMS[1:] for pool in pools for region in regions)


def interval(per_day: Sequence[int], seed: int) -> tuple[int, int]:
    """Between what and what the sum would lie if the period had been other days like these: a bootstrap over days.

    Whoever has a place by it keeps others out for months, so days are not quite apart from each other; drawn as if they
    were, the interval is if anything too wide.
    """
    values, often = np.unique(np.array(per_day or [0]), return_counts=True)
    days = int(often.sum())
    drawn = np.random.default_rng(seed).multinomial(days, often / days, RESAMPLED) @ values
    low, high = np.percentile(drawn, (LOW, HIGH), method="nearest")
    return max(0, int(low)), max(0, int(high))


def claim_from(said: Mapping[str, Any]) -> Claim:
    """A claim as it was stored."""
    moments = {name: datetime.fromisoformat(said[name]) for name in ("since", "until")}
    return Claim(**{**said, **moments})


def claim_to(claim: Claim) -> dict[str, Any]:
    """A claim as it is stored."""
    return {**asdict(claim), "since": claim.since.isoformat(), "until": claim.until.isoformat()}
