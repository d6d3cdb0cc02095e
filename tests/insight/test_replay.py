"""A situation asked again: what is not solved, because something solved before says it, is what solving would say."""

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

import matching
from nrm.insight import replay
from nrm.insight.remedies import EXTRA, consulted, new_unit
from nrm.insight.replay import Line
from tests.matching.instances import random_problem

AT = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
REGIONS = [f"VR{number:02d}" for number in range(1, 9)]


def crowded(seed: int) -> matching.Problem:
    """Few houses, many who wait, and for most of them some regions that are not safe."""
    chance = Random(seed)  # noqa: S311 - not for secrets
    problem = random_problem(seed, requests_max=14, units_max=5)
    requests = [
        replace(one, unsafe_regions=tuple(sorted(chance.sample(REGIONS, chance.choice((0, 1, 2, 4))))))
        for one in problem.requests
    ]
    zones = {region: dict.fromkeys(REGIONS, 1) for region in REGIONS}
    return replace(problem, requests=tuple(requests), zones=zones)


def from_scratch(problem: matching.Problem, line: Line) -> matching.Solution:
    """The answer when it is so, worked out with nothing remembered."""
    if line.kind == "place":
        units = [*problem.units, new_unit(problem.criteria, 0, line.region, line.pool, line.places)]
    else:
        units = [
            consulted(one, line.criterion) if one.pool == line.pool and line.location_id in {"", one.location} else one
            for one in problem.units
        ]
    return matching.solve(replace(problem, units=tuple(units)), reasons=False)


@pytest.mark.parametrize("part", range(4))
def test_what_is_not_solved_again_is_what_solving_again_says(part: int) -> None:
    helped = 0
    for seed in range(part * 10, part * 10 + 10):
        problem = crowded(seed)
        base = matching.solve(problem, reasons=False)
        tried = replay._Tried(problem, 0)
        lines = [line for line in replay._lines(tried, AT) if line.kind in {"place", "rule", "house_rule"}]
        asked = replay.asked_again(problem, AT, {}, 0)
        assert asked.whole
        for line in lines if tried.nowhere else ():
            after = from_scratch(problem, line)
            more = len(after.unit_of) - len(base.unit_of)
            gain = asked.gains.get(line, replay.Gain())
            assert gain.requests.total() == max(0, more), (seed, line)
            for claim in asked.claims.get(line, ()):
                one = problem.request(claim.request)
                assert claim.request not in base.unit_of, (seed, line)
                assert line.region not in one.unsafe_regions or claim.unit != EXTRA, (seed, line)
            helped += more > 0
    assert helped > 20
