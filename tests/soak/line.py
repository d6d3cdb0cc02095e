"""Row 9: nobody on the live line misses a change, whoever drops, dies or starts again.

200 websocket clients follow a real server while several processes write; clients drop at random and the server is
killed and started again. Afterwards each hint a client got is held against the journal: it must name every topic of
every entry between the number the client had and the number the hint brought.
"""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

import websockets
from sqlalchemy import text
from sqlmodel import Session, col, select
from websockets.asyncio.client import connect

from nrm import journal
from nrm.access import service as access
from nrm.access.rules import Actor
from nrm.db import Database
from nrm.journal import TOPICS, Change, JournalEntry
from nrm.live import api, follower
from nrm.live.follower import Follower, Hint
from tests.soak.ground import Crew, Ground
from tests.soak.harness import HANG_SECONDS, Outcome, Planted, Row
from tests.soak.scene import child_database, small_town
from tests.soak.serving import HOST, Bug, free_port, serve, wait_until_served

CLIENTS = 200
WRITERS = 2
BEFORE = follower.KEPT + 300
"""Entries written before anybody listens: more than a server keeps, so that an old number asks for a resync."""
RESTARTS = 3
HINTS_UNTIL_DROP = 12
PLANTED_EVENTS = 240
PLANTED_CLIENTS = 40
PLANTED_PATIENCE_SECONDS = 4


@dataclass
class Listener:
    """A client: the number it has, and each step it was told to take."""

    seq: int
    steps: list[tuple[int, int, frozenset[str]]] = field(default_factory=list)
    drops: int = 0

    async def listen(self, port: int, token: str, chance: random.Random) -> None:
        """Stay on the line, coming back with one's number after each drop, until cancelled."""
        while True:
            with suppress(OSError, websockets.WebSocketException, TimeoutError, EOFError):
                address = f"ws://{HOST}:{port}/api/v1/live?after={self.seq}"
                async with connect(
                    address, additional_headers={"Cookie": f"nrm={token}"}, ping_interval=None, compression=None
                ) as line:
                    for _ in range(1 + int(chance.expovariate(1 / HINTS_UNTIL_DROP))):
                        self._hear(json.loads(await line.recv()))
                    line.transport.abort()
            self.drops += 1
            await asyncio.sleep(0.05 + chance.random() * 0.3)

    def _hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] in {"hint", "resync"}:
            self.steps.append((self.seq, frame["seq"], frozenset(frame["topics"])))
            self.seq = frame["seq"]


def write_events(url: str, count: int, seed: int, loose: bool) -> None:
    """One writer: transactions of one to a few entries, some of them slow to commit."""
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
    database = child_database(url)
    appending = patch.object(journal, "append", _append_loosely if loose else journal.append)
    with appending:
        while count > 0:
            # Many small ones where order is the question: in a large one some other entry has the same topic.
            size = 1 if loose else min(count, chance.choice((1, 1, 1, 2, 5, 60)))
            with database.transaction() as tx:
                for number in range(size):
                    tx.record("soak.event", f"soak:{number}", *chance.sample(TOPICS, chance.choice((1, 1, 2))))
                if chance.random() < 0.2:
                    time.sleep(chance.random() * 0.01)
            count -= size
            time.sleep(chance.random() * 0.03)
    database.close()


async def _trial(here: Ground, url: str, token: str, plan: "Plan") -> tuple[list[Listener], bool]:
    chance = random.Random(plan.seed)  # noqa: S311 - reproducible on purpose
    port = free_port()
    database = child_database(url)
    with Crew() as crew:
        server = crew.start(serve, url, port, plan.bug)
        await asyncio.to_thread(wait_until_served, port)
        head = _head(database)
        # Some come with the newest number, some with an old one, some with none.
        listeners = [Listener(chance.choice((head, head, head, head - 50, 0))) for _ in range(plan.clients)]
        tasks = [
            asyncio.create_task(one.listen(port, token, random.Random(f"{plan.seed}/{at}")))  # noqa: S311
            for at, one in enumerate(listeners)
        ]
        await asyncio.sleep(0.3)
        hands = WRITERS * 4 if plan.loose else WRITERS
        share = plan.events // hands
        writers = [crew.start(write_events, url, share, plan.seed + at, plan.loose) for at in range(hands)]
        for _ in range(plan.restarts):
            await asyncio.sleep(0.3 + chance.random())
            await asyncio.to_thread(crew.kill, server)
            server = crew.start(serve, url, port, plan.bug)
            await asyncio.to_thread(wait_until_served, port)
        for writer in writers:
            await asyncio.to_thread(writer.join)
        head = _head(database)
        end = time.monotonic() + plan.patience_seconds
        while time.monotonic() < end and any(one.seq < head for one in listeners):
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    database.close()
    return listeners, all(writer.exitcode == 0 for writer in writers)


