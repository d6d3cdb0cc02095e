"""Years of the Dutch network, the same under every policy: `python -m bench.matching.simulate --years 4 --seed 0`.

Parties arrive by the hour, stay, and leave. Whoever is placed stays where they are; whenever somebody arrives or
leaves, everyone still waiting is decided on again. Compared are the phone round (first fit in order of arrival),
greedy, the exact solve, and the exact solve with places priced by who may still come (`matching.reserved`).

What counts is the waiting of everybody, 8/4/2/1 by urgency × persons × hours, until they are placed or have waited for
`PATIENCE_DAYS`, after which they have found something else or are lost. Parties no unit would take were the network
empty wait alike under every policy; they are counted (`fits_nowhere`) and left out.

Published: places per pool (instances.py), 186 requests a year for the 107 places of COSM, NLA and OMM, the mean stay of
164 days, 0.26 for the spread between years, and 14, 90 and 259 days as lengths of stay there are. Taken as they are,
the phone round comes to an occupancy of 0.58 to 0.73 and honours 0.80 of the requests; published are 0.72 for COSM and
0.82. All else is assumed: the patience, that stays last between half and one and a half of what is expected, and
everything instances.py assumes. Years begin with an empty network. Nobody is refused at the door here, so what a policy
does to that risk is told beside its waiting: `open_questions` per placed person.

`hindsight` is a bound on the weighted persons any policy could place, by a linear program over all years that knows
every arrival and stay in advance. It relaxes four things, each in favour of the bound: parties may be placed in
fractions; units of one location that admit the same are one room, so that a party may be spread over them; places are
counted once a week, so a stay takes its length rounded down to whole weeks; a place may be reached up to a week after
the patience ended. It may also keep places empty for who is yet to come, which no policy here ever does. A second
program bounds the weighted wait from below in the same way.

One JSON object; everything but `seconds` is the same on every machine.
"""

import argparse
import heapq
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from bench.matching.instances import Size, instance
from bench.matching.measure import written
from bench.matching.peers import phone_placement
from matching import Budget, Problem, Profile, Request, Unit, reserved, solve
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, Placement, compiled
from matching.reserve import POINTS, URGENCY_WEIGHT
from matching.scoring import scores

PLACES = 230
REQUESTS_A_YEAR_PER_PLACE = 186 / 107
YEAR_SPREAD = 0.26
STAY_DAYS = (14, 90, 259)
STAY_SHARES = (20, 27, 53)
MEAN_STAY_DAYS = 164
PATIENCE_DAYS = 28
PROFILES = 400
"""Requests of an earlier time, drawn alike, that the reserve takes its expectations from: it never sees what comes."""

DAY = 24
YEAR = 365 * DAY
WEEK = 7 * DAY
NODES_MAX = 2_000
PROGRAM_SECONDS_MAX = 100

WAIT_BAR, RESERVE_BAR, HINDSIGHT_BAR = 0.80, 0.92, 0.98


@dataclass(frozen=True, slots=True)
class World:
    """Units empty and open, and all who will ever come, in order of arrival.

    `arrival`, `stay` in hours, `size` and `weight` per request; `eligible` and `questions` [requests, units] for the
    units as they are when empty, both in order of id.
    """

    network: Problem
    requests: tuple[Request, ...]
    profiles: tuple[Profile, ...]
    arrival: NDArray[np.int64]
    stay: NDArray[np.int64]
    size: NDArray[np.int64]
    weight: NDArray[np.int64]
    eligible: NDArray[np.bool_]
    questions: NDArray[np.int64]
    hours: int
    patience: int


