"""What providers, the national desk and the labour inspectorate see and do, without a browser."""

import re
from collections.abc import Iterator

import pytest

from nrm.access import queries as access
from nrm.access.rules import OrganisationKind, Role
from nrm.placing import queries as placing
from nrm.placing.service import lapse_due
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, PlaceState, Stance
from tests.builders import Town, town
from tests.site import Visitor, sends

POINT = "Ingang politiebureau"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


def offered(here: Town, **fields: object) -> str:
    """An offer to the provider `aanbieder` for a coordinator in Rotterdam. Returns its id."""
    coordinator = here.coordinator()
    here.provider()
    request_id = here.request(coordinator, **fields)
    here.match()
    return here.offer(coordinator, request_id)


def states(here: Town, location_id: str) -> list[PlaceState]:
    with here.database.reading() as tx:
        (view,) = registry.locations(tx, location_id=location_id)
        return [place.state for unit in view.units for place in unit.places]


def first_place(here: Town, location_id: str) -> str:
    return f"{location_id}-u1-p1"


def test_nothing_waits_and_there_is_no_dead_end(here: Town) -> None:
    here.provider()
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/antwoorden").text
    assert "Er wacht geen vraag op uw antwoord." in page
    assert 'href="/opvang"' in page
    assert "Er zijn nog geen locaties" in visitor.get("/opvang").text


def test_an_offer_says_who_and_what_in_words(here: Town) -> None:
    here.location()
    offer_id = offered(
        here,
        persons=[{"sex": "f", "age": 26, "parent": True}, {"sex": "m", "age": 4}],
        facts={"trauma": "yes", "addiction": "no"},
        wishes=["lang:bg"],
        days=10,
    )
    visitor = Visitor(here, "aanbieder")
    for path in ("/antwoorden", "/antwoorden/lijst"):
        text = visitor.get(path).text
        assert f'id="vraag-{offer_id}"' in text
        for words in ("vrouw van 26 met kind van 4", "jongen van 4", "Speelt wel", "Bulgaars", "ongeveer 10 dagen"):
            assert words in text, words
        assert 'data-countdown="1200"' in text
        assert 'data-live-count="1"' in text
    assert "Naar de inhoud" not in visitor.fragment("/antwoorden/lijst").text


def test_nobody_who_answers_learns_where_it_is_unsafe_who_asks_or_an_address(here: Town) -> None:
    here.location(region="VR13")
    offered(here, unsafe=[{"region": "VR17"}, {"region": "VR24", "reason": "family"}])
    visitor = Visitor(here, "aanbieder")
    pages = "".join(visitor.get(path).text for path in ("/opvang", "/antwoorden", "/opvang/loc-1"))
    for secret in ("Rotterdam", "VR17", "VR24", "Limburg", "zorgcoordinatie", "coordinator", "Verzonnenlaan", "CANARY"):
        assert secret not in pages, secret


def test_yes_makes_it_an_expected_arrival_and_each_read_is_logged(here: Town) -> None:
    house = here.location()
    offer_id = offered(here)
    visitor = Visitor(here, "aanbieder")
    visitor.get("/antwoorden")
    with here.database.reading() as tx:
        assert [read.purpose for read in access.reads_of(tx, f"offer:{offer_id}")] == ["answer"]
    after = visitor.after(visitor.post(f"/antwoorden/{offer_id}/ja"))
    assert "U heeft ja gezegd. De aanvrager krijgt bericht." in after
    page = visitor.get("/opvang").text
    assert "Aangekomen" in page
    assert "verwacht" in page
    assert states(here, house) == [PlaceState.OCCUPIED, PlaceState.FREE]
    again = visitor.after(visitor.post(f"/antwoorden/{offer_id}/ja"))
    assert "Deze vraag is al afgelopen of beantwoord." in again


