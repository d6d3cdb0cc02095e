"""What was published: for everybody without logging in, and for the rapporteur with how it came about."""

import csv
import io
import re
from datetime import UTC, datetime

from sqlalchemy import text

from nrm.access.rules import OrganisationKind, Role
from nrm.insight import releases
from nrm.insight.models import Release
from tests.browser import Person, violations
from tests.builders import Town, town
from tests.client import Calls
from tests.insight.test_releases import autumn, published
from tests.site import HOST, Site, Visitor, application, log_in
from tests.web.test_watching_pages import cells

OUT = datetime(2027, 1, 28, 23, 0, tzinfo=UTC)
"""November, December and the year 2026 are out."""
OTHERS = (
    (Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION),
    (Role.ADMIN, OrganisationKind.OPERATIONS),
    (Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY),
)


def figures(html: str, row: str) -> list[str]:
    """The texts of one row of published numbers."""
    found = re.search(rf'id="{row}">(.*?)</tr>', html, re.DOTALL)
    assert found, row
    return [re.sub(r"<[^>]+>", "", text).strip() for text in re.findall(r"<t[hd].*?</t[hd]>", found[1], re.DOTALL)]


def anybody(here: Town) -> Calls:
    return Calls(application(here), f"http://{HOST}")


def year_is_out(url: str) -> Town:
    here = town(url)
    autumn(here)
    here.clock.at = OUT
    assert published(here) == ["2026-11", "2026-12", "2026"]
    return here


def rapporteur(here: Town) -> Visitor:
    here.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    return Visitor(here, Role.RAPPORTEUR)


def test_everybody_reads_the_same_page_in_two_languages_and_any_cache_may_keep_it(sqlite_url: str) -> None:
    here = year_is_out(sqlite_url)
    somebody = anybody(here)
    page = somebody.get("/cijfers")
    assert page.status_code == 200
    assert "Voor ongeveer 10 mensen werd een plek gevraagd." in page.text
    assert figures(page.text, "months-2026-11") == [
        "november 2026",
        "10",
        "–niet getoond",
        "–niet getoond",
        "–niet getoond",
        "10",
    ]
    assert figures(page.text, "sex_age-adult")[1:3] == ["10", "10"]
    assert "Hier is niets van te tonen:" in page.text
    assert not re.search(r">\s*[1-46-9]\s*</", page.text), "every number is 5 or more and rounded, or left out"
    assert '<html lang="en">' in somebody.get("/figures").text
    assert "About" not in page.text
    assert "A place was asked for about 10 people." in somebody.get("/figures").text
    # The same for whoever asks, whatever their browser wishes or sends along: nothing of a person is in it.
    for headers in ({"accept-language": "en"}, {"cookie": "lang=en"}, {"cookie": "nrm-session=whatever"}):
        assert somebody.get("/cijfers", headers=headers).content == page.content
    assert "set-cookie" not in page.headers
    assert page.headers["cache-control"] == "public, max-age=3600"
    here.clock.turn(minutes=9)
    again = somebody.get("/cijfers", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "<script" not in page.text
    assert len(page.content) < 60_000
    assert somebody.get("/cijfers?jaar=2019").status_code == 404
    assert somebody.get("/cijfers?jaar=abc").status_code == 400
    here.database.close()


def test_before_anything_is_out_the_page_says_when(sqlite_url: str) -> None:
    here = town(sqlite_url)
    for path in ("/cijfers", "/figures", "/cijfers.csv"):
        assert anybody(here).get(path).status_code == 200, path
    assert "De eerste maand verschijnt 28 dagen na haar laatste dag." in anybody(here).get("/cijfers").text
    assert "Er is nog niets uitgegeven." in rapporteur(here).get("/rapporteur").text
    here.database.close()


def test_the_spreadsheet_has_every_number_that_is_out_and_no_other(sqlite_url: str) -> None:
    here = year_is_out(sqlite_url)
    lines = list(csv.DictReader(io.StringIO(anybody(here).get("/cijfers.csv").text)))
    own = list(csv.DictReader(io.StringIO(rapporteur(here).get("/rapporteur/cijfers.csv").text)))
    assert {line["table"] for line in own} - {line["table"] for line in lines} == {
        "sex_age_exploitation",
        "exploitation_citizenship",
    }
    assert [line["period"] for line in own if line["table"] == "result" and line["result"] == "all"] == [
        "2026-11",
        "2026-12",
        "2026",
    ]
    with here.database.reading() as tx:
        stored = {
            (row.period, frozenset(map(tuple, of))): value for row in releases.releases(tx) for of, value in row.numbers
        }
    for line in own:
        of = {(name, code) for name, code in list(line.items())[4:-1] if code not in {"", "all"}}
        if line["table"] in {"rule_eased", "places_added", "authority_asked"}:
            of = {("change", line["table"])}
        value = stored[line["period"], frozenset(of)]
        assert line["value"] == ("" if value is None else str(value)), line
        assert line["value"] == "" or int(line["value"]) % 5 == 0
    here.database.close()


def test_the_rapporteur_reads_how_it_came_about_and_whether_it_is_still_so(sqlite_url: str) -> None:
    here = year_is_out(sqlite_url)
    someone = rapporteur(here)
    assert someone.get("/").headers["location"] == "/rapporteur"
    page = someone.get("/rapporteur").text
    assert cells(page, "uitgave-2026")[0::5] == ["2026", "gelijk aan het logboek"]
    assert cells(page, "uitgave-2026-11")[0] == "november 2026"
    assert page.index("De maanden van 2026") < page.index("kop-uitgaven"), "figures first, then how they came about"
    assert "Land van burgerschap of geboorte" in page
    assert "niet vastgelegd" in page
    assert figures(page, "exploitation_citizenship-sexual")[3] == "5"
    said = someone.get("/rapporteur/definities.json").json()
    assert [one["version"] for one in said["definitions"]] == [1]
    assert {one["period"]: one["unchanged"] for one in said["releases"]} == {
        "2026": True,
        "2026-11": True,
        "2026-12": True,
    }
    with here.database.transaction() as tx:  # planted: somebody who may change the database itself
        tx.session.execute(text("DROP TRIGGER release_no_update"))
        row = tx.session.get_one(Release, "2026-11")
        row.numbers = [[of, 95] for of, _ in row.numbers]
    assert "klopt niet met het logboek" in someone.get("/rapporteur").text
    for role, kind in OTHERS:
        here.person(role, kind, "VR17")
        for path in ("/rapporteur", "/rapporteur/cijfers.csv", "/rapporteur/definities.json"):
            assert Visitor(here, role).get(path).status_code == 403, (role, path)
    here.database.close()


def test_both_pages_in_a_browser(site: Site, person: Person, sqlite_url: str) -> None:
    here = year_is_out(sqlite_url)
    here.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    page = person(base_url=site(here, worker=False))
    for path in ("/cijfers", "/figures"):
        page.goto(path)
        assert violations(page) == []
    log_in(page, Role.RAPPORTEUR)
    assert page.url.endswith("/rapporteur")
    assert violations(page) == []
