"""Where most pages are tried: a coordinator, a provider, and nothing asked yet."""

from collections.abc import Iterator

import pytest

from tests.builders import Town, town
from tests.site import Visitor


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.coordinator()
    made.provider()
    yield made
    made.database.close()


@pytest.fixture
def visitor(here: Town) -> Visitor:
    return Visitor(here, "coordinator-VR17")