def test_no_with_a_reason_frees_the_place_and_a_made_up_reason_changes_nothing(here: Town) -> None:
    house = here.location()
    offer_id = offered(here)
    visitor = Visitor(here, "aanbieder")
    refused = visitor.after(visitor.post(f"/antwoorden/{offer_id}/nee", reason="omdat"))
    assert "Er is niets gewijzigd" in refused
    assert states(here, house)[0] is PlaceState.HELD
    after = visitor.after(visitor.post(f"/antwoorden/{offer_id}/nee", reason="no_staff"))
    assert "U heeft nee gezegd" in after
    assert "Er wacht geen vraag" in after
    assert states(here, house)[0] is PlaceState.FREE


def test_a_lapsed_or_withdrawn_offer_is_gone(here: Town) -> None:
    here.location()
    offered(here)
    visitor = Visitor(here, "aanbieder")
    here.clock.turn(minutes=21)
    assert lapse_due(here.database) == 1
    assert "Er wacht geen vraag" in visitor.get("/antwoorden/lijst").text


def test_a_first_responder_brings_so_yes_chooses_where(here: Town) -> None:
    police, officer = here.police(), here.duty_officer()
    here.provider()
    here.location(handover_points=(POINT, "Balie ziekenhuis"))
    request_id = here.request(police)
    here.match()
    offer_id = here.offer(officer, request_id)
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/antwoorden").text
    assert f"Ja: {POINT}" in page
    assert "Ja: Balie ziekenhuis" in page
    assert "Ja, dit kan" not in page
    visitor.post(f"/antwoorden/{offer_id}/ja", point="Balie ziekenhuis")
    assert "Overdracht: Balie ziekenhuis" in visitor.get("/opvang").text


def test_without_a_handover_point_it_says_so(here: Town) -> None:
    police, officer = here.police(), here.duty_officer()
    here.provider()
    here.location(handover_points=())
    request_id = here.request(police)
    here.match()
    here.offer(officer, request_id)
    page = Visitor(here, "aanbieder").get("/antwoorden").text
    assert "Deze locatie heeft geen overdrachtspunt" in page
    assert "Nee, want" in page


