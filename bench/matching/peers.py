"""Other ways to solve the same instance, level by level, in the same process or (HiGHS) in one of their own.

Every peer returns its levels and whether it claims proof; wall time is measured around the whole call, model building
included, as it is for ours.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ortools.sat.python import cp_model

from matching.constraint import constraint_search
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, components, pruned
from matching.problem import LEVELS
from matching.search import Limit
from matching.solution import Budget


@dataclass(frozen=True, slots=True)
class Result:
    """Levels reached, whether optimality of all is claimed, and seconds taken."""

    levels: tuple[int, ...]
    proven: bool
    seconds: float


def tuned_cp_sat(instance: Instance, milliseconds: int) -> Result:
    """Per unit, lexicographic, linearization_level 2, one worker, on the whole instance at once."""
    start = time.perf_counter()
    found = constraint_search(pruned(instance), Limit(Budget(milliseconds)), 0, greedy(pruned(instance)))
    placement = found.placement or (UNPLACED,) * instance.requests
    return Result(instance.amounts(placement), found.proven, time.perf_counter() - start)


def per_place_cp_sat(instance: Instance, milliseconds: int) -> Result:  # noqa: PLR0912  one model, read top down
    """One boolean per party and first *place*, which also takes the places after it. Lexicographic, tuned alike."""
    start = time.perf_counter()
    ends = start + milliseconds / 1000
    model = cp_model.CpModel()
    covering: dict[tuple[int, int], list[cp_model.IntVar]] = {}
    starts: dict[int, list[tuple[int, cp_model.IntVar]]] = {at: [] for at in range(instance.requests)}
    for request, unit in zip(*(axis.tolist() for axis in instance.eligible.nonzero()), strict=True):
        size, places = int(instance.size[request]), int(instance.places[unit])
        for first in range(1 if instance.private[unit] else places - size + 1):
            variable = model.new_bool_var("")
            starts[request].append((unit, variable))
            for place in range(places) if instance.private[unit] else range(first, first + size):
                covering.setdefault((unit, place), []).append(variable)
    out = [model.new_bool_var("") for _ in range(instance.requests)]
    for request, choices in starts.items():
        model.add_exactly_one([out[request], *(variable for _, variable in choices)])
    for variables in covering.values():
        model.add_at_most_one(variables)
    here: dict[tuple[int, int], list[cp_model.IntVar]] = {}
    for request, choices in starts.items():
        for unit, variable in choices:
            here.setdefault((request, int(instance.location[unit])), []).append(variable)
    locations = sorted({location for _, location in here})
    for a, b in instance.apart:
        for location in locations:
            model.add_at_most_one([*here.get((a, location), []), *here.get((b, location), [])])
    for group in instance.groups:
        for a, b in pairwise(group):
            for location in locations:
                model.add(sum(here.get((a, location), [])) == sum(here.get((b, location), [])))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    drops = len(LEVELS) - len(instance.pair)
    levels: list[int] = []
    for level in range(len(LEVELS)):
        if level < drops:
            expression = sum(instance.drop[at][level] * out[at] for at in range(instance.requests))
        else:
            amounts = instance.pair[level - drops]
            expression = sum(int(amounts[at, unit]) * one for at in starts for unit, one in starts[at])
        model.minimize(expression)
        solver.parameters.max_time_in_seconds = max(0.01, ends - time.perf_counter())
        if solver.solve(model) != cp_model.OPTIMAL:
            return Result(tuple(levels), False, time.perf_counter() - start)
        levels.append(round(solver.objective_value))
        model.add(expression <= levels[-1])
    return Result(tuple(levels), True, time.perf_counter() - start)


def greedy_alone(instance: Instance, milliseconds: int) -> Result:
    """The honest baseline."""
    start = time.perf_counter()
    return Result(instance.amounts(greedy(pruned(instance))), False, time.perf_counter() - start)


def phone_round(instance: Instance, milliseconds: int) -> Result:
    """First fit in order of arrival (longest waiting first), first unit in the list that has room; groups as greedy."""
    start = time.perf_counter()
    order = sorted(range(instance.requests), key=lambda at: -instance.drop[at][-1] / int(instance.size[at]))
    number = {request: at for at, request in enumerate(order)}
    arrived = np.array(order)
    plain = pruned(instance)
    calling = Instance(
        size=plain.size[arrived],
        places=plain.places,
        private=plain.private,
        location=plain.location,
        eligible=plain.eligible[arrived],
        optional=plain.optional[arrived],
        drop=tuple((0, 0, 0, 0, 0) for _ in order),
        pair=tuple(np.zeros_like(amounts) for amounts in plain.pair),
        apart=tuple((number[a], number[b]) for a, b in plain.apart),
        groups=tuple(tuple(number[member] for member in group) for group in plain.groups),
    )
    placed = greedy(calling)
    placement = tuple(placed[number[request]] for request in range(instance.requests))
    return Result(instance.amounts(placement), False, time.perf_counter() - start)


def highs(instance: Instance, milliseconds: int) -> Result:
    """HiGHS, lexicographic, absolute and relative gap zero; in a process of its own (it clashes with OR-Tools)."""
    instance = pruned(instance)
    rows, columns = (axis.tolist() for axis in instance.eligible.nonzero())
    drops = len(LEVELS) - len(instance.pair)
    levels = [
        [0] * len(rows) + [drop[level] for drop in instance.drop]
        if level < drops
        else [int(instance.pair[level - drops][pair]) for pair in zip(rows, columns, strict=True)]
        + [0] * instance.requests
        for level in range(len(LEVELS))
    ]
    sent = {
        "rows": rows,
        "columns": columns,
        "size": instance.size.tolist(),
        "places": instance.places.tolist(),
        "private": instance.private.tolist(),
        "location": instance.location.tolist(),
        "apart": instance.apart,
        "groups": instance.groups,
        "levels": levels,
        "seconds": milliseconds / 1000,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.matching.highs_process"],
        input=json.dumps(sent),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return Result(tuple(answer["levels"]), answer["proven"], answer["seconds"])


def largest_part(instance: Instance) -> Instance:
    """The hardest connected part alone."""
    whole = pruned(instance)
    return max((whole.part(*part) for part in components(whole)), key=lambda part: part.requests)
