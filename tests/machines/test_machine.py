"""The machine, on both engines: the same runs each time, or more of them with `--hypothesis-profile=long`.

Long runs with other choices each time are `nrm-soak ci|nightly|release --row machine`, which also plants its bugs.
"""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.machines.running import EVENTS, NOT_SYNCED, play, sqlite_stage
from tests.machines.shelter import Stage, build


@pytest.fixture
def stage(engine: str, database_url: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A town in a database, and copies of it."""
    if engine == "sqlite":
        with sqlite_stage(database_url) as made:
            yield made
        return
    people, houses = build(database_url)
    create: Callable[[str | None], str] = request.getfixturevalue("postgresql_create")

    def fresh() -> str:
        copy = create(make_url(database_url).database)
        address = make_url(copy)
        with psycopg.connect(address.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            connection.execute(f"ALTER DATABASE {address.database} {NOT_SYNCED}".encode())
        return copy

    yield Stage(fresh, lambda _: None, people, houses)


def test_whatever_happens_the_rules_hold(stage: Stage, engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    play(stage)
    with capsys.disabled():
        print(f"\nmachine {engine}: {stage.tally['steps']} steps, {stage.tally['placed']} placed")
    assert not (never := [event for event in EVENTS if not stage.tally[event]]), f"never happened: {never}"
