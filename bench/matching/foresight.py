"""What hindsight is worth against the best policy there can be: `python -m bench.matching.foresight`.

A world so small that the best policy is known exactly: some alike places, single persons of four urgencies who arrive
by chance, are placed at once or lost, and stay by chance (exponentially), nobody knows how long. There, who is let in
depends on the number of free places alone, and value iteration finds the best rule of all, also of those that keep a
place empty for who may come. Beside it: letting everybody in who fits, and what a linear program places that knows
every arrival and stay in advance (parties in time on alike places: its optimum is whole).

The load is that of the published figures: 186 / 107 requests a year per place, staying 164 days. Few places stand for
what one person may choose from in a network where most places bar most people.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from bench.matching.measure import written
from matching.reserve import URGENCY_WEIGHT

LOAD = 186 / 107 * 164 / 365
WEIGHTS = np.array(sorted(URGENCY_WEIGHT.values()), np.float64)
ROUNDS = 20_000


def thresholds(places: int) -> list[float]:
    """The least weight worth letting in, by the number of taken places, under the best rule (relative value iteration).

    Time is counted in stays. Events come at rate Σ arrivals + places, so the rest of the rate changes nothing.
    """
    arrivals = LOAD * places / WEIGHTS.size
    rate = LOAD * places + places
    worth = np.zeros(places + 1)
    taken = np.arange(places + 1)
    for _ in range(ROUNDS):
        more = np.append(worth[1:], -np.inf)
        let_in = np.maximum(WEIGHTS[:, None] + more, worth).sum(axis=0)
        fewer = taken * np.append(worth[:1], worth[:-1]) + (places - taken) * worth
        worth = (arrivals * let_in + fewer) / rate
        worth -= worth[0]
    return (worth[:-1] - worth[1:]).tolist()


def lived(
    places: int,
    arrival: NDArray[np.float64],
    stay: NDArray[np.float64],
    weight: NDArray[np.float64],
    least: list[float],
) -> float:
    """The weight a rule places: who is worth no less than `least` of the places taken is let in."""
    leaving: list[float] = []
    placed = 0.0
    for start, length, worth in zip(arrival.tolist(), stay.tolist(), weight.tolist(), strict=True):
        leaving = [end for end in leaving if end > start]
        if len(leaving) < places and worth >= least[len(leaving)]:
            leaving.append(start + length)
            placed += worth
    return placed


def in_hindsight(
    places: int, arrival: NDArray[np.float64], stay: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """The most weight that can be placed by who knows all of it."""
    ends = arrival + stay
    rows: list[int] = []
    columns: list[int] = []
    for at, moment in enumerate(arrival.tolist()):  # places are short only where somebody comes
        inside = np.flatnonzero((arrival[: at + 1] <= moment) & (ends[: at + 1] > moment))
        rows += [at] * inside.size
        columns += inside.tolist()
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(arrival.size, arrival.size))
    solved = linprog(-weight, A_ub=matrix, b_ub=np.full(arrival.size, places), bounds=(0, 1), method="highs")
    return float(-solved.fun)


def share(places: int, stays: int, seed: int) -> dict[str, float]:
    """What the best rule and the one that lets everybody in place, over what hindsight places."""
    draw = np.random.default_rng((seed, places))
    count = int(LOAD * places * stays)
    arrival = np.cumsum(draw.exponential(1 / (LOAD * places), count))
    stay, weight = draw.exponential(1.0, count), draw.choice(WEIGHTS, count)
    hindsight = in_hindsight(places, arrival, stay, weight)
    return {
        "best_rule": round(lived(places, arrival, stay, weight, thresholds(places)) / hindsight, 3),
        "everybody": round(lived(places, arrival, stay, weight, [0.0] * places) / hindsight, 3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stays", type=int, default=400, help="how long, in mean stays")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    written({f"{places} places": share(places, given.stays, given.seed) for places in (1, 2, 4, 8, 16)})


if __name__ == "__main__":
    main()
