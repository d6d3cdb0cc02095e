"""Ours against the peers on the same instances in one run: `python -m bench.matching.compare 60x300 --seeds 10`.

Writes one JSON object: medians in milliseconds, ratios peer ÷ ours, how many were proven, and whether all who claim
proof agree on the levels. Machines are noisy: read the ratios, on a busy one those of processor time. The peer `scipy`
gives a bound, not a placement: said is how often it is below or equal to what ours proves, and how often equal.

For tight instances also what deciding together is worth over the telephone: persons placed, weighted 8/4/2/1 by
urgency, and persons of urgency `now` left out.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.matching.instances import instance
from bench.matching.measure import size_named, written
from bench.matching.peers import (
    Result,
    greedy_alone,
    highs,
    per_place_cp_sat,
    phone_round,
    scipy_bound,
    tuned_cp_sat,
    untuned_cp_sat,
)
from matching import prepare
from matching.engine import optimum
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
    "cp_sat_untuned": untuned_cp_sat,
    "cp_sat_per_place": per_place_cp_sat,
    "scipy": scipy_bound,
    "greedy": greedy_alone,
    "phone": phone_round,
}
BOUNDS = {"scipy"}
URGENCY_WEIGHTS = (8, 4, 2, 1)
PLACED_BAR, LEFT_OUT_BAR = 1.10, 0.75


def main() -> None:
    """Run and report."""
    prepare()
    parser = argparse.ArgumentParser()
    parser.add_argument("size")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--loose", action="store_true")
    parser.add_argument("--budget-ms", type=int, default=20_000)
    parser.add_argument("--peers", default="ours,cp_sat_tuned,highs,greedy,phone")
    given = parser.parse_args()
    size = size_named(given.size)
    names = given.peers.split(",")
    results: dict[str, list[Result]] = {name: [] for name in names}
    compile_ms = []
    asked_for = 0
    for seed in range(given.seeds):
        problem = instance(size, seed, tight=not given.loose)
        start = time.perf_counter()
        arrays = compiled(problem).instance
        compile_ms.append(1000 * (time.perf_counter() - start))
        asked_for += sum(_weighted(drop) for drop in arrays.drop)
        for name in names:
            used = time.process_time()
            found = PEERS[name](arrays, given.budget_ms)
            if found.processor is None:
                found = replace(found, processor=time.process_time() - used)
            results[name].append(found)
    base = statistics.median(result.seconds for result in results["ours"])
    used_base = statistics.median(result.processor or 0.0 for result in results["ours"])
    proofs = zip(
        *([result.levels if result.proven else None for result in results[name]] for name in names), strict=True
    )
    report: dict[str, object] = {
        "size": given.size,
        "tight": not given.loose,
        "seeds": given.seeds,
        "compile_ms": round(statistics.median(compile_ms), 2),
        "agree": all(len({levels for levels in row if levels is not None}) <= 1 for row in proofs),
        "peers": {name: _summary(found, base, used_base) for name, found in results.items()},
    }
    for name in BOUNDS & results.keys():
        report[f"{name}_bound"] = _bound_summary(results[name], results["ours"])
    if not given.loose and "phone" in results:
        report["over_phone"] = {
            name: _over_phone(results[name], results["phone"], asked_for)
            for name in ("ours", "greedy")
            if name in names
        }
        report["over_phone_bars"] = {"placed_weighted": PLACED_BAR, "left_out_now": LEFT_OUT_BAR}
    written(report)


def _weighted(levels: Sequence[int]) -> int:
    return sum(weight * amount for weight, amount in zip(URGENCY_WEIGHTS, levels, strict=False))


def _over_phone(found: list[Result], phone: list[Result], asked_for: int) -> dict[str, float | None]:
    """Over all instances together: weighted persons placed, and acute persons left out, each ÷ the telephone's."""
    placed, by_phone = (asked_for - sum(_weighted(one.levels) for one in row) for row in (found, phone))
    left, left_by_phone = (sum(one.levels[0] for one in row) for row in (found, phone))
    return {
        "placed_weighted": round(placed / by_phone, 3) if by_phone else None,
        "left_out_now": round(left / left_by_phone, 3) if left_by_phone else None,
    }


def _bound_summary(bounds: list[Result], found: list[Result]) -> dict[str, object]:
    """Of the instances ours proves and the bound could be computed for: how many it holds for and is equal for."""
    pairs = [
        (bound.levels, one.levels[: len(bound.levels)])
        for bound, one in zip(bounds, found, strict=True)
        if bound.levels and one.proven
    ]
    return {
        "compared": len(pairs),
        "levels": min((len(bound) for bound, _ in pairs), default=0),
        "holds": sum(bound <= reached for bound, reached in pairs),
        "equal": sum(bound == reached for bound, reached in pairs),
    }


def _summary(found: list[Result], base: float, used_base: float) -> dict[str, object]:
    seconds = sorted(result.seconds for result in found)
    used = statistics.median(result.processor or 0.0 for result in found)
    weighted = [_weighted(one.levels) for one in found]
    complete = all(len(one.levels) >= len(URGENCY_WEIGHTS) for one in found)
    return {
        "median_ms": round(1000 * statistics.median(seconds), 2),
        "max_ms": round(1000 * seconds[-1], 1),
        "ratio": round(statistics.median(seconds) / base, 2),
        "processor_median_ms": round(1000 * used, 2),
        "processor_ratio": round(used / used_base, 2),
        "proven": sum(result.proven for result in found),
        "left_out_weighted": sum(weighted) if complete else None,
        "left_out_now": sum(result.levels[0] for result in found) if complete else None,
    }


if __name__ == "__main__":
    main()
