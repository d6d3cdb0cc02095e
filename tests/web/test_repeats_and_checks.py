"""The screens of what the desk mediates and of what it must be ready for."""

import re
from collections.abc import Iterator

import pytest

from nrm.intake import queries
from tests.browser import Person
from tests.builders import Town, town
from tests.site import Site, Visitor, log_in
from tests.web.test_asking_browser import inaccessible


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.coordinator()
    made.coordinator("VR15")
    made.national_desk()
    made.duty_officer()
    made.police()
    yield made
    made.database.close()


def form(visitor: Visitor) -> dict[str, str]:
    once = re.search(r'name="once" value="([^"]+)"', visitor.get("/controles").text)
    assert once
    return {
        "once": once[1],
        "region": "VR17",
        "from_at": "2026-11-23T06:00",
        "until_at": "2026-11-23T12:00",
        "persons": "12",
    }


def test_two_coordinators_and_the_desk(here: Town) -> None:
    first, second = here.request(here.actor("coordinator-VR17")), here.request(here.actor("coordinator-VR15"))
    said = {"initials": "Q.X.", "born": "07-02-1998"}
    one, other = Visitor(here, "coordinator-VR17"), Visitor(here, "coordinator-VR15")
    pages = [
        visitor.after(visitor.post(f"/aanvragen/{request_id}/kenmerk", **said))
        for visitor, request_id in ((one, first), (other, second))
    ]
    assert all("Wat u typte, is niet bewaard" in page for page in pages)
    assert not any("1998" in page or "Q.X." in page for page in pages)
    desk = Visitor(here, "loket")
    page = desk.get("/herhalingen").text
    with here.database.reading() as tx:
        codes = [queries.request(tx, request_id).short_code for request_id in (first, second)]
    assert all(code in page for code in codes)
    [found] = re.findall(r'action="/herhalingen/([^"]+)"', page)
    assert "Vastgelegd." in desk.after(desk.post(f"/herhalingen/{found}", outcome="same_person"))
    assert one.get("/herhalingen").status_code == 403


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"initials": "1"}, "Vul twee letters in"),
        ({"born": "31-02-1998"}, "Schrijf een geboortedag"),
        ({"born": ""}, "Schrijf"),
    ],
)
def test_a_mark_that_cannot_be_is_refused_and_not_repeated(here: Town, typed: dict[str, str], said: str) -> None:
    visitor = Visitor(here, "coordinator-VR17")
    request_id = here.request(here.actor("coordinator-VR17"))
    answer = visitor.post(f"/aanvragen/{request_id}/kenmerk", **{"initials": "Q.X.", "born": "07-02-1998", **typed})
    assert answer.status_code == 400
    assert said in answer.text
    assert "Q.X." not in answer.text  # the form's own key may hold any two letters
    assert "1998" not in answer.text.replace("31-12-1999", "")


def test_the_police_announce_and_the_duty_officer_knows(here: Town) -> None:
    police, officer = Visitor(here, "police"), Visitor(here, "piket")
    told = form(police)
    assert "De piketdienst ziet deze controle nu staan" in police.after(police.post("/controles", **told))
    police.post("/controles", **told)  # a second tap
    page = officer.get("/controles").text
    assert page.count("ongeveer 12 mensen") == 1
    assert "Kondig een controle aan" not in page
    [found] = re.findall(r'action="/controles/([^/]+)/intrekken"', police.get("/controles").text)
    assert "staat er niet meer" in police.after(police.post(f"/controles/{found}/intrekken"))
    wrong = police.post("/controles", **{**told, "once": "another-key", "until_at": "2026-11-23T05:00", "persons": "0"})
    assert wrong.status_code == 400
    assert 'value="2026-11-23T05:00"' in wrong.text


def test_everything_is_accessible(here: Town, site: Site, person: Person) -> None:
    for login in ("coordinator-VR17", "coordinator-VR15"):
        request_id = here.request(here.actor(login))
        Visitor(here, login).post(f"/aanvragen/{request_id}/kenmerk", initials="AB", born="07-02-1998")
    police = Visitor(here, "police")
    police.post("/controles", **form(police))
    base = site(here, worker=False)
    faults: list[str] = []
    for login, paths in {
        "coordinator-VR15": [f"/aanvragen/{request_id}/kenmerk", "/controles"],
        "loket": ["/herhalingen", "/controles"],
        "police": ["/controles"],
    }.items():
        page = person(base_url=base, width=390)
        log_in(page, login)
        for path in paths:
            page.goto(path)
            faults += [f"{login} {path}: {found}" for found in inaccessible(page, path)]
    assert faults == []
