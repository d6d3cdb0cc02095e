"""Where a row does its work: fresh databases on one engine, and child processes that never outlive us.

Children come from a fork server that has everything imported and no connection open, so that one costs milliseconds
and shares nothing by accident. Each ends itself when its parent is gone, however the parent went.
"""

import multiprocessing
import os
import secrets
import shutil
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from nrm import policy
from nrm.app import prepare
from nrm.db import Database, migrate
from tests import environment
from tests.builders import DEADLINES_ALONE
from tests.postgresql import create_database, drop_database, server

CHILDREN = multiprocessing.get_context("forkserver")
PRELOADED = ["tests.soak.rows", "web.app", "uvicorn", "tests.soak.warm"]
WARM = "NRM_SOAK_WARM"
"""Where the fork server finds the names of the databases to live through a night in: see warm.py."""
DEAD_SECONDS_MAX = 20


class Ground:
    """One engine with a prepared, empty database to copy as often as needed."""

    def __init__(self, engine: str, folder: Path, server_url: str | None) -> None:
        self.engine = engine
        self.folder = folder
        self._server = server_url
        self._template: str | None = None

    @property
    def postgresql(self) -> bool:
        return self.engine == "postgresql"

    def fresh(self) -> str:
        """The URL of a new database with regions, criteria and first policies in it, and nothing else."""
        if self._template is None:
            self._template = self._make_template()
        name = f"soak_{secrets.token_hex(6)}"
        if self._server is None:
            copy = self.folder / name / "nrm.sqlite3"
            copy.parent.mkdir()
            shutil.copyfile(self._template, copy)
            return f"sqlite:///{copy}"
        return create_database(self._server, name, self._template)

    def copy(self, url: str) -> str:
        """The URL of a new PostgreSQL database with the same in it as one that nobody is connected to."""
        assert self._server is not None
        return create_database(self._server, f"soak_{secrets.token_hex(6)}", make_url(url).database)

    def drop(self, url: str) -> None:
        """Remove a PostgreSQL database that nobody needs any more."""
        name = make_url(url).database
        assert self._server is not None
        assert name is not None
        drop_database(self._server, name)

    def alter(self, url: str, *statements: str) -> None:
        """Run SQL on a database behind everybody's back: to plant a bug in it, or to put a scene back."""
        engine = create_engine(url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def _make_template(self) -> str:
        if self._server is None:
            file = self.folder / "template.sqlite3"
            _prepared(f"sqlite:///{file}")
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return str(file)
        name = f"soak_template_{secrets.token_hex(6)}"
        _prepared(create_database(self._server, name))
        return name


@contextmanager
def ground(engine: str, within: Path | None = None) -> Iterator[Ground]:
    """Room to work on one engine; gone afterwards, with everything in it. Raises MissingError without PostgreSQL."""
    with ExitStack() as stack:
        made_folder = tempfile.TemporaryDirectory(prefix="nrm-soak-", dir=within, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made_folder))
        url = stack.enter_context(server(within=within)) if engine == "postgresql" else None
        yield Ground(engine, folder, url)


class Crew:
    """Child processes of one trial. Leaving the block ends those that still live, by their id."""

    def __init__(self) -> None:
        self._alive: list[BaseProcess] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._alive:
            if process.is_alive():
                process.kill()
            process.join(DEAD_SECONDS_MAX)

    def start(self, work: Callable[..., None], *arguments: Any) -> BaseProcess:
        """Run `work(*arguments)` in a child; `work` is a module's function, arguments are pickled."""
        process = CHILDREN.Process(target=_in_child, args=(work, arguments))
        process.start()
        self._alive.append(process)
        return process

    def kill(self, process: BaseProcess) -> None:
        """`kill -9`, and return when it is gone."""
        process.kill()
        process.join(DEAD_SECONDS_MAX)
        if process in self._alive:
            self._alive.remove(process)


def start_fork_server(grounds: Sequence[Ground]) -> None:
    """Say what the fork server imports and where it lives through a night, once, before its first child."""
    environment.tell_children(WARM, " ".join(here.fresh() for here in grounds))
    CHILDREN.set_forkserver_preload(PRELOADED)


def end_with_parent() -> None:
    """From now on this child ends itself when its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us by our id
    threading.Thread(target=_wait_for_end_of_parent, daemon=True).start()


def _in_child(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    end_with_parent()
    work(*arguments)


def _wait_for_end_of_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _prepared(url: str) -> None:
    migrate(url)
    database = Database(url)
    with database.transaction() as tx:
        policy.write(tx, DEADLINES_ALONE, "of this trial")
        prepare(tx)
    database.close()
