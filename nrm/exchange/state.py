"""A provider's own system says how a location stands: the whole of it in one call, through the verbs people use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlmodel import col, select

from nrm.access.rules import Actor, Verb
from nrm.access.service import require
from nrm.course import service as course
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.exchange.rules import BY_SYSTEM
from nrm.exchange.schemas import PlaceStateIn, StateIn, StateOut, StayStateIn
from nrm.intake import queries as intake
from nrm.placing import staying
from nrm.placing.models import Stay
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.queries import LocationView, PlaceView
from nrm.registry.rules import ClaimKind, PlaceState


@dataclass(frozen=True)
class _Step:
    """One thing that has to change, and where in what was sent it was said."""

    path: tuple[str | int, ...]
    act: Callable[[], object]


def push_state(tx: Tx, actor: Actor, location_id: str, shape: StateIn) -> StateOut:
    """Make a location as its own system says it is, all or nothing, and by that confirm its figure.

    What is so already is left alone, so the same body twice changes nothing. A body that would change something must
    name the version it is based on: a newer one is a Conflict.
    """
    require(actor, Verb.PLACES_KEEP)
    if registry.location(tx, location_id).organisation_id != actor.organisation_id:
        raise NotFound("no_location")
    _lock_requests(tx, location_id, shape)
    found = keeping.own_location(tx, actor, location_id)
    (view,) = registry.locations(tx, location_id=location_id)
    steps = [step for of in (_of_pause, _of_places, _of_stays) for step in of(tx, actor, view, shape)]
    if steps and found.version != shape.version:
        raise Conflict("changed_meanwhile")
    for step in steps:
        try:
            step.act()
        except Invalid as refusal:
            wrong = tuple(FieldError((*step.path, *field.path), field.code) for field in refusal.fields)
            raise Invalid(refusal.code, wrong or (FieldError(step.path, refusal.code),)) from refusal
        except Conflict as refusal:
            raise Conflict(refusal.code, (FieldError(step.path, refusal.code),), refusal.reasons) from refusal
    confirmation = keeping.confirmed(tx, found, BY_SYSTEM)
    return StateOut(version=found.version, changed=len(steps), confirmed_at=confirmation.confirmed_at)


def _lock_requests(tx: Tx, location_id: str, shape: StateIn) -> None:
    """Lock the requests of the stays that are named: before the location, as everywhere, and by id."""
    named = [stay.id for stay in shape.stays]
    query = select(Stay.request_id).where(col(Stay.id).in_(named), Stay.location_id == location_id)
    for request_id in sorted({found for found in tx.session.exec(query) if found is not None}):
        intake.request(tx, request_id, for_update=True)


def _of_pause(tx: Tx, actor: Actor, view: LocationView, shape: StateIn) -> Iterator[_Step]:
    found, said = view.location, shape.pause
    if said is None:
        if view.paused:
            yield _Step(("pause",), partial(keeping.resume_intake, tx, actor, found.id))
    elif (found.pause_reason, found.pause_until) != (said.reason, said.until):
        yield _Step(("pause",), partial(keeping.pause_intake, tx, actor, found.id, said.reason, said.until))


def _of_places(tx: Tx, actor: Actor, view: LocationView, shape: StateIn) -> Iterator[_Step]:
    standing = {place.id: place for unit in view.units for place in unit.places}
    seen: set[str] = set()
    for number, said in enumerate(shape.places):
        if said.id not in standing:
            raise Invalid("invalid", (FieldError(("places", number, "id"), "unknown_choice"),))
        if said.id in seen:
            raise Invalid("invalid", (FieldError(("places", number, "id"), "doubled_code"),))
        if said.closed and said.own_stay:
            raise Invalid("invalid", (FieldError(("places", number, "ownStay"), "closed_and_in_use"),))
        seen.add(said.id)
    if seen != set(standing):
        # A place that is left out could be anything: whoever says the whole state names all of it.
        raise Invalid("invalid", (FieldError(("places",), "incomplete_list"),))
    for number, said in enumerate(shape.places):
        path = ("places", number)
        yield from (_Step(path, act) for act in _of_place(tx, actor, standing[said.id], said))


def _of_place(tx: Tx, actor: Actor, place: PlaceView, said: PlaceStateIn) -> Iterator[Callable[[], object]]:
    closed = place.closed
    if closed and (said.closed is None or said.closed.reason != place.closure_reason):
        yield partial(keeping.reopen_place, tx, actor, place.id)
    if said.closed is not None:
        end = said.closed.expected_end
        if not closed or said.closed.reason != place.closure_reason:
            yield partial(keeping.close_place, tx, actor, place.id, said.closed.reason, end)
        elif end != place.closure_expected_end:
            yield partial(keeping.move_closure_end, tx, actor, place.id, end)
    if said.own_stay is not None and place.state is not PlaceState.OCCUPIED:
        yield partial(_occupy, tx, actor, place.id, said)


def _occupy(tx: Tx, actor: Actor, place_id: str, said: PlaceStateIn) -> None:
    """Somebody stays there. In a private room the first of them takes all of it, and the others are there already."""
    assert said.own_stay is not None
    if keeping.claim_on(tx, place_id) is not ClaimKind.STAY:
        staying.occupy(tx, actor, place_id, said.own_stay.expected_departure)


def _of_stays(tx: Tx, actor: Actor, view: LocationView, shape: StateIn) -> Iterator[_Step]:
    query = select(Stay.id, col(Stay.expected_departure), Stay.version).where(
        col(Stay.id).in_([stay.id for stay in shape.stays]), Stay.location_id == view.location.id
    )
    standing = {stay_id: (on, version) for stay_id, on, version in tx.session.exec(query)}
    seen: set[str] = set()
    for number, said in enumerate(shape.stays):
        if said.id not in standing:
            raise Invalid("invalid", (FieldError(("stays", number, "id"), "unknown_choice"),))
        if said.id in seen:
            raise Invalid("invalid", (FieldError(("stays", number, "id"), "doubled_code"),))
        seen.add(said.id)
        on, version = standing[said.id]
        if on != said.expected_departure:
            yield _Step(("stays", number), partial(_expect, tx, actor, said, version))


def _expect(tx: Tx, actor: Actor, said: StayStateIn, version: int) -> None:
    course.expect_departure(tx, actor, said.id, said.expected_departure, version, said.reason)
