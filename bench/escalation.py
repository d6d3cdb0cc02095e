"""What the watch over open cases costs: a tick with 10,000 of them, a month of ticks, and from due to sent.

    python -m bench.escalation [--engine sqlite|postgresql] [--cases 10000] [--due 100] [--days 30] [--alarms 300]

`quiet` is a tick of the worker in which nothing is due, `busy` one in which so many rungs are: in elapsed and processor
milliseconds, without the matching. Every case waits past its deadline, half-way up its ladder. The month is a tenth of
the cases with a tick an hour on a turned clock, and the memory of the process after every quarter of it. Due-to-sent is
a worker as it runs, on the wall clock: alarms that come due one after another, until the channel has their message.
"""

import argparse
import gc
import resource
import statistics
import threading
import time
from datetime import timedelta

from sqlalchemy import insert, literal
from sqlmodel import col, func, select

from bench.databases import empty
from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from nrm.clock import SystemClock
from nrm.db import Database
from nrm.escalation.models import Alarm, Escalation
from nrm.intake.models import PlacementRequest
from nrm.notify.models import Message
from nrm.notify.rules import ChannelName
from nrm.settings import Settings
from nrm.worker import Worker
from tests.builders import Town, TurnedClock, town

TICKS = 15
BATCH = 1000
HALF_WAY = 2
"""So many rungs of each ladder have fired."""


class WatchWorker(Worker):
    """The worker without its solver: what that takes is measured elsewhere."""

    def _match(self) -> None:
        pass


