"""Somebody asked for twice: noticed by a keyed hash, seen by the national desk alone, which mediates by phone."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Verb, owns_case
from nrm.api import Id
from nrm.errors import Invalid, NotFound, TooMany
from nrm.intake import service
from nrm.intake.rules import RepeatOutcome
from nrm.intake.schemas import MarkIn
from web import typed
from web.pages import Form
from web.refusals import flash_text
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Looker = Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]
Changer = Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]

WRONG = {
    "initials": N_("Vul twee letters in: de eerste van de voornaam en de eerste van de achternaam."),
    "born": N_("Schrijf een geboortedag als 31-12-1999."),
}


@router.get("/aanvragen/{request_id}/kenmerk")
def form(request_id: Id, visit: Looker) -> Response:
    """Ask for what tells persons apart."""
    return _form(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/kenmerk")
def mark(request_id: Id, visit: Changer) -> Response:
    """Hash it and forget it. The answer is the same whether anybody was asked for before."""
    try:
        born = typed.day(visit.field("born"))
    except ValueError:
        born = None
    try:
        shape = typed.read(MarkIn, {"initials": visit.field("initials"), "born": born})
        with visit.writing() as tx:
            service.mark_person(tx, visit.actor, visit.parts.key, request_id, shape.initials, shape.born)
    except (ValidationError, Invalid) as refusal:
        names = typed.wrong_fields(visit.words, refusal)
        # What was typed says who somebody is: it is not written back into a page.
        return _form(visit, request_id, Form({}, {name: visit.words.gettext(WRONG[name]) for name in names}), 400)
    except TooMany as refusal:
        return _form(visit, request_id, Form({}, {"initials": flash_text(visit.words, refusal.code)}), 429)
    return visit.go(f"/aanvragen/{request_id}", "marked")


@router.get("/herhalingen")
def listed(visit: Annotated[Visit, Depends(Screen(Verb.REPEAT_READ))]) -> Response:
    """Requests that may be about one person."""
    return _listed(visit, "repeats.html")


@router.get("/herhalingen/deel")
def listed_part(visit: Annotated[Visit, Depends(Screen(Verb.REPEAT_READ))]) -> Response:
    """What of it is live."""
    return _listed(visit, "repeats_part.html")


@router.post("/herhalingen/{repeat_id}")
def end(repeat_id: Id, visit: Annotated[Visit, Depends(Act(Verb.REPEAT_READ))]) -> Response:
    """Say what was found out."""
    outcome = visit.field("outcome")
    if outcome not in {found.value for found in RepeatOutcome}:
        return visit.go("/herhalingen", "invalid")
    return visit.act(
        lambda tx: service.end_repeat(tx, visit.actor, repeat_id, RepeatOutcome(outcome)),
        "/herhalingen",
        "repeat_ended",
    )


def _form(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        found = service.open_case(tx, visit.actor, request_id, "mark").request
        if not owns_case(visit.actor, found):
            raise NotFound("no_request")
    return visit.page("mark.html", frame, status=status, form=form, found=found)


def _listed(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        repeats = service.open_repeats(tx, visit.actor)
    return visit.page(template, frame, repeats=repeats, outcomes=[found.value for found in RepeatOutcome])
