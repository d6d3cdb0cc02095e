"""Reading a sheet in with a browser: by keyboard, for a thumb, accessible in every state."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.browser import Person
from tests.builders import Town, town
from tests.site import Site, log_in
from tests.web.test_answering_browser import looks_right, tab_to

HEADS = "Locatie;Aanbieder;Regio;Soort opvang;Veiligheid;Kamer;Aantal plekken;Voor wie;Adres"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.provider()
    made.national_desk()
    yield made
    made.database.close()


def choose(page: Page, file: Path) -> None:
    page.goto("/inlezen")
    page.get_by_label("Bestand", exact=True).set_input_files(file)
    page.get_by_role("button", name="Bekijk wat er verandert").click()


def test_from_template_to_done(here: Town, site: Site, person: Person, tmp_path: Path) -> None:
    """A provider gets the template, closes two beds in it, sends it back, agrees, and sees it in its list."""
    here.location(places=(3, 1))
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "aanbieder")
    page.get_by_role("link", name="Plekken inlezen").click()
    looks_right(page, "the start")
    with page.expect_download() as download:
        page.get_by_role("link", name="Sjabloon voor Excel").click()
    file = tmp_path / "plekken.xlsx"
    download.value.save_as(file)
    book = load_workbook(file)
    sheet = book.worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[1]}
    for head, value in (("Plekken buiten gebruik", 2), ("Reden buiten gebruik", "besmetting")):
        sheet.cell(2, heads[head]).value = value
    book.save(file)
    choose(page, file)
    expect(page.get_by_role("cell", name="Plek 2, 3 buiten gebruik: besmetting.")).to_be_visible()
    looks_right(page, "the overview")
    tab_to(page, "Lees alles in")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Alles is ingelezen.")).to_be_visible()
    expect(page.locator(".place--out_of_service")).to_have_count(2)


def test_what_is_wrong_is_read_first(here: Town, site: Site, person: Person, tmp_path: Path) -> None:
    file = tmp_path / "plekken.csv"
    rows = ["N-1;niemand;VR17;NLA;geheim;K1;twee;mannen;", "N-1;aanbieder;VR17;NLA;geheim;K2;1;=1+1;"]
    page = person(base_url=site(here, worker=False), width=390)
    log_in(page, "loket")
    file.write_bytes("\r\n".join((HEADS, *rows)).encode("cp1252"))
    choose(page, file)
    expect(page.get_by_role("alert")).to_be_focused()
    looks_right(page, "what is wrong")
    file.write_bytes(b"PK\x03\x04")
    choose(page, file)
    expect(page.get_by_role("alert")).to_contain_text("Dit bestand kunnen we niet lezen.")
    looks_right(page, "unreadable")
    rows = [f"N-1;aanbieder;VR17;NLA;geheim;K{number};2;mannen, vrouwen;" for number in range(4)]
    file.write_bytes("\r\n".join((HEADS, *rows)).encode())
    choose(page, file)
    expect(page.get_by_text("8 plekken erbij")).to_be_visible()
    looks_right(page, "new houses")
    page.get_by_role("button", name="Lees alles in").click()
    expect(page.get_by_text("Alles is ingelezen.")).to_be_visible()
    choose(page, file)
    expect(page.get_by_text("Alles staat er al zo.")).to_be_visible()
    looks_right(page, "nothing to change")
