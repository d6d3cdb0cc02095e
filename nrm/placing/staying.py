"""Arriving, staying, leaving, and the one release of an address."""

from datetime import date

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from nrm.access.rules import Actor, OrganisationKind, Role, Verb, owns_case
from nrm.access.service import log_read, recently_authenticated, require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome, RequestStatus
from nrm.placing import queries
from nrm.placing.models import (
    AddressRelease,
    ContinuityCount,
    Offer,
    Stay,
)
from nrm.placing.rules import (
    CONTINUITY,
    DEPARTURE_REASONS,
    DESTINATIONS,
    NO_SHOW_REASONS,
    RELEASE_REASONS,
    StayStatus,
)
from nrm.placing.schemas import StayOut
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.seal import AddressKey


def open_stays(tx: Tx, actor: Actor, expected_only: bool = False) -> list[StayOut]:
    """Read who is expected or stays at one's own houses; each that came from a request is a logged read."""
    require(actor, Verb.PLACES_READ)
    found = queries.stays_at(tx, actor.organisation_id)
    shown = [stay for stay in found if stay.status is StayStatus.PLANNED or not expected_only]
    for stay in shown:
        if stay.request_id is not None:
            log_read(tx, actor, f"stay:{stay.id}", "list")
    return shown


def confirm_arrival(tx: Tx, actor: Actor, stay_id: str, version: int) -> None:
    """The party arrived: said by the provider or by the owner of the request."""
    stay = stay_of(tx, actor, stay_id)
    _step(tx, stay_id, version, (StayStatus.PLANNED,), status=StayStatus.ARRIVED, arrived_at=tx.now)
    if stay.request_id:
        intake_service.move(tx, stay.request_id, (RequestStatus.ACCEPTED,), RequestStatus.PLACED)
    tx.record("stay.arrived", _subject(stay), "requests", "places", stay=stay_id)


def not_arrived(tx: Tx, actor: Actor, stay_id: str, version: int, reason: str | None = None) -> None:
    """The party did not come, perhaps why: the place is free again and the request waits again."""
    if reason is not None and reason not in NO_SHOW_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    stay = stay_of(tx, actor, stay_id)
    _step(
        tx,
        stay_id,
        version,
        (StayStatus.PLANNED,),
        status=StayStatus.NOT_ARRIVED,
        ended_at=tx.now,
        end_reason=reason,
    )
    registry_service.end_claims(tx, stay_id)
    if stay.request_id:
        intake_service.move(
            tx,
            stay.request_id,
            (RequestStatus.ACCEPTED,),
            RequestStatus.OPEN,
            waits_anew_since=tx.now,
        )
    tx.record("stay.not_arrived", _subject(stay), "requests", "places", stay=stay_id, reason=reason)


def depart(
    tx: Tx,
    actor: Actor,
    stay_id: str,
    destination: str,
    version: int,
    reason: str | None = None,
    continuity: str | None = None,
) -> None:
    """The party left, where to and perhaps why: the place is free again and the request is closed.

    `continuity` is what who left says of it, if they wanted to: counted, and kept of nobody.
    """
    require(actor, Verb.STAY_DEPART)
    if continuity is not None and continuity not in CONTINUITY:
        raise Invalid("invalid", (FieldError(("continuity",), "unknown_choice"),))
    if reason is not None and reason not in DEPARTURE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if destination not in DESTINATIONS:
        raise Invalid("invalid", (FieldError(("destination",), "unknown_choice"),))
    stay = stay_of(tx, actor, stay_id)
    _step(
        tx,
        stay_id,
        version,
        (StayStatus.ARRIVED,),
        status=StayStatus.DEPARTED,
        ended_at=tx.now,
        destination=destination,
        end_reason=reason,
    )
    registry_service.end_claims(tx, stay_id)
    if stay.request_id:
        intake_service.move(
            tx,
            stay.request_id,
            (RequestStatus.PLACED,),
            RequestStatus.CLOSED,
            outcome=Outcome.ENDED_STAY,
            closed_at=tx.now,
        )
    tx.record(
        "stay.departed", _subject(stay), "requests", "places", stay=stay_id, destination=destination, reason=reason
    )
    if continuity is not None:
        _count_continuity(tx, registry.location(tx, stay.location_id).region_code, continuity)


def _count_continuity(tx: Tx, region_code: str, said: str) -> None:
    """One more who answered so. Neither a row nor the journal says who: that one answered is all there is."""
    month = tx.now.astimezone(AMSTERDAM).date().replace(day=1)
    one_more = (
        update(ContinuityCount)
        .where(
            col(ContinuityCount.region_code) == region_code,
            col(ContinuityCount.month) == month,
            col(ContinuityCount.answer) == said,
        )
        .values(answers=ContinuityCount.answers + 1)
    )
    if not tx.affected(one_more):
        try:
            with tx.session.begin_nested():
                tx.session.add(ContinuityCount(region_code=region_code, month=month, answer=said, answers=1))
        except IntegrityError:  # somebody else was the first of this month a moment ago
            tx.affected(one_more)
    tx.record("continuity.answered", f"continuity:{region_code}:{month}")


