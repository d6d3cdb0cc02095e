"""One event after an optimum, families and links included: `python -m bench.matching.events 60x300 --verify`.

A session is solved once; then requests come, change and go, units fill up, close, go and come, now and then a rule
changes, and after each event the session solves again. Measured per event: changing and solving again (`event`), in
elapsed and in processor time, and the same in a twin session that also says why for everybody it leaves out
(`with_reasons`). `--verify` solves every problem afresh. Where not all pairs are listed (`10000x100000`) nobody's
reasons are asked, every tenth answer is judged by the whole check, and said is what is left of the bound.

Also counted is what people see move: proposals with another unit after the event than before it. With previous places
kept that is the session's own row of answers. Without memory it is the row of answers to the same problems with every
`previous` null, each compared with the one before it; compared with what stands in the session they would differ more,
so that ratio (`moved_ratio_to_standing`) flatters and is given for completeness. `--forced` also asks CP-SAT, in a
formulation of its own, how few may change among all optima of the levels before (`least_change`): no exact method
proposes fewer changes than that.
"""

import argparse
import random
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.matching.instances import CRITERIA, Size, instance
from bench.matching.measure import placed, size_named, spread, without_previous, written
from bench.matching.peers import per_place_cp_sat
from matching import LEVELS, Problem, Session, Unit, Weights, prepare, violations
from matching.model import compiled
from matching.solution import Budget, Solution

DUTCH = "15x230"
MOVED_RATIO_BAR = 0.2
_LARGEST_VERIFIED = 200 * 2_000
# Places are more than units: so many requests × places are listed whatever the draw.
_LARGEST_LISTED = 2_000 * 20_000
_CHECKED_EVERY = 10
_FORCED_MILLISECONDS = 30_000

Event = dict[str, Any]
"""What `Session.change` is given."""


class Events:
    """A row of random events. The same seed and problems give the same row."""

    def __init__(self, size: Size, seed: int, count: int, *, tight: bool) -> None:
        self._draw = random.Random(f"events {size} {seed} {tight}")  # noqa: S311  seeded on purpose
        # Newcomers are drawn as the first ones were. Stays to be apart from may name locations of the first problem.
        spare = instance(replace(size, requests=count, places=4 * count), seed + 10_000, tight=tight, links=False)
        self._new_requests = [replace(one, id=f"s{one.id}", previous=None) for one in spare.requests]
        self._new_units = [replace(one, id=f"s{one.id}", location=f"s{one.location}") for one in spare.units]
        self._kinds: dict[str, tuple[int, Callable[[Problem], Event]]] = {
            "request_added": (30, self._request_added),
            "request_changed": (15, self._request_changed),
            "request_gone": (20, self._request_gone),
            "unit_place_less": (18, self._unit_place_less),
            "unit_closed": (4, self._unit_closed),
            "unit_gone": (3, self._unit_gone),
            "unit_added": (8, self._unit_added),
            "rule_changed": (2, self._rule_changed),
        }

    def next(self, problem: Problem) -> tuple[str, Event]:
        """The name of the next event and what it changes."""
        weights = [weight for weight, _ in self._kinds.values()]
        kind = self._draw.choices(list(self._kinds), weights)[0]
        if not problem.requests:
            kind = "request_added"
        return kind, self._kinds[kind][1](problem)

    def _request_added(self, problem: Problem) -> Event:
        """One newcomer in five has a link: half are to be with somebody, half apart from somebody."""
        request = self._new_requests.pop()
        if not problem.requests or self._draw.random() >= 0.2:
            return {"requests": [request]}
        other = self._draw.choice(problem.requests)
        if self._draw.random() < 0.5:
            return {"requests": [replace(request, apart=(*request.apart, other.id))]}
        group = other.together or f"with {other.id}"
        return {"requests": [replace(request, together=group), replace(other, together=group)]}

    def _request_changed(self, problem: Problem) -> Event:
        request = self._draw.choice(problem.requests)
        criterion = self._draw.choice(CRITERIA)
        region = self._draw.choice(problem.units).region
        changes: tuple[Mapping[str, Any], ...] = (
            {"urgency": self._draw.choice(("now", "today", "soon", "planned"))},
            {"waiting_hours": request.waiting_hours + self._draw.randint(1, 24)},
            {"facts": {**request.facts, criterion: self._draw.choice(("yes", "no"))}},
            {"unsafe_regions": tuple(sorted({*request.unsafe_regions, region}))},
            {"persons": (*request.persons, self._draw.choice(self._draw.choice(problem.requests).persons))},
            {"together": None},
        )
        return {"requests": [replace(request, **self._draw.choice(changes))]}

    def _request_gone(self, problem: Problem) -> Event:
        return {"without_requests": [self._draw.choice(problem.requests).id]}

    def _open_unit(self, problem: Problem) -> Unit:
        candidates = [unit for unit in problem.units if unit.places and unit.closed is None]
        return self._draw.choice(candidates or problem.units)

    def _unit_place_less(self, problem: Problem) -> Event:
        unit = self._open_unit(problem)
        return {"units": [replace(unit, places=max(0, unit.places - 1))]}

    def _unit_closed(self, problem: Problem) -> Event:
        return {"units": [replace(self._open_unit(problem), closed="paused")]}

    def _unit_gone(self, problem: Problem) -> Event:
        return {"without_units": [self._open_unit(problem).id]}

    def _unit_added(self, problem: Problem) -> Event:
        return {"units": [self._new_units.pop()]}

    def _rule_changed(self, problem: Problem) -> Event:
        if self._draw.random() < 0.5:
            return {"rules": {"weights": Weights(self._draw.randint(0, 3), self._draw.randint(0, 3))}}
        start = self._draw.choice(problem.requests).region
        end = self._draw.choice(problem.units).region
        row = {**problem.zones.get(start, {}), end: self._draw.randint(0, 9)}
        return {"rules": {"zones": {**problem.zones, start: row}}}


