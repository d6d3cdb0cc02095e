"""Office hours over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.calendar import service
from nrm.calendar.schemas import CalendarOut, ClosureIn, HolidaysIn, HoursIn

router = APIRouter(prefix=ROOT, tags=["calendar"])

Keeper = Annotated[Call, Depends(Allowed(Verb.CALENDAR_KEEP))]


@router.get("/organisations/{organisation_id}/calendar", response_model=CalendarOut)
def calendar(organisation_id: Id, call: Keeper) -> Response:
    """When an organisation is there, whether it is now, and when that changes."""
    with call.reading() as tx:
        return answer(service.read(tx, call.actor, organisation_id))


@router.post("/organisations/{organisation_id}/office-hours", status_code=204)
def set_hours(organisation_id: Id, shape: HoursIn, call: Keeper) -> Response:
    """Hours from a day on; what began on the same day is replaced."""
    return call.once(shape, lambda tx: service.set_hours(tx, call.actor, organisation_id, shape))


@router.delete("/organisations/{organisation_id}/office-hours/{period_id}", status_code=204)
def drop_hours(organisation_id: Id, period_id: Id, call: Keeper) -> Response:
    """These hours do not hold any more."""
    with call.writing() as tx:
        service.drop_hours(tx, call.actor, organisation_id, period_id)
    return answer(None)


@router.put("/organisations/{organisation_id}/holidays", status_code=204)
def set_holidays(organisation_id: Id, shape: HolidaysIn, call: Keeper) -> Response:
    """On which public holidays it is closed."""
    with call.writing() as tx:
        service.set_holidays(tx, call.actor, organisation_id, shape)
    return answer(None)


@router.post("/organisations/{organisation_id}/closures", status_code=204)
def close(organisation_id: Id, shape: ClosureIn, call: Keeper) -> Response:
    """For a stretch of time nobody is there."""
    return call.once(shape, lambda tx: service.close(tx, call.actor, organisation_id, shape))


@router.delete("/organisations/{organisation_id}/closures/{closure_id}", status_code=204)
def drop_closure(organisation_id: Id, closure_id: Id, call: Keeper) -> Response:
    """They are there after all."""
    with call.writing() as tx:
        service.drop_closure(tx, call.actor, organisation_id, closure_id)
    return answer(None)
