"""The only reader of the wall clock. Everywhere else time is an argument."""

import time
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class Clock(Protocol):
    """Something that says what time it is, as an aware UTC instant."""

    def now(self) -> datetime: ...


class SystemClock:
    """This machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Seconds on a clock that never jumps, for durations inside one process only."""
    return time.monotonic()