def test_who_said_yes_sees_who_is_waited_for(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider()
    here.national_desk()
    here.location(pool="OMM")
    request_id = here.request(coordinator, facts={"psychiatric": "yes"})
    here.match()
    offer_id = here.offer(coordinator, request_id)
    provider, desk = Visitor(here, "aanbieder"), Visitor(here, "loket")
    provider.post(f"/antwoorden/{offer_id}/ja")
    page = provider.get("/antwoorden").text
    assert "U heeft ja gezegd" in page
    assert "<b>de piketdienst van het landelijk loket</b>" in page
    assert f"/antwoorden/{offer_id}/ja" not in page
    assert "We wachten nog op:" in provider.get("/opvang").text
    assert "U beslist als: de piketdienst van het landelijk loket." in desk.get("/antwoorden").text
    desk.post(f"/antwoorden/{offer_id}/ja")
    assert "Verwacht" in provider.get("/opvang").text


def test_the_inspectorate_answers_for_labour_places_but_never_sees_who_refuses_the_police(here: Town) -> None:
    coordinator = here.coordinator()
    here.provider()
    here.police(OrganisationKind.LABOUR_INSPECTORATE)
    here.location(pool="NLA", places=(1, 1))
    labour = {"exploitation": "labour", "residence": "none", "facts": {"addiction": "no"}}
    open_request = here.request(coordinator, **labour)
    shy_request = here.request(coordinator, refuses_police=True, **labour)
    here.match()
    seen, unseen = here.offer(coordinator, open_request), here.offer(coordinator, shy_request)
    page = Visitor(here, OrganisationKind.LABOUR_INSPECTORATE).get("/antwoorden").text
    assert f"vraag-{seen}" in page
    assert unseen not in page
    assert "U beslist als: de Arbeidsinspectie." in page


@pytest.mark.parametrize(
    ("minutes", "paused", "kind"),
    [(5, False, "free"), (60 * 17, False, "check"), (None, False, "check"), (5, True, "paused")],
)
def test_a_free_place_only_counts_as_free_when_checked_and_open(
    here: Town, minutes: int | None, paused: bool, kind: str
) -> None:
    provider = here.provider()
    house = here.location(places=(1,), confirmed_minutes_ago=minutes)
    if paused:
        with here.database.transaction(provider.account_id) as tx:
            keeping.pause_intake(tx, provider, house, "staffing", None)
    visitor = Visitor(here, "aanbieder")
    for path in ("/opvang", "/opvang/plekken", f"/opvang/plek/{first_place(here, house)}"):
        assert re.findall(r'class="place place--(\w+)"', visitor.get(path).text) == [kind], path


def test_checked_unchanged_is_one_form(here: Town) -> None:
    here.provider()
    house = here.location(confirmed_minutes_ago=60 * 30)
    visitor = Visitor(here, "aanbieder")
    assert "1 locatie is te lang niet gecontroleerd" in visitor.get("/opvang").text
    answer = visitor.post(f"/opvang/{house}/gecontroleerd")
    assert answer.headers["location"] == f"/opvang#locatie-{house}"
    page = visitor.get("/opvang").text
    assert "1 locatie is te lang niet gecontroleerd" not in page
    assert "zojuist" in page


def test_a_place_goes_out_of_service_and_back(here: Town) -> None:
    here.provider()
    house = here.location(places=(1,))
    at = f"/opvang/plek/{first_place(here, house)}"
    visitor = Visitor(here, "aanbieder")
    assert "Zet op bezet" in visitor.get(at).text
    after = visitor.after(visitor.post(f"{at}/buiten-gebruik", reason="maintenance", expected_end="2026-12-24"))
    assert "De plek staat buiten gebruik." in after
    assert "24-12-2026" in visitor.get(at).text
    refused = visitor.after(visitor.post(f"{at}/buiten-gebruik", reason="maintenance"))
    assert "Dit was al afgesloten." in refused
    visitor.after(visitor.post(f"{at}/in-gebruik"))
    assert states(here, house) == [PlaceState.FREE]


@pytest.mark.parametrize(
    ("typed", "wrong"), [("2026-11-01", "Deze dag is al voorbij."), ("morgen", "Schrijf een datum als 31-12-2026.")]
)
def test_a_wrong_date_comes_back_as_typed_with_the_reason_at_the_field(here: Town, typed: str, wrong: str) -> None:
    here.provider()
    house = here.location(places=(1,))
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/plek/{first_place(here, house)}"
    answer = visitor.post(f"{at}/buiten-gebruik", reason="maintenance", expected_end=typed)
    assert answer.status_code == 400
    assert wrong in answer.text
    assert f'value="{typed}"' in answer.text
    assert 'id="e-expected_end"' in answer.text
    assert states(here, house) == [PlaceState.FREE]


def test_occupied_outside_the_system_until_somebody_leaves(here: Town) -> None:
    provider = here.provider()
    house = here.location(places=(1,))
    at = f"/opvang/plek/{first_place(here, house)}"
    visitor = Visitor(here, "aanbieder")
    visitor.after(visitor.post(f"{at}/bezet", expected_departure="24-12-2026"))
    page = visitor.get(at).text
    assert "Vertrokken? Waarheen?" in page
    assert "24-12-2026" in page
    with here.database.reading() as tx:
        (stay,) = placing.stays_at(tx, provider.organisation_id)
    stale = visitor.after(visitor.post(f"/opvang/verblijf/{stay.id}/vertrek", destination="family", version=9))
    assert "Iemand heeft dit intussen gewijzigd" in stale
    visitor.after(visitor.post(f"/opvang/verblijf/{stay.id}/vertrek", destination="family", version=stay.version))
    assert states(here, house) == [PlaceState.FREE]


@pytest.mark.parametrize(("step", "status"), [("aangekomen", "placed"), ("niet-gekomen", "proposed")])
def test_who_is_expected_arrives_or_not(here: Town, step: str, status: str) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider)
    visitor = Visitor(here, "aanbieder")
    assert stay_id in visitor.get("/opvang/nu").text
    visitor.after(visitor.post(f"/opvang/verblijf/{stay_id}/{step}", version=1))
    assert here.status(request_id) == status


