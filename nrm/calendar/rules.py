"""Is it office time, and when does that change? Pure: UTC in, UTC out, the wall clock of Amsterdam in between."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import get_args

from holidays import country_holidays

from nrm.clock import AMSTERDAM
from nrm.policy import Holiday, OfficeHours, Weekday

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

HORIZON_DAYS = 400
"""How far ahead a change is looked for. What stays as it is for longer than a year has no change worth naming."""

MIDNIGHT = time()

CLOSURE_REASONS = ("collective_leave", "local_holiday", "training", "moving", "emergency", "other")
"""Why an office is closed on days on which it would be open. Coded: nobody's story."""

Span = tuple[time, time]
"""From and until on one day, by the clock on the wall; until 00:00 is the end of the day."""

_HOLIDAYS: dict[str, Holiday] = {
    "New Year's Day": "new_years_day",
    "Good Friday": "good_friday",
    "Easter Monday": "easter_monday",
    "King's Day": "kings_day",
    "Liberation Day": "liberation_day",
    "Ascension Day": "ascension_day",
    "Pentecost Monday": "whit_monday",
    "Christmas Day": "christmas_day",
    "Second Day of Christmas": "second_christmas_day",
}
"""As the library calls them; those that are always a Sunday are left out."""


@cache
def holidays_of(year: int) -> dict[date, frozenset[Holiday]]:
    """The public holidays of a year, in the Netherlands."""
    public = country_holidays("NL", years=year, categories=("public",), language="en_US")
    found = {}
    for day, names in country_holidays("NL", years=year, categories=("public", "optional"), language="en_US").items():
        # Two may fall on one day: the library then writes both names.
        named = {_HOLIDAYS[name] for name in names.split("; ") if name in _HOLIDAYS}
        lustrum: set[Holiday] = {"liberation_lustrum"} if "liberation_day" in named and day in public else set()
        found[day] = frozenset(named | lustrum)
    return found


@dataclass(frozen=True)
class Period:
    """Office hours that hold from one day up to and including another; a weekday that is not named is closed."""

    valid_from: date
    valid_until: date | None
    hours: Mapping[str, Span]

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True)
class Closure:
    """From one instant until another nobody is there."""

    from_at: datetime
    until_at: datetime


@dataclass(frozen=True)
class Calendar:
    """When one organisation is there. `usual` holds on days for which it wrote down no hours of its own."""

    usual: OfficeHours
    periods: tuple[Period, ...] = ()
    holidays: frozenset[str] | None = None
    """On which public holidays it is closed; None is as `usual` says."""
    closures: tuple[Closure, ...] = ()

    def span(self, day: date) -> Span | None:
        """The hours of this day, closures apart; None when it is closed. Of two periods the later one holds."""
        closed_on = self.usual.holidays if self.holidays is None else self.holidays
        if not holidays_of(day.year).get(day, frozenset()).isdisjoint(closed_on):
            return None
        weekday = WEEKDAYS[day.weekday()]
        own = max((one for one in self.periods if one.holds(day)), key=lambda one: one.valid_from, default=None)
        if own:
            return own.hours.get(weekday)
        return (self.usual.opens, self.usual.closes) if weekday in self.usual.weekdays else None


@dataclass(frozen=True)
class OfficeState:
    """Whether it is office time, and the first instant (UTC) at which that is otherwise; None when it stays so."""

    open: bool
    changes_at: datetime | None


def is_office_time(calendar: Calendar, at: datetime) -> bool:
    """Whether the office is open at this instant, by the clock on the wall. It closes on the stroke."""
    local = at.astimezone(AMSTERDAM)
    span = calendar.span(local.date())
    if span is None or not _within(span, local.time()):
        return False
    return not any(closure.from_at <= at < closure.until_at for closure in calendar.closures)


def office_state(calendar: Calendar, at: datetime) -> OfficeState:
    """Is it office time at this instant, and when does that change?"""
    now_open = is_office_time(calendar, at)
    first = at.astimezone(AMSTERDAM).date()
    for ahead in range(HORIZON_DAYS):
        for edge in _edges(calendar, first + timedelta(days=ahead)):
            if edge > at and is_office_time(calendar, edge) is not now_open:
                return OfficeState(now_open, edge)
    return OfficeState(now_open, None)


def stretches(
    calendar: Calendar, from_at: datetime, until_at: datetime, is_open: bool
) -> list[tuple[datetime, datetime]]:
    """The stretches of time between two instants in which it is office time (or in which it is not), in order."""
    found = []
    at = from_at
    while at < until_at:
        state = office_state(calendar, at)
        ends = min(state.changes_at or until_at, until_at)
        if state.open is is_open:
            found.append((at, ends))
        at = ends
    return found


def instant(day: date, wall: time) -> datetime:
    """The instant at which the wall shows this time on this day.

    A time that the wall skips in spring is the jump itself; of one that it shows twice in autumn, the first. So later
    on the wall is never earlier in time, and what joined on the wall joins in time.
    """
    shown = datetime.combine(day, wall)
    at = shown.replace(tzinfo=AMSTERDAM).astimezone(UTC)
    if at.astimezone(AMSTERDAM).replace(tzinfo=None) == shown:
        return at
    return _jump(instant(day, MIDNIGHT), instant(day + timedelta(days=1), MIDNIGHT))


def _within(span: Span, wall: time) -> bool:
    opens, closes = span
    return opens <= wall and (wall < closes or closes == MIDNIGHT)


def _edges(calendar: Calendar, day: date) -> list[datetime]:
    """Every instant on this day at which it may become, or stop being, office time; in order."""
    begins, ends = instant(day, MIDNIGHT), instant(day + timedelta(days=1), MIDNIGHT)
    edges = {begins}
    walls = calendar.span(day) or ()
    if ends - begins == timedelta(days=1):
        edges.update(instant(day, wall) for wall in walls)
    else:
        # The wall jumps: what it shows may come twice, or not at all, and then the jump itself is the change.
        edges.add(_jump(begins, ends))
        edges.update(instant(day, wall.replace(fold=fold)) for wall in walls for fold in (0, 1))
    edges.update(edge for closure in calendar.closures for edge in _within_day(closure, begins, ends))
    return sorted(edges)


def _within_day(closure: Closure, begins: datetime, ends: datetime) -> Iterator[datetime]:
    return (edge for edge in (closure.from_at, closure.until_at) if begins <= edge < ends)


def _jump(begins: datetime, ends: datetime) -> datetime:
    """The instant between these two at which the wall's distance to UTC changes."""
    before = begins.astimezone(AMSTERDAM).utcoffset()
    low, high = 0, int((ends - begins).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = (begins + timedelta(seconds=middle)).astimezone(AMSTERDAM).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    return begins + timedelta(seconds=high)
