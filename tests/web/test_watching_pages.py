"""What the duty desk, the coordinators, the administrator and everyone else may watch, without a browser."""

import re
from collections.abc import Iterator

import pytest
from sqlmodel import select

from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind, Role
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm
from nrm.intake.models import PlacementRequest
from nrm.placing import service
from nrm.registry import service as keeping
from tests.builders import Town, town
from tests.site import Visitor

KINDS = {
    Role.NATIONAL_COORDINATOR: OrganisationKind.NATIONAL_COORDINATION,
    Role.COORDINATOR_REGIONAL: OrganisationKind.CHAIN_DIRECTION,
    Role.MUNICIPALITY: OrganisationKind.MUNICIPALITY,
    Role.ADMIN: OrganisationKind.OPERATIONS,
    Role.RAPPORTEUR: OrganisationKind.RAPPORTEUR,
}


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


def visitor(here: Town, role: Role, region: str | None = None) -> Visitor:
    here.person(role, KINDS[role], region)
    return Visitor(here, role)


def overdue(here: Town, region: str = "VR17") -> str:
    """A request whose deadline passed and whose first alarm rings. Returns its id."""
    here.duty_officer()
    request_id = here.request(here.coordinator(region), region=region)
    here.clock.turn(minutes=61)
    assert escalation.run_due(here.database) == 1
    return request_id


def code_of(here: Town, request_id: str) -> str:
    with here.database.reading() as tx:
        return tx.session.get_one(PlacementRequest, request_id).short_code.replace(" ", "-")


def cells(html: str, row: str) -> list[str]:
    """The texts of one table row."""
    found = re.search(rf'id="{row}">(.*?)</tr>', html, re.DOTALL)
    assert found, row
    texts = re.findall(r'<span class="td__value">(.*?)</span></t[hd]>', found[1], re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip() for text in texts]


def test_the_board_counts_only_what_was_checked_as_free(here: Town) -> None:
    here.location(region="VR13", places=(2,))
    here.location(region="VR13", places=(3,), confirmed_minutes_ago=60 * 20)
    here.location(region="VR01", places=(1,), confirmed_minutes_ago=None)
    page = visitor(here, Role.NATIONAL_COORDINATOR).get("/bord").text
    assert cells(page, "bord-VR13-MUNICIPAL")[2:4] == ["2", "3 (bel eerst)"]
    assert "1 van 2 huizen" in cells(page, "bord-VR13-MUNICIPAL")
    assert cells(page, "bord-VR01-MUNICIPAL")[2:4] == ["onbekend", "1 (bel eerst)"]
    assert "1 van 3 huizen recent gecontroleerd" in page
    # On the map: a number where somebody checked, a question mark where nobody did.
    assert "Amsterdam-Amstelland, vrije plekken: 2" in page
    assert "Groningen: geen gegevens" in page


def test_the_board_filters_by_kind_and_province(here: Town) -> None:
    here.location(region="VR13")
    here.location(region="VR13", pool="COSM")
    here.location(region="VR20")
    someone = visitor(here, Role.NATIONAL_COORDINATOR)
    rows = re.compile(r'id="bord-(VR\d\d-\w+)"')
    assert rows.findall(someone.get("/bord?soort=COSM").text) == ["VR13-COSM"]
    province = someone.get("/bord?provincie=Noord-Brabant").text
    assert rows.findall(province) == ["VR20-MUNICIPAL"]
    assert 'data-live-src="/bord/deel?soort=&amp;provincie=Noord-Brabant"' in province
    assert len(rows.findall(someone.get("/bord?soort=onzin&provincie=Atlantis").text)) == 3
    assert "Hier zijn geen plekken bekend." in someone.get("/bord/deel?soort=NLA").text


@pytest.mark.parametrize("role", [Role.COORDINATOR_REGIONAL, Role.MUNICIPALITY])
def test_regional_roles_see_their_own_region(here: Town, role: Role) -> None:
    here.location(region="VR13")
    here.location(region="VR17")
    overdue(here, "VR13")
    someone = visitor(here, role, "VR17")
    board = someone.get("/bord").text
    assert "Plekken in Rotterdam-Rijnmond" in board
    assert "Amsterdam" not in board
    numbers = someone.get("/landelijk").text
    assert "Beeld van Rotterdam-Rijnmond" in numbers
    assert "Amsterdam" not in numbers
    assert "Niemand wacht op een plek." in numbers


