"""What lies with the competent authority, and what one may do with an alarm, on screen and without a browser."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from nrm.clock import AMSTERDAM
from nrm.escalation.models import CompetentAuthority, Escalation, RaisedEscalation, RaisedStep
from nrm.roster import service as roster
from nrm.roster.schemas import ArrangementIn
from tests.builders import DEADLINES_ALONE, Town, town
from tests.site import Visitor, tick
from web.labels import TASKS

RUNGS = (*DEADLINES_ALONE.lines[-1].rungs, policy.Rung(after_minutes=60, role="authority"))


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    ladder = DEADLINES_ALONE.model_copy(update={"lines": (policy.LadderLine(rungs=RUNGS),)})
    made = town(sqlite_url, ladder=ladder)
    made.duty_officer(), made.coordinator(), made.national_desk()
    made.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17")
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    yield made
    made.database.close()


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def rang(here: Town, minutes: int) -> str:
    """A request whose alarm rings for so long after its deadline. The escalation's id."""
    here.request(here.actor("coordinator-VR17"))
    here.clock.turn(minutes=60)
    tick(here)
    here.clock.turn(minutes=minutes)
    tick(here)
    with here.database.reading() as tx:
        return tx.session.exec(select(Escalation.id)).one()


def moment(here: Town, hours: int) -> str:
    return (here.clock.at + timedelta(hours=hours)).astimezone(AMSTERDAM).strftime("%Y-%m-%dT%H:%M")


def test_from_the_last_rung_to_an_answer_on_record(here: Town) -> None:
    rang(here, 180)
    nac = Visitor(here, "national_coordinator")
    page = nac.get("/gezag").text
    (found,) = re.findall(r'href="/gezag/([\w-]{10,})"', page)
    assert "De termijn is voorbij zonder plek." in page
    one = nac.get(f"/gezag/{found}").text
    assert "Gemeente Rotterdam" in one
    assert "Gemeente Amsterdam" not in one, "only who decides there"
    assert "De aantallen van nu" in one, "nobody decides without a number"
    assert re.search(r"Te laat</dt><dd>1</dd>", one)
    asked = {"authority": "GM0599", "question": "make_places", "answer_due_at": moment(here, 8), "version": "1"}
    wrong = nac.post(f"/gezag/{found}/voorleggen", **{**asked, "question": "", "answer_due_at": "straks"})
    assert wrong.status_code == 400
    assert "Schrijf dag en tijd" in wrong.text
    after = nac.after(nac.post(f"/gezag/{found}/voorleggen", **asked))
    assert "Vastgelegd wat u vroeg" in after
    assert "De aantallen van nu" not in after
    assert "De aantallen toen het werd voorgelegd" in after
    assert "Gemeente Rotterdam, opvangplekken beschikbaar maken" in plain(after)
    desk = plain(Visitor(here, "loket").get("/landelijk").text)
    assert "Ligt bij Gemeente Rotterdam : gevraagd, wacht op antwoord" in desk
    refused = nac.after(nac.post(f"/gezag/{found}/afsluiten", outcome="granted", version="2"))
    assert "Leg eerst het antwoord vast" in refused
    said = {"words": "Wij openen vanavond twee plekken.", "answered_by": "wethouder", "answered_at": "", "version": "2"}
    assert "Het antwoord is vastgelegd" in nac.after(nac.post(f"/gezag/{found}/antwoord", **said))
    done = nac.after(nac.post(f"/gezag/{found}/afsluiten", outcome="granted", version="3"))
    assert "Wij openen vanavond twee plekken." in done
    assert "Er is gedaan wat gevraagd is" in done
    with here.database.reading() as tx:
        assert tx.session.exec(select(RaisedEscalation.outcome)).one() == "granted"


def test_a_region_is_raised_from_the_national_picture_and_nobody_else_may(here: Town) -> None:
    here.request(here.actor("coordinator-VR17"))
    nac = Visitor(here, "national_coordinator")
    assert 'href="/gezag/nieuw?regio=VR17"' in nac.get("/landelijk").text
    assert "In deze regio zijn te weinig plekken vrij." in nac.get("/gezag/nieuw?regio=VR17").text
    asked = {"region": "VR17", "escalation": "", "question": "fund_places", "answer_due_at": moment(here, 8)}
    made = nac.after(nac.post("/gezag/nieuw", authority="authority-1", mail="yes", **asked))
    assert "Ministerie van Volksgezondheid" in made
    again = nac.post("/gezag/nieuw", authority="authority-1", **asked)
    assert (again.status_code, "Dit ligt al bij hen" in again.text) == (409, True)
    regional = Visitor(here, "coordinator_regional")
    assert "Ministerie van Volksgezondheid" in regional.get("/gezag").text
    assert "/gezag/nieuw" not in regional.get("/landelijk").text
    assert regional.get("/gezag/nieuw?regio=VR17").status_code == 403
    assert regional.get("/gezag/lijst").status_code == 403
    assert nac.get("/aanvragen").status_code == 403, "they place nobody"


