"""Each hard rule and each level decides at least one case here, with numbers that tell one side from the other."""

from typing import Any

import pytest

from matching import LEVELS, Person, Request, Unit, Weights, pair_codes, pair_levels, solve, violations
from matching.check import broken
from matching.solution import UNLIMITED, Solution
from tests.matching.instances import a_person, a_problem, a_request, a_unit

MOTHER, SON, BABY = a_person("f", 30), a_person("m", 13), a_person("m", 3)

Fields = dict[str, Any]

# (code, request, unit that bars it, unit that differs just enough to take it, rest of the problem)
PAIR_CASES: list[tuple[str, Fields, Fields, Fields, Fields]] = [
    ("closed:paused", {}, {"closed": "paused"}, {"closed": None}, {}),
    ("closed:intake_hours", {}, {"closed": "intake_hours"}, {}, {}),
    ("closed:no_authority", {}, {"closed": "no_authority"}, {}, {}),
    ("closed:out_of_service", {}, {"closed": "out_of_service"}, {}, {}),
    ("pool", {"pools": ("OMM", "NLA")}, {"pool": "COSM"}, {"pool": "NLA"}, {}),
    ("sex", {"persons": (a_person("m"),)}, {"sexes": ("f", "x")}, {"sexes": ("m",)}, {}),
    ("sex", {"persons": (a_person("x"),)}, {"sexes": ("f", "m")}, {"sexes": ("x",)}, {}),
    ("sex", {"persons": (MOTHER, SON)}, {"sexes": ("f",), "sons_until": 13}, {"sexes": ("f",), "sons_until": 14}, {}),
    ("sex", {"persons": (MOTHER, a_person("x", 3))}, {"sexes": ("f",)}, {"sexes": ("f", "x")}, {}),
    ("sex", {"persons": (a_person("f", 17, True), a_person("m", 17, True))}, {"sexes": ("f",), "age_min": 16,
      "sons_until": 18}, {"sexes": ("f", "m"), "age_min": 16}, {}),
    ("age", {"persons": (a_person(age=24),)}, {"age_min": 25}, {"age_min": 24}, {}),
    ("age", {"persons": (a_person(age=66),)}, {"age_max": 65}, {"age_max": 66}, {}),
    ("age", {"persons": (a_person(age=17),)}, {"age_min": 18}, {"age_min": 17}, {}),
    ("age", {"persons": (a_person("f", 17, True), BABY)}, {"age_min": 18}, {"age_min": 17}, {}),
    ("age", {"persons": (a_person(age=17), a_person(age=16))}, {"age_min": 17, "children": False}, {"age_min": 16}, {}),
    ("children", {"persons": (MOTHER, BABY)}, {"children": False}, {"children": True}, {}),
    ("children", {"persons": (a_person("f", 17, True), BABY)}, {"children": False, "age_min": 17}, {"age_min": 17}, {}),
    ("size", {"persons": (MOTHER, a_person("f", 44), BABY)}, {"places": 2}, {"places": 3}, {}),
    ("excludes:addiction", {"facts": {"addiction": "yes"}}, {"stance": {"addiction": "excludes"}},
     {"stance": {"psychiatric": "excludes"}}, {}),
    ("lacks:lift", {"needs": ("lift", "ro")}, {"offers": ("ro",)}, {"offers": ("ro", "lift")}, {}),
    ("unsafe_region", {"unsafe_regions": ("B",)}, {"region": "B"}, {"region": "C"}, {}),
    *(
        (f"barred:{why}", {"barred": {"L1": why}}, {"location": "L1"}, {"location": "L2"}, {})
        for why in ("lending", "authority", "declined", "history", "safety")
    ),
    ("only_location", {"only_locations": ("L2", "L3")}, {"location": "L1"}, {"location": "L3"}, {}),
    ("only_location", {"only_locations": ()}, {"location": "L1"}, {}, {}),
    ("apart", {"apart": ("stay:8",)}, {"location": "L1"}, {"location": "L2"}, {"occupants": {"L1": ("stay:8",)}}),
    ("dates", {"latest_day": 5}, {"available_from": 6}, {"available_from": 5}, {}),
    ("dates", {"days": 10}, {"available_until": 9}, {"available_until": 10}, {}),
    ("dates", {"days": 10, "from_day": 2}, {"available_until": 11}, {"available_until": 12}, {}),
    ("dates", {"days": 10, "from_day": 1}, {"available_from": 3, "available_until": 12},
     {"available_from": 3, "available_until": 13}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "asked", "barring", "taking", "rest"), PAIR_CASES)