def test_the_national_coordinator_sees_numbers_and_nothing_that_leads_to_a_case(here: Town) -> None:
    house = here.location(region="VR13")
    request_id = overdue(here)
    with here.database.reading() as tx:
        code = tx.session.get_one(PlacementRequest, request_id).short_code
        alarm_id = tx.session.exec(select(Alarm.id)).one()
    someone = visitor(here, Role.NATIONAL_COORDINATOR)
    for path in ("/landelijk", "/landelijk/deel", "/bord", "/bord/deel"):
        html = someone.get(path).text
        for secret in (request_id, code, code.replace(" ", ""), alarm_id, house, "L-001", "aanbieder", "CANARY"):
            assert secret not in html, (path, secret)
        assert "/aanvragen" not in html
        assert 'method="post" action="/piket' not in html
    page = someone.get("/landelijk").text
    assert cells(page, "regio-VR17")[:3] == ["Rotterdam-Rijnmond", "1 waarvan 1 te laat", "1 1 te laat"]
    assert cells(page, "alarm-VR17-duty_officer") == ["Rotterdam-Rijnmond", "piketdienst", "1", "0 1 nog niet", "0"]
    assert "Software maakt geen bedden." in page
    assert someone.get("/piket").status_code == 403


def test_quiet_is_said_in_words(here: Town) -> None:
    page = visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk").text
    assert "Niemand wacht op een plek." in page
    assert "Er gaat geen alarm." in page


def test_off_shift_there_is_only_the_board_and_the_button(here: Town) -> None:
    request_id = overdue(here)
    here.location()
    here.account("piket2", Role.DUTY_OFFICER, here.organisations["comensha"])
    officer = Visitor(here, "piket2")
    page = officer.get("/piket").text
    assert "Begin mijn dienst" in page
    assert "Per regio en soort" in page
    assert request_id not in page
    assert "Ik doe dit" not in page
    for path in ("/piket/alarmen", "/piket/aanvragen", "/piket/bellijst"):
        assert officer.get(path).status_code == 403, path
    after = officer.after(officer.post("/piket/begin"))
    assert "Uw dienst is begonnen." in after
    assert f'href="/aanvragen/{request_id}"' in after
    ended = officer.after(officer.post("/piket/einde"))
    assert "Begin mijn dienst" in ended


def test_on_shift_alarms_are_taken_once(here: Town) -> None:
    request_id = overdue(here)
    here.clock.turn(minutes=15)
    escalation.run_due(here.database)
    here.account("piket2", Role.DUTY_OFFICER, here.organisations["comensha"])
    first, second = Visitor(here, "piket"), Visitor(here, "piket2")
    second.post("/piket/begin")
    page = first.get("/piket").text
    assert "Trede 1, piketdienst" in page
    assert "Trede 2, ketenregisseur" in page
    assert "niemand kon bericht krijgen" in page
    (action,) = re.findall(r'action="(/piket/alarmen/[\w-]+)"', page)
    taken = first.post(action)
    assert taken.headers["location"] == f"/piket#alarm-{code_of(here, request_id)}", "what moves down is followed"
    assert "U heeft dit alarm op u genomen." in first.after(taken)
    assert "<b>piket doet dit</b>" in second.get("/piket/alarmen").text
    assert "Een collega heeft dit alarm al op zich genomen." in second.after(second.post(action))
    assert re.search(rf'href="/aanvragen/{request_id}"', first.get("/piket/alarmen").text)


def test_the_worst_alarm_stands_on_top_however_long_ago_it_rang(here: Town) -> None:
    coordinator = here.coordinator()
    here.duty_officer()
    here.request(coordinator, urgency="today")
    here.clock.turn(minutes=179)
    here.request(coordinator)
    here.clock.turn(minutes=60)
    assert escalation.run_due(here.database) == 1
    here.clock.turn(minutes=1)
    assert escalation.run_due(here.database) == 1
    page = Visitor(here, "piket").get("/piket/alarmen").text
    assert re.findall(r"Hoe snel: ([\w ]+)\.", page) == ["nu meteen", "vandaag"]


