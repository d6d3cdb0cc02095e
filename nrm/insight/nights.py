"""Free but unused: places that were free in the middle of a night, while somebody waited whom they would do.

Looked at once a night, by the rules the solver uses, while it is so: nobody can work it out again later.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

import matching
from nrm.clock import AMSTERDAM
from nrm.course.rules import night_of
from nrm.db import Database, Tx
from nrm.insight.models import NightLook, UnmetCause
from nrm.insight.rules import SMALL, Cause
from nrm.intake import queries as intake
from nrm.journal import JournalEntry, Said
from nrm.placing import problem as placing
from nrm.placing.problem import Built
from nrm.placing.rules import NOT_TO_BE_HAD, SAFETY, merged
from nrm.registry import queries as registry
from nrm.registry.rules import TRUSTED

LOOKED = "night.looked"

NIGHT_HOUR = 4
"""By the clock on the wall: who has a place then slept in it, and who has none did not."""

MISSED_HOUR = 8
"""From then on the night is over. One that nobody looked at until then stays unknown."""

FITS = "fits:"
"""Before the cause, where nothing but that nobody was brought there kept a place free."""

_NO_RULE = NOT_TO_BE_HAD | {SAFETY, "size", "only_location"}
"""What no one rule less would change: somebody is not safe there, or does not fit in it."""


@dataclass(frozen=True)
class Room:
    """A room with free places that may be counted on, and per request that waits what keeps it out there."""

    region: str
    pool: str
    places: int
    codes: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Line:
    """Free places of a kind in a region, with why they stayed free while somebody waited."""

    region: str
    pool: str
    code: str
    """`fits:` and the main cause of whoever fits, or the one rule that kept somebody out."""
    places: int
    requests: tuple[str, ...]
    """Who waited whom this says something of: to know later whether it was few. Shown to nobody."""


@dataclass(frozen=True)
class Region:
    """What one region had that night."""

    free: int = 0
    waiting: int = 0
    houses: int = 0
    trusted: int = 0
    """Houses whose figure may be counted on."""


@dataclass(frozen=True)
class Seen:
    """One night."""

    regions: Mapping[str, Region]
    lines: tuple[Line, ...]

    def plain(self) -> dict[str, Any]:
        """As it is written down."""
        return {
            "regions": {code: asdict(found) for code, found in self.regions.items()},
            "lines": [{**asdict(line), "requests": list(line.requests)} for line in self.lines],
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Seen":
        """As it was written down."""
        return cls(
            {code: Region(**found) for code, found in plain["regions"].items()},
            tuple(Line(**{**line, "requests": tuple(line["requests"])}) for line in plain["lines"]),
        )


def night_due(now: datetime) -> date | None:
    """The night that can be looked at now, if it can."""
    return night_of(now) if NIGHT_HOUR <= now.astimezone(AMSTERDAM).hour < MISSED_HOUR else None


def newest(now: datetime) -> date:
    """The newest night of which its hour is past."""
    wall = now.astimezone(AMSTERDAM)
    return wall.date() - timedelta(days=1 if wall.hour >= NIGHT_HOUR else 2)


def unused(rooms: Iterable[Room], causes: Mapping[str, str]) -> tuple[Line, ...]:
    """Why each room with free places had nobody: each place once, at what would have been least to change.

    That somebody fits comes before that one rule kept somebody out; of several causes or rules the one that holds for
    most who wait.
    """
    places: Counter[tuple[str, str, str]] = Counter()
    who: dict[tuple[str, str, str], set[str]] = {}
    for room in rooms:
        fitting: dict[str, set[str]] = {}
        nearly: dict[str, set[str]] = {}
        for request_id, codes in room.codes.items():
            if not codes:
                fitting.setdefault(FITS + causes.get(request_id, Cause.NOT_LOOKED), set()).add(request_id)
            elif len(codes) == 1 and _NO_RULE.isdisjoint(codes):
                nearly.setdefault(next(iter(codes)), set()).add(request_id)
        found = fitting or nearly
        if found:
            code = max(found, key=lambda one: (len(found[one]), one))
            places[room.region, room.pool, code] += room.places
            who.setdefault((room.region, room.pool, code), set()).update(found[code])
    return tuple(Line(*key, places[key], tuple(sorted(who[key]))) for key in sorted(places))


def look(database: Database) -> bool:
    """Write down what stayed free this night, once. Whether it was written now.

    Read in one transaction, worked out in none, written in another: nobody waits for it.
    """
    with database.reading() as tx:
        night = night_due(tx.now)
        if night is None or tx.session.get(NightLook, night) is not None:
            return False
        built, waiting, causes = _read(tx)
    found = seen(built, waiting, causes)
    with database.transaction() as tx:
        return write(tx, night, found)


def write(tx: Tx, night: date, found: Seen) -> bool:
    """Write down what a night had, once."""
    try:
        with tx.session.begin_nested():
            tx.session.add(NightLook(night=night, at=tx.now, seen=found.plain()))
    except IntegrityError:  # another worker looked at the same time
        return False
    tx.record(LOOKED, f"night:{night.isoformat()}", "picture", **found.plain())
    return True


def read_back(tx: Tx, entry: JournalEntry | Said) -> None:
    """A night as the journal has it."""
    night = date.fromisoformat(entry.subject.removeprefix("night:"))
    tx.session.merge(NightLook(night=night, at=entry.at, seen=json.loads(entry.data)))


def _read(tx: Tx) -> tuple[Built, dict[str, str], dict[str, str]]:
    """The problem of whoever waits for a place tonight, the region of each, and why each has none."""
    tonight = [one for one in intake.unplaced(tx) if not one.minor_alone and one.needed_from <= tx.now]
    built = placing.build(tx, intake.details(tx, tonight), registry.locations(tx), with_previous=False)
    waiting = {one.id: one.region_code for one in tonight}
    return built, waiting, causes_of(tx, waiting)


def causes_of(tx: Tx, request_ids: Iterable[str]) -> dict[str, str]:
    """Why each of these has no place now, as far as it was written down."""
    live = select(UnmetCause.request_id, UnmetCause.cause).where(
        col(UnmetCause.request_id).in_(list(request_ids)), col(UnmetCause.until).is_(None)
    )
    return dict(tx.session.exec(live).all())


def seen(built: Built, waiting: Mapping[str, str], causes: Mapping[str, str]) -> Seen:
    """What these rooms and whoever waits (request → region) make of a night."""
    codes = {request_id: matching.pair_codes(built.problem, request_id) for request_id in waiting}
    rooms = [
        Room(
            view.location.region_code,
            view.location.pool,
            unit.free_for_offer,
            {one: frozenset(merged(built.told(unit_id, codes[one][unit_id]))) for one in waiting},
        )
        for unit_id, (view, unit) in built.units.items()
        if unit.free_for_offer and unit.lent and view.trusted(unit) and not view.paused
    ]
    free: Counter[str] = Counter()
    for room in rooms:
        free[room.region] += room.places
    houses = {view.location.id: view for view, _ in built.units.values()}.values()
    all_houses = Counter(view.location.region_code for view in houses)
    trusted = Counter(view.location.region_code for view in houses if view.freshness.band in TRUSTED)
    seeking = Counter(waiting.values())
    regions = {
        code: Region(free[code], seeking[code], all_houses[code], trusted[code])
        for code in sorted({*free, *seeking, *all_houses})
    }
    return Seen(regions, unused(rooms, causes))


@dataclass(frozen=True)
class Count:
    """Nights of places, and of how many different requests they say something."""

    place_nights: int
    requests: int

    @property
    def told(self) -> bool:
        """Whether it is of enough people to be named apart."""
        return self.requests >= SMALL


@dataclass(frozen=True)
class Kind:
    """Free places of a pool in a region, over a period, in nights."""

    region: str
    pool: str
    fitting: int
    nearly: int


@dataclass(frozen=True)
class Unused:
    """What stayed free over a period while somebody waited, of one region's houses or of all."""

    nights: int
    """Nights of the period that are over."""
    looked: int
    """Nights that were looked at."""
    free: int
    """Nights of places that were free, whoever waited."""
    fitting: int
    """Of those: somebody waited who could have come at once."""
    nearly: int
    """Of those: one rule kept somebody out."""
    requests: int
    """How many different requests waited a night while a place that would do was free."""
    request_nights: int
    """How many nights they waited so, together: no more places than that could have been used."""
    causes: Mapping[str, Count]
    kinds: tuple[Kind, ...]
    houses: int = 0
    trusted: int = 0
    """Of the houses per night, summed: whose figure could be counted on."""


