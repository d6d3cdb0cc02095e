"""What the search believes: bounds that hold for all, closings that spare the optimum, re-routing as good as anew."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import matching.branch
import matching.engine
import matching.tree
from bench.matching.instances import Size, instance
from matching import LEVELS, solve
from matching.branch import BranchSearch
from matching.constraint import constraint_search
from matching.engine import Part, optimum
from matching.model import UNPLACED, Instance, Placement, compiled, components, pruned
from matching.network import Network
from matching.search import Limit
from matching.solution import UNLIMITED
from matching.words import Words
from tests.matching.brute import optimum as brute_optimum
from tests.matching.instances import random_problem

SMALL = Size(12, 40, 5)


def _parts(seed: int) -> Iterator[tuple[Instance, Placement]]:
    """Connected parts of small instances with their optimum by the second formulation."""
    for problem in (instance(SMALL, seed, tight=True), random_problem(seed, 7, 5)):
        whole = pruned(compiled(problem).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            if part.requests > 1:
                found = constraint_search(part, Limit(UNLIMITED), 0, None)
                assert found.proven
                assert found.placement is not None
                yield part, found.placement


def _arcs(network: Network, placement: Placement) -> list[int]:
    """The arcs into gates that a placement uses."""
    pairs = zip(network.request_of.tolist(), network.unit_of.tolist(), strict=True)
    return [arc for arc, (request, unit) in enumerate(pairs) if placement[request] == unit]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_requests_are_worth_units_choosing_for_themselves_bound_the_optimum(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for part, best in _parts(seed):
        network = Network(part)
        choices = network.everything()
        assert choices is not None
        value = network.words.value(part.amounts(best))
        dearest = max(1, int(network.words.arc.max(initial=1)), int(network.words.out.max()))
        worth = draw.integers(0, dearest, (part.requests, network.words.count))
        for rounds in (1, 7, 40):
            bounded = network.unit_bound(choices, worth.copy(), Words.next_after(value), rounds, closing=True)
            assert bounded is not None
            assert bounded.bound <= value
            # Only what is worse than the optimum may be closed: as good as it is still wanted here.
            assert not bounded.drop[_arcs(network, best)].any()
            assert not bounded.drop_out[[at for at, unit in enumerate(best) if unit == UNPLACED]].any()


@pytest.mark.parametrize("seed", range(40))
def test_members_of_a_group_agree_without_changing_what_any_placing_costs(seed: int) -> None:
    for part, best in _parts(seed):
        network = Network(part)
        choices = network.everything()
        assert choices is not None

        def cost(network: Network = network, best: Placement = best, part: Instance = part) -> list[int]:
            used = [*_arcs(network, best)]
            out = [network.stay.start + at for at, unit in enumerate(best) if unit == UNPLACED]
            persons = [int(part.size[network.request_of[arc]]) for arc in used]
            persons += [int(part.size[arc - network.stay.start]) for arc in out]
            return [int(word) for word in np.array(persons) @ network._cost[[*used, *out]]]

        before, flow = cost(), network.no_flow()
        assert tuple(before) == network.words.value(part.amounts(best))
        first = network.route(choices, flow)
        network.agree(flow)
        assert cost() == before
        second = network.route(choices, flow)
        assert first is not None
        assert second is not None
        assert second <= tuple(before)
        if not part.groups:
            assert second == first


@pytest.mark.parametrize("seed", range(30))
def test_re_routing_after_changes_is_as_good_as_starting_anew(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    for part, _ in _parts(seed):
        network = Network(part)
        choices, flow = network.everything(), network.no_flow()
        assert choices is not None
        network.route(choices, flow)
        for _ in range(8):
            narrowed = choices.copy()
            for arc in draw.sample(range(network.stay.stop), min(4, network.stay.stop)):
                narrowed.capacity[arc] = 0
            again = flow.copy()
            anew = network.no_flow()
            cost = network.route(narrowed, again)
            assert cost == network.route(narrowed, anew)
            if cost is not None and draw.random() < 0.5:
                flow = again  # and from there back to everything, or on to the next change
        assert network.route(choices, flow) == network.route(choices, network.no_flow())


@pytest.mark.parametrize("seed", range(12))
def test_diving_first_finds_the_same_optimum(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only large parts dive; here every part does."""
    monkeypatch.setattr(matching.branch, "DIVE_FROM", 2)
    for at in range(20):
        problem = random_problem(7_000 + 20 * seed + at, 7, 5)
        solution = solve(problem, UNLIMITED, alternatives=0)
        assert solution.proven
        assert tuple(solution.levels[level] for level in LEVELS) == brute_optimum(problem)
    for part, best in _parts(seed):
        found = BranchSearch(part, Limit(UNLIMITED), None, None).run()
        assert found.placement is not None
        assert part.amounts(found.placement) == part.amounts(best)


