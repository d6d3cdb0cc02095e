"""From no place at all to the next house: a night in a cell, a place for three days, and what comes after it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from nrm.course import queries
from tests.browser import Person, violations
from tests.builders import Town, town
from tests.site import Site, log_in

SOON = 20_000  # milliseconds a screen may take on a busy machine; a wait ends as soon as it shows

LogIn = Callable[..., Page]


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


@pytest.fixture
def at_screen(here: Town, site: Site, person: Person) -> LogIn:
    """Opens a browser of somebody's own, logged in, on the one site of this town."""
    addresses: list[str] = []

    def open_screen(login: str, width: int = 1440) -> Page:
        if not addresses:
            addresses.append(site(here))
        page = person(base_url=addresses[0], width=width)  # type: ignore[arg-type]
        page.set_default_timeout(SOON)
        log_in(page, login)
        return page

    return open_screen


def test_a_cell_rings_at_the_desk_until_there_is_a_place_and_the_next_one_is_asked_at_once(
    here: Town, at_screen: LogIn
) -> None:
    coordinator = here.coordinator()
    here.duty_officer(), here.provider()
    request_id = here.request(coordinator, days=3, facts={"trauma": "yes"}, wishes=["lang:bg"])
    desk = at_screen("piket")
    expect(desk.get_by_text("Er gaat geen alarm.")).to_be_visible()

    owner = at_screen("coordinator-VR17", width=390)
    owner.goto(f"/aanvragen/{request_id}")
    owner.get_by_role("link", name="Leg een overbrugging vast").click()
    owner.get_by_text("politiecel", exact=True).click()
    owner.get_by_label("Welke gemeente betaalt?").select_option(label="Rotterdam")
    assert violations(owner) == []
    owner.get_by_role("button", name="Leg vast").click()
    expect(owner.get_by_text("Nu overbrugd:")).to_contain_text("politiecel")
    expect(desk.get_by_text("Iemand zit in een politiecel")).to_be_visible(timeout=SOON)
    desk.get_by_role("button", name="Ik doe dit").click()
    expect(desk.get_by_text("piket doet dit")).to_be_visible()

    # A house opens: asked, accepted, and on the way.
    here.location(region="VR17", places=(1,))
    with here.database.transaction() as tx:
        tx.record("test.house_opened", "location:loc-1", "places")
    expect(owner.get_by_role("button", name="Vraag deze plek")).to_be_visible(timeout=SOON)
    owner.get_by_role("button", name="Vraag deze plek").click()
    provider = at_screen("aanbieder", width=390)
    provider.get_by_role("link", name="Te beantwoorden").click()
    provider.get_by_role("button", name="Ja, dit kan").click()
    provider.get_by_role("navigation").get_by_role("link", name="Onze plekken").click()
    provider.get_by_role("link", name="Vervoer en overdracht").click()
    provider.get_by_text("taxi", exact=True).click()
    provider.get_by_label("Tolk bij de opname").select_option(label="Bulgaars")
    provider.get_by_role("button", name="Leg vast").click()
    expect(provider.get_by_text("De andere kant ziet het meteen")).to_be_visible()
    assert violations(provider) == []
    expect(owner.locator("#onderweg")).to_contain_text("Bulgaars", timeout=SOON)
    owner.get_by_text("Is aangekomen").click()
    owner.get_by_role("button", name="Ja, aangekomen").click()

    # The cell is over and its alarm with it; the next place is asked already.
    expect(owner.get_by_text("Vervolgplek gevraagd:")).to_be_visible(timeout=SOON)
    expect(owner.get_by_text("aangekomen op een plek")).to_be_attached(timeout=SOON)
    expect(desk.get_by_text("Er gaat geen alarm.")).to_be_visible(timeout=SOON)
    expect(desk.locator("#aanvragen")).to_contain_text("vervolgplek", timeout=SOON)

    provider.reload()
    provider.locator("#nazorg-legal_aid").get_by_role("button", name="Gedaan").click()
    expect(provider.locator("#nazorg-legal_aid")).to_contain_text("gedaan")
    expect(owner.locator("#verblijf")).to_contain_text("nog 4 punten", timeout=SOON)
    assert violations(provider) == []
    assert violations(owner) == []
    assert violations(desk) == []
    with here.database.reading() as tx:
        next_one = queries.follow_on(tx, request_id)
        assert next_one is not None
    owner.get_by_role("link", name=next_one.short_code).click()
    expect(owner.get_by_text("Dit is de vervolgplek van")).to_be_visible()
