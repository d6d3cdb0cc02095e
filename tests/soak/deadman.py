"""Row 7: when the alarm path itself is dead, somebody outside notices within five minutes.

A real worker in a process of its own pings a server of ours, which rings when it has heard nothing for two and a half
minutes of the turned clock. Then the worker is killed, frozen (SIGSTOP), shut out of its database or cut off from
outside; or one of its steps fails, or silently does nothing. Before that, nobody may have rung.
"""

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from ctypes import c_int64
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

import structlog
from sqlalchemy import create_engine, text, update

from nrm.db import Database
from nrm.placing.models import MatchState
from nrm.settings import Settings
from nrm.watch import service
from nrm.worker import Worker
from tests.builders import Town
from tests.soak.alarms import AlarmWorker, SharedClock
from tests.soak.ground import CHILDREN, Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row

PING_EVERY = timedelta(seconds=60)
RINGS_AFTER = timedelta(seconds=150)
NOTICED_WITHIN = timedelta(minutes=5)
STEP = timedelta(seconds=61)
AT_WORK = ("outbound", "failing_step", "idle_step")
"""Under these faults the worker goes on ticking, and a whole tick shows whether a ping comes of it."""
PATIENCE_SECONDS = 0.08
"""Where nobody ticks: how long we listen for a ping that should not come."""
PATIENCE_PLANTED_SECONDS = 10
"""The same where one should come; whoever hears it waits no longer."""
PLANTED_TRIALS = 2


class Outside:
    """Somebody outside who hears pings, and rings when there is none for long. `deaf` cuts it off."""

    def __init__(self, clock: SharedClock) -> None:
        self.clock = clock
        self.deaf = False
        self.heard: list[datetime] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outside.deaf:
                    self.close_connection = True
                    return  # hangs up without a word, as a wall in between does
                outside.heard.append(outside.clock.now())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait_for_more(self, than: int, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while len(self.heard) <= than and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.heard) > than

    def rings(self) -> bool:
        return bool(self.heard) and self.clock.now() - self.heard[-1] > RINGS_AFTER

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class WatchedWorker(AlarmWorker):
    """The worker with what alarms hang on, of which one step can be made to fail or to do nothing while it runs."""

    def __init__(self, database: Database, url: str, trick: c_int64) -> None:
        settings = Settings(deadman_url=url, deadman_seconds=int(PING_EVERY.total_seconds()))
        super().__init__(database, settings, {})
        self._trick = trick

    def _match(self) -> None:
        """A round of matching without the solver: row 7 is about whether it comes round at all."""
        with self.database.transaction() as tx:
            if not tx.affected(update(MatchState).values(matched_at=tx.now)):
                tx.session.add(MatchState(id=1, seq=0, matched_at=tx.now))

    def _escalate(self) -> None:
        if self._trick.value == 1:
            raise RuntimeError("planted by the trial")
        if self._trick.value != 2:
            super()._escalate()