def test_a_pair_rule_bars_exactly_what_it_says(
    code: str, asked: Fields, barring: Fields, taking: Fields, rest: Fields
) -> None:
    request = a_request(**asked)
    roomy = {"places": 5}
    barred = a_problem([request], [a_unit(**{**roomy, **barring})], **rest)
    assert pair_codes(barred, "r1") == {"u1": (code,)}
    assert broken(barred, request, barred.units[0]) == [code]
    assert solve(barred, UNLIMITED).assignments == ()
    if taking or code.startswith("closed"):
        taken = a_problem([request], [a_unit(**{**roomy, **taking})], **rest)
        assert pair_codes(taken, "r1") == {"u1": ()}
        assert broken(taken, request, taken.units[0]) == []
        assert solve(taken, UNLIMITED).unit_of == {"r1": "u1"}


def test_an_unknown_fact_never_bars() -> None:
    problem = a_problem([a_request(facts={"addiction": "unknown"})], [a_unit(stance={"addiction": "excludes"})])
    assert pair_codes(problem, "r1") == {"u1": ()}


def _unit_of(requests: list[Request], units: list[Unit], **rest: Any) -> dict[str, str]:
    problem = a_problem(requests, units, **rest)
    solution = solve(problem, UNLIMITED)
    assert violations(problem, solution) == []
    return solution.unit_of


def test_capacity_counts_persons() -> None:
    pair = (a_person(), a_person("f", 31))
    requests = [a_request("r1", persons=pair), a_request("r2", persons=pair, urgency="now")]
    assert _unit_of(requests, [a_unit(places=3)]) == {"r2": "u1"}
    assert _unit_of(requests, [a_unit(places=4)]) == {"r1": "u1", "r2": "u1"}


def test_a_private_unit_takes_one_party_also_of_a_group() -> None:
    requests = [a_request("r1"), a_request("r2", urgency="now")]
    assert _unit_of(requests, [a_unit(places=3, private=True)]) == {"r2": "u1"}
    group = [a_request("r1", together="g"), a_request("r2", together="g")]
    assert _unit_of(group, [a_unit(places=3, private=True)]) == {}
    assert len(_unit_of(group, [a_unit(places=3)])) == 2


@pytest.mark.parametrize("named_by", ["r1", "r2"])
def test_apart_is_kept_whichever_of_the_two_names_the_other(named_by: str) -> None:
    other = {"r1": "r2", "r2": "r1"}[named_by]
    requests = [a_request(one, apart=(other,) if one == named_by else ()) for one in ("r1", "r2")]
    assert len(_unit_of(requests, [a_unit("u1", location="L1"), a_unit("u2", location="L1")])) == 1
    homes = _unit_of(requests, [a_unit("u1", location="L1"), a_unit("u2", location="L2")])
    assert len(set(homes.values())) == 2


def test_own_and_unknown_ids_in_apart_have_no_effect() -> None:
    assert _unit_of([a_request("r1", apart=("r1", "r9"))], [a_unit()]) == {"r1": "u1"}


def test_a_group_is_placed_whole_at_one_location_or_not_at_all() -> None:
    group = [a_request(one, together="g", urgency="now") for one in ("r1", "r2")]
    apart_rooms = [a_unit("u1", places=1, location="L1"), a_unit("u2", places=1, location="L2")]
    assert _unit_of(group, apart_rooms) == {}
    assert len(_unit_of(group, [*apart_rooms, a_unit("u3", places=1, location="L1")])) == 2
    assert _unit_of([*group, a_request("r3", urgency="planned")], apart_rooms[:1]) == {"r3": "u1"}


