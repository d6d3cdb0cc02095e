"""Places in use per region against the least there should be. Exact, for whoever sees the numbers themselves."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.insight import stating
from nrm.insight.statement import RegionPlaces
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.charts import Bar, Chart, Line
from web.insight_words import SAID
from web.visit import Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]


@dataclass(frozen=True)
class NormLine:
    """One region."""

    id: str
    region: str
    found: RegionPlaces

    @property
    def distance(self) -> int | None:
        """Places above the norm; below zero is that many too few."""
        return None if self.found.norm is None else self.found.places - self.found.norm


@router.get("/landelijk/minimum")
def overview(visit: Reader) -> Response:
    """The page."""
    own = board_region(visit.actor)
    words = visit.words
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = {one.code: one.name for one in registry.regions(tx)}
        lines = [NormLine(one.region, names[one.region], one) for one in stating.places_now(tx, own)]
    lines.sort(key=lambda line: (line.distance is None, line.distance or 0, line.region))
    agreed = [line for line in lines if line.found.norm is not None]
    chart = Chart(
        "minimum",
        words.gettext("Plekken in gebruik en het minimum per regio, in staven. De getallen staan in de tabel."),
        (words.gettext("Plekken in gebruik"), words.gettext("Minimum")),
        [
            Line(line.region, tuple(Bar(n, words.number(n)) for n in (line.found.places, line.found.norm or 0)))
            for line in agreed
        ],
    )
    return visit.page(
        "capacity.html",
        frame,
        lines=lines,
        short=sum(-(line.distance or 0) for line in agreed if (line.distance or 0) < 0),
        agreed=len(agreed),
        chart=chart if agreed else None,
        houses=sum(line.found.houses for line in lines),
        trusted=sum(line.found.houses_trusted for line in lines),
        own_region=names.get(own, "") if own is not None else "",
        said=SAID,
    )
