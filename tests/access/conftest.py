"""A town and its API, on both engines; and everybody in it with a case in every state.

That cast takes seconds to make, so each worker makes it once per engine, and a test gets a copy.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nrm.db import Database
from tests.access.cast import Cast, cast
from tests.api.client import Api, api
from tests.builders import Town, TurnedClock, town
from tests.conftest import settle
from tests.postgresql import create_database, drop_database


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Api]:
    """Like `calls`, on SQLite only: for what is decided above the database."""
    made = town(sqlite_url)
    with api(made) as on_it:
        yield on_it
    made.database.close()


@pytest.fixture
def calls(here: Town) -> Iterator[Api]:
    with api(here) as made:
        yield made


@pytest.fixture
def made(engine: str, request: pytest.FixtureRequest) -> Cast:
    """Everybody, and a case in every state, on both engines."""
    found: Cast = request.getfixturevalue(f"{engine}_made")
    return found


@pytest.fixture
def sqlite_made(sqlite_cast: Cast, tmp_path: Path) -> Iterator[Cast]:
    file = tmp_path / "cast.sqlite3"
    shutil.copyfile(sqlite_cast.town.database.url.removeprefix("sqlite:///"), file)
    yield from again(sqlite_cast, f"sqlite:///{file}")


@pytest.fixture
def postgresql_made(postgresql_cast: Cast, postgresql_create: Callable[[str | None], str]) -> Iterator[Cast]:
    yield from again(postgresql_cast, postgresql_create(postgresql_cast.town.database.engine.url.database))


def again(kept: Cast, url: str) -> Iterator[Cast]:
    """The cast on a copy of its database, as it was at the start."""
    clock = TurnedClock(kept.town.clock.at)
    database = Database(url, clock=clock)
    here = Town(database, clock, dict(kept.town.organisations), dict(kept.town.accounts), kept.town.houses)
    yield replace(kept, town=here, **{name: dict(getattr(kept, name)) for name in NAMED})
    database.close()


NAMED = ("actors", "ids", "versions", "proposals", "short_codes")


@pytest.fixture(scope="session")
def sqlite_cast(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Cast:
    file = tmp_path_factory.mktemp("cast") / "nrm.sqlite3"
    shutil.copyfile(sqlite_template, file)
    kept = cast(town(f"sqlite:///{file}"))
    kept.town.database.close()
    settle(file)
    return kept


@pytest.fixture(scope="session")
def postgresql_cast(postgresql_server: str, postgresql_template: str) -> Iterator[Cast]:
    name = f"nrm_cast_{secrets.token_hex(8)}"
    kept = cast(town(create_database(postgresql_server, name, postgresql_template)))
    kept.town.database.close()
    yield kept
    drop_database(postgresql_server, name)


@pytest.fixture
def quick_calls(sqlite_made: Cast) -> Iterator[Api]:
    """The API on `sqlite_made`: for what is decided above the database."""
    with api(sqlite_made.town) as on_it:
        yield on_it
