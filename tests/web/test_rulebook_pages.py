"""Changing the rules on screen: said in words, kept when refused, and never by one person alone."""

import re
from collections.abc import Iterator

import pytest

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from tests.builders import Town, town
from tests.site import Visitor


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    made.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    made.coordinator()
    yield made
    made.database.close()


def typed(page: str) -> dict[str, list[str]]:
    """The form as it would be sent unchanged."""
    form = re.search(r'<form method="post" action="/spelregels/[a-z]+/voorstel".*?</form>', page, re.DOTALL)
    assert form
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        said = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if said["type"] != "checkbox" or " checked" in tag:
            fields.setdefault(said["name"], []).append(said.get("value", ""))
    fields.pop("csrf_token")
    return fields


def rows(page: str, id: str) -> dict[str, list[str]]:
    found = re.findall(rf'id="{id}-([^"]+)">(.*?)</tr>', page, re.DOTALL)
    return {
        name: [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r'td__value">(.*?)</span></t[hd]>', row)]
        for name, row in found
    }


def test_from_proposal_to_in_force(here: Town) -> None:
    admin, desk = Visitor(here, "admin"), Visitor(here, "loket")
    page = admin.get("/spelregels/hold/voorstel").text
    assert "Nu: 60 minuten (1 uur)." in page
    fields = typed(page)
    fields |= {"silent_minutes": ["90"], "hold_minutes_of_pool.COSM.now": ["25"], "note": ["Houses need longer"]}
    shown = admin.after(admin.post("/spelregels/hold/voorstel", **fields))
    changed = {
        "silent_minutes": [
            "Zo lang overslaan na geen antwoord",
            "60 minuten (1 uur)",
            "90 minuten (1 uur en 30 minuten)",
        ],
        "hold_minutes_of_pool.COSM.now": [
            "Anders voor deze soort opvang: COSM (categorale opvang), nu meteen",
            "niet geregeld",
            "25 minuten",
        ],
    }
    assert rows(shown, "wordt") == changed
    assert "Zet in werking" not in shown, "never one's own"
    assert "Trek het in" in shown
    assert 'id="wacht-hold"' in desk.get("/spelregels").text
    looked = desk.get("/spelregels/hold").text
    assert "Zet in werking" in looked
    assert "/voorstel/intrekken" not in looked
    assert admin.after(admin.post("/spelregels/hold/voorstel/ingaan", version="1")).count(
        "zet iemand anders in werking"
    )
    done = desk.after(desk.post("/spelregels/hold/voorstel/ingaan", version="1"))
    assert "De nieuwe versie geldt vanaf nu." in done
    assert rows(done, "v2") == changed
    assert "Voorgesteld door admin, in werking gezet door loket." in done
    with here.database.reading() as tx:
        assert policy.current(tx, policy.Hold)[1].silent_minutes == 90


@pytest.mark.parametrize("kind", [found.kind for found in policy.KINDS])
def test_every_kind_has_a_form_that_says_what_is_in_force(here: Town, kind: str) -> None:
    """Sent back as it came it changes nothing: so every value went out and came in."""
    admin = Visitor(here, "admin")
    assert admin.get(f"/spelregels/{kind}").status_code == 200
    fields = typed(admin.get(f"/spelregels/{kind}/voorstel").text)
    again = admin.post(f"/spelregels/{kind}/voorstel", **{**fields, "note": "zelfde"})
    assert (again.status_code, "Dit is precies wat nu al geldt." in again.text) == (400, True)


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(here: Town) -> None:
    admin = Visitor(here, "admin")
    fields = typed(admin.get("/spelregels/freshness/voorstel").text) | {"note": ["x" * 3]}
    wrong = admin.post("/spelregels/freshness/voorstel", **{**fields, "bands.COSM.fresh_minutes": ["1441"]})
    assert wrong.status_code == 400
    assert 'href="#f-bands.COSM.fresh_minutes"' in wrong.text
    assert "passen niet bij elkaar" in wrong.text
    assert 'value="1441"' in wrong.text
    for nonsense in ("veel", "-1", "0", "", "9" * 6):
        wrong = admin.post("/spelregels/freshness/voorstel", **{**fields, "bands.COSM.fresh_minutes": [nonsense]})
        assert (wrong.status_code, "Vul een heel getal in van 1 tot 527.040." in wrong.text) == (400, True), nonsense
    hours = typed(admin.get("/spelregels/authority/voorstel").text) | {"note": ["later"]}
    for broken in ({"office_hours.opens": ["9 uur"]}, {"office_hours.opens": ["18:00"]}, {"deciders.COSM": []}):
        assert admin.post("/spelregels/authority/voorstel", **{**hours, **broken}).status_code == 400
    assert admin.after(admin.post("/spelregels/authority/voorstel", **{**hours, "office_hours.opens": ["08:30"]}))


def test_a_form_made_of_an_older_version_is_shown_again(here: Town) -> None:
    admin = Visitor(here, "admin")
    fields = typed(admin.get("/spelregels/trust/voorstel").text) | {"days": ["30"], "note": ["korter"]}
    with here.database.transaction() as tx:
        policy.write(tx, policy.Trust(days=60), "intussen")
    late = admin.post("/spelregels/trust/voorstel", **fields)
    assert (late.status_code, "Intussen geldt een andere versie." in late.text) == (409, True)
    fields = typed(late.text)
    assert (fields["days"], fields["base_version"]) == (["30"], ["2"])
    assert "Het voorstel ligt klaar." in admin.after(admin.post("/spelregels/trust/voorstel", **fields))


def test_a_reason_comes_back_to_the_author(here: Town) -> None:
    admin, desk = Visitor(here, "admin"), Visitor(here, "loket")
    fields = typed(admin.get("/spelregels/trust/voorstel").text) | {"days": ["30"], "note": ["korter"]}
    admin.after(admin.post("/spelregels/trust/voorstel", **fields))
    assert "niets gewijzigd" in desk.after(desk.post("/spelregels/trust/voorstel/afwijzen", version="1", reason=""))
    desk.after(desk.post("/spelregels/trust/voorstel/afwijzen", version="1", reason="te kort"))
    assert "te kort" in admin.get("/spelregels/trust").text


def test_others_read_the_versions_and_no_drafts(here: Town) -> None:
    admin, reader = Visitor(here, "admin"), Visitor(here, "coordinator-VR17")
    fields = typed(admin.get("/spelregels/trust/voorstel").text) | {"days": ["30"], "note": ["geheim-nog"]}
    admin.after(admin.post("/spelregels/trust/voorstel", **fields))
    for path in ("/spelregels", "/spelregels/trust", "/spelregels/trust/deel"):
        page = reader.get(path)
        assert (page.status_code, "geheim-nog" in page.text) == (200, False)
    assert reader.get("/spelregels/trust/voorstel").status_code == 403
    assert reader.post("/spelregels/trust/voorstel/ingaan", version="1").status_code == 403
    for unknown in ("police_criteria", "nonsense"):
        assert reader.get(f"/spelregels/{unknown}").status_code == 404
