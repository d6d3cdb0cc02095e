"""How many places there were at a moment of before: as counted then, also when read again from the journal."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from nrm import journal
from nrm.access.rules import OrganisationKind, Role
from nrm.clock import AMSTERDAM
from nrm.insight import boards, service
from nrm.registry import queries as registry
from nrm.registry.queries import BoardRow
from tests.builders import SATURDAY_NIGHT, Town, town
from tests.site import Visitor
from tests.web.test_watching_pages import cells

MINUTE = timedelta(minutes=1)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    made.location(region="VR13", places=(2,))
    made.location("noord", region="VR01", pool="OMM", places=(1, 2))
    yield made
    made.database.close()


def now(here: Town) -> list[BoardRow]:
    with here.database.reading() as tx:
        return registry.board_rows(registry.locations(tx))


def as_of(here: Town, at: datetime, region: str | None = None) -> tuple[datetime, list[BoardRow]] | None:
    with here.database.reading() as tx:
        return boards.as_of(tx, at, region)


def test_a_moment_of_before_is_what_was_counted_then(here: Town) -> None:
    """Each hour something changes: somebody is expected, somebody came, and figures grow old."""
    coordinator, provider = here.coordinator(), here.provider()
    was = {}
    for step, minutes in enumerate((0, 75, 10, 9 * 24 * 60)):
        here.clock.turn(minutes=minutes)
        if step == 1:
            request_id = here.request(coordinator)
            here.match()
            offer_id = here.offer(coordinator, request_id)
        if step == 2:
            assert here.accept(provider, offer_id) is not None
        was[here.clock.at] = now(here)
        assert boards.count(here.database)
        assert not boards.count(here.database), "once an hour"
    assert len({repr(rows) for rows in was.values()}) == 4, "this world tells them apart"
    for _ in range(2):
        for at, rows in was.items():
            assert as_of(here, at) == (at, rows)
            assert as_of(here, at + MINUTE) == (at, rows), "until the next"
            assert as_of(here, at, "VR01") == (at, [row for row in rows if row.region_code == "VR01"])
        assert as_of(here, SATURDAY_NIGHT - MINUTE) is None
        assert as_of(here, SATURDAY_NIGHT + timedelta(days=4)) is None, "nobody counted near it"
        service.rebuild(here.database)
    with here.database.reading() as tx:
        assert list(journal.faults(tx.session)) == []


def test_two_workers_count_once_and_a_clock_that_goes_back_counts_nothing_twice(here: Town) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(boards.count, [here.database] * 4)) == 1
    here.clock.turn(hours=1)
    assert boards.count(here.database)
    here.clock.turn(hours=-1)
    assert not boards.count(here.database)
    assert as_of(here, here.clock.at) is not None


def test_the_page_says_what_was_and_when_nobody_counted(here: Town) -> None:
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    boards.count(here.database)
    typed = f"{here.clock.at.astimezone(AMSTERDAM):%Y-%m-%dT%H:%M}"
    here.clock.turn(hours=5)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    page = nac.get(f"/landelijk/toen?op={typed}").text
    assert cells(page, "soort-OMM")[:2] == ["OMM (opvang bij meerdere problemen)", "3"]
    assert cells(page, "regio-VR13")[:2] == ["Amsterdam-Amstelland", "2"]
    assert "Geteld: gisteren 23:40." in page
    assert f"/landelijk/oorzaken?op={typed}" in page
    silent = nac.get("/landelijk/toen").text
    assert "weten we niet" in silent
    assert "Er wordt geteld sinds gisteren 23:40." in silent
    assert "Schrijf dag en tijd" in nac.get("/landelijk/toen?op=gisteren").text
    own = Visitor(here, Role.COORDINATOR_REGIONAL).get(f"/landelijk/toen?op={typed}").text
    assert "Amsterdam-Amstelland" in own
    assert "Groningen" not in own
