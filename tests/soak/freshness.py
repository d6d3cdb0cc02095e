"""Row 8: no surface shows or uses a stale figure as fresh, at any age, to the microsecond around every edge.

Houses of all pools get ages drawn around the edges of their bands; then every surface is asked, and what it says is
compared with the policy's words, worked out here in microseconds.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from unittest.mock import patch

from sqlalchemy import delete, func, insert, update
from sqlmodel import select

from nrm import policy
from nrm.access.models import LoginSession
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.placing import problem
from nrm.placing import queries as placing
from nrm.placing.models import Proposal
from nrm.placing.schemas import ProposalsOut
from nrm.registry import queries as registry
from nrm.registry import rules
from nrm.registry.models import Confirmation, Location
from nrm.registry.rules import Freshness, FreshnessBand
from tests.builders import SATURDAY_NIGHT, Town
from tests.site import Visitor
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row
from tests.soak.scene import propose, small_town

HOUSES_PER_POOL = 40
HOURS = {"COSM": (12, 24), "OMM": (12, 24), "NLA": (24, 48), "MUNICIPAL": (8, 16)}
"""Fresh up to, aging up to. The first policy's numbers, written down again."""
REGIONS = ("VR13", "VR16", "VR17")
TICK = timedelta(microseconds=1)
SKEW = timedelta(minutes=2)
PLANTED_HOUSES_PER_POOL = 9
PLANTED_ROUNDS = 8
RULE_SHARE = 15
"""So many ages for the rule by itself for each one on a surface."""


def should_be(pool: str, age: timedelta | None) -> str:
    """The band, by the words of the policy: unknown when never confirmed or confirmed in the future."""
    fresh, aging = (timedelta(hours=hours) for hours in HOURS[pool])
    if age is None or age < -SKEW:
        return "unknown"
    return "fresh" if age < fresh else "aging" if age < aging else "stale"


def any_age(chance: random.Random, pool: str) -> timedelta | None:
    """An age, mostly right at an edge of this pool's bands."""
    fresh, aging = (timedelta(hours=hours) for hours in HOURS[pool])
    edge = chance.choice((timedelta(0), -timedelta(minutes=2), fresh, aging))
    shift = chance.choice((-TICK, timedelta(0), TICK, timedelta(seconds=chance.randint(-9000, 9000))))
    return None if chance.random() < 0.05 else edge + shift


def the_rule(chance: random.Random, count: int) -> Iterator[str]:
    """The rule by itself, at many more ages."""
    bands = policy.Freshness().bands
    for _ in range(count):
        pool = chance.choice(tuple(HOURS))
        age = any_age(chance, pool)
        now = SATURDAY_NIGHT + timedelta(seconds=chance.randint(0, 10**8))
        shown = rules.freshness(bands[pool], None if age is None else now - age, now).band  # type: ignore[index]
        if shown != should_be(pool, age):
            yield f"the rule says {shown} for {pool} aged {age}, should be {should_be(pool, age)}"


@dataclass
class Houses:
    """A town with many houses, the people who look at them, and how old each figure is now."""

    town: Town
    request_id: str
    provider: Visitor
    desk: Visitor
    chaser: Visitor
    pools: dict[str, str]
    """Location → pool."""
    regions: dict[str, str]
    codes: dict[str, str]
    """Location code → location."""
    ages: dict[str, timedelta | None]

    def expected(self, location_id: str) -> str:
        """What a surface must say of this house now."""
        return should_be(self.pools[location_id], self.ages[location_id])

    def grow_old(self, chance: random.Random) -> None:
        """Give every figure another age, mostly right at an edge."""
        self.town.clock.turn(minutes=chance.randint(1, 90), microseconds=chance.randrange(10**6))
        now = self.town.clock.now()
        rows = []
        for location_id, pool in self.pools.items():
            age = any_age(chance, pool)
            # An older confirmation beside it counts only when the newer one is from the future: from a wrong clock.
            both = () if age is None else (age, age + timedelta(hours=chance.randint(1, 99)))
            self.ages[location_id] = min((one for one in both if one >= -SKEW), default=None)
            rows += [
                {"id": f"{location_id}/{number}", "location_id": location_id, "confirmed_at": now - one}
                | {"account_id": "soak"}
                for number, one in enumerate(both)
            ]
        with self.town.database.transaction() as tx:
            tx.session.execute(delete(Confirmation))
            tx.session.execute(insert(Confirmation), rows)


# --- the surfaces: location → the band it shows -----------------------------------------------------------------------

