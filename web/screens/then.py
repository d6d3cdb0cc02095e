"""How many places there were at a moment of before, as they were counted then."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.clock import AMSTERDAM
from nrm.insight import boards
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from nrm.registry.queries import BoardRow
from web.insight_words import SAID
from web.pages import Form
from web.screens.board import added
from web.screens.causes import moment
from web.screens.numbers import PlacesLine, per_pool
from web.typed import said
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]

AT_FIRST = timedelta(days=1)
"""So long ago is what whoever names no moment sees first."""


@router.get("/landelijk/toen")
def overview(visit: Reader, op: Chosen = "") -> Response:
    """The page, of a moment that was chosen or of a day ago."""
    then, wrong = moment(op)
    form = Form({"op": op}, {"op": said(visit.words, "unreadable_moment")} if wrong else {})
    own = board_region(visit.actor)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = {region.code: region.name for region in registry.regions(tx)}
        asked = min(then, tx.now) if then else tx.now - AT_FIRST
        found = boards.as_of(tx, asked, own)
        counted_since = boards.first_at(tx)
    counted_at, rows = found or (None, [])
    return visit.page(
        "then.html",
        frame,
        form=form,
        own_region=names.get(own, "") if own is not None else "",
        asked=asked,
        asked_typed=f"{asked.astimezone(AMSTERDAM):%Y-%m-%dT%H:%M}",
        counted_at=counted_at,
        counted_since=counted_since,
        per_pool=per_pool(visit.words, rows),
        per_region=_per_region(rows, names),
        said=SAID,
    )


def _per_region(rows: list[BoardRow], names: dict[str, str]) -> list[PlacesLine]:
    codes = sorted({row.region_code for row in rows}, key=lambda code: names.get(code, code))
    return [
        PlacesLine(code, names.get(code, code), added([row for row in rows if row.region_code == code]))
        for code in codes
    ]
