"""Declines as the national desk reviews them: codes and houses, nothing of a case."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.api import Id
from nrm.errors import Conflict
from nrm.placing import queries, reviews
from nrm.placing.queries import LIST_MAX
from nrm.placing.rules import CORRECTION_REASONS, DeclineTag
from web.pages import Form
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.DECLINES_REVIEW))]
Reviewer = Annotated[Visit, Depends(Act(Verb.DECLINES_REVIEW))]

CHOOSE_TAG = N_("Kies aan wie het volgens u lag.")
CHOOSE_REASON = N_("Kies waarom u dit anders leest.")


@router.get("/afwijzingen")
def overview(visit: Reader, vanaf: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """Newest first."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = queries.declines(tx, vanaf)
    more = vanaf + LIST_MAX if len(found) == LIST_MAX else None
    return visit.page("declines.html", frame, declines=found, more=more)


@router.get("/afwijzingen/{offer_id}")
def one(offer_id: Id, visit: Reader) -> Response:
    """One decline, to read it otherwise."""
    return _one(visit, offer_id, Form())


@router.post("/afwijzingen/{offer_id}")
def correct(offer_id: Id, visit: Reviewer) -> Response:
    """Read it otherwise, and say why."""
    seen, tag, reason = (visit.field(name) for name in ("seen", "tag", "reason"))
    tags = {found.value for found in DeclineTag}
    errors = {}
    if tag not in tags or tag == seen:
        errors["tag"] = visit.words.gettext(CHOOSE_TAG)
    if reason not in CORRECTION_REASONS:
        errors["reason"] = visit.words.gettext(CHOOSE_REASON)
    if errors:
        return _one(visit, offer_id, visit.filled(errors), 400)
    try:
        with visit.writing() as tx:
            before = DeclineTag(seen) if seen in tags else DeclineTag(tag)
            reviews.correct_decline(tx, visit.actor, offer_id, before, DeclineTag(tag), reason)
    except Conflict as refusal:
        return visit.go(f"/afwijzingen/{offer_id}", refusal.code)
    return visit.go("/afwijzingen", "decline_corrected")


def _one(visit: Visit, offer_id: str, form: Form, status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = queries.decline(tx, offer_id)
    others = [tag.value for tag in DeclineTag if tag is not found.tag]
    return visit.page(
        "decline.html",
        frame,
        status=status,
        found=found,
        form=form,
        tags=others,
        reasons=list(CORRECTION_REASONS),
    )