def _head(database: Database) -> int:
    with database.reading() as tx:
        return journal.last_seq(tx.session)


@dataclass(frozen=True)
class Plan:
    """How big a trial is, and what is wrong in it."""

    seed: int
    events: int
    clients: int
    restarts: int
    bug: Bug | None = None
    loose: bool = False
    patience_seconds: int = HANG_SECONDS


def faults(database: Database, listeners: list[Listener]) -> Iterator[str]:
    """What anybody was not told, worked out from the journal."""
    with database.reading() as tx:
        rows = tx.session.exec(select(JournalEntry.seq, JournalEntry.topics).order_by(col(JournalEntry.seq))).all()
    numbers: dict[str, list[int]] = defaultdict(list)
    for seq, topics in rows:
        for topic in topics.split():
            numbers[topic].append(seq)
    head = rows[-1][0]
    for at, one in enumerate(listeners):
        if one.seq != head:
            yield f"client {at} ended at {one.seq}, the journal at {head}"
        for before, to, told in one.steps:
            if to < before:
                yield f"client {at} was sent back from {before} to {to}"
            for topic, seqs in numbers.items():
                if topic not in told and any(before < seq <= to for seq in seqs):
                    yield f"client {at} went from {before} to {to} and was not told of {topic}"


def trial(here: Ground, plan: Plan) -> tuple[list[str], list[Listener]]:
    url = here.fresh()
    town = small_town(url)
    coordinator = town.coordinator()
    token = _token(town.database, coordinator)
    with town.database.transaction() as tx:
        for number in range(BEFORE):
            tx.record("soak.before", f"soak:{number}", TOPICS[number % len(TOPICS)])
    if plan.loose:
        here.alter(url, f"CREATE SEQUENCE loose START {_head(town.database) + 1}")
    listeners, written = asyncio.run(_trial(here, url, token, plan))
    found = list(faults(town.database, listeners))
    if not written:
        found.append("a writer broke")
    town.database.close()
    return found, listeners


def _token(database: Database, actor: Actor) -> str:
    with database.transaction() as tx:
        return access.log_in(tx, actor.account_id, hours=24)


def run(here: Ground, count: int, seed: int) -> Outcome:
    restarts = max(RESTARTS, count // 1000)
    found, listeners = trial(here, Plan(seed, count, CLIENTS, restarts))
    drops = sum(one.drops for one in listeners)
    resyncs = sum(told == frozenset(TOPICS) for one in listeners for _, _, told in one.steps)
    return Outcome(count, found, [f"clients={CLIENTS} drops={drops} restarts={restarts} all-topics={resyncs}"])


# --- planted bugs -----------------------------------------------------------------------------------------------------


def _append_loosely(session: Session, changes: list[Change], actor: str, now: datetime) -> int:
    """Planted: numbers handed out before commit and under no lock, as a sequence does.

    Every other one takes its time before it commits, so that the next is seen first.
    """
    seq = 0
    for change in changes:
        seq = session.scalar(text("SELECT nextval('loose')")) or 0
        session.add(
            JournalEntry(
                seq=seq,
                at=now,
                kind=change.kind,
                topics=" ".join(change.topics),
                subject=change.subject,
                actor=actor,
                data="{}",
                prev_hash="",
                hash="",
            )
        )
    session.flush()
    time.sleep(0.005 if seq % 2 else 0.15)
    return seq


def ring_that_forgets() -> Any:
    """A short ring, and nobody who notices that it no longer reaches back far enough."""

    def since(self: Follower, seq: int) -> Hint | None:
        if seq >= self._seq:
            return None
        topics = {word for number, words in self._entries if number > seq for word in words.split()}
        return Hint(self._seq, tuple(sorted(topics)))

    short = patch.object(follower, "KEPT", 3)
    short.start()
    return patch.object(Follower, "since", since)


def always_from_now() -> Any:
    """The number a client comes back with is not looked at."""
    right = api._tell
    return patch.object(
        api, "_tell", lambda socket, parts, following, _seq: right(socket, parts, following, following.seq)
    )


def _finds(bug: Bug | None, here: Ground, seed: int) -> bool:
    plan = Plan(
        seed, PLANTED_EVENTS, PLANTED_CLIENTS, 0 if bug is None else 1, bug, bug is None, PLANTED_PATIENCE_SECONDS
    )
    return any("not told" in fault or "ended at" in fault for fault in trial(here, plan)[0])


LINE = Row(
    9,
    "websocket clients through drops and restarts",
    1000,
    run,
    (
        Planted("numbers without commit order", partial(_finds, None), engines=("postgresql",)),
        Planted("a ring that forgets", partial(_finds, ring_that_forgets)),
        Planted("the number a client comes with is ignored", partial(_finds, always_from_now)),
    ),
)
