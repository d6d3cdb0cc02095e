"""Whether what must keep running stands still, asked by every open page once a minute."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)


@router.get("/achter")
def part(visit: Annotated[Visit, Depends(Screen(Verb.SELF))]) -> Response:
    """The live part."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
    return visit.page("behind_part.html", frame)
