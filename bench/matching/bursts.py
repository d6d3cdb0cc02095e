"""Realistic bursts, many requests at once before a nation's places: `python -m bench.matching.bursts`.

From 10 to 100 requests × 2,000 places, with everything free and with two places in three taken, several seeds each.
Measured is `solve` end to end, from the problem to the checked answer with reasons for whom it leaves out, within the
default budget; `placement` is the same without the reasons.
"""

import argparse
import time

from bench.matching.instances import Size, instance
from bench.matching.measure import placed, spread, written
from matching import prepare, solve
from matching.solution import Budget

BURSTS = "10,20,40,60,80,100"
P95_BAR_MS = 50


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bursts", default=BURSTS, help="requests at once")
    parser.add_argument("--places", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget-ms", type=int, default=2_000)
    given = parser.parse_args()
    prepare()
    budget = Budget(given.budget_ms)
    whole: dict[str, list[float]] = {}
    used: list[float] = []
    bare: list[float] = []
    total = proven = cut_short = 0
    for tight in (True, False):
        for requests in map(int, given.bursts.split(",")):
            for seed in range(given.seeds):
                problem = instance(Size(requests, given.places), seed, tight=tight)
                start, before = time.perf_counter(), time.process_time()
                solution = solve(problem, budget, alternatives=0)
                seconds = time.perf_counter() - start
                used.append(time.process_time() - before)
                whole.setdefault(f"{requests} {'tight' if tight else 'loose'}", []).append(seconds)
                bare.append(placed(problem, budget).seconds)
                total += 1
                proven += solution.proven
                cut_short += solution.stats["cut_short"] > 0
    written(
        {
            "places": given.places,
            "seeds": given.seeds,
            "budget_ms": given.budget_ms,
            "proven": f"{proven} of {total}",
            "proven_bar": "all",
            "solve": spread([seconds for row in whole.values() for seconds in row]),
            "solve_processor": spread(used),
            "p95_bar_ms": P95_BAR_MS,
            "reasons_cut_short": cut_short,
            "placement": spread(bare),
            "by_burst": {name: spread(row) for name, row in whole.items()},
        }
    )


if __name__ == "__main__":
    main()
