"""A town with a roster, on both engines."""

from collections.abc import Iterator

import pytest

from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Town]:
    """Like `here`, on SQLite only: for what is decided above the database."""
    made = town(sqlite_url)
    yield made
    made.database.close()
