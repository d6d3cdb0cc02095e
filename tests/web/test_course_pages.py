"""The course of a placement as people see and do it, without a browser."""

import re
from collections.abc import Iterator

import pytest

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import queries
from nrm.escalation import queries as alarms
from nrm.placing import queries as placing
from nrm.placing import staying
from tests.builders import Town, town
from tests.site import Visitor, sends, tick

ROTTERDAM = "GM0599"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.duty_officer()
    yield made
    made.database.close()


def stayed(here: Town, coordinator: Actor, provider: Actor, **fields: object) -> tuple[str, str]:
    request_id, stay_id = here.placed(coordinator, provider, **{"days": 30, **fields})
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    tick(here)
    return request_id, stay_id


def test_a_bridge_is_recorded_with_two_choices_and_the_desk_sees_it(here: Town) -> None:
    request_id = here.request(here.coordinator())
    visitor = Visitor(here, "coordinator-VR17")
    at = f"/aanvragen/{request_id}"
    assert "Leg een overbrugging vast" in visitor.get(at).text
    form = visitor.get(f"{at}/overbrugging").text
    # The region where somebody was found stands first.
    assert form.index("Rotterdam</option>") < form.index("Aalsmeer</option>")
    wrong = visitor.post(f"{at}/overbrugging", kind="police_cell", cents_per_night="veel")
    assert wrong.status_code == 400
    assert "Schrijf een bedrag" in wrong.text
    assert 'href="#f-municipality">Welke gemeente betaalt?: ' in (
        visitor.post(f"{at}/overbrugging", kind="hotel", municipality="GM9999").text
    )
    after = visitor.after(
        visitor.post(f"{at}/overbrugging", kind="police_cell", municipality=ROTTERDAM, cents_per_night="87,50")
    )
    assert "De overbrugging is vastgelegd" in after
    assert "€ 87,50" in after
    tick(here)
    desk = Visitor(here, "piket").get("/piket").text
    assert "Iemand zit in een politiecel" in desk
    assert "overbrugd: politiecel" in " ".join(desk.split())
    with here.database.reading() as tx:
        live = queries.live_bridge(tx, request_id)
        assert live is not None
        bridge_id = live.id
    assert "Andere overbrugging" in visitor.get(at).text
    assert "Iemand heeft dit intussen gewijzigd" in visitor.after(
        visitor.post(f"{at}/overbrugging", kind="hotel", municipality=ROTTERDAM)
    )
    assert "De overbrugging is voorbij" in visitor.after(visitor.post(f"{at}/overbrugging/voorbij", bridge=bridge_id))
    assert "Eerder overbrugd" in visitor.get(at).text
    tick(here)
    assert "politiecel" not in Visitor(here, "piket").get("/piket").text


def test_a_night_of_which_nobody_knows_who_pays_stays_open_until_somebody_does(here: Town) -> None:
    request_id = here.request(here.coordinator())
    visitor, town_hall = Visitor(here, "coordinator-VR17"), Role.MUNICIPALITY
    here.person(town_hall, OrganisationKind.MUNICIPALITY, "VR17")
    at = f"/aanvragen/{request_id}"
    after = visitor.after(visitor.post(f"{at}/overbrugging", kind="hotel", municipality=""))
    assert "nog niet bekend wie betaalt" in after
    with here.database.reading() as tx:
        live = queries.live_bridge(tx, request_id)
        assert live is not None
    owed = Visitor(here, town_hall)
    assert "Nog niet bekend wie betaalt" in owed.get("/verrekening").text
    visitor.post(f"{at}/overbrugging/voorbij", bridge=live.id)
    page = visitor.get(at).text
    assert 'id="overbrugd" open' in page, "what is open is not folded away"
    (form,) = re.findall(rf'href="({at}/overbrugging/[\w-]+/betaler)"', page)
    assert visitor.get(form).status_code == 200
    assert visitor.post(form, municipality="").status_code == 400
    assert "Vastgelegd wie de overbrugging betaalt" in visitor.after(visitor.post(form, municipality=ROTTERDAM))
    assert "/betaler" not in visitor.get(at).text
    assert "Iemand heeft dit intussen gewijzigd" in visitor.after(visitor.get(form)), "said once, it stands"
    assert "Nog niet bekend wie betaalt" not in owed.get("/verrekening").text


