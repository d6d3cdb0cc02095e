"""Branch and price: whatever it settles is what solving the changed part says."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import matching.columns
import matching.counterfactual
import matching.engine
from bench.matching.instances import Size, instance
from matching import solve
from matching.columns import Columns, _loss, _routed
from matching.eligibility import IntArray
from matching.engine import optimum
from matching.greedy import greedy
from matching.model import UNPLACED, Instance, LevelAmounts, Placement, compiled, components, pruned
from matching.network import Network, relative
from matching.search import Limit, TooHard
from matching.solution import UNLIMITED
from matching.words import Words
from matching.worth import larger
from tests.matching.instances import a_person, a_problem, a_request, a_unit, random_problem

MEDIUM = Size(24, 90, 8)
COUNT = 3


def _parts(seed: int) -> Iterator[tuple[Instance, Placement]]:
    for problem in (instance(MEDIUM, seed, tight=True), random_problem(seed, 8, 5)):
        whole = pruned(compiled(problem).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            if part.requests > 1:
                found = optimum(part, Limit(UNLIMITED), 0)
                assert found.proven
                assert found.placement is not None
                yield part, found.placement


def _columns(part: Instance, best: Placement) -> Columns | None:
    try:
        return Columns(part, best, Limit(UNLIMITED))
    except TooHard:  # levels too far apart for a program in floating point
        return None


def _amounts(part: Instance) -> LevelAmounts | None:
    found = optimum(part, Limit(UNLIMITED), 0)
    assert found.proven
    return None if found.placement is None else part.amounts(found.placement)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_other_units_are_those_that_solving_for_each_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed % 2:  # several branchings are tried before each is made, as in hard questions
        monkeypatch.setattr(matching.columns, "_TRIED_FROM", 1)
    settled: Counter[bool] = Counter()
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None:
            settled[False] += 1
            continue
        for own in [at for at in range(part.requests) if best[at] != UNPLACED][::3]:
            each = [
                found
                for unit in part.allowed(own).tolist()
                if unit != best[own] and (found := _amounts(part.requiring([own]).confined(own, [unit]))) is not None
            ]
            try:
                listed = columns.elsewhere(own, COUNT)
            except TooHard:
                settled[False] += 1
                continue
            settled[True] += 1
            assert all(part.allows(placement) and placement[own] != best[own] for placement in listed)
            assert len({placement[own] for placement in listed}) == len(listed)
            assert [part.amounts(placement) for placement in listed] == sorted(each)[:COUNT]
    assert 2 * settled[True] >= settled[False]  # the rest is for another search


@pytest.mark.parametrize("seed", range(12))
def test_the_best_without_somebody_or_with_somebody_placed_is_what_solving_finds(seed: int) -> None:
    settled: Counter[bool] = Counter()
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None:
            settled[False] += 1
            continue
        grouped = {member for group in part.groups for member in group}
        for own in range(part.requests):
            if best[own] == UNPLACED:
                with_own = _amounts(part.requiring([own]))
                try:
                    found = columns.best(require=own)
                except TooHard:
                    settled[False] += 1
                else:
                    settled[True] += 1
                    assert found is not None
                    assert part.amounts(found) == with_own
            elif own not in grouped:
                without = part.without(own)
                fewest = _amounts(without)
                staying = tuple(UNPLACED if at == own else unit for at, unit in enumerate(best))
                value = columns.value(staying)
                try:
                    found = columns.best(without=own, worth_less_than=value)
                except TooHard:
                    settled[False] += 1
                    continue
                settled[True] += 1
                assert without.amounts(staying if found is None else found) == fewest
                if found is not None:  # the cutoff is what is asked for: its own value is too much, one more is not
                    value = columns.value(found)
                    assert columns.best(without=own, worth_less_than=value) is None
                    again = columns.best(without=own, worth_less_than=Words.next_after(value))
                    assert again is not None
                    assert columns.value(again) == value
    assert 2 * settled[True] >= settled[False]  # the rest is for another search


@pytest.mark.parametrize("seed", range(6))
def test_from_any_answer_the_optimum_is_found(seed: int) -> None:
    settled: Counter[bool] = Counter()
    for part, best in _parts(seed):
        for start in (greedy(part), (UNPLACED,) * part.requests):
            columns = _columns(part, start) if part.allows(start) else None
            settled[columns is not None] += 1
            if columns is not None:
                assert part.allows(columns.placement)
                assert part.amounts(columns.placement) == part.amounts(best)
    assert settled[True] > 0


@pytest.mark.parametrize("seed", range(8))
def test_large_parts_are_solved_and_explained_as_small_ones_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasons, `by` and alternatives too: columns and the leaves of a search by flow say the same."""
    problem = instance(MEDIUM, seed, tight=True)
    right = solve(problem, UNLIMITED)
    monkeypatch.setattr(matching.engine, "COLUMNS_FROM", 2)
    monkeypatch.setattr(matching.counterfactual, "COLUMNS_FROM", 2)
    by_columns = solve(problem, UNLIMITED)
    assert by_columns.proven
    assert by_columns.levels == right.levels
    if by_columns.unit_of == right.unit_of:
        assert by_columns.unplaced == right.unplaced
        for request, listed in by_columns.alternatives.items():
            assert sorted(one.rank for one in listed) == sorted(one.rank for one in right.alternatives[request])


