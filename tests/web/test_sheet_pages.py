"""Reading a sheet in on screen: a template, an overview, all of it or nothing; and nothing secret in any page."""

import hashlib
import html
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from nrm import journal
from nrm.access.rules import OrganisationKind, Role
from nrm.exchange import sheets
from nrm.registry import queries, service
from nrm.registry.models import Location
from tests.builders import KEY, Town, town
from tests.site import Visitor
from web.screens.sheets import AGREED_BYTES_MAX, BODY_BYTES_MAX

ADDRESS = "Verzonnenlaan 8, CANARY-900"
HEADS = "Locatie;Aanbieder;Regio;Soort opvang;Veiligheid;Kamer;Aantal plekken;Voor wie;Adres"
NEW = f"{HEADS}\r\nN-1;aanbieder;Rotterdam-Rijnmond;NLA-opvang;geheim;K1;2;mannen;{ADDRESS}\r\n"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.provider()
    made.national_desk()
    yield made
    made.database.close()


def send(visitor: Visitor, content: bytes | str, **fields: str) -> Any:
    """Choose a file and press the button."""
    content = content.encode("utf-8-sig") if isinstance(content, str) else content
    files = {"file": ("plekken.csv", content, "text/csv")}
    return visitor.client.post("/inlezen", data={"csrf_token": visitor.csrf, **fields}, files=files)


def agree(visitor: Visitor, page: str, **fields: str) -> Any:
    """Press the button of an overview."""
    hidden = dict(re.findall(r'name="(upload|once)" value="([^"]+)"', page))
    return visitor.post("/inlezen/toepassen", **{**hidden, **fields})


