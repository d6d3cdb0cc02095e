"""A continent at once, 10,000 requests × 100,000 places in 27 countries: `python -m bench.matching.continent`.

`solve` on the same tight instance, end to end from the problem to the checked answer: with a budget of nothing, which
gives the first answer, and with the whole budget. Both are without reasons for those left out, which at this size are
a question of their own (millions of smallest changes); what those of the first answer take is told apart. Told are both
times (elapsed and of the processor), the most memory the process ever held, what `check` says and takes, and per
urgency who was left out beside the least there can be; their difference over all placed persons is the gap. The gap is
absent where the bound ends before the urgencies do.
"""

import argparse
import resource
import time

from bench.matching.instances import instance
from bench.matching.measure import size_named, written
from matching import LEVELS, Problem, Solution, prepare, solve, violations
from matching.problem import URGENCIES
from matching.search import Limit
from matching.solution import UNLIMITED, Budget
from matching.solver import answered, reported

FIRST_BAR_S, GAP_BAR, MEMORY_BAR_MB = 6, 0.005, 1_000


def timed(problem: Problem, milliseconds: int) -> tuple[Solution, dict[str, object]]:
    """The answer within so long, and what it took."""
    start, used = time.perf_counter(), time.process_time()
    solution = solve(problem, Budget(milliseconds), alternatives=0, reasons=False)
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    return solution, {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "proven": solution.proven,
        "levels": dict(solution.levels),
        "bound": dict(solution.bound),
    }


def explained(problem: Problem) -> dict[str, object]:
    """What the reasons for all whom the first answer leaves out take."""
    answer = answered(problem, Limit(Budget(1)), 0)
    answer.limit.restart(UNLIMITED)
    start = time.process_time()
    solution = reported(answer, 0)
    return {"left_out": len(solution.unplaced), "processor_seconds": round(time.process_time() - start, 2)}


def gap(problem: Problem, solution: Solution) -> float | None:
    """Persons left out beyond the least there can be, as a share of those placed; None where that is not known.

    Whoever the cheapest flow leaves out is the fewest there can be, urgency by urgency and so in all: bounds of the
    urgencies after the first that is not met hold given that it is not met, and are not used.
    """
    if any(level not in solution.bound for level in URGENCIES):
        return None
    out = sum(solution.levels[level] for level in URGENCIES)
    persons = sum(request.size for request in problem.requests)
    return (out - sum(solution.bound[level] for level in URGENCIES)) / (persons - out)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", nargs="?", default="10000x100000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget-ms", type=int, default=25_000, help="to search; reasons and the check come after")
    given = parser.parse_args()
    prepare()
    problem = instance(size_named(given.size), given.seed, tight=True)
    _, first = timed(problem, 1)
    solution, whole = timed(problem, given.budget_ms)
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    start = time.process_time()
    found = violations(problem, solution)
    written(
        {
            "size": given.size,
            "seed": given.seed,
            "units": len(problem.units),
            "first": first,
            "first_bar_s": FIRST_BAR_S,
            "whole": whole,
            "left_out": len(solution.unplaced),
            "reasons_of_first": explained(problem),
            "gap": gap(problem, solution),
            "gap_bar": GAP_BAR,
            "met_levels": sum(solution.bound.get(level) == solution.levels[level] for level in LEVELS),
            "violations": len(found),
            "check_processor_seconds": round(time.process_time() - start, 2),
            "peak_memory_mb": peak_mb,
            "memory_bar_mb": MEMORY_BAR_MB,
        }
    )


if __name__ == "__main__":
    main()
