"""Transactions. Nothing else opens a session and nothing else commits.

On SQLite a write transaction begins with `BEGIN IMMEDIATE` behind an in-process lock (a deferred one loses updates
or fails at once with SQLITE_BUSY); on PostgreSQL it runs at READ COMMITTED and leans on row locks, guarded updates
and unique indexes. The journal entries of a transaction are its last write.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Engine, Executable, create_engine, event, text
from sqlalchemy.engine import Connection
from sqlmodel import Session

from nrm import journal
from nrm.clock import Clock, SystemClock
from nrm.errors import NrmError
from nrm.journal import Change

SYSTEM = "system"
"""The actor of what the worker does by itself."""

BUSY_SECONDS = 10

T = TypeVar("T")


def random_id() -> str:
    """A fresh opaque identifier, 22 characters of A-Z a-z 0-9 _ -."""
    return secrets.token_urlsafe(16)


@dataclass
class Tx:
    """One transaction: the session, the instant it happens at, and what it will record."""

    session: Session
    now: datetime
    actor_id: str = SYSTEM
    new_id: Callable[[], str] = random_id
    changes: list[Change] = field(default_factory=list)
    policies: dict[tuple[str, int | None], Any] = field(default_factory=dict)
    """Policies that were read in this transaction: each is read once (see `nrm.policy`)."""

    @property
    def postgresql(self) -> bool:
        return self.session.get_bind().dialect.name == "postgresql"

    def record(self, kind: str, subject: str, /, *topics: str, **data: Any) -> None:
        """Note a change for the journal; it is written when the transaction commits."""
        self.changes.append(Change(kind, subject, topics, data))

    def guarded(self, statement: Executable, refusal: NrmError) -> None:
        """Run an UPDATE that must hit exactly one row; anything else is the given refusal."""
        if self.affected(statement) != 1:
            raise refusal

    def affected(self, statement: Executable) -> int:
        """Run an UPDATE or DELETE and say how many rows it hit."""
        result = self.session.execute(statement)
        assert isinstance(result, CursorResult)
        self.session.expire_all()
        return int(result.rowcount)


class Database:
    """An engine, its clock, and the two ways in: `transaction()` to change things, `reading()` to look."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        new_id: Callable[[], str] = random_id,
        pool_size: int = 20,
    ) -> None:
        """`clock=None` lets the database's own clock decide, so that instances with skewed clocks agree."""
        self.url = url
        self.engine = _engine(url, pool_size)
        self.new_id = new_id
        self._clock = clock or (None if self.postgresql else SystemClock())
        self._write_lock = nullcontext() if self.postgresql else threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that wrote to the journal, in the committing thread. Must not block."""
        self._listeners.append(listener)

    @contextmanager
    def transaction(self, actor_id: str = SYSTEM) -> Iterator[Tx]:
        """A write transaction: commits when the block ends, rolls back when it raises."""
        with (
            self._write_lock,
            self.engine.connect().execution_options(nrm_write=True) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            connection.begin()
            tx = Tx(session, self._now(connection), actor_id, self.new_id)
            try:
                yield tx
                session.flush()
                if tx.changes:
                    journal.append(session, tx.changes, actor_id, tx.now)
                connection.commit()
            except BaseException:
                session.rollback()
                connection.rollback()
                raise
        if tx.changes:
            for listener in self._listeners:
                listener()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A read-only transaction on one consistent snapshot. What was read stays readable after it."""
        options: dict[str, Any] = {"nrm_read": True}
        if self.postgresql:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, Session(connection) as session:
            connection.begin()
            try:
                yield Tx(session, self._now(connection), new_id=self.new_id)
            finally:
                session.expunge_all()
                connection.rollback()

    def each(self, items: Iterable[T], work: Callable[[Tx, T], int]) -> int:
        """Do `work` on each item in a transaction of its own, and add up what it returns.

        One item that fails stops no other: the first error is raised when all have had their turn.
        """
        done = 0
        failures: list[Exception] = []
        for item in items:
            try:
                with self.transaction() as tx:
                    done += work(tx, item)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
        if failures:
            raise failures[0]
        return done

    def now(self) -> datetime:
        """The instant, by the clock that decides."""
        if self._clock:
            return self._clock.now()
        with self.engine.connect() as connection:
            return self._now(connection)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _now(self, connection: Connection) -> datetime:
        if self._clock:
            return self._clock.now()
        instant: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return instant


def _engine(url: str, pool_size: int) -> Engine:
    # Errors end up in logs; with their parameters they would carry what people said about a case.
    if url.startswith("sqlite"):
        if path := url.removeprefix("sqlite:///"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url, pool_size=pool_size, max_overflow=pool_size, pool_timeout=BUSY_SECONDS, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        pool_pre_ping=True,
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    # A write that a reading rolls back would be lost without a word: refuse it, as PostgreSQL does.
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if options.get('nrm_read') else 'OFF'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("nrm_write") else "BEGIN")


def newest_revision() -> str | None:
    """The shape that this version of the software needs."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as below

    return ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head()


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest shape. Safe to run twice, and by two processes at once."""
    from alembic import command  # noqa: PLC0415 - only migrating needs Alembic, and importing it is slow
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
