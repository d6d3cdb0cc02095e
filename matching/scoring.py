"""The soft terms: every level of `problem.LEVELS` as whole numbers, to be minimised in that strict order.

An amount is what one request contributes: the first five levels when it is *not* placed, the last three when it is
placed in a unit. Amounts fit 64 bits except `care` under huge weights; then arrays hold Python integers (dtype object),
so that nothing ever overflows.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matching.problem import LEVELS, URGENCIES, Problem, Request, Unit

Amounts = NDArray[np.int64] | NDArray[np.object_]

DROP_LEVELS = LEVELS[:5]
PAIR_LEVELS = LEVELS[5:]

FRESHNESS_RISK = {"fresh": 0, "aging": 1, "stale": 4, "unknown": 4}
RISK = {("yes", "consult"): 2, ("unknown", "consult"): 1, ("unknown", "excludes"): 2}
WISH_AMOUNT = 10
ZONE_AMOUNT = 3
DAY_AMOUNT = 5

_INT64_SAFE = 2**62


def unplaced_amounts(request: Request) -> tuple[int, ...]:
    """What leaving this request out costs on the five `DROP_LEVELS`: persons by urgency, then person-hours waited."""
    by_urgency = (request.size if request.urgency == urgency else 0 for urgency in URGENCIES)
    return (*by_urgency, request.size * request.waiting_hours)


def placed_amounts(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> tuple[Amounts, ...]:
    """`care`, `change` and `fit`, each [R, U]: what placing each request in each unit costs, rules not asked."""
    return care(problem, requests, units), change(requests, units), fit(problem, requests, units)


def _sizes(requests: Sequence[Request]) -> NDArray[np.int64]:
    return np.array([request.size for request in requests], np.int64)


def care(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> Amounts:
    """[R, U] persons × (weights.risk × risk + weights.scarcity × max(0, scarcity − claim))."""
    weights = problem.weights
    scarcity = np.array([unit.scarcity for unit in units], np.int64)
    claim = np.array([request.claim for request in requests], np.int64)
    over = np.maximum(0, scarcity[None, :] - claim[:, None])
    risks = risk(problem, requests, units)
    largest = max((request.size for request in requests), default=0) * (
        weights.risk * int(risks.max(initial=0)) + weights.scarcity * int(over.max(initial=0))
    )
    sizes: Amounts = _sizes(requests)
    if largest >= _INT64_SAFE:
        sizes, risks, over = sizes.astype(object), risks.astype(object), over.astype(object)
    result: Amounts = sizes[:, None] * (weights.risk * risks + weights.scarcity * over)
    return result


def risk(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> NDArray[np.int64]:
    """[R, U] chance of a refusal at the door: open questions per criterion, and how old the unit's figure is."""
    fresh = np.array([FRESHNESS_RISK[unit.freshness] for unit in units], np.int64)
    # One product over (criterion, fact) pairs; the numbers stay far below 2^53, so the fast float product is exact.
    facts = np.zeros((len(requests), 2 * len(problem.criteria)))
    stances = np.zeros((2 * len(problem.criteria), len(units)))
    for at, criterion in enumerate(problem.criteria):
        told = [request.facts.get(criterion, "unknown") for request in requests]
        taken = [unit.stance.get(criterion, "consult") for unit in units]
        for offset, fact in enumerate(("yes", "unknown")):
            facts[:, 2 * at + offset] = [one == fact for one in told]
            stances[2 * at + offset] = [RISK.get((fact, stance), 0) for stance in taken]
    questions: NDArray[np.int64] = np.rint(facts @ stances).astype(np.int64)
    return questions + fresh[None, :]


def change(requests: Sequence[Request], units: Sequence[Unit]) -> NDArray[np.int64]:
    """[R, U] 1 where a request with a previous unit would get another, also if the previous one is no longer listed."""
    amounts = np.zeros((len(requests), len(units)), np.int64)
    index = {unit.id: at for at, unit in enumerate(units)}
    for at, request in enumerate(requests):
        if request.previous is not None:
            amounts[at] = 1
            if request.previous in index:
                amounts[at, index[request.previous]] = 0
    return amounts


def fit(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> NDArray[np.int64]:
    """[R, U] persons × (10 per wish the unit lacks + 3 × zone class + 5 per day of waiting for the unit)."""
    available_from = np.array([unit.available_from for unit in units], np.int64)
    from_day = np.array([request.from_day for request in requests], np.int64)
    days = np.maximum(0, available_from[None, :] - from_day[:, None])
    per_person = WISH_AMOUNT * _lacking_wishes(requests, units) + ZONE_AMOUNT * _zones(problem, requests, units)
    amounts: NDArray[np.int64] = _sizes(requests)[:, None] * (per_person + DAY_AMOUNT * days)
    return amounts


def _lacking_wishes(requests: Sequence[Request], units: Sequence[Unit]) -> NDArray[np.int64]:
    """[R, U] number of the request's wishes the unit does not offer."""
    wishes = sorted({wish for request in requests for wish in request.wishes})
    index = {wish: at for at, wish in enumerate(wishes)}
    wanted = np.zeros((len(requests), len(wishes)))
    for at, request in enumerate(requests):
        wanted[at, [index[wish] for wish in request.wishes]] = 1
    lacking = np.ones((len(wishes), len(units)))
    for at, unit in enumerate(units):
        lacking[[index[offer] for offer in unit.offers if offer in index], at] = 0
    counts: NDArray[np.int64] = np.rint(wanted @ lacking).astype(np.int64)
    return counts


def _zones(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> NDArray[np.int64]:
    """[R, U] zone class, looked up once per pair of regions."""
    starts = sorted({request.region for request in requests})
    ends = sorted({unit.region for unit in units})
    table = np.array([[problem.zone_class(start, end) for end in ends] for start in starts], np.int64)
    start_of = {start: at for at, start in enumerate(starts)}
    end_of = {end: at for at, end in enumerate(ends)}
    rows = np.array([start_of[request.region] for request in requests], np.intp)
    columns = np.array([end_of[unit.region] for unit in units], np.intp)
    zones: NDArray[np.int64] = table.reshape(len(starts), len(ends))[np.ix_(rows, columns)]
    return zones
