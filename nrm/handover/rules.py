"""When a night is handed over, when its list is due, and in what codes a call ends. Pure: no session, no clock."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from nrm.calendar.rules import Calendar, office_state
from nrm.clock import AMSTERDAM


class CallResult(StrEnum):
    """How a call ended. Coded: what somebody said is not written down."""

    NO_ANSWER = "no_answer"
    ENGAGED = "engaged"
    SAYS_FREE = "says_free"
    SAYS_FULL = "says_full"
    CALLS_BACK = "calls_back"
    OTHER = "other"


class ListReason(StrEnum):
    """Why a night list was made."""

    EVENING = "evening"
    OUTAGE = "outage"
    AWAY = "away"
    PRACTICE = "practice"


class Errand(StrEnum):
    """What comes round by the clock."""

    HANDOVER = "handover"
    NIGHT_LIST = "night_list"


def opening_after(calendar: Calendar, at: datetime) -> datetime | None:
    """The first moment after `at` at which the office opens. None when it never does."""
    state = office_state(calendar, at)
    if state.open and state.changes_at is not None:
        state = office_state(calendar, state.changes_at)
    return None if state.open else state.changes_at


def next_at(wall: time, at: datetime) -> datetime:
    """The first moment after `at` at which the clock on the wall says this, today or tomorrow."""
    day = at.astimezone(AMSTERDAM).date()
    today = _on_the_wall(day, wall)
    return today if today > at else _on_the_wall(day + timedelta(days=1), wall)


def passphrase(number: int) -> str:
    """Twenty digits in groups of five, such as `48201 77310 09945 26318`: on any keyboard, and easy to say."""
    digits = f"{number % 10**20:020d}"
    return " ".join(digits[start : start + 5] for start in range(0, 20, 5))


def _on_the_wall(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, AMSTERDAM).astimezone(UTC)
