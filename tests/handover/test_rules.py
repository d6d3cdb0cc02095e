"""When a night is handed over, also on the mornings the clocks change and after Christmas; when its list is due."""

from datetime import UTC, datetime, time, timedelta

import pytest

from nrm.calendar.rules import Calendar, is_office_time
from nrm.clock import AMSTERDAM
from nrm.handover.rules import next_at, opening_after, passphrase
from nrm.policy import Authority, OfficeHours

HOURS = Calendar(Authority().office_hours)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=AMSTERDAM)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (local(2026, 11, 21, 23, 40), local(2026, 11, 23, 9)),  # Saturday night → Monday
        (local(2026, 11, 23, 8, 59), local(2026, 11, 23, 9)),
        (local(2026, 11, 23, 9), local(2026, 11, 24, 9)),  # the moment itself is past
        (local(2026, 12, 24, 18), local(2026, 12, 28, 9)),  # Christmas on Friday and Saturday → Monday
        (local(2027, 3, 26, 20), local(2027, 3, 30, 9)),  # Good Friday evening → Tuesday after Easter
        (local(2026, 3, 27, 22), local(2026, 3, 30, 9)),  # over the night summer time begins
        (local(2026, 10, 23, 22), local(2026, 10, 26, 9)),  # and ends
    ],
)
def test_the_next_working_morning_by_the_clock_on_the_wall(at: datetime, opens: datetime) -> None:
    assert opening_after(HOURS, at) == opens


def test_every_hour_of_a_year_leads_to_an_opening_that_is_one() -> None:
    """From wherever one looks: later than now, nine on the wall, offices just shut and just open."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    openings = set()
    while at.year == 2026:
        opening = opening_after(HOURS, at)
        assert opening is not None
        assert at < opening
        assert opening.astimezone(AMSTERDAM).time() == time(9)
        assert is_office_time(HOURS, opening)
        assert not is_office_time(HOURS, opening - timedelta(microseconds=1))
        openings.add(opening)
        at += timedelta(hours=1)
    # 261 weekdays, less new year, Easter Monday, King's day, Ascension, Whit Monday and Christmas day; and 4 January.
    assert len(openings) == 261 - 6 + 1


def test_offices_that_never_open_hand_nothing_over() -> None:
    assert opening_after(Calendar(OfficeHours(weekdays=())), local(2026, 11, 21, 23, 40)) is None


@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 3, 29), (2026, 10, 24), (2026, 10, 25), (2026, 11, 21)])
def test_the_list_is_due_at_its_hour_on_the_wall_also_when_the_clocks_change(day: tuple[int, int, int]) -> None:
    due = next_at(time(16, 30), local(*day, 12))
    assert due == local(*day, 16, 30)
    assert next_at(time(16, 30), due).astimezone(AMSTERDAM).time() == time(16, 30)
    assert timedelta(hours=22) < next_at(time(16, 30), due) - due < timedelta(hours=26)


def test_a_passphrase_is_twenty_digits_whatever_was_drawn() -> None:
    assert passphrase(0) == "00000 00000 00000 00000"
    assert passphrase(48201773100994526318) == "48201 77310 09945 26318"
    assert len({passphrase(number) for number in range(100)}) == 100
