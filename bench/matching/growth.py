"""How time grows with size (requests × places): `python -m bench.matching.growth`.

Along 20x110, 60x300, 200x2000 and 1000x10000: compiling (eligibility and scoring), and the search for the optimum
within a budget; the exponent is the slope of log time over log size. A search the budget ended says only how long at
least, so its exponent is fitted once over the sizes where all were proven and once, from below, over all.

Eligibility is also held against the bare AND of the same masks in NumPy, which must give the same matrix.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

import numpy as np

from bench.matching.instances import instance
from bench.matching.measure import size_named, written
from matching import Problem, Request, Unit, prepare
from matching.eligibility import BoolArray, Eligibility, IntArray, eligibility, masks
from matching.engine import optimum
from matching.model import compiled
from matching.scoring import placed_amounts, scores
from matching.search import Limit
from matching.solution import Budget

SERIES = "20x110,60x300,200x2000,1000x10000"
AND_RATIO_BAR = 3

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Times:
    """Seconds of one size, one entry per instance."""

    compile: list[float] = field(default_factory=list)
    eligibility: list[float] = field(default_factory=list)
    scoring: list[float] = field(default_factory=list)
    bare_and: list[float] = field(default_factory=list)
    solve: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    proven: int = 0


def bare_and(request_words: IntArray, unit_words: IntArray) -> BoolArray:
    """bool[R, U] barred, word by word and nothing else."""
    barred: BoolArray = (request_words[:, :1] & unit_words[:1]) != 0
    for request_word, unit_word in zip(request_words.T[1:], unit_words[1:], strict=True):
        barred |= (request_word[:, None] & unit_word[None, :]) != 0
    return barred


def _ruled(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> Eligibility:
    """All pair rules, and the pairs they allow."""
    rules = eligibility(problem, requests, units)
    rules.listed()
    return rules


def timed(action: Callable[[], _Result], repeats: int) -> tuple[_Result, float]:
    """The result, and the seconds of the fastest of so many runs: whatever made others slower was not this."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def measured(name: str, seeds: int, repeats: int, budget: Budget, *, tight: bool) -> Times:
    """All times of one size."""
    times = Times()
    for seed in range(seeds):
        problem = instance(size_named(name), seed, tight=tight)
        source, seconds = timed(lambda problem=problem: compiled(problem), repeats)  # type: ignore[misc]
        times.compile.append(seconds)
        requests, units = source.requests, source.units
        rules, seconds = timed(lambda: _ruled(problem, requests, units), repeats)  # noqa: B023  called at once
        times.eligibility.append(seconds)
        pairs = source.instance.request_of, source.instance.unit_of
        times.scoring.append(
            timed(lambda: placed_amounts(scores(problem, requests, units), *pairs), repeats)[1]  # noqa: B023
        )
        sides = masks(rules.traits, len(requests), len(units))
        barred, seconds = timed(lambda: bare_and(*sides), repeats)  # noqa: B023
        assert np.array_equal(barred, ~source.instance.eligible), "the traits do not say what eligibility says"
        times.bare_and.append(seconds)
        times.words.append(len(sides[1]))
        start = time.perf_counter()
        found = optimum(source.instance, Limit(budget), 0)
        times.solve.append(time.perf_counter() - start)
        times.proven += found.proven
    return times


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """Slope of log seconds over log size by least squares; None for fewer than two sizes."""
    if len(sizes) < 2:
        return None
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 2)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", default=SERIES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5, help="runs of what does not search, the fastest taken")
    parser.add_argument("--budget-ms", type=int, default=10_000)
    parser.add_argument("--loose", action="store_true")
    given = parser.parse_args()
    prepare()
    names = given.series.split(",")
    budget = Budget(given.budget_ms)
    all_times = [measured(name, given.seeds, given.repeats, budget, tight=not given.loose) for name in names]
    sizes = [size.requests * size.places for size in map(size_named, names)]
    proven = [at for at, times in enumerate(all_times) if times.proven == given.seeds]
    solves = [median(times.solve) for times in all_times]
    written(
        {
            "tight": not given.loose,
            "seeds": given.seeds,
            "budget_ms": given.budget_ms,
            "sizes": {name: _summary(times, given.seeds) for name, times in zip(names, all_times, strict=True)},
            "and_ratio_bar": AND_RATIO_BAR,
            "exponents": {
                "compile": exponent(sizes, [median(times.compile) for times in all_times]),
                "eligibility": exponent(sizes, [median(times.eligibility) for times in all_times]),
                "scoring": exponent(sizes, [median(times.scoring) for times in all_times]),
                "solve_where_all_proven": exponent([sizes[at] for at in proven], [solves[at] for at in proven]),
                "solve_at_least": exponent(sizes, solves),
            },
        }
    )


def _summary(times: Times, seeds: int) -> dict[str, object]:
    return {
        "compile_ms": _milliseconds(times.compile),
        "eligibility_ms": _milliseconds(times.eligibility),
        "scoring_ms": _milliseconds(times.scoring),
        "bare_and_ms": _milliseconds(times.bare_and),
        "words": median(times.words),
        "and_ratio": round(median(times.eligibility) / median(times.bare_and), 2),
        "solve_ms": _milliseconds(times.solve),
        "proven": f"{times.proven} of {seeds}",
    }


def _milliseconds(seconds: Sequence[float]) -> float:
    return round(1000 * median(seconds), 3)


if __name__ == "__main__":
    main()
