"""The simulated years: whoever is placed stays, everybody is counted once, and nobody beats the bound."""

from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from bench.matching import foresight
from bench.matching.peers import phone_placement
from bench.matching.simulate import DAY, World, Years, by_arrays, exactly, hindsight, world
from matching import Request, Unit
from matching.model import compiled
from matching.reserve import URGENCY_WEIGHT
from tests.matching.instances import a_person, a_problem, a_request, a_unit

YEAR_HOURS = 364 * DAY


def _world(units: list[Unit], coming: list[tuple[int, int, Request]], patience_days: int = 28) -> World:
    """A year of these units; `coming`: day of arrival, days of stay, who."""
    requests = tuple(request for _, _, request in coming)
    return World(
        network=a_problem([], units),
        requests=requests,
        profiles=(),
        arrival=np.array([day * DAY for day, _, _ in coming], np.int64),
        stay=np.array([days * DAY for _, days, _ in coming], np.int64),
        size=np.array([request.size for request in requests], np.int64),
        weight=np.array([URGENCY_WEIGHT[request.urgency] for request in requests], np.int64),
        eligible=compiled(a_problem(list(requests), units)).instance.eligible,
        questions=np.zeros((len(requests), len(units)), np.int64),
        hours=YEAR_HOURS,
        patience=patience_days * DAY,
    )


def _request(number: int, urgency: str, persons: int = 1, **changes: Any) -> Request:
    return a_request(f"r{number}", urgency=urgency, persons=(a_person(),) * persons, latest_day=0, **changes)


def test_whoever_is_placed_stays_and_the_urgent_waits_for_the_place_to_come_free() -> None:
    """Planned has the place from day 1 to 11; now (from day 3) waits 8 days, soon (day 2) until now is gone, day 14."""
    lived = _world(
        [a_unit(places=1)], [(1, 10, _request(1, "planned")), (2, 5, _request(2, "soon")), (3, 3, _request(3, "now"))]
    )
    tally = Years(lived, lived.network.units, exactly).run()
    assert tally.wait_by_urgency == {"now": 8 * 8 * DAY, "today": 0, "soon": 2 * 12 * DAY, "planned": 0}
    assert (tally.requests_placed, tally.requests_given_up, tally.unproven) == (3, 0, 0)
    by_phone = Years(lived, lived.network.units, by_arrays(phone_placement)).run()
    assert by_phone.wait_by_urgency == {"now": 8 * 13 * DAY, "today": 0, "soon": 2 * 9 * DAY, "planned": 0}


def test_of_two_as_urgent_the_longer_waiting_goes_first_even_where_the_place_fits_less() -> None:
    wishing = _request(2, "soon", wishes=("ro",))
    lived = _world([a_unit(places=1)], [(1, 10, _request(1, "now")), (2, 5, wishing), (3, 8, _request(3, "soon"))])
    tally = Years(lived, lived.network.units, exactly).run()
    assert tally.wait_by_urgency["soon"] == 2 * 9 * DAY + 2 * 13 * DAY


def test_who_waits_too_long_gives_up_and_counts_until_then() -> None:
    family = _request(2, "today", persons=2)
    lived = _world([a_unit(places=2)], [(0, 300, _request(1, "now")), (5, 9, family), (350, 9, _request(3, "soon"))])
    tally = Years(lived, lived.network.units, exactly).run()
    assert tally.wait_by_urgency == {"now": 0, "today": 4 * 2 * 28 * DAY, "soon": 0, "planned": 0}
    assert (tally.requests_placed, tally.requests_given_up, tally.placed_weight) == (2, 1, 8 + 2)


def test_a_private_room_is_taken_whole() -> None:
    coming = [(0, 300, _request(1, "soon")), (5, 300, _request(2, "soon"))]
    for private, placed in ((True, 1), (False, 2)):
        lived = _world([a_unit(places=3, private=private)], coming)
        assert Years(lived, lived.network.units, exactly).run().requests_placed == placed
        assert round(hindsight(lived).placed_weight or 0, 6) == 2 * placed


def test_hindsight_keeps_the_place_for_the_urgent_that_is_yet_to_come() -> None:
    """Planned would have to stay out for now: a bound of 8, while whoever decides on day 0 places planned, worth 1."""
    lived = _world([a_unit(places=1)], [(0, 300, _request(1, "planned")), (50, 300, _request(2, "now"))])
    assert Years(lived, lived.network.units, exactly).run().placed_weight == 1
    limit = hindsight(lived)
    assert round(limit.placed_weight or 0, 6) == 8
    assert round(limit.wait or 0, 6) == 28 * DAY


def test_hindsight_uses_a_place_again_once_it_is_left() -> None:
    """Today must wait until now has gone after two weeks, within its patience; soon comes when both are gone."""
    coming = [(0, 14, _request(1, "now")), (1, 20, _request(2, "today")), (60, 20, _request(3, "soon"))]
    lived = _world([a_unit(places=1)], coming)
    assert Years(lived, lived.network.units, exactly).run().placed_weight == 8 + 4 + 2
    assert round(hindsight(lived).placed_weight or 0, 6) == 8 + 4 + 2
    impatient = _world([a_unit(places=1)], coming, patience_days=3)
    assert round(hindsight(impatient).placed_weight or 0, 6) == 8 + 2


def test_the_same_years_again_and_never_better_than_hindsight() -> None:
    lived = world(1, 5, patience_days=3)
    first, again = (asdict(Years(lived, lived.network.units, exactly).run()) for _ in range(2))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    limit = hindsight(lived)
    assert limit.placed_weight is not None
    assert limit.wait is not None
    assert first["placed_weight"] <= limit.placed_weight <= (lived.weight * lived.size).sum()
    assert 0 < limit.wait <= first["wait"]


@pytest.mark.parametrize("seed", range(3))
def test_hindsight_places_the_best_of_all_subsets_and_no_rule_more(seed: int) -> None:
    draw = np.random.default_rng(seed)
    places, count = 2, 9
    arrival = np.cumsum(draw.exponential(0.3, count))
    stay, weight = draw.exponential(1.0, count), draw.choice([1.0, 2.0, 4.0, 8.0], count)

    def fits(inside: tuple[int, ...]) -> bool:
        return all(
            sum(arrival[one] <= arrival[at] < arrival[one] + stay[one] for one in inside) <= places for at in inside
        )

    subsets = (chosen for size in range(count + 1) for chosen in combinations(range(count), size))
    best = max(sum(weight[one] for one in chosen) for chosen in subsets if fits(chosen))
    assert foresight.in_hindsight(places, arrival, stay, weight) == pytest.approx(best)
    for least in ([0.0, 0.0], [0.0, 3.0], foresight.thresholds(places)):
        assert foresight.lived(places, arrival, stay, weight, least) <= best


def test_the_best_rule_keeps_the_last_place_for_who_is_worth_more() -> None:
    """By hand: one place let to whoever is worth w or more earns λ(w) E(w) / (1 + λ(w)) per stay."""
    load = foresight.LOAD
    earned = {
        least: sum(one for one in (1, 2, 4, 8) if one >= least)
        / 4
        * load
        / (1 + load * sum(one >= least for one in (1, 2, 4, 8)) / 4)
        for least in (1, 2, 4, 8)
    }
    best = max(earned, key=lambda least: earned[least])
    [threshold] = foresight.thresholds(1)
    assert min(one for one in (1, 2, 4, 8) if one >= threshold) == best