def test_who_waits_stands_by_urgency_and_clock_with_overdue_in_words(here: Town) -> None:
    coordinator = here.coordinator()
    here.duty_officer()
    late = here.request(coordinator)
    here.clock.turn(minutes=61)
    planned = here.request(coordinator, urgency="planned")
    now = here.request(coordinator)
    page = Visitor(here, "piket").get("/piket/aanvragen").text
    assert re.findall(r'id="wacht-([\w-]+)"', page) == [late, now, planned]
    assert page.count('<span class="overdue">te laat</span>') == 1
    assert re.search(r"nog 3 dagen</b>\s*<span[^>]*>\(tot <time[^>]*>[a-z]{2} \d+ [a-z]+ ", page), (
        "with the day, not the hour alone"
    )
    assert re.search(r"\(tot <time[^>]*>\d\d:\d\d</time>\)", page), "near, the hour says it"
    own = Visitor(here, "coordinator-VR17").get("/aanvragen").text
    assert re.search(r"tot het alarm <span class=\"hint\">\(<time[^>]*>[a-z]{2} \d+ [a-z]+ ", own), "and everywhere so"
    assert re.search(r"tot het alarm <span class=\"hint\">\(<time[^>]*>\d\d:\d\d</time>", own)
    assert "vrouw van 24" in page


def test_the_calling_list_has_phones_and_how_sure_it_is(here: Town) -> None:
    here.duty_officer()
    here.location("haven", pool="COSM")
    here.location("noord", confirmed_minutes_ago=60 * 30)
    full = here.location("vol", places=(1,))
    actor = here.provider("vol")
    with here.database.transaction(actor.account_id) as tx:
        keeping.close_place(tx, actor, f"{full}-u1-p1", "maintenance", None)
    with here.database.transaction() as tx:
        tx.session.get_one(Organisation, "org-haven").phone = "000-0000001"
    page = Visitor(here, "piket").get("/piket/bellijst").text
    assert 'href="tel:000-0000001"' in page
    assert "geen telefoonnummer bekend" in page
    assert cells(page, "huis-loc-1")[:4] == ["L-001", "Amsterdam-Amstelland", "COSM (categorale opvang)", "2"]
    assert cells(page, "huis-loc-2")[3] == "2 (verouderd)"
    assert "1 locatie zonder vrije plek" in page
    assert re.findall(r'id="(?:huis|vol)-(loc-\d)"', Visitor(here, "piket").get("/piket/bellijst?soort=COSM").text) == [
        "loc-1"
    ]


def test_the_calling_list_of_one_request_counts_only_rooms_that_would_do(here: Town) -> None:
    """The rest is folded with how many and why; where somebody to stay apart from is, is told of no house."""
    here.duty_officer()
    coordinator, provider = here.coordinator(), here.provider("apart")
    here.location("apart", places=(4,))
    other, _ = here.placed(coordinator, provider)
    here.location("mannen", sexes=("m",))
    here.location("gemengd", places=(1, 3))
    here.location("onveilig", region="VR17")
    here.location("oud", confirmed_minutes_ago=None, sexes=("f",))
    asked = here.request(
        coordinator,
        persons=[{"sex": "f", "age": 24}, {"sex": "f", "age": 30}],
        unsafe=[{"region": "VR17"}],
        apart=[code_of(here, other).replace("-", " ")],
    )
    officer = Visitor(here, "piket")
    assert 'id="anderen"' not in officer.get("/piket/bellijst").text, "everywhere is something, or nobody knows"
    page = officer.get(f"/piket/bellijst?voor={asked}").text
    could, _, others = page.partition('id="anderen"')
    assert sorted(re.findall(r'id="huis-(loc-\d)"', could)) == ["loc-1", "loc-3", "loc-5"]
    assert sorted(re.findall(r'id="vol-(loc-\d)"', others)) == ["loc-2", "loc-4"]
    assert cells(page, "huis-loc-3")[3] == "3", "a room for one is no room for two"
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", others))
    assert "2 locaties waar dit nu niet kan" in said
    assert "1 Alleen voor een ander geslacht" in said
    assert "1 Niet veilig voor deze personen" in said


def test_a_minor_alone_is_phoned_round_for_nowhere_here(here: Town) -> None:
    here.duty_officer()
    here.location()
    asked = here.request(here.coordinator(), persons=[{"sex": "f", "age": 15}])
    page = Visitor(here, "piket").get(f"/piket/bellijst?voor={asked}").text
    assert "Nergens is nu een plek die past." in page
    assert "Minderjarig en alleen: naar de jeugdcrisisopvang" in page


def test_a_room_that_turned_out_full_is_not_free_on_the_calling_list(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider("haven")
    here.duty_officer()
    here.location("haven")
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "full_after_all")
    page = Visitor(here, "piket").get("/piket/bellijst").text
    assert cells(page, "huis-loc-1")[3] == "0 2 nakijken"


