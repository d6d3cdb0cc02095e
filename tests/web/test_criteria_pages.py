"""The desk keeps the national list on a screen; a new subject reaches every screen that asks it."""

import re
from collections.abc import Iterator

import pytest

from nrm.registry import service as keeping
from nrm.registry.rules import Basis, Stance
from tests.builders import SATURDAY_NIGHT, Town, town
from tests.site import Visitor


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    yield made
    made.database.close()


def listed(page: str) -> list[str]:
    return re.findall(r'id="onderwerp-(\w+)"', page)


def test_add_order_retire_and_bring_back(here: Town) -> None:
    desk = Visitor(here, "loket")
    first, second, *rest = listed(desk.get("/onderwerpen").text)
    after = desk.after(desk.post("/onderwerpen", name="Slaapstoornis"))
    assert "Het onderwerp staat op de lijst." in after
    assert listed(after) == [first, second, *rest, "slaapstoornis"]
    assert "staat al op de lijst" in desk.after(desk.post("/onderwerpen", name="slaapstoornis"))
    wrong = desk.post("/onderwerpen", name="")
    assert (wrong.status_code, "Vul dit in." in wrong.text) == (400, True)
    after = desk.after(desk.post(f"/onderwerpen/{second}", place="1"))
    assert listed(after)[:2] == [second, first]
    after = desk.after(desk.post("/onderwerpen/slaapstoornis", place="1", active="no"))
    assert "slaapstoornis" not in listed(after)
    assert 'id="weg-slaapstoornis"' in after
    assert listed(desk.after(desk.post("/onderwerpen/slaapstoornis", place="8")))[-1] == "slaapstoornis"


def test_a_new_subject_is_asked_and_answered_everywhere(here: Town) -> None:
    """No screen fails on a word that did not exist when it was written."""
    coordinator, provider = here.coordinator(), here.provider()
    desk = Visitor(here, "loket")
    desk.after(desk.post("/onderwerpen", name="Slaapstoornis"))
    house = here.location()
    here.location(stances={"addiction": Stance.EXCLUDES})
    with here.database.transaction() as tx:
        keeping.set_rule(tx, provider, house, "slaapstoornis", Stance.CONSULT, Basis.STAFFING, "wij slapen ook")
    request_id = here.request(coordinator, facts={"slaapstoornis": "yes"})
    here.match()
    asker, house_owner = Visitor(here, "coordinator-VR17"), Visitor(here, "aanbieder")
    assert "Slaapstoornis" in asker.get("/aanvragen/nieuw").text
    assert "slaapstoornis" in asker.get(f"/aanvragen/{request_id}").text
    here.offer(coordinator, request_id)
    assert "slaapstoornis" in house_owner.get("/antwoorden").text
    page = house_owner.get(f"/opvang/{house}/regel/slaapstoornis").text
    assert "Wat hier eerder gold" in page
    assert "wij slapen ook" in page
    desk.post("/onderwerpen/slaapstoornis", place="1", active="no")
    for visitor, path in ((asker, f"/aanvragen/{request_id}"), (house_owner, f"/opvang/{house}")):
        assert visitor.get(path).status_code == 200


def test_the_desk_sees_every_rule_up_for_review(here: Town) -> None:
    provider = here.provider()
    house = here.location()
    with here.database.transaction() as tx:
        keeping.set_rule(
            tx, provider, house, "trauma", Stance.EXCLUDES, Basis.CHOICE, "omdat", None, SATURDAY_NIGHT.date()
        )
    page = Visitor(here, "loket").get("/onderwerpen").text
    assert len(re.findall(r'id="herzie-', page)) == 1
    assert "L-001" in page


@pytest.mark.parametrize("login", ["aanbieder", "coordinator-VR17", "piket"])
def test_only_the_desk(here: Town, login: str) -> None:
    here.provider()
    here.coordinator()
    here.duty_officer()
    visitor = Visitor(here, login)
    assert visitor.get("/onderwerpen").status_code == 403
    assert visitor.post("/onderwerpen", name="Slaapstoornis").status_code == 403
    assert visitor.post("/onderwerpen/trauma", active="no").status_code == 403
