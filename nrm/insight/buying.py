"""For whoever buys places: what was asked for in their area, what they bought, what was used, what a norm would ask.

An area is a region, or what a centre municipality buys for. A request always says in which region somebody was found,
and not always in which municipality: of the area of a centre municipality the demand is at least what is told here.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate

from sqlalchemy import func
from sqlmodel import col, select

from nrm.clock import AMSTERDAM
from nrm.course import queries as course
from nrm.course.schemas import BridgeNightsOut
from nrm.db import Tx
from nrm.insight.models import CaseCourse
from nrm.insight.nights import NIGHT_HOUR, newest
from nrm.insight.rules import SMALL, WITHDRAWN_OUTCOMES
from nrm.intake.models import PlacementRequest
from nrm.placing.models import Stay
from nrm.registry import centres
from nrm.registry import queries as registry
from nrm.registry.centres import Centres
from nrm.registry.models import Place, Share, Unit
from nrm.registry.rules import Use

ENOUGH = (80, 90, 95)
"""On how many of a hundred nights there would be a place for everybody: three norms, to choose from."""

ALONE = "minor_alone"
"""The profile of a minor alone, for whom municipalities buy no place here."""


@dataclass(frozen=True)
class Year:
    """The nights of a year that are over, by their evening, and the moments between which they lie."""

    number: int
    nights: tuple[date, ...]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, number: int, now: datetime, begun: datetime | None = None) -> "Year":
        """A whole year, or what is past of this one; not what was before anything was recorded."""
        first, last = date(number, 1, 1), min(date(number, 12, 31), newest(now))
        if begun is not None:
            first = max(first, newest(begun) + timedelta(days=1))
        nights = tuple(first + timedelta(days=at) for at in range(max(0, (last - first).days + 1)))
        since = datetime.combine(date(number, 1, 1), time(0), AMSTERDAM).astimezone(UTC)
        until = datetime.combine(date(number + 1, 1, 1), time(0), AMSTERDAM).astimezone(UTC)
        return cls(number, nights, since, min(until, now))

    @property
    def first_day(self) -> date:
        return date(self.number, 1, 1)

    @property
    def last_day(self) -> date:
        """Of the year, or today."""
        return min(date(self.number, 12, 31), self.until.astimezone(AMSTERDAM).date())

    @property
    def end(self) -> datetime:
        """The year, with the early hours of its last night."""
        return max([self.until, *self.hours[-1:]])

    @property
    def hours(self) -> list[datetime]:
        """The moment of each night at which it is asked who is where."""
        return [
            datetime.combine(night + timedelta(days=1), time(NIGHT_HOUR), AMSTERDAM).astimezone(UTC)
            for night in self.nights
        ]


def year(tx: Tx, number: int) -> Year:
    """A year as far as anything was recorded in it: from the first request on."""
    begun = tx.session.exec(select(func.min(CaseCourse.submitted_at))).one()
    return Year.of(number, tx.now, begun or tx.now)


@dataclass(frozen=True)
class Area:
    """Whose demand and places it is about: a region, or the municipalities that one centre municipality buys for."""

    code: str
    regions: frozenset[str]
    """Where it lies."""
    centres: Centres
    whole: bool
    """A region, with everybody who was found in it."""

    def centre(self, municipality: str | None, at: datetime) -> str:
        """Whose area a municipality was in; itself where no list says so, empty when it is not known which it is."""
        day = at.astimezone(AMSTERDAM).date()
        return (self.centres.of(municipality, day) or municipality) if municipality else ""

    def holds(self, region: str, municipality: str | None, at: datetime) -> bool | None:
        """Whether somebody who was found there belongs to it; None when it is not known where in the region it was."""
        if self.whole:
            return region in self.regions
        return self.centre(municipality, at) == self.code if municipality else None if region in self.regions else False


def region_area(tx: Tx, code: str) -> Area:
    """A whole region."""
    return Area(code, frozenset({code}), centres.listed(tx), whole=True)


def centre_area(tx: Tx, code: str, year: Year) -> Area:
    """The municipalities that a centre municipality buys for, as it was in a year."""
    listed = centres.listed(tx)
    inside = members(listed, code, year)
    names = registry.municipalities(tx)
    return Area(code, frozenset(one.region_code for one in names if one.code in inside), listed, whole=False)


def members(listed: Centres, code: str, year: Year) -> set[str]:
    """The municipalities whose area it was at some time in a year: itself alone where no list says so."""
    return listed.area(code, year.first_day, year.last_day) or {code}


Span = tuple[datetime, datetime | None, int]
"""From when until when, for how many persons."""


def per_night(spans: Iterable[Span], hours: Sequence[datetime]) -> list[int]:
    """How many persons each night, of those whose time includes its hour."""
    change = [0] * (len(hours) + 1)
    for since, until, persons in spans:
        change[bisect_left(hours, since)] += persons
        change[bisect_left(hours, until) if until else len(hours)] -= persons
    return list(accumulate(change))[: len(hours)]


def enough(nights: Sequence[int], percent: int) -> int | None:
    """The fewest places with which on so many of a hundred nights everybody had one; None of no nights."""
    ordered = sorted(nights)
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


@dataclass(frozen=True)
class Demand:
    """Who asked for a place from a region in a year. The parts are exactly the whole."""

    requests: int
    persons: int
    parts: Mapping[str, int]
    """`own` and `elsewhere` (placed), `waiting`, `withdrawn`, `without` (ended otherwise without a place from here)."""
    need: tuple[int, ...]
    """Persons per night who waited for a place or were in one, wherever it was."""
    spread: Mapping[str, int] = field(default_factory=dict)
    """Centre municipality → the requests from where the area lies that are in its area; empty: not known where."""

    @property
    def asked(self) -> int:
        """The requests from the regions in which the area lies."""
        return sum(self.spread.values())

    @property
    def known(self) -> int:
        """Of how many of those it is known in which municipality it was."""
        return self.asked - self.spread.get("", 0)

    @property
    def nights(self) -> int:
        return sum(self.need)


@dataclass(frozen=True)
class Month:
    """What a region needed in one month, of its nights that are over."""

    first: date
    average: float
    most: int


def months(found: Demand, year: Year) -> list[Month]:
    """The need of a year month by month, so that its busy times are seen."""
    needs: dict[date, list[int]] = {}
    for night, need in zip(year.nights, found.need, strict=True):
        needs.setdefault(night.replace(day=1), []).append(need)
    return [Month(first, sum(of) / len(of), max(of)) for first, of in needs.items()]


def demand(tx: Tx, year: Year, area: Area) -> Demand:
    """The demand of an area: also who found none, who gave up and who was placed elsewhere. Minors alone are not."""
    rows = tx.session.exec(
        select(CaseCourse).where(
            col(CaseCourse.region).in_(area.regions),
            CaseCourse.profile != ALONE,
            col(CaseCourse.submitted_at) <= year.end,
            col(CaseCourse.closed_at).is_(None) | (col(CaseCourse.closed_at) > year.since),
        )
    ).all()
    spread = Counter(area.centre(row.municipality, row.submitted_at) for row in rows if _is_new(row, year))
    inside = (row for row in rows if area.holds(row.region, row.municipality, row.submitted_at))
    return replace(counted(inside, year), spread=dict(spread))


def _is_new(row: CaseCourse, year: Year) -> bool:
    return not row.follow_on and year.since <= row.submitted_at < year.until


def counted(rows: Iterable[CaseCourse], year: Year) -> Demand:
    """The same of courses that were read already."""
    parts: Counter[str] = Counter()
    persons = 0
    spans: list[Span] = []
    for row in rows:
        # Whoever goes on to a next place is in the one before until they arrive.
        since = row.arrived_at if row.follow_on else row.submitted_at
        if since is not None:
            spans.append((since, row.closed_at, row.persons))
        if _is_new(row, year):
            parts[_part(row)] += 1
            persons += row.persons
    return Demand(sum(parts.values()), persons, dict(parts), tuple(per_night(spans, year.hours)))


def _part(row: CaseCourse) -> str:
    if row.placed_region is not None:
        return "own" if row.placed_region == row.region else "elsewhere"
    if row.closed_at is None:
        return "waiting"
    return "withdrawn" if row.outcome in WITHDRAWN_OUTCOMES else "without"


TENTHS_MIN = 50
"""Of fewer requests it is told only whether it is half of them or more."""


def coverage(found: Demand) -> tuple[int, int] | None:
    """Of about how many of how many requests it is known where: in tenths, or in halves; None of very few.

    So coarse that nobody takes one area from another and is left with a few people.
    """
    if found.asked < SMALL:
        return None
    if found.asked < TENTHS_MIN:
        return int(2 * found.known >= found.asked), 2
    return (20 * found.known + found.asked) // (2 * found.asked), 10


@dataclass(frozen=True)
class Bought:
    """What one municipality bought, as it is agreed now, and what of it was used in the year so far."""

    municipality: str
    name: str
    places: float
    """Its part of the places of the houses it pays for."""
    nights: float
    """The same over the nights that are over."""
    used: Mapping[str, float]
    """Its part of the nights of persons there: `own` (found in the area), `elsewhere`, `unknown` (in its region, not
    known where), `outside` (not asked here)."""
    stays: Mapping[str, int]
    """How many stays those are: to know whether they are few."""
    bridges: BridgeNightsOut | None

    @property
    def used_nights(self) -> float:
        return sum(self.used.values())

    @property
    def share(self) -> float | None:
        return self.used_nights / self.nights if self.nights else None


def buyers(tx: Tx, year: Year, area: Area) -> list[Bought]:
    """The municipalities of an area that pay for places, those that buy most first; also who only paid for bridges."""
    names = {
        found.code: found.name
        for found in registry.municipalities(tx)
        if area.holds(found.region_code, found.code, tx.now)
    }
    shares = tx.session.exec(select(Share)).all()
    whole: Counter[str] = Counter()
    for share in shares:
        whole[share.location_id] += share.parts
    own = [share for share in shares if share.municipality_code in names]
    places = _places(tx, {share.location_id for share in own})
    used, stays = _used(tx, year, area, {share.location_id for share in own})
    last = year.nights[-1] if year.nights else None
    paid = course.bridge_nights(tx, year.first_day, last) if last else []
    bridges = {one.municipality: one for one in paid if one.municipality}
    found = []
    for code in {*(share.municipality_code for share in own), *bridges} & names.keys():
        parts = {
            share.location_id: share.parts / whole[share.location_id]
            for share in own
            if share.municipality_code == code
        }
        bought = sum(places[location] * part for location, part in parts.items())
        nights: dict[str, float] = {}
        counts: Counter[str] = Counter()
        for location, part in parts.items():
            for kind, amount in used.get(location, {}).items():
                nights[kind] = nights.get(kind, 0) + amount * part
            counts.update(stays.get(location, {}))
        found.append(
            Bought(code, names[code], bought, bought * len(year.nights), nights, dict(counts), bridges.get(code))
        )
    return sorted(found, key=lambda one: (-one.places, one.name))


def _places(tx: Tx, location_ids: Iterable[str]) -> Counter[str]:
    """Location → its places, those of rooms for other groups apart."""
    rows = (
        select(Unit.location_id)
        .join(Place, col(Place.unit_id) == Unit.id)
        .where(col(Unit.location_id).in_(list(location_ids)), Unit.use != Use.REGULAR)
    )
    return Counter(tx.session.exec(rows))


_WHERE = {True: "own", False: "elsewhere", None: "unknown"}


def _used(
    tx: Tx, year: Year, area: Area, location_ids: Iterable[str]
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """Location → nights of persons, and → stays, by where whoever stayed was found."""
    rows = (
        select(
            Stay,
            col(PlacementRequest.region_code),
            col(PlacementRequest.municipality_code),
            col(PlacementRequest.created_at),
        )
        .outerjoin(PlacementRequest, col(PlacementRequest.id) == Stay.request_id)
        .where(
            col(Stay.location_id).in_(list(location_ids)),
            col(Stay.other_group).is_(False),
            col(Stay.arrived_at) <= year.end,
            col(Stay.ended_at).is_(None) | (col(Stay.ended_at) > year.since),
        )
    )
    hours = year.hours
    nights: dict[str, Counter[str]] = {}
    stays: dict[str, Counter[str]] = {}
    for stay, region, municipality, asked_at in tx.session.exec(rows):
        kind = "outside" if region is None else _WHERE[area.holds(region, municipality, asked_at)]
        if stay.arrived_at is None:
            continue
        last = bisect_left(hours, stay.ended_at) if stay.ended_at else len(hours)
        slept = stay.persons * max(0, last - bisect_left(hours, stay.arrived_at))
        if slept:
            nights.setdefault(stay.location_id, Counter())[kind] += slept
            stays.setdefault(stay.location_id, Counter())[kind] += 1
    return nights, stays
