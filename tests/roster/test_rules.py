"""Slots, turns, gaps and cuts, by hand and against every minute. No database."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nrm.calendar.rules import Calendar, instant
from nrm.clock import AMSTERDAM
from nrm.policy import OfficeHours
from nrm.roster.rules import TURN_DAYS, Cover, Stretch, left_of, needed, slots_of, uncovered

HOUR = timedelta(hours=1)
ZERO = datetime(2026, 11, 21, tzinfo=UTC)
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass
class Rule:
    weekdays: list[str] = field(default_factory=lambda: list(EVERY_DAY))
    starts: time = time(17)
    ends: time = time(9)
    valid_from: date = date(2026, 1, 1)
    valid_until: date | None = None
    people: list[str] = field(default_factory=lambda: ["anna"])
    turn_days: int = 7


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 28), 15), (date(2026, 10, 24), 17), (date(2026, 11, 21), 16)],
)
def test_a_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer(day: date, hours: int) -> None:
    (slot,) = slots_of(Rule(), day, day)
    assert slot.ends_at - slot.starts_at == hours * HOUR
    assert [at.astimezone(AMSTERDAM).time() for at in (slot.starts_at, slot.ends_at)] == [time(17), time(9)]


walls = st.times().map(lambda wall: wall.replace(fold=0))


@example(time(2, 15), time(3), 2026)
@example(time(1), time(2, 30), 2026)
@given(walls, walls, st.sampled_from([2026, 2027, 2030]))
def test_what_joins_on_the_wall_joins_in_time_all_year(starts: time, ends: time, year: int) -> None:
    """Two shifts that make up a day leave no minute uncovered and none twice, also where the wall jumps."""
    if starts == ends:
        return
    rules = (Rule(starts=starts, ends=ends, valid_from=date(year, 1, 1)), Rule(starts=ends, ends=starts))
    for around in (date(year, 3, 31), date(year, 10, 31)):
        first, last = around - timedelta(days=9), around
        slots = sorted((one.starts_at, one.ends_at) for rule in rules for one in slots_of(rule, first, last))
        assert all(one[1] == other[0] for one, other in pairwise(slots))


def test_people_take_turns_by_whole_weeks_from_a_monday() -> None:
    rule = Rule(valid_from=date(2026, 11, 18), people=["anna", "bert", "cor"])  # a Wednesday
    slots = slots_of(rule, date(2026, 11, 1), date(2026, 12, 14))
    by_day = {one.starts_at.astimezone(AMSTERDAM).date(): one.account_id for one in slots}
    assert min(by_day) == date(2026, 11, 18)
    assert {by_day[date(2026, 11, day)] for day in range(18, 23)} == {"anna"}
    assert {by_day[date(2026, 11, day)] for day in range(23, 30)} == {"bert"}
    assert by_day[date(2026, 11, 30)] == "cor"
    assert by_day[date(2026, 12, 7)] == by_day[date(2026, 12, 13)] == "anna"
    assert by_day[date(2026, 12, 14)] == "bert"


@pytest.mark.parametrize("turn", TURN_DAYS)
def test_whose_turn_it_is_does_not_depend_on_where_one_starts_counting(turn: int) -> None:
    rule = Rule(people=["anna", "bert", "cor"], turn_days=turn)
    whole = slots_of(rule, date(2026, 1, 1), date(2026, 12, 31))
    assert len(whole) == 365
    pieces = [slot for month in range(1, 13) for slot in whole if slot.starts_at.astimezone(AMSTERDAM).month == month]
    again = [
        slot
        for month in range(1, 13)
        for slot in slots_of(
            rule, date(2026, month, 1), date(2026 + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        )
    ]
    assert again == pieces


def test_only_on_its_weekdays_and_within_its_days() -> None:
    rule = Rule(["sat"], time(9), time(21), date(2026, 11, 14), date(2026, 11, 28))
    slots = slots_of(rule, date(2026, 11, 1), date(2026, 12, 31))
    assert [one.starts_at for one in slots] == [instant(date(2026, 11, day), time(9)) for day in (14, 21, 28)]
    assert {one.ends_at - one.starts_at for one in slots} == {12 * HOUR}


def test_round_the_clock_is_a_day_from_a_time_to_the_same_time() -> None:
    slots = slots_of(Rule(starts=time(9), ends=time(9)), date(2026, 10, 24), date(2026, 10, 26))
    assert [(one.ends_at - one.starts_at) / HOUR for one in slots] == [25, 24, 24]


def test_when_somebody_has_to_stand() -> None:
    calendar = Calendar(OfficeHours())
    friday, monday = instant(date(2026, 11, 20), time(12)), instant(date(2026, 11, 23), time(12))
    assert needed(Cover.ALWAYS, calendar, friday, monday) == [(friday, monday)]
    weekend = (instant(date(2026, 11, 20), time(17)), instant(date(2026, 11, 23), time(9)))
    assert needed(Cover.AFTER_HOURS, calendar, friday, monday) == [weekend]
    assert needed(Cover.ALWAYS, calendar, monday, friday) == []


def hours(*pairs: tuple[int, int]) -> list[Stretch]:
    return [(ZERO + begin * HOUR, ZERO + end * HOUR) for begin, end in pairs]


def minutes(stretches: Iterable[Stretch]) -> set[int]:
    return {hour for begin, end in stretches for hour in range(int((begin - ZERO) / HOUR), int((end - ZERO) / HOUR))}


Pairs = list[tuple[int, int]]
pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=6)


@given(pairs, pairs)
def test_uncovered_is_wanted_without_covered_joined_and_in_order(wanted: Pairs, covered: Pairs) -> None:
    found = uncovered(hours(*wanted), hours(*covered))
    assert minutes(found) == minutes(hours(*wanted)) - minutes(hours(*covered))
    assert all(one[1] < other[0] for one, other in pairwise(found)), "joined where they meet"


@given(st.tuples(st.integers(0, 20), st.integers(1, 20)), st.tuples(st.integers(0, 20), st.integers(1, 20)))
def test_what_is_left_of_a_slot(slot: tuple[int, int], window: tuple[int, int]) -> None:
    (whole,) = hours((slot[0], sum(slot)))
    (cut,) = hours((window[0], sum(window)))
    assert minutes(left_of(whole, cut)) == minutes([whole]) - minutes([cut])