def world(
    years: int, seed: int, patience_days: int = PATIENCE_DAYS, places: int = PLACES, *, equal_stays: bool = False
) -> World:
    """Everything that happens to a network whoever decides. The same arguments give the same world.

    `equal_stays`: everybody stays equally long, so that knowing how long is worth nothing.
    """
    draw = random.Random(f"years{years}{seed}")  # noqa: S311  seeded on purpose
    a_year = REQUESTS_A_YEAR_PER_PLACE * places
    arrivals: list[int] = []
    for year in range(years):
        hourly = a_year * draw.gammavariate(YEAR_SPREAD**-2, YEAR_SPREAD**2) / YEAR
        moment = year * YEAR + draw.expovariate(hourly)
        while moment < (year + 1) * YEAR:
            arrivals.append(int(moment))
            moment += draw.expovariate(hourly)
    drawn = instance(Size(PROFILES + len(arrivals), places), seed, tight=False, links=False)
    stays: list[int] = []
    asked: list[Request] = []
    for request in drawn.requests:
        days = draw.choices(STAY_DAYS, STAY_SHARES)[0]
        stay = round(days * draw.uniform(0.5, 1.5))
        stays.append((MEAN_STAY_DAYS if equal_stays else stay) * DAY)
        asked.append(replace(request, waiting_hours=0, previous=None, latest_day=0, days=days))
    units = [replace(unit, available_from=0, available_until=None, closed=None) for unit in drawn.units]
    network = replace(drawn, units=tuple(sorted(units, key=lambda unit: unit.id)), requests=())
    earlier, requests = asked[:PROFILES], asked[PROFILES:]
    return World(
        network=network,
        requests=tuple(requests),
        profiles=tuple(Profile(request, a_year / 365 / PROFILES) for request in earlier),
        arrival=np.array(arrivals, np.int64),
        stay=np.array(stays[PROFILES:], np.int64),
        size=np.array([request.size for request in requests], np.int64),
        weight=np.array([URGENCY_WEIGHT[request.urgency] for request in requests], np.int64),
        eligible=compiled(replace(network, requests=tuple(requests))).instance.eligible,
        questions=scores(network, requests, network.units).risk(*np.indices((len(requests), len(network.units)))),
        hours=years * YEAR,
        patience=patience_days * DAY,
    )


Policy = Callable[[Problem], tuple[dict[str, str], bool]]
"""Unit id per request id it places, and whether that is proven best (true for whoever claims no such thing)."""


def by_arrays(place: Callable[[Instance], Placement]) -> Policy:
    """A policy of one that works on arrays."""

    def decide(problem: Problem) -> tuple[dict[str, str], bool]:
        source = compiled(problem)
        pairs = zip(source.requests, place(source.instance), strict=True)
        return {request.id: source.units[unit].id for request, unit in pairs if unit != UNPLACED}, True

    return decide


def exactly(problem: Problem) -> tuple[dict[str, str], bool]:
    """The library as anyone calls it; nodes limit the effort, not time, so that every machine decides the same."""
    solution = solve(problem, Budget(milliseconds=None, nodes=NODES_MAX), alternatives=0)
    return solution.unit_of, solution.proven


@dataclass(slots=True)
class Tally:
    """What came of it. `wait`: urgency weight × persons × hours; `placed_weight`: urgency weight × persons."""

    wait: int = 0
    wait_by_urgency: dict[str, int] = field(default_factory=lambda: dict.fromkeys(URGENCY_WEIGHT, 0))
    placed_weight: int = 0
    requests_placed: int = 0
    requests_given_up: int = 0
    occupancy: float = 0.0
    open_questions: float = 0.0
    solves: int = 0
    unproven: int = 0
    seconds: float = 0.0


