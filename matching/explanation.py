"""Why this place, why none, what would have to change, and what a change would be worth. By code, without names.

Everything that compares is found by solving again, exactly; nothing is estimated.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from matching.check import Judge
from matching.counterfactual import Answer, alternatives_of, barred_by, levels_delta, unplaced_report
from matching.model import UNPLACED, LevelAmounts, Placement
from matching.pairs import codes_of, pair_levels, pair_terms
from matching.problem import (
    LEVELS,
    MalformedProblem,
    Problem,
    Request,
    Unit,
    checked_keys,
    quoted,
    request_from_json,
    unit_from_json,
)
from matching.scoring import PAIR_LEVELS, TERMS
from matching.search import Limit
from matching.solution import (
    TWO_SECONDS,
    UNLIMITED,
    Alternative,
    Budget,
    Levels,
    Reason,
    Unplaced,
    alternative_to_json,
    outbid_to_json,
    reason_to_json,
    unplaced_to_json,
)
from matching.solver import answered
from matching.worth import Worths, larger

ALL_CHANGES = "all"


OTHERS = "others"
"""The term of a level that is decided by what other requests would have to give up."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Why one unit comes before another for a request: the first level that differs, and the term that makes it differ.

    `level` is None where nothing differs and only the order of ids decides; then `term` is None too. `term` is one of
    `scoring.TERMS`, or `OTHERS` where this request itself would be no worse off, but others would.
    """

    level: str | None
    term: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One request: its unit (None if unplaced), its share of every level, the runner-up, and the codes elsewhere.

    `runner_up`: the best other unit with the exact change of all levels, None if there is none; `runner_up_levels` its
    share there, and `decided` why it lost. `others`: codes per other unit, empty where the pair rules let it in;
    `reasons` the same by code. `unplaced`: what would change it, for a request without a unit.
    """

    request: str
    unit: str | None
    levels: Levels
    runner_up: Alternative | None
    runner_up_levels: Levels | None
    decided: Decided | None
    others: Mapping[str, tuple[str, ...]]
    reasons: tuple[Reason, ...]
    unplaced: Unplaced | None
    proven: bool

    def to_json(self) -> dict[str, Any]:
        """The explanation as plain JSON values."""
        outbid = None if self.unplaced is None else self.unplaced.outbid
        return {
            "request": self.request,
            "unit": self.unit,
            "levels": dict(self.levels),
            "runner_up": None if self.runner_up is None else alternative_to_json(self.runner_up),
            "runner_up_levels": None if self.runner_up_levels is None else dict(self.runner_up_levels),
            "decided": None if self.decided is None else {"level": self.decided.level, "term": self.decided.term},
            "others": [{"unit": unit, "codes": list(self.others[unit])} for unit in sorted(self.others)],
            "reasons": [reason_to_json(reason) for reason in self.reasons],
            "unplaced": None if self.unplaced is None else unplaced_to_json(self.unplaced),
            "outbid": None if outbid is None else outbid_to_json(outbid),
            "proven": self.proven,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What if: fields of one unit or one request set to other values (as in the JSON form), or a unit added."""

    name: str
    unit: str | None = None
    request: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    add_unit: Unit | None = None

    def __post_init__(self) -> None:
        where = f"change {quoted(self.name)}"
        if self.name == ALL_CHANGES:
            raise MalformedProblem(f'{where}: field "name" is kept for all changes together')
        if sum(target is not None for target in (self.unit, self.request, self.add_unit)) != 1:
            raise MalformedProblem(f"{where}: needs exactly one of unit, request and add_unit")
        if self.add_unit is not None and self.set:
            raise MalformedProblem(f'{where}: field "set" does not go with add_unit')
        if "id" in self.set:
            raise MalformedProblem(f'{where}: field "id" cannot be set')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change is worth: the levels with it, the difference (zeros left out), who gains and who loses a place."""

    name: str
    levels: Levels
    delta: Levels
    newly_placed: tuple[str, ...]
    newly_unplaced: tuple[str, ...]
    proven: bool

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain JSON values; `proven` is only said when it is not so."""
        result: dict[str, Any] = {
            "name": self.name,
            "levels": dict(self.levels),
            "delta": dict(self.delta),
            "newly_placed": list(self.newly_placed),
            "newly_unplaced": list(self.newly_unplaced),
        }
        return result if self.proven else {**result, "proven": False}


def explain(problem: Problem, request_id: str, budget: Budget = TWO_SECONDS, seed: int = 0) -> Explanation:
    """Why this request is where it is: its unit, its share, the runner-up, and what bars every other unit.

    Raises `MalformedProblem` if there is no such request.
    """
    problem.request(request_id)
    return explain_answer(answered(problem, Limit(budget), seed), request_id)


def explain_answer(answer: Answer, request_id: str) -> Explanation:
    """The same for a problem that has just been solved."""
    source = answer.source
    number = source.request_number[request_id]
    at = answer.placement[number]
    unit = None if at == UNPLACED else source.units[at].id
    runners_up = alternatives_of(answer, number, 1) if unit is not None else ()
    barring = source.rules.barring_units(number)
    codes = codes_of(source.units, barring)
    runner_up = runners_up[0] if runners_up else None
    beaten = unit is not None and runner_up is not None
    return Explanation(
        request=request_id,
        unit=unit,
        levels=dict(zip(LEVELS, source.instance.share(number, at), strict=True)),
        runner_up=runner_up,
        runner_up_levels=pair_levels(source.problem, request_id, runner_up.unit) if runner_up else None,
        decided=decided(source.problem, request_id, unit or "", runner_up) if beaten and runner_up else None,
        others={other: codes[other] for other in codes if other != unit},
        reasons=tuple(barred_by(answer, barring)),
        unplaced=unplaced_report(answer, number) if unit is None else None,
        proven=answer.found.proven,
    )


def decided(problem: Problem, request_id: str, unit_id: str, other: Alternative) -> Decided:
    """Why a placed request is in its unit and not in the other: see `Decided`. No solver needed.

    Strict order means that the first level that differs decides alone. Where the request itself pays less than half of
    that, the others are named, else the term of which it pays most.
    """
    level = next((level for level in LEVELS if other.levels_delta.get(level)), None)
    if level is None:
        return Decided(None, None)
    if level not in PAIR_LEVELS:
        return Decided(level, OTHERS)
    here, there = (pair_terms(problem, request_id, unit) for unit in (unit_id, other.unit))
    more = {term: there[term] - here[term] for term in TERMS[level]}
    worst = max(TERMS[level], key=lambda term: more[term])
    own = sum(more.values())
    return Decided(level, worst if 2 * own >= other.levels_delta[level] else OTHERS)


def value(problem: Problem, changes: Sequence[Change], budget: Budget = UNLIMITED, seed: int = 0) -> list[Outcome]:
    """What each change alone would be worth, and all of them together as the last outcome, named "all".

    Each by solving the changed problem, beginning with the answer to the unchanged one, so that nobody moves without a
    reason. `budget` is for all of it: once it is spent each change is still compiled and checked. Raises
    `MalformedProblem` for a change that names what is not there or makes the problem malformed.
    """
    limit = Limit(budget)
    base = answered(problem, limit, seed)
    together = with_changes(problem, changes)
    outcomes = value_answer(base, changes)
    return [*outcomes, solved_again(base, ALL_CHANGES, together)]


def value_answer(answer: Answer, changes: Sequence[Change]) -> list[Outcome]:
    """What each change alone would be worth, for a problem that has just been solved.

    Other places in a unit are judged by the proof of the optimum (`worth`); other changes are solved again.
    """
    problem = answer.source.problem
    numbers = answer.source.unit_number
    units = {unit.id: unit for unit in problem.units}
    resized = [_resized(units, change) for change in changes]
    most: dict[int, int] = {}
    for unit in resized:
        if unit is not None:
            most[numbers[unit.id]] = max(unit.places, most.get(numbers[unit.id], 0))
    worths = None
    if most and answer.found.proven and not answer.silent:
        worths = Worths(answer, larger(answer.source, most), most)
    outcomes = []
    judge = Judge(problem)
    homes = answer.source.unit_of(answer.placement)
    for change, unit in zip(changes, resized, strict=True):
        found = None
        if worths is not None and unit is not None:
            found = worths.of(numbers[unit.id], unit.places)
        if unit is not None and found is not None and found.placement != answer.placement:
            stood = {request: home for request, home in homes.items() if home != unit.id}
            if judge.violations(answer.source.unit_of(found.placement), stood, unit):
                found = None  # a defect somewhere: solving again says what is right
        if found is None:
            outcomes.append(solved_again(answer, change.name, with_changes(problem, [change])))
        else:
            outcomes.append(compared(change.name, answer, found.amounts, found.placement, proven=True))
    return outcomes


def _resized(units: Mapping[str, Unit], change: Change) -> Unit | None:
    """The unit a change gives other places and nothing else; None for other changes. Raises `MalformedProblem`."""
    if change.unit is None or change.unit not in units or change.set.keys() != {"places"}:
        return None
    try:
        return units[change.unit].sized(change.set["places"])
    except MalformedProblem as error:
        raise MalformedProblem(f"change {quoted(change.name)}: {error}") from None


def solved_again(answer: Answer, name: str, problem: Problem) -> Outcome:
    """What a changed problem is worth, by solving it, beginning with the answer to the unchanged one."""
    start = answer.source.unit_of(answer.placement)
    changed = answered(problem, answer.limit, answer.seed, start=start)
    amounts = changed.source.instance.amounts(changed.placement)
    return compared(name, answer, amounts, changed.placement, proven=answer.found.proven and changed.found.proven)


def compared(name: str, base: Answer, after: LevelAmounts, placement: Placement, *, proven: bool) -> Outcome:
    """What came of a change, whose levels and placement are known. Numbers are those of the unchanged problem."""
    # Changes never add or remove requests, so both number them alike.
    moved = []
    if placement != base.placement:
        both = enumerate(zip(base.placement, placement, strict=True))
        moved = [at for at, (old, new) in both if old != new and UNPLACED in (old, new)]
    ids = [(base.source.requests[at].id, placement[at] == UNPLACED) for at in moved]
    return Outcome(
        name=name,
        levels=dict(zip(LEVELS, after, strict=True)),
        delta=levels_delta(after, base.amounts),
        newly_placed=tuple(one for one, left_out in ids if not left_out),
        newly_unplaced=tuple(one for one, left_out in ids if left_out),
        proven=proven,
    )


def with_changes(problem: Problem, changes: Iterable[Change]) -> Problem:
    """The problem with the changes made one after the other. Raises `MalformedProblem`."""
    for change in changes:
        try:
            problem = _changed(problem, change)
        except MalformedProblem as error:
            raise MalformedProblem(f"change {quoted(change.name)}: {error}") from None
    return problem


def _changed(problem: Problem, change: Change) -> Problem:
    if change.add_unit is not None:
        return replace(problem, units=(*problem.units, change.add_unit))
    if change.unit is not None:
        unit = problem.unit(change.unit)
        content = {one.name: getattr(unit, one.name) for one in fields(Unit)}
        return _with_unit(problem, unit_from_json({**content, **change.set}))
    old = problem.request(change.request or "")
    new = request_from_json({**_as_json(old), **change.set})
    return problem.amended((new if request is old else request for request in problem.requests), problem.units, [new])


def _with_unit(problem: Problem, unit: Unit) -> Problem:
    return problem.amended(problem.requests, (unit if one.id == unit.id else one for one in problem.units), [unit])


def _as_json(request: Request) -> dict[str, Any]:
    content = asdict(request)
    content["persons"] = list(content["persons"])
    return content


def changes_from_json(content: object) -> list[Change]:
    """Changes from parsed JSON. Raises `MalformedProblem`."""
    if not isinstance(content, list):
        raise MalformedProblem("changes: must be a list")
    return [_change_from_json(f"change number {at}", one) for at, one in enumerate(content, 1)]


def _change_from_json(where: str, content: object) -> Change:
    kept = dict(checked_keys(where, content, ("name",), ("name", "unit", "request", "set", "add_unit")))
    for name in ("name", "unit", "request"):
        if name in kept and (type(kept[name]) is not str or not kept[name]):
            raise MalformedProblem(f"{where}: field {quoted(name)} must be a string and not empty")
    if "add_unit" in kept:
        kept["add_unit"] = unit_from_json(kept["add_unit"])
    elif not isinstance(kept.get("set"), dict):
        raise MalformedProblem(f'{where}: field "set" must be an object')
    return Change(**kept)
