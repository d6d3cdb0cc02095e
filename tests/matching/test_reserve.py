"""The reserve prices what the expected depend on, and never leaves anybody out or holds a place back."""

from dataclasses import replace
from typing import Any

import pytest

from matching import LEVELS, MalformedProblem, Problem, Profile, Request, reserved, solve
from matching.reserve import HORIZON_DAYS, POINTS, unit_prices
from matching.solution import UNLIMITED
from tests.matching.instances import a_person, a_problem, a_request, a_unit, random_problem

MAN, WOMAN = a_person("m"), a_person("f")
OPEN_TO_ALL = a_unit("all", sexes=("f", "m", "x"), places=3)
WOMEN_ONLY = a_unit("women", sexes=("f",), places=5)


def _scarcity(problem: Problem) -> dict[str, int]:
    return {unit.id: unit.scarcity for unit in problem.units}


def _expected(per_day: float = 0.5, **changes: Any) -> Profile:
    return Profile(a_request("template", **changes), per_day)


def test_a_place_costs_what_is_expected_per_place_that_would_take_them() -> None:
    """Soon counts 2. Of 60 × 0.5 women 60 weighted persons share 8 places; of 60 × 0.25 men 30 have 3 places only."""
    women, men = _expected(0.5, persons=(WOMAN,)), _expected(0.25, persons=(MAN,))
    priced = reserved(a_problem([], [OPEN_TO_ALL, WOMEN_ONLY]), [women, men], points=4)
    assert HORIZON_DAYS == 60
    assert _scarcity(priced) == {"all": round(4 * (60 / 8 + 30 / 3)), "women": round(4 * 60 / 8)}


@pytest.mark.parametrize(("urgency", "weight"), [("now", 8), ("today", 4), ("soon", 2), ("planned", 1)])
def test_the_urgent_and_the_many_weigh_more(urgency: str, weight: int) -> None:
    family = _expected(0.1, urgency=urgency, persons=(WOMAN, WOMAN, WOMAN))
    priced = reserved(a_problem([], [WOMEN_ONLY]), [family], points=10)
    assert _scarcity(priced) == {"women": round(10 * weight * 3 * 0.1 * 60 / 5)}


def test_only_places_that_would_take_the_expected_get_dearer() -> None:
    too_small = a_unit("small", places=1)
    other_pool = a_unit("pool", pool="OMM")
    ends = a_unit("ends", available_until=9)
    fits = a_unit("fits")
    priced = reserved(
        a_problem([], [too_small, other_pool, ends, fits]), [_expected(0.1, persons=(WOMAN, WOMAN), days=10)]
    )
    assert {unit for unit, scarcity in _scarcity(priced).items() if scarcity} == {"fits"}


def test_more_expected_cost_more_and_more_places_cost_less() -> None:
    one = reserved(a_problem([], [WOMEN_ONLY]), [_expected(0.3)])
    more = reserved(a_problem([], [WOMEN_ONLY]), [_expected(0.9)])
    roomier = reserved(a_problem([], [replace(WOMEN_ONLY, places=9)]), [_expected(0.3)])
    assert _scarcity(roomier)["women"] < _scarcity(one)["women"] < _scarcity(more)["women"]


