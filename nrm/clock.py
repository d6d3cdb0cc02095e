"""The only reader of the wall clock. Everywhere else time is an argument."""

import threading
import time
from datetime import UTC, datetime, timedelta
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


class PacedClock:
    """The clock of an exercise: stands still, or runs so many times as fast as the wall's. It never goes back."""

    def __init__(self, at: datetime) -> None:
        self._lock = threading.Lock()
        self._at, self._since, self._pace = at, monotonic_seconds(), 0

    def now(self) -> datetime:
        with self._lock:
            return self._now()

    def run(self, pace: int) -> None:
        """Run `pace` times as fast as the wall's from now on; 0 stands still."""
        assert pace >= 0, pace
        with self._lock:
            if pace != self._pace:
                self._at, self._since, self._pace = self._now(), monotonic_seconds(), pace

    def turn(self, to: datetime) -> None:
        """Turn it forward to a moment; one that is past changes nothing."""
        with self._lock:
            self._at, self._since = max(self._now(), to), monotonic_seconds()

    def _now(self) -> datetime:
        return self._at + self._pace * timedelta(seconds=monotonic_seconds() - self._since)


def monotonic_seconds() -> float:
    """Seconds on a clock that never jumps, for durations inside one process only."""
    return time.monotonic()
