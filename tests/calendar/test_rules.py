"""Is it office time, and when does that change: by hand at every edge, and against every minute where it counts."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nrm.calendar import rules
from nrm.calendar.rules import Calendar, Closure, OfficeState, Period, is_office_time, office_state, stretches
from nrm.clock import AMSTERDAM
from nrm.policy import Authority, Holiday, OfficeHours

USUAL = Calendar(Authority().office_hours)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
DST_DAYS = (date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 10, 24), date(2026, 10, 25))
ALL_DAY = (time(0), time(0))


def at(*wall: int) -> datetime:
    return datetime(*wall, tzinfo=AMSTERDAM).astimezone(UTC)  # type: ignore[arg-type, misc]


def minutes_of(day: date) -> Iterator[datetime]:
    """Every minute of a day on the wall: 23, 24 or 25 hours of them."""
    minute = datetime.combine(day, time(), AMSTERDAM).astimezone(UTC)
    while minute.astimezone(AMSTERDAM).date() == day:
        yield minute
        minute += MINUTE


@pytest.mark.parametrize(
    ("day", "closed", "closed_when_all"),
    [
        (date(2026, 1, 1), True, True),
        (date(2026, 4, 3), False, True),  # Good Friday
        (date(2026, 4, 6), True, True),
        (date(2026, 4, 27), True, True),
        (date(2026, 5, 5), False, True),  # Liberation Day, of no fifth year
        (date(2025, 5, 5), True, True),
        (date(2026, 5, 14), True, True),
        (date(2026, 5, 15), False, False),
        (date(2026, 5, 25), True, True),
        (date(2026, 12, 24), False, False),
        (date(2026, 12, 25), True, True),
        (date(2028, 12, 26), True, True),
    ],
)
def test_on_a_public_holiday_offices_are_closed(day: date, closed: bool, closed_when_all: bool) -> None:
    noon = datetime.combine(day, time(12), AMSTERDAM).astimezone(UTC)
    everything = Calendar(USUAL.usual, holidays=frozenset(get_args(Holiday)))
    none = Calendar(USUAL.usual, holidays=frozenset())
    assert [is_office_time(one, noon) for one in (USUAL, everything, none)] == [not closed, not closed_when_all, True]


def test_a_holiday_is_a_day_on_the_wall() -> None:
    """It begins and ends at midnight in Amsterdam, which in winter is 23:00 the day before."""
    calendar = Calendar(OfficeHours(opens=time(0), closes=time(23, 59), holidays=("new_years_day",)))
    begins = datetime(2025, 12, 31, 23, tzinfo=UTC)
    tick, ends = timedelta(minutes=2), begins + timedelta(days=1)
    found = [is_office_time(calendar, moment) for moment in (begins - tick, begins, ends - tick, ends)]
    assert found == [True, False, False, True]


@pytest.mark.parametrize("hours", [OfficeHours(), OfficeHours(weekdays=("sun",), opens=time(1), closes=time(3))])
@pytest.mark.parametrize("day", [*DST_DAYS, date(2026, 11, 20), date(2026, 11, 21), date(2026, 12, 31)])
def test_every_minute_of_a_day_is_judged_by_the_clock_on_the_wall(hours: OfficeHours, day: date) -> None:
    """Also when the clocks change: 02:30 happens twice in October, and both are the same hour of the night."""
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]
    minutes = list(minutes_of(day))
    for minute in minutes:
        wall = minute.astimezone(AMSTERDAM)
        expected = weekday in hours.weekdays and hours.opens.hour <= wall.hour < hours.closes.hour
        assert is_office_time(Calendar(hours), minute) is expected, wall
    assert len(minutes) == {date(2026, 3, 29): 23, date(2026, 10, 25): 25}.get(day, 24) * 60


def test_offices_open_on_the_stroke_and_close_on_it() -> None:
    opens = at(2026, 11, 23, 9)
    closes = opens + timedelta(hours=8)
    found = [is_office_time(Calendar(OfficeHours()), one) for one in (opens - TICK, opens, closes - TICK, closes)]
    assert found == [False, True, True, False]
    late = Calendar(OfficeHours(weekdays=("fri",), opens=time(0), closes=time(23, 59, 59, 999999)))
    assert [is_office_time(late, one) for one in (at(2026, 11, 20, 23, 59, 59), at(2026, 11, 21, 0))] == [True, False]


@pytest.mark.parametrize(
    ("moment", "open_", "changes"),
    [
        ((2026, 11, 21, 23, 40), False, (2026, 11, 23, 9)),  # Saturday night: Monday morning
        ((2026, 11, 23, 9), True, (2026, 11, 23, 17)),
        ((2026, 11, 23, 17), False, (2026, 11, 24, 9)),
        ((2026, 12, 24, 18), False, (2026, 12, 28, 9)),  # Christmas on Friday and Saturday, and a Sunday
        ((2026, 3, 27, 17), False, (2026, 3, 30, 9)),  # over the night that summer begins
        ((2026, 10, 23, 17), False, (2026, 10, 26, 9)),  # and ends
        ((2026, 4, 24, 20), False, (2026, 4, 28, 9)),  # King's Day on a Monday
    ],
)
def test_when_it_changes(moment: tuple[int, ...], open_: bool, changes: tuple[int, ...]) -> None:
    assert office_state(USUAL, at(*moment)) == OfficeState(open_, at(*changes))


NIGHT = Calendar(
    OfficeHours(),
    (
        Period(
            date(2026, 1, 1),
            None,
            {"sat": (time(22), time(0)), "sun": (time(0), time(2, 30)), "mon": (time(2, 15), time(4))},
        ),
    ),
)


@pytest.mark.parametrize(
    "calendar", [USUAL, NIGHT, Calendar(OfficeHours(weekdays=("sun",), opens=time(2, 30), closes=time(3)))]
)
@pytest.mark.parametrize("day", [*DST_DAYS, date(2026, 12, 24)])
def test_the_change_is_the_first_minute_that_differs(calendar: Calendar, day: date) -> None:
    """Worked out by walking: whatever the rule says changes, changes there and not a minute before."""
    minutes = list(minutes_of(day))
    opened = [is_office_time(calendar, minute) for minute in minutes]
    following: datetime | None = None
    for index in reversed(range(len(minutes) - 1)):
        if opened[index] is not opened[index + 1]:
            following = minutes[index + 1]
        if following:
            assert office_state(calendar, minutes[index]) == OfficeState(opened[index], following), minutes[index]


def test_hours_that_the_wall_skips_or_shows_twice() -> None:
    """On the last Sunday of March 02:30 does not come: who opens then is open from 03:00. In October it comes twice."""
    calendar = Calendar(OfficeHours(weekdays=("sun",), opens=time(2, 30), closes=time(3, 30)))
    spring, autumn = at(2026, 3, 29, 0), at(2026, 10, 25, 0)
    assert office_state(calendar, spring) == OfficeState(False, datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    walked, moment = [], autumn
    for _ in range(4):
        state = office_state(calendar, moment)
        assert state.changes_at
        moment = state.changes_at
        walked.append((state.open, moment.hour, moment.minute))
    assert walked == [(False, 0, 30), (True, 1, 0), (False, 1, 30), (True, 2, 30)]


def test_hours_hold_from_their_first_day_until_their_last() -> None:
    summer = Period(date(2026, 7, 6), date(2026, 8, 14), {"mon": (time(8), time(12)), "fri": (time(8), time(10))})
    always = Period(date(2026, 1, 1), None, {"mon": (time(10), time(16))})
    calendar = Calendar(OfficeHours(), (always, summer))
    assert office_state(calendar, at(2026, 7, 3, 12)) == OfficeState(False, at(2026, 7, 6, 8))
    assert office_state(calendar, at(2026, 8, 14, 9)) == OfficeState(True, at(2026, 8, 14, 10))
    assert office_state(calendar, at(2026, 8, 14, 10)) == OfficeState(False, at(2026, 8, 17, 10))
    # Before anything of its own, the hours everybody has.
    assert office_state(calendar, at(2025, 12, 29, 9)) == OfficeState(True, at(2025, 12, 29, 17))


def test_round_the_clock_has_no_change_and_neither_has_never() -> None:
    days = dict.fromkeys(rules.WEEKDAYS, ALL_DAY)
    always = Calendar(OfficeHours(), (Period(date(2026, 1, 1), None, days),), holidays=frozenset())
    never = Calendar(OfficeHours(), (Period(date(2026, 1, 1), None, {}),))
    assert office_state(always, at(2026, 3, 28, 12)) == OfficeState(True, None)
    assert office_state(never, at(2026, 3, 28, 12)) == OfficeState(False, None)
    # With its last day in sight, that is the change.
    ends = Calendar(OfficeHours(), (Period(date(2026, 1, 1), date(2026, 3, 31), days),), holidays=frozenset())
    assert office_state(ends, at(2026, 3, 28, 12)) == OfficeState(True, at(2026, 4, 1, 0))


def test_a_closure_over_midnight_and_one_at_the_edge_of_the_hours() -> None:
    days = dict.fromkeys(rules.WEEKDAYS, ALL_DAY)
    moving = Closure(at(2026, 11, 23, 23, 30), at(2026, 11, 24, 0, 30))
    always = Calendar(OfficeHours(), (Period(date(2026, 1, 1), None, days),), frozenset(), (moving,))
    assert office_state(always, moving.from_at - TICK) == OfficeState(True, moving.from_at)
    assert office_state(always, moving.from_at) == OfficeState(False, moving.until_at)
    assert office_state(always, moving.until_at) == OfficeState(True, None)
    morning = Calendar(OfficeHours(), closures=(Closure(at(2026, 11, 23, 7), at(2026, 11, 23, 9)),))
    assert office_state(morning, at(2026, 11, 23, 8)) == OfficeState(False, at(2026, 11, 23, 9))
    week = Calendar(OfficeHours(), closures=(Closure(at(2026, 11, 23, 0), at(2026, 11, 28, 0)),))
    assert office_state(week, at(2026, 11, 20, 18)) == OfficeState(False, at(2026, 11, 30, 9))


moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: at(2026, 1, 1) + minutes * MINUTE)
walls = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))
spans = st.tuples(walls, walls).filter(lambda span: span[0] < span[1] or span[1] == time())
days = st.dates(date(2025, 12, 1), date(2028, 1, 1))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    hours = st.dictionaries(st.sampled_from(rules.WEEKDAYS), spans)
    periods = st.builds(Period, days, st.none() | days, hours)
    closures = st.builds(
        lambda start, hours: Closure(start, start + timedelta(hours=hours)), moments, st.integers(1, 900)
    )
    return Calendar(
        OfficeHours(),
        tuple(draw(st.lists(periods, max_size=3, unique_by=lambda one: one.valid_from))),
        draw(st.none() | st.frozensets(st.sampled_from(get_args(Holiday)))),
        tuple(draw(st.lists(closures, max_size=3))),
    )


@given(calendars(), moments)
def test_a_change_is_a_change_and_nothing_changes_before_it(calendar: Calendar, moment: datetime) -> None:
    state = office_state(calendar, moment)
    assert state.open is is_office_time(calendar, moment)
    until = moment + timedelta(days=9)
    if state.changes_at:
        assert state.changes_at > moment
        assert state.changes_at.tzinfo is UTC
        assert is_office_time(calendar, state.changes_at) is not state.open
        assert is_office_time(calendar, state.changes_at - TICK) is state.open
        until = min(until, state.changes_at)
    walked = moment
    while walked < until:
        assert is_office_time(calendar, walked) is state.open, walked
        walked += timedelta(minutes=97)


@given(calendars(), moments, st.integers(0, 12))
def test_open_and_closed_stretches_together_are_all_there_is(calendar: Calendar, start: datetime, length: int) -> None:
    end = start + timedelta(days=length)
    joined = sorted(stretches(calendar, start, end, True) + stretches(calendar, start, end, False))
    assert [edge for pair in joined for edge in pair] == sorted(edge for pair in joined for edge in pair)
    assert all(one[1] == other[0] for one, other in pairwise(joined))
    if length:
        assert (joined[0][0], joined[-1][1]) == (start, end)


def test_what_is_asked_of_many_is_answered_quickly() -> None:
    """A tick may ask it for every open case: counted in days looked at, not in seconds."""
    looked = 0

    class Counted(Calendar):
        def span(self, day: date) -> rules.Span | None:
            nonlocal looked
            looked += 1
            return super().span(day)

    office_state(Counted(Authority().office_hours), at(2026, 11, 20, 18))
    assert looked < 20
