"""Ours against the peers on the same instances in one run: `python -m bench.matching.compare 60x300 --seeds 10`.

Writes one JSON object: medians in milliseconds, ratios peer ÷ ours, how many were proven, and whether all who claim
proof agree on the levels. Machines are noisy: read the ratios.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from bench.matching.instances import SIZES, Size, instance
from bench.matching.peers import Result, greedy_alone, highs, per_place_cp_sat, phone_round, tuned_cp_sat
from matching.engine import optimum
from matching.kernels import prepare
from matching.model import UNPLACED, Instance, compiled
from matching.search import Limit
from matching.solution import Budget


def ours(instance: Instance, milliseconds: int) -> Result:
    """The engine of this library, arrays given, as for the peers."""
    start = time.perf_counter()
    found = optimum(instance, Limit(Budget(milliseconds)), 0)
    placement = found.placement or (UNPLACED,) * instance.requests
    return Result(instance.amounts(placement), found.proven, time.perf_counter() - start)


PEERS: dict[str, Callable[[Instance, int], Result]] = {
    "ours": ours,
    "cp_sat_tuned": tuned_cp_sat,
    "highs": highs,
    "cp_sat_per_place": per_place_cp_sat,
    "greedy": greedy_alone,
    "phone": phone_round,
}


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser()
    parser.add_argument("size")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--loose", action="store_true")
    parser.add_argument("--budget-ms", type=int, default=20_000)
    parser.add_argument("--peers", default="ours,cp_sat_tuned,highs,greedy,phone")
    given = parser.parse_args()
    size = SIZES.get(given.size) or Size(*(int(part) for part in given.size.split("x")))
    names = given.peers.split(",")
    results: dict[str, list[Result]] = {name: [] for name in names}
    compile_ms = []
    for seed in range(given.seeds):
        problem = instance(size, seed, tight=not given.loose)
        start = time.perf_counter()
        arrays = compiled(problem).instance
        compile_ms.append(1000 * (time.perf_counter() - start))
        for name in names:
            results[name].append(PEERS[name](arrays, given.budget_ms))
    base = statistics.median(result.seconds for result in results["ours"])
    proofs = zip(
        *([result.levels if result.proven else None for result in results[name]] for name in names), strict=True
    )
    report = {
        "size": given.size,
        "tight": not given.loose,
        "seeds": given.seeds,
        "compile_ms": round(statistics.median(compile_ms), 2),
        "agree": all(len({levels for levels in row if levels is not None}) <= 1 for row in proofs),
        "peers": {name: _summary(found, base) for name, found in results.items()},
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _summary(found: list[Result], base: float) -> dict[str, object]:
    seconds = sorted(result.seconds for result in found)
    weighted = [sum(weight * amount for weight, amount in zip((8, 4, 2, 1), one.levels, strict=False)) for one in found]
    return {
        "median_ms": round(1000 * statistics.median(seconds), 2),
        "max_ms": round(1000 * seconds[-1], 1),
        "ratio": round(statistics.median(seconds) / base, 2),
        "proven": sum(result.proven for result in found),
        "left_out_weighted": sum(weighted),
        "left_out_now": sum(result.levels[0] for result in found if result.levels),
    }


if __name__ == "__main__":
    main()