@dataclass(slots=True)
class Seen:
    """What one event took and did."""

    kind: str
    event: float
    processor: float
    proven: bool
    with_reasons: float | None = None
    compared: bool = False
    equal: bool = False
    moved: int = 0
    moved_memoryless: int = 0
    moved_to_standing: int = 0
    change: int = 0
    least_change: int | None = None


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """How many requests had a unit before and after, but another one."""
    return sum(request in before and before[request] != unit for request, unit in after.items())


def run(
    size: Size, seed: int, count: int, budget: Budget, *, tight: bool, verify: bool, forced: bool = False
) -> list[Seen]:
    """Solve, then `count` events one after the other."""
    events = Events(size, seed, count, tight=tight)
    session, twin = (Session(instance(size, seed, tight=tight)) for _ in range(2))
    standing = session.solve(budget, reasons=False).unit_of
    twin.solve(budget)
    memoryless = placed(without_previous(session.problem), budget).unit_of
    row = []
    for _ in range(count):
        kind, event = events.next(session.problem)
        seen, problem, solution = _one(session, kind, event, budget)
        start = time.perf_counter()
        twin.change(**event)
        twin.solve(budget)
        seen.with_reasons = time.perf_counter() - start
        fresh = placed(problem, budget) if verify else None
        seen.compared = fresh is not None and solution.proven and fresh.proven
        seen.equal = fresh is not None and _same(solution, fresh.levels, fresh.unit_of)
        forgetful = placed(without_previous(problem), budget)
        seen.moved = moved(standing, solution.unit_of)
        seen.moved_memoryless = moved(memoryless, forgetful.unit_of)
        seen.moved_to_standing = moved(standing, forgetful.unit_of)
        seen.change = solution.levels["change"]
        seen.least_change = _least_change(problem) if forced else None
        row.append(seen)
        standing, memoryless = solution.unit_of, forgetful.unit_of
    return row


def _least_change(problem: Problem) -> int | None:
    """How few placed requests change, whoever is placed and cared for best; None if that takes too long."""
    found = per_place_cp_sat(compiled(problem).instance, _FORCED_MILLISECONDS)
    return found.levels[LEVELS.index("change")] if found.proven else None


def _one(session: Session, kind: str, event: Event, budget: Budget) -> tuple[Seen, Problem, Solution]:
    """One event and its answer."""
    start, used = time.perf_counter(), time.process_time()
    session.change(**event)
    problem = session.problem
    solution = session.solve(budget, reasons=False)
    processor = time.process_time() - used
    return Seen(kind, time.perf_counter() - start, processor, solution.proven), problem, solution


