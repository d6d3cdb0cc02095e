"""CP-SAT on one component, level by level: the engine for small hard cores, and a second formulation for the tests.

One boolean per eligible pair of request and unit. Each level is minimised in turn and then fixed. One worker, a seed
and no clock inside the model: the same input gives the same answer.
"""

import math
from collections import defaultdict
from itertools import pairwise
from typing import Final

from ortools.sat.python import cp_model

from matching.model import UNPLACED, Instance, LevelAmounts, Placement
from matching.problem import LEVELS
from matching.search import Found, Limit, better

# CP-SAT needs the sum of |coefficients| below 2^62; a level above half of that is left to the flow search.
_COEFFICIENTS_MAX: Final = 2**61
# Levels are minimised together while all they can add up to stays below this. Measured on 60 × 300: 2^30 takes 0.7 of
# the time of level by level, 2^40 three times as long, 2^60 does not finish; so well below the turn.
PACKED_MAX: Final = 2**25
# Up to here a bound reported as a double is a whole number exactly.
_DOUBLE_EXACT: Final = 2**52


class _Formulation:
    """The variables and rules of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.model = cp_model.CpModel()
        self.at = {
            pair: self.model.new_bool_var("")
            for pair in zip(instance.request_of.tolist(), instance.unit_of.tolist(), strict=True)
        }
        self.out = {
            request: self.model.new_bool_var("") for request in range(instance.requests) if instance.optional[request]
        }
        self._once()
        self._capacity()
        self._links()

    def _once(self) -> None:
        choices: dict[int, list[cp_model.IntVar]] = {request: [] for request in range(self.instance.requests)}
        for (request, _), variable in self.at.items():
            choices[request].append(variable)
        for request, variable in self.out.items():
            choices[request].append(variable)
        for variables in choices.values():
            self.model.add_exactly_one(variables)

    def _capacity(self) -> None:
        inside: dict[int, list[int]] = defaultdict(list)
        for request, unit in self.at:
            inside[unit].append(request)
        for unit, requests in inside.items():
            if self.instance.private[unit]:
                self.model.add_at_most_one(self.at[request, unit] for request in requests)
            else:
                persons = sum(int(self.instance.size[request]) * self.at[request, unit] for request in requests)
                self.model.add(persons <= int(self.instance.places[unit]))

    def _links(self) -> None:
        here: dict[tuple[int, int], list[cp_model.IntVar]] = defaultdict(list)
        for (request, unit), variable in self.at.items():
            here[request, int(self.instance.location[unit])].append(variable)
        locations = sorted({location for _, location in here})
        for a, b in self.instance.apart:
            for location in locations:
                if (a, location) in here and (b, location) in here:
                    self.model.add_at_most_one([*here[a, location], *here[b, location]])
        for group in self.instance.groups:
            for a, b in pairwise(group):
                for location in locations:
                    self.model.add(sum(here.get((a, location), [])) == sum(here.get((b, location), [])))

    def level(self, number: int) -> tuple[list[cp_model.IntVar], list[int]]:
        """Variables and amounts of one level; zero amounts left out."""
        drops = len(self.instance.drop[0])
        if number < drops:
            terms = [(variable, self.instance.drop[request][number]) for request, variable in self.out.items()]
        else:
            terms = list(zip(self.at.values(), self.instance.pair[number - drops].tolist(), strict=True))
        kept = [(variable, amount) for variable, amount in terms if amount]
        return [variable for variable, _ in kept], [amount for _, amount in kept]

    def packs(self, packed_max: int) -> list[tuple[list[int], list[int]]]:
        """Consecutive levels to be minimised together, with the base of each: more than it can ever amount to."""
        packs: list[tuple[list[int], list[int]]] = []
        product = packed_max
        for number in range(len(LEVELS)):
            base = 1 + sum(self.level(number)[1])
            product *= base
            if product >= packed_max:
                packs.append(([], []))
                product = base
            packs[-1][0].append(number)
            packs[-1][1].append(base)
        return packs

    def packed(self, numbers: list[int], bases: list[int]) -> tuple[list[cp_model.IntVar], list[int]]:
        """Variables and amounts of several levels as one number."""
        total: dict[int, tuple[cp_model.IntVar, int]] = {}
        weight = 1
        for number, base in reversed(list(zip(numbers, bases, strict=True))):
            for variable, amount in zip(*self.level(number), strict=True):
                total[variable.index] = variable, total.get(variable.index, (variable, 0))[1] + weight * amount
            weight *= base
        return [variable for variable, _ in total.values()], [amount for _, amount in total.values()]

    def hint(self, placement: Placement) -> None:
        """Suggest a placement as starting point."""
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for (request, unit), variable in self.at.items():
            self.model.add_hint(variable, placement[request] == unit)
        for request, variable in self.out.items():
            self.model.add_hint(variable, placement[request] == UNPLACED)


def least_amounts(instance: Instance) -> LevelAmounts:
    """A bound nobody can beat: every request at its own best, level by level, as if it were alone."""
    drops = len(instance.drop[0]) if instance.drop else 0
    totals = [0] * (drops + len(instance.pair))
    for request in range(instance.requests):
        own = slice(int(instance.row[request]), int(instance.row[request + 1]))
        if own.start == own.stop:
            totals[:drops] = [a + b for a, b in zip(totals, instance.drop[request], strict=False)]
        elif not instance.optional[request]:
            for at, amounts in enumerate(instance.pair):
                totals[drops + at] += int(amounts[own].min())
    return tuple(totals)


def constraint_search(
    instance: Instance, limit: Limit, seed: int, incumbent: Placement | None, packed_max: int = PACKED_MAX
) -> Found:
    """The optimum of a component, some levels at a time; `incumbent` must keep every rule if given.

    Consecutive levels are minimised together, as one number with bases that keep their order strict, as long as all
    they can add up to stays below `packed_max`; 1 means every level by itself.
    """
    formulation = _Formulation(instance)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.linearization_level = 2
    best, best_amounts = incumbent, None if incumbent is None else instance.amounts(incumbent)
    least = least_amounts(instance)
    bound: list[int] = []
    for numbers, bases in formulation.packs(packed_max):
        variables, amounts = formulation.packed(numbers, bases)
        floor = _joined([least[number] for number in numbers], bases)
        value = None if best_amounts is None else _joined([best_amounts[number] for number in numbers], bases)
        if sum(amounts) >= _COEFFICIENTS_MAX:
            return Found(best, False, (*bound, least[numbers[0]]))
        if value != floor:
            if limit.spent:
                return Found(best, False, (*bound, least[numbers[0]]))
            formulation.model.minimize(cp_model.LinearExpr.weighted_sum(variables, amounts))
            if best is not None:
                formulation.hint(best)
            seconds = limit.seconds_left
            solver.parameters.max_time_in_seconds = math.inf if seconds is None else max(0.0, seconds)
            limit.count_node()
            status = solver.solve(formulation.model)
            if status == cp_model.INFEASIBLE:
                return Found(None, True)
            if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
                found = _placement(formulation, solver)
                if better(found_amounts := instance.amounts(found), best_amounts):
                    best, best_amounts = found, found_amounts
            if status != cp_model.OPTIMAL or best_amounts is None:
                reported = solver.best_objective_bound
                exact = math.isfinite(reported) and abs(reported) < _DOUBLE_EXACT
                lowest = max(floor, math.ceil(reported - 1e-6)) if exact else floor
                return Found(best, False, (*bound, *_split(lowest, bases)[:1]))
            value = _joined([best_amounts[number] for number in numbers], bases)
        bound.extend(_split(value, bases))
        if variables:
            formulation.model.add(cp_model.LinearExpr.weighted_sum(variables, amounts) <= value)
    return Found(best, True, tuple(bound))


def _joined(amounts: list[int], bases: list[int]) -> int:
    total = 0
    for amount, base in zip(amounts, bases, strict=True):
        total = total * base + amount
    return total


def _split(total: int, bases: list[int]) -> list[int]:
    amounts = []
    for base in reversed(bases[1:]):
        amounts.append(total % base)
        total //= base
    return [total, *reversed(amounts)]


def _placement(formulation: _Formulation, solver: cp_model.CpSolver) -> Placement:
    placement = [UNPLACED] * formulation.instance.requests
    for (request, unit), variable in formulation.at.items():
        if solver.boolean_value(variable):
            placement[request] = unit
    return tuple(placement)