def work(url: str, cell: c_int64, trick: c_int64, rounds: c_int64, outside: str, bug: str | None) -> None:
    """A worker that ticks until it is ended."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    database = Database(url, clock=SharedClock(cell))
    with BUGS[bug]() if bug else nullcontext():
        worker = WatchedWorker(database, outside, trick)
        if bug == "another_thread":
            threading.Thread(target=_ping_for_ever, args=(outside,), daemon=True).start()
        while True:
            worker.tick()
            rounds.value += 1
            time.sleep(0.005)


def _ping_for_ever(outside: str) -> None:
    """Planted: a thread of its own says that all is well, whatever the worker does."""
    while True:
        with suppress(OSError):
            service.get(outside)
        time.sleep(0.05)


def ping_although_a_step_fails() -> Any:
    """Planted: the ping goes with every tick, without a look at what failed or waits."""

    def tick(self: Worker) -> bool:
        for step in (self._lapse, self._escalate, self._deliver):
            self._survived(step.__name__, step)
        assert self._deadman is not None
        with patch.object(service, "troubles", lambda *_: []):
            return self._deadman.tell(self.database)

    return patch.object(Worker, "tick", tick)


def beats_without_work() -> Any:
    """Planted: only heartbeats count, so a step that silently does nothing goes unnoticed."""
    right = service.troubles

    def blind(figures: Any, names: Any, now: Any) -> Any:
        return right(type(figures)(figures.beats), names, now)

    return patch.object(service, "troubles", blind)


BUGS: dict[str, Callable[[], Any]] = {
    "ping_although_a_step_fails": ping_although_a_step_fails,
    "another_thread": nullcontext,
    "beats_without_work": beats_without_work,
}


class Post:
    """One worker at its post, what can befall it, and what somebody outside hears of it."""

    def __init__(self, here: Ground, crew: Crew, bug: str | None) -> None:
        self.here = here
        self.crew = crew
        self.bug = bug
        self.url = here.fresh()
        self.cell = CHILDREN.RawValue(c_int64, 0)
        self.trick = CHILDREN.RawValue(c_int64, 0)
        self.rounds = CHILDREN.RawValue(c_int64, 0)
        self.clock = SharedClock(self.cell)
        self.outside = Outside(self.clock)
        self.town = Town(Database(self.url, clock=self.clock), self.clock)  # type: ignore[arg-type]
        self.town.duty_officer()
        self.coordinator = self.town.coordinator()
        self.worker: BaseProcess | None = None

    def healthy(self) -> bool:
        """Two pings in a row, with the clock turned in between, so that the worker is really at work."""
        if self.worker is None:
            mine = (self.url, self.cell, self.trick, self.rounds, self.outside.url, self.bug)
            self.worker = self.crew.start(work, *mine)
        for _ in range(2):
            before = len(self.outside.heard)
            self.clock.turn(STEP)
            if not self.outside.wait_for_more(before, HANG_SECONDS):
                return False
        return not self.outside.rings()

    @contextmanager
    def struck(self, fault: str) -> Iterator[None]:
        """The fault, for as long as the block lasts."""
        assert self.worker is not None
        assert self.worker.pid is not None
        if fault == "kill":
            self.crew.kill(self.worker)
            self.worker = None
            yield
        elif fault == "freeze":
            os.kill(self.worker.pid, signal.SIGSTOP)
            yield
            os.kill(self.worker.pid, signal.SIGCONT)
        elif fault == "database":
            with self._database_blocked():
                yield
        elif fault == "outbound":
            self.outside.deaf = True
            yield
            self.outside.deaf = False
        else:
            # An alarm is due in half a minute, so that a step that does nothing has something not to do.
            before = len(self.outside.heard)
            self.town.request(self.coordinator, urgency="now")
            self.clock.turn(timedelta(minutes=59.5))
            if not self.outside.wait_for_more(before, HANG_SECONDS):
                raise TimeoutError("a worker that is well was not heard")
            self.trick.value = {"failing_step": 1, "idle_step": 2}[fault]
            yield
            self.trick.value = 0

    @contextmanager
    def _database_blocked(self) -> Iterator[None]:
        engine = create_engine(self.url.replace("postgresql://", "postgresql+psycopg://", 1))
        with engine.connect() as connection:
            if self.here.postgresql:
                connection.execute(text("LOCK TABLE heartbeat, request, message, offer IN ACCESS EXCLUSIVE MODE"))
            else:
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
            yield
            connection.rollback()
        engine.dispose()

    def ticked(self) -> None:
        """Return when the worker went through a whole tick from here on, however long one takes it."""
        enough, end = self.rounds.value + 2, time.monotonic() + HANG_SECONDS
        while self.rounds.value < enough and time.monotonic() < end:
            time.sleep(0.002)

    def noticed(self, fault: str, patience: float) -> timedelta | None:
        """How long after now somebody outside rings; None when nobody does in time."""
        if fault in AT_WORK:
            self.ticked()  # the tick during which it struck may still tell of a better time
        struck_at = self.clock.now()
        while (left := NOTICED_WITHIN - (self.clock.now() - struck_at)) > timedelta(0):
            before = len(self.outside.heard)
            self.clock.turn(min(STEP, left))
            if fault in AT_WORK:
                self.ticked()
            else:
                self.outside.wait_for_more(before, patience)
            if self.outside.rings():
                return self.clock.now() - struck_at
        return None

    def close(self) -> None:
        self.outside.close()
        self.town.database.close()


FAULTS = ("kill", "freeze", "database", "outbound", "failing_step", "idle_step")


def run(here: Ground, count: int, seed: int) -> Outcome:
    """Fault after fault in a random order, each at a worker that was well."""
    outcome = Outcome()
    chance = random.Random(seed)  # noqa: S311
    slowest = timedelta(0)
    with Crew() as crew:
        post = Post(here, crew, None)
        for number in range(count):
            fault = FAULTS[number % len(FAULTS)] if number < len(FAULTS) else chance.choice(FAULTS)
            outcome.trials += 1
            if not post.healthy():
                outcome.failures.append(f"{number}: a worker that is well was not heard, before {fault}")
                break
            with post.struck(fault):
                after = post.noticed(fault, PATIENCE_SECONDS)
            if after is None:
                outcome.failures.append(f"{number}: nobody outside noticed: {fault}")
            else:
                slowest = max(slowest, after)
        post.close()
    outcome.notes.append(f"slowest={slowest.total_seconds():.0f}s")
    return outcome


def _finds(bug: str, faults: tuple[str, ...], here: Ground, _seed: int) -> bool:
    with Crew() as crew:
        post = Post(here, crew, bug)
        try:
            for fault in faults * PLANTED_TRIALS:
                if not post.healthy():
                    return False
                with post.struck(fault):
                    if post.noticed(fault, PATIENCE_PLANTED_SECONDS) is None:
                        return True
            return False
        finally:
            post.close()


DEADMAN = Row(
    number=7,
    title="the alarm path dead, unnoticed",
    count=12,
    run=run,
    planted=(
        Planted("ping although a step fails", partial(_finds, "ping_although_a_step_fails", ("failing_step",))),
        Planted("heartbeat from another thread", partial(_finds, "another_thread", ("database",))),
        Planted("only heartbeats count", partial(_finds, "beats_without_work", ("idle_step",))),
    ),
)
