"""The report to CoMensha as people see and do it, the second step after asking; and a B8 that ends soon."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from nrm.access.rules import OrganisationKind, Role
from nrm.course import service as course
from nrm.course.rules import AftercareItem
from nrm.course.schemas import AftercareIn
from nrm.intake import queries as intake
from nrm.placing import staying
from nrm.reporting import service
from nrm.reporting.schemas import PoliceCriteriaIn
from tests.browser import Person
from tests.builders import Town, town
from tests.site import Site, Visitor, log_in, tick
from tests.web.test_answering_browser import looks_right


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    made.duty_officer()
    yield made
    made.database.close()


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


def worded(here: Town) -> None:
    desk = here.national_desk()
    words = [{"code": f"police_{n}", "nl": f"Vraag {n}?", "en": f"Question {n}?"} for n in range(1, 6)]
    with here.database.transaction(desk.account_id) as tx:
        service.keep_police_criteria(tx, desk, PoliceCriteriaIn.model_validate({"criteria": words, "version": 1}))


def test_the_second_step_after_asking(here: Town) -> None:
    request_id = here.request(here.coordinator(), exploitation="sexual")
    worded(here)
    visitor = Visitor(here, "coordinator-VR17")
    case = visitor.get(f"/aanvragen/{request_id}").text
    assert "Stap 2: melding aan CoMensha" in case
    assert "De plek wacht hier niet op." in case
    at = f"/aanvragen/{request_id}/melding"
    page = visitor.get(at).text
    assert "seksuele uitbuiting" in page
    assert "vrouw, 24 tot en met 29 jaar" in page
    assert "Vraag 5?" in page
    wrong = visitor.post(at, version=version(page), found_on="gisteren", agreed="yes")
    assert wrong.status_code == 400
    assert "Schrijf een datum als" in wrong.text
    assert 'name="agreed" value="yes" checked' in wrong.text, "what was filled in stays"
    late = visitor.post(at, version=version(page), found_on="31-12-2030")
    assert "Deze dag moet nog komen." in late.text
    kept = visitor.post(at, version=version(page), found_on="19-11-2026", **{"criterion-police_2": "yes"})
    shown = visitor.after(kept)
    assert "19-11-2026" in shown
    assert "zonder naam (pseudoniem)" in shown
    assert "data-copy=" in shown
    done = visitor.after(visitor.post(f"{at}/verstuurd", version=version(shown)))
    assert "Vastgelegd dat de melding verstuurd is." in done
    assert "Is verstuurd" not in done
    assert visitor.get(at).headers["location"] == f"{at}/samenvatting", "nothing left to fill in"
    assert "Iemand heeft dit intussen gewijzigd" in visitor.after(visitor.post(f"{at}/verstuurd", version="2"))
    assert "Verstuurd" in visitor.get(f"/aanvragen/{request_id}").text

    desk = Visitor(here, "loket")
    assert at in desk.get("/meldingen").text
    page = desk.get(f"{at}/samenvatting").text
    named = desk.post(f"{at}/ontvangen", version=version(page), reference="mevrouw Jansen")
    assert named.status_code == 400
    assert "Dit is geen nummer" in named.text
    after = desk.after(desk.post(f"{at}/ontvangen", version=version(page), reference="2026-0412"))
    assert "2026-0412" in after
    assert "Ontvangen door CoMensha" in visitor.get(f"/aanvragen/{request_id}").text


def test_not_reported_has_a_reason_and_a_way_back(here: Town) -> None:
    request_id = here.request(here.coordinator())
    visitor = Visitor(here, "coordinator-VR17")
    at = f"/aanvragen/{request_id}/melding"
    page = visitor.get(f"{at}/samenvatting").text
    assert "De persoon wil het niet, ook niet zonder naam" in page
    visitor.after(visitor.post(f"{at}/niet", version=version(page), reason="nonsense"))
    page = visitor.after(visitor.post(f"{at}/niet", version=version(page), reason="not_wanted"))
    assert "Wordt niet gemeld" in page
    assert "De melding staat weer open." in visitor.after(visitor.post(f"{at}/weer-open", version=version(page)))


def test_the_officer_who_must_report_finds_it_with_the_request(here: Town) -> None:
    request_id = here.request(here.police())
    visitor = Visitor(here, "police")
    assert "Stap 2: melding aan CoMensha" in visitor.get(f"/gevolgd/{request_id}").text
    page = visitor.get(f"/aanvragen/{request_id}/melding").text
    assert "Moet melden." in page
    assert f'href="/gevolgd/{request_id}"' in page
    assert "not_wanted" not in visitor.get(f"/aanvragen/{request_id}/melding/samenvatting").text
    refusing = here.request(here.police(), refusesPolice=True)
    assert visitor.get(f"/aanvragen/{refusing}/melding").status_code == 404
    here.coordinator()
    assert Visitor(here, "coordinator-VR17").get(f"/aanvragen/{request_id}/melding").status_code == 404


def test_nobody_else_is_shown_the_step(here: Town) -> None:
    """The duty officer reads another's case along, a house answers for it: neither is told of a report."""
    request_id = here.request(here.coordinator())
    here.provider()
    assert "CoMensha</h2>" not in Visitor(here, "piket").get(f"/aanvragen/{request_id}").text
    for path in (f"/aanvragen/{request_id}/melding", "/meldingen", "/meldingen/te-laat", "/meldingen/politiecriteria"):
        assert Visitor(here, "aanbieder").get(path).status_code == 403


