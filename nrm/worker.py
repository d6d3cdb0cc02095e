"""The worker: whatever comes due, at each tick. Missing a tick loses nothing; the next one finds the same rows."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from nrm.course import service as course
from nrm.db import Database
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.handover import service as handover
from nrm.notify import service as notify
from nrm.notify.channels import Channel, channels
from nrm.placing import matcher
from nrm.placing import service as placing
from nrm.registry import asking
from nrm.reporting import service as reporting
from nrm.roster import service as roster
from nrm.settings import Settings
from nrm.youth import service as youth

TICK_SECONDS = 0.5
BEAT_EVERY = timedelta(seconds=10)
PART = "worker"

log = structlog.get_logger()


class Worker:
    """Runs the steps in order, again and again. Several may run at once, on several machines."""

    def __init__(self, database: Database, settings: Settings, ways: dict[str, Channel] | None = None) -> None:
        self.database = database
        self._public_url = settings.public_url
        self._channels = channels(settings) if ways is None else ways
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._last_beat: datetime | None = None
        database.on_commit(self._wake.set)

    def tick(self) -> bool:
        """Do everything that is due now. False when a step failed; the others still ran.

        One broken step must not silence the rest: a matching defect may not keep an alarm from ringing.
        """
        steps: tuple[Callable[[], object], ...] = (
            self._lapse,
            self._follow_up,
            self._ask_youth_care,
            self._keep_roster,
            self._escalate,
            self._match,
            self._remind,
            self._open_reports,
            self._hand_over,
            self._deliver,
        )
        survived = [self._survived(step) for step in steps]
        # The beat can fail too (two workers write their first at once, the database goes away): never end for it.
        return all(survived) and self._survived(self._beat)

    def _survived(self, step: Callable[[], object]) -> bool:
        try:
            step()
        except Exception:
            log.exception("worker step failed", step=step.__name__.strip("_"))
            return False
        return True

    def run(self) -> None:
        """Tick until stopped; woken by commits of this process, else every half second."""
        while not self._stop.is_set():
            self._wake.clear()
            self.tick()
            self._wake.wait(TICK_SECONDS)

    def stop(self) -> None:
        """Let `run` return after the tick it is in."""
        self._stop.set()
        self._wake.set()

    def _lapse(self) -> None:
        placing.lapse_due(self.database)

    def _follow_up(self) -> None:
        course.follow_up(self.database)

    def _ask_youth_care(self) -> None:
        youth.ask_due(self.database)

    def _keep_roster(self) -> None:
        roster.keep_due(self.database)

    def _escalate(self) -> None:
        escalation.run_due(self.database)

    def _match(self) -> None:
        if matcher.match_due(self.database):
            matcher.match(self.database)

    def _remind(self) -> None:
        asking.remind_due(self.database, self._public_url)

    def _open_reports(self) -> None:
        reporting.open_missing(self.database)

    def _hand_over(self) -> None:
        handover.run_due(self.database, self._public_url)

    def _deliver(self) -> None:
        notify.deliver_due(self.database, self._channels, alarms.still_rings)

    def _beat(self) -> None:
        now = self.database.now()
        if self._last_beat is None or abs(now - self._last_beat) >= BEAT_EVERY:
            escalation.beat(self.database, PART)
            self._last_beat = now
