"""The soft terms: every level of `problem.LEVELS` as whole numbers, to be minimised in that strict order.

An amount is what one request contributes: the first five levels when it is *not* placed, the last three when it is
placed in a unit. Amounts fit 64 bits except `care` under huge weights; then arrays hold Python integers (dtype object),
so that nothing ever overflows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matching.eligibility import WORD_BITS, IntArray
from matching.problem import LEVELS, URGENCIES, ZONE_CLASS_ELSEWHERE, Problem, Request, Unit

Amounts = NDArray[np.int32] | NDArray[np.int64] | NDArray[np.object_]

DROP_LEVELS = LEVELS[:5]
PAIR_LEVELS = LEVELS[5:]

TERMS = {"care": ("risk", "scarcity"), "change": ("change",), "fit": ("wishes", "distance", "later")}
"""What the three levels of whoever is placed are made of."""

FRESHNESS_RISK = {"fresh": 0, "aging": 1, "stale": 4, "unknown": 4}
RISK = {("yes", "consult"): 2, ("unknown", "consult"): 1, ("unknown", "excludes"): 2}
WISH_AMOUNT = 10
ZONE_AMOUNT = 3
DAY_AMOUNT = 5

_INT32_SAFE, _INT64_SAFE = 2**31, 2**62
# Previous unit of a request that has none, and of one whose unit is no longer listed.
NOWHERE, GONE = -1, -2


def unplaced_amounts(request: Request) -> tuple[int, ...]:
    """What leaving this request out costs on the five `DROP_LEVELS`: persons by urgency, then person-hours waited."""
    size = request.size
    by_urgency = [0] * len(URGENCIES)
    by_urgency[URGENCIES.index(request.urgency)] = size
    return (*by_urgency, size * request.waiting_hours)


@dataclass(frozen=True, slots=True)
class Scores:
    """Both sides in columns: enough to say what any pair costs without a table of all pairs.

    Of requests: size, claim, region (row of `zone`), from_day, previous (unit, `NOWHERE` or `GONE`), and as bits the
    criteria that are yes[W, R] or unknown[W, R] and the wishes wanted[V, R]. Of units: scarcity, age (of its figure,
    as risk), unit_region (column of `zone`), available_from, the criteria it has to be consulted on, consult[W, U], or
    excludes[W, U], and the wishes it does not offer, lacking[V, U].
    """

    risk_weight: int
    scarcity_weight: int
    size: IntArray
    claim: IntArray
    region: IntArray
    from_day: IntArray
    previous: IntArray
    yes: IntArray
    unknown: IntArray
    wanted: IntArray
    scarcity: IntArray
    age: IntArray
    unit_region: IntArray
    available_from: IntArray
    consult: IntArray
    excludes: IntArray
    lacking: IntArray
    zone: IntArray

    def risk(self, rows: IntArray, columns: IntArray) -> IntArray:
        """[A] chance of a refusal at the door: open questions per criterion, and how old the unit's figure is."""
        total: IntArray = self.age[columns]
        for yes, unknown, consult, excludes in zip(self.yes, self.unknown, self.consult, self.excludes, strict=True):
            asked, barred, open_questions = consult[columns], excludes[columns], unknown[rows]
            total = total + RISK["yes", "consult"] * _bits(yes[rows] & asked)
            total += RISK["unknown", "consult"] * _bits(open_questions & asked)
            total += RISK["unknown", "excludes"] * _bits(open_questions & barred)
        return total

    def care(self, rows: IntArray, columns: IntArray) -> Amounts:
        """[A] persons × (weights.risk × risk + weights.scarcity × max(0, scarcity − claim))."""
        risks, over = self._care(rows, columns)
        result: Amounts = risks + over
        return result

    def _care(self, rows: IntArray, columns: IntArray) -> tuple[Amounts, Amounts]:
        """The two terms of `care`."""
        over: Amounts = np.maximum(0, self.scarcity[columns] - self.claim[rows])
        risks: Amounts = self.risk(rows, columns)
        sizes: Amounts = self.size[rows]
        if self.most_care >= _INT64_SAFE:
            sizes, risks, over = sizes.astype(object), risks.astype(object), over.astype(object)
        return sizes * self.risk_weight * risks, sizes * self.scarcity_weight * over

    def change(self, rows: IntArray, columns: IntArray) -> IntArray:
        """[A] 1 where a request with a previous unit would get another, also if that is no longer listed."""
        previous = self.previous[rows]
        changed: IntArray = ((previous != NOWHERE) & (previous != columns)).astype(np.int64)
        return changed

    def fit(self, rows: IntArray, columns: IntArray) -> IntArray:
        """[A] persons × (10 per wish the unit lacks + 3 × zone class + 5 per day of waiting for the unit)."""
        lacking, far, late = self._fit(rows, columns)
        amounts: IntArray = self.size[rows] * (lacking + far + late)
        return amounts

    def _fit(self, rows: IntArray, columns: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """The three terms of `fit`, per person."""
        far: IntArray = ZONE_AMOUNT * self.zone[self.region[rows], self.unit_region[columns]]
        late: IntArray = DAY_AMOUNT * np.maximum(0, self.available_from[columns] - self.from_day[rows])
        lacked = np.zeros(far.shape, np.int64)
        for wanted, lacking in zip(self.wanted, self.lacking, strict=True):
            lacked += WISH_AMOUNT * _bits(wanted[rows] & lacking[columns])
        return lacked, far, late

    def terms(self, row: int, column: int) -> dict[str, int]:
        """What one pair costs term by term, see `TERMS`; the terms of a level sum to its amount."""
        rows, columns = np.array([row]), np.array([column])
        size = int(self.size[row])
        per_person = (size * int(term[0]) for term in self._fit(rows, columns))
        amounts = (*(int(term[0]) for term in self._care(rows, columns)), int(self.change(rows, columns)[0]))
        names = (term for level in PAIR_LEVELS for term in TERMS[level])
        return dict(zip(names, (*amounts, *per_person), strict=True))

    @property
    def most_care(self) -> int:
        """No pair's `care` is more."""
        return int(self.size.max(initial=0)) * self._most_care_per_person

    @property
    def _most_care_per_person(self) -> int:
        criteria = sum(int(_bits(consult | excludes).max(initial=0)) for consult, excludes in self._stances)
        risk = max(RISK.values()) * criteria + int(self.age.max(initial=0))
        return self.risk_weight * risk + self.scarcity_weight * int(self.scarcity.max(initial=0))

    @property
    def _stances(self) -> Iterable[tuple[IntArray, IntArray]]:
        return zip(self.consult, self.excludes, strict=True)

    def most_per_person(self) -> tuple[list[int], list[int], list[int]]:
        """Per request what no pair of it exceeds: care and fit per person, change per party (once it is placed)."""
        requests = len(self.size)
        wishes = np.zeros(requests, np.int64)
        for wanted in self.wanted:
            wishes += _bits(wanted)
        days = np.maximum(0, int(self.available_from.max(initial=0)) - self.from_day)
        fit = WISH_AMOUNT * wishes + ZONE_AMOUNT * int(self.zone.max(initial=0)) + DAY_AMOUNT * days
        return [self._most_care_per_person] * requests, [1] * requests, fit.tolist()


def scores(problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> Scores:
    """The columns for the given order of requests (R) and units (U)."""
    starts, ends = (
        {name: at for at, name in enumerate(sorted({one.region for one in side}))} for side in (requests, units)
    )
    zone = np.full((len(starts), len(ends)), ZONE_CLASS_ELSEWHERE, np.int64)
    for start, row in starts.items():
        named = {start: 0, **problem.zones.get(start, {})}
        for end in named.keys() & ends.keys():
            zone[row, ends[end]] = named[end]
    number = {unit.id: at for at, unit in enumerate(units)}
    wishes = _bit_of(sorted({wish for request in requests for wish in request.wishes}))
    criteria = _bit_of(problem.criteria)
    unknown, yes = _answers(criteria, [request.facts for request in requests], "unknown", "yes")
    consult, excludes = _answers(criteria, [unit.stance for unit in units], "consult", "excludes")
    lacking = []
    for unit in units:
        lacked = (1 << len(wishes)) - 1
        for offer in unit.offers:
            lacked -= wishes.get(offer, 0)
        lacking.append(lacked)
    return Scores(
        risk_weight=problem.weights.risk,
        scarcity_weight=problem.weights.scarcity,
        size=_column([request.size for request in requests]),
        claim=_column([request.claim for request in requests]),
        region=_column([starts[request.region] for request in requests]),
        from_day=_column([request.from_day for request in requests]),
        previous=_column(
            [NOWHERE if request.previous is None else number.get(request.previous, GONE) for request in requests]
        ),
        yes=_words(yes, len(criteria)),
        unknown=_words(unknown, len(criteria)),
        wanted=_words([sum([wishes[wish] for wish in request.wishes]) for request in requests], len(wishes)),
        scarcity=_column([unit.scarcity for unit in units]),
        age=_column([FRESHNESS_RISK[unit.freshness] for unit in units]),
        unit_region=_column([ends[unit.region] for unit in units]),
        available_from=_column([unit.available_from for unit in units]),
        consult=_words(consult, len(criteria)),
        excludes=_words(excludes, len(criteria)),
        lacking=_words(lacking, len(wishes)),
        zone=zone,
    )


class UnitColumns:
    """The columns of many units kept, to say what one request costs in any of them; the units may change."""

    def __init__(self, problem: Problem, requests: Sequence[Request], units: Sequence[Unit]) -> None:
        """`requests`: whose wishes are looked up at once; those of others take longer."""
        self._known = sorted({wish for request in requests for wish in request.wishes})
        self._wishing = replace(requests[0], wishes=tuple(self._known))
        self._units = list(units)
        self._columns = scores(problem, [self._wishing], units)
        self._regions = {name: at for at, name in enumerate(sorted({unit.region for unit in units}))}

    def put(self, problem: Problem, at: int, unit: Unit) -> None:
        """Another unit under this number."""
        self._units[at] = unit
        one, all_of = scores(problem, [self._wishing], [unit]), self._columns
        for mine, others in ((one.scarcity, all_of.scarcity), (one.age, all_of.age)):
            others[at] = mine[0]
        all_of.available_from[at] = unit.available_from
        all_of.unit_region[at] = self._regions.setdefault(unit.region, len(self._regions))
        for rows, of_all in (
            (one.consult, all_of.consult),
            (one.excludes, all_of.excludes),
            (one.lacking, all_of.lacking),
        ):
            of_all[:, at] = rows[:, 0]

    def amounts(self, problem: Problem, request: Request, units: IntArray) -> tuple[Amounts, ...]:
        """As `placed_amounts`, of one request in these units; without `change`, which is 0."""
        nobody = np.zeros(len(units), np.int64)
        if not set(request.wishes) <= set(self._known):
            some = [self._units[at] for at in units.tolist()]
            return placed_amounts(
                scores(problem, [replace(request, previous=None)], some), nobody, np.arange(len(some))
            )
        own = scores(problem, [request], [])
        wanted = sum(1 << self._known.index(wish) for wish in request.wishes)
        zone = np.full((1, len(self._regions)), ZONE_CLASS_ELSEWHERE, np.int64)
        named = {request.region: 0, **problem.zones.get(request.region, {})}
        for end in named.keys() & self._regions.keys():
            zone[0, self._regions[end]] = named[end]
        columns = replace(
            self._columns,
            size=own.size,
            claim=own.claim,
            region=own.region,
            from_day=own.from_day,
            previous=np.array([NOWHERE]),
            yes=own.yes,
            unknown=own.unknown,
            wanted=_words([wanted], len(self._known)),
            zone=zone,
        )
        return placed_amounts(columns, nobody, units)


def placed_amounts(columns_of: Scores, rows: IntArray, columns: IntArray) -> tuple[Amounts, ...]:
    """`care`, `change` and `fit`, each [A]: what placing request rows[a] in unit columns[a] costs, rules not asked.

    In the narrowest whole numbers that hold them, because a problem has many pairs.
    """
    return tuple(
        narrowed(amounts)
        for amounts in (
            columns_of.care(rows, columns),
            columns_of.change(rows, columns),
            columns_of.fit(rows, columns),
        )
    )


def narrowed(amounts: Amounts) -> Amounts:
    """The same in the narrowest whole numbers that hold them."""
    narrow = amounts.dtype != np.object_ and int(amounts.max(initial=0)) < _INT32_SAFE
    return amounts.astype(np.int32) if narrow else amounts


def _column(numbers: Sequence[int]) -> IntArray:
    return np.array(numbers, np.int64)


def _bit_of(names: Iterable[str]) -> dict[str, int]:
    return {name: 1 << at for at, name in enumerate(names)}


def _answers(
    bit_of: Mapping[str, int], told: Iterable[Mapping[str, str]], unnamed: str, other: str
) -> tuple[list[int], list[int]]:
    """As bits, the criteria to which each answers what an `unnamed` one counts as, and those with the `other`."""
    every = (1 << len(bit_of)) - 1
    ones, others = [], []
    for answers in told:
        one, another = every, 0
        for criterion, answer in answers.items():
            if answer != unnamed:
                one -= bit_of[criterion]
                if answer == other:
                    another += bit_of[criterion]
        ones.append(one)
        others.append(another)
    return ones, others


def _words(numbers: Sequence[int], bits: int) -> IntArray:
    """[W, N] wide numbers as words of `WORD_BITS` bits, the lowest first; none at all for no bits."""
    if 0 < bits <= WORD_BITS:
        return np.array([numbers], np.int64)
    word = (1 << WORD_BITS) - 1
    columns = [[number >> shift & word for number in numbers] for shift in range(0, bits, WORD_BITS)]
    return np.array(columns, np.int64).reshape(len(columns), len(numbers))


def _bits(words: IntArray) -> IntArray:
    """How many bits are set."""
    counted: IntArray = np.bitwise_count(words).astype(np.int64)
    return counted