def occupy(
    tx: Tx, actor: Actor, place_id: str, expected_departure: date | None = None, other_group: bool = False
) -> Stay:
    """A place is in use by arrangement outside this system: said by its provider.

    Other groups never take what the agreement of the house keeps for victims of human trafficking.
    """
    location = registry_service.location_of_own_place(tx, actor, place_id)
    location_id = location.id
    (view,) = registry.locations(tx, location_id=location_id)
    unit_id = next(unit.unit.id for unit in view.units if any(place.id == place_id for place in unit.places))
    if other_group and view.agreement:
        places_of = {unit.unit.id: len(unit.places) if unit.unit.private else 1 for unit in view.units}
        elsewhere = queries.units_with_other_groups(tx, location_id)
        if view.places - view.agreement.ring_fenced < sum(places_of[unit] for unit in (*elsewhere, unit_id)):
            raise Conflict("ring_fenced")
    stay = Stay(
        id=tx.new_id(),
        unit_id=unit_id,
        location_id=location_id,
        status=StayStatus.ARRIVED,
        persons=1,
        planned_at=tx.now,
        arrived_at=tx.now,
        expected_departure=expected_departure,
        other_group=other_group,
    )
    tx.session.add(stay)
    tx.session.flush()
    registry_service.claim_place(tx, place_id, stay.id)
    registry_service.touch(tx, location)
    tx.record("stay.registered", f"location:{location_id}", "places", stay=stay.id)
    return stay


def release_address(tx: Tx, actor: Actor, key: AddressKey, stay_id: str, reason: str, step_up_minutes: int) -> str:
    """The address, once, to the owner of an accepted request, for a coded reason and after a recent password.

    The same person may look again until arrival, and each look is logged; nobody else gets it a second time.
    """
    require(actor, Verb.ADDRESS_RELEASE)
    if reason not in RELEASE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    stay = queries.stay(tx, stay_id)
    request = intake.request(tx, stay.request_id, for_update=True) if stay.request_id else None
    if request is None or not owns_case(actor, request):
        raise NotFound("no_stay")
    if of_desk_on_shift_only(request, actor):
        # What a first responder asked belongs to the desk, and of the desk only whoever is on shift gets the address.
        # A coordinator who took the request over owns it, and the rule follows the owner.
        raise NotFound("no_stay")
    tx.session.refresh(stay)
    if stay.status != StayStatus.PLANNED:
        raise Conflict("not_expected_any_more")
    if not recently_authenticated(actor, tx.now, step_up_minutes):
        raise Forbidden("password_needed")
    earlier = tx.session.get(AddressRelease, stay_id)
    if earlier is not None and earlier.account_id != actor.account_id:
        raise Conflict("already_released")
    log_read(tx, actor, f"address:{stay_id}", reason)
    if earlier is None:
        tx.session.add(AddressRelease(stay_id=stay_id, account_id=actor.account_id, at=tx.now, reason=reason))
        try:
            tx.session.flush()
        except IntegrityError as error:
            raise Conflict("already_released") from error
        tx.record("address.released", _subject(stay), "requests", stay=stay_id, reason=reason)
    return registry_service.unseal_address(tx, key, stay.location_id)


def of_desk_on_shift_only(request: PlacementRequest, actor: Actor) -> bool:
    """Whether the address of this request is for the duty officer on shift, and the actor is another of the desk."""
    of_desk = actor.organisation_kind is OrganisationKind.NATIONAL_DESK
    return request.handover_needed and of_desk and actor.role is not Role.DUTY_OFFICER


def choose_handover_point(tx: Tx, stay: Stay, point: str) -> None:
    """Agree on another hand-over point: one of the location's own list."""
    if point not in registry.location(tx, stay.location_id).handover_points:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "unknown_choice"),))
    tx.affected(update(Offer).where(col(Offer.id) == stay.offer_id).values(handover_point=point))


def stay_of(tx: Tx, actor: Actor, stay_id: str) -> Stay:
    """A stay at the actor's own location, or of a request the actor owns; locked. Others do not exist for them."""
    require(actor, Verb.STAY_ARRIVE)
    stay = queries.stay(tx, stay_id)
    request = intake.request(tx, stay.request_id, for_update=True) if stay.request_id else None
    location = registry.location(tx, stay.location_id, for_update=True)
    at_home = actor.role is Role.PROVIDER and location.organisation_id == actor.organisation_id
    if not at_home and not (request is not None and owns_case(actor, request)):
        raise NotFound("no_stay")
    return stay


def _step(tx: Tx, stay_id: str, version: int, come_from: tuple[StayStatus, ...], **values: object) -> None:
    tx.guarded(
        update(Stay)
        .where(col(Stay.id) == stay_id, col(Stay.status).in_(come_from), col(Stay.version) == version)
        .values(version=Stay.version + 1, **values),
        Conflict("changed_meanwhile"),
    )


def _subject(stay: Stay) -> str:
    return f"request:{stay.request_id}" if stay.request_id else f"location:{stay.location_id}"
