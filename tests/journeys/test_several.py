"""Who can take her? Two houses are asked at once, the quicker one has it, and a no becomes a rule with one tap."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Person, violations
from tests.builders import Town, town
from tests.site import Site, log_in

SOON = 20_000  # milliseconds a screen may take on a busy machine


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def test_two_houses_at_once_and_a_no_that_becomes_a_rule(here: Town, site: Site, person: Person) -> None:
    coordinator = here.coordinator()
    for name, region in (("eerste", "VR17"), ("tweede", "VR13"), ("derde", "VR09")):
        here.provider(name)
        here.location(name, region=region, places=(1,))
    request_id = here.request(coordinator)
    here.match()
    base = site(here)

    def at_screen(login: str, path: str) -> Page:
        page = person(base_url=base, width=390)
        page.set_default_timeout(SOON)
        log_in(page, login)
        page.goto(path)
        return page

    asking = at_screen("coordinator-VR17", f"/aanvragen/{request_id}")
    expect(asking.get_by_role("heading", name="3 plekken passen")).to_be_visible(timeout=SOON)
    for house in ("L-001", "L-002"):
        asking.get_by_role("article").filter(has_text=house).get_by_text("Vraag deze ook").click()
    asking.get_by_role("button", name="Vraag de aangevinkte plekken tegelijk").click()
    expect(asking.get_by_text("Wie het eerst ja zegt, wordt het.")).to_be_visible()
    for house in ("eerste", "tweede"):
        expect(asking.get_by_role("heading", name=f"Gevraagd aan {house}")).to_be_visible()
    assert violations(asking) == []

    answering = {}
    for house in ("eerste", "tweede"):
        page = answering[house] = at_screen(house, "/antwoorden")
        expect(page.get_by_role("button", name="Ja, dit kan")).to_be_visible()
    answering["eerste"].get_by_role("button", name="Houd 15 minuten langer vast").click()
    expect(answering["eerste"].get_by_text("1 keer verlengd")).to_be_visible()
    expect(asking.get_by_text("1 keer verlengd")).to_be_visible(timeout=SOON)

    no = answering["eerste"]
    no.get_by_text("Nee, want").click()
    no.get_by_text("De plek is toch niet vrij").first.click()
    expect(no.get_by_text("Deze kamer wordt dan aan niemand gevraagd")).to_be_visible()
    no.get_by_text("Deze problemen kunnen wij hier niet opvangen").click()
    assert violations(no) == []
    no.locator("summary", has_text="verslaving").click()
    no.get_by_role("button", name="Zeg nee: verslaving").click()
    expect(no.get_by_role("heading", name="Bespaar uzelf zulke vragen")).to_be_visible()
    expect(asking.get_by_text("eerste zei nee.")).to_be_visible(timeout=SOON)
    expect(asking.get_by_text("De andere vragen staan nog open.")).to_be_visible()

    # One more is asked, and the one that thought longest says yes.
    asking.get_by_text("Nog een opvang erbij vragen?").click()
    asking.get_by_role("button", name="Vraag deze plek").click()
    expect(asking.get_by_role("heading", name="Gevraagd aan derde")).to_be_visible()
    answering["tweede"].get_by_role("button", name="Ja, dit kan").click()
    expect(asking.get_by_role("heading", name="Er is een plek")).to_be_visible(timeout=SOON)
    late = at_screen("derde", "/antwoorden")
    expect(late.get_by_role("heading", name="Niet meer nodig, dank u wel")).to_be_visible()
    assert violations(late) == []

    no.get_by_role("link", name="Maak er een regel van").click()
    expect(no.get_by_role("radio", name="niet mogelijk")).to_be_checked()
    no.get_by_label("Reden").fill("geen begeleiding in de nacht")
    no.get_by_text("begeleiding die er is").click()
    no.get_by_role("button", name="Bewaar").click()
    expect(no.get_by_text("De toelatingsregel is opgeslagen.")).to_be_visible()
    no.goto("/antwoorden")
    expect(no.get_by_role("heading", name="Bespaar uzelf zulke vragen")).to_have_count(0)