def test_what_gives_a_bed_away_for_good_is_asked_first(here: Town) -> None:
    """A thumb in a corridor slips: one tap would have let somebody out of the house who is asleep upstairs."""
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location()
    request_id, stay_id = here.placed(coordinator, provider)
    visitor, owner = Visitor(here, "aanbieder"), Visitor(here, "coordinator-VR17")
    place = f"/opvang/plek/{first_place(here, house)}"
    not_come = f"/opvang/verblijf/{stay_id}/niet-gekomen"
    for page in (visitor.get("/opvang/nu").text, visitor.get(place).text):
        assert sends(page, not_come, asked=True) > 1
        assert sends(page, not_come, asked=False) == 0
    page = owner.get(f"/aanvragen/{request_id}").text
    assert sends(page, f"/aanvragen/{request_id}/niet-gekomen", asked=True) > 1
    assert sends(page, f"/aanvragen/{request_id}/niet-gekomen", asked=False) == 0
    visitor.after(visitor.post(f"/opvang/verblijf/{stay_id}/aangekomen", version=1))
    left = f"/opvang/verblijf/{stay_id}/vertrek"
    assert sends(visitor.get(place).text, left, asked=True) > 1
    assert sends(visitor.get(place).text, left, asked=False) == 0


def test_intake_pauses_and_resumes_and_keeps_a_wrong_moment(here: Town) -> None:
    here.provider()
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    wrong = visitor.post(f"/opvang/{house}/pauze", reason="staffing", until="2020-01-01T10:00")
    assert wrong.status_code == 400
    assert "Kies een moment na nu" in wrong.text
    assert 'value="2020-01-01T10:00"' in wrong.text
    assert "Schrijf dag en tijd" in visitor.post(f"/opvang/{house}/pauze", reason="staffing", until="straks").text
    after = visitor.after(visitor.post(f"/opvang/{house}/pauze", reason="staffing", until="2026-11-23T08:00"))
    assert "Opname staat op pauze" in after
    assert "ma 23 nov 08:00" in after
    assert "Opname is open" in visitor.after(visitor.post(f"/opvang/{house}/hervatten"))


def test_a_rule_is_changed_and_a_conflict_keeps_what_was_typed(here: Town) -> None:
    provider = here.provider()
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/{house}/regel/addiction"
    version = re.search(r'name="version" value="(\d+)"', visitor.get(at).text)
    assert version is not None
    fields = {"stance": "excludes", "basis": "staffing", "reason": "geen nachtdienst", "unit_id": "all"}
    empty = visitor.post(at, **{**fields, "reason": ""}, version=version[1])
    assert empty.status_code == 400
    assert "Vul dit in." in empty.text
    with here.database.transaction(provider.account_id) as tx:
        keeping.set_rule(tx, provider, house, "addiction", Stance.CONSULT, Basis.CHOICE, "bel eerst")
    conflict = visitor.post(at, **fields, version=version[1])
    assert conflict.status_code == 409
    assert "geen nachtdienst" in conflict.text
    assert "bel eerst" in conflict.text
    newer = re.search(r'name="version" value="(\d+)"', conflict.text)
    assert newer is not None
    after = visitor.after(visitor.post(at, **fields, version=newer[1], review_on="2027-01-31"))
    assert "niet mogelijk" in after
    assert "31-01-2027" in after


def test_a_rule_for_one_room_stands_apart(here: Town) -> None:
    here.provider()
    house = here.location(places=(1, 1))
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/{house}/regel/pregnancy"
    visitor.post(at, stance="consult", basis="choice", reason="bel eerst", unit_id=f"{house}-u2", version=1)
    page = visitor.get(f"/opvang/{house}").text
    assert "alleen kamer K2" in page
    assert f'value="{house}-u2" selected' in visitor.get(f"{at}?kamer={house}-u2").text


