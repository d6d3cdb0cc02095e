"""A form that comes when its session is over: nothing is sent, and nothing that was typed is lost."""

import html
import re
from typing import Any

import pytest
from sqlmodel import select

from nrm.intake.models import PlacementRequest
from tests.builders import PASSWORD, Town
from tests.site import Visitor

COORDINATOR = "coordinator-VR17"
REQUEST = {"persons": "1", "region": "VR17", "urgency": "now", "sex-0": "f", "age-0": "24", "days": "33"}


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def sent(here: Town) -> list[int]:
    with here.database.reading() as tx:
        return [found.days for found in tx.session.exec(select(PlacementRequest))]


def log_in(visitor: Visitor, login: str, kept: str, password: str = PASSWORD) -> Any:
    fields = {"username": login, "password": password, "next": "/", "kept": kept}
    return visitor.client.post("/inloggen", data=fields)


def over(here: Town, visitor: Visitor) -> str:
    """The login page that a form leads to whose session is over by time."""
    here.clock.turn(hours=13)
    answer = visitor.post("/aanvragen/nieuw", **REQUEST, once="eenmalig-1234")
    assert answer.status_code == 401
    assert "Wat u invulde is er nog" in answer.text
    return hidden(answer.text, "kept")


def test_what_was_typed_goes_along_through_the_login_and_is_sent_once(here: Town, visitor: Visitor) -> None:
    kept = over(here, visitor)
    wrong = log_in(visitor, COORDINATOR, kept, "niet-het-wachtwoord")
    assert wrong.status_code == 401
    again = log_in(visitor, COORDINATOR, hidden(wrong.text, "kept"))
    assert "Nog niet verstuurd" in again.text
    assert sent(here) == []
    fields = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', again.text)}
    assert fields["csrf_token"] != visitor.csrf
    for _ in range(2):
        assert visitor.client.post("/aanvragen/nieuw", data=fields).status_code == 303
    assert sent(here) == [33]


def test_somebody_else_never_gets_it(here: Town, visitor: Visitor) -> None:
    kept = over(here, visitor)
    here.coordinator("VR09")
    answer = log_in(visitor, "coordinator-VR09", kept)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_nor_does_anybody_after_logging_out(here: Town, visitor: Visitor) -> None:
    visitor.post("/uitloggen")
    answer = visitor.post("/aanvragen/nieuw", **REQUEST)
    again = log_in(visitor, COORDINATOR, hidden(answer.text, "kept"))
    assert (again.status_code, again.headers["location"]) == (303, "/")


def test_a_page_from_before_another_login_can_still_be_sent(here: Town, visitor: Visitor) -> None:
    old = visitor.csrf
    log_in(visitor, COORDINATOR, "")
    answer = visitor.client.post("/aanvragen/nieuw", data={"csrf_token": old, **REQUEST})
    assert answer.status_code == 409
    assert 'name="days" value="33"' in answer.text
    assert sent(here) == []


def test_a_token_of_nobody_is_refused_and_says_so(visitor: Visitor) -> None:
    answer = visitor.client.post("/aanvragen/nieuw", data={"csrf_token": "x", **REQUEST})
    assert answer.status_code == 403
    assert "Open haar opnieuw" in answer.text


def test_a_password_is_never_kept(here: Town, visitor: Visitor) -> None:
    here.clock.turn(hours=13)
    answer = visitor.post("/aanvragen/abc/adres", reason="transport", password="geheim-woord")
    assert "geheim-woord" not in answer.text
    assert "transport" in hidden(answer.text, "kept")


def test_nothing_is_kept_of_another_site(here: Town, visitor: Visitor) -> None:
    here.clock.turn(hours=13)
    fields = {"csrf_token": visitor.csrf, **REQUEST}
    answer = visitor.client.post("/aanvragen/nieuw", data=fields, headers={"Origin": "https://elders.example"})
    assert answer.status_code == 403
    assert "33" not in answer.text


@pytest.mark.parametrize("kept", ["{", "[]", '{"path": "https://elders.example/", "fields": []}'])
def test_what_is_no_form_of_ours_is_dropped(visitor: Visitor, kept: str) -> None:
    assert log_in(visitor, COORDINATOR, kept).headers["location"] == "/"


def test_the_script_that_sends_is_told_where_to(visitor: Visitor) -> None:
    """It cannot see where a redirect leads; a browser by itself follows it."""
    fields = {"csrf_token": visitor.csrf, **REQUEST, "once": "eenmalig-1234"}
    told = visitor.client.post("/aanvragen/nieuw", data=fields, headers={"X-Form": "1"})
    assert (told.status_code, told.headers.get("location")) == (200, None)
    followed = visitor.client.post("/aanvragen/nieuw", data=fields)
    assert (followed.status_code, followed.headers["location"]) == (303, told.headers["x-go"])
    assert told.headers["x-go"].startswith("/aanvragen/")
