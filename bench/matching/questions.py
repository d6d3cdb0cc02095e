"""What answers cost beside the optimum they are about: `python -m bench.matching.questions 60x300`.

Per tight instance: the bare solve (compiled and placed, nothing explained); the reasons of everybody it left out; the
value of one place more at every unit, by re-solving, a sample of which is solved afresh and compared; and for one
request at a time its alternatives (placed) or its smallest changes (left out), as a person asks for them. The solve,
the reasons and the values are measured in processor time, so that their ratios hold on a busy machine. A budget holds
for the reasons, for the values and for each single request; what it cut short is counted, and then the ratio is only a
lower bound.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from bench.matching.instances import Size, instance
from bench.matching.measure import Placed, placed, size_named, spread, written
from matching import Change, Outcome, Problem, prepare
from matching.counterfactual import Answer, alternatives_of, unplaced_report
from matching.explanation import explain_answer, value_answer
from matching.model import UNPLACED
from matching.search import Limit
from matching.solution import UNLIMITED, Budget

ALTERNATIVES = 3
REQUEST_BAR_MS = 100
_SMALL = 60 * 300
RATIO_BAR_SMALL, RATIO_BAR = 3, 1


@dataclass(slots=True)
class Tally:
    """Seconds per instance or question, and counts; `solve`, `reasons`, `value` and `processor` of processor time."""

    solve: list[float] = field(default_factory=list)
    proof: list[float] = field(default_factory=list)
    reasons: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    alternatives: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    explain: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def ratio(self, seconds: Sequence[float]) -> float | None:
        """Against the bare solve, over all instances."""
        return round(sum(seconds) / sum(self.solve), 2) if self.solve and seconds else None


def asked(answered: Placed, budget: Budget) -> Answer:
    """A fresh answer to question: nothing known from questions before, and the effort not yet begun."""
    return Answer(answered.source, answered.found, Limit(budget), 0)


def timed_reasons(answered: Placed, budget: Budget, tally: Tally) -> None:
    """Everybody who was left out, one after the other, as `solve` does."""
    answer = asked(answered, budget)
    start = time.process_time()
    left_out = [request for request, unit in enumerate(answer.placement) if unit == UNPLACED]
    for request in left_out:
        unplaced_report(answer, request)
    tally.reasons.append(time.process_time() - start)
    tally.counts["left_out"] += len(left_out)
    tally.counts["reasons_cut_short"] += len(answer.cut_short)


def one_more(problem: Problem) -> list[Change]:
    """One place more at every unit, full and closed ones too."""
    return [Change(unit.id, unit=unit.id, set={"places": unit.places + 1}) for unit in problem.units]


def timed_values(problem: Problem, answered: Placed, budget: Budget, tally: Tally) -> list[Outcome]:
    """The value of one place more, unit by unit."""
    changes, answer = one_more(problem), asked(answered, budget)
    start = time.process_time()
    outcomes = value_answer(answer, changes)
    tally.value.append(time.process_time() - start)
    tally.counts["values"] += len(outcomes)
    tally.counts["values_proven"] += sum(outcome.proven for outcome in outcomes)
    return outcomes


def compare_values(problem: Problem, outcomes: Sequence[Outcome], count: int, budget: Budget, tally: Tally) -> None:
    """Solve a sample of the changed problems with nothing to go by: first those worth something, then any."""
    draw = random.Random(len(outcomes))  # noqa: S311  seeded on purpose
    sample = draw.sample(outcomes, len(outcomes))
    sample.sort(key=lambda outcome: not outcome.delta)
    for outcome in [*sample[: count // 2], *sample[::-1][: count - count // 2]]:
        units = tuple(
            replace(unit, places=unit.places + 1) if unit.id == outcome.name else unit for unit in problem.units
        )
        again = placed(replace(problem, units=units), budget)
        if again.proven and outcome.proven:
            tally.counts["values_compared"] += 1
            tally.counts["values_equal"] += again.levels == dict(outcome.levels)


def timed_requests(answered: Placed, count: int, budget: Budget, tally: Tally) -> None:
    """For single requests, spread over the list: alternatives or smallest changes, and the explanation.

    They are asked of one answer, as screens do: the first question about a part pays for keeping its proof (`proof`).
    """
    answer = asked(answered, UNLIMITED)
    start = time.perf_counter()
    for request in range(len(answered.source.requests)):
        if answer.columns(request) is None:
            answer.asked(request)
    tally.proof.append(time.perf_counter() - start)
    total = len(answered.source.requests)
    left_out = [at for at, unit in enumerate(answer.placement) if unit == UNPLACED]
    for request in sorted({*left_out, *range(0, total, max(1, total // count))}):
        answer.cut_short.clear()
        answer.limit.restart(budget)
        start, began = time.perf_counter(), time.process_time()
        if request in left_out:
            unplaced_report(answer, request)
        else:
            alternatives_of(answer, request, ALTERNATIVES)
        seconds = time.perf_counter() - start
        tally.processor.append(time.process_time() - began)
        (tally.changes if request in left_out else tally.alternatives).append(seconds)
        tally.counts["requests_cut_short"] += bool(answer.cut_short)
        answer.limit.restart(budget)
        start = time.perf_counter()
        explain_answer(answer, answered.source.requests[request].id)
        tally.explain.append(time.perf_counter() - start)


def run(size: Size, seeds: int, budget: Budget, each: Budget, sample: int, requests: int) -> Tally:
    """All questions of all instances whose optimum is proven; without proof there is nothing to compare with."""
    tally = Tally()
    for seed in range(seeds):
        problem = instance(size, seed, tight=True)
        answered = placed(problem, budget)
        if not answered.proven:
            tally.counts["solve_unproven"] += 1
            continue
        tally.solve.append(answered.processor)
        timed_reasons(answered, budget, tally)
        if sample:
            compare_values(problem, timed_values(problem, answered, budget, tally), sample, budget, tally)
        timed_requests(answered, requests, each, tally)
    return tally


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", nargs="?", default="60x300")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget-ms", type=int, default=20_000, help="for the solve, all reasons, and all values")
    parser.add_argument("--request-ms", type=int, default=2_000, help="for what is asked about one request")
    parser.add_argument("--sample", type=int, default=10, help="values solved afresh per instance, 0 for no values")
    parser.add_argument("--requests", type=int, default=20, help="requests asked about, beside all left out")
    given = parser.parse_args()
    prepare()
    size = size_named(given.size)
    budget, each = Budget(given.budget_ms), Budget(given.request_ms)
    tally = run(size, given.seeds, budget, each, given.sample, given.requests)
    counts = tally.counts
    single = spread(tally.alternatives + tally.changes)
    written(
        {
            "size": given.size,
            "seeds": given.seeds,
            "solve_unproven": counts["solve_unproven"],
            "solve_ms": _medians(tally.solve),
            "proof_ms": _medians(tally.proof),
            "reasons_ms": _medians(tally.reasons),
            "value_ms": _medians(tally.value),
            "left_out": counts["left_out"],
            "reasons_cut_short": counts["reasons_cut_short"],
            "values": counts["values"],
            "values_proven": counts["values_proven"],
            "values_equal": f"{counts['values_equal']} of {counts['values_compared']}",
            "ratio": tally.ratio([*tally.reasons, *tally.value]),
            "reasons_ratio": tally.ratio(tally.reasons),
            "values_ratio": tally.ratio(tally.value),
            "ratio_bar": RATIO_BAR_SMALL if size.requests * size.places <= _SMALL else RATIO_BAR,
            "ratio_is_lower_bound": counts["reasons_cut_short"] > 0 or counts["values_proven"] < counts["values"],
            "alternatives": spread(tally.alternatives),
            "smallest_changes": spread(tally.changes),
            "one_request": single,
            "one_request_processor": spread(tally.processor),
            "one_request_p95_bar_ms": REQUEST_BAR_MS,
            "requests_cut_short": counts["requests_cut_short"],
            "explain": spread(tally.explain),
        }
    )


def _medians(seconds: Sequence[float]) -> float | None:
    return round(1000 * median(seconds), 2) if seconds else None


if __name__ == "__main__":
    main()