class Years:
    """One run of a world under one policy."""

    def __init__(self, lived: World, units: Sequence[Unit], decide: Policy) -> None:
        self.world = lived
        self.units = units
        self.decide = decide
        self.tally = Tally()
        self._number = {unit.id: at for at, unit in enumerate(units)}
        self._places = np.array([unit.places for unit in units], np.int64)
        self._free = self._places.copy()
        self._leaving: list[tuple[int, int, int]] = []
        self._waiting: list[int] = []
        self._person_hours = self._persons = self._questions = 0

    def run(self) -> Tally:
        """From the first hour to the last; every hour with an arrival or a departure is decided once."""
        start = time.perf_counter()
        lived = self.world
        suitable: NDArray[np.bool_] = np.any(lived.eligible, axis=1)
        coming = 0
        while True:
            now = min(
                int(lived.arrival[coming]) if coming < len(lived.requests) else lived.hours,
                self._leaving[0][0] if self._leaving else lived.hours,
            )
            if now >= lived.hours:
                break
            while self._leaving and self._leaving[0][0] <= now:
                _, unit, taken = heapq.heappop(self._leaving)
                self._free[unit] += taken
            while coming < len(lived.requests) and lived.arrival[coming] <= now:
                if suitable[coming]:
                    self._waiting.append(coming)
                coming += 1
            self._give_up(now)
            self._settle(now)
        self._give_up(lived.hours)
        for request in self._waiting:
            self._waited(request, lived.hours - int(lived.arrival[request]))
        self.tally.occupancy = round(self._person_hours / (lived.hours * int(self._places.sum())), 3)
        self.tally.open_questions = round(self._questions / max(1, self._persons), 2)
        self.tally.seconds = round(time.perf_counter() - start, 1)
        return self.tally

    def _give_up(self, now: int) -> None:
        lost = [one for one in self._waiting if now - self.world.arrival[one] >= self.world.patience]
        for request in lost:
            self._waiting.remove(request)
            self._waited(request, self.world.patience)
            self.tally.requests_given_up += 1

    def _waited(self, request: int, hours: int) -> None:
        amount = int(self.world.weight[request] * self.world.size[request]) * hours
        self.tally.wait += amount
        self.tally.wait_by_urgency[self.world.requests[request].urgency] += amount

    def _settle(self, now: int) -> None:
        lived = self.world
        # Who fits in nothing that is free takes part in no decision: left out, every policy answers the same, sooner.
        asking = [one for one in self._waiting if np.any(lived.eligible[one] & (self._free >= lived.size[one]))]
        if not asking:
            return
        units = tuple(
            replace(unit, places=int(free)) for unit, free in zip(self.units, self._free, strict=True) if free > 0
        )
        requests = tuple(replace(lived.requests[one], waiting_hours=now - int(lived.arrival[one])) for one in asking)
        unit_of, proven = self.decide(replace(lived.network, units=units, requests=requests))
        self.tally.solves += 1
        self.tally.unproven += not proven
        for request in asking:
            unit = unit_of.get(lived.requests[request].id)
            if unit is not None:
                self._move_in(request, self._number[unit], now)

    def _move_in(self, request: int, unit: int, now: int) -> None:
        lived = self.world
        size, stay = int(lived.size[request]), int(lived.stay[request])
        assert lived.eligible[request, unit]
        assert self._free[unit] >= size
        taken = int(self._places[unit]) if self.units[unit].private else size
        self._free[unit] -= taken
        heapq.heappush(self._leaving, (now + stay, unit, taken))
        self._waiting.remove(request)
        self._waited(request, now - int(lived.arrival[request]))
        self.tally.requests_placed += 1
        self.tally.placed_weight += int(lived.weight[request]) * size
        self._person_hours += size * (min(now + stay, lived.hours) - now)
        self._persons += size
        self._questions += size * int(lived.questions[request, unit])


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What nobody can do better than, None if the program ran out of time: weighted persons placed, weighted wait."""

    placed_weight: float | None
    wait: float | None
    seconds: float


def hindsight(lived: World) -> Hindsight:
    """The two programs of the module's docstring.

    Variables: x(r, k, f), the share of party r that enters class k so that week count f is the first to find it there;
    and v(k, t), the places of class k free at week count t. Rows: Σ x ≤ 1 per party, and per class and count
    v(t) = v(t − 1) − what enters + what leaves. A stay of L hours is found by at least ⌊L / week⌋ counts.
    """
    start = time.perf_counter()
    class_of = _classes(lived)
    eligible = np.zeros((len(lived.requests), class_of.max() + 1), np.bool_)
    taken_by = np.zeros(class_of.max() + 1, np.int64)
    capacity = np.zeros(class_of.max() + 1, np.int64)
    for at, unit in enumerate(lived.network.units):
        eligible[:, class_of[at]] = lived.eligible[:, at]
        capacity[class_of[at]] += unit.places
        taken_by[class_of[at]] = unit.places if unit.private else 0
    request, kind = eligible.nonzero()
    first = -(-lived.arrival // WEEK)
    last = -(-(lived.arrival + lived.patience) // WEEK)
    options = int((last - first).max()) + 1
    request, kind = np.repeat(request, options), np.repeat(kind, options)
    count = first[request] + np.tile(np.arange(options), len(request) // options)
    possible = count <= last[request]
    request, kind, count = request[possible], kind[possible], count[possible]
    counts = lived.hours // WEEK + 1
    leaves = count + lived.stay[request] // WEEK
    takes = np.where(taken_by[kind] > 0, taken_by[kind], lived.size[request])
    entering = (count < counts) & (leaves > count)
    leaving = entering & (leaves < counts)
    shares, levels = len(request), len(capacity) * counts
    number = np.arange(shares)
    level = np.arange(levels)
    onward = level[level % counts > 0]
    # v(k, t) − v(k, t − 1) + entering − leaving = 0; v(k, 0) starts from the capacity.
    balance = coo_array(
        (
            np.concatenate([np.ones(levels), -np.ones(len(onward)), takes[entering], -takes[leaving]]),
            (
                np.concatenate([level, onward, (kind * counts + count)[entering], (kind * counts + leaves)[leaving]]),
                np.concatenate([shares + level, shares + onward - 1, number[entering], number[leaving]]),
            ),
        ),
        shape=(levels, shares + levels),
    )
    once = coo_array((np.ones(shares), (request, number)), shape=(len(lived.requests), shares + levels))
    opening = np.where(level % counts == 0, capacity[level // counts], 0)
    worth = (lived.weight * lived.size)[request]
    # The earliest a party may be inside when count f is the first to find it there, and what it has waited by then.
    waited = np.maximum(0, (count - 1) * WEEK - lived.arrival[request])
    horizon = np.minimum(lived.patience, lived.hours - lived.arrival)
    saved = worth * np.maximum(0, horizon[request] - waited)
    most = float((lived.weight * lived.size * horizon)[lived.eligible.any(axis=1)].sum())

    def best(gain: NDArray[np.int64]) -> float | None:
        solved = linprog(
            np.concatenate([-gain / gain.max(), np.zeros(levels)]),
            A_ub=once.tocsr(),
            b_ub=np.ones(len(lived.requests)),
            A_eq=balance.tocsr(),
            b_eq=opening,
            bounds=(0, None),
            method="highs-ipm",  # the simplex of the same library takes many minutes on these
            options={"time_limit": PROGRAM_SECONDS_MAX},
        )
        return float(-solved.fun * gain.max()) if solved.status == 0 else None

    placed, spared = best(worth), best(saved)
    return Hindsight(placed, None if spared is None else most - spared, round(time.perf_counter() - start, 1))


def _classes(lived: World) -> NDArray[np.int64]:
    """A number per unit, equal for units of one location that admit the same requests in the same way."""
    seen: dict[tuple[object, ...], int] = {}
    keys = (
        (unit.location, unit.places if unit.private else None, lived.eligible[:, at].tobytes())
        for at, unit in enumerate(lived.network.units)
    )
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def lived_through(lived: World, seed: int, points: int, *, bound: bool) -> dict[str, Any]:
    """All policies in one world, and the bound."""
    priced = reserved(lived.network, lived.profiles, points=points).units
    plain = lived.network.units
    policies = {
        "phone": Years(lived, plain, by_arrays(phone_placement)).run(),
        "greedy": Years(lived, plain, by_arrays(greedy)).run(),
        "exact": Years(lived, plain, exactly).run(),
        "reserve": Years(lived, priced, exactly).run(),
    }
    limit = hindsight(lived) if bound else None
    fits = lived.eligible.any(axis=1)
    return {
        "seed": seed,
        "requests": len(lived.requests),
        "fits_nowhere": int((~fits).sum()),
        "asked_weight": int((lived.weight * lived.size)[fits].sum()),
        "places": sum(unit.places for unit in plain),
        "policies": {name: asdict(tally) for name, tally in policies.items()},
        "hindsight": None if limit is None else asdict(limit),
    }


def summary(worlds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the worlds, and the three bars."""

    def total(name: str, what: str) -> int:
        return sum(one["policies"][name][what] for one in worlds)

    names = list(worlds[0]["policies"])
    limits = [one["hindsight"] and one["hindsight"]["placed_weight"] for one in worlds]
    least = [one["hindsight"] and one["hindsight"]["wait"] for one in worlds]
    placed = None if None in limits else {name: round(total(name, "placed_weight") / sum(limits), 4) for name in names}
    over_phone = {name: round(total(name, "wait") / total("phone", "wait"), 3) for name in names}
    reserve = round(total("reserve", "wait") / total("exact", "wait"), 3)
    return {
        "wait": {name: total(name, "wait") for name in names},
        "wait_over_phone": over_phone,
        "reserve_over_exact": reserve,
        "placed_share_of_hindsight": placed,
        "wait_at_least_over_phone": None if None in least else round(sum(least) / total("phone", "wait"), 3),
        "open_questions": {
            name: round(sum(one["policies"][name]["open_questions"] for one in worlds) / len(worlds), 2)
            for name in names
        },
        "solves": sum(total(name, "solves") for name in names),
        "unproven": sum(total(name, "unproven") for name in names),
        "bars": {
            f"exact wait over phone <= {WAIT_BAR}": over_phone["exact"] <= WAIT_BAR,
            f"reserve wait over phone <= {WAIT_BAR}": over_phone["reserve"] <= WAIT_BAR,
            f"reserve wait over exact <= {RESERVE_BAR}": reserve <= RESERVE_BAR,
            f"reserve placed of hindsight >= {HINDSIGHT_BAR}": placed and placed["reserve"] >= HINDSIGHT_BAR,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=1, help="so many worlds, from seed on; sums over all of them")
    parser.add_argument("--points", type=int, default=POINTS, help="of the reserve")
    parser.add_argument("--patience-days", type=int, default=PATIENCE_DAYS)
    parser.add_argument("--places", type=int, default=PLACES)
    parser.add_argument("--equal-stays", action="store_true", help="what hindsight is worth that knows no stays")
    parser.add_argument("--no-hindsight", action="store_true", help="leave out the bound, which takes longest")
    given = parser.parse_args()
    if min(given.years, given.worlds, given.patience_days, given.places) < 1:
        parser.error("years, worlds, patience and places are at least 1")
    start = time.perf_counter()
    worlds = [
        lived_through(
            world(given.years, seed, given.patience_days, given.places, equal_stays=given.equal_stays),
            seed,
            given.points,
            bound=not given.no_hindsight,
        )
        for seed in range(given.seed, given.seed + given.worlds)
    ]
    report = {
        "years": given.years,
        "points": given.points,
        "patience_days": given.patience_days,
        "places": given.places,
        "equal_stays": given.equal_stays,
        "worlds": worlds,
        **summary(worlds),
        "seconds": round(time.perf_counter() - start, 1),
    }
    written(report)


if __name__ == "__main__":
    main()
