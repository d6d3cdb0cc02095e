"""A town and its API, on both engines."""

from collections.abc import Iterator

import pytest

from tests.api.client import Api, api
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


@pytest.fixture
def calls(here: Town) -> Iterator[Api]:
    with api(here) as made:
        yield made
