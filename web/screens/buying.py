"""The yearly sheet for whoever buys places: what was asked for, bought and used, and what a norm would ask."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access.rules import Role, Verb
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.insight import buying as insight
from nrm.insight import rules, stating
from nrm.insight.buying import ENOUGH, Area, Bought, Demand, Month, Year
from nrm.insight.catalogue import rounded
from nrm.insight.rules import SMALL
from nrm.registry import centres as centres_of
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.charts import Bar, Chart
from web.charts import Line as Group
from web.insight_words import DEMANDED, SAID, USED
from web.screens.causes import Named
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

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
class AreaLine:
    """The area of one centre municipality in a region, in words."""

    id: str
    name: str
    requests: str
    places: str


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
def overview(visit: Reader, jaar: Chosen = "", regio: Chosen = "", gebied: Chosen = "") -> Response:
    """The page: of a region, or of the area of one centre municipality; whoever has one of their own sees that one."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _shown(visit, tx, jaar, regio, gebied)
    return visit.page("buying.html", frame, said=SAID, small=SMALL, **shown)


def _shown(visit: Visit, tx: Tx, jaar: str, regio: str, gebied: str) -> dict[str, Any]:
    this_year = tx.now.astimezone(AMSTERDAM).year
    years = [this_year - back for back in range(YEARS)]
    number = next((year for year in years if str(year) == jaar), this_year)
    year = insight.year(tx, number)
    regions = {region.code: region.name for region in registry.regions(tx)}
    own = board_region(visit.actor)
    municipality = _own_municipality(visit, tx) if visit.actor.role is Role.MUNICIPALITY else None
    centres = _centres(tx, year)
    if municipality is not None:
        # Which municipality an organisation is was forgotten: that opens nothing.
        area = insight.centre_area(tx, centres.get(municipality, municipality), year) if municipality else None
    elif gebied in centres.values() and (own is None or own in insight.centre_area(tx, gebied, year).regions):
        area = insight.centre_area(tx, gebied, year)
    else:
        region = own if own is not None else regio
        area = insight.region_area(tx, region) if region in regions else None
    shown: dict[str, Any] = {
        "years": years,
        "chosen_year": number,
        "area": area,
        "whose": "",
        "unnamed": municipality == "",
        "choices": [] if own is not None else [Choice(code, name) for code, name in sorted(regions.items())],
        "above": None,
    }
    if area is None:
        return shown
    names = {one.code: one.name for one in registry.municipalities(tx)}
    if not area.whole and municipality is None:
        shown["above"] = Choice(*next((code, regions[code]) for code in sorted(area.regions) if own in {None, code}))
    shown["whose"] = regions[area.code] if area.whole else names.get(area.code, area.code)
    return shown | _sheet(visit.words, tx, year, area, names)


def _own_municipality(visit: Visit, tx: Tx) -> str:
    return access.organisation(tx, visit.actor.organisation_id).municipality_code or ""


def _centres(tx: Tx, year: Year) -> dict[str, str]:
    """Municipality → its centre municipality at the end of a year, or now; itself where no list says so."""
    listed = centres_of.listed(tx)
    return {one.code: listed.of(one.code, year.last_day) or one.code for one in registry.municipalities(tx)}


def _sheet(words: Words, tx: Tx, year: Year, area: Area, names: Mapping[str, str]) -> dict[str, Any]:
    found = insight.demand(tx, year, area)
    buyers = insight.buyers(tx, year, area)
    told = found.requests == 0 or found.requests >= SMALL
    all_places = sum(one.places for one in buyers)
    months = insight.months(found, year) if told else []
    inside = sorted(insight.members(area.centres, area.code, year)) if not area.whole else []
    # Of a region to one decimal; of the area of a municipality, that one could take from it, no more than about.
    digits = 1 if area.whole else 0
    return {
        "year": year,
        "told": told,
        "demand": found,
        "requests": _about(words, found.requests, area),
        "persons": _about(words, found.persons, area),
        "coverage": insight.coverage(found),
        "inside": [names.get(code, code) for code in inside],
        "sources": area.centres.sources(inside or names, year.first_day, year.last_day),
        "parts": _parts(words, found, area) if told else [],
        "average": words.number(found.nights / len(found.need), digits) if found.need and told else "",
        "most": words.number(max(found.need)) if found.need and told else "",
        "norms": [
            Norm(str(percent), percent, words.number(places))
            for percent in ENOUGH
            if told and (places := insight.enough(found.need, percent)) is not None
        ],
        "bought": [_line(words, one) for one in buyers],
        "all_places": words.number(all_places, 1) if all_places else None,
        "agreed": stating.places_now(tx, area.code)[0] if area.whole else None,
        "months": [
            MonthLine(
                str(one.first.month), words.month(one.first), words.number(one.average, digits), words.number(one.most)
            )
            for one in months
        ],
        "chart": _chart(words, months, all_places) if len(months) > 1 else None,
        "uses": _uses(words, buyers) if not area.whole else [],
        "areas": _areas(words, tx, year, area, found, buyers, names) if area.whole else [],
    }


