"""The yearly sheet for whoever buys places: what was asked for, bought and used, and what a norm would ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.insight import buying as insight
from nrm.insight import rules, stating
from nrm.insight.buying import ENOUGH, Bought, Demand, Month, Year
from nrm.insight.rules import SMALL
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.charts import Bar, Chart
from web.charts import Line as Group
from web.insight_words import DEMANDED, SAID, USED
from web.screens.causes import Named
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter()

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]

YEARS = 3
"""This year and so many less one before it can be looked at."""


@dataclass(frozen=True)
class Choice:
    """A region to look at."""

    id: str
    name: str


@dataclass(frozen=True)
class Line:
    """What one municipality bought and what was used of it, in words."""

    id: str
    name: str
    places: str
    nights: str
    used: str
    share: str
    bridges: str


@dataclass(frozen=True)
class MonthLine:
    """What the region needed in one month."""

    id: str
    name: str
    average: str
    most: str


@dataclass(frozen=True)
class Norm:
    """How many places would be enough on so many of a hundred nights."""

    id: str
    percent: int
    places: str


@router.get("/landelijk/inkoop")
def overview(visit: Reader, jaar: Chosen = "", regio: Chosen = "", gemeente: Chosen = "") -> Response:
    """The page: of one's own region, or of the one that was chosen; and in it of one municipality."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _shown(visit, tx, jaar, regio, gemeente)
    return visit.page("buying.html", frame, said=SAID, small=SMALL, **shown)


def _shown(visit: Visit, tx: Tx, jaar: str, regio: str, gemeente: str) -> dict[str, Any]:
    own = board_region(visit.actor)
    names = {region.code: region.name for region in registry.regions(tx)}
    this_year = tx.now.astimezone(AMSTERDAM).year
    years = [this_year - back for back in range(YEARS)]
    number = next((year for year in years if str(year) == jaar), this_year)
    region = own if own is not None else regio if regio in names else ""
    shown: dict[str, Any] = {
        "years": years,
        "chosen_year": number,
        "region": region,
        "region_name": names.get(region, ""),
        "choices": [] if own is not None else [Choice(code, name) for code, name in sorted(names.items())],
        "municipality": "",
    }
    return shown | _sheet(visit.words, tx, insight.year(tx, number), region, gemeente) if region else shown


def _sheet(words: Words, tx: Tx, year: Year, region: str, gemeente: str) -> dict[str, Any]:
    found = insight.demand(tx, year, region)
    buyers = insight.buyers(tx, year, region)
    chosen = next((one for one in buyers if one.municipality == gemeente), None)
    told = found.requests == 0 or found.requests >= SMALL
    shown = [chosen] if chosen else buyers
    all_places = sum(one.places for one in buyers)
    months = insight.months(found, year) if told else []
    (agreed,) = stating.places_now(tx, region)
    return {
        "year": year,
        "municipality": chosen.name if chosen else "",
        "code": chosen.municipality if chosen else "",
        "told": told,
        "demand": found,
        "parts": _parts(words, found) if told else [],
        "average": words.number(found.nights / len(found.need), 1) if found.need and told else "",
        "most": words.number(max(found.need)) if found.need and told else "",
        "norms": [
            Norm(str(percent), percent, words.number(places))
            for percent in ENOUGH
            if told and (places := insight.enough(found.need, percent)) is not None
        ],
        "bought": [_line(words, one) for one in shown],
        "all_places": words.number(all_places, 1) if all_places else None,
        "agreed": agreed,
        "months": [
            MonthLine(
                str(one.first.month), words.month(one.first), words.number(one.average, 1), words.number(one.most)
            )
            for one in months
        ],
        "chart": _chart(words, months, all_places) if len(months) > 1 else None,
        "uses": _uses(words, chosen) if chosen else [],
    }


def _chart(words: Words, months: Sequence[Month], bought: float) -> Chart:
    """What was needed on the busiest night of each month beside what all buyers of the region bought."""
    return Chart(
        "nodig",
        words.gettext("Plekken nodig op de drukste nacht van elke maand, naast wat er gekocht is. Zie de tabel."),
        (words.gettext("Nodig, drukste nacht"), words.gettext("Gekocht")),
        [
            Group(
                words.month(one.first),
                (Bar(one.most, words.number(one.most)), Bar(round(bought), words.number(bought, 1))),
            )
            for one in months
        ],
    )


def _parts(words: Words, found: Demand) -> list[Named]:
    """What became of the requests, none of it small."""
    split = rules.split(found.parts)
    if not split.shown:
        return []
    order = list(DEMANDED)
    shown = sorted(split.shown, key=lambda part: order.index(part[0]))
    parts = [Named(code, words.gettext(DEMANDED[code]), count) for code, count in shown]
    if split.rest:
        parts.append(Named("rest", words.gettext("Wat te weinig voorkomt om apart te noemen"), split.rest))
    return parts


def _line(words: Words, one: Bought) -> Line:
    few = 0 < sum(one.stays.values()) < SMALL
    little = words.gettext("te weinig om te zeggen")
    used = little if few else words.number(one.used_nights)
    share = "" if one.share is None else little if few else words.percent(one.share)
    bridges = words.number(one.bridges.nights) if one.bridges else words.number(0)
    return Line(one.municipality, one.name, words.number(one.places, 1), words.number(one.nights), used, share, bridges)


def _uses(words: Words, one: Bought) -> list[Named]:
    """Nights in what was bought, by where whoever slept there was found; nothing of few stays."""
    if not rules.split(one.stays).shown or rules.split(one.stays).rest:
        return []
    return [Named(kind, words.gettext(USED[kind]), round(one.used[kind])) for kind in USED if one.used.get(kind)]
