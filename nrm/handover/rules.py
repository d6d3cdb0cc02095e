"""When a night is handed over, when its list is due, and in what codes a call ends. Pure: no session, no clock."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from nrm.clock import AMSTERDAM
from nrm.placing.rules import is_office_time
from nrm.policy import OfficeHours

CLOSED_DAYS_MAX = 31
"""So many days ahead we look for the next working day; longer than any row of holidays."""


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


def opening_after(hours: OfficeHours, at: datetime) -> datetime | None:
    """The first moment after `at` at which offices open, by the clock on the wall. None when they never do."""
    day = at.astimezone(AMSTERDAM).date()
    for ahead in range(CLOSED_DAYS_MAX + 1):
        opening = _on_the_wall(day + timedelta(days=ahead), hours.opens)
        if opening > at and is_office_time(hours, opening):
            return opening
    return None


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