def _about(words: Words, count: int, area: Area) -> str:
    """A number of people: exact of a region, and of the area of a municipality rounded as what is published is."""
    return words.number(count if area.whole else rounded(count))


def _areas(
    words: Words, tx: Tx, year: Year, area: Area, found: Demand, buyers: Sequence[Bought], names: Mapping[str, str]
) -> list[AreaLine]:
    """The areas of the centre municipalities of a region, and how much is not known of which; together the region."""
    centres = _centres(tx, year)
    bought: dict[str, float] = defaultdict(float)
    for one in buyers:
        bought[centres[one.municipality]] += one.places
    here = {centres[one.code] for one in registry.municipalities(tx) if one.region_code in area.regions}
    if not area.centres.rows:
        here &= found.spread.keys() | bought.keys()  # without a list every municipality is an area of its own
    codes = sorted((here | found.spread.keys()) - {""}, key=lambda code: names.get(code, code))
    lines = [
        AreaLine(
            code,
            names.get(code, code),
            _few(words, found.spread.get(code, 0)),
            words.number(bought[code], 1) if bought[code] else words.gettext("niets vastgelegd"),
        )
        for code in codes
    ]
    unknown = AreaLine("", words.gettext("Gemeente niet bekend"), _few(words, found.spread.get("", 0)), "")
    return [*lines, unknown] if lines else []


def _few(words: Words, count: int) -> str:
    if 0 < count < SMALL:
        return words.gettext("minder dan %(small)s", small=SMALL)
    return words.number(rounded(count))


def _chart(words: Words, months: Sequence[Month], bought: float) -> Chart:
    """What was needed on the busiest night of each month beside what all buyers of the region bought."""
    # Nothing on record is not nothing bought: then it is not drawn as a number.
    beside = (Bar(round(bought), words.number(bought, 1)),) if bought else ()
    return Chart(
        "nodig",
        words.gettext("Plekken nodig op de drukste nacht van elke maand, naast wat er gekocht is. Zie de tabel.")
        if bought
        else words.gettext("Plekken nodig op de drukste nacht van elke maand. Zie de tabel."),
        (words.gettext("Nodig, drukste nacht"), *([words.gettext("Gekocht")] if bought else [])),
        [Group(words.month(one.first), (Bar(one.most, words.number(one.most)), *beside)) for one in months],
    )


def _parts(words: Words, found: Demand, area: Area) -> list[Named]:
    """What became of the requests, none of it small."""
    split = rules.split(found.parts)
    if not split.shown:
        return []
    order = list(DEMANDED)
    shown = sorted(split.shown, key=lambda part: order.index(part[0]))
    named = [(code, words.gettext(DEMANDED[code]), count) for code, count in shown]
    if split.rest:
        named.append(("rest", words.gettext("Wat te weinig voorkomt om apart te noemen"), split.rest))
    return [Named(code, name, count if area.whole else rounded(count)) for code, name, count in named]


def _line(words: Words, one: Bought) -> Line:
    few = 0 < sum(one.stays.values()) < SMALL
    little = words.gettext("te weinig om te zeggen")
    used = little if few else words.number(one.used_nights)
    share = "" if one.share is None else little if few else words.percent(one.share)
    bridges = words.number(one.bridges.nights) if one.bridges else words.number(0)
    return Line(one.municipality, one.name, words.number(one.places, 1), words.number(one.nights), used, share, bridges)


def _uses(words: Words, buyers: Sequence[Bought]) -> list[Named]:
    """Nights in what was bought, by where whoever slept there was found; nothing of few stays."""
    stays: Counter[str] = Counter()
    nights: dict[str, float] = defaultdict(float)
    for one in buyers:
        stays.update(one.stays)
        for kind, amount in one.used.items():
            nights[kind] += amount
    if not rules.split(stays).shown or rules.split(stays).rest:
        return []
    return [Named(kind, words.gettext(USED[kind]), round(nights[kind])) for kind in USED if nights[kind]]
