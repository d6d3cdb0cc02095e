"""What the numbers mean: every indicator, how it is counted, out of what, and what it does not say. For everybody."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.insight.rules import INDICATORS
from web.insight_words import BASES, COVERAGES, UNITS, indicator
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.POLICY_READ))]


@router.get("/landelijk/uitleg")
def overview(visit: Reader) -> Response:
    """The page."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
    return visit.page(
        "meanings.html",
        frame,
        meanings=[indicator(code) for code in INDICATORS],
        units=UNITS,
        bases=BASES,
        coverages=COVERAGES,
        sees_numbers=may(visit.actor, Verb.NUMBERS_READ) or may(visit.actor, Verb.STATEMENT_READ),
    )
