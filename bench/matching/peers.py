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
from typing import Final

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model
from scipy.optimize import linear_sum_assignment

from matching.constraint import constraint_search
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, Placement, components, pruned
from matching.problem import LEVELS
from matching.search import Limit
from matching.solution import Budget

# A dense matrix of floats may have so many cells: about 1.5 GB with one matrix per level beside it.
_DENSE_CELLS_MAX: Final = 20_000_000
# Sums of whole numbers below this are exact in a float.
_FLOAT_EXACT: Final = 2**52


@dataclass(frozen=True, slots=True)
class Result:
    """Levels reached, whether optimality of all is claimed, seconds taken, and processor seconds if known by now."""

    levels: tuple[int, ...]
    proven: bool
    seconds: float
    processor: float | None = None


def tuned_cp_sat(instance: Instance, milliseconds: int) -> Result:
    """Per unit, lexicographic, linearization_level 2, one worker, on the whole instance at once."""
    start = time.perf_counter()
    found = constraint_search(pruned(instance), Limit(Budget(milliseconds)), 0, greedy(pruned(instance)))
    placement = found.placement or (UNPLACED,) * instance.requests
    return Result(instance.amounts(placement), found.proven, time.perf_counter() - start)


def per_place_cp_sat(instance: Instance, milliseconds: int) -> Result:
    """One boolean per party and first *place*, which also takes the places after it. Lexicographic, tuned alike."""
    start = time.perf_counter()
    model = cp_model.CpModel()
    covering: dict[tuple[int, int], list[cp_model.IntVar]] = {}
    starts: dict[int, list[tuple[int, cp_model.IntVar]]] = {at: [] for at in range(instance.requests)}
    for request, unit in zip(instance.request_of.tolist(), instance.unit_of.tolist(), strict=True):
        size, places = int(instance.size[request]), int(instance.places[unit])
        for first in range(1 if instance.private[unit] else places - size + 1):
            variable = model.new_bool_var("")
            starts[request].append((unit, variable))
            for place in range(places) if instance.private[unit] else range(first, first + size):
                covering.setdefault((unit, place), []).append(variable)
    for variables in covering.values():
        model.add_at_most_one(variables)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2
    return _level_by_level(instance, model, starts, solver, start, milliseconds)


def untuned_cp_sat(instance: Instance, milliseconds: int) -> Result:
    """Per unit, as CP-SAT comes: one level after the other, default parameters, as many workers as there are cores."""
    start = time.perf_counter()
    instance = pruned(instance)
    model = cp_model.CpModel()
    choices: dict[int, list[tuple[int, cp_model.IntVar]]] = {at: [] for at in range(instance.requests)}
    inside: dict[int, list[tuple[int, cp_model.IntVar]]] = {}
    for request, unit in zip(instance.request_of.tolist(), instance.unit_of.tolist(), strict=True):
        variable = model.new_bool_var("")
        choices[request].append((unit, variable))
        inside.setdefault(unit, []).append((int(instance.size[request]), variable))
    for unit, parties in inside.items():
        if instance.private[unit]:
            model.add_at_most_one(variable for _, variable in parties)
        else:
            model.add(sum(size * variable for size, variable in parties) <= int(instance.places[unit]))
    return _level_by_level(instance, model, choices, cp_model.CpSolver(), start, milliseconds)


def _level_by_level(
    instance: Instance,
    model: cp_model.CpModel,
    choices: dict[int, list[tuple[int, cp_model.IntVar]]],
    solver: cp_model.CpSolver,
    start: float,
    milliseconds: int,
) -> Result:
    """Add what every formulation shares (once, links), then minimise each level and fix it."""
    ends = start + milliseconds / 1000
    out = [model.new_bool_var("") for _ in range(instance.requests)]
    here: dict[tuple[int, int], list[cp_model.IntVar]] = {}
    for request, units in choices.items():
        model.add_exactly_one([out[request], *(variable for _, variable in units)])
        for unit, variable in units:
            here.setdefault((request, int(instance.location[unit])), []).append(variable)
    locations = sorted({location for _, location in here})
    for a, b in instance.apart:
        for location in locations:
            model.add_at_most_one([*here.get((a, location), []), *here.get((b, location), [])])
    for group in instance.groups:
        for a, b in pairwise(group):
            for location in locations:
                model.add(sum(here.get((a, location), [])) == sum(here.get((b, location), [])))
    drops = len(LEVELS) - len(instance.pair)
    levels: list[int] = []
    pairs = zip(instance.request_of.tolist(), instance.unit_of.tolist(), strict=True)
    arc = {pair: at for at, pair in enumerate(pairs)}
    for level in range(len(LEVELS)):
        if level < drops:
            expression = sum(instance.drop[at][level] * out[at] for at in range(instance.requests))
        else:
            amounts = instance.pair[level - drops]
            expression = sum(int(amounts[arc[at, unit]]) * one for at in choices for unit, one in choices[at])
        model.minimize(expression)
        solver.parameters.max_time_in_seconds = max(0.01, ends - time.perf_counter())
        if solver.solve(model) != cp_model.OPTIMAL:
            return Result(tuple(levels), False, time.perf_counter() - start)
        levels.append(round(solver.objective_value))
        model.add(expression <= levels[-1])
    return Result(tuple(levels), True, time.perf_counter() - start)


