"""The screens of the night as a browser shows them: nothing inaccessible or too wide, what rings in sight."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from nrm.handover.service import hand_over
from nrm.intake.models import PlacementRequest
from tests.browser import Person, Width, each_width, violations
from tests.builders import Town, town
from tests.site import Site, log_in, tick


def fits(page: Page) -> bool:
    """Whether nothing pokes out at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def wrong(page: Page, where: str) -> list[str]:
    """What is inaccessible or too wide, at either width."""
    found = []
    for width in each_width(page):
        found += [f"{where} {width}: {one}" for one in violations(page)]
        if not fits(page):
            found.append(f"{where} {width} is wider than the screen")
    return found


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    """A night in which one request rings, with the sheets of the morning made."""
    made = town(sqlite_url)
    made.duty_officer(), made.coordinator(), made.provider()
    made.location(), made.location(confirmed_minutes_ago=None)
    made.request(made.police())
    made.clock.turn(minutes=61)
    tick(made)
    with made.database.transaction() as tx:
        hand_over(tx, "VR17", "https://nrm.example")
    yield made
    made.database.close()


def test_nothing_of_the_night_is_inaccessible_or_too_wide(here: Town, site: Site, person: Person) -> None:
    with here.database.reading() as tx:
        request_id = tx.session.exec(select(PlacementRequest.id)).one()
    address = site(here, worker=False)
    officer = person(base_url=address, width=390)
    log_in(officer, "piket")
    faults: list[str] = []
    for path in (
        "/piket",
        f"/piket?voor={request_id}",
        "/piket/sinds",
        f"/piket/noodbed/{request_id}",
        "/piket/noodlijst",
        "/ochtend",
    ):
        officer.goto(path)
        faults += wrong(officer, path)
    officer.goto("/piket/noodlijst")
    officer.get_by_role("button", name="Om te oefenen").click()
    expect(officer.get_by_text("U ziet hem alleen nu")).to_be_visible()
    faults += wrong(officer, "the night list")
    region = person(base_url=address, width=390)
    log_in(region, "coordinator-VR17")
    region.goto("/ochtend")
    faults += wrong(region, "the morning of a region")
    assert faults == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_night_can_be_worked_at_any_width(here: Town, site: Site, person: Person, width: Width) -> None:
    officer = person(base_url=site(here, worker=False), width=width)
    log_in(officer, "piket")
    # What rings is on the screen without scrolling, and its number stays there at the very end of the page.
    officer.goto("/piket")
    expect(officer.get_by_role("button", name="Ik doe dit")).to_be_in_viewport()
    officer.get_by_role("heading", name="Klaar?").scroll_into_view_if_needed()
    expect(officer.get_by_role("link", name="Alarmen 1")).to_be_in_viewport()
    # With the keyboard alone: unfold a provider and a house's answers, choose one.
    board = officer.locator("#bord")
    expect(board).to_be_hidden()
    noted = officer.locator("summary", has_text="Noteer").first
    expect(noted).to_be_hidden()
    officer.locator("summary", has_text="2 locaties").focus()
    officer.keyboard.press("Enter")
    noted.focus()
    officer.keyboard.press("Enter")
    officer.keyboard.press("Tab")
    officer.keyboard.press("Enter")
    expect(officer.get_by_text("Het gesprek staat in de lijst")).to_be_visible()
    # Back at that house, unfolded again; and news leaves folded what is folded, and open what is open.
    called = officer.locator("summary", has_text="geen gehoor").first
    expect(called).to_be_visible()
    officer.locator("#kop-plekken").focus()
    officer.keyboard.press("Enter")
    expect(board).to_be_visible()
    officer.evaluate("scrollTo(0, 0)")  # what is half behind the bar is no target
    assert violations(officer) == []
    assert fits(officer)
    with officer.expect_response("**/piket/bellijst**"), officer.expect_response("**/bord/deel"):
        here.location()
        officer.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(officer.locator("summary", has_text="3 locaties")).to_be_visible()
    expect(called).to_be_visible()
    expect(board).to_be_visible()