Surface = Callable[[Houses], dict[str, str]]


def queries_locations(here: Houses) -> dict[str, str]:
    with here.town.database.reading() as tx:
        return {view.location.id: view.freshness.band.value for view in registry.locations(tx)}


def api_locations(here: Houses) -> dict[str, str]:
    answer = here.provider.get("/api/v1/locations")
    assert answer.status_code == 200
    return {found["id"]: found["freshness"] for found in answer.json()}


def api_to_check(here: Houses) -> dict[str, str]:
    """Whom to chase: whoever is not in it is fresh."""
    answer = here.chaser.get("/api/v1/locations-to-check")
    assert answer.status_code == 200
    return dict.fromkeys(here.pools, "fresh") | {found["id"]: found["freshness"] for found in answer.json()}


def chase_page(here: Houses) -> dict[str, str]:
    answer = here.chaser.get("/navraag/lijst?wie=alle")
    assert answer.status_code == 200
    return dict(re.findall(r'id="vraag-([\w-]+)".*?fresh--(\w+)', answer.text, re.DOTALL))


def solver_input(here: Houses) -> dict[str, str]:
    with here.town.database.reading() as tx:
        built = problem.build(tx, [intake.detail(tx, here.request_id)], registry.locations(tx))
        return {unit.location: unit.freshness for unit in built.problem.units}


def queries_proposals(here: Houses) -> dict[str, str]:
    with here.town.database.reading() as tx:
        return _bands(here, placing.proposals(tx, here.request_id))


def api_proposals(here: Houses) -> dict[str, str]:
    answer = here.desk.get(f"/api/v1/requests/{here.request_id}/proposals")
    assert answer.status_code == 200
    return {here.codes[one["locationCode"]]: one["fit"]["freshness"] for one in answer.json()["proposals"]}


def _bands(here: Houses, found: ProposalsOut | None) -> dict[str, str]:
    assert found is not None
    return {here.codes[one.location_code]: one.fit["freshness"] for one in found.proposals}


SURFACES: tuple[Surface, ...] = (
    queries_locations,
    api_locations,
    api_to_check,
    chase_page,
    solver_input,
    queries_proposals,
    api_proposals,
)


def stored_at_solve(here: Houses) -> dict[str, str]:
    """Planted: the band as it was when the proposal was made."""
    with here.town.database.reading() as tx:
        return {one.location_id: one.fit["freshness"] for one in tx.session.exec(select(Proposal))}


_SEEN: dict[int, dict[str, str]] = {}


def remembered(here: Houses) -> dict[str, str]:
    """Planted: a surface that keeps its first answer."""
    return _SEEN.setdefault(id(here), queries_locations(here))


# --- the board: numbers per region and pool ---------------------------------------------------------------------------

Board = Callable[[Houses], dict[tuple[str, str], tuple[int, int]]]


def queries_board(here: Houses) -> dict[tuple[str, str], tuple[int, int]]:
    with here.town.database.reading() as tx:
        return {(row.region_code, row.pool): (row.free, row.stale) for row in registry.board(tx)}


def api_board(here: Houses) -> dict[tuple[str, str], tuple[int, int]]:
    answer = here.desk.get("/api/v1/board")
    assert answer.status_code == 200
    return {(row["regionCode"], row["pool"]): (row["free"], row["stale"]) for row in answer.json()}


def all_free(here: Houses) -> dict[tuple[str, str], tuple[int, int]]:
    """Planted: a board on which every free bed counts."""
    return {key: (free + stale, 0) for key, (free, stale) in queries_board(here).items()}


def _expected_board(here: Houses) -> dict[tuple[str, str], tuple[int, int]]:
    rows: dict[tuple[str, str], tuple[int, int]] = {}
    for location_id, pool in here.pools.items():
        free, stale = rows.get((here.regions[location_id], pool), (0, 0))
        trusted = here.expected(location_id) in {"fresh", "aging"}
        rows[here.regions[location_id], pool] = (free + 1, stale) if trusted else (free, stale + 1)
    return rows


# --- the trials -------------------------------------------------------------------------------------------------------


def compare(here: Houses, surfaces: tuple[Surface, ...], boards: tuple[Board, ...]) -> Iterator[str]:
    """What the surfaces say otherwise than the policy does."""
    for surface in surfaces:
        shown = surface(here)
        for location_id in here.pools:
            if shown.get(location_id) != (should := here.expected(location_id)):
                age, pool = here.ages[location_id], here.pools[location_id]
                yield f"{surface.__name__} shows {shown.get(location_id)} for {pool} aged {age}, should be {should}"
    for board in boards:
        if (numbers := board(here)) != _expected_board(here):
            wrong = {key for key, row in _expected_board(here).items() if numbers.get(key) != row}
            yield f"{board.__name__} is wrong for {sorted(wrong)}"