@pytest.mark.parametrize("seed", range(6))
def test_looking_near_the_bound_first_finds_the_same_optimum(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only large parts do; here every part does, in stretches so short that most of them hold nothing."""
    larger = pruned(compiled(instance(Size(40, 200, 6), seed, tight=True)).instance)
    optimum_of_all = larger.amounts(optimum(larger, Limit(UNLIMITED), 0).placement or ())
    monkeypatch.setattr(matching.tree, "WINDOW_FROM", 2)
    monkeypatch.setattr(matching.tree, "WINDOW_SHARE", 50)
    found = optimum(larger, Limit(UNLIMITED), 0)
    assert found.proven
    assert larger.amounts(found.placement or ()) == optimum_of_all
    for part, best in _parts(seed):
        search = BranchSearch(part, Limit(UNLIMITED), None, None)
        placement = search.run().placement
        assert placement is not None
        assert part.amounts(placement) == part.amounts(best)
        value = search.value(best)
        assert BranchSearch(part, Limit(UNLIMITED), None, None).run(cutoff=value).placement is None
        again = BranchSearch(part, Limit(UNLIMITED), None, None).run(cutoff=Words.next_after(value)).placement
        assert again is not None
        assert part.amounts(again) == part.amounts(best)


def test_numbers_of_several_words_are_joined_as_unbounded_ones_would_be() -> None:
    """Cut off at a limit on either side, however large; a number that two words almost cancel stays exact."""
    part = next(part for part, _ in _parts(1))
    draw = np.random.default_rng(1)
    limit = 2**50
    for base in (2, 1_870, 2**40, 2**55 + 1):
        words = replace(Network(part).words, _bases=(1, base), radix=np.zeros(2, np.int64))
        numbers = draw.integers(-(2**61), 2**61, (400, 2)) >> draw.integers(0, 61, (400, 2))
        numbers[::7, 1] = np.clip(-numbers[::7, 0] * min(base, 2**20), -(2**61), 2**61)
        expected = [max(-limit, min(limit, words.whole((int(a), int(b))))) for a, b in numbers]
        assert words.joined(numbers, limit).tolist() == expected


@pytest.mark.parametrize("nodes_max", [0, 3_000])
@pytest.mark.parametrize("seed", range(25))
def test_a_question_about_a_part_is_answered_as_by_solving_the_changed_part(
    seed: int, nodes_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the search, and by CP-SAT where the search gives up: it may not use what the question closed either."""
    draw = random.Random(seed)  # noqa: S311  seeded on purpose
    for part, best in _parts(seed):
        asked = Part(part, best, Limit(UNLIMITED), 0)
        grouped = {member for group in part.groups for member in group}
        for request in range(part.requests):
            within = [unit for unit in range(part.units) if unit != best[request]]
            fresh = part.requiring([request])
            if best[request] != UNPLACED:
                fresh = fresh.confined(request, [unit for unit in fresh.allowed(request) if unit != best[request]])
            anew = optimum(fresh, Limit(UNLIMITED), 0)
            with monkeypatch.context() as hurried:
                hurried.setattr(matching.engine, "BRANCH_NODES_MAX", nodes_max)
                there = asked.best(require=request, within=within)
            assert there.proven
            assert (there.placement is None) == (anew.placement is None)
            if there.placement is not None and anew.placement is not None:
                assert fresh.allows(there.placement)
                assert part.amounts(there.placement) == part.amounts(anew.placement)
        gone = draw.randrange(part.requests)
        if gone not in grouped:
            without = asked.best(without=gone)
            rest = part.without(gone)
            anew = optimum(rest, Limit(UNLIMITED), 0)
            assert without.placement is not None
            assert anew.placement is not None
            assert rest.amounts(without.placement) == rest.amounts(anew.placement)
            value = asked.value(without.placement)
            assert asked.best(without=gone, worth_less_than=value).placement is None
            assert asked.best(without=gone, worth_less_than=Words.next_after(value)).placement is not None