def scipy_bound(instance: Instance, milliseconds: int) -> Result:
    """A bound, not a placement: `scipy.optimize.linear_sum_assignment` with parties split into persons.

    Every place is a column and every person has one more for staying outside; links and privacy are forgotten. The
    matrix is dense and of floats: nothing is returned where it would not fit, and only as many levels from the first
    on as one float holds exactly. Levels are a lower bound in their strict order.
    """
    start = time.perf_counter()
    instance = pruned(instance)
    unit_of_place = np.repeat(np.arange(instance.units), instance.places)
    request_of_person = np.repeat(np.arange(instance.requests), instance.size)
    persons, columns = len(request_of_person), len(unit_of_place) + len(request_of_person)
    if persons * columns > _DENSE_CELLS_MAX:
        return Result((), False, time.perf_counter() - start)
    open_to = instance.eligible[np.ix_(request_of_person, unit_of_place)]
    costs = np.zeros((persons, columns))
    amounts: list[NDArray[np.float64]] = []
    largest = 1
    drops = len(LEVELS) - len(instance.pair)
    for level in range(LEVELS.index("change")):  # `change` counts parties, not persons
        one = np.zeros((persons, columns))
        if level < drops:
            outside = np.array([drop[level] for drop in instance.drop], float) / instance.size
            one[:, len(unit_of_place) :] = outside[request_of_person, None]
        else:
            placed = np.zeros((instance.requests, instance.units))
            placed[instance.request_of, instance.unit_of] = instance.pair[level - drops]
            placed /= instance.size[:, None]
            one[:, : len(unit_of_place)] = np.where(open_to, placed[np.ix_(request_of_person, unit_of_place)], 0)
        base = 1 + int(one.max(axis=1).sum())
        if largest * base >= _FLOAT_EXACT:
            break
        largest *= base
        costs = costs * base + one
        amounts.append(one)
    costs[:, : len(unit_of_place)][~open_to] = np.inf
    rows, chosen = linear_sum_assignment(costs)
    return Result(tuple(round(one[rows, chosen].sum()) for one in amounts), False, time.perf_counter() - start)


def greedy_alone(instance: Instance, milliseconds: int) -> Result:
    """The honest baseline."""
    start = time.perf_counter()
    return Result(instance.amounts(greedy(pruned(instance))), False, time.perf_counter() - start)


def phone_round(instance: Instance, milliseconds: int) -> Result:
    """What calling round comes to, see `phone_placement`."""
    start = time.perf_counter()
    return Result(instance.amounts(phone_placement(instance)), False, time.perf_counter() - start)


def phone_placement(instance: Instance) -> Placement:
    """First fit in order of arrival (longest waiting first), first unit in the list that has room; groups as greedy."""
    order = sorted(range(instance.requests), key=lambda at: -instance.drop[at][-1] / int(instance.size[at]))
    number = {request: at for at, request in enumerate(order)}
    arrived = np.array(order)
    plain = pruned(instance)
    arcs = plain.arcs_of(arrived)
    calling = Instance(
        size=plain.size[arrived],
        places=plain.places,
        private=plain.private,
        location=plain.location,
        row=np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(plain.row)[arrived])]),
        unit_of=plain.unit_of[arcs],
        optional=plain.optional[arrived],
        drop=tuple((0, 0, 0, 0, 0) for _ in order),
        pair=tuple(np.zeros(len(arcs), np.int64) for _ in plain.pair),
        apart=tuple((number[a], number[b]) for a, b in plain.apart),
        groups=tuple(tuple(number[member] for member in group) for group in plain.groups),
    )
    placed = greedy(calling)
    return tuple(placed[number[request]] for request in range(instance.requests))


def highs(instance: Instance, milliseconds: int) -> Result:
    """HiGHS, lexicographic, absolute and relative gap zero; in a process of its own (it clashes with OR-Tools)."""
    instance = pruned(instance)
    rows, columns = instance.request_of.tolist(), instance.unit_of.tolist()
    drops = len(LEVELS) - len(instance.pair)
    levels = [
        [0] * len(rows) + [drop[level] for drop in instance.drop]
        if level < drops
        else instance.pair[level - drops].tolist() + [0] * instance.requests
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
    return Result(tuple(answer["levels"]), answer["proven"], answer["seconds"], answer["processor"])


def largest_part(instance: Instance) -> Instance:
    """The hardest connected part alone."""
    whole = pruned(instance)
    return max((whole.part(*part) for part in components(whole)), key=lambda part: part.requests)