def test_the_way_there_is_agreed_and_the_first_responder_reads_point_and_time(here: Town) -> None:
    police, officer, provider = here.police(), here.duty_officer(), here.provider()
    here.location(handover_points=("Ingang politiebureau", "Balie ziekenhuis"))
    request_id = here.request(police)
    here.match()
    stay_id = here.accept(provider, here.offer(officer, request_id), "Ingang politiebureau")
    visitor = Visitor(here, "aanbieder")
    assert f"/verblijf/{stay_id}" in visitor.get("/opvang").text
    wrong = visitor.post(f"/verblijf/{stay_id}/onderweg", driver="police", handover_at="straks", version="0")
    assert wrong.status_code == 400
    assert "Schrijf dag en tijd" in wrong.text
    after = visitor.after(
        visitor.post(
            f"/verblijf/{stay_id}/onderweg",
            driver="police",
            interpreter="bg",
            handover_point="Balie ziekenhuis",
            handover_at="2026-11-22T02:15",
            version="0",
        )
    )
    assert "Bulgaars" in after
    followed = " ".join(Visitor(here, "police").get(f"/gevolgd/{request_id}").text.split())
    assert "<b>Balie ziekenhuis</b>, vandaag" in followed or "<b>Balie ziekenhuis</b>, morgen" in followed
    assert "02:15" in followed
    assert "Verzonnenlaan" not in followed
    tick(here)
    assert "Iemand is ermee bezig" in Visitor(here, "police").get(f"/gevolgd/{request_id}").text
    case = Visitor(here, "piket").get(f"/aanvragen/{request_id}").text
    assert "Wat de melder hoorde" in case
    assert "Bulgaars" in case


