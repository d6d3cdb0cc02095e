"""Row 5: every rung that came due fires exactly once, whatever was killed and however long nobody worked.

Real workers in processes of their own, all on one turned clock. They are killed with `kill -9`: from outside at a
random moment, and by themselves right before or after a random write, which finds every gap between two of them.
"""

import logging
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from ctypes import c_int64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import structlog
from sqlalchemy import event, exists, literal, update
from sqlmodel import col, func, select

from nrm.db import Database
from nrm.escalation import rules, service
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED
from nrm.intake.schemas import RequestIn
from nrm.journal import JournalEntry
from nrm.notify.models import Message
from nrm.placing import service as placing
from nrm.placing.models import Offer
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import DEADLINES_ALONE, SATURDAY_NIGHT, Town
from tests.soak.ground import CHILDREN, Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row
from tests.soak.scene import propose_in, small_town, somebody_on_every_rung

WORKERS = 3
REQUESTS = 3
"""New requests per kill, each with four rungs; and one offer whose hold lapses."""
STEP = timedelta(seconds=30)
LATE_MAX = timedelta(seconds=60)
CLAIM = timedelta(minutes=30)
MERGED = timedelta(minutes=10)
"""What the ladder of these trials says, as numbers: how long a claim lasts, and how long a card is told of once."""
DOWN = (timedelta(minutes=1), timedelta(minutes=17), timedelta(hours=3), timedelta(days=1), timedelta(days=7))
IDLE_SECONDS = 1.5
"""What a worker waits at most between two ticks."""
LOOK_SECONDS = 0.03
"""How often we look whether all is done: looking takes the processor from those who do it."""
PLANTED_KILLS_MAX = 10


class SharedClock:
    """One clock for all processes of a trial, turned by the parent: microseconds since the night began.

    Without a lock: somebody killed while holding it would stop the time for everybody.
    """

    def __init__(self, cell: c_int64) -> None:
        self._cell = cell

    def now(self) -> datetime:
        return SATURDAY_NIGHT + timedelta(microseconds=self._cell.value)

    def turn(self, amount: timedelta) -> None:
        self._cell.value += amount // timedelta(microseconds=1)


@dataclass
class FileChannel:
    """Notes each delivery in a file, as one write of its own."""

    path: Path

    def deliver(self, message: Message) -> None:
        with self.path.open("a") as file:
            file.write(f"{message.id}\n")


class AlarmWorker(Worker):
    """The worker with what alarms and holds hang on: nobody is placed or arrives here, and no house is reminded.

    The other steps would take most of the time, and row 5 is not about them.
    """

    def _match(self) -> None:
        pass

    def _follow_up(self) -> None:
        pass

    def _remind(self) -> None:
        pass


# --- the worker process, right and wrong ----------------------------------------------------------------------------


