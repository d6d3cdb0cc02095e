"""Fixtures every test may use: a database per test on both engines, and people with a browser (tests/browser.py).

`database_url` runs a test twice, once per engine. Each worker migrates one template per engine; a test gets a copy of
it, which costs milliseconds, and may do with it what it likes.
"""

import gc
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from nrm.db import migrate
from tests import environment, statements
from tests.environment import MissingError
from tests.postgresql import create_database, drop_database, server

# Its number of runs is in tests/machines/running.py; here so that --hypothesis-profile finds it.
settings.register_profile("long")

# These databases live for one test: that they survive a crash is for the soak to try, and nobody grows enough rows to
# be vacuumed.
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}

pytest_plugins = ["tests.browser", "tests.site", "pytester"]


def pytest_configure() -> None:
    statements.share()
    environment.keep_files_in_memory()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser or PostgreSQL, so that `-m` can choose, and put the browser last.

    Last, because Playwright keeps an event loop running in the main thread from its first use on.
    """
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if "postgresql" in getattr(getattr(item, "callspec", None), "params", {}).values():
            item.add_marker("postgresql")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The database engine: ask for `database_url` rather than this, unless the name itself matters."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of this test's own, once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{engine}_url")
    return url


@pytest.fixture
def empty_database_url(engine: str, request: pytest.FixtureRequest) -> str:
    """Like `database_url`, before any migration."""
    url: str = request.getfixturevalue(f"empty_{engine}_url")
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    copy = tmp_path / "nrm.sqlite3"
    shutil.copyfile(sqlite_template, copy)
    return f"sqlite:///{copy}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'nrm.sqlite3'}"


@pytest.fixture
def postgresql_url(postgresql_template: str, postgresql_create: Callable[[str | None], str]) -> str:
    return postgresql_create(postgresql_template)


@pytest.fixture
def empty_postgresql_url(postgresql_create: Callable[[str | None], str]) -> str:
    return postgresql_create(None)


@pytest.fixture
def postgresql_create(postgresql_server: str) -> Iterator[Callable[[str | None], str]]:
    """Makes databases, empty or from a template, that are dropped after the test, whoever is still connected."""
    made: list[str] = []

    def create(template: str | None) -> str:
        name = f"nrm_test_{secrets.token_hex(8)}"
        url = create_database(postgresql_server, name, template)
        made.append(name)
        return url

    yield create
    for name in made:
        statements.close(name)
        drop_database(postgresql_server, name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "nrm.sqlite3"
    migrate(f"sqlite:///{file}")
    settle(file)
    return file


def settle(file: Path) -> None:
    """Bring what still stands in the write-ahead log into the file, so that a copy of the file is whole."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> Iterator[str]:
    name = f"nrm_template_{secrets.token_hex(8)}"
    migrate(create_database(postgresql_server, name))
    yield name
    drop_database(postgresql_server, name)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """One server for all workers of this run; its role may do everything, so it passes row-level security by."""
    base = tmp_path_factory.getbasetemp()
    # Under xdist each worker has a folder of its own below the run's.
    shared = base.parent if hasattr(request.config, "workerinput") else base
    try:
        with server(shared, HASTY, environment.memory()) as url:
            yield url
    except MissingError as missing:
        environment.skip(missing)
