"""The national list of contra-indications, kept by the national desk, and the admission rules up for review."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Verb
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.errors import Conflict, Invalid
from nrm.registry import queries, service
from nrm.registry.schemas import CriterionIn
from web.pages import Form
from web.typed import read, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.CRITERIA_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.CRITERIA_KEEP))]


@router.get("/onderwerpen")
def overview(visit: Reader) -> Response:
    """The page."""
    return _show(visit, Form())


@router.post("/onderwerpen")
def add(visit: Keeper) -> Response:
    """Put one on the list."""
    try:
        with visit.writing() as tx:
            service.add_criterion(tx, visit.actor, read(CriterionIn, {"name": visit.field("name")}).name)
    except (ValidationError, Invalid) as error:
        return _show(visit, visit.filled(wrong_fields(visit.words, error)), status=400)
    except Conflict as refusal:
        return visit.go("/onderwerpen", refusal.code)
    return visit.go("/onderwerpen", "criterion_added")


@router.post("/onderwerpen/{code}")
def keep(code: Id, visit: Keeper) -> Response:
    """Higher, lower, off the list, or back on it."""
    typed = visit.field("place")
    place = int(typed) if typed.isdecimal() and len(typed) < 4 else 1
    active = visit.field("active") != "no"
    return visit.act(
        lambda tx: service.keep_criterion(tx, visit.actor, code, active, place), "/onderwerpen", "criterion_kept"
    )


def _show(visit: Visit, form: Form, status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        _, rhythm = policy.current(tx, policy.Rhythm)
        today = tx.now.astimezone(AMSTERDAM).date()
        criteria = queries.all_criteria(tx)
        reviews = queries.rules_to_review(tx, today + timedelta(days=rhythm.review_ahead_days))
    return visit.page(
        "criteria.html",
        frame,
        status=status,
        form=form,
        listed=[found.code for found in criteria if found.active],
        retired=[found.code for found in criteria if not found.active],
        reviews=reviews,
        today=today,
    )
