"""A provider's minute in the morning, and a night in which everybody is asked: through the screens, on a phone."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Page, expect

from nrm.placing import staying
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, FreshnessBand, PlaceState, Stance
from tests.browser import Person, violations
from tests.builders import Town, town
from tests.registry.test_asking import messages
from tests.site import Site, log_in, tick

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

SMALL = """() => [...document.querySelectorAll('main button, main a, main select, main summary, main input, .nav a')]
  .filter((one) => one.offsetParent && !one.closest('.choice') && one.type !== 'hidden')
  .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.clock.at = MORNING
    yield made
    made.database.close()


def looks_right(page: Page, where: str) -> None:
    """Accessible, not wider than the screen, and large enough for a thumb."""
    assert violations(page) == [], where
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), where
    assert page.evaluate(SMALL) == [], where


def view(here: Town, location_id: str) -> registry.LocationView:
    with here.database.reading() as tx:
        return registry.locations(tx, location_id=location_id)[0]


def test_a_minute_in_the_morning(here: Town, site: Site, person: Person) -> None:
    """Somebody left, somebody stays, a bed is back, a rule holds, and all is checked: 11 taps."""
    provider = here.provider()
    house = here.location(places=(1, 1, 1), confirmed_minutes_ago=60 * 9)
    with here.database.transaction() as tx:
        gone = staying.occupy(tx, provider, f"{house}-u1-p1", date(2026, 11, 23)).id
        stays = staying.occupy(tx, provider, f"{house}-u2-p1", date(2026, 11, 23)).id
        keeping.close_place(tx, provider, f"{house}-u3-p1", "maintenance", date(2026, 11, 24))
        keeping.set_rule(
            tx, provider, house, "trauma", Stance.CONSULT, Basis.CHOICE, "bel eerst", None, date(2026, 11, 23)
        )
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "aanbieder")
    taps = 0

    def tap(what: object) -> None:
        nonlocal taps
        what.click()  # type: ignore[attr-defined]
        taps += 1

    def done(text: str) -> None:
        expect(page.get_by_text(text)).to_be_visible()

    card = page.locator(f"#vertrekt-{gone}")
    tap(card.get_by_text("Vertrokken…"))
    looks_right(page, "leaving")
    tap(card.locator("summary", has_text="eigen woning"))
    looks_right(page, "asked whether they left")
    tap(card.get_by_role("button", name="Ja, vertrokken: eigen woning"))
    done("Het vertrek is vastgelegd.")
    card = page.locator(f"#vertrekt-{stays}")
    tap(card.get_by_text("Blijft langer…"))
    tap(card.get_by_role("button", name="Nog 7 dagen"))
    done("Het verwachte vertrek is bewaard.")
    expect(page.locator("#vertrekt")).to_have_count(0)
    tap(page.get_by_role("button", name="Weer in gebruik"))
    done("De plek is weer in gebruik.")
    tap(page.get_by_text("1 regel om te herzien"))
    looks_right(page, "rules to review")
    tap(page.get_by_role("button", name="Blijft zo"))
    done("De regel blijft zoals hij is.")
    tap(page.get_by_text("Stop de opname…"))
    looks_right(page, "stopping intake")
    page.get_by_label("Hoe lang?").select_option(label="tot 8 uur ’s ochtends")
    tap(page.get_by_role("button", name="geen begeleiding"))
    done("De opname staat op pauze.")
    tap(page.get_by_role("button", name="Hervat de opname"))
    done("De opname is weer open.")
    tap(page.get_by_role("button", name="Gecontroleerd, ongewijzigd"))
    done("Deze plekken staan als net gecontroleerd.")
    assert taps == 12
    now = view(here, house)
    assert now.freshness.band is FreshnessBand.FRESH
    assert [now.count(state) for state in (PlaceState.FREE, PlaceState.OCCUPIED)] == [2, 1]
    page.get_by_role("link", name=re.compile("Opname, regels en adres")).click()
    page.get_by_text("Andere tijden…").click()
    looks_right(page, "the house")
    page.get_by_label("Van", exact=True).fill("22:00")
    page.get_by_label("Tot", exact=True).fill("07:00")
    page.locator("#opnametijd").get_by_role("button", name="Bewaar").click()
    done("Nu: 22:00 tot 07:00.")


def test_everyone_is_asked_and_answers_stream_in(here: Town, site: Site, person: Person) -> None:
    """The officer presses once; a mailbox presses once, without an account; the officer sees it without a reload."""
    here.duty_officer()
    here.provider()
    first, second = (here.location(places=(2,), confirmed_minutes_ago=60 * 20) for _ in range(2))
    address = site(here, worker=False)
    officer = person(base_url=address)
    log_in(officer, "piket")
    officer.get_by_role("link", name="Navraag").click()
    expect(officer.locator("[data-live-text]")).to_have_text("live verbonden")
    looks_right(officer, "the chase list")
    officer.get_by_role("button", name="Vraag nu alle 2 locaties").click()
    expect(officer.get_by_text("De vraag is verstuurd.")).to_be_visible()
    tick(here)
    links = {message.about: re.search(r"(/controle/\S+)", message.body) for message in messages(here)}
    assert set(links) == {f"check:{first}", f"check:{second}"}
    link = links[f"check:{first}"]
    assert link
    mailbox = person(base_url=address, width=390)
    mailbox.goto(link[1])
    looks_right(mailbox, "the link")
    expect(mailbox.get_by_text("Klopt de stand van L-001?")).to_be_visible()
    assert view(here, first).freshness.band is FreshnessBand.STALE, "opening changes nothing"
    mailbox.get_by_role("button", name="Gecontroleerd, ongewijzigd").click()
    expect(mailbox.get_by_text("De stand staat als net gecontroleerd.")).to_be_visible()
    looks_right(mailbox, "thanks")
    expect(officer.locator(f"#antwoord-{first}")).to_be_visible()
    expect(officer.locator(f"#vraag-{first}")).to_have_count(0)
    expect(officer.locator(f"#vraag-{second}")).to_have_count(1)
    mailbox.goto(link[1])
    expect(mailbox.get_by_text("Deze link is al gebruikt")).to_be_visible()
    looks_right(mailbox, "a used link")
    assert view(here, first).freshness.band is FreshnessBand.FRESH
    assert view(here, second).freshness.band is FreshnessBand.STALE


def test_the_desk_puts_a_subject_on_the_list_by_keyboard(here: Town, site: Site, person: Person) -> None:
    here.national_desk()
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "loket")
    page.goto("/onderwerpen")
    looks_right(page, "the list")
    page.get_by_label("Onderwerp").focus()
    page.keyboard.type("Slaapstoornis")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Het onderwerp staat op de lijst.")).to_be_visible()
    expect(page.locator("#onderwerp-slaapstoornis")).to_be_visible()
    page.locator("#onderwerp-slaapstoornis").get_by_text("Haal weg…").click()
    looks_right(page, "taking off")
    page.get_by_role("button", name="Ja, haal weg slaapstoornis").click()
    expect(page.locator("#weg-slaapstoornis")).to_be_visible()
    looks_right(page, "a retired one")