def said(answer: Any) -> str:
    """What a person reads on a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


def locations(here: Town) -> list[str]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Location.code).order_by(Location.code)))


def test_the_desk_looks_agrees_and_the_houses_are_there(here: Town) -> None:
    desk = Visitor(here, "loket")
    assert 'href="/inlezen"' in desk.get("/").text or 'href="/inlezen"' in desk.get("/antwoorden").text
    page = send(desk, NEW)
    text = said(page)
    assert page.status_code == 200
    assert "1 nieuwe locatie 1 nieuwe kamer 2 plekken erbij" in text
    assert "rij 2 N-1 K1 Nieuwe kamer met 2 plekken voor: mannen." in text
    assert "Het adres wordt verzegeld." in text
    assert ("CANARY" in page.text, "Verzonnenlaan" in page.text) == (False, False), "the page holds no address"
    assert locations(here) == [], "nothing is stored yet"
    done = agree(desk, page.text)
    assert "Alles is ingelezen." in desk.after(done)
    assert locations(here) == ["N-1"]
    # The button pressed twice: the first answer again. Another tab with the same file: there is nothing left to do.
    assert agree(desk, page.text).status_code == 303
    again = send(desk, NEW.replace(ADDRESS, ""))
    assert "Alles staat er al zo." in said(again)
    with here.database.reading() as tx:
        (found,) = tx.session.exec(select(Location)).all()
        assert service.unseal_address(tx, KEY, found.id) == ADDRESS
        entries = journal.after(tx.session, 0, 1000)
        assert [entry.kind for entry in entries if entry.kind == "location.added"] == ["location.added"]
        assert "CANARY" not in str([entry.data for entry in entries])


def test_a_provider_takes_its_template_changes_it_and_sends_it_back(here: Town) -> None:
    house = here.location(places=(2, 1))
    here.location("ander")
    provider = Visitor(here, "aanbieder")
    book = load_workbook(io.BytesIO(provider.get("/inlezen/sjabloon.xlsx").content))
    sheet = book.worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[1]}
    assert ("Adres" in heads, "Aanbieder" in heads) == (False, False)
    assert [sheet.cell(row, 1).value for row in range(2, sheet.max_row + 1)] == ["L-001", "L-001"]
    sheet.cell(2, heads["Plekken buiten gebruik"]).value = 1
    sheet.cell(2, heads["Reden buiten gebruik"]).value = "onderhoud of schade"
    sheet.cell(2, heads["Regel: trauma"]).value = "Niet mogelijk"
    sheet.cell(2, heads["Reden van de regels"]).value = "geen begeleiding in dit huis"
    out = io.BytesIO()
    book.save(out)
    page = send(provider, out.getvalue())
    assert "Plek 2 buiten gebruik: onderhoud of schade." in said(page)
    assert "trauma: van ‘welkom’ naar ‘niet mogelijk’." in said(page)
    after = provider.after(agree(provider, page.text))
    assert "Alles is ingelezen." in after
    with here.database.reading() as tx:
        (view,) = queries.locations(tx, location_id=house)
        assert [place.closure_reason for place in view.units[0].places] == [None, "maintenance"]
    csv = provider.get("/inlezen/sjabloon.csv")
    assert csv.headers["content-disposition"] == 'attachment; filename="plekken.csv"'
    assert "Alles staat er al zo." in said(send(provider, csv.content))


def test_everything_wrong_at_once_with_row_and_column(here: Town) -> None:
    desk = Visitor(here, "loket")
    rows = ["N-1;niemand;Rotterdam-Rijnmond;NLA-opvang;geheim;K1;twee;mannen;", "=1+1;;;;;K2;1;mannen;"]
    page = send(desk, "\r\n".join((HEADS, *rows)))
    text = said(page)
    assert page.status_code == 400
    assert "Nog 2 dingen kloppen niet" in text
    assert "rij 2 Aantal plekken Schrijf een heel getal, zoals 4." in text
    assert "rij 3 Locatie Hier staat een formule." in text
    assert "Lees alles in" not in text
    assert locations(here) == []
    many = send(desk, "\r\n".join((HEADS, *("N-1;x;x;x;x;K1;x;x;" for _ in range(300)))))
    assert len(many.text) < 200_000
    assert "En nog" in said(many)


def test_changed_meanwhile_shows_the_new_overview(here: Town) -> None:
    house = here.location(places=(2,))
    actor = here.actor("aanbieder")
    provider = Visitor(here, "aanbieder")
    page = send(provider, "Locatie;Kamer;Plekken buiten gebruik;Reden buiten gebruik\r\nL-001;K1;2;veiligheid\r\n")
    with here.database.transaction() as tx:
        service.close_place(tx, actor, f"{house}-u1-p2", "safety", None)
    stale = agree(provider, page.text)
    assert stale.status_code == 409
    assert "Er is intussen iets veranderd. Er is nog niets ingelezen." in said(stale)
    assert "Plek 1 buiten gebruik: veiligheid." in said(stale)
    assert "Alles is ingelezen." in provider.after(agree(provider, stale.text))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Kies eerst een bestand."),
        (b"PK\x03\x04 but no zip", "Dit bestand kunnen we niet lezen."),
        (b"\xd0\xcf\x11\xe0 old", "Dit is een oud of beveiligd Excel-bestand."),
        (b"a\r\n" * 6000, "Dit bestand heeft te veel rijen"),
        (b"x" * 2 * sheets.FILE_BYTES_MAX, "Dit bestand is te groot"),
    ],
)
def test_a_file_that_will_not_do_is_told_kindly(here: Town, content: bytes, words: str) -> None:
    answer = send(Visitor(here, "loket"), content)
    assert answer.status_code in {400, 413}
    assert words in said(answer)
    assert "2. Kies uw bestand" in said(answer), "the form is there to try again"


def test_the_largest_file_that_may_be_comes_through_both_steps(here: Town) -> None:
    """It hardly shrinks, so sealed and in letters it is larger than any other form may be."""
    noise = [hashlib.sha512(str(number).encode()).hexdigest() for number in range(4500)]
    heads = "Locatie;Aanbieder;Regio;Soort opvang;Veiligheid;Kamer;Aantal plekken;Voor wie;Reden van de regels"
    rows = [f"N-1;aanbieder;VR17;NLA;geheim;K{number};1;m;{text}{text[:40]}" for number, text in enumerate(noise)]
    content = "\r\n".join((heads, *rows))
    assert 0.9 < len(content) / sheets.FILE_BYTES_MAX < 1
    desk = Visitor(here, "loket")
    page = send(desk, content)
    assert page.status_code == 200, said(page)[:300]
    assert "4500 nieuwe kamers" in said(page)
    assert agree(desk, page.text).status_code == 303


def test_what_we_did_not_seal_for_this_person_is_refused(here: Town) -> None:
    desk = Visitor(here, "loket")
    page = send(desk, NEW).text
    admin = here.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    other = Visitor(here, admin.name)
    for visitor, fields in (
        (other, {}),
        (desk, {"upload": "x"}),
        (desk, {"upload": ""}),
        (desk, {"upload": "é" * 40}),
        (desk, {"upload": "A" * 1000}),
    ):
        answer = agree(visitor, page, **fields)
        assert (answer.status_code, "Kies uw bestand opnieuw." in said(answer)) == (400, True)
    assert locations(here) == []


def test_forms_stay_small_everywhere_else_and_bounded_here(here: Town) -> None:
    desk = Visitor(here, "loket")
    for path in ("/aanvragen/nieuw", "/onderwerpen", "/api/v1/session"):
        assert desk.client.post(path, data={"a": "x" * 70_000}).status_code == 413
    for path, limit in BODY_BYTES_MAX.items():
        assert desk.client.post(path, data={"a": "x" * limit}).status_code == 413
        assert (
            desk.client.post(
                path, content=b"{" + b" " * 70_000, headers={"content-type": "application/json"}
            ).status_code
            == 413
        )
    assert desk.post("/inlezen/toepassen", upload="x" * (AGREED_BYTES_MAX + 1)).status_code == 413


def test_only_who_may(here: Town) -> None:
    here.coordinator()
    here.duty_officer()
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    for login in ("coordinator-VR17", "piket", "municipality"):
        visitor = Visitor(here, login)
        for path in ("/inlezen", "/inlezen/sjabloon.xlsx", "/inlezen/sjabloon.csv"):
            assert visitor.get(path).status_code == 403
        assert send(visitor, NEW).status_code == 403
        assert visitor.post("/inlezen/toepassen", upload="x").status_code == 403
    desk = Visitor(here, "loket")
    assert send(desk, NEW, csrf_token="wrong").status_code == 403
    assert (
        desk.client.post("/inlezen", files={"file": ("a", b"a")}, headers={"Origin": "http://evil.example"}).status_code
        == 403
    )
    desk.client.cookies.clear()
    assert send(desk, NEW).headers["location"].startswith("/inloggen")
