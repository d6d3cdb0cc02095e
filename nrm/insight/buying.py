"""For whoever buys places: what was asked for in their area, what they bought, what was used, what a norm would ask.

The demand is that of the region: a request says in which region somebody was found, not in which municipality.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from nrm.insight.rules import WITHDRAWN_OUTCOMES
from nrm.intake.models import PlacementRequest
from nrm.placing.models import Stay
from nrm.registry import queries as registry
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


def demand(tx: Tx, year: Year, region_code: str) -> Demand:
    """The demand of a region: also who found none, who gave up and who was placed elsewhere. Minors alone are not."""
    rows = tx.session.exec(
        select(CaseCourse).where(
            CaseCourse.region == region_code,
            CaseCourse.profile != ALONE,
            col(CaseCourse.submitted_at) <= year.end,
            col(CaseCourse.closed_at).is_(None) | (col(CaseCourse.closed_at) > year.since),
        )
    ).all()
    return counted(rows, year)


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
        if not row.follow_on and year.since <= row.submitted_at < year.until:
            parts[_part(row)] += 1
            persons += row.persons
    return Demand(sum(parts.values()), persons, dict(parts), tuple(per_night(spans, year.hours)))


def _part(row: CaseCourse) -> str:
    if row.placed_region is not None:
        return "own" if row.placed_region == row.region else "elsewhere"
    if row.closed_at is None:
        return "waiting"
    return "withdrawn" if row.outcome in WITHDRAWN_OUTCOMES else "without"


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
    """Its part of the nights of persons there: `own` (found in its region), `elsewhere`, `outside` (not asked here)."""
    stays: Mapping[str, int]
    """How many stays those are: to know whether they are few."""
    bridges: BridgeNightsOut | None

    @property
    def used_nights(self) -> float:
        return sum(self.used.values())

    @property
    def share(self) -> float | None:
        return self.used_nights / self.nights if self.nights else None


def buyers(tx: Tx, year: Year, region_code: str) -> list[Bought]:
    """The municipalities of a region that pay for places, those that buy most first; also who only paid for bridges."""
    names = {found.code: found.name for found in registry.municipalities(tx) if found.region_code == region_code}
    shares = tx.session.exec(select(Share)).all()
    whole: Counter[str] = Counter()
    for share in shares:
        whole[share.location_id] += share.parts
    own = [share for share in shares if share.municipality_code in names]
    places = _places(tx, {share.location_id for share in own})
    used, stays = _used(tx, year, region_code, {share.location_id for share in own})
    last = year.nights[-1] if year.nights else None
    paid = course.bridge_nights(tx, date(year.number, 1, 1), last, region_code) if last else []
    bridges = {one.municipality: one for one in paid}
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


def _used(
    tx: Tx, year: Year, region_code: str, location_ids: Iterable[str]
) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """Location → nights of persons, and → stays, by where whoever stayed was found."""
    rows = (
        select(Stay, col(PlacementRequest.region_code))
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
    for stay, found_in in tx.session.exec(rows):
        kind = "outside" if found_in is None else "own" if found_in == region_code else "elsewhere"
        if stay.arrived_at is None:
            continue
        last = bisect_left(hours, stay.ended_at) if stay.ended_at else len(hours)
        slept = stay.persons * max(0, last - bisect_left(hours, stay.arrived_at))
        if slept:
            nights.setdefault(stay.location_id, Counter())[kind] += slept
            stays.setdefault(stay.location_id, Counter())[kind] += 1
    return nights, stays
