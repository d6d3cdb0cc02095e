"""The worker: whatever comes due, at each tick. Missing a tick loses nothing; the next one finds the same rows."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog

from nrm.clock import PacedClock
from nrm.course import service as course
from nrm.db import Database
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.exercise.playing import Player
from nrm.exercise.service import refuse_mix
from nrm.handover import service as handover
from nrm.insight import boards, nights, periods, releases, situations, stating
from nrm.insight import service as insight
from nrm.journal import last_seq
from nrm.notify import service as notify
from nrm.notify.channel import Channel
from nrm.notify.channels import channels
from nrm.placing import matcher
from nrm.placing import service as placing
from nrm.registry import asking
from nrm.reporting import service as reporting
from nrm.roster import service as roster
from nrm.settings import Settings
from nrm.watch import service as watch
from nrm.watch.service import Deadman
from nrm.youth import service as youth

TICK_SECONDS = 0.5
BEAT_EVERY = timedelta(seconds=10)
LOOK_EVERY = timedelta(seconds=1)
STATE_EVERY = timedelta(minutes=5)
"""So often it is looked whether a statement is missing, although none is due: policy may have moved its moment."""
PART = "worker"
STEPS = (
    "lapse",
    "follow_up",
    "ask_youth_care",
    "keep_roster",
    "escalate",
    "match",
    "keep_picture",
    "keep_situation",
    "ask_situations",
    "make_statements",
    "publish",
    "remind",
    "open_reports",
    "hand_over",
    "deliver",
)
"""What a tick does, in this order: each a method of the worker."""

log = structlog.get_logger()


def parts() -> tuple[str, ...]:
    """What must beat for all to be well: the worker, and each of its steps."""
    return (PART, *(_part_of(name) for name in STEPS))


def _part_of(step: str) -> str:
    return f"{PART}:{step}"


class Aside:
    """One piece of work beside the ticks, that nothing waits for: a month of a large country takes a while to count."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._thread: threading.Thread | None = None
        self._failed: Exception | None = None

    def go(self) -> None:
        """Begin, unless it is busy. Raises what went wrong the last time; the time after that it is tried again."""
        if self._thread is not None and self._thread.is_alive():
            return
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait until it is not busy."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - raised at the next look
            self._failed = error