def _levels(solution: Solution) -> list[int]:
    return [solution.levels[level] for level in LEVELS]


URGENCY_PAIRS = [("now", "today"), ("today", "soon"), ("soon", "planned")]


@pytest.mark.parametrize(("higher", "lower"), URGENCY_PAIRS)
def test_one_more_urgent_person_outbids_any_number_of_less_urgent(higher: str, lower: str) -> None:
    """Also when the lower one is larger and has waited for years: strict order means strict."""
    family = tuple(a_person(age=20 + at) for at in range(7))
    requests = [a_request("a", urgency=lower, persons=family, waiting_hours=2**31 - 1), a_request("b", urgency=higher)]
    assert _unit_of(requests, [a_unit(places=7)]) == {"b": "u1"}


@pytest.mark.parametrize("urgency", ["now", "today", "soon", "planned"])
def test_persons_count_within_an_urgency(urgency: str) -> None:
    """Two singles that have just come against a party of three that came just as recently."""
    party = (a_person(), a_person(age=31), a_person(age=32))
    requests = [a_request("a", urgency=urgency), a_request("b", urgency=urgency),
                a_request("c", urgency=urgency, persons=party)]  # fmt: skip
    assert _unit_of(requests, [a_unit(places=3)]) == {"c": "u1"}


def test_who_waited_longer_goes_first_among_equals() -> None:
    requests = [a_request("a", waiting_hours=4), a_request("b", waiting_hours=5)]
    assert _unit_of(requests, [a_unit(places=1)]) == {"b": "u1"}


def test_waiting_counts_persons() -> None:
    """A couple that waited 3 hours has 6 person-hours, two singles of 4 and 1 have 5."""
    couple = (a_person(), a_person(age=31))
    requests = [a_request("a", waiting_hours=3, persons=couple), a_request("b", waiting_hours=4),
                a_request("c", waiting_hours=1)]  # fmt: skip
    assert _unit_of(requests, [a_unit(places=2)]) == {"a": "u1"}


def test_care_goes_before_staying_and_staying_before_fit() -> None:
    units = [
        a_unit("u1", freshness="aging"),  # the previous one, at home, but its figure is older: care 1
        a_unit("u2", region="B"),  # far away: fit 27
        a_unit("u3"),
    ]
    assert _unit_of([a_request(previous="u1")], units[:2]) == {"r1": "u2"}
    assert _unit_of([a_request(previous="u2")], units[1:]) == {"r1": "u2"}
    assert _unit_of([a_request(previous="gone")], units[1:]) == {"r1": "u3"}


CARE_CASES: list[tuple[int, Fields, Fields, Fields]] = [
    (0, {}, {}, {}),
    (3 * 2, {"facts": {"addiction": "yes"}}, {"stance": {"addiction": "consult", "psychiatric": "accepts"}}, {}),
    (3 * 1, {"facts": {"addiction": "unknown"}}, {"stance": {"addiction": "consult", "psychiatric": "accepts"}}, {}),
    (3 * 2, {"facts": {"addiction": "unknown"}}, {"stance": {"addiction": "excludes", "psychiatric": "accepts"}}, {}),
    (3 * 2, {}, {"stance": {}}, {}),  # two criteria, both unnamed: unknown against consult
    (0, {"facts": {"addiction": "no"}}, {"stance": {"addiction": "excludes", "psychiatric": "accepts"}}, {}),
    (3 * 1, {}, {"freshness": "aging"}, {}),
    (3 * 4, {}, {"freshness": "stale"}, {}),
    (3 * 4, {}, {"freshness": "unknown"}, {}),
    (3 * 5, {"claim": 2}, {"scarcity": 7}, {}),
    (0, {"claim": 7}, {"scarcity": 2}, {}),
    (3 * (5 * 4 + 11 * 5), {"claim": 2}, {"scarcity": 7, "freshness": "stale"}, {"weights": Weights(5, 11)}),
]
FIT_CASES: list[tuple[int, Fields, Fields, Fields]] = [
    (0, {}, {}, {}),
    (3 * 10, {"wishes": ("ro", "tr")}, {"offers": ("tr", "zz")}, {}),
    (3 * 3 * 9, {"region": "A"}, {"region": "B"}, {}),
    (3 * 3 * 4, {"region": "A"}, {"region": "B"}, {"zones": {"A": {"B": 4}, "B": {"A": 7}}}),
    (3 * 3 * 2, {"region": "A"}, {"region": "A"}, {"zones": {"A": {"A": 2}}}),
    (3 * 5 * 3, {"from_day": 1}, {"available_from": 4}, {}),
    (0, {"from_day": 4}, {"available_from": 1}, {}),
]
THREE = (Person("f", 30), Person("f", 31), Person("f", 32))