@contextmanager
def houses(here: Ground, per_pool: int = HOUSES_PER_POOL) -> Iterator[Houses]:
    town = small_town(here.fresh())
    town.national_desk()
    coordinator, _ = town.coordinator(), town.provider()
    made = {
        town.location(region=REGIONS[number % 3], pool=pool, places=(1,)): pool
        for pool in HOURS
        for number in range(per_pool)
    }
    request_id = town.request(coordinator)
    propose(town, request_id, *(f"{location_id}-u1" for location_id in made))
    with town.database.reading() as tx:
        rows = tx.session.exec(select(Location.id, Location.code, Location.region_code)).all()
    found = Houses(
        town,
        request_id,
        Visitor(town, "aanbieder"),
        Visitor(town, "coordinator-VR17"),
        Visitor(town, "loket"),
        made,
        {location_id: region for location_id, _, region in rows},
        {code: location_id for location_id, code, _ in rows},
        {},
    )
    yield found
    town.database.close()


def run(here: Ground, count: int, seed: int) -> Outcome:
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    outcome = Outcome()
    outcome.failures += the_rule(chance, count * RULE_SHARE)
    with houses(here) as street:
        while outcome.trials < count:
            _log_in_again(street)
            street.grow_old(chance)
            outcome.failures += compare(street, SURFACES, (queries_board, api_board))
            outcome.trials += len(SURFACES) * len(street.pools)
    outcome.notes = [f"on surfaces={outcome.trials} of the rule alone={count * RULE_SHARE}"]
    outcome.trials += count * RULE_SHARE
    return outcome


def _log_in_again(street: Houses) -> None:
    """The clock runs through days and sessions do not: lengthen them behind everybody's back."""
    with street.town.database.transaction() as tx:
        tx.affected(update(LoginSession).values(expires_at=street.town.clock.now() + timedelta(days=1)))


def _finds_surface(surfaces: tuple[Surface, ...], boards: tuple[Board, ...], here: Ground, seed: int) -> bool:
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    with houses(here, PLANTED_HOUSES_PER_POOL) as street:
        for _ in range(PLANTED_ROUNDS):
            street.grow_old(chance)
            if any(compare(street, surfaces, boards)):
                return True
    return False


def _finds_rule(wrong: Callable[..., Freshness], here: Ground, seed: int) -> bool:
    with patch.object(rules, "freshness", wrong):
        return _finds_surface((queries_locations,), (), here, seed)


def _edge_included(band: policy.Band, at: datetime | None, now: datetime) -> Freshness:
    """Planted: `<=` for `<`."""
    return _RIGHT(band, at + TICK if at else None, now)


def _future_is_now(tx: Tx, location_ids: list[str] | None) -> dict[str, datetime]:
    """Planted: a confirmation from the future counts as one from now."""
    newest = select(Confirmation.location_id, func.max(Confirmation.confirmed_at)).group_by(Confirmation.location_id)
    return {location_id: min(at, tx.now) for location_id, at in tx.session.exec(newest)}


def _finds_future(here: Ground, seed: int) -> bool:
    with patch.object(registry, "_confirmed", _future_is_now):
        return _finds_surface((queries_locations,), (), here, seed)


def _never_is_stale(band: policy.Band, at: datetime | None, now: datetime) -> Freshness:
    """Planted: a house that was never confirmed counts as fresh."""
    return Freshness(FreshnessBand.FRESH, 0) if at is None else _RIGHT(band, at, now)


_RIGHT = rules.freshness

FRESHNESS = Row(
    8,
    "ages around every edge on every surface",
    6_250,
    run,
    (
        Planted("the band stored at solve time", partial(_finds_surface, (stored_at_solve,), ())),
        Planted("a surface that remembers", partial(_finds_surface, (remembered,), ())),
        Planted("a board where every free bed counts", partial(_finds_surface, (), (all_free,))),
        Planted("the edge belongs to the fresher band", partial(_finds_rule, _edge_included)),
        Planted("a confirmation from the future is fresh", _finds_future),
        Planted("never confirmed is fresh", partial(_finds_rule, _never_is_stale)),
    ),
)