def test_aftercare_extension_and_a_departure_that_stalls(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = stayed(here, coordinator, provider)
    visitor = Visitor(here, "aanbieder")
    at = f"/verblijf/{stay_id}"
    page = visitor.get(at).text
    assert "Advocaat of rechtshulp" in page
    done = {"state": "done", "owner": "lawyer", "version": "1"}
    assert "De nazorg is bijgewerkt" in visitor.after(visitor.post(f"{at}/nazorg/legal_aid", **done))
    visitor.post(f"{at}/nazorg/b8", **{**done, "b8-ends_on": "2027-02-01"})
    assert "B8 loopt tot 01-02-2027" in visitor.get(at).text
    wrong = visitor.post(f"{at}/nazorg/b8", **{**done, "version": "2", "b8-ends_on": "ooit"})
    assert (wrong.status_code, "Schrijf een datum" in wrong.text) == (400, True)
    late = visitor.post(f"{at}/verwacht-vertrek", on="2027-09-01", version="2")
    assert (late.status_code, "Vul dit in." in late.text) == (400, True)
    visitor.after(visitor.post(f"{at}/verwacht-vertrek", on="2027-09-01", reason="health", version="2"))
    visitor.after(visitor.post(f"{at}/stokt", cause="no_housing"))
    case = " ".join(Visitor(here, "coordinator-VR17").get(f"/aanvragen/{request_id}").text.split())
    for words in ("langer dan het maximum", "gezondheid", "Vertrek stokt: geen woning", "nog 3 punten te doen"):
        assert words in case, words
    assert Visitor(here, "coordinator-VR17").get(at).status_code == 200
    here.provider("ander")
    assert Visitor(here, "ander").get(at).status_code == 404


def test_left_without_a_destination_rings_until_the_owner_knows_more(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = stayed(here, coordinator, provider)
    visitor = Visitor(here, "aanbieder")
    visitor.after(
        visitor.post(f"/verblijf/{stay_id}/vertrek", destination="unknown", left_because="b8_stopped", version="2")
    )
    tick(here)
    assert "Iemand vertrok zonder" in Visitor(here, "piket").get("/piket").text
    owner = Visitor(here, "coordinator-VR17")
    assert "als vermist gemeld" in owner.get(f"/aanvragen/{request_id}").text
    found_again = f"/aanvragen/{request_id}/bestemming"
    page = owner.get(f"/aanvragen/{request_id}").text
    assert sends(page, found_again, asked=True) > 1
    assert sends(page, found_again, asked=False) == 0
    after = owner.after(owner.post(found_again, stay=stay_id, destination="missing_reported", version="3"))
    assert "Het alarm gaat uit" in after
    tick(here)
    with here.database.reading() as tx:
        assert alarms.live_alarms(tx, here.duty_officer()) == []
        assert [stay.end_reason for stay in placing.stays_of_request(tx, request_id)] == ["b8_stopped"]


def test_an_emergency_placement_shows_its_follow_on_and_the_next_house_reads_the_summary(here: Town) -> None:
    coordinator, first, second = here.coordinator(), here.provider("eerste"), here.provider("tweede")
    here.location("eerste", region="VR17", places=(1,))
    request_id, stay_id = stayed(here, coordinator, first, days=3)
    owner = Visitor(here, "coordinator-VR17")
    case = owner.get(f"/aanvragen/{request_id}").text
    assert "Vervolgplek gevraagd:" in case
    with here.database.reading() as tx:
        found = queries.follow_on(tx, request_id)
    assert found is not None
    assert found.short_code in case
    assert "Dit is de vervolgplek van" in owner.get(f"/aanvragen/{found.request_id}").text
    assert "vervolgplek" in Visitor(here, "piket").get("/piket").text
    writer = Visitor(here, "eerste")
    writer.after(
        writer.post(
            f"/verblijf/{stay_id}/overdrachtsbericht",
            **{"fact-trauma": "yes", "fact-addiction": "no", "needs": "own_room", "languages": "bg", "version": "0"},
        )
    )
    here.location("tweede", region="VR17", places=(1,))
    here.match()
    next_stay = here.accept(second, here.offer(coordinator, found.request_id))
    told = Visitor(here, "tweede").get(f"/verblijf/{next_stay}").text
    for words in ("Van de vorige opvang", "trauma", "Bulgaars", "eigen kamer"):
        assert words in told, words
    assert "Van de vorige opvang" not in owner.get(f"/verblijf/{next_stay}").text


def test_why_nobody_came_stands_at_the_case(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider)
    visitor = Visitor(here, "aanbieder")
    visitor.after(visitor.post(f"/opvang/verblijf/{stay_id}/niet-gekomen", reason="no_transport", version="1"))
    assert "geen vervoer" in Visitor(here, "coordinator-VR17").get(f"/aanvragen/{request_id}").text


def test_who_pays_is_settled_apart_and_the_municipality_sees_no_case(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, _ = stayed(here, coordinator, provider)
    owner = Visitor(here, "coordinator-VR17")
    at = f"/aanvragen/{request_id}/verrekening"
    assert owner.post(at, legal=ROTTERDAM, version="0").status_code == 400
    assert "De verrekening is bijgewerkt" in owner.after(
        owner.post(at, legal=ROTTERDAM, paying=ROTTERDAM, tariff="open", version="0")
    )
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    municipality = Visitor(here, "municipality")
    page = municipality.get("/verrekening").text
    assert "Rotterdam" in page
    with here.database.reading() as tx:
        code = placing.intake.request(tx, request_id).short_code
        (settled,) = queries.settlements(tx, "VR17")
    assert request_id not in page
    assert code not in page
    after = municipality.after(municipality.post(f"/verrekening/{settled.id}", tariff="disputed", version="1"))
    assert "oneens over het tarief" in after
    assert "Oneens over het tarief" in owner.get(f"/aanvragen/{request_id}").text
    assert owner.get("/verrekening").status_code == 403


def test_a_request_is_offered_taken_and_gone_from_the_first_list(here: Town) -> None:
    one, two = here.coordinator(), here.coordinator("VR15")
    request_id = here.request(one)
    first, second = Visitor(here, "coordinator-VR17"), Visitor(here, "coordinator-VR15")
    at = f"/aanvragen/{request_id}/overdragen"
    assert first.post(at, to="niemand").status_code == 400
    assert "blijft de aanvraag van u" in first.after(first.post(at, to=two.organisation_id))
    asked = second.get("/aanvragen").text
    assert "Ik neem over" in asked
    assert request_id not in asked
    with here.database.reading() as tx:
        live = queries.live_transfer(tx, request_id)
        assert live is not None
        transfer_id = live.id
    assert "De aanvraag is nu van u" in second.after(second.post(f"/overdracht/{transfer_id}/overnemen"))
    assert request_id in second.get("/aanvragen").text
    assert first.get(f"/aanvragen/{request_id}").status_code == 404


def test_the_rules_of_the_game_name_the_pace_and_the_maximum(here: Town) -> None:
    here.coordinator()
    text = Visitor(here, "coordinator-VR17").get("/spelregels").text
    assert "183 dagen" in text
    assert "politiecel" in text
