"""The national picture: numbers of requests, alarms and places. No case, no house, for anybody."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Role, Verb, may, reach
from nrm.db import Tx
from nrm.escalation import queries as escalation
from nrm.escalation.queries import AlarmCount
from nrm.insight import queries as insight
from nrm.insight.queries import Picture, RegionAhead
from nrm.insight.rules import INFLOW_DAYS_MIN, PUBLISHED_REQUESTS_PER_YEAR, Ahead
from nrm.intake import queries as intake
from nrm.intake.queries import OpenCount
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from nrm.registry.queries import BoardRow
from web.insight_words import SAID
from web.labels import POOLS, URGENCIES
from web.pages import RegionCell
from web.screens.board import LEVELS, Sum, added
from web.screens.duty import alarms_of
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]


@dataclass(frozen=True)
class RegionLine:
    """Requests that wait in one region, per urgency."""

    id: str
    region: str
    of: dict[str, OpenCount]

    @property
    def waiting(self) -> int:
        return sum(count.waiting for count in self.of.values())

    @property
    def overdue(self) -> int:
        return sum(count.overdue for count in self.of.values())


@dataclass(frozen=True)
class AlarmLine:
    """Alarms in one region on one rung."""

    id: str
    region: str
    count: AlarmCount


@dataclass(frozen=True)
class PlacesLine:
    """Places of one pool, or of one region."""

    id: str
    name: str
    total: Sum


@dataclass(frozen=True)
class AheadLine:
    """Places against persons in one region, now and ahead."""

    id: str
    region: str
    found: RegionAhead

    @property
    def short(self) -> bool:
        """Whether there are fewer beds than persons at any of the moments."""
        return any(one.short for one in self.found.ahead)

    @property
    def heard(self) -> bool:
        """Whether any house there says how it stands: without, nothing is known to be enough."""
        return bool(self.found.locations_trusted)


@dataclass(frozen=True)
class Moment:
    """Places against persons of the whole page, at one moment."""

    at: int
    ahead: Ahead

    @property
    def id(self) -> str:
        return str(self.at)


@router.get("/landelijk")
def overview(visit: Reader) -> Response:
    """The page."""
    return _show(visit, "numbers.html")


@router.get("/landelijk/deel")
def part(visit: Reader) -> Response:
    """The live part."""
    return _show(visit, "numbers_part.html")


def _show(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _numbers(visit, tx)
        # Who may take alarms finds them here, unless they have the duty desk for it.
        takes = may(visit.actor, Verb.ALARM_CLAIM) and visit.actor.role is not Role.DUTY_OFFICER
        if takes and template == "numbers.html":
            shown |= alarms_of(visit, tx)
    return visit.page(template, frame, takes=takes, raises=may(visit.actor, Verb.AUTHORITY_ASK), **shown)


def _numbers(visit: Visit, tx: Tx) -> dict[str, Any]:
    own = board_region(visit.actor)
    names = {region.code: region.name for region in registry.regions(tx)}
    counts = intake.open_counts(tx, own)
    picture = insight.picture(tx, own)
    rung = may(visit.actor, Verb.ALARM_READ)
    return {
        "own_region": names.get(own, "") if own is not None else "",
        "requests": _per_region(counts, names),
        "waiting": sum(count.waiting for count in counts),
        "overdue": sum(count.overdue for count in counts),
        "urgencies": list(URGENCIES),
        "rung": rung,
        "lists": may(visit.actor, Verb.REQUEST_READ),
        "ringing": [
            AlarmLine(f"{count.region_code}-{count.role}", names[count.region_code], count)
            for count in (escalation.alarm_counts(tx, reach(visit.actor)) if rung else ())
        ],
        "per_pool": per_pool(visit.words, picture.board),
        "total": added(picture.board),
        "picture": picture,
        "weighed": [Moment(at, ahead) for at, ahead in enumerate(picture.together)],
        "ahead": _ahead(picture, names),
        "cells": [] if own is not None else _cells(visit.words, picture, names),
        "said": SAID,
        "inflow_days_min": INFLOW_DAYS_MIN,
        "published": PUBLISHED_REQUESTS_PER_YEAR,
    }


def _ahead(picture: Picture, names: dict[str, str]) -> list[AheadLine]:
    """Regions with anything to weigh, those shortest now and then later first."""
    lines = [
        AheadLine(found.region_code, names[found.region_code], found)
        for found in picture.regions
        if found.locations or any(one.seeking or one.inflow for one in found.ahead)
    ]
    return sorted(lines, key=lambda line: ([-one.short for one in line.found.ahead], line.region))


def _cells(words: Words, picture: Picture, names: dict[str, str]) -> list[RegionCell]:
    """The tile map: persons short now. Nobody seeks and nobody reports there means nothing is known, never 0."""
    most = max((found.ahead[0].short for found in picture.regions), default=0)
    return [
        RegionCell(
            code=found.region_code,
            name=names[found.region_code],
            value=now.short if found.locations_trusted or now.seeking else None,
            level=-(-now.short * LEVELS // most) if most else 0,
            coverage=words.ngettext(
                "%(trusted)s van %(num)s huis recent gecontroleerd",
                "%(trusted)s van %(num)s huizen recent gecontroleerd",
                found.locations,
                trusted=words.number(found.locations_trusted),
            )
            if found.locations
            else words.gettext("geen huizen bekend"),
        )
        for found in picture.regions
        for now in (found.ahead[0],)
    ]


def _per_region(counts: list[OpenCount], names: dict[str, str]) -> list[RegionLine]:
    """Regions where somebody waits, those with most overdue first."""
    lines = [
        RegionLine(code, names[code], {count.urgency: count for count in counts if count.region_code == code})
        for code in sorted({count.region_code for count in counts})
    ]
    return sorted(lines, key=lambda line: (-line.overdue, -line.waiting, line.region))


def per_pool(words: Words, rows: list[BoardRow]) -> list[PlacesLine]:
    """The places of these rows by pool."""
    return [
        PlacesLine(pool, words.gettext(POOLS[pool]), added([row for row in rows if row.pool == pool])) for pool in POOLS
    ]
