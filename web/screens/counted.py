"""The list behind a number: the requests it counts, for who may read them. One page for every number that has one."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.errors import NotFound
from nrm.insight.counted import Figure, counted
from nrm.insight.rules import Cause
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import PAGE_MAX
from nrm.placing import queries as placing
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.case_words import party
from web.insight_words import CAUSES, SAID
from web.screens.causes import OTHER, chosen_days
from web.visit import Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]
Chosen = Annotated[str, Query(max_length=40)]

_TITLES = {
    Figure.WAITING: N_("Wie nu wacht"),
    Figure.OVERDUE: N_("Wie nu te laat is"),
    Figure.ENDED: N_("Wie zonder plek bleef"),
    Figure.LATE: N_("Wie geen plek binnen de termijn had"),
}
_OVER_DAYS = frozenset({Figure.ENDED, Figure.LATE})
_BACK = {Figure.LATE: "/landelijk/tijden"}


@dataclass(frozen=True)
class Line:
    """One request that counts."""

    found: PlacementRequest
    party: str
    region: str
    status: str

    @property
    def id(self) -> str:
        """Its row."""
        return self.found.id


@router.get("/landelijk/achter/{figure}")
def overview(figure: str, visit: Reader, oorzaak: Chosen = "", dagen: Chosen = "") -> Response:
    """The page."""
    if figure not in tuple(Figure) or (oorzaak and oorzaak not in CAUSES):
        raise NotFound("no_figure")
    chosen, days = Figure(figure), chosen_days(dagen)
    causes = OTHER if oorzaak == "other" else {Cause(oorzaak)} if oorzaak else frozenset(Cause)
    with visit.writing() as tx:  # each request shown is a logged read
        frame = visit.frame(tx)
        ids = counted(tx, chosen, days, board_region(visit.actor), causes)
        details, own = intake.open_these(tx, visit.actor, ids, PAGE_MAX)
        names = {region.code: region.name for region in registry.regions(tx)}
        lines = [
            Line(
                one.request,
                party(visit.words, one.persons),
                names[one.request.region_code],
                placing.shown_status(tx, one.request),
            )
            for one in details
        ]
    return visit.page(
        "counted.html",
        frame,
        title=visit.words.gettext(_TITLES[chosen]),
        cause=visit.words.gettext(CAUSES[oorzaak][0]) if oorzaak else "",
        days=days if chosen in _OVER_DAYS else 0,
        lines=lines,
        own=own,
        all=len(ids),
        figure=chosen.value,
        back=f"{_BACK.get(chosen, '/landelijk/oorzaken')}?dagen={days}",
        said=SAID,
    )
