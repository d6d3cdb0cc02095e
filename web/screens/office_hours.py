"""Office hours: when an organisation is there, on which holidays it is not, and when it is closed."""

from typing import Annotated, get_args

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.calendar import service
from nrm.calendar.rules import CLOSURE_REASONS, WEEKDAYS
from nrm.calendar.schemas import ClosureIn, HolidaysIn, HoursIn
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid
from nrm.policy import Holiday
from web.pages import Form
from web.refusals import flash_text
from web.typed import day, read, said, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.CALENDAR_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.CALENDAR_KEEP))]

WRONG_HOURS = N_("Schrijf van en tot als 09:00 en 17:00, of laat beide leeg. Tot 00:00 is het einde van de dag.")


@router.get("/kantooruren")
def own(visit: Reader) -> Response:
    """Those of one's own organisation; the administrator first chooses whose."""
    if visit.actor.role is Role.ADMIN:
        with visit.reading() as tx:
            frame = visit.frame(tx)
            organisations = access.organisations(tx)
        return visit.page("office_hours_whose.html", frame, organisations=organisations)
    return _page(visit, visit.actor.organisation_id, Form())


@router.get("/kantooruren/{organisation_id}")
def of_organisation(organisation_id: Id, visit: Reader) -> Response:
    """Those of one organisation."""
    return _page(visit, organisation_id, Form())


@router.post("/kantooruren/{organisation_id}")
def set_hours(organisation_id: Id, visit: Keeper) -> Response:
    """Hours per weekday from a day on; a weekday that stays empty is closed."""
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for name in ("valid_from", "valid_until"):
        try:
            values[name] = day(visit.field(name))
        except ValueError:
            errors[name] = said(visit.words, "unreadable_date")
    typed = {code: (visit.field(f"opens_{code}"), visit.field(f"closes_{code}")) for code in WEEKDAYS}
    values["hours"] = {
        code: {"opens": opens, "closes": closes} for code, (opens, closes) in typed.items() if opens or closes
    }
    try:
        shape = HoursIn.model_validate(
            {"validFrom": values.get("valid_from"), "validUntil": values.get("valid_until"), "hours": values["hours"]}
        )
        if not errors:
            with visit.writing() as tx:
                service.set_hours(tx, visit.actor, organisation_id, shape)
            return visit.go(_of(organisation_id), "office_hours_set")
    except ValidationError as error:
        for part in error.errors():
            if part["loc"][:1] == ("hours",):
                errors[f"opens_{part['loc'][1]}"] = visit.words.gettext(WRONG_HOURS)
        errors = {
            **{name: text for name, text in wrong_fields(visit.words, error).items() if name != "hours"},
            **errors,
        }
        if not errors:
            errors["valid_until"] = said(visit.words, "in_the_past")
    except Conflict as refusal:
        return visit.go(_of(organisation_id), refusal.code)
    return _page(visit, organisation_id, visit.filled(errors), 400)


@router.post("/kantooruren/{organisation_id}/uren/{period_id}/weg")
def drop_hours(organisation_id: Id, period_id: Id, visit: Keeper) -> Response:
    """These hours do not hold any more."""

    def work(tx: Tx) -> None:
        service.drop_hours(tx, visit.actor, organisation_id, period_id)

    return visit.act(work, _of(organisation_id), "office_hours_dropped")


@router.post("/kantooruren/{organisation_id}/feestdagen")
def set_holidays(organisation_id: Id, visit: Keeper) -> Response:
    """On which public holidays it is closed, or as everybody."""
    usual = visit.field("usual") == "yes"

    def work(tx: Tx) -> None:
        shape = HolidaysIn.model_validate({"holidays": None if usual else visit.fields("holidays")})
        service.set_holidays(tx, visit.actor, organisation_id, shape)

    return visit.act(work, _of(organisation_id), "holidays_set")


@router.post("/kantooruren/{organisation_id}/sluiting")
def close(organisation_id: Id, visit: Keeper) -> Response:
    """For a stretch of time nobody is there."""
    values: dict[str, object] = {"reason": visit.field("reason")}
    errors: dict[str, str] = {}
    for name in ("from_at", "until_at"):
        try:
            values[name] = visit.local(name, AMSTERDAM)
        except ValueError:
            errors[name] = said(visit.words, "unreadable_moment")
    try:
        shape = read(ClosureIn, values)
        if not errors:
            with visit.writing() as tx:
                service.close(tx, visit.actor, organisation_id, shape)
            return visit.go(_of(organisation_id), "office_closed")
    except (ValidationError, Invalid) as error:
        errors = wrong_fields(visit.words, error) | errors
    except Conflict as refusal:
        return _page(visit, organisation_id, visit.filled(), 409, flash_text(visit.words, refusal.code))
    return _page(visit, organisation_id, visit.filled(errors), 400)


@router.post("/kantooruren/{organisation_id}/sluiting/{closure_id}/weg")
def drop_closure(organisation_id: Id, closure_id: Id, visit: Keeper) -> Response:
    """They are there after all."""

    def work(tx: Tx) -> None:
        service.drop_closure(tx, visit.actor, organisation_id, closure_id)

    return visit.act(work, _of(organisation_id), "office_closure_dropped")


def _of(organisation_id: str) -> str:
    return f"/kantooruren/{organisation_id}"


def _page(visit: Visit, organisation_id: str, shown: Form, status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = service.read(tx, visit.actor, organisation_id)
        organisation = access.organisation(tx, organisation_id)
    return visit.page(
        "office_hours.html",
        frame,
        status=status,
        calendar=found,
        organisation=organisation,
        weekdays=WEEKDAYS,
        holidays=get_args(Holiday),
        reasons=CLOSURE_REASONS,
        today=frame.now.astimezone(AMSTERDAM).date().isoformat(),
        form=shown,
        closed_on=Form({"holidays": list(found.holidays), "usual": "" if found.own_holidays else "yes"}),
        failure=failure,
    )
