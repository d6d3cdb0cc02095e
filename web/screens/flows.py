"""Where people go: from region to region, in and out of places, back again, over bridges, and who pays."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.clock import AMSTERDAM
from nrm.course import queries as course
from nrm.course.schemas import BridgeNightsOut
from nrm.db import Tx
from nrm.insight import flows as insight
from nrm.insight.flows import AGES, Between, Blocks, Disputes, Through
from nrm.insight.rules import SMALL, Length
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.labels import POOLS, label
from web.screens.causes import Named, over_days
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class RegionLine:
    """What one region placed itself, sent and received, and to where it sent."""

    id: str
    name: str
    own: str
    sent: str
    received: str
    to: str


@dataclass(frozen=True)
class PoolLine:
    """Who came into places of a pool, left and is there."""

    id: str
    name: str
    found: Through
    stay: str


@dataclass(frozen=True)
class BlockLine:
    """Outflow blocked for one cause."""

    id: str
    name: str
    stays: int
    nights: int


@dataclass(frozen=True)
class BridgeLine:
    """What bridges cost one municipality."""

    id: str
    name: str
    sum: BridgeNightsOut


@router.get("/landelijk/stromen")
def overview(visit: Reader, dagen: Chosen = "") -> Response:
    """The page."""
    return over_days(visit, "flows.html", dagen, _shown)


def _shown(visit: Visit, tx: Tx, days: int) -> dict[str, Any]:
    own = board_region(visit.actor)
    words = visit.words
    names = {region.code: region.name for region in registry.regions(tx)}
    since, today = tx.now - timedelta(days=days), tx.now.astimezone(AMSTERDAM).date()
    between = insight.between(tx, since, tx.now, own)
    through = insight.through(tx, since, tx.now, own)
    blocks = insight.blocks(tx, since, tx.now, own)
    repeats = insight.repeats(tx, since, tx.now, own)
    disputes = insight.disputes(tx, own)
    bridges = course.bridge_nights(tx, today - timedelta(days=days), today, own)
    municipalities = {found.code: found.name for found in registry.municipalities(tx)}
    return {
        "own_region": names.get(own, "") if own is not None else "",
        "regions": _regions(words, between, names, own),
        # Of one region the table says all of it, and the sum would tell what the table leaves out.
        "placed": sum(between.counts.values()) if own is None else 0,
        "crossed": sum(count for (origin, target), count in between.counts.items() if origin != target),
        "pools": [
            PoolLine(one.pool, words.gettext(POOLS.get(one.pool, one.pool)), one, _length(words, one.stay))
            for one in through.pools
        ],
        "departed": through.departed,
        "destinations": [
            *(Named(code, words.gettext(label("destination", code)), n) for code, n in through.destinations.shown),
            *([Named("rest", _rest(words), through.destinations.rest)] if through.destinations.rest >= SMALL else []),
        ],
        "blocks": blocks,
        "block_lines": _blocks(words, blocks),
        "repeats": {name: _few(words, getattr(repeats, name)) for name in ("noticed", "same", "back", "open")},
        "bridges": [
            BridgeLine(one.municipality, municipalities.get(one.municipality, one.municipality), one)
            if one.municipality
            else BridgeLine(
                f"open-{one.region}",
                words.gettext("Nog niet bekend wie betaalt, gevonden in %(region)s", region=names[one.region]),
                one,
            )
            for one in bridges
        ],
        "bridge_nights": sum(one.nights for one in bridges),
        "bridge_cents": sum(one.cents for one in bridges),
        "unpriced": sum(one.nights_without_price for one in bridges),
        "disputes": disputes,
        "ages": _ages(words, disputes),
        "age": _length(words, disputes.age),
    }


def _regions(words: Words, between: Between, names: dict[str, str], own: str | None) -> list[RegionLine]:
    quiet = (between.quiet(0), between.quiet(1)) if own is None else (frozenset[str](), frozenset[str]())

    def told(count: int, silent: bool) -> str:
        return words.gettext("niet genoemd") if silent and count >= SMALL else _few(words, count)

    lines = [
        (
            between.sent(code) + between.received(code),
            RegionLine(
                code,
                names.get(code, code),
                words.number(between.own(code)),
                told(between.sent(code), code in quiet[0]),
                told(between.received(code), code in quiet[1]),
                words.gettext("te weinig om te zeggen") if code in quiet[0] else _to(words, between, code, names),
            ),
        )
        for code in (between.regions if own is None else [own] if between.counts else [])
    ]
    return [line for _, line in sorted(lines, key=lambda one: (-one[0], one[1].name))]


def _to(words: Words, between: Between, code: str, names: dict[str, str]) -> str:
    """Where a region sent people, most first; what may not be told apart goes together."""
    sent = {target: count for (origin, target), count in between.counts.items() if origin == code != target and count}
    hidden = {target for origin, target in between.hidden if origin == code}
    parts = [
        f"{names.get(target, target)} {words.number(count)}"
        for target, count in sorted(sent.items(), key=lambda one: (-one[1], one[0]))
        if target not in hidden
    ]
    rest = sum(sent[target] for target in hidden)
    if rest >= SMALL:
        parts.append(words.gettext("andere regio’s %(count)s", count=words.number(rest)))
    elif rest:
        parts.append(words.gettext("te weinig om te zeggen"))
    return ", ".join(parts) or words.gettext("niemand")


def _few(words: Words, count: int) -> str:
    """A number of requests that is not small, or that there are none."""
    return words.number(count) if count == 0 or count >= SMALL else words.gettext("minder dan %(small)s", small=SMALL)


def _length(words: Words, found: Length) -> str:
    if found.median is None or found.p90 is None:
        return words.gettext("te weinig om te zeggen") if found.of else words.gettext("niemand vertrok")
    return words.gettext(
        "helft %(half)s of korter, negen op de tien %(most)s of korter",
        half=_days(words, found.median),
        most=_days(words, found.p90),
    )


def _days(words: Words, span: timedelta) -> str:
    return words.ngettext("%(num)s dag", "%(num)s dagen", span // timedelta(days=1))


def _rest(words: Words) -> str:
    return words.gettext("Wat te weinig voorkomt om apart te noemen")


def _blocks(words: Words, found: Blocks) -> list[BlockLine]:
    return [
        BlockLine(
            one.cause or "rest",
            words.gettext(label("block", one.cause)) if one.cause else _rest(words),
            one.stays,
            one.nights,
        )
        for one in found.by
    ]


def _ages(words: Words, found: Disputes) -> list[Named]:
    """Disputed settlements by how long they are."""
    days = [0, *(age // timedelta(days=1) for age in AGES)]
    spoken = [words.gettext("%(low)s tot %(high)s dagen", low=low, high=high) for low, high in pairwise(days)]
    spoken.append(words.gettext("%(low)s dagen of langer", low=days[-1]))
    return [Named(str(at), name, found.ages[at]) for at, name in enumerate(spoken) if found.ages[at]]
