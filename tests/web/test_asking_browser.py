"""The asking side with a browser: by keyboard, by thumb, without scripts, live, and nothing axe objects to."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from nrm.intake.models import PlacementRequest
from nrm.placing import service
from nrm.registry.rules import Stance
from tests.browser import Person, each_width, violations
from tests.builders import PASSWORD, Town
from tests.site import Site, log_in, tick

COORDINATOR = "coordinator-VR17"


SCHIEDAM = "GM0606"


def pick(page: Page, name: str) -> None:
    """Tap a tile: its label reaches over the whole of it."""
    page.locator(f"label[for='f-{name}']").click()


def fill_in(page: Page) -> None:
    page.goto("/aanvragen/nieuw")
    page.get_by_label("In welke regio").select_option("VR17")
    pick(page, "sex-0")
    page.get_by_label("Leeftijd").fill("24")


def sent(here: Town) -> list[str]:
    with here.database.reading() as tx:
        return [found.id for found in tx.session.exec(select(PlacementRequest))]


def found_in(here: Town) -> list[str | None]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(PlacementRequest.municipality_code)))


def inaccessible(page: Page, seen: str) -> list[str]:
    """What is wrong with a page at either width: for axe, wider than the screen, or missed by a thumb."""
    faults: list[str] = []
    for width in each_width(page):
        # Rounding may give a fraction; more than a pixel is a page that scrolls sideways under a thumb.
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        sideways = [f"{wider} px too wide"] if wider > 1 else []
        small = [f"small: {found}" for found in small_targets(page)]
        faults += [f"{seen} {width}: {found}" for found in violations(page) + sideways + small]
    return faults


def small_targets(page: Page) -> list[str]:
    """Buttons and lone links a thumb would miss. Radios and ticks are covered by their tile."""
    tapped = "button, a.nl-button, a.phone, .choice, summary, a.row-link"
    script = """what => [...document.querySelector('main').querySelectorAll(what)]
        .filter(e => e.checkVisibility() && !e.matches('.unseen'))
        .filter(e => Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width) < 43.5)
        .map(e => e.outerHTML)"""
    found: list[str] = page.evaluate(script, tapped)
    return found


def test_every_state_is_accessible(site: Site, person: Person, here: Town) -> None:
    coordinator, provider, officer = here.actor(COORDINATOR), here.actor("aanbieder"), here.duty_officer()
    here.police()
    here.location(region="VR17", stances={"pregnancy": Stance.EXCLUDES})
    here.location(region="VR13", places=(1,))
    here.location(region="VR09", confirmed_minutes_ago=60 * 30)
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    faults: list[str] = []

    def look(path: str, seen: str, within: Page = page) -> None:
        within.goto(path)
        faults.extend(inaccessible(within, seen))

    look("/aanvragen", "empty list")
    look("/aanvragen/nieuw", "form")
    page.locator("details.folded summary").click()
    faults += inaccessible(page, "form unfolded")
    page.get_by_role("button", name="Nog iemand erbij").click()
    page.wait_for_selector("#person-1")
    page.get_by_role("button", name="Zoek een plek").click()
    page.wait_for_selector(".summary")
    faults += inaccessible(page, "form with errors")

    waiting = here.request(coordinator, facts={"addiction": "yes"}, unsafe=[{"region": "VR20"}])
    alone = here.request(coordinator, persons=[{"sex": "m", "age": 16}])
    look(f"/aanvragen/{waiting}", "searching")
    tick(here)
    look(f"/aanvragen/{waiting}", "proposals")
    assert page.get_by_text("Ik heb gebeld en de plek is vrij").count() == 1
    look(f"/aanvragen/{waiting}/wijzigen", "amend")
    look(f"/aanvragen/{waiting}/sluiten", "close")
    look(f"/aanvragen/{waiting}/gemeente", "municipality")
    look(f"/aanvragen/{alone}", "minor alone")
    offer_id = here.offer(coordinator, waiting)
    look(f"/aanvragen/{waiting}", "offered")
    page.get_by_text("Toch niet deze plek?").click()
    faults += inaccessible(page, "withdrawing")
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "no_staff")
    tick(here)
    look(f"/aanvragen/{waiting}", "declined")
    here.accept(provider, here.offer(coordinator, waiting))
    look(f"/aanvragen/{waiting}", "accepted")
    look(f"/aanvragen/{waiting}/adres", "address form")
    pick(page, "reason")
    page.get_by_role("button", name="Toon het adres").click()
    page.wait_for_selector(".address")
    faults += inaccessible(page, "address")
    page.goto(f"/aanvragen/{waiting}")
    page.get_by_text("Is aangekomen").click()
    page.get_by_role("button", name="Ja, aangekomen").click()
    page.wait_for_selector("#geplaatst")
    for folded in page.locator("details summary").all():
        folded.click()
    faults += inaccessible(page, "placed, unfolded")

    nowhere = here.request(coordinator, needs=["wheelchair"])
    here.clock.turn(minutes=75)
    tick(here)
    look(f"/aanvragen/{nowhere}", "no place, overdue")
    look("/aanvragen", "list")
    look("/aanvragen/afgesloten", "no closed ones")
    page.goto(f"/aanvragen/{nowhere}/sluiten")
    pick(page, "reason-refused")
    page.get_by_role("button", name="Sluit af").click()
    page.wait_for_selector("#afgesloten")
    faults += inaccessible(page, "closed")
    look("/aanvragen/afgesloten", "closed ones")

    asked = here.request(here.actor("police"))
    police = person(base_url=page.url.partition("/aanvragen")[0], width=390)
    log_in(police, "police")
    look("/gevolgd", "followed", police)
    look(f"/gevolgd/{asked}", "followed one", police)
    tick(here)
    here.accept(provider, here.offer(officer, asked), "Ingang politiebureau")
    look(f"/gevolgd/{asked}", "handover", police)
    fill_in(police)
    pick(police, "refuses_police")
    police.get_by_role("button", name="Zoek een plek").click()
    police.wait_for_selector("#f-understood")
    faults += inaccessible(police, "told first")
    pick(police, "understood")
    police.get_by_role("button", name="Zoek een plek").click()
    police.wait_for_selector(".bigcode")
    faults += inaccessible(police, "handed over")
    assert faults == []


def test_in_the_dark_too(site: Site, person: Person, here: Town) -> None:
    here.location(region="VR13", stances={"pregnancy": Stance.EXCLUDES})
    here.location(region="VR09", confirmed_minutes_ago=60 * 30)
    request_id = here.request(here.actor(COORDINATOR), unsafe=[{"region": "VR17"}])
    tick(here)
    here.clock.turn(minutes=75)
    tick(here)
    page = person(base_url=site(here, worker=False), width=390, color_scheme="dark")
    log_in(page, COORDINATOR)
    for path in ("/aanvragen", f"/aanvragen/{request_id}", "/aanvragen/nieuw"):
        page.goto(path)
        assert violations(page) == []


def test_from_login_to_offer_with_the_keyboard_alone(site: Site, person: Person, here: Town) -> None:
    """Also with the worker as in production: the proposals come by themselves."""
    here.location(region="VR13")
    page = person(base_url=site(here))
    keys = page.keyboard

    def go_to(name: str) -> None:
        for _ in range(80):
            keys.press("Tab")
            if name in page.evaluate("[document.activeElement.innerText?.trim(), document.activeElement.name]"):
                return
        raise AssertionError(f"{name} cannot be reached")

    page.goto("/")
    go_to("username")
    keys.type(COORDINATOR)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/aanvragen")
    go_to("Nieuwe aanvraag")
    keys.press("Enter")
    page.wait_for_url("**/aanvragen/nieuw")
    go_to("municipality")
    keys.type("Schie")
    go_to("urgency")
    go_to("sex-0")
    keys.press("Space")
    keys.press("Tab")
    keys.type("24")
    go_to("unsafe_here")
    keys.press("Space")
    keys.press("Tab")
    keys.type("Tilburg")
    keys.press("Enter")  # in a field: sends, and does not add a person
    expect(page.locator("#voorstellen")).to_be_visible()
    assert sent(here) == [page.url.rpartition("/")[2]]
    assert found_in(here) == [SCHIEDAM]
    assert "Amsterdam-Amstelland" in page.locator(".proposal--first h3").inner_text()
    while not page.evaluate("document.activeElement.matches('.proposal--first button')"):
        keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Gevraagd aan aanbieder")).to_be_visible()
    assert re.search(r"nog (19:5\d|20:00)", page.locator(".asked__clock").inner_text())


def test_errors_take_the_focus_and_lead_to_their_field(site: Site, person: Person, here: Town) -> None:
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    page.goto("/aanvragen/nieuw")
    page.get_by_label("Leeftijd").fill("oud")
    page.get_by_role("button", name="Zoek een plek").click()
    page.wait_for_selector(".summary")
    assert page.evaluate("document.activeElement.matches('.summary')")
    page.get_by_role("link", name=re.compile("Vul een leeftijd")).click()
    assert page.evaluate("document.activeElement.id") == "f-age-0"
    expect(page.get_by_label("Leeftijd")).to_have_value("oud")


def test_the_municipalities_follow_the_region(site: Site, person: Person, here: Town) -> None:
    """Only those of the region that is chosen; what was chosen of another is not known any more, and stops nothing."""
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    fill_in(page)
    region, municipality = page.get_by_label("In welke regio"), page.get_by_label("In welke gemeente")
    expect(municipality).to_have_value("")
    municipality.select_option(SCHIEDAM)
    region.select_option("VR13")
    expect(municipality).to_have_value("")
    assert municipality.locator("option", has_text="Schiedam").count() == 0
    assert municipality.locator("option", has_text="Amstelveen").count() == 1
    region.select_option("VR17")
    municipality.select_option(SCHIEDAM)
    page.get_by_role("button", name="Nog iemand erbij").click()
    expect(page.get_by_label("In welke gemeente")).to_have_value(SCHIEDAM)
    page.get_by_role("button", name="Haal persoon 2 weg").click()
    page.get_by_role("button", name="Zoek een plek").click()
    page.wait_for_selector("#zoeken")
    page.locator("#gevraagde summary").click()
    expect(page.locator("#gevraagde")).to_contain_text("Schiedam")
    page.get_by_role("link", name="Verbeter de gemeente").click()
    page.get_by_label("In welke gemeente").select_option(label="Weet ik niet")
    page.get_by_role("button", name="Opslaan").click()
    page.wait_for_selector("#zoeken")
    page.locator("#gevraagde summary").click()
    expect(page.locator("#gevraagde")).to_contain_text("niet bekend")
    assert found_in(here) == [None]


def test_a_double_click_sends_one_request(site: Site, person: Person, here: Town) -> None:
    page = person(base_url=site(here, worker=False))
    log_in(page, COORDINATOR)
    fill_in(page)
    page.get_by_role("button", name="Zoek een plek").dblclick()
    page.wait_for_selector("#zoeken")
    assert len(sent(here)) == 1


@pytest.mark.parametrize("noticed", [True, False])
def test_without_a_line_everything_stays_and_is_sent_later(
    site: Site, person: Person, here: Town, noticed: bool
) -> None:
    """Also in the seconds before the browser knows that there is none."""
    page = person(base_url=site(here), width=390)
    log_in(page, COORDINATOR)
    fill_in(page)
    if noticed:
        page.context.set_offline(True)
    else:
        page.route("**/*", lambda route: route.abort())
        expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    page.get_by_role("button", name="Zoek een plek").click()
    expect(page.get_by_role("alert")).to_contain_text("Er is niets verstuurd en alles staat er nog.")
    expect(page.get_by_label("Leeftijd")).to_have_value("24")
    assert sent(here) == []
    page.context.set_offline(False)
    page.unroute_all()
    page.get_by_role("button", name="Zoek een plek").click()
    page.wait_for_url(re.compile(r"/aanvragen/(?!nieuw)"))
    assert len(sent(here)) == 1


def test_a_form_outlives_its_session(site: Site, person: Person, here: Town) -> None:
    page = person(base_url=site(here), width=390)
    log_in(page, COORDINATOR)
    fill_in(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Zoek een plek").click()
    expect(page.get_by_text("Wat u invulde is er nog")).to_be_visible()
    page.get_by_label("Gebruikersnaam").fill(COORDINATOR)
    page.get_by_label("Wachtwoord").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Inloggen").click()
    expect(page.get_by_role("heading", name="Nog niet verstuurd")).to_be_visible()
    assert inaccessible(page, "unsent") == []
    page.get_by_role("button", name="Verstuur het nu").click()
    page.wait_for_url(re.compile(r"/aanvragen/(?!nieuw)"))
    assert len(sent(here)) == 1


def test_without_scripts_the_whole_path_works(site: Site, person: Person, here: Town) -> None:
    here.location(region="VR13")
    page = person(base_url=site(here, worker=False), width=390, javascript=False)
    log_in(page, COORDINATOR)
    fill_in(page)
    page.get_by_role("button", name="Nog iemand erbij").click()
    # The next field of the new person has the focus: no searching under a thumb.
    expect(page.locator("#f-sex-1")).to_be_focused()
    pick(page, "sex-1-m")
    page.locator("#f-age-1").fill("3")
    # Without a script all of them are there, by region: one of another region is taken for not known.
    page.get_by_label("In welke gemeente").select_option(label="Amstelveen")
    page.get_by_role("button", name="Nog een regio of gemeente").click()
    page.locator("#f-unsafe").fill("Tilburg")
    page.get_by_role("button", name="Zoek een plek").dblclick()
    page.wait_for_selector("#zoeken")
    assert found_in(here) == [None]
    tick(here)
    page.reload()
    expect(page.locator(".case__party")).to_have_text("vrouw van 24 met kind van 3")
    page.get_by_role("button", name="Vraag deze plek").click()
    expect(page.get_by_role("heading", name="Gevraagd aan aanbieder")).to_be_visible()
    page.get_by_text("Toch niet deze plek?").click()
    page.get_by_role("button", name="Trek de vraag in").click()
    expect(page.locator(".flash")).to_contain_text("ingetrokken")


def test_on_a_phone_the_first_proposal_can_be_asked_without_scrolling(site: Site, person: Person, here: Town) -> None:
    here.location(region="VR13")
    request_id = here.request(here.actor(COORDINATOR), unsafe=[{"region": "VR17"}])
    tick(here)
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    page.goto(f"/aanvragen/{request_id}")
    expect(page.get_by_role("button", name="Vraag deze plek")).to_be_in_viewport(ratio=1)


def test_a_list_with_somebody_who_waits_too_long_fits_a_phone(site: Site, person: Person, here: Town) -> None:
    """In English too, whose words for how long are longer."""
    here.request(here.actor(COORDINATOR))
    here.clock.turn(minutes=60 + 2 * 60 + 59)
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    page.get_by_role("button", name="English").click()
    expect(page.locator(".overdue__since")).to_contain_text("2 hours and 59 minutes so far")
    assert inaccessible(page, "overdue") == []


def test_answer_and_next_proposal_come_without_reloading(site: Site, person: Person, here: Town) -> None:
    here.location(region="VR17")
    here.location(region="VR13")
    coordinator, provider = here.actor(COORDINATOR), here.actor("aanbieder")
    request_id = here.request(coordinator)
    page = person(base_url=site(here))
    log_in(page, COORDINATOR)
    page.goto(f"/aanvragen/{request_id}")
    expect(page.locator(".live[data-live-state=on]")).to_be_visible()
    page.locator(".proposal--first button").click()
    expect(page.locator(".asked")).to_be_visible()
    expect(page.locator(".flash")).to_contain_text("De plek is vastgehouden en gevraagd.")
    page.evaluate("document.body.dataset.liveSaid = 0")
    offer_id = here.offers()[0].id
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "no_staff")
    expect(page.locator(".said")).to_contain_text("Er is geen begeleiding")
    expect(page.locator(".flash"), "no word of asking above a house that said no").to_have_count(0)
    expect(page.locator(".proposal--first h3")).to_contain_text("Amsterdam-Amstelland")
    page.locator(".proposal--first button").click()
    expect(page.locator(".asked")).to_be_visible()
    live = next(offer for offer in here.offers() if offer.status == "live")
    here.accept(provider, live.id)
    expect(page.get_by_role("heading", name="Er is een plek")).to_be_visible()


def test_two_want_the_last_place(site: Site, person: Person, here: Town) -> None:
    here.coordinator("VR15")
    here.location(region="VR16", places=(1,))
    here.location(region="VR01", places=(1,))
    ours = here.request(here.actor(COORDINATOR))
    theirs = here.request(here.actor("coordinator-VR15"), region="VR15")
    tick(here)
    address = site(here, worker=False)
    one, two = person(base_url=address), person(base_url=address, width=390)
    log_in(one, COORDINATOR)
    log_in(two, "coordinator-VR15")
    one.goto(f"/aanvragen/{ours}")
    two.goto(f"/aanvragen/{theirs}")
    last = "Vraag deze plek Hollands Midden L-001"
    expect(two.get_by_role("button", name=last)).to_be_visible()
    # Taken while the other is looking at a page that was not told yet.
    two.route("**/deel", lambda route: route.abort())
    one.get_by_role("button", name=last).click()
    expect(one.get_by_role("heading", name="Gevraagd aan aanbieder")).to_be_visible()
    two.get_by_role("button", name=last).click()
    expect(two.locator(".flash")).to_contain_text("Iemand was u net voor")
    expect(two.locator(".proposal--first h3")).to_contain_text("Groningen")