def over(tx: Tx, since: date, until: date, region_code: str | None = None) -> Unused:
    """The nights from `since` up to but not including `until`, added up."""
    looks = tx.session.exec(
        select(NightLook)
        .where(col(NightLook.night) >= since, col(NightLook.night) < until)
        .order_by(col(NightLook.night))
    ).all()
    return summed([(row.night, Seen.of(row.seen)) for row in looks], (until - since).days, region_code)


def summed(looks: Sequence[tuple[date, Seen]], nights: int, region_code: str | None = None) -> Unused:
    """The same of nights that were read already. A place counts where it stands, a request where it waits."""
    regions = [found for _, seen in looks for code, found in seen.regions.items() if region_code in {None, code}]
    lines = [line for _, seen in looks for line in seen.lines if region_code in {None, line.region}]
    fitting = [line for line in lines if line.code.startswith(FITS)]
    places: Counter[str] = Counter()
    who: dict[str, set[str]] = {}
    kinds: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        places[line.code] += line.places
        who.setdefault(line.code, set()).update(line.requests)
        kinds.setdefault((line.region, line.pool), [0, 0])[not line.code.startswith(FITS)] += line.places
    return Unused(
        nights=nights,
        looked=len(looks),
        free=sum(found.free for found in regions),
        fitting=sum(line.places for line in fitting),
        nearly=sum(line.places for line in lines) - sum(line.places for line in fitting),
        requests=len({one for line in fitting for one in line.requests}),
        request_nights=sum(
            len(
                {
                    one
                    for line in seen.lines
                    if line.code.startswith(FITS) and region_code in {None, line.region}
                    for one in line.requests
                }
            )
            for _, seen in looks
        ),
        causes={code: Count(places[code], len(who[code])) for code in places},
        kinds=tuple(Kind(*key, *kinds[key]) for key in sorted(kinds)),
        houses=sum(found.houses for found in regions),
        trusted=sum(found.trusted for found in regions),
    )