def test_the_regional_coordinator_and_the_desk_can_take_an_alarm(here: Town) -> None:
    overdue(here)
    someone = visitor(here, Role.COORDINATOR_REGIONAL, "VR17")
    page = someone.get("/landelijk").text
    assert "Alarmen voor u" in page
    assert "/aanvragen/" not in page
    (action,) = re.findall(r'action="(/piket/alarmen/[\w-]+)"', page)
    answer = someone.post(action)
    assert answer.headers["location"].startswith("/landelijk#alarm-")
    here.national_desk()
    assert "doet dit" in Visitor(here, "loket").get("/landelijk").text
    assert "Alarmen voor u" not in visitor(here, Role.MUNICIPALITY, "VR17").get("/landelijk").text


def test_the_administrator_sees_accounts_and_no_case(here: Town) -> None:
    request_id = overdue(here)
    someone = visitor(here, Role.ADMIN)
    for path in ("/beheer", "/beheer/deel"):
        page = someone.get(path).text
        assert "coordinator-VR17" in page
        assert "zorgcoördinatie" in page
        assert request_id not in page
    for path in ("/bord", "/landelijk", "/piket", "/antwoorden", "/opvang"):
        assert someone.get(path).status_code == 403, path


@pytest.mark.parametrize("language", ["nl", "en"])
def test_everyone_can_read_the_rules_in_force(here: Town, language: str) -> None:
    here.provider()
    assert Visitor(here, "aanbieder").get("/spelregels", **{"accept-language": language}).status_code == 200
    page = Visitor(here, "aanbieder").get("/spelregels").text
    assert cells(page, "termijn-now") == ["nu meteen", "1 uur", "20 minuten", "nee, meteen"]
    assert cells(page, "beslist-OMM")[1] == "het landelijk loket, de opvang"
    assert cells(page, "trede-4") == ["4", "landelijk coördinator", "1 uur na de termijn"]
    assert cells(page, "vers-MUNICIPAL")[1:3] == ["tot 8 uur", "tot 16 uur"]
    assert "Versie 1, geldt sinds" in page
    assert "NLA<" not in page
    assert "Rapporteur" not in page


def test_the_rapporteur_lands_on_the_data_set_and_sees_no_live_screen(here: Town) -> None:
    someone = visitor(here, Role.RAPPORTEUR)
    assert someone.get("/").headers["location"] == "/rapporteur"
    for path in ("/bord", "/landelijk", "/beheer", "/piket"):
        assert someone.get(path).status_code == 403, path


@pytest.mark.parametrize("path", ["/piket/begin", "/piket/einde", "/piket/alarmen/x"])
def test_a_form_of_somebody_elses_page_does_nothing(here: Town, path: str) -> None:
    here.duty_officer()
    assert Visitor(here, "piket").post(path, csrf_token="geraden").status_code == 403


def test_on_postgresql_too(postgresql_url: str) -> None:
    here = town(postgresql_url)
    here.location()
    overdue(here)
    officer = Visitor(here, "piket")
    for path in ("/piket", "/bord", "/landelijk", "/spelregels"):
        assert officer.get(path).status_code == 200, path
    someone = visitor(here, Role.NATIONAL_COORDINATOR)
    assert "waarvan 1 te laat" in someone.get("/landelijk").text
    here.database.close()


def test_a_region_nobody_reports_from_is_never_enough(here: Town) -> None:
    here.location(region="VR13")
    here.location(region="VR03", confirmed_minutes_ago=60 * 30)
    here.location(region="VR01", confirmed_minutes_ago=60 * 30)
    here.request(here.coordinator("VR01"), region="VR01")
    page = visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk").text
    assert "Drenthe: geen gegevens" in page
    assert cells(page, "over-VR13")[1] == "2 over"
    assert 'id="over-VR03"' not in page
    assert "Van 1 regio weten we niet of er genoeg is, want niemand geeft daar de stand door: Drenthe." in page
    # Who asks there has no known place, and that is known.
    assert cells(page, "tekort-VR01")[1] == "tekort 1"
    alone = visitor(here, Role.COORDINATOR_REGIONAL, "VR03").get("/landelijk").text
    assert "niet minder bedden dan mensen" not in alone
    assert cells(alone, "straks-0")[-1] == "onbekend"
