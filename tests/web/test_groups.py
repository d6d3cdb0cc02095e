"""People found together on the screens: one form, one page, one button; and nothing typed is lost."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from nrm.intake.models import PlacementRequest
from nrm.placing import queries as placing
from tests.browser import Person
from tests.builders import Town
from tests.site import Site, Visitor, log_in, tick
from tests.web.test_asking_browser import inaccessible, pick

COORDINATOR = "coordinator-VR17"


def requests(here: Town) -> list[PlacementRequest]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(PlacementRequest)))


def filled(visitor: Visitor, **other: Any) -> dict[str, Any]:
    page = visitor.get("/groepen/nieuw").text
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once
    rows = {"number-0": "3", "sex-0": "m", "age-0": "30", "number-1": "1", "sex-1": "f", "age-1": "25"}
    return {"once": once[1], "rows": "2", "region": "VR17", "urgency": "now", "together": "yes", **rows, **other}


def test_rows_become_people_and_families_stay_whole(here: Town) -> None:
    visitor = Visitor(here, COORDINATOR)
    family = {"rows": "4", "family-1": "1", "number-2": "2", "sex-2": "m", "age-2": "4", "family-2": "1"}
    answer = visitor.post("/groepen/nieuw", **filled(visitor, **family))
    assert answer.status_code == 303
    made = requests(here)
    assert len(made) == 4
    assert {found.group_id for found in made} == {answer.headers["location"].rpartition("/")[2]}
    page = visitor.get(answer.headers["location"]).text
    assert "6 mensen" in page
    assert "vrouw van 25 met 2 kinderen (4 en 4)" in page
    assert all(found.short_code in page for found in made)


def test_sent_twice_it_is_taken_in_once(here: Town) -> None:
    visitor = Visitor(here, COORDINATOR)
    form = filled(visitor)
    first, again = (visitor.post("/groepen/nieuw", **form) for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert len(requests(here)) == 4


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"number-0": "41"}, "Vul een aantal in, van 1 tot 40."),
        ({"number-0": "²"}, "Vul een aantal in, van 1 tot 40."),
        ({"age-1": "999"}, "Vul een leeftijd in jaren in"),
        ({"sex-1": ""}, "Kies vrouw, man of anders."),
        ({"number-0": "40"}, "Een groep heeft minstens twee en hoogstens 40"),
        ({"number-0": "1", "sex-1": "", "age-1": ""}, "Een groep heeft minstens twee en hoogstens 40"),
        ({"number-0": "21", "family-0": "1"}, "Een groep heeft minstens twee en hoogstens 40"),
        ({"region": ""}, "Kies de regio"),
        ({"unsafe": "Atlantis"}, "kennen we niet"),
        ({"days": "0"}, "Vul een aantal dagen in"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(here: Town, typed: dict[str, str], said: str) -> None:
    visitor = Visitor(here, COORDINATOR)
    form = filled(visitor, **{"apart": "KR 4820", **typed})
    answer = visitor.post("/groepen/nieuw", **form)
    assert answer.status_code == 400
    assert said in answer.text
    assert 'value="KR 4820"' in answer.text
    assert requests(here) == []


def test_a_group_that_refuses_the_police_leaves_the_police_s_sight(here: Town) -> None:
    here.police()
    visitor = Visitor(here, "police")
    form = filled(visitor, refuses_police="yes")
    told = visitor.post("/groepen/nieuw", **form)
    assert told.status_code == 400
    answer = visitor.post("/groepen/nieuw", **form, understood="yes")
    assert answer.status_code == 200
    assert min(found.short_code for found in requests(here)) in answer.text or "landelijk" in answer.text
    assert visitor.get(f"/groepen/{requests(here)[0].group_id}").status_code == 403


def test_from_one_form_to_one_house(here: Town, site: Site, person: Person) -> None:
    """A raid at night: everybody from one form, one question to one house, spread when no house has room."""
    house = here.location(region="VR13", places=(3, 3))
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, COORDINATOR)
    page.goto("/aanvragen/nieuw")
    page.get_by_role("link", name="Een groep aangetroffen?").click()
    page.get_by_label("In welke regio").select_option("VR17")
    page.get_by_label("Hoeveel?").nth(0).fill("3")
    pick(page, "sex-0-m")
    page.get_by_label("Leeftijd").nth(0).fill("30")
    page.get_by_label("Hoeveel?").nth(1).fill("2")
    pick(page, "sex-1")
    page.get_by_label("Leeftijd").nth(1).fill("25")
    assert inaccessible(page, "form") == []
    page.get_by_role("button", name="Nog een regel").click()
    expect(page.get_by_label("Hoeveel?").nth(2)).to_be_focused()
    assert page.get_by_label("Leeftijd").nth(1).input_value() == "25"
    page.get_by_role("button", name="Zoek plekken voor iedereen").click()
    expect(page.get_by_text("De aanvragen van de groep zijn binnen")).to_be_visible()
    expect(page.get_by_text("5 mensen")).to_be_visible()
    assert inaccessible(page, "waiting") == []
    tick(here)
    expect(page.get_by_text("Voor 5 aanvragen is een plek gevonden")).to_be_visible()
    assert inaccessible(page, "proposed") == []
    page.get_by_role("button", name="Vraag al deze plekken").click()
    expect(page.get_by_text("De plekken zijn vastgehouden en gevraagd")).to_be_visible()
    with here.database.reading() as tx:
        assert {offer.location_id for offer in here.offers()} == {house}
        assert {placing.shown_status(tx, found) for found in requests(here)} == {"offered"}
    assert inaccessible(page, "asked") == []
    house_page = person(base_url=page.url.partition("/groepen")[0], width=390)
    log_in(house_page, "aanbieder")
    house_page.goto("/antwoorden")
    assert inaccessible(house_page, "answering") == []
    house_page.get_by_role("button", name="Ja, alle 5").click()
    expect(house_page.get_by_text("U heeft tegen de hele groep ja gezegd")).to_be_visible()
    expect(page.get_by_text("Niemand van deze groep wacht nog op een plek.")).to_be_visible()


def test_a_group_can_be_spread_after_all(here: Town, site: Site, person: Person) -> None:
    for region in ("VR13", "VR15"):
        here.location(region=region, places=(2,))
    page = person(base_url=site(here, worker=False))
    log_in(page, COORDINATOR)
    visitor = Visitor(here, COORDINATOR)
    page.goto(visitor.post("/groepen/nieuw", **filled(visitor)).headers["location"])
    tick(here)
    expect(page.get_by_text("Nog geen plek gevonden")).to_be_visible()
    page.get_by_text("Toch verdelen?").click()
    page.get_by_role("button", name="Verdelen mag").click()
    expect(page.get_by_text("Mogen over huizen verdeeld worden.")).to_be_visible()
    tick(here)
    expect(page.get_by_text("Voor 4 aanvragen is een plek gevonden")).to_be_visible()
