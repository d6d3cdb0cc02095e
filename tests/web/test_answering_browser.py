"""The answering and watching screens in a browser: live, by keyboard, for a thumb, and accessible in every state."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from nrm.access.rules import OrganisationKind, Role
from nrm.escalation import service as escalation
from nrm.notify import service as notify
from nrm.notify.within import InAppChannel
from nrm.placing.service import withdraw_offer
from nrm.registry import joint
from nrm.registry import service as keeping
from nrm.registry.rules import Use
from tests.browser import Person, each_width, violations
from tests.builders import Town, town
from tests.site import Site, log_in

# The link on a tile covers all of it.
SMALL = """() => [...document.querySelectorAll('main button, main a, main select, main summary, main input, .nav a')]
  .filter((one) => one.offsetParent && !one.closest('.choice, .tile__label') && one.type !== 'hidden')
  .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


def looks_right(page: Page, where: str) -> None:
    """Accessible, not wider than the screen, and large enough for a thumb, at either width."""
    for width in each_width(page):
        assert violations(page) == [], f"{where} {width}"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            f"{where} {width}"
        )
        assert page.evaluate(SMALL) == [], f"{where} {width}"


def asked(here: Town, **fields: object) -> str:
    request_id = here.request(here.coordinator(), **fields)
    here.match()
    return request_id


def test_an_offer_appears_live_and_its_countdown_runs(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location()
    coordinator = here.coordinator()
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "aanbieder")
    page.goto("/antwoorden")
    expect(page.get_by_text("Er wacht geen vraag op uw antwoord.")).to_be_visible()
    expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    offer_id = here.offer(coordinator, asked(here))
    card = page.locator(f"#vraag-{offer_id}")
    expect(card).to_be_visible(timeout=2000)
    expect(page).to_have_title("(1) Te beantwoorden · NRM Opvangplekken")
    left = card.locator("[data-countdown-left]")
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    with here.database.transaction(coordinator.account_id) as tx:
        withdraw_offer(tx, coordinator, offer_id)
    expect(card).to_have_count(0)
    expect(page.get_by_text("Er wacht geen vraag op uw antwoord.")).to_be_visible()