def work(url: str, cell: c_int64, deliveries: Path, die_after: int | None, bug: str | None) -> None:
    """A worker that ticks until it is killed, or kills itself at a write.

    Where the time stands still a tick that wrote nothing finds nothing more, so the next one waits: three of them that
    tick on and on take the processor from those who have something to do.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    clock = SharedClock(cell)
    database = Database(url, clock=clock)
    wrote = Event()
    database.on_commit(wrote.set)
    if die_after is not None:
        _kill_self_after(database, die_after)
    channel = FileChannel(deliveries)
    worker = AlarmWorker(database, Settings(), {"log": channel, "email": channel})
    with BUGS[bug]() if bug else nullcontext():
        while True:
            wrote.clear()
            at, began = clock.now(), time.monotonic()
            worker.tick()
            while not wrote.is_set() and clock.now() == at and time.monotonic() - began < IDLE_SECONDS:
                time.sleep(0.002)


def _kill_self_after(database: Database, writes: int) -> None:
    """Every gap lies beside a write or a commit; whoever ended while reading would only have to be replaced."""
    left = writes

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def count_writes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            count()

    event.listen(database.engine, "before_cursor_execute" if writes % 2 else "after_cursor_execute", count_writes)
    event.listen(database.engine, "commit", count)


def claim_then_fire() -> Any:
    """Planted: the rung is moved on in one transaction and its alarm written in the next."""

    def run_due(database: Database) -> int:
        fired = 0
        _what_comes_before(database)
        for escalation_id in service._due(database):
            with database.transaction() as tx:
                found = tx.session.get_one(Escalation, escalation_id)
                number, due_at = found.rung_next, found.rung_due_at
                if due_at is None or due_at > tx.now:
                    continue
                step = rules.step(DEADLINES_ALONE.lines[-1], number, due_at)
                moved = tx.affected(
                    update(Escalation)
                    .where(col(Escalation.id) == escalation_id, col(Escalation.rung_next) == number)
                    .values(rung_next=number + 1, rung_due_at=step.next_due_at if step else None)
                )
            if moved and step:
                _plain_alarm(database, escalation_id, number, due_at, step.rung.role)
                fired += 1
        return fired

    return patch.object(service, "run_due", run_due)


def no_guard() -> Any:
    """Planted: the alarm is written and then the rung moved on, unguarded; with the unique alarm gone."""

    def run_due(database: Database) -> int:
        _what_comes_before(database)
        for escalation_id in (due := service._due(database)):
            with database.reading() as tx:
                found = tx.session.get_one(Escalation, escalation_id)
                number, due_at = found.rung_next, found.rung_due_at
            step = rules.step(DEADLINES_ALONE.lines[-1], number, due_at) if due_at else None
            if due_at is None or step is None:
                continue
            _plain_alarm(database, escalation_id, number, due_at, step.rung.role)
            with database.transaction() as tx:
                tx.affected(
                    update(Escalation)
                    .where(col(Escalation.id) == escalation_id)
                    .values(rung_next=number + 1, rung_due_at=step.next_due_at)
                )
        return len(due)

    return patch.object(service, "run_due", run_due)


def counts_from_firing() -> Any:
    """Planted: the next rung counts from when this one fired, so that a night without a worker moves the ladder."""
    right = service._fire

    def fire(tx: Any, escalation_id: str) -> bool:
        late = patch.object(rules, "step", lambda ladder, number, _due_at, *pace: step(ladder, number, tx.now, *pace))
        with late:
            return right(tx, escalation_id)

    step = rules.step
    return patch.object(service, "_fire", fire)


def claim_never_lapses() -> Any:
    """Planted: whoever took an alarm has it for ever, also when nobody hears of them again."""
    return patch.object(service, "_silent", lambda _database: [])


def _what_comes_before(database: Database) -> None:
    """Only the firing is wrong: claims that lapsed let go and what came due opens, as they should."""
    database.each(service._silent(database), service._let_go)
    service._open_all(database)


def _plain_alarm(database: Database, escalation_id: str, number: int, due_at: datetime, role: str) -> None:
    with database.transaction() as tx:
        tx.session.add(
            Alarm(
                id=tx.new_id(),
                escalation_id=escalation_id,
                rung=number,
                role=role,
                due_at=due_at,
                fired_at=tx.now,
                reached=0,
            )
        )
        tx.record("alarm.fired", f"escalation:{escalation_id}", "alarms")


BUGS: dict[str, Callable[[], Any]] = {
    bug.__name__: bug for bug in (claim_then_fire, no_guard, counts_from_firing, claim_never_lapses)
}


# --- the trial ------------------------------------------------------------------------------------------------------


@dataclass
class Night:
    """A town with workers that keep being killed, and the times at which nobody worked."""

    here: Ground
    town: Town
    clock: SharedClock
    cell: c_int64
    crew: Crew
    chance: random.Random
    deliveries: Path
    bug: str | None
    workers: list[BaseProcess] = field(default_factory=list)
    down: list[tuple[datetime, datetime]] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)
    """Request → its deadline, worked out by us."""
    taken: dict[str, datetime] = field(default_factory=dict)
    """Request → when somebody took its alarm and was then never heard of again."""
    holds: dict[str, datetime] = field(default_factory=dict)
    kills: int = 0
    quiet_at: datetime = SATURDAY_NIGHT

    def staff(self) -> None:
        """Bring the number of workers up to strength; now and then one that will kill itself."""
        self.workers = [worker for worker in self.workers if worker.is_alive()]
        while len(self.workers) < WORKERS:
            # With a bug planted nearly all end themselves, soon: few kills must find its gap.
            share, late = (0.9, 80) if self.bug else (0.5, 300)
            die_after = self.chance.randint(1, late) if self.chance.random() < share else None
            self.workers.append(
                self.crew.start(work, self.town.database.url, self.cell, self.deliveries, die_after, self.bug)
            )

    def quiet(self) -> bool:
        """Wait until nothing is due at this moment. The clock stands still meanwhile, so this costs no lateness.

        False when for long nothing got done. How long all of it takes says something of the machine only: after a week
        of nobody working hundreds of rungs are due, each with its messages, and a busy disk writes few a second.
        """
        left, moved_at = self._due_now(), time.monotonic()
        while any(left):
            self.staff()
            time.sleep(LOOK_SECONDS)
            before, left = left, self._due_now()
            if left != before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > HANG_SECONDS:
                return False
        self.quiet_at = self.clock.now()
        return True

    def _due_now(self) -> tuple[int, ...]:
        """How many rungs, holds and messages are due and not dealt with."""
        now = self.clock.now()
        with self.town.database.reading() as tx:
            late = select(func.count()).where(
                col(PlacementRequest.deadline_at) <= now,
                col(PlacementRequest.status).in_(UNPLACED),
                ~exists().where(col(Escalation.request_id) == col(PlacementRequest.id)),
            )
            rungs = select(func.count()).where(
                col(Escalation.rung_due_at) <= now, col(Escalation.claim_until).is_(None)
            )
            lapsed = select(func.count()).where(col(Escalation.claim_until) <= now)
            if self.bug == claim_never_lapses.__name__:
                lapsed = select(literal(0))
            holds = select(func.count()).where(Offer.status == "live", col(Offer.hold_until) <= now)
            messages = select(func.count()).where(col(Message.due_at) <= now)
            return tuple(tx.session.scalar(query) or 0 for query in (late, rungs, lapsed, holds, messages))

    def add_work(self) -> None:
        """Requests that will wait in vain, and an offer that nobody answers."""
        coordinator = self.town.coordinator()
        for _ in range(REQUESTS):
            urgency, minutes = self.chance.choice((("now", 60), ("today", 240)))
            request_id = self.town.request(coordinator, urgency=urgency, unsafe=[{"region": "VR13"}])
            self.due[request_id] = self.clock.now() + timedelta(minutes=minutes)
        house = self.town.location(places=(1,))
        with self.town.database.transaction() as tx:
            asked = RequestIn.model_validate({"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}]})
            request_id = intake.submit(tx, coordinator, asked).id
            [proposal] = propose_in(tx, request_id, f"{house}-u1")
            offer_id = placing.send_offer(tx, coordinator, request_id, proposal).id
        self.due[request_id] = self.clock.now() + timedelta(minutes=60)
        self.holds[offer_id] = self.clock.now() + timedelta(minutes=20)

    def take_one(self) -> None:
        """Somebody takes an alarm that rings, and is never heard of again."""
        desk = self.town.national_desk()
        if ahead := [due for due in self.due.values() if due > self.clock.now()]:
            self._nobody_works_for(min(ahead) - self.clock.now())  # a first rung rings, and the second is to come
            self.quiet()
        with self.town.database.reading() as tx:
            ringing = tx.session.exec(
                select(Escalation.id, Escalation.request_id).where(
                    col(Escalation.rung_due_at).is_not(None),
                    col(Escalation.claim_until).is_(None),
                    Escalation.rung_next > 0,
                )
            ).all()
        free = [(found, request_id) for found, request_id in ringing if request_id not in self.taken]
        if free:
            found, request_id = self.chance.choice(sorted(free, key=lambda one: list(self.due).index(str(one[1]))))
            with self.town.database.transaction(desk.account_id) as tx:
                service.claim(tx, desk, found)
            self.taken[str(request_id)] = self.clock.now()

    def run(self, kills: int) -> Iterator[str]:
        """Kill that many workers, with the clock going on in between, and now and then everybody for long."""
        pauses = [*DOWN, *self.chance.choices(DOWN[:3], k=kills // 12)]
        for number in range(kills):
            self.add_work()
            self.staff()
            for _ in range(self.chance.randint(1, 3)):
                self.clock.turn(STEP * self.chance.choice((1, 1, 1, 2)))
                if not self.quiet():
                    yield "the workers did not finish what was due"
            if number % 4 == 1:
                self.take_one()
            self.clock.turn(STEP)
            time.sleep(self.chance.random() * 0.03)
            victim = self.chance.choice(self.workers)
            self.crew.kill(victim)
            self.kills += 1
            if pauses and number % max(1, kills // len(pauses)) == 0:
                self._nobody_works_for(pauses.pop(0))
            if not self.quiet():
                yield "the workers did not finish what was due"
        self._nobody_works_for(timedelta(hours=9))
        for _ in range(4):
            # Whatever a killed worker had in hand comes due again after its claim.
            if not self.quiet():
                yield "the workers did not finish what was due"
            self.clock.turn(timedelta(minutes=3))

    def _nobody_works_for(self, pause: timedelta) -> None:
        for worker in self.workers:
            self.crew.kill(worker)
        self.workers = []
        self.clock.turn(pause)
        self.down.append((self.quiet_at, self.clock.now()))
        self.staff()

    def faults(self) -> Iterator[str]:
        """Everything that should have happened, worked out apart from the code, against what did."""
        now = self.clock.now()
        expected = {
            (request_id, rung): at
            for request_id in self.due
            for rung, at in enumerate(self._rungs(request_id))
            if at <= now
        }
        with self.town.database.reading() as tx:
            alarms = list(tx.session.exec(select(Alarm)))
            of = dict(tx.session.exec(select(Escalation.id, Escalation.request_id)).all())
            messages = list(tx.session.exec(select(Message)))
            offers = list(tx.session.exec(select(Offer)))
            told = Counter(tx.session.exec(select(JournalEntry.kind)))
            lapses = Counter(
                tx.session.exec(select(JournalEntry.subject).where(JournalEntry.kind == "offer.lapsed")).all()
            )
        fired = Counter((str(of[alarm.escalation_id]), alarm.rung) for alarm in alarms)
        for key, due in expected.items():
            if fired[key] != 1:
                yield f"rung {key[1]} due at {due:%d %H:%M:%S} fired {fired[key]} times"
        for key in set(fired) - set(expected):
            yield f"rung {key[1]} fired before it was due"
        for alarm in alarms:
            due = expected.get((str(of[alarm.escalation_id]), alarm.rung), alarm.due_at)
            if alarm.due_at != due:
                yield f"rung {alarm.rung} was due at {due}, recorded as {alarm.due_at}"
            if not due <= alarm.fired_at <= self._workable(due) + LATE_MAX:
                yield f"rung {alarm.rung} due at {due} fired at {alarm.fired_at}"
        if told["alarm.fired"] != len(alarms):
            yield f"{len(alarms)} alarms, {told['alarm.fired']} in the journal"
        yield from self._message_faults(alarms, messages, of)
        for offer in offers:
            due = self.holds[offer.id]
            if offer.status != "lapsed" or offer.ended_at is None:
                yield f"a hold until {due} is {offer.status}"
            elif not due <= offer.ended_at <= self._workable(due) + LATE_MAX:
                yield f"a hold until {due} lapsed at {offer.ended_at}"
            if lapses[f"request:{offer.request_id}"] != 1:
                yield f"a hold lapsed {lapses[f'request:{offer.request_id}']} times in the journal"

    def _rungs(self, request_id: str) -> list[datetime]:
        """When each rung is due: counted from the one before, and after a claim not before it lapsed."""
        due, taken = [self.due[request_id]], self.taken.get(request_id)
        for minutes in (15, 15, 30):
            following = due[-1] + timedelta(minutes=minutes)
            # Taken while this was the next: the one before had fired, this one had not.
            if taken is not None and self._workable(due[-1]) <= taken < following:
                following = max(following, taken + CLAIM)
            due.append(following)
        return due

    def _message_faults(self, alarms: list[Alarm], messages: list[Message], of: dict[str, str | None]) -> Iterator[str]:
        delivered = Counter(self.deliveries.read_text().split()) if self.deliveries.exists() else Counter[str]()
        queued: dict[str, list[datetime]] = {}
        for message in messages:
            queued.setdefault(message.about, []).append(message.queued_at)
        for alarm in alarms:
            told = queued.get(f"card:request:{of[alarm.escalation_id]}", [])
            lately = [at for at in told if alarm.fired_at - MERGED < at <= alarm.fired_at]
            if not self.bug and not (alarm.reached and lately):
                yield f"an alarm reached {alarm.reached} and has {len(lately)} messages"
        for message in messages:
            if message.cancelled_at is None and (message.sent_at is None or not delivered[message.id]):
                yield f"a message was delivered {delivered[message.id]} times, sent at {message.sent_at}"

    def _workable(self, due: datetime) -> datetime:
        """The first moment from `due` on at which somebody worked."""
        for begin, end in self.down:
            if begin < due <= end:
                due = end
        return due


@contextmanager
def night(here: Ground, seed: int, bug: str | None = None, *alterations: str) -> Iterator[Night]:
    url = here.fresh()
    here.alter(url, *alterations)
    cell = CHILDREN.RawValue(c_int64, 0)
    clock = SharedClock(cell)
    town = small_town(url)
    town.database.close()
    town.database = Database(url, clock=clock)
    somebody_on_every_rung(town)
    town.coordinator()
    deliveries = here.folder / f"deliveries-{url[-18:-8].replace('/', '')}-{seed}-{bug}"
    with Crew() as crew:
        chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        yield Night(here, town, clock, cell, crew, chance, deliveries, bug)
    town.database.close()


def run(here: Ground, count: int, seed: int) -> Outcome:
    with night(here, seed) as dark:
        failures = [*dark.run(count), *dark.faults()]
        return Outcome(dark.kills, failures, [f"rungs={len(dark.due) * 4} holds={len(dark.holds)}"])


def _finds(bug: str, alterations: dict[str, tuple[str, ...]], here: Ground, seed: int) -> bool:
    with night(here, seed, bug, *alterations.get(here.engine, ())) as dark:
        while dark.kills < PLANTED_KILLS_MAX:
            if list(dark.run(2)):
                return False
            if any(fault.startswith("rung") for fault in dark.faults()):
                return True
        return False


_NOT_UNIQUE = {
    "postgresql": ("ALTER TABLE alarm DROP CONSTRAINT alarm_escalation_id_rung_key",),
    # SQLite cannot drop a constraint: a table with the same columns and without it takes the other's place.
    "sqlite": (
        "CREATE TABLE plain AS SELECT * FROM alarm",
        "DROP TABLE alarm",
        "ALTER TABLE plain RENAME TO alarm",
    ),
}

ALARMS = Row(
    5,
    "workers under kill -9; nobody there from a minute to a week",
    25,
    run,
    (
        Planted("claim, then fire, in two transactions", partial(_finds, "claim_then_fire", {})),
        Planted("no guard and no unique alarm", partial(_finds, "no_guard", _NOT_UNIQUE)),
        Planted("the next rung counts from when this one fired", partial(_finds, "counts_from_firing", {})),
        Planted("a claim never lapses", partial(_finds, "claim_never_lapses", {})),
    ),
)