class Worker:
    """Runs the steps in order, again and again. Several may run at once, on several machines."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        ways: dict[str, Channel] | None = None,
        clock: PacedClock | None = None,
        publish: Callable[[Database], object] = releases.release_due,
    ) -> None:
        """`clock` is that of an exercise, which this worker turns. Raises Conflict when practice and reality mix."""
        refuse_mix(database, settings.exercise)
        self.database = database
        self._public_url = settings.public_url
        # An exercise has no way out, whoever asks for one.
        self._channels = channels(settings) if ways is None or settings.exercise else ways
        self._player = Player(database, clock) if settings.exercise and clock else None
        self._standing = matcher.Standing()
        self._publishing = Aside(partial(publish, database))
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._beats: dict[str, datetime] = {}
        self._looked: tuple[int, datetime] | None = None
        """Up to which journal entry and when everything that may not go unnoticed was looked at, with nothing left."""
        self._reported: int | None = None
        """Up to which journal entry every request has its report."""
        self._stated: tuple[datetime, datetime] | None = None
        """When every statement that is due was there, and when the next one is."""
        self._deadman = (
            Deadman(settings.deadman_url, parts(), timedelta(seconds=settings.deadman_seconds))
            if settings.deadman_url and not settings.exercise
            else None
        )
        database.on_commit(self._wake.set)

    def tick(self) -> bool:
        """Do everything that is due now. False when a step failed; the others still ran.

        One broken step must not silence the rest: a matching defect may not keep an alarm from ringing.
        """
        survived = {name: self._survived(name, getattr(self, f"_{name}")) for name in STEPS}
        fine = all(survived.values())
        # The beat can fail too (two workers write their first at once, the database goes away): never end for it.
        beaten = self._survived("beat", lambda: self._beat(survived))
        if fine and beaten and self._deadman is not None:
            self._survived("deadman", partial(self._deadman.tell, self.database))
        return fine and beaten

    def _survived(self, name: str, step: Callable[[], object]) -> bool:
        try:
            step()
        except Exception:
            log.exception("worker step failed", step=name)
            return False
        return True

    def run(self) -> None:
        """Tick until stopped; woken by commits of this process, else every half second."""
        while not self._stop.is_set():
            self._wake.clear()
            if not self.round():
                self._wake.wait(TICK_SECONDS)
        self.settle()

    def round(self) -> bool:
        """A tick; in an exercise after its script, and not while an outage is played. True: go on at once."""
        if self._player is None:
            self.tick()
            return False
        try:
            return self._player.round(self.tick)
        except Exception:
            # As with a step: what is wrong with the script may not end the worker, and is tried again.
            log.exception("the exercise failed to play")
            return False

    def stop(self) -> None:
        """Let `run` return after the tick it is in."""
        self._stop.set()
        self._wake.set()

    def settle(self) -> None:
        """Wait for what is done beside the ticks."""
        self._publishing.settle()

    def _lapse(self) -> None:
        placing.lapse_due(self.database)

    def _follow_up(self) -> None:
        course.follow_up(self.database)

    def _ask_youth_care(self) -> None:
        youth.ask_due(self.database)

    def _keep_roster(self) -> None:
        roster.keep_due(self.database)

    def _escalate(self) -> None:
        # Looking takes a while and a tick comes at every commit: look when something changed, and each second.
        with self.database.reading() as tx:
            seen = last_seq(tx.session), tx.now
        if self._looked and self._looked[0] == seen[0] and abs(seen[1] - self._looked[1]) < LOOK_EVERY:
            return
        self._looked = None
        escalation.run_due(self.database)
        with self.database.reading() as tx:
            self._looked = seen if alarms.oldest_overdue(tx) is None else None

    def _match(self) -> None:
        if matcher.match_due(self.database):
            matcher.match(self.database, self._standing)

    def _keep_picture(self) -> None:
        insight.keep(self.database)
        nights.look(self.database)
        boards.count(self.database)

    def _keep_situation(self) -> None:
        situations.keep(self.database)

    def _ask_situations(self) -> None:
        periods.ask_due(self.database)

    def _make_statements(self) -> None:
        now = self.database.now()
        if self._stated and now < self._stated[1] and abs(now - self._stated[0]) < STATE_EVERY:
            return
        self._stated = None
        stating.make_due(self.database, self._public_url)
        self._stated = now, stating.next_due(self.database)

    def _publish(self) -> None:
        with self.database.reading() as tx:
            due = releases.due(tx)
        if due is not None:
            self._publishing.go()

    def _remind(self) -> None:
        asking.remind_due(self.database, self._public_url)

    def _open_reports(self) -> None:
        # The first look goes through every request there ever was; a new one comes with an entry in the journal.
        with self.database.reading() as tx:
            newest = last_seq(tx.session)
        if newest != self._reported:
            reporting.open_missing(self.database, self._reported)
            self._reported = newest

    def _hand_over(self) -> None:
        handover.run_due(self.database, self._public_url)

    def _deliver(self) -> None:
        notify.deliver_due(self.database, self._channels, alarms.still_rings)

    def _beat(self, survived: Mapping[str, bool]) -> None:
        """Every step that got through beats for itself, and the worker when all of them did."""
        now = self.database.now()
        done = [_part_of(name) for name, well in survived.items() if well]
        if all(survived.values()):
            done.append(PART)
        # Each by its own last beat: who failed and is well again says so at once.
        due = [part for part in done if part not in self._beats or abs(now - self._beats[part]) >= BEAT_EVERY]
        if due:
            watch.beat(self.database, due)
            self._beats |= dict.fromkeys(due, now)