def test_the_first_screen_of_a_provider_shows_it_too(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location(places=(1,))
    page = person(base_url=site(here, worker=False))
    log_in(page, "aanbieder")
    expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    expect(page.locator(".place--free")).to_have_count(1)
    offer_id = here.offer(here.coordinator(), asked(here))
    expect(page.locator(".place--held")).to_have_count(1)
    page.locator(f"#vraag-{offer_id}").get_by_role("link", name="Bekijk en antwoord").click()
    expect(page.locator(f"#vraag-{offer_id}")).to_be_in_viewport()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what has this text, as somebody without a mouse does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()").startswith(name):
            return
    raise AssertionError(f"no key leads to {name}")


def test_yes_by_keyboard(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location()
    request_id = asked(here)
    here.offer(here.coordinator(), request_id)
    page = person(base_url=site(here, worker=False))
    log_in(page, "aanbieder")
    page.goto("/antwoorden")
    tab_to(page, "Ja, dit kan")
    page.keyboard.press("Enter")
    expect(page.get_by_text("U heeft ja gezegd. De aanvrager krijgt bericht.")).to_be_visible()
    assert here.status(request_id) == "accepted"
    page.goto("/opvang")
    tab_to(page, "Aangekomen")
    page.keyboard.press("Enter")
    expect(page.get_by_text("bij u binnen? Dit kunt u niet terugdraaien.")).to_be_visible()
    assert here.status(request_id) == "accepted", "one tap asks, and sends nothing"
    tab_to(page, "Ja, aangekomen")
    page.keyboard.press("Enter")
    expect(page.get_by_text("De aankomst is vastgelegd.")).to_be_visible()
    assert here.status(request_id) == "placed"


def test_no_by_keyboard_and_a_swap_leaves_the_open_question_open(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location(places=(1, 1))
    coordinator = here.coordinator()
    request_id = asked(here)
    offer_id = here.offer(coordinator, request_id)
    page = person(base_url=site(here, worker=False))
    log_in(page, "aanbieder")
    page.goto("/antwoorden")
    expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    tab_to(page, "Nee, want")
    page.keyboard.press("Enter")
    second = here.offer(coordinator, asked(here))
    expect(page.locator(f"#vraag-{second}")).to_be_visible()
    expect(page.locator(f"#vraag-{offer_id} details.offer__no")).to_have_attribute("open", "")
    tab_to(page, "Er is geen begeleiding")
    page.keyboard.press("Enter")
    expect(page.locator(f"#nee-{offer_id}-no_staff .taps__ask")).to_be_visible()
    assert here.status(request_id) == "offered", "choosing a reason tells what it does, and sends nothing"
    tab_to(page, "Zeg nee: Er is geen begeleiding")
    page.keyboard.press("Enter")
    expect(page.get_by_text("U heeft nee gezegd.")).to_be_visible()
    expect(page.locator(f"#vraag-{offer_id}")).to_have_count(0)
    assert here.status(request_id) in {"open", "proposed"}


def test_two_taps_take_a_place_out_of_service_on_a_phone(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location(places=(1,))
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "aanbieder")
    page.locator(".place--free").tap()
    page.get_by_role("button", name="onderhoud of schade").tap()
    expect(page.locator(".place--out_of_service")).to_be_visible()


def test_every_state_of_the_answering_screens(here: Town, site: Site, person: Person) -> None:
    provider, coordinator = here.provider(), here.coordinator()
    here.national_desk()
    police, officer = here.police(), here.duty_officer()
    house = here.location(places=(2, 1), handover_points=("Ingang politiebureau", "Balie ziekenhuis"))
    here.location(region="VR01", confirmed_minutes_ago=60 * 30)
    omm = here.location(region="VR09", pool="OMM")
    paused = here.location(region="VR20", places=(1,))
    with here.database.transaction(provider.account_id) as tx:
        keeping.pause_intake(tx, provider, paused, "staffing", None)
        keeping.close_place(tx, provider, f"{house}-u2-p1", "maintenance", None)
    address = site(here, worker=False)
    page = person(base_url=address, width=390)
    log_in(page, "aanbieder")
    page.goto("/antwoorden")
    looks_right(page, "nothing waits")
    here.placed(coordinator, provider)
    asks_police = here.request(police, facts={"trauma": "yes", "addiction": "no"}, wishes=["lang:ar"], needs=[])
    omm_request = here.request(coordinator, urgency="today", facts={"psychiatric": "yes"}, residence="none")
    here.match()
    here.offer(officer, asks_police)
    rank = here.proposals(omm_request).index(omm) + 1
    here.accept(provider, here.offer(coordinator, omm_request, rank))
    page.goto("/antwoorden")
    expect(page.locator("article.offer")).to_have_count(2)
    looks_right(page, "waiting and answered")
    for summary in page.locator("summary").all():
        summary.click()
    looks_right(page, "opened")
    page.goto("/opvang")
    looks_right(page, "houses")
    for kind in ("free", "check", "paused", "held", "expected", "out_of_service"):
        page.goto("/opvang")
        page.locator(f".place--{kind}").first.click()
        page.wait_for_url("**/plek/**")
        looks_right(page, kind)
    for path in (f"/opvang/{house}", f"/opvang/{paused}", f"/opvang/{house}/regel/addiction"):
        page.goto(path)
        looks_right(page, path)
    page.goto(f"/opvang/{house}/regel/addiction")
    page.locator("label", has_text="niet mogelijk").click()
    page.get_by_label("Reden").fill("")
    page.get_by_role("button", name="Bewaar").click()
    expect(page.get_by_role("alert")).to_be_focused()
    looks_right(page, "a form that came back")
    desk = person(base_url=address, width=390)
    log_in(desk, "loket")
    looks_right(desk, "the desk")


def test_every_state_of_a_shared_house(here: Town, site: Site, person: Person) -> None:
    provider = here.provider()
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    house = here.location(region="VR17", places=(2, 1, 1))
    address = site(here, worker=False)
    page = person(base_url=address, width=390)
    log_in(page, "aanbieder")
    page.goto(f"/opvang/{house}/afspraken")
    looks_right(page, "nothing agreed")
    page.get_by_label("Gemeente 1").select_option("GM0599")
    page.get_by_label("Contract loopt tot").fill("2026-12-31")
    page.get_by_label("Plekken die vrij blijven").fill("9")
    page.get_by_role("button", name="Bewaar de afspraken").click()
    expect(page.get_by_role("alert")).to_be_focused()
    looks_right(page, "a form that came back")
    page.get_by_label("Plekken die vrij blijven").fill("2")
    page.get_by_role("button", name="Bewaar de afspraken").click()
    expect(page.get_by_text("De afspraken zijn bewaard.")).to_be_visible()
    with here.database.transaction(provider.account_id) as tx:
        for room in ("u2", "u3"):
            joint.set_use(tx, provider, f"{house}-{room}", Use.REGULAR)
    page.reload()
    page.locator(f"#kamer-{house}-u3").get_by_role("button", name="3 dagen").click()
    expect(page.get_by_text("De kamer is nu een crisisbed.")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    looks_right(page, "agreed, with a crisis bed")
    for path in ("/opvang", f"/opvang/plek/{house}-u2-p1", f"/opvang/plek/{house}-u1-p1"):
        page.goto(path)
        looks_right(page, path)
    payer = person(base_url=address, width=390)
    log_in(payer, Role.MUNICIPALITY)
    payer.goto("/gedeeld")
    expect(payer.get_by_text("Rotterdam 1/1")).to_be_visible()
    looks_right(payer, "what the region pays for")


def test_every_state_of_the_watching_screens(here: Town, site: Site, person: Person) -> None:
    here.provider()
    here.location()
    here.location(region="VR01", confirmed_minutes_ago=60 * 30)
    here.location(region="VR20", pool="COSM", confirmed_minutes_ago=None)
    here.duty_officer(on_shift=False)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    here.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    here.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    address = site(here, worker=False)
    officer = person(base_url=address, width=390)
    log_in(officer, "piket")
    looks_right(officer, "off shift")
    officer.get_by_role("button", name="Begin mijn dienst").click()
    expect(officer.locator("[data-sound]")).to_have_attribute("data-played", "1")
    expect(officer.get_by_text("Hoorde u de toon?")).to_be_visible()
    looks_right(officer, "a tone to be heard")
    officer.get_by_role("button", name="Ja, begin mijn dienst").click()
    expect(officer.get_by_text("Er gaat geen alarm.")).to_be_visible()
    looks_right(officer, "a quiet shift")
    asked(here, persons=[{"sex": "f", "age": 16}])
    asked(here, urgency="planned")
    escalation.run_due(here.database)
    expect(officer.get_by_role("button", name="Ik doe dit")).to_be_visible()
    looks_right(officer, "an alarm")
    officer.get_by_role("button", name="Ik doe dit").click()
    expect(officer.get_by_text("piket doet dit")).to_be_visible()
    looks_right(officer, "taken")
    officer.goto("/niet-aangekomen")
    looks_right(officer, "what did not arrive")
    officer.goto("/bereikbaarheid")
    officer.get_by_role("button", name="Test mijn alarm").click()
    notify.deliver_due(here.database, {"in_app": InAppChannel()})
    expect(officer.get_by_text("Proefalarm op dit scherm")).to_be_visible()
    looks_right(officer, "a test alarm")
    officer.get_by_role("button", name="Ik zie het").click()
    expect(officer.get_by_text("u antwoordde")).to_be_visible()
    for login, paths in {
        Role.NATIONAL_COORDINATOR: (
            *("/landelijk", "/landelijk/oorzaken", "/landelijk/tijden", "/landelijk/oplossen", "/landelijk/uitleg"),
            *("/landelijk/regels", "/landelijk/onbenut", "/landelijk/stromen", "/landelijk/inkoop?regio=VR17"),
            "/landelijk/inkoop?gebied=GM0599",
            *("/landelijk/tekort", "/landelijk/tekort/nu", "/landelijk/minimum", "/landelijk/vergelijken"),
            *("/kwaliteit", "/bord", "/bord?soort=NLA", "/landelijk/oplossen/plekken"),
        ),
        "piket": ("/landelijk/oorzaken", "/landelijk/achter/unmet_waiting", "/landelijk/achter/within_norm"),
        Role.COORDINATOR_REGIONAL: ("/landelijk", "/bord"),
        Role.ADMIN: ("/beheer",),
        Role.RAPPORTEUR: ("/rapporteur",),
    }.items():
        page = person(base_url=address, width=390)
        log_in(page, login)
        for path in paths:
            page.goto(path)
            for summary in page.locator("summary:visible").all():
                summary.click()
            looks_right(page, f"{login} {path}")


def test_numbers_and_board_move_live(here: Town, site: Site, person: Person) -> None:
    here.location(places=(2,))
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    address = site(here, worker=False)
    page, board = person(base_url=address), person(base_url=address)
    for one, path in ((page, "/landelijk"), (board, "/bord")):
        log_in(one, Role.NATIONAL_COORDINATOR)
        one.goto(path)
        expect(one.locator("[data-live-text]")).to_have_text("live verbonden")
    request_id = asked(here)
    expect(page.locator("#regio-VR17")).to_contain_text("Rotterdam-Rijnmond")
    here.offer(here.coordinator(), request_id)
    expect(board.locator("#bord-VR13-MUNICIPAL .td--figure").nth(2)).to_have_text("1")
