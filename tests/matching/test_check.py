"""The checker against planted violations of every kind. It must catch each, and nothing else."""

from dataclasses import replace

import pytest

from matching import Assignment, Lift, Nearest, Problem, Reason, Solution, Unplaced, solve, violations
from matching.check import Judge
from matching.solution import UNLIMITED
from tests.matching.instances import a_person, a_problem, a_request, a_unit


def _problem() -> Problem:
    """Three placed, one group of two, one unplaced because of size; locations L1 (u1, u2) and L2 (u3, u4, u5)."""
    requests = [
        a_request("r1", persons=(a_person(), a_person("f", 31)), apart=("r2",)),
        a_request("r2", previous="u1"),
        a_request("r3", together="g"),
        a_request("r4", together="g"),
        a_request("r5", urgency="planned", persons=tuple(a_person(age=20 + at) for at in range(7))),
    ]
    units = [
        a_unit("u1", location="L1", places=2),
        a_unit("u2", location="L1", places=1, closed="paused"),
        a_unit("u3", location="L2", places=4, private=True, region="B"),
        a_unit("u4", location="L2", places=1),
        a_unit("u5", location="L2", places=3),
    ]
    return a_problem(requests, units)


@pytest.fixture
def problem() -> Problem:
    return _problem()


@pytest.fixture
def solution(problem: Problem) -> Solution:
    found = solve(problem, UNLIMITED)
    assert found.unit_of.keys() == {"r1", "r2", "r3", "r4"}
    assert violations(problem, found) == []
    return found


def _rules(problem: Problem, solution: Solution) -> set[str]:
    return {one.rule for one in violations(problem, solution)}


def _moved(solution: Solution, **unit_of: str) -> Solution:
    placed = {**solution.unit_of, **unit_of}
    return replace(solution, assignments=tuple(Assignment(one, placed[one]) for one in sorted(placed)))


def test_a_pair_rule(problem: Problem, solution: Solution) -> None:
    assert "closed:paused" in _rules(problem, _moved(solution, r2="u2"))


def test_capacity_and_private(problem: Problem, solution: Solution) -> None:
    assert "capacity" in _rules(problem, _moved(solution, r2="u4", r3="u4", r4="u5"))
    found = _rules(problem, _moved(solution, r3="u3", r4="u3"))
    assert "private" in found
    assert "capacity" not in found


def test_apart(problem: Problem, solution: Solution) -> None:
    assert "apart" in _rules(problem, _moved(solution, r1="u5", r2="u4", r3="u1", r4="u1"))


def test_together(problem: Problem, solution: Solution) -> None:
    assert "together" in _rules(problem, _moved(solution, r1="u3", r2="u1", r3="u5", r4="u1"))
    alone = tuple(one for one in solution.assignments if one.request != "r3")
    unplaced = (Unplaced("r3"), *solution.unplaced)
    assert "together" in _rules(problem, replace(solution, assignments=alone, unplaced=unplaced))


@pytest.mark.parametrize("level", ["now", "today", "soon", "planned", "waiting", "care", "change", "fit"])
def test_every_stated_level(problem: Problem, solution: Solution, level: str) -> None:
    wrong = {**solution.levels, level: solution.levels[level] + 1}
    assert [one.text.split()[0] for one in violations(problem, replace(solution, levels=wrong))] == [level]


def test_every_request_once(problem: Problem, solution: Solution) -> None:
    assert "once" in _rules(problem, replace(solution, assignments=solution.assignments[1:]))
    assert "once" in _rules(problem, replace(solution, unplaced=()))
    assert "once" in _rules(problem, replace(solution, unplaced=(Unplaced("r1"), *solution.unplaced)))
    doubled = (solution.assignments[0], *solution.assignments)
    assert "once" in _rules(problem, replace(solution, assignments=doubled))


def test_unknown_ids(problem: Problem, solution: Solution) -> None:
    assert _rules(problem, _moved(solution, r1="u9")) == {"unknown_unit"}
    assert "unknown_request" in _rules(problem, _moved(solution, r9="u1"))
    assert "unknown_request" in _rules(problem, replace(solution, unplaced=(*solution.unplaced, Unplaced("r9"))))


def test_order_of_lists(problem: Problem, solution: Solution) -> None:
    assert _rules(problem, replace(solution, assignments=solution.assignments[::-1])) == {"order"}
    report = solution.unplaced[0]
    for wrong in (
        replace(report, reasons=report.reasons[::-1]),
        replace(report, nearest=report.nearest[::-1]),
        replace(report, would_place=(Lift("u5", ("size",)), Lift("u3", ("size",)))),
    ):
        assert _rules(problem, replace(solution, unplaced=(wrong,))) == {"order"}


def test_stated_reasons(problem: Problem, solution: Solution) -> None:
    report = solution.unplaced[0]
    assert [(reason.code, reason.units, reason.places) for reason in report.reasons] == [
        ("closed:paused", 1, 1),
        ("size", 5, 11),
    ]
    for wrong in (
        replace(report, reasons=(report.reasons[0],)),
        replace(report, reasons=(report.reasons[0], replace(report.reasons[1], units=4))),
        replace(report, reasons=(report.reasons[0], replace(report.reasons[1], places=12))),
        replace(report, reasons=(Reason("capacity", by=()), *report.reasons)),
    ):
        assert _rules(problem, replace(solution, unplaced=(wrong,))) == {"reason"}
    for near in (
        (Nearest("u1", ("age",)),),
        (Nearest("u2", ("closed:paused", "size")),),
        tuple(Nearest(unit, ("size",)) for unit in ("u1", "u3", "u4", "u5")),
    ):
        assert _rules(problem, replace(solution, unplaced=(replace(report, nearest=near),))) == {"nearest"}


def test_a_report_without_reasons_states_nothing_wrong(problem: Problem, solution: Solution) -> None:
    assert _rules(problem, replace(solution, unplaced=(Unplaced("r5"),))) == set()


def test_one_judge_of_the_same_with_another_unit(problem: Problem) -> None:
    judge, crowded, apart = Judge(problem), {"r3": "u4", "r4": "u4"}, {"r3": "u5", "r4": "u5"}

    def rules(unit_of: dict[str, str], unit: str, places: int, stood: dict[str, str] | None = None) -> list[str]:
        found = judge.violations(unit_of, stood, replace(problem.unit(unit), places=places))
        return sorted({one.rule for one in found})

    assert rules(crowded, "u4", 2) == []
    assert rules(crowded, "u5", 2) == ["capacity"]
    assert rules(apart, "u5", 1) == ["capacity"]
    assert rules(apart, "u4", 1) == []
    assert rules({"r1": "u1"}, "u1", 1) == ["capacity", "size"]
    assert [one.rule for one in judge.violations(crowded)] == ["capacity"]


def test_who_stood_there_is_judged_with_the_others_only(problem: Problem) -> None:
    judge = Judge(problem)
    assert [one.rule for one in judge.violations({"r2": "u2"})] == ["closed:paused"]
    assert [one.rule for one in judge.violations({"r2": "u2"}, {"r2": "u1"})] == ["closed:paused"]
    assert judge.violations({"r2": "u2"}, {"r2": "u2"}) == []
    assert [one.rule for one in judge.violations({"r3": "u5"}, {"r3": "u5"})] == ["together"]
