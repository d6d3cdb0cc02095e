"""What one place more of each kind would be worth: the shadow price of a class of units, exactly.

Units of one class let the same requests in at the same price: they are alike in everything but where exactly they are,
how many places they have and what is free of them. The price of a class is what the whole optimum gains by one place
more of that kind, free and open today with its figure fresh, at a house of its own; of private units, which are taken
whole, by one more as large as the largest of them. A dual price of the relaxation says the same for single persons, but
is only a bound where families, private units and links are about, so every class is asked of the optimum's proof
(`worth`), and what the proof cannot say is solved again.
"""

from collections.abc import Sequence
from dataclasses import astuple, replace

from matching.check import placement_violations
from matching.counterfactual import Answer
from matching.explanation import Change, Outcome, compared, solved_again, with_changes
from matching.model import UNPLACED
from matching.problem import Problem, Unit
from matching.search import Limit
from matching.solution import UNLIMITED, Budget, Price
from matching.solver import answered
from matching.worth import Worths, extended


def prices(problem: Problem, budget: Budget = UNLIMITED, seed: int = 0) -> list[Price]:
    """Per class of units what one place more of it would be worth; what gains most comes first.

    `budget` is for all of it; what is not solved within it is not `proven`.
    """
    return prices_of(answered(problem, Limit(budget), seed))


def prices_of(answer: Answer) -> list[Price]:
    """The same for a problem that has just been solved."""
    source = answer.source
    # After every id there is, so that nobody is numbered otherwise than in the optimum.
    last = max((name for unit in source.units for name in (unit.id, unit.location)), default="")
    alike = classes(source.units)
    more = [one_more(units, f"{last}+{at:06}") for at, units in enumerate(alike)]
    worths = None
    if more and answer.found.proven and not answer.silent:
        places = {len(source.units) + at: unit.places for at, unit in enumerate(more)}
        worths = Worths(answer, extended(source, more), places)
    listed = []
    for at, units in enumerate(alike):
        outcome = _outcome(answer, worths, at, more[at])
        listed.append(
            Price(
                units=tuple(unit.id for unit in units),
                places=sum(unit.places for unit in units),
                delta=outcome.delta,
                newly_placed=outcome.newly_placed,
                newly_unplaced=outcome.newly_unplaced,
                proven=outcome.proven,
            )
        )
    return sorted(listed, key=lambda one: one.rank)


def classes(units: Sequence[Unit]) -> list[list[Unit]]:
    """The units by what makes them alike, in the order given."""
    found: dict[str, list[Unit]] = {}
    for unit in units:
        found.setdefault(repr(astuple(one_more([unit], "any", 1))), []).append(unit)
    return list(found.values())


def one_more(alike: Sequence[Unit], name: str, places: int | None = None) -> Unit:
    """One place more of a class, or one private unit more, at a house of its own; see the module's docstring."""
    first = alike[0]
    if places is None:
        places = max(unit.places for unit in alike) if first.private else 1
    return replace(
        first,
        id=name,
        location=name,
        places=places,
        sexes=tuple(sorted(first.sexes)),
        offers=tuple(sorted(first.offers)),
        stance={criterion: first.stance[criterion] for criterion in sorted(first.stance)},
        available_from=0,
        available_until=None,
        freshness="fresh",
        closed=None,
    )


def _outcome(answer: Answer, worths: Worths | None, at: int, unit: Unit) -> Outcome:
    source = answer.source
    problem = with_changes(source.problem, [Change(unit.id, add_unit=unit)])
    found = worths.of(len(source.units) + at, unit.places) if worths is not None else None
    if found is not None:
        name_of = [*(one.id for one in source.units), *[unit.id] * (at + 1)]
        homes = zip(source.requests, found.placement, strict=True)
        where = {request.id: name_of[home] for request, home in homes if home != UNPLACED}
        if found.placement == answer.placement or not placement_violations(problem, where):
            return compared(unit.id, answer, found.amounts, found.placement, proven=True)
    return solved_again(answer, unit.id, problem)
