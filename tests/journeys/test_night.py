"""A Saturday night with two people at their screens, in real browsers, live on both sides without reloading."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from nrm.registry import queries as registry
from tests.browser import Person, violations
from tests.builders import PASSWORD, Town, town
from tests.site import Site, log_in

SOON = 20_000  # milliseconds a screen may take on a busy machine; a wait ends as soon as it shows

LogIn = Callable[..., Page]


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
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


def ask(page: Page, unsafe_here: bool = False) -> str:
    """Ask for a bed for one woman tonight; returns the short code."""
    page.get_by_role("link", name="Nieuwe aanvraag").first.click()
    page.get_by_text("Vrouw", exact=True).click()
    page.get_by_label("Leeftijd").fill("24")
    if unsafe_here:
        page.get_by_text("Niet in deze regio").click()
    page.get_by_role("button", name="Zoek een plek").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Aanvraag")
    return heading.inner_text().removeprefix("Aanvraag").strip()


def ask_for_first_place(page: Page) -> None:
    page.get_by_role("button", name="Vraag deze plek").first.click()
    expect(page.get_by_text("Plek vastgehouden")).to_be_visible()


def states(here: Town, location_id: str) -> list[str]:
    with here.database.reading() as tx:
        view = registry.locations(tx, location_id=location_id)[0]
        return [place.state.value for unit in view.units for place in unit.places]


def test_from_a_call_in_the_night_to_a_bed(here: Town, at_screen: LogIn) -> None:
    here.coordinator(), here.provider()
    here.location(region="VR17", places=(1,))
    elsewhere = here.location(region="VR13", places=(1,))
    provider = at_screen("aanbieder", width=390)
    provider.get_by_role("link", name="Te beantwoorden").click()
    expect(provider.get_by_text("Er wacht geen vraag op uw antwoord")).to_be_visible()

    coordinator = at_screen("coordinator-VR17")
    code = ask(coordinator, unsafe_here=True)
    # Out of the region where it is not safe, saying so; and why the other place does not fit.
    expect(coordinator.get_by_role("heading", name="1 plek past")).to_be_visible(timeout=SOON)
    expect(coordinator.get_by_text("want daar is het niet veilig")).to_be_visible()
    coordinator.get_by_text("Waarom andere plekken niet").click()
    expect(coordinator.get_by_text("Niet veilig voor deze personen")).to_be_visible()
    ask_for_first_place(coordinator)
    assert states(here, elsewhere) == ["held"]

    card = provider.get_by_role("article", name="vrouw van 24")
    expect(card).to_contain_text(code, timeout=SOON)
    expect(card).to_contain_text("Vastgehouden")
    assert violations(provider) == []
    card.get_by_role("button", name="Ja, dit kan").click()

    expect(coordinator.get_by_role("heading", name="Er is een plek")).to_be_visible(timeout=SOON)
    assert violations(coordinator) == []
    coordinator.get_by_role("link", name="Naar het adres").click()
    coordinator.get_by_text("Ik breng", exact=False).first.click()
    if coordinator.get_by_label("Uw wachtwoord, nog een keer").count():
        coordinator.get_by_label("Uw wachtwoord, nog een keer").fill(PASSWORD)
    coordinator.get_by_role("button", name="Toon het adres").click()
    expect(coordinator.get_by_text("CANARY-002")).to_be_visible()
    coordinator.get_by_role("link", name="Klaar, terug naar de aanvraag").click()
    assert "CANARY" not in coordinator.content()
    coordinator.get_by_text("Is aangekomen").click()
    coordinator.get_by_role("button", name="Ja, aangekomen").click()
    expect(coordinator.get_by_role("heading", name="Aangekomen")).to_be_visible()
    assert states(here, elsewhere) == ["occupied"]

    provider.get_by_role("navigation").get_by_role("link", name="Onze plekken").click()
    provider.get_by_role("link", name="L-002, kamer K1, plek 1").click()
    provider.locator("summary", has_text="eigen woning").click()
    provider.get_by_role("button", name="Ja, vertrokken: eigen woning").click()
    expect(provider.get_by_text("Het vertrek is vastgelegd")).to_be_visible()
    assert states(here, elsewhere) == ["free"]
    expect(coordinator.get_by_role("heading", name="Afgesloten")).to_be_visible(timeout=SOON)


def test_declined_with_a_reason_then_placed_elsewhere(here: Town, at_screen: LogIn) -> None:
    here.coordinator(), here.provider("eerste"), here.provider("tweede")
    here.location(provider="eerste", region="VR17", places=(1,))
    here.location(provider="tweede", region="VR13", places=(1,))
    first, second, coordinator = at_screen("eerste"), at_screen("tweede"), at_screen("coordinator-VR17")
    for provider in (first, second):
        provider.get_by_role("link", name="Te beantwoorden").click()
    ask(coordinator)
    ask_for_first_place(coordinator)
    first.get_by_text("Nee, want").click()
    first.locator("summary", has_text="Er is geen begeleiding").click()
    first.get_by_role("button", name="Zeg nee: Er is geen begeleiding").click()
    expect(coordinator.get_by_text("eerste zei nee.")).to_be_visible(timeout=SOON)
    expect(coordinator.get_by_role("heading", name="1 plek past")).to_be_visible(timeout=SOON)
    ask_for_first_place(coordinator)
    second.get_by_role("button", name="Ja, dit kan").click()
    expect(coordinator.get_by_role("heading", name="Er is een plek")).to_be_visible(timeout=SOON)


def test_silence_until_the_alarm(here: Town, at_screen: LogIn) -> None:
    here.coordinator(), here.provider(), here.duty_officer()
    house = here.location(places=(1,))
    coordinator, officer = at_screen("coordinator-VR17"), at_screen("piket")
    code = ask(coordinator)
    ask_for_first_place(coordinator)
    expect(officer.get_by_text(code).first).to_be_visible(timeout=SOON)

    here.clock.turn(minutes=20)
    expect(coordinator.get_by_text("gaf geen antwoord op tijd")).to_be_visible(timeout=SOON)
    assert states(here, house) == ["free"]
    here.clock.turn(minutes=40)
    alarm = officer.get_by_role("article", name=code)
    expect(alarm).to_be_visible(timeout=SOON)
    expect(coordinator.get_by_text("over tijd", exact=False).first).to_be_visible(timeout=SOON)
    assert violations(officer) == []
    alarm.get_by_role("button", name="Ik doe dit").click()
    expect(officer.get_by_text("doet dit")).to_be_visible(timeout=SOON)


def test_two_coordinators_want_the_last_place(here: Town, at_screen: LogIn) -> None:
    here.coordinator("VR17"), here.coordinator("VR15"), here.provider()
    last = here.location(region="VR16", places=(1,))
    other = here.location(region="VR01", places=(1,))
    one, two = at_screen("coordinator-VR17"), at_screen("coordinator-VR15")
    ask(one)
    ask(two)
    buttons = [page.get_by_role("button", name="Vraag deze plek Hollands Midden L-001") for page in (one, two)]
    for button in buttons:
        expect(button).to_be_visible(timeout=SOON)
    # The second one's screen is a moment behind: what they press is what still stands there.
    two.route("**/*", lambda route: route.abort() if "x-fragment" in route.request.headers else route.continue_())
    buttons[0].click()
    expect(one.get_by_text("Plek vastgehouden")).to_be_visible()
    buttons[1].click()
    expect(two.get_by_text("Iemand was u net voor: deze plek is zojuist bezet")).to_be_visible()
    two.unroute_all()
    expect(two.get_by_role("button", name="Vraag deze plek Groningen L-002")).to_be_visible(timeout=SOON)
    expect(buttons[1]).to_have_count(0)
    assert states(here, last) == ["held"]
    assert states(here, other) == ["free"]


def test_connection_lost_and_resumed_with_nothing_missed(here: Town, at_screen: LogIn) -> None:
    here.coordinator(), here.provider()
    here.location(places=(1,))
    coordinator, provider = at_screen("coordinator-VR17", width=390), at_screen("aanbieder")
    provider.get_by_role("link", name="Te beantwoorden").click()
    ask(coordinator)
    ask_for_first_place(coordinator)
    card = provider.get_by_role("button", name="Ja, dit kan")
    expect(card).to_be_visible(timeout=SOON)
    coordinator.context.set_offline(True)
    card.click()
    expect(provider.get_by_text("U heeft ja gezegd")).to_be_visible(timeout=SOON)
    expect(coordinator.get_by_role("heading", name="Er is een plek")).to_have_count(0)
    coordinator.context.set_offline(False)
    expect(coordinator.get_by_role("heading", name="Er is een plek")).to_be_visible(timeout=SOON * 4)