def run_wide(size: Size, seed: int, count: int, budget: Budget) -> dict[str, object]:
    """The same where not all pairs are listed: what an event takes, and how far the last answer is from its bound."""
    events, session = Events(size, seed, count, tight=True), Session(instance(size, seed, tight=True))
    first = session.solve(budget, reasons=False)
    row, faults, solution = [], 0, first
    for number in range(count):
        kind, event = events.next(session.problem)
        seen, problem, solution = _one(session, kind, event, budget)
        row.append(seen)
        if number % _CHECKED_EVERY == 0 or number == count - 1:
            faults += len(violations(problem, solution))
    return {
        **_times(row),
        "violations": faults,
        "levels_first": dict(first.levels),
        "bound_first": dict(first.bound),
        "levels_last": dict(solution.levels),
        "bound_last": dict(solution.bound),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _times(row: list[Seen]) -> dict[str, object]:
    """Rule changes are rare and change everything: without them too."""
    usual = [seen for seen in row if seen.kind != "rule_changed"]
    kinds = sorted({seen.kind for seen in row})
    return {
        "event": spread([seen.event for seen in row]),
        "event_processor": spread([seen.processor for seen in row]),
        "event_processor_but_rules": spread([seen.processor for seen in usual]),
        "by_kind": {kind: _of_kind([seen for seen in row if seen.kind == kind]) for kind in kinds},
    }


def _same(solution: Solution, levels: Mapping[str, int], unit_of: Mapping[str, str]) -> bool:
    """Byte for byte the same answer, not merely as good a one."""
    return dict(solution.levels) == levels and solution.unit_of == unit_of


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", nargs="?", default=DUTCH)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loose", action="store_true")
    parser.add_argument("--budget-ms", type=int, default=2_000)
    parser.add_argument("--verify", action="store_true", help="compare every answer with a fresh solve")
    parser.add_argument("--forced", action="store_true", help="how few proposals may change, by another formulation")
    given = parser.parse_args()
    size = size_named(given.size)
    if given.verify and size.requests * size.places > _LARGEST_VERIFIED:
        parser.error("--verify is for sizes up to 200x2000")
    prepare()
    budget = Budget(given.budget_ms)
    head = {"size": given.size, "tight": not given.loose, "seed": given.seed, "events": given.events}
    if size.requests * size.places > _LARGEST_LISTED:
        written({**head, **run_wide(size, given.seed, given.events, budget)})
        return
    row = run(size, given.seed, given.events, budget, tight=not given.loose, verify=given.verify, forced=given.forced)
    known = [seen for seen in row if seen.least_change is not None]
    totals = {name: sum(getattr(seen, name) for seen in row) for name in Seen.__slots__ if name.startswith("moved")}
    written(
        {
            **head,
            **_times(row),
            "with_reasons": spread([seen.with_reasons for seen in row if seen.with_reasons is not None]),
            "proven": f"{sum(seen.proven for seen in row)} of {len(row)}",
            "verified": given.verify,
            "equal": f"{sum(seen.equal for seen in row if seen.compared)} of {sum(seen.compared for seen in row)}",
            **totals,
            "change": sum(seen.change for seen in known),
            "least_change": sum(seen.least_change or 0 for seen in known),
            "least_change_met": f"{sum(seen.change == seen.least_change for seen in known)} of {len(known)}",
            "moved_ratio": _ratio(totals["moved"], totals["moved_memoryless"]),
            "moved_ratio_to_standing": _ratio(totals["moved"], totals["moved_to_standing"]),
            "moved_ratio_bar": MOVED_RATIO_BAR,
        }
    )


def _of_kind(row: list[Seen]) -> dict[str, object]:
    return {
        "events": len(row),
        "processor": spread([seen.processor for seen in row]),
        "moved": sum(seen.moved for seen in row),
        "moved_memoryless": sum(seen.moved_memoryless for seen in row),
    }


def _ratio(one: int, other: int) -> float | None:
    return round(one / other, 3) if other else None


if __name__ == "__main__":
    main()
