"""Places that were free at night while somebody waited, and why nobody was in them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.db import Tx
from nrm.insight import nights as insight
from nrm.insight.nights import FITS, Kind, Unused
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.case_words import reason
from web.insight_words import CAUSES, UNUSED
from web.labels import POOLS
from web.screens.causes import over_days
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Line:
    """One cause."""

    id: str
    name: str
    place_nights: int
    requests: int


@dataclass(frozen=True)
class KindLine:
    """Places of one pool in one region."""

    id: str
    region: str
    pool: str
    found: Kind


@router.get("/landelijk/onbenut")
def overview(visit: Reader, dagen: Chosen = "") -> Response:
    """The page."""
    return over_days(visit, "unused.html", dagen, _shown)


def _shown(visit: Visit, tx: Tx, days: int) -> dict[str, Any]:
    own = board_region(visit.actor)
    names = {region.code: region.name for region in registry.regions(tx)}
    until = insight.newest(tx.now) + timedelta(days=1)
    found = insight.over(tx, until - timedelta(days=days), until, own)
    return {
        "own_region": names.get(own, "") if own is not None else "",
        "found": found,
        "fitting": _lines(visit.words, found, True),
        "nearly": _lines(visit.words, found, False),
        "kinds": [
            KindLine(f"{one.region}-{one.pool}", names[one.region], visit.words.gettext(POOLS[one.pool]), one)
            for one in sorted(found.kinds, key=lambda one: (-one.fitting, -one.nearly, names[one.region], one.pool))
        ],
    }


def _lines(words: Words, found: Unused, fitting: bool) -> list[Line]:
    """The causes, most first. What is of few requests goes together; alone it stays away if it is still of few."""
    counts = {code: one for code, one in found.causes.items() if code.startswith(FITS) is fitting}
    lines = [
        Line(code.replace(":", "-"), _named(words, code), one.place_nights, one.requests)
        for code, one in counts.items()
        if one.told or fitting
    ]
    lines.sort(key=lambda line: (-line.place_nights, line.name))
    rest = sum(one.place_nights for one in counts.values()) - sum(line.place_nights for line in lines)
    if rest:
        few = words.gettext("Regels bij te weinig aanvragen om apart te noemen")
        lines.append(Line("rest", few, rest, 0))
    return lines


def _named(words: Words, code: str) -> str:
    if not code.startswith(FITS):
        return reason(words, code)
    cause = code.removeprefix(FITS)
    return words.gettext(UNUSED.get(cause) or CAUSES[cause][0])