def test_an_address_is_written_and_never_shown(here: Town) -> None:
    here.provider()
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    after = visitor.after(visitor.post(f"/opvang/{house}/adres", address="Nieuwe Canarygracht 7"))
    assert "Het adres is verzegeld opgeslagen." in after
    assert "Canary" not in after
    refused = visitor.post(f"/opvang/{house}/adres", address="Canary \u202e verkeerd")
    assert refused.status_code == 400
    assert "Canary" not in refused.text
    assert 'id="e-address"' in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "/opvang/{house}",
        "/opvang/{house}/stand",
        "/opvang/{house}/regel/addiction",
        "/opvang/plek/{place}",
        "/opvang/plek/{place}/stand",
    ],
)
def test_somebody_elses_house_does_not_exist(here: Town, path: str) -> None:
    house = here.location("ander")
    here.provider()
    found = path.format(house=house, place=first_place(here, house))
    assert Visitor(here, "aanbieder").get(found).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["{house}/gecontroleerd", "{house}/pauze", "{house}/adres", "{house}/regel/addiction", "plek/{place}/bezet"],
)
def test_somebody_elses_house_cannot_be_changed(here: Town, path: str) -> None:
    house = here.location("ander")
    here.provider()
    fields = {"reason": "staffing", "address": "x", "stance": "accepts", "basis": "choice", "version": "1"}
    found = f"/opvang/{path.format(house=house, place=first_place(here, house))}"
    assert Visitor(here, "aanbieder").post(found, **fields).status_code == 404


def test_another_provider_cannot_answer(here: Town) -> None:
    here.location()
    offer_id = offered(here)
    here.provider("ander")
    visitor = Visitor(here, "ander")
    assert offer_id not in visitor.get("/antwoorden").text
    assert visitor.post(f"/antwoorden/{offer_id}/ja").status_code == 404
    assert visitor.post(f"/antwoorden/{offer_id}/nee", reason="other").status_code == 404


@pytest.mark.parametrize("path", ["/opvang", "/opvang/nu", "/opvang/plekken", "/antwoorden", "/antwoorden/lijst"])
@pytest.mark.parametrize("role", [Role.COORDINATOR_REGIONAL, Role.NATIONAL_COORDINATOR, Role.ADMIN, Role.RAPPORTEUR])
def test_other_roles_are_refused(here: Town, path: str, role: Role) -> None:
    here.person(role, OrganisationKind.OPERATIONS, "VR17")
    assert Visitor(here, role).get(path).status_code == 403


def test_a_form_of_somebody_elses_page_does_nothing(here: Town) -> None:
    house = here.location()
    offer_id = offered(here)
    visitor = Visitor(here, "aanbieder")
    for path in (f"/antwoorden/{offer_id}/ja", f"/opvang/{house}/gecontroleerd", f"/opvang/{house}/adres"):
        assert visitor.post(path, csrf_token="geraden").status_code == 403
    assert states(here, house)[0] is PlaceState.HELD


def test_the_pages_speak_english(here: Town) -> None:
    here.location()
    offered(here)
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/antwoorden", **{"accept-language": "en"}).text
    assert "Yes, this is possible" in page
    assert "Checked, unchanged" in visitor.get("/opvang", **{"accept-language": "en"}).text


def test_on_postgresql_too(postgresql_url: str) -> None:
    here = town(postgresql_url)
    house = here.location()
    offer_id = offered(here)
    visitor = Visitor(here, "aanbieder")
    assert offer_id in visitor.get("/opvang").text
    visitor.after(visitor.post(f"/antwoorden/{offer_id}/ja"))
    visitor.after(visitor.post(f"/opvang/{house}/gecontroleerd"))
    assert "Verwacht" in visitor.get("/opvang").text
    here.database.close()