def test_the_list_of_authorities_is_kept_on_screen(here: Town) -> None:
    nac = Visitor(here, "national_coordinator")
    kept = {"kind": "region", "name": "Burgemeester van Proef", "region": "VR17", "email": "", "phone": "06 12345678"}
    wrong = nac.post("/gezag/lijst", **{**kept, "phone": "geen nummer"})
    assert (wrong.status_code, "Dit klopt niet." in wrong.text) == (400, True)
    assert "De lijst is bijgewerkt" in nac.after(nac.post("/gezag/lijst", **kept))
    with here.database.reading() as tx:
        found = tx.session.exec(select(CompetentAuthority).where(CompetentAuthority.name == kept["name"])).one()
    assert found.phone == "+31612345678"
    assert 'value="Burgemeester van Proef"' in nac.get(f"/gezag/lijst/{found.id}").text
    nac.post(f"/gezag/lijst/{found.id}", **{**kept, "name": "Burgemeester"})
    assert "Burgemeester" in nac.get("/gezag/lijst").text
    nac.post(f"/gezag/lijst/{found.id}/weg")
    assert "Burgemeester" not in nac.get("/gezag/lijst").text


def test_an_alarm_is_let_go_handed_to_somebody_and_its_rungs_stand_in_words(here: Town) -> None:
    escalation_id = rang(here, 31)
    officer = Visitor(here, "piket")
    page = f"/piket/alarm/{escalation_id}"
    first = plain(officer.get(page).text)
    assert "piketdienst trede 1" in first
    assert "geen antwoord" in first
    assert "Daarna hoort het: landelijk coördinator" in first
    with here.database.reading() as tx:
        found = re.findall(r"/piket/alarmen/([\w-]+)", officer.get(page).text)[0]
    officer.post(f"/piket/alarmen/{found}")
    console = plain(officer.get("/piket").text)
    assert "piket doet dit" in console
    assert "Het alarm rust" in console
    assert "Laat los" in console
    assert "Laat los" not in plain(Visitor(here, "loket").get("/landelijk").text), "only whoever has it"
    assert "U heeft het losgelaten" in officer.after(officer.post(f"{page}/loslaten"))
    assert "U had dit niet" in officer.after(officer.post(f"{page}/loslaten"))
    people = officer.get(page).text
    assert "piket, comensha (nu in dienst)" in people
    assert "body-national_coordinator" not in people.partition("f-account")[2]
    named = plain(officer.after(officer.post(f"{page}/verantwoordelijk", account=here.accounts["coordinator-VR17"])))
    assert "coordinator-VR17 is hiervoor verantwoordelijk" in named
    assert "begint het alarm opnieuw" in named
    with here.database.reading() as tx:
        until = tx.session.get_one(Escalation, escalation_id).responsible_until
    assert until is not None
    assert until.astimezone(AMSTERDAM).strftime("%H:%M") in named
    assert officer.get("/piket/alarm/nergens").status_code == 404


def test_whoever_takes_alarms_asks_the_national_coordinator(here: Town) -> None:
    escalation_id = rang(here, 31)
    officer = Visitor(here, "piket")
    assert f"/gezag/vraag/{escalation_id}" in officer.get(f"/piket/alarm/{escalation_id}").text
    after = plain(officer.after(officer.post(f"/gezag/vraag/{escalation_id}")))
    assert "De landelijk coördinator krijgt bericht" in after
    assert "Dit is al gevraagd" in officer.after(officer.post(f"/gezag/vraag/{escalation_id}"))
    assert "/gezag/vraag" not in officer.get(f"/piket/alarm/{escalation_id}").text
    with here.database.reading() as tx:
        assert tx.session.exec(select(RaisedStep.account_id)).one() == here.accounts["piket"]


def test_the_console_shows_who_does_what_in_every_region_today(here: Town) -> None:
    desk = here.national_desk()
    body = here.organisation("keten", OrganisationKind.CHAIN_DIRECTION, "VR17")
    with here.database.transaction(desk.account_id) as tx:
        today = tx.now.date()
        for task, begins, note in (
            ("mandate", today, "mag een crisisbed aanwijzen"),
            ("triage", today, None),
            ("intake", today + timedelta(days=9), None),
        ):
            said = {"region": "VR17", "task": task, "organisation": body, "note": note, "validFrom": begins}
            roster.arrange(tx, desk, ArrangementIn.model_validate(said))
    part = Visitor(here, "piket").fragment("/piket/dienst").text.partition('id="taken"')[2]
    assert "<h3>Rotterdam-Rijnmond</h3>" in part
    assert re.findall(r"<b>([^<]+)</b>: keten", part) == [TASKS["triage"], TASKS["mandate"]], "intake begins later"
    assert "mag een crisisbed aanwijzen" in part