@pytest.mark.parametrize("seed", range(8))
def test_who_could_be_placed_with_all_others_is_found_out_in_large_parts_too(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first look finds no answer the search goes on: it was taken for the end of the effort."""
    asked = []
    for part, best in _parts(seed):
        staying = [at for at, unit in enumerate(best) if unit != UNPLACED]
        asked += [part.requiring(staying).unpriced(), part.requiring(range(part.requests)).unpriced()]
        asked += [part.requiring([*staying, own]).unpriced() for own in range(part.requests) if own not in staying]
    right = [optimum(one, Limit(UNLIMITED), 0) for one in asked]
    monkeypatch.setattr(matching.engine, "COLUMNS_FROM", 2)
    for one, known in zip(asked, right, strict=True):
        found = optimum(one, Limit(UNLIMITED), 0)
        assert found.proven
        assert (found.placement is None) == (known.placement is None)


def test_a_group_has_no_alternative_where_its_rooms_cannot_hold_it() -> None:
    """The only room at L2 is private, so one of the two could be there: that needs no search to be seen."""
    requests = [a_request("r1", persons=(a_person(), a_person()), together="g"), a_request("r2", together="g")]
    units = [a_unit(f"u{at}", location="L1", places=3) for at in range(3)] + [
        a_unit("u9", location="L2", places=3, private=True)
    ]
    part = pruned(compiled(a_problem(requests, units)).instance)
    found = optimum(part, Limit(UNLIMITED), 0)
    assert found.placement is not None
    columns = Columns(part, found.placement, Limit(UNLIMITED))
    assert sorted(placement[0] for placement in columns.elsewhere(0, COUNT)) == [
        unit for unit in range(3) if unit != found.placement[0]
    ]


def _prices_bound(part: Instance, best: Placement, draw: np.random.Generator) -> Columns | None:
    """Try that no duals, however far from those of the program, prove more than the optimum."""
    if (columns := _columns(part, best)) is None:
        return None
    value, program = columns._number(columns.value(best)), columns._program
    program.open(columns._root, part.places)
    program.solve()
    said = np.array(program._told.dual_value)
    for size in 10.0 ** np.arange(-3, 4):
        del program._told.dual_value[:]
        program._told.dual_value.extend((said + draw.normal(0, size, said.size)).tolist())
        assert columns._bound(columns._root, program.prices()) <= value * matching.columns._FINER
    return columns


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_program_says_its_prices_bound_the_optimum(seed: int) -> None:
    """Nothing in floating point is believed: not what somebody is worth, nor what links cost, of whatever sign."""
    draw = np.random.default_rng(seed)
    for part, best in _parts(seed):
        _prices_bound(part, best, draw)


def test_what_one_of_a_group_pays_somewhere_the_other_gets_back() -> None:
    """The same where a group has several locations to be placed at together, which is rare in what is drawn."""
    draw, tried = np.random.default_rng(1), 0
    for seed in range(150):
        whole = pruned(compiled(random_problem(seed, 6, 6)).instance)
        for requests, units in components(whole):
            part = whole.part(requests, units)
            best = optimum(part, Limit(UNLIMITED), 0).placement if part.groups else None
            if best is not None and (columns := _prices_bound(part, best, draw)) is not None:
                placed = any(best[member] != UNPLACED for group in part.groups for member in group)
                tried += placed and any(link.together for link in columns._costs.links)
    assert tried > 5


@pytest.mark.parametrize("seed", range(12))
def test_no_other_worth_of_who_must_be_placed_proves_more(seed: int) -> None:
    """And it is a bound of what solving with the request placed finds, at whatever prices of the others."""
    draw, raised = np.random.default_rng(seed), 0
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None:
            continue
        for own in range(0, part.requests, 3):
            out = columns._root.out.copy()
            out[own] = False
            node = replace(columns._root, out=out, bound=-matching.columns._NEVER, split=[])
            if not (columns._root.arcs & (columns.network.request_of == own)).any():
                continue
            forced = optimum(part.requiring([own]), Limit(UNLIMITED), 0).placement
            columns._program.open(node, part.places)
            columns._program.solve()
            prices = columns._program.prices()
            off = draw.integers(-200, 200, part.requests) * matching.columns._STEP
            prices = replace(prices, worth=prices.worth + off)
            columns._raise(node, prices, own)
            assert node.prices is not None
            assert forced is None or node.bound <= columns._number(columns.value(forced)) * matching.columns._FINER
            raised += node.bound > columns._bound(node, prices)
            for step in (-1000, -10, -1, 1, 10, 1000):
                worth = node.prices.worth.copy()
                worth[own] += step * matching.columns._STEP
                other = columns._bound(node, replace(node.prices, worth=worth))
                assert other <= node.bound + matching.columns._STEP
    assert raised > 0


def _larger(seed: int) -> Iterator[tuple[Instance, Placement, IntArray]]:
    """Parts with all pairs that up to two places more in a unit allow, and how large their units may become."""
    draw = np.random.default_rng(seed)
    for problem in (instance(MEDIUM, seed, tight=True), random_problem(seed, 8, 5), random_problem(seed + 500, 8, 5)):
        source = compiled(problem)
        room = source.instance.places + draw.integers(1, 3, source.instance.units)
        whole = pruned(larger(source, dict(enumerate(room.tolist()))))
        for requests, units in components(whole):
            part = whole.part(requests, units)
            best = optimum(_fitting(part), Limit(UNLIMITED), 0).placement if part.requests > 1 else None
            if best is not None:
                yield part, best, room[units]


def _fitting(part: Instance) -> Instance:
    return part.kept(np.flatnonzero(part.size[part.request_of] <= part.places[part.unit_of]))


@pytest.mark.parametrize("seed", range(12))
def test_other_places_in_a_unit_are_worth_what_solving_with_them_says(seed: int) -> None:
    settled: Counter[bool] = Counter()
    for part, best, room in _larger(seed):
        try:
            columns = Columns(part, best, Limit(UNLIMITED), room=room)
        except TooHard:
            settled[False] += 1
            continue
        for unit in range(part.units):
            for places in {0, int(part.places[unit]), int(part.places[unit]) + 1, int(room[unit])}:
                changed = part.places.copy()
                changed[unit] = places
                other = replace(part, places=changed)
                try:
                    found = columns.resized(unit, places)
                except TooHard:
                    settled[False] += 1
                    continue
                settled[True] += 1
                assert found is None or other.allows(found)
                assert part.amounts(best if found is None else found) == _amounts(_fitting(other))
    assert settled[True] > 9 * settled[False]


@pytest.mark.parametrize("seed", range(12))
def test_a_larger_unit_takes_no_more_off_the_bound_of_the_flow_than_is_said(seed: int) -> None:
    """Else what was too dear for the numbers to reach may become of use."""
    lost = 0
    for part, _, room in _larger(seed):
        network, choices, flow = _routed(Network(part), Limit(UNLIMITED))
        numbers = relative(network, flow, network.proof(choices, flow)[1], finer=256)
        largest = network.resized(room).everything()
        assert largest is not None
        loss = _loss(network, numbers, largest.capacity - choices.capacity)
        for unit in range(part.units):
            places = part.places.copy()
            places[unit] = room[unit]
            more = network.resized(places).everything()
            assert more is not None
            cost = network.route(more, flow.copy())
            assert cost is not None
            off = numbers.proven(choices) + numbers.constant - network.words.whole(cost)
            assert off <= loss[unit]
            lost += off > 0
    assert lost > 0


def _near(columns: Columns, other: Placement) -> None:
    """Try the placement near two thirds of another and one of the optimum: no worse, and whoever is whole stays."""
    part, best = columns.instance, columns.placement
    request_of, unit_of = columns.network.request_of, columns.network.unit_of
    there = [np.array(placement)[request_of] == unit_of for placement in (best, other)]
    near = columns._near(columns._root, (there[0] + 2.0 * there[1]) / 3, columns._farthest)
    assert near is not None
    assert part.allows(near)
    assert columns.value(near) == columns.value(best)
    mates = {member for group in part.groups for member in group}
    stay = [at for at in range(part.requests) if best[at] == other[at] != UNPLACED and at not in mates]
    assert [near[at] for at in stay] == [best[at] for at in stay]


@pytest.mark.parametrize("seed", range(12))
def test_near_two_placements_is_one_no_worse_that_leaves_who_is_at_one_place_in_both(seed: int) -> None:
    tried = 0
    for part, best in _parts(seed):
        if (columns := _columns(part, best)) is None or columns._root.prices is None:
            continue
        placed = [at for at in range(part.requests) if best[at] != UNPLACED]
        moved = [move for own in placed[::5] for move in columns._moves(own, COUNT)]
        for other in [greedy(part), (UNPLACED,) * part.requests, *moved]:
            if part.allows(other) and columns._number(columns.value(other)) < columns._farthest:
                _near(columns, other)
                tried += 1
    assert tried > 0
