"""Following the journal: one reader per process keeps the newest entries, every live line draws its hints from it.

A hint says that something changed and up to which entry, never what. Hints merge, so a slow reader needs no queue:
it has one number, and gets one hint for everything since. Whoever is further behind than what is kept is told to
fetch everything again.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from nrm import journal
from nrm.clock import monotonic_seconds
from nrm.db import Database

KEPT = 2000
POLL_SECONDS = 0.25
BATCH = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Hint:
    """Something changed about these topics, up to and including `seq`; `resync` when too much was missed."""

    seq: int
    topics: tuple[str, ...]
    resync: bool = False


class Follower:
    """Reads the journal once for all live lines of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self._seq = 0
        self._moved = asyncio.Event()
        self._nudge = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._read_at: float | None = None

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def behind_seconds(self) -> float:
        """How long ago the journal was last read to its end."""
        return float("inf") if self._read_at is None else monotonic_seconds() - self._read_at

    def stop(self) -> None:
        """Let `run` return after the read it is in: cancelling would leave that read a connection nobody closes."""
        self._stopping = True
        self._nudge.set()

    async def run(self) -> None:
        """Follow until stopped. A commit in this process wakes us at once, another process's within the poll."""
        self._loop = asyncio.get_running_loop()
        self._database.on_commit(self._committed)
        self._seq = max(0, await anyio.to_thread.run_sync(self._last) - KEPT)
        while not self._stopping:
            self._nudge.clear()
            try:
                while await self._read():
                    pass
                self._read_at = monotonic_seconds()
            except SQLAlchemyError as error:
                # The database may be away for a while; the live lines stay and catch up when it is back.
                log.warning("journal unreadable", error=type(error).__name__)
            try:
                await asyncio.wait_for(self._nudge.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    def since(self, seq: int) -> Hint | None:
        """Everything after `seq` as one hint, or None when there is nothing."""
        if seq >= self._seq:  # a page reads the journal itself and may be a moment ahead of us
            return None
        if not self._entries or seq < self._entries[0][0] - 1:
            return self.resync()
        topics: set[str] = set()
        for number, words in reversed(self._entries):
            if number <= seq:
                break
            topics.update(words.split())
        return Hint(self._seq, tuple(sorted(topics)))

    async def moved(self, seq: int) -> None:
        """Wait until there is something after `seq`."""
        while self._seq <= seq:
            event = self._moved
            await event.wait()

    async def beyond(self, seq: int) -> bool:
        """Whether the journal has not come that far: the number is from a database that was restored, or made up."""
        return seq > self._seq and seq > await anyio.to_thread.run_sync(self._last)

    def resync(self) -> Hint:
        """Fetch everything again: what you showed cannot be trusted."""
        return Hint(self._seq, journal.TOPICS, resync=True)

    def _last(self) -> int:
        with self._database.reading() as tx:
            return journal.last_seq(tx.session)

    def _after(self, seq: int) -> list[tuple[int, str]]:
        with self._database.reading() as tx:
            return [(entry.seq, entry.topics) for entry in journal.after(tx.session, seq, BATCH)]

    async def _read(self) -> bool:
        entries = await anyio.to_thread.run_sync(self._after, self._seq)
        if not entries:
            return False
        self._entries.extend(entries)
        self._seq = entries[-1][0]
        woken, self._moved = self._moved, asyncio.Event()
        woken.set()
        return len(entries) == BATCH

    def _committed(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._nudge.set)
