"""The lines of the ladder on screen: added, moved and taken out in a draft, and what would ring under each."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from tests.builders import DEADLINES_ALONE, Town, town
from tests.site import Visitor
from web.rule_words import RUNG_ROLES, TRIGGER_NAMES

SATURDAY = "/spelregels/ladder/lijnen?trigger=deadline&urgency=now&region=VR17&moment=2026-11-21T23:40"
RUNG = {"role_0": "duty_officer", "after_0": "0", "answer_0": "10", "channels_0": ["log"], "order_0": "2"}
FIRST = {"role_1": "owner", "after_1": "5", "answer_1": "10", "channels_1": ["log", "email"], "order_1": "1"}
NIGHT = {"hours": "after_hours", "triggers": ["deadline"], "place": "1", "note": "nachts anders", "base_version": "1"}


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    made.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    yield made
    made.database.close()


def rings(page: str) -> list[list[str]]:
    """Under each version what would ring, as it is said."""
    part = page.split('id="kop-proef"')[1].split("</section>", maxsplit=1)[0]
    return [re.findall(r"<li>([^<]*)</li>", found) for found in re.findall(r"<ol>(.*?)</ol>", part)]


def test_every_code_has_words() -> None:
    assert set(TRIGGER_NAMES) == set(get_args(policy.Trigger))
    assert set(RUNG_ROLES) == set(get_args(policy.RungRole))


def test_what_would_ring_on_saturday_night(here: Town) -> None:
    page = Visitor(here, "loket").get(SATURDAY).text
    assert rings(page) == [
        [
            "morgen 00:40: piketdienst",
            "morgen 00:55: ketenregisseur",
            "morgen 01:10: landelijk loket",
            "morgen 01:40: landelijk coördinator",
        ]
    ]
    assert "Het is dan buiten kantooruren." in page
    nonsense = Visitor(here, "loket").get("/spelregels/ladder/lijnen?trigger=x&urgency=y&region=z&moment=nooit")
    assert nonsense.status_code == 200


def test_a_line_for_the_night_is_drafted_previewed_and_put_in_force(here: Town) -> None:
    admin, desk = Visitor(here, "admin"), Visitor(here, "loket")
    assert admin.get("/spelregels/ladder/lijn/nieuw").status_code == 200
    shown = admin.after(admin.post("/spelregels/ladder/lijn/nieuw", **NIGHT, **RUNG, **FIRST, version="0"))
    assert "Het voorstel ligt klaar." in shown
    now, proposed = rings(desk.get(SATURDAY).text)
    assert now[0] == "morgen 00:40: piketdienst"
    assert proposed == ["morgen 00:45: wie de aanvraag heeft", "morgen 00:45: piketdienst"]
    changed = desk.get("/spelregels/ladder").text
    assert "termijn voorbij; buiten kantooruren" in changed
    assert "geen regel" in changed
    desk.after(desk.post("/spelregels/ladder/voorstel/ingaan", version="1"))
    with here.database.reading() as tx:
        lines = policy.current(tx, policy.Ladder)[1].lines
    assert [line.hours for line in lines] == ["after_hours", *(line.hours for line in DEADLINES_ALONE.lines)]
    assert [rung.role for rung in lines[0].rungs] == ["owner", "duty_officer"]
    removed = {"remove": "yes", "note": "toch niet", "base_version": "2", "version": "0"}
    admin.after(admin.post("/spelregels/ladder/lijn/1", **removed))
    assert len(rings(desk.get(SATURDAY).text)) == 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"after_0": "veel"}, "f-after_0"),
        ({"channels_0": []}, "f-channels_0"),
        ({"role_0": ""}, "f-role_0"),
        ({"hours": "", "triggers": []}, "f-triggers"),
        ({"note": ""}, "f-note"),
        ({"role_0": "police"}, "Er klopt iets niet"),
        ({"triggers": ["nonsense"]}, "Er klopt iets niet"),
    ],
)
def test_what_is_wrong_is_said(here: Town, wrong: dict[str, object], says: str) -> None:
    admin = Visitor(here, "admin")
    answer = admin.post("/spelregels/ladder/lijn/nieuw", **{**NIGHT, **RUNG, "version": "0", **wrong})
    assert (answer.status_code, says in answer.text) == (400, True)


def test_the_last_line_stays_and_holds_for_all(here: Town) -> None:
    admin, last = Visitor(here, "admin"), len(DEADLINES_ALONE.lines)
    assert DEADLINES_ALONE.lines[-1].default
    assert "Haal deze regel weg" not in admin.get(f"/spelregels/ladder/lijn/{last}").text
    removed = {"remove": "yes", "note": "weg ermee", "base_version": "1", "version": "0"}
    assert admin.post(f"/spelregels/ladder/lijn/{last}", **removed).status_code == 404
    for absent in ("0", str(last + 1), "x"):
        assert admin.get(f"/spelregels/ladder/lijn/{absent}").status_code == 404
    admin.after(admin.post("/spelregels/ladder/lijn/1", **{**NIGHT, **RUNG, "version": "0"}))
    with here.database.reading() as tx:
        assert policy.current(tx, policy.Ladder)[0] == 1
