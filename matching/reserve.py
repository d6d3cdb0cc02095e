"""A reserve by price: a place that many of those who may still come depend on is made dearer for everybody else.

Nothing is ever held back. A price only raises `Unit.scarcity`, which counts in level 6 `care` alone: the optimum of
levels 1 to 5 (who is placed, and who has waited longest) is what it is without a price, and somebody for whom a priced
place is the last one gets it, tonight. What changes is which of several fitting places is taken.

The price of a place is the claim of the expected on it. Of profile p come, on average, within the horizon

    a_p = urgency weight × persons × arrivals per day × HORIZON_DAYS

urgency-weighted persons, and S_p places would take them (the places of all units whose pair rules let them in). Nobody
knows which, so each of those places is claimed by a_p / S_p of them, and the price of a place is the sum of these
claims over all profiles it would take: dear is what takes many who have nowhere else, not what is rare.

Why nothing is sampled: claims are linear in the arrivals, so their mean over all possible futures is the closed form
above, without a seed and without noise. Sampled futures were tried on the simulated years of `bench.matching.simulate`
(mean wait with ÷ without over four to six seeds): claims 0.85 to 0.88; sampled persons beyond the places, per place,
0.89 to 0.91; parties placed day by day with one place less, 0.90 to 0.95; shadow prices of a flow, 0.94 to 0.97. What
is zero wherever a few futures happen to fit tells places apart too little.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from matching.eligibility import eligibility
from matching.problem import INTEGER_MAX, MalformedProblem, Problem, Request, Unit, quoted

URGENCY_WEIGHT: Final = {"now": 8, "today": 4, "soon": 2, "planned": 1}
"""How much a waiting person counts in a price, by urgency. The levels themselves are strict and have no weights."""

HORIZON_DAYS: Final = 60

POINTS: Final = 15
"""Scarcity per urgency-weighted person expected per place within the horizon. Twelve simulated worlds of four years,
wait with ÷ without: 0.92 at 5, 0.90 at 15, 0.89 at 50. In exchange more open questions are accepted, each a risk of a
refusal at the door: 2.3, 2.4 and 2.5 per person placed instead of 2.2.
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of request that may still come: `request` as a template, and how many such parties a day are expected.

    Every pair rule is asked of the template as of any request; its waiting time and links to requests count for
    nothing. `per_day` is any number from 0, not a whole one: a profile may be expected once a year.
    """

    request: Request
    per_day: float

    def __post_init__(self) -> None:
        if not isinstance(self.request, Request):
            raise MalformedProblem('profile: field "request" must be a request')
        where = f"profile {quoted(self.request.id)}"
        if type(self.per_day) not in (int, float):
            raise MalformedProblem(f'{where}: field "per_day" must be a number')
        if not 0 <= self.per_day <= INTEGER_MAX:  # refuses NaN as well
            raise MalformedProblem(f'{where}: field "per_day" must be between 0 and {INTEGER_MAX}')


def reserved(
    problem: Problem,
    profiles: Sequence[Profile],
    *,
    places: Mapping[str, int] | None = None,
    points: int = POINTS,
) -> Problem:
    """The problem with the price of every unit's places added to its `scarcity`; all else as it was.

    `places`: how many a unit has in all, by unit id, taken ones included, because they come free again for those who
    are expected; a unit not named counts the places it has free. Closed units count as open and every place as free
    today: who comes later finds them so. `points`: scarcity per urgency-weighted person expected per place; 0 switches
    the reserve off, and so does expecting nobody.

    Added rather than taken as the larger of the two: `claim` goes on cancelling the scarcity that policy gave, and a
    claim is no reason to take the place of those who are expected.

    The answer depends on content only, not on the order of units or profiles. Raises `MalformedProblem` for numbers out
    of range, a template with facts the problem does not list, a place count of an unknown unit, and a scarcity that
    would not fit 31 bits.
    """
    _check("points", points)
    by_unit = unit_prices(problem, profiles, {} if places is None else places)
    extra = {unit: round(points * HORIZON_DAYS * price) for unit, price in by_unit.items()}
    return replace(
        problem, units=tuple(replace(unit, scarcity=unit.scarcity + extra[unit.id]) for unit in problem.units)
    )


def unit_prices(problem: Problem, profiles: Sequence[Profile], places: Mapping[str, int]) -> dict[str, float]:
    """Per unit id: urgency-weighted persons expected per place and day. `places` as in `reserved`."""
    known = {unit.id for unit in problem.units}
    for unit_id, count in places.items():
        if unit_id not in known:
            raise MalformedProblem(f"places: no unit {quoted(unit_id)}")
        _check(f"places of unit {quoted(unit_id)}", count)
    for profile in profiles:
        if not isinstance(profile, Profile):
            raise MalformedProblem("profiles: must hold profiles")
        for criterion in profile.request.facts:
            if criterion not in problem.criteria:
                raise MalformedProblem(
                    f"profile {quoted(profile.request.id)}: facts name {quoted(criterion)}, which is not in criteria"
                )
    units = [_any_night(unit, places) for unit in problem.units]
    templates = [profile.request for profile in profiles]
    rules = eligibility(problem, templates, units)
    claims: list[list[float]] = [[] for _ in units]
    for at, profile in enumerate(profiles):
        takers = rules.allowed(at).tolist()
        supply = sum(units[taker].places for taker in takers)
        if supply == 0:  # a party needs as many places as it has persons, so only when no unit takes it
            continue
        request = profile.request
        claim = URGENCY_WEIGHT[request.urgency] * request.size * profile.per_day / supply
        for taker in takers:
            claims[taker].append(claim)
    # fsum rounds once, at the end: the order of the profiles cannot tip a price over an edge.
    return {unit.id: math.fsum(claimed) for unit, claimed in zip(units, claims, strict=True)}


def _any_night(unit: Unit, places: Mapping[str, int]) -> Unit:
    """The unit as those who may still come will find it: open, with the places it has in all."""
    return replace(unit, places=places.get(unit.id, unit.places), available_from=0, closed=None)


def _check(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= INTEGER_MAX:
        raise MalformedProblem(f"reserve: {name} must be a whole number between 0 and {INTEGER_MAX}")
