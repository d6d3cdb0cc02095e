"""Minors alone: youth crisis care and Nidos take over with one tap, and an owner notes who did on the phone."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Verb, owns_case
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import service as intake
from nrm.registry import queries as registry
from nrm.youth import queries, service
from nrm.youth.rules import NotOurs
from nrm.youth.schemas import TakeoverIn, YouthAskOut
from web.case_words import party
from web.pages import Form
from web.typed import read, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Looker = Annotated[Visit, Depends(Screen(Verb.YOUTH_ANSWER))]
Answerer = Annotated[Visit, Depends(Act(Verb.YOUTH_ANSWER))]


@dataclass(frozen=True)
class AskCard:
    """A minor alone, in words."""

    ask: YouthAskOut
    who: str
    region: str


@router.get("/jeugd")
def listed(visit: Looker) -> Response:
    """The minors one is asked to take over."""
    return _listed(visit, "youth.html")


@router.get("/jeugd/deel")
def listed_part(visit: Looker) -> Response:
    """What of it is live."""
    return _listed(visit, "youth_part.html")


@router.post("/jeugd/{ask_id}/overnemen")
def take(ask_id: Id, visit: Answerer) -> Response:
    """We take it over."""
    return visit.act(lambda tx: service.take(tx, visit.actor, ask_id), "/jeugd", "youth_taken")


@router.post("/jeugd/{ask_id}/niet")
def refuse(ask_id: Id, visit: Answerer) -> Response:
    """Not for us, and why."""
    reason = visit.field("reason")
    if reason not in {found.value for found in NotOurs}:
        return visit.go("/jeugd", "invalid")
    return visit.act(lambda tx: service.refuse(tx, visit.actor, ask_id, NotOurs(reason)), "/jeugd", "youth_refused")


@router.get("/aanvragen/{request_id}/overgenomen")
def takeover_form(request_id: Id, visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]) -> Response:
    """Who took over on the phone, and when."""
    return _form(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/overgenomen")
def record_takeover(request_id: Id, visit: Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]) -> Response:
    """Note it."""
    back = f"/aanvragen/{request_id}"
    try:
        try:
            at = visit.local("at", AMSTERDAM)
        except (ValueError, OverflowError) as error:
            raise Invalid("invalid", (FieldError(("at",), "unreadable_moment"),)) from error
        shape = read(TakeoverIn, {"organisation": visit.field("organisation"), "at": at})
        with visit.writing() as tx:
            service.record_takeover(tx, visit.actor, request_id, shape)
    except (ValidationError, Invalid) as error:
        return _form(visit, request_id, visit.filled(wrong_fields(visit.words, error)), 400)
    except Conflict as refusal:
        return visit.go(back, refusal.code)
    return visit.go(back, "youth_recorded")


def _listed(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each minor shown is a logged read
        frame = visit.frame(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
        cards = [
            AskCard(ask, party(visit.words, ask.persons), regions[ask.region])
            for ask in service.read_asks(tx, visit.actor)
        ]
    return visit.page(
        template,
        frame,
        waiting=[card for card in cards if card.ask.taken_at is None],
        taken=[card for card in cards if card.ask.taken_at is not None],
        reasons=[reason.value for reason in NotOurs],
    )


def _form(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = intake.open_case(tx, visit.actor, request_id, "youth")
        if not owns_case(visit.actor, detail.request):
            raise NotFound("no_request")
        found = queries.youth_organisations(tx, detail.request.region_code)
    return visit.page(
        "youth_takeover.html",
        frame,
        status=status,
        form=form,
        found=detail.request,
        party=party(visit.words, detail.persons),
        organisations=[(one.id, one.name) for one in found],
    )
