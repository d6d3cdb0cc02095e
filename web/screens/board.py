"""The board: how many places there are, per region and pool, and how sure that is. Numbers, never a house."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Actor, Verb
from nrm.db import Tx
from nrm.registry import queries
from nrm.registry.api import board_region
from nrm.registry.models import Region
from nrm.registry.queries import BoardRow
from web.labels import POOLS
from web.pages import RegionCell
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.BOARD_READ))]
Chosen = Annotated[str, Query(max_length=40)]

LEVELS = 4


@dataclass(frozen=True)
class Sum:
    """Numbers of several regions or pools together."""

    free: int = 0
    stale: int = 0
    held: int = 0
    occupied: int = 0
    out_of_service: int = 0
    unconditional_free: int = 0
    locations: int = 0
    locations_trusted: int = 0

    @property
    def places(self) -> int:
        return self.free + self.stale + self.held + self.occupied + self.out_of_service


@dataclass(frozen=True)
class Line:
    """One row of the board, with the name of its region."""

    id: str
    region: str
    row: BoardRow


@router.get("/bord")
def overview(visit: Reader, soort: Chosen = "", provincie: Chosen = "") -> Response:
    """The page."""
    return _show(visit, "board.html", soort, provincie)


@router.get("/bord/deel")
def part(visit: Reader, soort: Chosen = "", provincie: Chosen = "") -> Response:
    """The live part."""
    return _show(visit, "board_part.html", soort, provincie)


def added(rows: list[BoardRow]) -> Sum:
    """The numbers of these rows together."""
    return Sum(**{name: sum(getattr(row, name) for row in rows) for name in Sum.__dataclass_fields__})


def board_of(tx: Tx, actor: Actor, words: Words, pool: str = "", province: str = "") -> dict[str, Any]:
    """What board_part.html shows: rows, totals and the map, of this actor's region or of the country.

    An unknown pool or province filters nothing: a mistyped link shows the whole board rather than an empty one.
    """
    own = board_region(actor)
    everywhere = queries.regions(tx)
    provinces = sorted({found.provinces for found in everywhere})
    pool = pool if pool in POOLS else ""
    province = province if province in provinces and own is None else ""
    shown = [
        found
        for found in everywhere
        if (own is None or found.code == own) and (not province or found.provinces == province)
    ]
    names = {found.code: found.name for found in shown}
    rows = [row for row in queries.board(tx, own) if row.region_code in names and (not pool or row.pool == pool)]
    return {
        "lines": [Line(f"{row.region_code}-{row.pool}", names[row.region_code], row) for row in rows],
        "total": added(rows),
        "cells": [] if own is not None else _cells(words, shown, rows),
        "pools": list(POOLS),
        "provinces": [] if own is not None else provinces,
        "pool": pool,
        "province": province,
        "own_region": names.get(own, "") if own is not None else "",
    }


def _show(visit: Visit, template: str, pool: str, province: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = board_of(tx, visit.actor, visit.words, pool, province)
    return visit.page(template, frame, **shown)


def _cells(words: Words, regions: list[Region], rows: list[BoardRow]) -> list[RegionCell]:
    """The tile map: trusted free places per region. No recently checked house means no number, never 0."""
    of_region = {found.code: added([row for row in rows if row.region_code == found.code]) for found in regions}
    most = max((found.free for found in of_region.values()), default=0)
    return [
        RegionCell(
            code=region.code,
            name=region.name,
            value=found.free if found.locations_trusted else None,
            level=-(-found.free * LEVELS // most) if most else 0,
            coverage=coverage(words, found),
            href="",
        )
        for region in regions
        for found in (of_region[region.code],)
    ]


def coverage(words: Words, found: Sum | BoardRow) -> str:
    """3 van 4 huizen recent gecontroleerd."""
    if not found.locations:
        return words.gettext("geen huizen bekend")
    return words.ngettext(
        "%(trusted)s van %(num)s huis recent gecontroleerd",
        "%(trusted)s van %(num)s huizen recent gecontroleerd",
        found.locations,
        trusted=words.number(found.locations_trusted),
    )