class Taken:
    """A channel that takes everything at once."""

    def deliver(self, _message: Message) -> None:
        """Nothing to do."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.escalation", description=__doc__)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--alarms", type=int, default=300)
    asked = parser.parse_args()
    for engine in [asked.engine] if asked.engine else ["sqlite", "postgresql"]:
        with empty(engine) as url:
            made = _peopled(url)
            _cases(made, asked.cases)
            _ticks(engine, made, asked.cases, asked.due)
            made.database.close()
        with empty(engine) as url:
            made = _peopled(url)
            _cases(made, asked.cases // 10)
            _month(engine, made, asked.days)
            made.database.close()
        with empty(engine) as url:
            _due_to_sent(engine, url, asked.alarms)


def _peopled(url: str) -> Town:
    made = town(url, ladder=policy.Ladder())
    made.duty_officer()
    made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    return made


def _worker(database: Database) -> WatchWorker:
    return WatchWorker(database, Settings(), dict.fromkeys(ChannelName, Taken()))


def _cases(made: Town, count: int) -> None:
    """So many like one that really was asked: open, past the deadline, the next rung a year ahead."""
    first = made.request(made.coordinator(), urgency="planned")
    far = made.clock.at + timedelta(days=366)
    with made.database.reading() as tx:
        like = tx.session.get_one(PlacementRequest, first).model_dump()
    # As the next request of somebody who has one: those have their report to CoMensha, which is not what is measured.
    before = [first, *(f"case-{number}" for number in range(count))]
    rows = [
        {**like, "id": f"case-{number}", "short_code": f"{number:08d}", "continues_id": before[number]}
        for number in range(count)
    ]
    made.clock.turn(minutes=1)
    late = {"deadline_at": made.clock.at - timedelta(minutes=1)}
    version = like["ladder_version"]
    climbs = [
        {
            "id": f"climb-{row['id']}",
            "trigger": "deadline",
            "subject": f"request:{row['id']}",
            "number": 0,
            "region_code": like["region_code"],
            "urgency": like["urgency"],
            "request_id": row["id"],
            "cause_at": late["deadline_at"],
            "ladder_version": version,
            "ladder_line": 4,
            "hours": "after_hours",
            "due_at": late["deadline_at"],
            "opened_at": made.clock.at,
            "pace_percent": 100,
            "rung_first": 0,
            "rung_next": HALF_WAY,
            "rung_due_at": far,
        }
        for row in rows
    ]
    alarms = [
        {
            "id": f"{climb['id']}-{rung}",
            "escalation_id": climb["id"],
            "rung": rung,
            "role": "duty_officer",
            "channels": ["log"],
            "told": [],
            "due_at": late["deadline_at"],
            "fired_at": made.clock.at,
            "reached": 1,
            "result": "unanswered",
        }
        for climb in climbs
        for rung in range(HALF_WAY)
    ]
    with made.database.transaction() as tx:
        for table, values in ((PlacementRequest, [row | late for row in rows]), (Escalation, climbs), (Alarm, alarms)):
            for start in range(0, len(values), BATCH):
                tx.session.execute(insert(table), values[start : start + BATCH])


def _ticks(engine: str, made: Town, cases: int, due: int) -> None:
    worker = _worker(made.database)
    for _ in range(3):  # what came due by making them, and statements that are built once
        made.clock.turn(minutes=1)
        assert worker.tick()
    _times(f"{engine} quiet {cases} cases", [_tick(made, worker) for _ in range(TICKS)])
    times = []
    for number in range(3):
        with made.database.transaction() as tx:
            keys = [f"climb-case-{one}" for one in range(number * due, (number + 1) * due)]
            for found in tx.session.exec(select(Escalation).where(col(Escalation.id).in_(keys))):
                found.rung_due_at = tx.now + timedelta(seconds=1)
                tx.session.add(found)
        times.append(_tick(made, worker))
    _times(f"{engine} busy {due} due", times)


def _tick(made: Town, worker: WatchWorker) -> tuple[float, float]:
    made.clock.turn(seconds=61)
    elapsed, processor = time.perf_counter(), time.process_time()
    assert worker.tick()
    return (time.perf_counter() - elapsed) * 1000, (time.process_time() - processor) * 1000


def _times(what: str, found: list[tuple[float, float]]) -> None:
    elapsed, processor = (sorted(column) for column in zip(*found, strict=True))
    print(
        f"{what:<32} N={len(found)} median={statistics.median(elapsed):.0f} ms worst={elapsed[-1]:.0f} ms"
        f" processor median={statistics.median(processor):.0f} ms",
        flush=True,
    )


def _month(engine: str, made: Town, days: int) -> None:
    worker = _worker(made.database)
    kilobytes = []
    for hour in range(days * 24):
        made.clock.turn(hours=1)
        assert worker.tick()
        if hour % (days * 6) == days * 6 - 1:
            gc.collect()
            kilobytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    quarters = " ".join(f"{one / 1024:.1f}" for one in kilobytes)
    print(f"{engine} month, {days * 24} ticks, highest memory after each quarter, MB: {quarters}", flush=True)


def _due_to_sent(engine: str, url: str, alarms: int) -> None:
    made = town(url, TurnedClock(SystemClock().now()), policy.Ladder())
    made.duty_officer()
    coordinator = made.coordinator()
    made.database.close()
    made.database = Database(url, clock=SystemClock())
    worker = _worker(made.database)
    keys = [made.request(coordinator, urgency="planned") for _ in range(alarms)]
    worker.tick()
    begin = made.database.now() + timedelta(seconds=1)
    with made.database.transaction() as tx:
        for number, key in enumerate(keys):
            found = tx.session.get_one(PlacementRequest, key)
            found.deadline_at = begin + timedelta(milliseconds=100 * number)
            tx.session.add(found)
    running = threading.Thread(target=worker.run)
    running.start()
    patience = time.monotonic() + alarms * 0.1 + 120
    try:
        while _sent(made) < alarms and time.monotonic() < patience:
            time.sleep(0.5)
    finally:
        worker.stop()
        running.join()
    with made.database.reading() as tx:
        rows = tx.session.exec(
            select(Alarm.due_at, func.max(Message.sent_at))
            .join(Escalation, col(Escalation.id) == Alarm.escalation_id)
            .join(Message, col(Message.about) == literal("card:request:").concat(Escalation.request_id))
            .where(Alarm.rung == 0, Escalation.trigger == "deadline")
            .group_by(Alarm.id, Alarm.due_at)
        ).all()
    waits = sorted((sent - due).total_seconds() * 1000 for due, sent in rows if sent is not None)
    p99 = statistics.quantiles(waits, n=100)[98]
    print(
        f"{engine} due to sent, ten a second   N={len(waits)} median={statistics.median(waits):.0f} ms"
        f" p99={p99:.0f} ms worst={waits[-1]:.0f} ms",
        flush=True,
    )
    made.database.close()


def _sent(made: Town) -> int:
    with made.database.reading() as tx:
        query = select(func.count(func.distinct(Message.about))).where(
            col(Message.sent_at).is_not(None), col(Message.about).startswith("card:request:")
        )
        return tx.session.scalar(query) or 0


if __name__ == "__main__":
    main()
