"""Reading the picture: places and persons per region, now and ahead. Counts only: no case, no house."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as select_rows
from sqlmodel import col, select

from nrm.clock import AMSTERDAM
from nrm.course.models import Blockage
from nrm.db import Tx
from nrm.insight import rules
from nrm.insight.models import CaseCourse, CaseWait, UnmetCause
from nrm.insight.rules import AHEAD, CAN_BE_ASKED, Ahead, Cause, Course, Inflow, Split
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest, RequestPerson
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.placing.models import Stay
from nrm.placing.rules import StayStatus
from nrm.registry import queries as registry
from nrm.registry.queries import BoardRow, LocationView, UnitView
from nrm.registry.rules import PlaceState


@dataclass(frozen=True)
class RegionAhead:
    """Places against persons in one region, per moment of `AHEAD`."""

    region_code: str
    ahead: tuple[Ahead, ...]
    locations: int
    locations_trusted: int


@dataclass(frozen=True)
class Picture:
    """The whole country, or one region of it, at one moment."""

    board: list[BoardRow]
    regions: list[RegionAhead]
    together: tuple[Ahead, ...]
    """As if everybody could go everywhere: surplus of one region makes up for the shortage of another."""
    inflow: Inflow


@dataclass
class _Day:
    """When a number of places or persons changes, and by how many."""

    seeking: list[tuple[datetime, int]]
    coming: list[tuple[date, int]]
    ending: list[tuple[date, int]]
    free: int = 0
    arrived: int = 0
    locations: int = 0
    trusted: int = 0


def picture(tx: Tx, region_code: str | None = None) -> Picture:
    """Places per region and pool, and places against persons now and ahead, of one region or of all."""
    views = [view for view in registry.locations(tx) if region_code in {None, view.location.region_code}]
    board = registry.board_rows(views)
    codes = [found.code for found in registry.regions(tx) if region_code in {None, found.code}]
    days = {code: _Day([], [], []) for code in codes}
    for row in board:
        day = days[row.region_code]
        day.free += row.free
        day.locations += row.locations
        day.trusted += row.locations_trusted
    leaving = _leaving(tx)
    for view in views:
        _ahead_of(view, leaving, days[view.location.region_code], tx.now)
    for found, persons in _seeking(tx):
        if found.region_code in days:
            days[found.region_code].seeking.append((found.needed_from, persons))
    since, recorded = _recorded(tx)
    for code, persons in _arrived(tx, since).items():
        if code in days:
            days[code].arrived += persons
    one_region = region_code is not None
    of_region = {code: rules.inflow(day.arrived, recorded, national=False) for code, day in days.items()}
    regions = [
        RegionAhead(
            code,
            tuple(_weighed(day, of_region[code], after, tx.now) for after in AHEAD),
            day.locations,
            day.trusted,
        )
        for code, day in days.items()
    ]
    everywhere = rules.inflow(sum(day.arrived for day in days.values()), recorded, national=not one_region)
    whole = _Day([], [], [])
    for day in days.values():
        whole.free += day.free
        whole.seeking += day.seeking
        whole.coming += day.coming
        whole.ending += day.ending
    together = tuple(_weighed(whole, everywhere, after, tx.now) for after in AHEAD)
    return Picture(board, regions, together, everywhere)


def _weighed(day: _Day, expected: Inflow, after: timedelta, now: datetime) -> Ahead:
    until = now + after
    by = until.astimezone(AMSTERDAM).date()
    return Ahead(
        after=after,
        seeking=sum(persons for needed_from, persons in day.seeking if needed_from <= until),
        free=day.free,
        coming_free=sum(places for on, places in day.coming if after and on <= by),
        ending=sum(places for on, places in day.ending if after and on <= by),
        inflow=None if expected.per_day is None else expected.per_day * (after / timedelta(days=1)),
    )


def _ahead_of(view: LocationView, leaving: dict[str, date], day: _Day, now: datetime) -> None:
    """When places of this location come free, and when they end with their funding or their use as crisis beds."""
    today = now.astimezone(AMSTERDAM).date()
    for unit in view.units:
        ends_on = _ends_on(view, unit, today)
        coming = [] if view.paused or not unit.lent else _coming(unit, leaving, today)
        # What comes free in a house that has ended by then comes to nobody's good.
        coming = [(on, places) for on, places in coming if ends_on is None or on < ends_on]
        day.coming += coming
        if ends_on is not None:
            free = 0 if view.paused or not view.trusted(unit) else unit.free_for_offer
            taken = unit.count(PlaceState.HELD) + unit.count(PlaceState.OCCUPIED)
            # Who left before has no need of another place, but the place they left goes too.
            day.ending.append((ends_on, free + taken + _more(coming, unit, leaving)))


def _coming(unit: UnitView, leaving: dict[str, date], today: date) -> list[tuple[date, int]]:
    """When places of a unit come free: a stay is expected to end, or a closure is."""
    taken = [place for place in unit.places if place.state in {PlaceState.OCCUPIED, PlaceState.HELD}]
    reopening = [
        (place.closure_expected_end, 1)
        for place in unit.places
        if place.closed and place.closure_expected_end and place.closure_expected_end >= today
    ]
    if unit.unit.private and taken:
        # Nobody else comes in until everybody left; then all of it is free.
        days = [leaving.get(place.holder or "") for place in taken]
        if any(on is None for on in days):
            return []
        last = max(on for on in days if on)
        return [(last, len(taken) + unit.count(PlaceState.FREE)), *((max(on, last), 1) for on, _ in reopening)]
    return [(leaving[place.holder], 1) for place in taken if place.holder in leaving] + reopening


def _more(coming: list[tuple[date, int]], unit: UnitView, leaving: dict[str, date]) -> int:
    """How many places come free beyond those of whoever leaves."""
    left = sum(place.state is PlaceState.OCCUPIED and place.holder in leaving for place in unit.places)
    return max(0, sum(places for _, places in coming) - left)


def _ends_on(view: LocationView, unit: UnitView, today: date) -> date | None:
    """The day on which a unit is no longer paid for, or no longer a crisis bed, if that is known and not past."""
    agreed = view.agreement
    dates = [on for on in (agreed.contract_ends_on, agreed.funding_ends_on) if on] if agreed else []
    if unit.designation:
        dates.append(unit.designation.ends_at.astimezone(AMSTERDAM).date())
    return min((on for on in dates if on >= today), default=None)


def _leaving(tx: Tx) -> dict[str, date]:
    """Stay → the day its party is expected to leave. Whose departure is past or blocked is not expected to."""
    today = tx.now.astimezone(AMSTERDAM).date()
    blocked = select(Blockage.stay_id).where(col(Blockage.ended_at).is_(None))
    rows = select(Stay.id, col(Stay.expected_departure)).where(
        Stay.status == StayStatus.ARRIVED, col(Stay.expected_departure) >= today, col(Stay.id).not_in(blocked)
    )
    return {stay_id: on for stay_id, on in tx.session.exec(rows) if on is not None}


def _seeking(tx: Tx) -> Iterable[tuple[PlacementRequest, int]]:
    """Every request of which nobody is being asked for a place, with its persons. A minor alone seeks no place here."""
    found = [one for one in intake.unplaced(tx) if one.status == RequestStatus.OPEN and not one.minor_alone]
    rows = select(RequestPerson.request_id).where(col(RequestPerson.request_id).in_([one.id for one in found]))
    persons = Counter(tx.session.exec(rows))
    return [(one, persons[one.id]) for one in found]


def _recorded(tx: Tx) -> tuple[datetime, timedelta]:
    """From when arrivals count, and over how long there are any on record."""
    since = tx.now - timedelta(days=rules.INFLOW_DAYS)
    first = tx.session.exec(select(func.min(PlacementRequest.created_at))).one()
    if first is None:
        return since, timedelta(0)
    return since, max(timedelta(0), tx.now - max(since, first))


def _arrived(tx: Tx, since: datetime) -> dict[str, int]:
    """Region → persons whose request came in since then. Follow-ons are no arrivals, nor are minors alone."""
    rows = (
        select(PlacementRequest.region_code, func.count())
        .join(RequestPerson, col(RequestPerson.request_id) == PlacementRequest.id)
        .where(
            col(PlacementRequest.created_at) > since,
            col(PlacementRequest.continues_id).is_(None),
            col(PlacementRequest.minor_alone).is_(False),
        )
        .group_by(PlacementRequest.region_code)
    )
    return dict(tx.session.exec(rows).all())


@dataclass(frozen=True)
class Part:
    """What one cause counts."""

    cause: Cause
    requests: int
    overdue: int = 0


@dataclass(frozen=True)
class Causes:
    """Requests without a place by their main cause: one each, so the parts are exactly the whole."""

    parts: tuple[Part, ...]
    rules: Split
    """Of no suitable place: which rule. What is small goes together."""
    declines: Split
    """Of declined: with which code."""
    blockers: tuple[tuple[str, int], ...]
    """Everything in the way of whom no place is proposed, where it is of at least so many; each can have several."""

    @property
    def requests(self) -> int:
        return sum(part.requests for part in self.parts)

    @property
    def overdue(self) -> int:
        return sum(part.overdue for part in self.parts)


def waiting_causes(tx: Tx, region_code: str | None = None) -> Causes:
    """Why whoever waits now has no place, in one region or everywhere."""
    return _causes([(cause, intake.is_unmet(request, tx.now)) for request, cause in waiting_cases(tx, region_code)])


def waiting_cases(tx: Tx, region_code: str | None = None) -> list[tuple[PlacementRequest, UnmetCause | None]]:
    """Whoever waits now, each with why they have no place as far as it was written down."""
    found = select(PlacementRequest, UnmetCause).outerjoin(
        UnmetCause,
        (col(UnmetCause.request_id) == PlacementRequest.id)
        & col(UnmetCause.until).is_(None)
        & col(UnmetCause.outcome).is_(None),
    )
    found = found.where(col(PlacementRequest.status).in_(UNPLACED))
    if region_code is not None:
        found = found.where(PlacementRequest.region_code == region_code)
    return list(tx.session.exec(found).all())


def ended_causes(tx: Tx, since: datetime, region_code: str | None = None) -> Causes:
    """On what requests ended that ended without a place since then."""
    return _causes([(cause, False) for cause in ended_cases(tx, since, region_code)])


def ended_cases(tx: Tx, since: datetime, region_code: str | None = None) -> list[UnmetCause]:
    """What each request ended on that ended without a place since then."""
    found = (
        select(UnmetCause)
        .join(PlacementRequest, col(PlacementRequest.id) == UnmetCause.request_id)
        .where(col(UnmetCause.outcome).is_not(None), col(UnmetCause.since) >= since)
    )
    if region_code is not None:
        found = found.where(PlacementRequest.region_code == region_code)
    return list(tx.session.exec(found).all())


def _causes(rows: list[tuple[UnmetCause | None, bool]]) -> Causes:
    """Add up; what no cause is written down of yet is so by its own name, never left out."""
    requests: Counter[Cause] = Counter()
    overdue: Counter[Cause] = Counter()
    details: dict[Cause, Counter[str]] = {}
    blockers: Counter[str] = Counter()
    for row, late in rows:
        cause = Cause(row.cause) if row else Cause.NOT_LOOKED
        requests[cause] += 1
        overdue[cause] += late
        details.setdefault(cause, Counter())[row.detail if row else ""] += 1
        if row and cause not in CAN_BE_ASKED:
            blockers.update({str(one["code"]) for one in row.blockers})
    return Causes(
        tuple(Part(cause, requests[cause], overdue[cause]) for cause in Cause if requests[cause]),
        rules.split(details.get(Cause.NO_SUITABLE_PLACE, {})),
        rules.split(details.get(Cause.DECLINED, {})),
        tuple(
            (code, count)
            for code, count in sorted(blockers.items(), key=lambda item: (-item[1], item[0]))
            if count >= rules.SMALL
        ),
    )


def courses(tx: Tx, request_ids: Iterable[str]) -> dict[str, Course]:
    """The courses of these requests, as far as the journal was read."""
    return _courses(tx, col(CaseCourse.request_id).in_(list(request_ids)))


def courses_since(tx: Tx, since: datetime, until: datetime, region_code: str | None = None) -> list[Course]:
    """The courses of the requests that came in in a period, of one region or of all; follow-ons are none."""
    conditions = [
        col(CaseCourse.submitted_at) >= since,
        col(CaseCourse.submitted_at) < until,
        col(CaseCourse.follow_on).is_(False),
    ]
    if region_code is not None:
        conditions.append(col(CaseCourse.region) == region_code)
    return list(_courses(tx, *conditions).values())


def _courses(tx: Tx, *conditions: ColumnElement[bool]) -> dict[str, Course]:
    """Read as columns: over a year there are tens of thousands."""
    waits: dict[str, list[tuple[datetime, datetime | None]]] = {}
    spans = (
        select(CaseWait.request_id, CaseWait.since, col(CaseWait.until))
        .join(CaseCourse, col(CaseCourse.request_id) == CaseWait.request_id)
        .where(*conditions)
        .order_by(CaseWait.request_id, col(CaseWait.number))
    )
    for request_id, since, until in tx.session.exec(spans):
        waits.setdefault(request_id, []).append((since, until))
    names = list(CaseCourse.model_fields)
    rows = tx.session.execute(
        select_rows(*(getattr(CaseCourse, name) for name in names)).where(*conditions).order_by(CaseCourse.request_id)
    )
    return {row[0]: Course(**dict(zip(names, row, strict=True)), waits=tuple(waits.get(row[0], ()))) for row in rows}


def causes_at(tx: Tx, at: datetime, region_code: str | None = None) -> Causes:
    """Why whoever waited at a moment had no place then: from what was written down, not from how it is now."""
    found = (
        select(CaseCourse, UnmetCause)
        .join(CaseWait, col(CaseWait.request_id) == CaseCourse.request_id)
        .outerjoin(
            UnmetCause,
            (col(UnmetCause.request_id) == CaseCourse.request_id)
            & col(UnmetCause.outcome).is_(None)
            & (col(UnmetCause.since) <= at)
            & (col(UnmetCause.until).is_(None) | (col(UnmetCause.until) > at)),
        )
        .where(col(CaseWait.since) <= at, col(CaseWait.until).is_(None) | (col(CaseWait.until) > at))
    )
    if region_code is not None:
        found = found.where(CaseCourse.region == region_code)
    return _causes(
        [(cause, course.norm_at is not None and course.norm_at <= at) for course, cause in tx.session.exec(found)]
    )
