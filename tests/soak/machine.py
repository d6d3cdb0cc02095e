"""All rules of domain.md §5 at once: the state machine of tests/machines, with other choices each time.

In `make test` the machine itself runs among the tests, with the same choices every time. Here it runs on a seed, longer
at night, and shows that it would notice: each bug below breaks one rule in the application itself.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

from sqlalchemy import update
from sqlalchemy.engine import make_url
from sqlmodel import col, select

from nrm.course import service as course
from nrm.db import Database, Tx
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.placing import problem, staying
from nrm.placing import service as placing
from nrm.registry import rules as registry_rules
from nrm.registry import service as registry
from nrm.registry.rules import Freshness, FreshnessBand
from tests.machines.ledger import DESK
from tests.machines.running import NOT_SYNCED, STEPS, play_at_random, sqlite_stage
from tests.machines.shelter import OFTEN, Stage, build
from tests.soak.ground import Ground
from tests.soak.harness import Outcome, Planted, Row

PLANTED_RUNS_MAX = 40


@contextmanager
def stage(here: Ground) -> Iterator[Stage]:
    """A town that is built once and copied for each run."""
    url = here.fresh()
    if not here.postgresql:
        with sqlite_stage(url) as made:
            yield made
        return

    def fresh() -> str:
        copy = here.copy(url)
        here.alter(copy, f"ALTER DATABASE {make_url(copy).database} {NOT_SYNCED}")
        return copy

    yield Stage(fresh, here.drop, *build(url))


def run(here: Ground, count: int, seed: int) -> Outcome:
    with stage(here) as made:
        fault = play_at_random(made, count, seed)
        tally = made.tally
        notes = [f"{word.replace(' ', '_')}={tally[word]}" for word in ("placed", "lapsed", "rang", "followed on")]
        return Outcome(tally["steps"], [fault] if fault else [], notes)


# --- planted --------------------------------------------------------------------------------------------------------


def offered_unchecked() -> Any:
    """What was proposed is offered and accepted without asking again."""
    return patch.object(placing, "_refuse_unfit", lambda *_: None)


def keep_apart_forgotten() -> Any:
    """Whom somebody must be kept apart from is not looked up."""
    return patch.object(problem, "_apart", lambda *_: {})


def lapse_keeps_beds() -> Any:
    """A hold that lapses keeps its beds."""
    return patch.object(placing, "_lapse", _without_freeing(placing._lapse))


def _without_freeing(right: Callable[..., bool]) -> Callable[..., bool]:
    def lapse(tx: Tx, found: Any) -> bool:
        with patch.object(registry, "end_claims", lambda *_: 0):
            return right(tx, found)

    return lapse


def no_show_keeps_bed() -> Any:
    """A party that does not come keeps its bed."""
    return patch.object(staying.registry_service, "end_claims", lambda *_: 0)


def follow_on_of_desk() -> Any:
    """The next request of a party falls to the desk instead of its owner."""
    right = intake.open_next

    def open_next(tx: Tx, *given: Any) -> PlacementRequest:
        found = right(tx, *given)
        found.owner_organisation_id = DESK
        return found

    return patch.object(intake, "open_next", open_next)


def rings_again_after_jump() -> Any:
    """When the clock was put back, what rang is thought not to have rung yet."""
    right = escalation.run_due

    def run_due(database: Database) -> int:
        with database.transaction() as tx:
            ahead = tx.session.exec(select(Alarm.escalation_id).where(col(Alarm.fired_at) > tx.now)).all()
            tx.affected(
                update(Escalation)
                .where(col(Escalation.id).in_(ahead), col(Escalation.rung_due_at).is_not(None))
                .values(rung_due_at=tx.now)
            )
        return right(database)

    return patch.object(escalation, "run_due", run_due)


def stale_is_free() -> Any:
    """Whatever was confirmed once is fresh."""
    right = registry_rules.freshness

    def freshness(band: Any, confirmed_at: datetime | None, now: datetime) -> Freshness:
        found = right(band, confirmed_at, now)
        return replace(found, band=FreshnessBand.FRESH) if found.band is FreshnessBand.STALE else found

    return patch.object(registry_rules, "freshness", freshness)


def address_for_everybody() -> Any:
    """Whose request it is does not matter for an address."""
    return patch.object(staying, "owns_case", lambda *_: True)


def owner_stays_behind() -> Any:
    """A request that was taken over stays with whoever had it."""
    return patch.object(course.intake_service, "change_owner", lambda *_: None)


def loser_not_let_go() -> Any:
    """The house that was not needed keeps its bed for us."""
    right = placing._complete

    def complete(tx: Tx, *given: Any) -> Any:
        with patch.object(placing.queries, "live_offers", lambda *_: []):
            return right(tx, *given)

    return patch.object(placing, "_complete", complete)


PLANTS: tuple[tuple[str, Callable[[], Any], tuple[str, ...]], ...] = (
    ("sqlite", offered_unchecked, ()),
    ("sqlite", keep_apart_forgotten, ("ask_for_group", "offer")),
    ("sqlite", lapse_keeps_beds, ()),
    ("postgresql", no_show_keeps_bed, ()),
    ("sqlite", follow_on_of_desk, ("ask_for_next",)),
    ("postgresql", rings_again_after_jump, ()),
    ("sqlite", stale_is_free, ()),
    ("sqlite", address_for_everybody, ("ask_address",)),
    ("sqlite", owner_stays_behind, ("hand_over",)),
    ("postgresql", loser_not_let_go, ()),
)
"""Each on one engine, most where a step costs least: the machine that has to notice is the same on both.

Behind a bug that few runs come across the deeds that lead to it: while it is looked for these are as common as any.
"""


def _finds(bug: Callable[[], Any], deeds: Iterable[str], here: Ground, seed: int) -> bool:
    often = OFTEN | dict.fromkeys(deeds, max(OFTEN.values()))
    with stage(here) as made, bug():
        # What the ledger or an index noticed; a machine that breaks by itself has noticed nothing.
        found = play_at_random(made, PLANTED_RUNS_MAX, seed, often)
        return found.startswith(("AssertionError", "IntegrityError"))


MACHINE = Row(
    "machine",
    f"everybody does anything, {STEPS} steps a run",
    2,
    run,
    tuple(
        Planted((bug.__doc__ or "").rstrip("."), partial(_finds, bug, deeds), engines=(engine,))
        for engine, bug, deeds in PLANTS
    ),
)
