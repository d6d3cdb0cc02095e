"""The watch on the watch: parts that beat, and a ping to somebody outside for as long as all is well.

Whoever is outside rings when the ping stops. So it is sent by the worker itself, in the thread that does the work, and
only after a look at what is due: a thread of its own would go on saying that all is well of a worker that stands still.
"""

import urllib.request
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update
from sqlmodel import col

from nrm.db import Database
from nrm.escalation.models import Heartbeat
from nrm.watch import queries
from nrm.watch.rules import troubles

PING_SECONDS_MAX = 5
"""How long a ping may take: the worker stands still for it."""

log = structlog.get_logger()


def beat(database: Database, parts: Iterable[str]) -> None:
    """Note that these parts work, in one transaction."""
    with database.transaction() as tx:
        for part in sorted(parts):
            if not tx.affected(update(Heartbeat).where(col(Heartbeat.part) == part).values(at=tx.now)):
                tx.session.add(Heartbeat(part=part, at=tx.now))


def get(url: str) -> None:
    """Ask for a page and forget it. Raises OSError when there is no good answer."""
    with urllib.request.urlopen(url, timeout=PING_SECONDS_MAX) as answer:  # noqa: S310 - settings take http(s) only
        answer.read(1024)


class Deadman:
    """Tells somebody outside that all is well, at most once per `every`; says nothing when it is not."""

    def __init__(self, url: str, parts: tuple[str, ...], every: timedelta, send: Callable[[str], None] = get) -> None:
        self._url = url
        self._parts = parts
        self._every = every
        self._send = send
        self._tried_at: datetime | None = None
        self._silent_for: list[str] = []

    def tell(self, database: Database) -> bool:
        """Ping, if it is time and all is well. Returns whether a ping arrived."""
        with database.reading() as tx:
            now = tx.now
            if self._tried_at is not None and abs(now - self._tried_at) < self._every:
                return False
            found = [f"{trouble} {part}".strip() for trouble, part in troubles(queries.figures(tx), self._parts, now)]
        if found != self._silent_for:
            log.warning("watch", trouble=found)
            self._silent_for = found
        if found:
            return False  # and looked at again at the next tick: it may be over by then
        self._tried_at = now
        try:
            self._send(self._url)
        except (OSError, ValueError) as error:  # an HTTP error is an OSError too
            log.warning("nobody outside hears us", error=type(error).__name__)
            return False
        return True
