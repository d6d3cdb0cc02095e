"""The screens of deciding, without a browser: several houses, a yes in advance, declines, a crisis, what to say."""

import re

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from nrm.placing import queries, service
from nrm.policy import Authority, Decider
from tests.builders import Town
from tests.site import Visitor

COORDINATOR = "coordinator-VR17"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def proposals(here: Town, request_id: str) -> list[str]:
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
        return [proposal.id for proposal in found.proposals] if found else []


def test_several_are_asked_in_one_form_and_sent_twice_is_asked_once(here: Town) -> None:
    for region in ("VR17", "VR13", "VR09"):
        here.location(region=region)
    request_id = here.request(here.actor(COORDINATOR))
    here.match()
    visitor = Visitor(here, COORDINATOR)
    page = visitor.get(f"/aanvragen/{request_id}").text
    assert page.count('form="samen"') == 3
    assert "Vink hierboven tot 3 plekken aan" in page
    once = re.findall(r'name="once" value="(samen-[^"]+)"', page)[0]
    nothing = visitor.after(visitor.post(f"/aanvragen/{request_id}/samen-vragen", once=once))
    assert "Vink eerst de plekken aan" in nothing
    ticked = {"proposal": proposals(here, request_id)[:2], "once": once}
    first = visitor.after(visitor.post(f"/aanvragen/{request_id}/samen-vragen", **ticked))
    assert "Wie het eerst ja zegt, wordt het." in first
    assert first.count("Gevraagd aan aanbieder") == 2
    visitor.post(f"/aanvragen/{request_id}/samen-vragen", **ticked)
    assert len(here.offers()) == 2
    assert "Nog een opvang erbij vragen?" in first
    third = visitor.post(f"/aanvragen/{request_id}/vragen", proposal=proposals(here, request_id)[2], once="derde")
    assert "Nog een opvang erbij vragen?" not in visitor.after(third)


def test_a_stale_house_is_asked_along_only_by_who_says_they_called(here: Town) -> None:
    here.location(region="VR17")
    here.location(region="VR13", confirmed_minutes_ago=60 * 17)
    request_id = here.request(here.actor(COORDINATOR))
    here.match()
    visitor = Visitor(here, COORDINATOR)
    fresh, stale = proposals(here, request_id)
    page = visitor.get(f"/aanvragen/{request_id}").text
    assert f'name="phoned" value="{stale}"' in page
    assert f'name="proposal" value="{fresh}"' in page
    partly = visitor.after(visitor.post(f"/aanvragen/{request_id}/samen-vragen", proposal=[fresh, stale]))
    assert "Niet elke plek kon nog gevraagd worden." in partly
    visitor.post(f"/aanvragen/{request_id}/samen-vragen", phoned=[stale])
    assert len(here.offers()) == 2


def test_what_to_say_on_the_phone_says_all_and_nothing_unsafe(here: Town) -> None:
    here.location(region="VR13")
    request_id = here.request(
        here.actor(COORDINATOR),
        persons=[{"sex": "f", "age": 26, "parent": True}, {"sex": "m", "age": 4}],
        facts={"trauma": "yes", "addiction": "no"},
        wishes=["lang:bg"],
        unsafe=[{"region": "VR17"}, {"region": "VR24", "reason": "family"}],
        days=10,
    )
    here.match()
    page = Visitor(here, COORDINATOR).get(f"/aanvragen/{request_id}").text
    (said,) = re.findall(r'<p class="say__words">([^<]*)</p>', page)
    for part in (
        "Code ",
        "vrouw van 26 met kind van 4",
        "vanaf nu, ongeveer 10 dagen",
        "speelt wel: trauma",
        "speelt niet: verslaving",
        "niet bekend: psychiatrische problemen",
        "verder niets bijzonders nodig",
        "Bulgaars",
    ):
        assert part in said, part
    for secret in ("Rotterdam", "Limburg", "VR17", "veilig", "netwerk", "zorgcoordinatie", "CANARY"):
        assert secret not in said, secret


def test_each_no_says_what_it_does_before_it_is_said(here: Town) -> None:
    here.location()
    request_id = here.request(here.actor(COORDINATOR), facts={"trauma": "yes", "addiction": "no"})
    here.match()
    offer_id = here.offer(here.actor(COORDINATOR), request_id)
    visitor = Visitor(here, "aanbieder")
    page = text_of(visitor.get("/antwoorden").text)
    assert re.search("De plek is toch niet vrij .{0,20}Deze kamer wordt dan aan niemand gevraagd, tot u de stand", page)
    assert re.search("Er is geen begeleiding.{0,40}Deze locatie wordt dan 12 uur aan niemand gevraagd, of tot u", page)
    grounds = re.findall(r'name="reason" value="criterion:(\w+)"', visitor.get("/antwoorden").text)
    assert grounds[0] == "trauma", "what plays comes first"
    assert "addiction" not in grounds, "what does not play is no ground"
    after = visitor.after(visitor.post(f"/antwoorden/{offer_id}/nee", reason="criterion:trauma"))
    assert "?houding=excludes" in after
    form = visitor.get("/opvang/loc-1/regel/trauma?houding=excludes").text
    assert re.search(r'name="stance" value="excludes" checked', form)
    made_up = visitor.get("/opvang/loc-1/regel/trauma?houding=x").text
    assert re.search(r'name="stance" value="accepts" checked', made_up), "what stands, stands"


