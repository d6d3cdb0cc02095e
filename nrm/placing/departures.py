"""Who is about to leave, and until when they stay: what tomorrow's supply rests on."""

from datetime import date, timedelta

from sqlalchemy import update
from sqlmodel import col

from nrm.access.rules import Actor, Verb
from nrm.access.service import log_read, require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.placing import queries
from nrm.placing.models import Stay
from nrm.placing.rules import StayStatus
from nrm.placing.schemas import StayOut
from nrm.registry import service as registry_service

AHEAD_MAX = timedelta(days=3 * 366)


def leaving(tx: Tx, actor: Actor, by: date) -> list[StayOut]:
    """Read who is expected to have left one's own houses by a day, longest overdue first; each is a logged read."""
    require(actor, Verb.PLACES_READ)
    found = [
        (stay.expected_departure, stay)
        for stay in queries.stays_at(tx, actor.organisation_id)
        if stay.status is StayStatus.ARRIVED and stay.expected_departure and stay.expected_departure <= by
    ]
    shown = [stay for _, stay in sorted(found, key=lambda pair: (pair[0], pair[1].location_code, pair[1].id))]
    for stay in shown:
        if stay.request_id is not None:
            log_read(tx, actor, f"stay:{stay.id}", "list")
    return shown


def expect_departure(tx: Tx, actor: Actor, stay_id: str, day: date | None, version: int) -> None:
    """Say until when somebody is expected to stay; nothing when nobody knows. Said by the provider of the house."""
    require(actor, Verb.STAY_DEPART)
    today = tx.now.astimezone(AMSTERDAM).date()
    if day is not None and not today <= day <= today + AHEAD_MAX:
        raise Invalid("invalid", (FieldError(("day",), "in_the_past" if day < today else "not_in_range"),))
    stay = queries.stay(tx, stay_id)
    try:
        registry_service.own_location(tx, actor, stay.location_id)
    except NotFound as error:
        raise NotFound("no_stay") from error
    location_id, request_id = stay.location_id, stay.request_id
    tx.guarded(
        update(Stay)
        .where(
            col(Stay.id) == stay_id,
            col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)),
            col(Stay.version) == version,
        )
        .values(expected_departure=day, version=Stay.version + 1),
        Conflict("changed_meanwhile"),
    )
    subject = f"request:{request_id}" if request_id else f"location:{location_id}"
    tx.record("stay.departure_expected", subject, "requests", "places", stay=stay_id)
