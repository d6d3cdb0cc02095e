"""The asking side without a browser: every state renders, nothing typed is lost, nobody sees too much."""

import re
from typing import Any

import pytest
from sqlmodel import select

from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome, Person, Sex
from nrm.placing import queries, service, staying
from nrm.placing.models import ProposalSet
from nrm.registry import service as keeping
from nrm.registry.rules import Stance
from tests.builders import PASSWORD, Town, town
from tests.site import Visitor, tick
from web.case_words import party
from web.words import words

CANARY = "CANARY"
COORDINATOR = "coordinator-VR17"


def filled(visitor: Visitor, **other: Any) -> dict[str, Any]:
    """The form as its page offers it, filled in for one woman of 24."""
    page = visitor.get("/aanvragen/nieuw").text
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once
    return {
        "once": once[1],
        "persons": "1",
        "region": "VR17",
        "urgency": "now",
        "sex-0": "f",
        "age-0": "24",
        "unsafe": "",
        "days": "14",
        **other,
    }


def requests(here: Town) -> list[PlacementRequest]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(PlacementRequest).order_by(PlacementRequest.created_at)))  # type: ignore[arg-type]


def text_of(page: str) -> str:
    """What a person reads of a page, white space tidied."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<datalist.*?</datalist>", "", page, flags=re.S)))


def case(visitor: Visitor, request_id: str) -> str:
    answer = visitor.get(f"/aanvragen/{request_id}")
    assert answer.status_code == 200, answer.text
    fragment = visitor.fragment(f"/aanvragen/{request_id}/deel")
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert CANARY not in answer.text + fragment.text
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    return text_of(answer.text)


# --- the form --------------------------------------------------------------------------------------------------------


def test_the_form_guesses_region_and_urgency_and_asks_under_ten_things(visitor: Visitor) -> None:
    page = visitor.get("/aanvragen/nieuw").text
    assert '<option value="VR17" selected>' in page
    assert re.search(r'name="urgency" value="now" checked', page)
    visible = page.partition('<details class="folded"')[0].partition("<form")[2].partition('class="asking"')[2]
    names = set(re.findall(r'<(?:input|select)(?![^>]*type="hidden")[^>]*\sname="([^"]+)"', visible))
    assert names == {
        "region",
        "municipality",
        "urgency",
        "sex-0",
        "age-0",
        "about-0",
        "unsafe_here",
        "unsafe",
        "refuses_police",
    }


def test_a_request_comes_in_and_leads_to_its_case(here: Town, visitor: Visitor) -> None:
    answer = visitor.post(
        "/aanvragen/nieuw",
        **filled(
            visitor,
            **{
                "persons": "2",
                "sex-1": "m",
                "age-1": "3",
                "about-0": "yes",
                "parent-0": "yes",
                "unsafe_here": "yes",
                "unsafe": ["tilburg", "Den Haag", ""],
                "fact-addiction": "yes",
                "needs": ["wheelchair"],
                "wishes": ["lang:ro", "lang:ar"],
                "residence": "none",
                "apart": "KR 4820, ab1234",
                "needed_from": "2026-11-22T09:00",
            },
        ),
    )
    page = text_of(visitor.after(answer))
    assert "De aanvraag is binnen" in page
    assert "vrouw van ongeveer 24 met kind van 3" in page
    for shown in ("verslaving", "Roemeens", "Arabisch", "rolstoel", "Haaglanden", "Midden- en West-Brabant", "KR 4820"):
        assert shown in page
    (found,) = requests(here)
    assert (found.region_code, found.urgency, found.residence) == ("VR17", "now", "none")
    assert found.needed_from.isoformat() == "2026-11-22T08:00:00+00:00"


def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(here: Town, visitor: Visitor) -> None:
    sent = filled(
        visitor,
        **{"age-0": "vierentwintig", "unsafe": "Tilburgh", "days": "900", "apart": "vriendin", "urgency": "x"},
    )
    del sent["sex-0"]
    answer = visitor.post("/aanvragen/nieuw", **sent)
    assert answer.status_code == 400
    page = answer.text
    for name in ("sex-0", "age-0", "unsafe", "days", "urgency"):
        assert f'id="e-{name}"' in page
        assert f'href="#f-{name}"' in page
        assert re.search(rf'id="f-{name}"', page)
    for typed in ("vierentwintig", "Tilburgh", "900", "vriendin"):
        assert f'value="{typed}"' in page
    assert "Bedoelt u: Tilburg" in page
    assert sent["once"] in page
    assert '<details class="folded" open' in page
    links = re.findall(r'href="#f-([\w-]+)"', page)
    assert links == ["urgency", "sex-0", "age-0", "unsafe", "days"]
    assert requests(here) == []
    with_child = visitor.post("/aanvragen/nieuw", **filled(visitor, **{"persons": "2", "sex-1": "m"}))
    assert "Persoon 2: Vul een leeftijd in jaren in" in text_of(with_child.text)
    # What only the service can judge comes back at its field as well.
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, apart="vriendin", needed_from="2030-01-01T00:00"))
    assert 'id="e-apart"' in answer.text
    assert 'id="e-needed_from"' in answer.text
    assert requests(here) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "VR99"},
        {"region": "<script>"},
        {"sex-0": "vrouw"},
        {"age-0": "-1"},
        {"age-0": "9" * 400},
        {"fact-addiction": "misschien"},
        {"needs": ["jacuzzi"]},
        {"wishes": ["lang:xx"]},
        {"residence": "x"},
        {"exploitation": "x" * 5000},
        {"needed_from": "morgen"},
        {"needed_from": "0001-01-01T00:00"},
        {"unsafe": "\u202e\x00"},
        {"unsafe": "Bergen"},
        {"on_behalf_of": "org-aanbieder"},
        {"step": "explode"},
        {"step": "without:7"},
    ],
)
def test_hostile_or_mistaken_input_comes_back_as_a_page(here: Town, visitor: Visitor, wrong: dict[str, Any]) -> None:
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, **wrong))
    assert answer.status_code == (200 if "step" in wrong else 400)
    assert "<script>" not in answer.text.replace("<script src", "")


def test_a_name_that_could_be_two_places_is_never_guessed(visitor: Visitor) -> None:
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, unsafe="Bergen"))
    assert "Bergen (L.)" in answer.text
    assert "Bergen (NH.)" in answer.text


def test_one_more_person_and_one_less_keep_what_was_typed(here: Town, visitor: Visitor) -> None:
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, step="person", refuses_police="yes"))
    assert answer.status_code == 200
    assert 'id="person-1"' in answer.text
    assert re.search(r'id="f-sex-1"[^>]* autofocus', answer.text)
    assert re.search(r'id="f-age-0"[^>]*value="24"|value="24"', answer.text)
    assert re.search(r'name="refuses_police" value="yes" checked', answer.text)
    three = {"persons": "3", "sex-1": "m", "age-1": "3", "sex-2": "f", "age-2": "7", "step": "without:1"}
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, **three))
    assert 'id="person-2"' not in answer.text
    assert 'name="age-1" type="text"' in answer.text
    assert 'value="7"' in answer.text
    assert 'value="3"' not in answer.text
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, step="area", unsafe="Tilburg"))
    assert 'value="Tilburg"' in answer.text
    assert 'id="f-unsafe-1"' in answer.text
    assert requests(here) == []


def test_sent_twice_is_one_request_and_sent_otherwise_is_asked_again(here: Town, visitor: Visitor) -> None:
    sent = filled(visitor)
    first, second = visitor.post("/aanvragen/nieuw", **sent), visitor.post("/aanvragen/nieuw", **sent)
    assert first.headers["location"] == second.headers["location"]
    assert len(requests(here)) == 1
    otherwise = visitor.post("/aanvragen/nieuw", **{**sent, "age-0": "25"})
    assert otherwise.status_code == 409
    assert "al verstuurd" in otherwise.text
    assert sent["once"] not in otherwise.text
    assert len(requests(here)) == 1


def test_a_form_from_elsewhere_is_refused(here: Town, visitor: Visitor) -> None:
    sent = filled(visitor)
    assert visitor.client.post("/aanvragen/nieuw", data=sent).status_code == 403
    assert visitor.post("/aanvragen/nieuw", **{**sent, "csrf_token": "verkeerd"}).status_code == 403
    visitor.client.headers["origin"] = "https://elders.example"
    assert visitor.post("/aanvragen/nieuw", **sent).status_code == 403
    assert requests(here) == []


def test_a_minor_alone_hears_at_once_what_happens_and_is_promised_nothing(here: Town, visitor: Visitor) -> None:
    here.duty_officer()
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, **{"age-0": "16", "sex-0": "m"}))
    here.location()
    tick(here)
    page = text_of(visitor.after(answer))
    assert "jeugdcrisisopvang" in page
    assert "Nidos" in page
    assert "geen toezegging" in page
    assert "jongen van 16" in page
    for promise in ("We zoeken…", "Vraag deze plek", "zoekt een plek", "plek past"):
        assert promise not in page
    assert "minderjarig en alleen" in text_of(visitor.get("/aanvragen").text)


def test_an_investigative_body_is_told_before_a_request_leaves_its_sight(here: Town) -> None:
    here.police()
    police = Visitor(here, "police")
    sent = filled(police, refuses_police="yes")
    warned = police.post("/aanvragen/nieuw", **sent)
    assert warned.status_code == 400
    assert "landelijk loket" in warned.text
    assert requests(here) == []
    receipt = police.post("/aanvragen/nieuw", **{**sent, "understood": "yes"})
    assert receipt.status_code == 200
    (found,) = requests(here)
    assert found.short_code in receipt.text
    assert found.short_code not in police.get("/gevolgd").text
    assert police.get(f"/gevolgd/{found.id}").status_code == 404


def test_only_a_duty_officer_on_shift_asks_in_a_callers_name(here: Town) -> None:
    officer = here.duty_officer(on_shift=False)
    visitor = Visitor(here, "piket")
    refused = visitor.get("/aanvragen/nieuw")
    assert refused.status_code == 403
    assert "niet in dienst" in refused.text
    here.duty_officer()
    assert officer.organisation_id
    form = visitor.get("/aanvragen/nieuw").text
    assert form.index("Wie belde?") < form.index("In welke regio"), "asked first: the caller is on the line"
    answer = visitor.post("/aanvragen/nieuw", **filled(visitor, on_behalf_of="org-zorgcoordinatie-VR17"))
    assert "Gevraagd namens zorgcoordinatie-VR17" in text_of(visitor.after(answer))
    assert "Wie belde?" not in Visitor(here, COORDINATOR).get("/aanvragen/nieuw").text


# --- the list --------------------------------------------------------------------------------------------------------


def test_the_list_has_own_requests_first_by_deadline_and_says_what_is_overdue(here: Town, visitor: Visitor) -> None:
    assert "Er staan geen aanvragen open" in visitor.get("/aanvragen").text
    colleague = here.coordinator(login="collega")
    mine = here.actor(COORDINATOR)
    theirs = here.request(colleague, urgency="now", persons=[{"sex": "m", "age": 40}])
    later = here.request(mine, urgency="today", persons=[{"sex": "f", "age": 30}, {"sex": "f", "age": 3}])
    sooner = here.request(mine, urgency="now")
    here.clock.turn(minutes=90)
    page = visitor.get("/aanvragen").text
    assert page.index(sooner) < page.index(later) < page.index(theirs)
    read = text_of(page)
    assert "vrouw van 30 met kind van 3" in read
    assert read.count("over tijd") == 2
    assert "nog 2 uur en 30 minuten" in read
    assert visitor.fragment("/aanvragen/lijst").status_code == 200
    with here.database.transaction(mine.account_id) as tx:
        intake_service.close(tx, mine, sooner, Outcome.WITHDRAWN, 1)
    assert sooner not in visitor.get("/aanvragen").text
    closed = visitor.get("/aanvragen/afgesloten").text
    assert sooner in closed
    assert "niet meer nodig" in closed


# --- the case --------------------------------------------------------------------------------------------------------


def test_searching_then_proposals_with_reasons(here: Town, visitor: Visitor) -> None:
    here.location(region="VR13", stances={"pregnancy": Stance.EXCLUDES, "trauma": Stance.CONSULT})
    here.location(region="VR17")
    here.location(region="VR13", stances={"addiction": Stance.EXCLUDES})
    request_id = here.request(
        here.actor(COORDINATOR), unsafe=[{"region": "VR17"}], facts={"addiction": "yes", "trauma": "yes"}
    )
    assert "We zoeken…" in case(visitor, request_id)
    tick(here)
    page = case(visitor, request_id)
    assert "1 plek past" in page
    assert "Amsterdam-Amstelland L-001, kamer K1" in page
    assert "De regio&#39;s liggen 60 tot 90 km uit elkaar." in page
    assert "Welkom met: verslaving." in page
    assert "In overleg: trauma." in page
    assert "Eerst bellen: nog niet gevraagd, en hier niet mogelijk: zwangerschap." in page
    assert "vers, gecontroleerd 5 minuten geleden" in page
    assert "Niet veilig voor deze personen 1 kamer, 2 plekken" in page
    assert "Kan hier niet: verslaving 1 kamer, 2 plekken" in page
    assert "L-002" not in page


def test_the_second_place_says_why_it_is_not_the_first(here: Town, visitor: Visitor) -> None:
    """Also once the first was proposed before, which alone would keep it first."""
    here.location(region="VR16")
    here.location(region="VR01")
    request_id = here.request(here.actor(COORDINATOR))
    for _ in range(2):
        tick(here)
        page = case(visitor, request_id)
        assert page.index("L-001") < page.index("L-002") < page.index("Waarom niet bovenaan: verder weg.")
        assert page.count("Waarom niet bovenaan") == 1


def test_nothing_stands_behind_a_first_that_is_gone(here: Town, visitor: Visitor) -> None:
    """Until the next answer, which takes a moment."""
    first = here.location(region="VR16", places=(1,))
    here.location(region="VR01")
    request_id = here.request(here.actor(COORDINATOR))
    tick(here)
    actor = here.actor("aanbieder")
    with here.database.transaction(actor.account_id) as tx:
        keeping.close_place(tx, actor, f"{first}-u1-p1", "maintenance", None)
    page = case(visitor, request_id)
    assert "L-001" not in page
    assert "L-002" in page
    assert "Waarom niet bovenaan" not in page
    with here.database.reading() as tx:
        assert len(tx.session.exec(select(ProposalSet)).all()) == 1, "nothing changed, nothing was written"


def test_no_place_says_so_plainly_and_what_would_help(here: Town, visitor: Visitor) -> None:
    here.location(stances={"addiction": Stance.EXCLUDES})
    request_id = here.request(here.actor(COORDINATOR), facts={"addiction": "yes"})
    tick(here)
    page = case(visitor, request_id)
    assert "Nu past geen enkele plek" in page
    assert "als een opvang toch ja zegt bij verslaving (1 kamer)" in page
    here.clock.turn(minutes=70)
    tick(here)
    page = case(visitor, request_id)
    assert "nog geen plek over tijd al 10 minuten" in page
    assert "Alarm gegaan" in page


def test_whoever_lost_a_place_to_haste_hears_that_and_no_more(here: Town, visitor: Visitor) -> None:
    other = here.coordinator("VR15")
    here.location(region="VR16", places=(1,))
    first = here.request(other, region="VR15", urgency="now")
    second = here.request(here.actor(COORDINATOR), urgency="soon")
    tick(here)
    page = case(visitor, second)
    assert "Iemand met spoed gaat voor" in page
    with here.database.reading() as tx:
        code = next(r.short_code for r in tx.session.exec(select(PlacementRequest)) if r.id == first)
    assert code not in page


def test_a_place_is_asked_held_and_withdrawn(here: Town, visitor: Visitor) -> None:
    here.location()
    request_id = here.request(here.actor(COORDINATOR))
    tick(here)
    path = f"/aanvragen/{request_id}"
    form = dict(re.findall(r'<input type="hidden" name="(proposal|once)" value="([^"]+)"', visitor.get(path).text))
    first, second = visitor.post(f"{path}/vragen", **form), visitor.post(f"{path}/vragen", **form)
    assert "De plek is vastgehouden" in text_of(visitor.after(first))
    assert first.headers["set-cookie"] == second.headers["set-cookie"]
    (offer,) = here.offers()
    page = case(visitor, request_id)
    assert "Gevraagd aan aanbieder" in page
    assert "De opvang, aanbieder: nog geen antwoord" in page
    assert "Plek vastgehouden, nog 20 minuten" in page
    elsewhere = here.request(here.actor(COORDINATOR))
    assert visitor.post(f"/aanvragen/{elsewhere}/intrekken", offer=offer.id).status_code == 404
    assert "De vraag is ingetrokken" in visitor.after(visitor.post(f"{path}/intrekken", offer=offer.id))
    tick(here)
    page = case(visitor, request_id)
    assert "1 plek past" in page
    assert "ingetrokken, vandaag 23:40" in page
    # Asked again on purpose: the same proposal, a new question.
    form = dict(re.findall(r'<input type="hidden" name="(proposal|once)" value="([^"]+)"', visitor.get(path).text))
    visitor.post(f"{path}/vragen", **form)
    assert [found.status for found in here.offers()].count("live") == 1


def test_an_old_figure_asks_for_a_phone_call_first(here: Town, visitor: Visitor) -> None:
    here.location(confirmed_minutes_ago=60 * 30)
    request_id = here.request(here.actor(COORDINATOR))
    tick(here)
    path = f"/aanvragen/{request_id}"
    page = case(visitor, request_id)
    assert "verouderd, gecontroleerd 30 uur geleden" in page
    assert "1 plek past misschien" in page
    assert "Alle standen hieronder zijn oud" in page
    assert "Ik heb gebeld en de plek is vrij" in page
    form = dict(re.findall(r'<input type="hidden" name="(proposal|once)" value="([^"]+)"', visitor.get(path).text))
    assert "Bel eerst" in visitor.after(visitor.post(f"{path}/vragen", **form))
    assert here.offers() == []
    assert "De plek is vastgehouden" in visitor.after(visitor.post(f"{path}/vragen", **form, phoned="yes"))
    assert here.offers()[0].phoned


def test_who_comes_second_for_the_last_place_hears_it_and_sees_the_next_best(here: Town, visitor: Visitor) -> None:
    here.coordinator("VR15")
    here.location(region="VR16", places=(1,))
    here.location(region="VR01", places=(1,))
    mine, theirs = here.request(here.actor(COORDINATOR)), here.request(here.actor("coordinator-VR15"), region="VR15")
    tick(here)
    path = f"/aanvragen/{mine}"
    page = visitor.get(path).text
    assert "2 plekken passen" in page
    form = dict(
        re.findall(
            r'<input type="hidden" name="(proposal|once)" value="([^"]+)"', page.partition("Hollands Midden")[2]
        )[:2]
    )
    with here.database.reading() as tx:
        found = queries.proposals(tx, theirs)
    assert found
    near = next(rank for rank, p in enumerate(found.proposals, 1) if p.fit["region"] == "VR16")
    here.offer(here.actor("coordinator-VR15"), theirs, near)
    said = text_of(visitor.after(visitor.post(f"{path}/vragen", **form)))
    assert "Iemand was u net voor" in said
    assert "1 plek past" in said
    assert "Groningen L-002" in said
    assert "Hollands Midden" not in said


def test_a_no_and_a_silence_show_why_the_next_proposal_follows(here: Town, visitor: Visitor) -> None:
    here.location(region="VR17")
    here.location(region="VR13")
    coordinator, provider = here.actor(COORDINATOR), here.actor("aanbieder")
    request_id = here.request(coordinator)
    tick(here)
    offer_id = here.offer(coordinator, request_id)
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "no_staff")
    page = case(visitor, request_id)
    assert "aanbieder zei nee. Er is geen begeleiding." in page
    assert "L-001, kamer" not in page
    tick(here)
    assert "Zei net nee: vol, of geen begeleiding 1 kamer, 2 plekken" in case(visitor, request_id)
    here.clock.turn(minutes=1)
    here.offer(coordinator, request_id)
    here.clock.turn(minutes=21)
    tick(here)
    page = case(visitor, request_id)
    assert "aanbieder gaf geen antwoord op tijd." in page
    assert "L-002): geen antwoord op tijd, vandaag 00:02" in page
    assert "L-001): nee, gisteren 23:40. Er is geen begeleiding." in page
    assert "Nu past geen enkele plek" in page


def test_accepted_arrived_and_departed(here: Town, visitor: Visitor) -> None:
    here.location()
    coordinator, provider = here.actor(COORDINATOR), here.actor("aanbieder")
    request_id, stay_id = here.placed(coordinator, provider)
    path = f"/aanvragen/{request_id}"
    page = case(visitor, request_id)
    assert "Er is een plek. Dit is nu nodig" in page
    assert "aanbieder geen nummer bekend L-001, kamer K1" in page
    assert "Naar het adres" in page
    assert "De aankomst is vastgelegd" in visitor.after(visitor.post(f"{path}/aangekomen"))
    assert "Aangekomen" in case(visitor, request_id)
    assert "na aankomst weer verzegeld" in visitor.after(visitor.post(f"{path}/adres", reason="bring_there"))
    with here.database.transaction(provider.account_id) as tx:
        staying.depart(tx, provider, stay_id, "own_home", 2)
    page = case(visitor, request_id)
    assert "Verblijf afgerond" in page
    assert "Vertrokken" in page


def test_not_arrived_opens_the_request_again(here: Town, visitor: Visitor) -> None:
    here.location()
    request_id, _ = here.placed(here.actor(COORDINATOR), here.actor("aanbieder"))
    answer = visitor.post(f"/aanvragen/{request_id}/niet-gekomen")
    assert "de aanvraag staat weer open" in visitor.after(answer)
    tick(here)
    assert "1 plek past" in case(visitor, request_id)


def test_the_address_stands_on_its_own_page_and_nowhere_else(here: Town, visitor: Visitor) -> None:
    here.location()
    request_id, stay_id = here.placed(here.actor(COORDINATOR), here.actor("aanbieder"))
    path = f"/aanvragen/{request_id}/adres"
    assert CANARY not in visitor.get(path).text
    assert 'id="e-reason"' in visitor.post(path).text
    here.clock.turn(minutes=15)
    asked = visitor.get(path).text
    assert 'type="password"' in asked
    without = visitor.post(path, reason="bring_there")
    assert without.status_code == 400
    assert 'id="e-password"' in without.text
    wrong = visitor.post(path, reason="bring_there", password="verkeerd wachtwoord")
    assert wrong.status_code == 400
    assert "Dit wachtwoord klopt niet" in wrong.text
    assert re.search(r'value="bring_there" checked', wrong.text)
    assert CANARY not in asked + without.text + wrong.text
    shown = visitor.post(path, reason="bring_there", password=PASSWORD)
    assert shown.status_code == 200
    assert "CANARY-001" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "data-live-seq" not in shown.text
    assert "Stuur dit adres niet door" in shown.text
    assert "Al vrijgegeven" in case(visitor, request_id)
    here.coordinator(login="collega")
    colleague = Visitor(here, "collega")
    assert "al aan een collega vrijgegeven" in colleague.after(colleague.post(path, reason="bring_there"))
    with here.database.reading() as tx:
        assert [read.purpose for read in access.reads_of(tx, f"address:{stay_id}")] == ["bring_there"]


def test_what_a_first_responder_asked_goes_by_a_handover_point(here: Town) -> None:
    officer, provider = here.duty_officer(), here.actor("aanbieder")
    here.police()
    here.location(handover_points=("Ingang politiebureau",))
    police = Visitor(here, "police")
    answer = police.post("/aanvragen/nieuw", **filled(police, region="VR17"))
    assert "De aanvraag is binnen bij de piketdienst" in police.after(answer)
    (found,) = requests(here)
    path = f"/gevolgd/{found.id}"
    said = {
        "": "We zoeken nu een plek",
        "proposed": "Er zijn plekken gevonden",
        "offered": "We wachten op het antwoord",
        "accepted": "Breng de persoon naar het overdrachtspunt",
        "placed": "aangekomen",
    }
    assert said[""] in police.get(path).text
    tick(here)
    assert said["proposed"] in police.get(path).text
    offer_id = here.offer(officer, found.id)
    assert said["offered"] in police.fragment(f"{path}/deel").text
    here.accept(provider, offer_id, "Ingang politiebureau")
    page = police.get(path).text
    assert said["accepted"] in page
    assert "Ingang politiebureau" in page
    assert "Ingang politiebureau" in case(Visitor(here, "piket"), found.id)
    for hidden in (CANARY, "L-001", "aanbieder", "Amsterdam"):
        assert hidden not in page
    for closed in (f"/aanvragen/{found.id}", f"/aanvragen/{found.id}/adres", "/aanvragen"):
        assert police.get(closed).status_code == 403
    desk = Visitor(here, "piket")
    assert "CANARY-001" in desk.post(f"/aanvragen/{found.id}/adres", reason="bring_there").text
    here.national_desk()
    loket = Visitor(here, "loket")
    assert "Het adres is voor de piketdienst" in case(loket, found.id)
    assert loket.post(f"/aanvragen/{found.id}/adres", reason="bring_there").status_code == 404
    desk.post(f"/aanvragen/{found.id}/aangekomen")
    assert said["placed"] in police.get(path).text
    assert found.short_code in police.get("/gevolgd").text
    assert police.fragment("/gevolgd/lijst").status_code == 200


def test_amending_knows_what_is_known_and_a_conflict_keeps_what_was_typed(here: Town, visitor: Visitor) -> None:
    coordinator = here.actor(COORDINATOR)
    request_id = here.request(
        coordinator,
        persons=[{"sex": "f", "age": 24, "ageEstimated": True, "parent": True}, {"sex": "m", "age": 3}],
        unsafe=[{"region": "VR17", "reason": "family"}, {"region": "VR20"}],
        facts={"trauma": "yes"},
        refusesPolice=True,
    )
    path = f"/aanvragen/{request_id}/wijzigen"
    page = visitor.get(path).text
    assert 'value="Midden- en West-Brabant"' in page
    assert re.search(r'name="unsafe_here" value="yes" checked', page)
    assert re.search(r'name="fact-trauma" value="yes" checked', page)
    assert '<details class="folded" open' in page
    sent = {
        "version": "1",
        "persons": "2",
        "urgency": "today",
        "sex-0": "f",
        "age-0": "25",
        "sex-1": "m",
        "age-1": "3",
        "unsafe_here": "yes",
        "days": "14",
    }
    assert visitor.post(path, **{**sent, "age-0": "oud"}).status_code == 400
    assert "bijgewerkt" in visitor.after(visitor.post(path, **sent))
    page = case(visitor, request_id)
    assert "vrouw van 25 met kind van 3" in page
    assert "Brabant" not in page
    with here.database.reading() as tx:
        detail = intake.detail(tx, request_id)
    assert detail.unsafe == {"VR17": "family"}
    late = visitor.post(path, **{**sent, "age-0": "31"})
    assert late.status_code == 409
    assert 'value="31"' in late.text
    assert "Zo staat het er nu" in late.text
    assert 'name="version" value="2"' in late.text
    assert "bijgewerkt" in visitor.after(visitor.post(path, **{**sent, "age-0": "31", "version": "2"}))


def test_closing_asks_how_it_ended(here: Town, visitor: Visitor) -> None:
    here.location()
    coordinator = here.actor(COORDINATOR)
    request_id = here.request(coordinator)
    path = f"/aanvragen/{request_id}"
    assert "Hoe is het afgelopen?" in visitor.get(f"{path}/sluiten").text
    assert 'id="e-reason"' in visitor.post(f"{path}/sluiten", version="1").text
    tick(here)
    offer_id = here.offer(coordinator, request_id)
    assert "Rond die eerst af" in visitor.after(visitor.get(f"{path}/sluiten"))
    visitor.post(f"{path}/intrekken", offer=offer_id)
    assert "intussen gewijzigd" in visitor.after(visitor.post(f"{path}/sluiten", version="1", reason="refused"))
    assert "afgesloten" in visitor.after(visitor.post(f"{path}/sluiten", version="3", reason="refused"))
    assert "De persoon wil geen opvang" in case(visitor, request_id)
    assert visitor.get(f"{path}/wijzigen").status_code == 303


# --- who may see what ------------------------------------------------------------------------------------------------


def everyone(here: Town) -> dict[str, Actor]:
    return {
        "provider": here.provider(),
        "police": here.police(),
        "loket": here.national_desk(),
        "elsewhere": here.coordinator("VR15"),
        "nac": here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION),
        "admin": here.person(Role.ADMIN, OrganisationKind.OPERATIONS),
    }


def test_a_case_is_only_there_for_who_may_see_it(here: Town) -> None:
    request_id = here.request(here.actor(COORDINATOR))
    people = everyone(here)
    logins = {"elsewhere": "coordinator-VR15", "nac": "national_coordinator", "provider": "aanbieder"}
    expected = {"provider": 403, "police": 403, "nac": 403, "admin": 403, "elsewhere": 404, "loket": 404}
    assert people.keys() == expected.keys()
    for who, status in expected.items():
        visitor = Visitor(here, logins.get(who, who))
        for part in ("", "/deel", "/wijzigen", "/sluiten", "/adres"):
            assert visitor.get(f"/aanvragen/{request_id}{part}").status_code == status, (who, part)
        for part in ("/vragen", "/intrekken", "/aangekomen", "/niet-gekomen", "/adres", "/sluiten", "/wijzigen"):
            sent = {"proposal": "p", "offer": "o", "reason": "bring_there" if part == "/adres" else "refused"}
            answer = visitor.post(f"/aanvragen/{request_id}{part}", version="1", **sent)
            allowed = {status, 403} if who == "provider" else {status}
            assert answer.status_code in allowed | ({404} if who == "provider" else set()), (who, part)
        assert visitor.get(f"/gevolgd/{request_id}").status_code == (404 if who == "police" else 403)


def test_logged_out_leads_to_the_login(here: Town, visitor: Visitor) -> None:
    visitor.client.cookies.clear()
    answer = visitor.get("/aanvragen")
    assert (answer.status_code, answer.headers["location"]) == (303, "/inloggen?next=/aanvragen")
    assert visitor.fragment("/aanvragen/lijst").status_code == 401


def test_a_duty_officer_reads_along_but_decides_only_on_the_desks_own(here: Town) -> None:
    here.duty_officer()
    here.location()
    request_id = here.request(here.actor(COORDINATOR))
    tick(here)
    desk = Visitor(here, "piket")
    page = case(desk, request_id)
    assert "U leest mee. Deze aanvraag is van zorgcoordinatie-VR17." in page
    assert "Vraag deze plek" not in page
    assert desk.get(f"/aanvragen/{request_id}/wijzigen").status_code == 404


def test_every_look_at_a_case_is_logged_fragments_too(here: Town, visitor: Visitor) -> None:
    request_id = here.request(here.actor(COORDINATOR))
    visitor.get("/aanvragen")
    visitor.get(f"/aanvragen/{request_id}")
    visitor.fragment(f"/aanvragen/{request_id}/deel")
    with here.database.reading() as tx:
        assert [read.purpose for read in access.reads_of(tx, f"request:{request_id}")] == ["list", "open", "open"]


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("persons", "said"),
    [
        ([("f", 24)], "vrouw van 24"),
        ([("f", 24), ("m", 3)], "vrouw van 24 met kind van 3"),
        ([("f", 24), ("f", 0)], "vrouw van 24 met baby"),
        ([("f", 30), ("m", 31), ("f", 3), ("m", 5)], "vrouw van 30 en man van 31 met 2 kinderen (3 en 5)"),
        ([("m", 16)], "jongen van 16"),
        ([("f", 15), ("x", 13)], "meisje van 15 en kind van 13"),
    ],
)
def test_a_party_in_words(persons: list[tuple[str, int]], said: str) -> None:
    assert party(words("nl"), [Person(Sex(sex), age) for sex, age in persons]) == said


def test_a_parent_of_seventeen_is_not_her_own_child() -> None:
    persons = [Person(Sex.F, 17, parent=True), Person(Sex.F, 0)]
    assert party(words("nl"), persons) == "meisje van 17 met baby"
    assert party(words("en"), persons) == "girl of 17 with baby"


def test_everything_also_speaks_english(here: Town, visitor: Visitor) -> None:
    visitor.client.headers["accept-language"] = "en"
    here.location(region="VR13")
    request_id = here.request(here.actor(COORDINATOR), unsafe=[{"region": "VR17"}])
    tick(here)
    page = case(visitor, request_id)
    assert "1 place fits" in page
    assert "Ask for this place" in page
    assert "Find a place" in visitor.get("/aanvragen/nieuw").text


def test_the_path_on_postgresql(postgresql_url: str) -> None:
    here = town(postgresql_url)
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    visitor = Visitor(here, COORDINATOR)
    request_id = visitor.post("/aanvragen/nieuw", **filled(visitor)).headers["location"].rpartition("/")[2]
    tick(here)
    path = f"/aanvragen/{request_id}"
    form = dict(re.findall(r'<input type="hidden" name="(proposal|once)" value="([^"]+)"', visitor.get(path).text))
    assert "De plek is vastgehouden" in visitor.after(visitor.post(f"{path}/vragen", **form))
    here.accept(provider, here.offers()[0].id)
    assert visitor.post(f"{path}/intrekken", offer="\x00").status_code == 404
    assert visitor.post("/aanvragen/nieuw", **filled(visitor, once="\x00", apart="\x00")).status_code == 400
    assert coordinator.account_id
    assert "CANARY-001" in visitor.post(f"{path}/adres", reason="bring_there").text
    here.database.close()