@pytest.mark.parametrize(
    ("level", "amount", "asked", "offered", "rest"),
    [("care", *case) for case in CARE_CASES] + [("fit", *case) for case in FIT_CASES],
)
def test_the_amount_of_a_level(level: str, amount: int, asked: Fields, offered: Fields, rest: Fields) -> None:
    problem = a_problem([a_request(persons=THREE, **asked)], [a_unit(places=4, **offered)], **rest)
    assert pair_levels(problem, "r1", "u1") == {**dict.fromkeys(LEVELS, 0), level: amount}
    solution = solve(problem, UNLIMITED)
    assert solution.levels[level] == amount
    assert violations(problem, solution) == []


def test_the_share_of_an_unplaced_request() -> None:
    problem = a_problem([a_request(persons=THREE, urgency="today", waiting_hours=7)], [])
    expected = {**dict.fromkeys(LEVELS, 0), "today": 3, "waiting": 21}
    assert pair_levels(problem, "r1", None) == expected
    assert dict(solve(problem, UNLIMITED).levels) == expected


def test_change_counts_one_per_request_whatever_its_size() -> None:
    """Two singles would have to move to let the family of three keep its unit, or the family alone moves."""
    requests = [
        a_request("a", previous="u1", persons=THREE),
        a_request("b", previous="u1"),
        a_request("c", previous="u1"),
    ]
    solution = solve(a_problem(requests, [a_unit("u1", places=3), a_unit("u2", places=3, region="B")]), UNLIMITED)
    assert solution.unit_of == {"a": "u2", "b": "u1", "c": "u1"}
    assert _levels(solution) == [0, 0, 0, 0, 0, 0, 1, 81]


def test_fit_decides_last() -> None:
    units = [a_unit("u1", region="B"), a_unit("u2", offers=()), a_unit("u3", offers=("ro",))]
    assert _unit_of([a_request(wishes=("ro",))], units) == {"r1": "u3"}


def test_levels_hold_with_the_largest_numbers_there_are() -> None:
    """2^31 − 1 everywhere: amounts beyond 64 bits, and still the exact optimum."""
    most = 2**31 - 1
    family = tuple(a_person(age=20 + at) for at in range(5))
    requests = [
        a_request("a", persons=family, waiting_hours=most),
        a_request("b", waiting_hours=most - 1),
        a_request("c", waiting_hours=most, latest_day=most),
    ]
    units = [
        a_unit("u1", places=most, scarcity=most, freshness="stale"),
        a_unit("u2", places=5, scarcity=most - 1, freshness="stale"),
        a_unit("u3", places=1, scarcity=most - 2, freshness="stale", available_from=most),
    ]
    problem = a_problem(requests, units, weights=Weights(most, most))
    solution = solve(problem, UNLIMITED)
    assert solution.proven
    assert violations(problem, solution) == []
    care = [most * 4 + most * scarcity for scarcity in (most, most - 1, most - 2)]
    # The family in u2, c in u3, b in u1 is the cheapest care: five shares of u2, one of u3, one of u1.
    assert solution.unit_of == {"a": "u2", "b": "u1", "c": "u3"}
    assert solution.levels["care"] == 5 * care[1] + care[2] + care[0]
