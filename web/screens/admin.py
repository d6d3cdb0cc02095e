"""Who can log in, and which organisations take part. No case content."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access import queries
from nrm.access.rules import Verb
from nrm.registry import queries as registry
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)


@router.get("/beheer")
def overview(visit: Annotated[Visit, Depends(Screen(Verb.ACCOUNTS_READ))]) -> Response:
    """The page."""
    return _show(visit, "admin.html")


@router.get("/beheer/deel")
def part(visit: Annotated[Visit, Depends(Screen(Verb.ACCOUNTS_READ))]) -> Response:
    """The live part."""
    return _show(visit, "admin_part.html")


def _show(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        accounts = queries.accounts(tx)
        organisations = queries.organisations(tx)
        regions = {region.code: region.name for region in registry.regions(tx)}
    return visit.page(template, frame, accounts=accounts, organisations=organisations, regions=regions)