def test_what_is_late_in_numbers_for_the_coordinator_and_by_code_for_the_desk(here: Town) -> None:
    coordinator = here.coordinator()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    ids = [here.request(coordinator) for _ in range(2)]
    elsewhere = here.coordinator("VR20")
    for _ in range(5):
        here.request(elsewhere, region="VR20")
    tick(here)
    here.clock.turn(days=8)
    with here.database.reading() as tx:
        codes = [intake.request(tx, one).short_code for one in ids]
    national = Visitor(here, "national_coordinator")
    page = national.get("/meldingen/te-laat").text
    assert "minder dan 5" in page
    assert re.findall(r'id="laat-(VR\d+)', page) == ["VR20", "VR17"], "most first"
    assert not [code for code in (*codes, *ids) if code in page]
    assert national.get("/meldingen").status_code == 403
    assert all(code in Visitor(here, "loket").get("/meldingen").text for code in codes)
    assert "1 dag te laat" in Visitor(here, "loket").get("/meldingen/te-laat").text
    assert "te laat" in Visitor(here, "coordinator-VR17").get(f"/aanvragen/{ids[0]}").text


def test_the_desk_words_the_criteria(here: Town) -> None:
    desk, at = Visitor(here, "loket"), "/meldingen/politiecriteria"
    page = desk.get(at).text
    assert "Nu ingevuld: 0 van 5" in page
    half = desk.post(at, version=version(page), **{"nl-police_1": "Alleen Nederlands"})
    assert half.status_code == 400
    assert 'href="#f-en-police_1"' in half.text
    assert "Alleen Nederlands" in half.text
    both = {"nl-police_1": "Vraag een?", "en-police_1": "Question one?"}
    assert "Nu ingevuld: 1 van 5" in desk.after(desk.post(at, version=version(page), **both))
    assert "Iemand heeft dit intussen gewijzigd" in desk.after(desk.post(at, version="1", **both))


def b8(here: Town) -> tuple[str, str]:
    """Somebody stays, and their B8 ends in three weeks: (request, stay)."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider, days=30)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    tick(here)
    ends_on = (here.clock.at + timedelta(days=51)).date()
    shape = AftercareIn.model_validate({"state": "done", "owner": "coordinator", "ends_on": ends_on, "version": 1})
    with here.database.transaction(coordinator.account_id) as tx:
        course.keep_aftercare(tx, coordinator, stay_id, AftercareItem.B8, shape)
    here.clock.turn(days=30)
    tick(here)
    return request_id, stay_id


def test_a_b8_that_ends_stands_with_the_request_and_one_tap_sees_to_it(here: Town) -> None:
    request_id, stay_id = b8(here)
    visitor = Visitor(here, "coordinator-VR17")
    assert "De B8 loopt binnenkort af:" in visitor.get(f"/aanvragen/{request_id}").text
    assert "Een B8 loopt binnenkort af." in Visitor(here, "piket").get("/piket").text
    page = visitor.get(f"/verblijf/{stay_id}").text
    assert "Wij regelen het" in page
    ends_on = (here.clock.at + timedelta(days=21)).date().isoformat()
    fields = {"version": "2", "owner": "coordinator", "state": "done", "b8-ends_on": ends_on}
    after = visitor.after(visitor.post(f"/verblijf/{stay_id}/nazorg/b8", **fields))
    assert "Wij regelen het" not in after
    tick(here)
    assert "Een B8 loopt binnenkort af." not in Visitor(here, "piket").get("/piket").text


def test_every_screen_is_accessible_and_fits(here: Town, site: Site, person: Person) -> None:
    coordinator = here.coordinator()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    worded(here)
    _, stay_id = b8(here)  # before others ask for the same beds
    asked, sent = here.request(here.police(), exploitation="labour"), here.request(coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        service.send(tx, coordinator, sent, 1)
    desk, officer, national = (person(base_url=site(here, worker=False), width=390) for _ in range(3))
    for page, login, paths in (
        (officer, "police", (f"/gevolgd/{asked}", f"/aanvragen/{asked}/melding", "/meldingen")),
        (
            desk,
            "loket",
            (
                "/meldingen",
                "/meldingen/te-laat",
                "/meldingen/politiecriteria",
                f"/aanvragen/{sent}/melding/samenvatting",
                f"/aanvragen/{asked}/melding/samenvatting",
            ),
        ),
        (national, "national_coordinator", ("/meldingen/te-laat",)),
    ):
        log_in(page, login)
        for path in paths:
            page.goto(path)
            looks_right(page, f"{login} {path}")
    owner = person(base_url=site(here, worker=False), width=390)
    log_in(owner, "coordinator-VR17")
    for path in (f"/aanvragen/{sent}", f"/verblijf/{stay_id}"):
        owner.goto(path)
        looks_right(owner, f"{path}")
