"""Taking a minor over as people see and do it: one tap on their screen, or a note of a phone call."""

from collections.abc import Iterator

import pytest

from nrm.access.rules import OrganisationKind, Role
from tests.browser import Person
from tests.builders import Town, town
from tests.site import Site, Visitor, log_in, tick
from tests.web.test_answering_browser import looks_right

BOY = [{"sex": "m", "age": 16}]


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.duty_officer()
    made.coordinator()
    made.account("jeugd", Role.YOUTH_CARE, made.organisation("jeugdzorg", OrganisationKind.YOUTH_CARE, "VR17"))
    made.account("nidos", Role.YOUTH_CARE, made.organisation("nidos", OrganisationKind.GUARDIANSHIP))
    yield made
    made.database.close()


def asked(here: Town, login: str) -> str:
    """The ask on somebody's screen."""
    page = Visitor(here, login).get("/jeugd").text
    return page.split('action="/jeugd/')[1].split("/")[0]


def test_one_tap_takes_over_and_the_owner_sees_who(here: Town) -> None:
    request_id = here.request(here.coordinator(), persons=BOY, wishes=["lang:ar"])
    tick(here)
    owner = Visitor(here, "coordinator-VR17")
    assert "nog geen antwoord" in owner.get(f"/aanvragen/{request_id}").text
    youth = Visitor(here, "jeugd")
    page = youth.get("/jeugd").text
    assert "jongen van 16" in page.lower()
    assert "Arabisch" in page
    ask = asked(here, "jeugd")
    after = youth.after(youth.post(f"/jeugd/{ask}/overnemen"))
    assert "U neemt het over" in after
    assert "Door u overgenomen" in after
    assert "Wij nemen het over" not in after
    case = owner.get(f"/aanvragen/{request_id}").text
    assert "Overgenomen door jeugdcrisisopvang of Nidos" in case
    assert "op het scherm" in case
    tick(here)
    assert "Er gaat geen alarm" in Visitor(here, "piket").get("/piket").text
    assert youth.get(f"/aanvragen/{request_id}").status_code == 403


def test_not_for_us_goes_to_the_other_and_the_alarm_goes_on(here: Town) -> None:
    request_id = here.request(here.coordinator(), persons=BOY)
    tick(here)
    youth, ask = Visitor(here, "jeugd"), asked(here, "jeugd")
    assert "Er klopt iets niet" in youth.after(youth.post(f"/jeugd/{ask}/niet", reason="nonsense"))
    assert "Het alarm blijft gaan" in youth.after(youth.post(f"/jeugd/{ask}/niet", reason="for_nidos"))
    tick(here)
    assert asked(here, "nidos")
    case = Visitor(here, "coordinator-VR17").get(f"/aanvragen/{request_id}").text
    assert "neemt het niet over" in case
    assert "Dit is voor Nidos" in case
    assert "Een minderjarige is alleen" in Visitor(here, "piket").get("/piket").text
    assert "al afgerond" in Visitor(here, "nidos").post(f"/jeugd/{ask}/overnemen").text, "somebody else's ask"


def test_the_owner_notes_a_phone_call(here: Town) -> None:
    request_id = here.request(here.coordinator(), persons=BOY)
    tick(here)
    owner, at = Visitor(here, "coordinator-VR17"), f"/aanvragen/{request_id}/overgenomen"
    assert at in owner.get(f"/aanvragen/{request_id}").text
    assert "Nidos" in owner.get(at).text or "nidos" in owner.get(at).text
    assert owner.post(at).status_code == 400
    unreadable = owner.post(at, organisation="org-nidos", at="straks")
    assert "Schrijf dag en tijd" in unreadable.text
    later = owner.post(at, organisation="org-nidos", at="2030-01-01T10:00")
    assert "Deze dag moet nog komen." in later.text
    after = owner.after(owner.post(at, organisation="org-nidos"))
    assert "Vastgelegd wie het overneemt." in after
    assert "aan de telefoon" in after
    tick(here)
    assert "Er gaat geen alarm" in Visitor(here, "piket").get("/piket").text


def test_every_screen_is_accessible_and_fits(here: Town, site: Site, person: Person) -> None:
    request_id, taken = (here.request(here.coordinator(), persons=BOY) for _ in range(2))
    tick(here)
    visitor = Visitor(here, "jeugd")
    visitor.post(f"/jeugd/{asked(here, 'jeugd')}/overnemen")
    base = site(here, worker=False)
    for login, paths in (
        ("jeugd", ("/jeugd",)),
        (
            "coordinator-VR17",
            (f"/aanvragen/{request_id}", f"/aanvragen/{taken}", f"/aanvragen/{request_id}/overgenomen"),
        ),
    ):
        page = person(base_url=base, width=390)
        log_in(page, login)
        for path in paths:
            page.goto(path)
            looks_right(page, f"{login} {path}")