def test_who_comes_later_finds_closed_units_open_and_taken_places_free() -> None:
    shut = a_unit("shut", closed="paused", available_from=30)
    full = a_unit("full", places=0)
    priced = reserved(a_problem([], [shut, full]), [_expected(0.5)], places={"full": 3}, points=1)
    assert _scarcity(priced) == {"shut": round(60 / 5), "full": round(60 / 5)}
    assert [replace(unit, scarcity=0) for unit in priced.units] == [shut, full]
    unknown_total = reserved(a_problem([], [shut, full]), [_expected(0.5)], points=1)
    assert _scarcity(unknown_total) == {"shut": 60 // 2, "full": 0}


def test_the_scarcity_of_policy_is_added_to() -> None:
    priced = reserved(a_problem([], [replace(WOMEN_ONLY, scarcity=7)]), [_expected(0.5)], points=1)
    assert _scarcity(priced) == {"women": 7 + 60 // 5}


def test_off_changes_nothing() -> None:
    problem = random_problem(3)
    assert reserved(problem, [_expected()], points=0) == problem
    assert reserved(problem, []) == problem
    assert reserved(problem, [_expected(0)]) == problem
    assert reserved(a_problem([], []), [_expected()]) == a_problem([], [])


def _profiles(seed: int) -> list[Profile]:
    """Who may still come in a random problem: the requests of another one, some often, some hardly ever."""
    return [
        Profile(request, (1 + number) / 7) for number, request in enumerate(random_problem(seed + 10_000, 7).requests)
    ]


def test_the_order_of_units_and_profiles_does_not_matter() -> None:
    for seed in range(200):
        problem, profiles = random_problem(seed), _profiles(seed)
        turned = replace(problem, units=problem.units[::-1])
        assert unit_prices(problem, profiles, {}) == unit_prices(turned, profiles[::-1], {}), seed


def test_nobody_is_left_out_for_a_price() -> None:
    """Levels 1 to 5 stay what they are whatever the price; only which place is taken changes, and it does."""
    moved = 0
    for seed in range(150):
        problem = random_problem(seed)
        priced = reserved(problem, _profiles(seed), points=1_000)
        plain, dear = (solve(one, UNLIMITED, alternatives=0) for one in (problem, priced))
        assert [plain.levels[level] for level in LEVELS[:5]] == [dear.levels[level] for level in LEVELS[:5]], seed
        moved += plain.unit_of != dear.unit_of
    assert moved > 5


def test_a_woman_takes_the_place_that_men_do_not_need_and_the_last_one_if_she_must() -> None:
    """Without a price she goes where she asked to; with it to the women's place; and if that is gone, not out."""
    wished = replace(OPEN_TO_ALL, offers=("ro",))
    woman = a_request(persons=(WOMAN,), wishes=("ro",))
    men = [_expected(0.2, persons=(MAN,))]
    both, last = a_problem([woman], [wished, WOMEN_ONLY]), a_problem([woman], [wished])
    assert solve(both).unit_of == {"r1": "all"}
    assert solve(reserved(both, men)).unit_of == {"r1": "women"}
    assert solve(reserved(last, men)).unit_of == {"r1": "all"}


def test_nonsense_is_refused_by_name() -> None:
    problem = a_problem([], [WOMEN_ONLY])
    template = a_request("template")
    cases: list[tuple[str, Any]] = [
        ('profile "template": field "per_day" must be between', lambda: Profile(template, -0.1)),
        ('profile "template": field "per_day" must be between', lambda: Profile(template, float("nan"))),
        ('profile "template": field "per_day" must be between', lambda: Profile(template, float("inf"))),
        ('profile "template": field "per_day" must be a number', lambda: Profile(template, True)),
        ('profile: field "request" must be a request', lambda: Profile("template", 1)),  # type: ignore[arg-type]
        ("profiles: must hold profiles", lambda: reserved(problem, [template])),  # type: ignore[list-item]
        ("points must be a whole number", lambda: reserved(problem, [_expected()], points=-1)),
        ("points must be a whole number", lambda: reserved(problem, [_expected()], points=1.5)),  # type: ignore[arg-type]
        ('places: no unit "u9"', lambda: reserved(problem, [], places={"u9": 2})),
        ('places of unit "women" must be a whole', lambda: reserved(problem, [], places={"women": -2})),
        ('profile "template": facts name "flying"', lambda: reserved(problem, [_expected(facts={"flying": "no"})])),
        ('unit "women": field "scarcity" must be between', lambda: reserved(problem, [_expected(2.0**30)])),
    ]
    for said, broken in cases:
        with pytest.raises(MalformedProblem) as refusal:
            broken()
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_template_is_not_asked_for_as_a_request() -> None:
    """The priced problem holds nobody who has not come yet, and a template may bear the id of somebody who has."""
    here: Request = a_request("template")
    priced = reserved(a_problem([here], [WOMEN_ONLY]), [_expected()])
    assert priced.requests == (here,)
    assert _scarcity(priced)["women"] == round(POINTS * 60 / 5)
