"""What the benches share: how large, how a row of times is summed up, and a placement without its reasons."""

import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.matching.instances import SIZES, Size
from matching import LEVELS, Problem
from matching.engine import Memory, optimum
from matching.model import UNPLACED, Compiled, compiled
from matching.search import Found, Limit
from matching.solution import Budget


@dataclass(frozen=True, slots=True)
class Placed:
    """A problem compiled and solved, nothing explained: the part of `solve` that looks for the optimum."""

    source: Compiled
    found: Found
    seconds: float
    processor: float

    @property
    def proven(self) -> bool:
        """Whether optimality of every level is proven."""
        return self.found.proven

    @property
    def unit_of(self) -> dict[str, str]:
        """Unit id per placed request id."""
        return self.source.unit_of(self.found.placement or ())

    @property
    def levels(self) -> dict[str, int]:
        """Amount per level name."""
        placement = self.found.placement or (UNPLACED,) * self.source.instance.requests
        return dict(zip(LEVELS, self.source.instance.amounts(placement), strict=True))


def placed(problem: Problem, budget: Budget, memory: Memory | None = None) -> Placed:
    """Compile and place, timed together."""
    start, used = time.perf_counter(), time.process_time()
    source = compiled(problem)
    found = optimum(source.instance, Limit(budget), 0, memory)
    return Placed(source, found, time.perf_counter() - start, time.process_time() - used)


def without_previous(problem: Problem) -> Problem:
    """The same problem had nobody been proposed anything yet."""
    return replace(problem, requests=tuple(replace(request, previous=None) for request in problem.requests))


def size_named(name: str) -> Size:
    """A size of `SIZES`, or `RxP` for any other."""
    return SIZES.get(name) or Size(*(int(part) for part in name.split("x")))


def spread(seconds: Sequence[float]) -> dict[str, float] | None:
    """Median, 95th percentile (nearest rank) and worst in milliseconds; None for no times at all."""
    if not seconds:
        return None
    ranked = sorted(seconds)
    ranks = {
        "p50_ms": math.ceil(0.50 * len(ranked)),
        "p95_ms": math.ceil(0.95 * len(ranked)),
        "max_ms": len(ranked),
    }
    return {name: round(1000 * ranked[rank - 1], 2) for name, rank in ranks.items()}


def written(report: object) -> None:
    """One JSON object on standard output."""
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")