def test_a_yes_in_advance_is_given_seen_and_taken_back(here: Town) -> None:
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    assert "nee, elke keer vragen" in visitor.get("/vooraf").text
    wrong = visitor.post(f"/vooraf/{house}", until="2030-01-01", urgencies=["now"])
    assert wrong.status_code == 400
    assert 'id="e-until"' in wrong.text
    assert 'id="e-urgencies"' in visitor.post(f"/vooraf/{house}", until="2026-12-01").text
    given = visitor.after(visitor.post(f"/vooraf/{house}", until="2026-12-01", urgencies=["now", "today"]))
    assert "tot en met di 1 dec 2026" in text_of(given)
    request_id = here.request(here.actor(COORDINATOR))
    here.match()
    asker = Visitor(here, COORDINATOR)
    (proposal,) = proposals(here, request_id)
    placed = text_of(asker.after(asker.post(f"/aanvragen/{request_id}/vragen", proposal=proposal)))
    assert "Er is een plek" in placed
    assert "ja, vooraf al gegeven" in placed
    assert "nee, elke keer" in visitor.after(visitor.post(f"/vooraf/{house}/intrekken"))
    assert "Er stond geen ja vooraf meer" in visitor.after(visitor.post(f"/vooraf/{house}/intrekken"))
    assert Visitor(here, COORDINATOR).get("/vooraf").status_code == 403
    here.provider("ander")
    assert Visitor(here, "ander").get(f"/vooraf/{house}").status_code == 404


def test_a_municipality_sees_its_own_region_and_that_nobody_asks_it_yet(here: Town) -> None:
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR13")
    here.location(region="VR13"), here.location(region="VR17")
    page = text_of(Visitor(here, Role.MUNICIPALITY).get("/vooraf").text)
    assert "L-001" in page
    assert "L-002" not in page
    assert "vragen de spelregels nu niet om uw ja" in page


def test_the_desk_reviews_declines_and_sees_no_case(here: Town) -> None:
    here.national_desk()
    here.location()
    request_id = here.request(here.actor(COORDINATOR))
    here.match()
    offer_id = here.offer(here.actor(COORDINATOR), request_id)
    provider = here.actor("aanbieder")
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, "group_balance")
        code = queries.intake.request(tx, request_id).short_code
    visitor = Visitor(here, "loket")
    page = visitor.get("/afwijzingen").text
    assert "Het past nu niet in de groep" in page
    for secret in (code, request_id, "zorgcoordinatie", "vrouw", "Rotterdam"):
        assert secret not in page, secret
    assert 'id="e-tag"' in visitor.post(f"/afwijzingen/{offer_id}", seen="client", tag="client").text
    answer = visitor.post(f"/afwijzingen/{offer_id}", seen="client", tag="provider", reason="ground_untrue")
    assert "was: ligt aan de situatie van de persoon." in visitor.after(answer)
    again = visitor.post(f"/afwijzingen/{offer_id}", seen="client", tag="neutral", reason="ground_untrue")
    assert "Iemand heeft dit intussen gewijzigd" in visitor.after(again)
    assert visitor.get("/afwijzingen/no-such-offer").status_code == 404
    assert Visitor(here, "aanbieder").get("/afwijzingen").status_code == 403


def test_a_crisis_is_placed_by_the_duty_officer_and_judged_on_the_desk_s_screen(here: Town) -> None:
    here.duty_officer()
    here.location()
    both = {**Authority().deciders, "MUNICIPAL": (Decider(by="national_desk"), Decider(by="provider"))}
    with here.database.transaction() as tx:
        policy.write(tx, Authority(deciders=both, crisis_after_minutes={"MUNICIPAL": 5}), "crisis")
    request_id = here.request(here.actor(COORDINATOR))
    here.match()
    offer_id = here.offer(here.actor(COORDINATOR), request_id)
    officer = Visitor(here, "piket")
    path = f"/aanvragen/{request_id}"
    assert "mag de piketdienst vanaf 23:45 plaatsen" in text_of(officer.get(path).text)
    assert f"{path}/crisis" not in Visitor(here, COORDINATOR).get(path).text
    here.clock.turn(minutes=5)
    assert "Plaats nu, goedkeuring achteraf" in officer.get(path).text
    unspoken = officer.after(officer.post(f"{path}/crisis", offer=offer_id))
    assert "Zonder een ja van de opvang zelf gaat het niet" in unspoken
    placed = text_of(officer.after(officer.post(f"{path}/crisis", offer=offer_id, spoken="yes")))
    assert "Geplaatst in een crisis, met goedkeuring achteraf." in placed
    assert "ja aan de telefoon" in placed
    assert "oordeelt achteraf, uiterlijk morgen 11:45" in placed
    here.national_desk()
    desk = Visitor(here, "loket")
    assert "Uw oordeel maakt de plaatsing niet ongedaan" in desk.get("/antwoorden").text
    assert "Er is niets gewijzigd" in desk.after(desk.post(f"/antwoorden/{offer_id}/achteraf", approved="maybe"))
    assert "Uw oordeel is vastgelegd" in desk.after(desk.post(f"/antwoorden/{offer_id}/achteraf", approved="no"))
    assert "achteraf niet goedgekeurd" in text_of(officer.get(path).text)
