"""Agreements with municipalities and crisis beds, through the screens; and what a municipality sees of it."""

import re
from collections.abc import Iterator

import pytest

from nrm.access.rules import OrganisationKind, Role
from tests.builders import Town, town
from tests.site import Visitor

ROTTERDAM, DORDRECHT = "GM0599", "GM0505"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.provider()
    yield made
    made.database.close()


def version(page: str) -> str:
    return re.findall(r'name="version" value="(\d+)"', page)[0]


def terms(**changed: str) -> dict[str, str]:
    return {
        "version": "0",
        "municipality_0": ROTTERDAM,
        "parts_0": "3",
        "municipality_1": DORDRECHT,
        "parts_1": "",
        "lend_after_hours": "4",
        "ring_fenced": "1",
        "first_days_max": "42",
        "contract_ends_on": "31-12-2026",
        "funding_ends_on": "",
        **changed,
    }


def test_an_agreement_is_written_read_again_and_seen_coming_to_an_end(here: Town) -> None:
    at = f"/opvang/{here.location(region='VR17')}/afspraken"
    provider = Visitor(here, "aanbieder")
    after = provider.after(provider.post(at, **terms()))
    assert "De afspraken zijn bewaard." in after
    assert version(after) == "1"
    for written in ('value="3"', 'value="1"', 'value="42"', 'value="2026-12-31"', '<option value="4" selected>'):
        assert written in after
    assert f'<option value="{ROTTERDAM}" selected>' in after
    assert f"{at}#afspraken" in provider.get("/opvang").text, "it ends within a quarter"
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    payer = Visitor(here, "municipality")
    seen = payer.get("/gedeeld").text
    assert "Rotterdam 3/4, Dordrecht 1/4" in seen
    assert "na 4 uur wachten" in seen
    assert payer.get(at).status_code in {403, 404}
    assert provider.get("/gedeeld").status_code == 403


def test_what_is_wrong_is_said_and_what_was_typed_stays(here: Town) -> None:
    at = f"/opvang/{here.location(places=(2,))}/afspraken"
    provider = Visitor(here, "aanbieder")
    for field, typed, said in (
        ("ring_fenced", "3", "niet meer dan er plekken zijn"),
        ("ring_fenced", "veel", "niet meer dan er plekken zijn"),
        ("first_days_max", "0", "van 1 tot 366"),
        ("contract_ends_on", "ooit", "Schrijf een datum"),
        ("municipality_1", ROTTERDAM, "Kies elke gemeente één keer"),
        ("parts_0", "-1", "Kies elke gemeente één keer"),
        ("lend_after_hours", "", "Kies wanneer anderen"),
    ):
        answer = provider.post(at, **terms(**{field: typed}))
        assert (answer.status_code, said in answer.text) == (400, True), field
        assert 'value="42"' in answer.text or field == "first_days_max"
    assert version(provider.get(at).text) == "0", "nothing was stored"


def test_somebody_else_was_first(here: Town) -> None:
    at = f"/opvang/{here.location()}/afspraken"
    one, two = Visitor(here, "aanbieder"), Visitor(here, "aanbieder")
    one.post(at, **terms())
    late = two.post(at, **terms(first_days_max="7"))
    assert late.status_code == 409
    assert "Iemand heeft dit intussen gewijzigd" in late.text
    assert 'value="7"' in late.text
    two.after(two.post(at, **terms(first_days_max="7", version=version(late.text))))
    assert 'value="7"' in one.get(at).text


def test_lent_to_nobody_reads_back_so(here: Town) -> None:
    at = f"/opvang/{here.location()}/afspraken"
    provider = Visitor(here, "aanbieder")
    assert '<option value="never" selected>' in provider.after(provider.post(at, **terms(lend_after_hours="never")))


def test_a_room_of_another_group_becomes_a_crisis_bed_in_two_taps(here: Town) -> None:
    house = here.location(places=(1,))
    at = f"/opvang/{house}/kamer/{house}-u1"
    provider = Visitor(here, "aanbieder")
    assert "een andere groep" in provider.after(provider.post(f"{at}/gebruik", use="regular"))
    place = provider.get(f"/opvang/plek/{house}-u1-p1").text
    assert "Zet in als crisisbed" in place
    assert "place--regular" in provider.get("/opvang").text
    after = provider.after(provider.post(f"{at}/crisisbed", days="3", displaces="respite"))
    assert "Crisisbed tot" in after
    assert "time-out" in after
    assert "place--free" in provider.get("/opvang").text
    assert "crisisbed" in provider.get(f"/opvang/plek/{house}-u1-p1").text
    assert "geen crisisbed meer" in provider.after(provider.post(f"{at}/crisisbed/klaar"))
    assert "was geen crisisbed meer" in provider.after(provider.post(f"{at}/crisisbed/klaar"))
    for days, displaces in (("1000", "respite"), ("", "respite"), ("3", "wie")):
        refused = provider.after(provider.post(f"{at}/crisisbed", days=days, displaces=displaces))
        assert "Er is niets gewijzigd" in refused


def test_another_group_is_refused_what_is_kept(here: Town) -> None:
    house = here.location(places=(1, 1))
    provider = Visitor(here, "aanbieder")
    assert "Bezet door een andere groep" not in provider.get(f"/opvang/plek/{house}-u1-p1").text
    provider.post(f"/opvang/{house}/afspraken", **terms())
    at = f"/opvang/plek/{house}-u{{}}-p1/bezet"
    assert "Bezet door een andere groep" in provider.get(f"/opvang/plek/{house}-u1-p1").text
    assert "De plek staat als bezet." in provider.after(provider.post(at.format(1), who="other_group"))
    assert "afgesproken voor slachtoffers" in provider.after(provider.post(at.format(2), who="other_group"))
    assert "De plek staat als bezet." in provider.after(provider.post(at.format(2), who="own"))
