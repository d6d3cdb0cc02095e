"""Shortage statements as people get them: the page, the files, who may, and what stands around them."""

import io
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlmodel import select

from nrm import journal, policy
from nrm.access.rules import OrganisationKind, Role
from nrm.exchange.sheets import write_book, write_csv
from nrm.insight import service, stating
from nrm.insight.models import StatementVersion
from nrm.intake.rules import Outcome
from nrm.placing.models import ContinuityCount
from tests.builders import Town, TurnedClock, town
from tests.insight.play import close
from tests.insight.test_statement import DUE, MONDAY
from tests.site import Visitor
from tests.web.test_watching_pages import cells
from web.statement_paper import csv
from web.statement_words import shown
from web.words import words


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url, TurnedClock(MONDAY))
    made.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    made.person(Role.MINISTRY, OrganisationKind.MINISTRY)
    made.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    made.person(Role.RAPPORTEUR, OrganisationKind.RAPPORTEUR)
    made.provider()
    yield made
    made.database.close()


def october(here: Town) -> str:
    """October of Rotterdam, as its statement has it. Returns the id."""
    coordinator = here.coordinator()
    found = [here.request(coordinator) for _ in range(22)]
    here.match()
    service.keep(here.database)
    for request_id in found[:11]:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    here.clock.at = DUE
    for _ in range(2):
        service.keep(here.database)
    assert stating.make_due(here.database, "http://127.0.0.1") == 25
    with here.database.reading() as tx:
        query = select(StatementVersion.id).where(StatementVersion.region_code == "VR17")
        return tx.session.exec(query).one()


def test_the_page_and_its_files_say_the_same(here: Town) -> None:
    statement_id = october(here)
    ministry = Visitor(here, Role.MINISTRY)
    listed = ministry.get("/landelijk/tekort").text
    assert f'href="/landelijk/tekort/{statement_id}"' in listed
    assert "/landelijk/oorzaken" not in listed, "nothing live for a ministry"
    page = ministry.get(f"/landelijk/tekort/{statement_id}").text
    assert "Tekortoverzicht oktober 2026, Rotterdam-Rijnmond" in page
    assert "Er kwamen ongeveer 20 aanvragen binnen; ongeveer 10 eindigden zonder plek van hier." in page
    assert "Dit is niet de hele periode: hier wordt pas sinds 5 oktober 2026 iets bijgehouden." in page
    assert "toen hielden 0 van 0 huizen hun stand bij" in page, "no number of places without its coverage"
    assert cells(page, "demand-waiting") == ["wachtten nog", "10"]
    little = "te weinig om te zeggen"
    assert cells(page, "times-answer") == ["een eerste antwoord, een plek, aankomst", little, little]
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page
    assert "Maak een verbeterde versie" not in page
    files = {
        ending: ministry.get(f"/landelijk/tekort/{statement_id}/overzicht.{ending}")
        for ending in ("pdf", "xlsx", "csv")
    }
    assert all(answer.status_code == 200 for answer in files.values())
    assert 'filename="tekortoverzicht-2026-10-vr17-v1.csv"' in files["csv"].headers["content-disposition"]

    pdf = PdfReader(io.BytesIO(files["pdf"].content))
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Tekortoverzicht oktober 2026, Rotterdam-Rijnmond"
    root = pdf.trailer["/Root"].get_object()
    assert root["/Lang"] == "nl"
    assert root["/MarkInfo"]["/Marked"] is not None
    said = " ".join(" ".join(one.extract_text() for one in pdf.pages).split())
    assert "ongeveer 10 eindigden zonder plek" in said
    assert "Dit is niet de hele periode" in said
    assert "wachtten nog" in said

    book = load_workbook(io.BytesIO(files["xlsx"].content))
    assert book.sheetnames[:3] == ["Over dit overzicht", "Aanvragen", "Zonder plek"]
    rows = [tuple(cell.value for cell in row[:2]) for row in book["Aanvragen"].iter_rows()]
    assert rows[:4] == [
        ("Hoe het ging", "Aanvragen"),
        ("Alle aanvragen", 20),
        ("eindigden zonder plek van hier", 10),
        ("wachtten nog", 10),
    ]
    lines = files["csv"].content.decode("utf-8-sig").splitlines()
    assert lines[0] == "Overzicht;Tabel;Regel;Kolom;Getal;Geteld in;In woorden"
    assert any(";wachtten nog;Aanvragen;10;aanvragen;10" in line for line in lines)
    english = Visitor(here, Role.MINISTRY)
    english.client.cookies.set("lang", "en")
    assert "Shortage statement October 2026" in english.get(f"/landelijk/tekort/{statement_id}").text


def test_lines_that_say_the_same_are_read_as_one_and_kept_apart_in_a_file(here: Town) -> None:
    for region in ("VR17", "VR17", "VR17", "VR13", "VR01"):
        here.location(region=region, places=(2,))
    here.request(here.coordinator())
    page = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/tekort/nu").text
    assert cells(page, "capacity-VR17")[:2] == ["Rotterdam-Rijnmond", "6"]
    few = "niet genoemd: minder dan 3 huizen"
    assert cells(page, "capacity-VR01") == ["Groningen, Amsterdam-Amstelland", few, "geen minimum afgesproken", "–"]
    with here.database.reading() as tx:
        said = stating.provisional(tx, "")
    lines = csv(words("nl"), shown(words("nl"), said, {}, "voorlopig"), "").decode("utf-8-sig")
    assert lines.count(few) == 2


def test_the_whole_country_comes_first(here: Town) -> None:
    of_month = october(here)
    with here.database.transaction() as tx:
        row = tx.session.get_one(StatementVersion, of_month)
        kept = row.model_dump() | {"id": "kwartaal", "kind": "quarterly", "region_code": "", "since": date(2026, 7, 1)}
        tx.session.add(StatementVersion(**kept))
    page = Visitor(here, Role.MINISTRY).get("/landelijk/tekort").text
    assert re.findall(r'id="periode-(\w+)-[^"]*"( open)?', page) == [("quarterly", " open"), ("monthly", "")]


def test_nothing_in_a_file_is_ever_a_formula() -> None:
    """A name that begins as a formula does stays a text, in the workbook and in the csv file."""
    evil = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1"]
    book = load_workbook(io.BytesIO(write_book("t", "nl", [("een", [["kop"], *([one] for one in evil), [-4]])])))
    found = list(book["een"].iter_rows(min_row=2, max_col=1))
    assert [row[0].data_type for row in found] == ["s"] * len(evil) + ["n"]
    assert [row[0].value for row in found] == [*evil, -4]
    lines = write_csv([[one] for one in evil]).decode("utf-8-sig").splitlines()
    assert all(line.lstrip('"').startswith("'") for line in lines)


def test_who_may_and_what_is_not_there_for_others(here: Town) -> None:
    statement_id = october(here)
    municipality = Visitor(here, Role.MUNICIPALITY)
    with here.database.reading() as tx:
        other = next(row.id for row in tx.session.exec(select(StatementVersion)) if row.region_code == "VR13")
    for ending in ("", "/overzicht.pdf", "/overzicht.xlsx", "/overzicht.csv"):
        assert municipality.get(f"/landelijk/tekort/{statement_id}{ending}").status_code == 200
        assert municipality.get(f"/landelijk/tekort/{other}{ending}").status_code == 404
        assert municipality.get(f"/landelijk/tekort/niet-daar{ending}").status_code == 404
        for nobody in (Role.RAPPORTEUR, "aanbieder", "coordinator-VR17"):
            assert Visitor(here, nobody).get(f"/landelijk/tekort/{statement_id}{ending}").status_code == 403
    assert municipality.post(f"/landelijk/tekort/{statement_id}/verbeteren", reason="was_wrong").status_code == 403
    assert "minder dan 10 aanvragen" in municipality.get("/landelijk/tekort/nu?regio=VR17").text
    assert Visitor(here, Role.MINISTRY).get("/landelijk/tekort/nu").status_code == 404
    assert municipality.get("/landelijk/tekort/nu?regio=VR13").text.count("Rotterdam-Rijnmond"), (
        "one's own, whatever is asked"
    )
    assert "heel Nederland" not in municipality.get("/landelijk/tekort/nu").text, "nor the country's while it changes"


def test_a_correction_is_seen_on_the_old_one_and_refused_when_nothing_changed(here: Town) -> None:
    statement_id = october(here)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    path = f"/landelijk/tekort/{statement_id}"
    assert "Klopt er iets niet?" in nac.get(path).text
    same = nac.after(nac.post(f"{path}/verbeteren", reason="was_wrong"))
    assert "precies hetzelfde" in same
    coordinator = here.coordinator()
    with here.database.reading() as tx:
        waiting = [one.id for one in stating.queries.intake.unplaced(tx)]
    for request_id in waiting:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    here.clock.turn(minutes=1)
    service.keep(here.database)
    done = nac.after(nac.post(f"{path}/verbeteren", reason="entered_late"))
    assert "Er is een verbeterde versie." in done
    assert "versie 2, verbeterd: er is later nog iets ingevoerd" in done
    old = nac.get(path).text
    assert "Dit is een oudere versie." in old
    assert cells(old, "demand-waiting") == ["wachtten nog", "10"]


def test_hearing_of_them(here: Town) -> None:
    municipality = Visitor(here, Role.MUNICIPALITY)
    page = municipality.get("/landelijk/tekort").text
    assert re.findall(r'<option value="([^"]*)"', page.split("kop-berichten")[-1]) == ["quarterly-land", "monthly-VR17"]
    assert "U krijgt bericht" in municipality.after(
        municipality.post("/landelijk/tekort/berichten", which="monthly-VR17")
    )
    assert 'id="hoort-monthly-VR17"' in municipality.get("/landelijk/tekort").text
    assert municipality.post("/landelijk/tekort/berichten", which="monthly-VR13").status_code in {303, 404}
    assert 'id="hoort-monthly-VR13"' not in municipality.get("/landelijk/tekort").text
    municipality.post("/landelijk/tekort/berichten/stop", which="monthly-VR17")
    assert 'id="hoort-monthly-VR17"' not in municipality.get("/landelijk/tekort").text


def test_the_minimum_and_the_distance_to_it(here: Town) -> None:
    for region, places in (("VR17", 5), ("VR13", 2)):
        here.location(region=region, places=(places,))
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    assert "Er is nog geen minimum afgesproken." in nac.get("/landelijk/minimum").text
    with here.database.transaction() as tx:
        policy.write(tx, policy.Capacity(places_min={"VR17": 4, "VR13": 6, "VR01": 1}), "afgesproken")
    page = nac.get("/landelijk/minimum").text
    assert "Samen 5 plekken te weinig" in page
    assert cells(page, "minimum-VR17")[1:4] == ["5", "4", "gehaald, 1 erboven"]
    assert cells(page, "minimum-VR13")[1:4] == ["2", "6", "4 te weinig"]
    assert cells(page, "minimum-VR02")[1:4] == ["0", "geen", "–"]
    own = Visitor(here, Role.MUNICIPALITY).get("/landelijk/minimum").text
    assert "minimum-VR13" not in own
    assert Visitor(here, Role.MINISTRY).get("/landelijk/minimum").status_code == 403


def test_what_a_room_is_good_at_is_shown_by_whose_word(here: Town) -> None:
    here.location(places=(1,))
    provider, nac = Visitor(here, "aanbieder"), Visitor(here, Role.NATIONAL_COORDINATOR)
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    here.match()
    chooses = Visitor(here, coordinator.name)
    assert "nagekeken" not in chooses.get(f"/aanvragen/{request_id}").text, "of a room nobody spoke of nothing is said"
    said = provider.after(provider.post("/kwaliteit/loc-1-u1", expertise=["trauma", "men"], norm="Norm 3", known=""))
    assert "zelf gezegd, niet nagekeken" in said
    assert "trauma, mannen · norm: Norm 3" in re.sub(r"\s+", " ", said)
    assert "gecontroleerd op" not in said
    assert "zelf gezegd, niet nagekeken" in chooses.get(f"/aanvragen/{request_id}").text
    seen = nac.get("/kwaliteit").text
    assert "aanbieder" not in seen
    assert "L-001" in seen
    without_a_day = nac.post("/kwaliteit/loc-1-u1", expertise=["trauma"], norm="Norm 3", known="")
    assert (without_a_day.status_code, 'id="e-checked_on"' in without_a_day.text) == (400, True)
    checked = nac.after(nac.post("/kwaliteit/loc-1-u1", expertise=["trauma"], checked_on="2026-10-01", known=""))
    assert "gecontroleerd op 01-10-2026" in checked
    assert "zelf gezegd, niet nagekeken" in checked, "both stay"
    card = chooses.get(f"/aanvragen/{request_id}").text
    assert "gecontroleerd op 01-10-2026" in card
    assert "zelf gezegd" not in card, "whoever chooses reads what was checked, where somebody looked"
    late = provider.post("/kwaliteit/loc-1-u1", expertise=["trauma"], known="")
    assert late.status_code == 409, "the form was made before the first word"
    here.provider("ander")
    assert Visitor(here, "ander").get("/kwaliteit/loc-1-u1").status_code == 404
    assert Visitor(here, Role.MUNICIPALITY).get("/kwaliteit").status_code == 403


def test_what_somebody_says_when_they_leave_is_counted_and_kept_of_nobody(here: Town) -> None:
    here.location(region="VR17", places=(2,))
    coordinator, provider = here.coordinator(), here.provider()
    stays = [here.placed(coordinator, provider)[1] for _ in range(2)]
    visitor = Visitor(here, "aanbieder")
    for stay_id in stays:
        visitor.post(f"/opvang/verblijf/{stay_id}/aangekomen", version="1")
    form = visitor.get(f"/verblijf/{stays[0]}").text
    assert "loopt de hulp door?" in form
    assert "bewaren niet van wie het is" in form
    left = {"destination": "own_home", "version": "2"}
    assert visitor.post(f"/verblijf/{stays[0]}/vertrek", **left, continuity="onzin").status_code == 400
    visitor.post(f"/verblijf/{stays[0]}/vertrek", **left, continuity="partly")
    visitor.post(f"/verblijf/{stays[1]}/vertrek", **left, continuity="")
    with here.database.reading() as tx:
        (row,) = tx.session.exec(select(ContinuityCount)).all()
        assert (row.region_code, row.month, row.answer, row.answers) == ("VR17", date(2026, 10, 1), "partly", 1)
        entries = journal.after(tx.session, 0, 1000)
    assert [entry.data for entry in entries if entry.kind == "continuity.answered"] == ["{}"]
    assert not [entry for entry in entries if "partly" in entry.data]


def test_before_and_after(here: Town) -> None:
    """Thirty days: eleven without a place before, eleven after; who asked this week is not judged yet."""
    coordinator = here.coordinator()
    first = [here.request(coordinator) for _ in range(11)]
    here.match()
    for request_id in first:
        close(here, coordinator, request_id, Outcome.NO_PLACE)
    here.clock.turn(days=14)
    for _ in range(12):
        here.request(coordinator)
    here.match()
    here.clock.turn(days=10)
    here.request(coordinator)
    for _ in range(2):
        service.keep(here.database)
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    begins = (MONDAY + timedelta(days=10)).date()
    assert nac.post("/landelijk/vergelijken", name="", region="", days="91").status_code == 400
    page = nac.after(
        nac.post("/landelijk/vergelijken", name="Proef nachtdesk", region="VR17", begins_on=str(begins), days="28")
    )
    assert "Proef nachtdesk" in page
    assert "7 dagen" in page, "fourteen days on, less a week to follow each; as long before"
    assert cells(page, "demand-all") == ["Alle aanvragen", "minder dan 10", "10"]
    here.clock.turn(days=7)
    path = re.search(r"/landelijk/vergelijken/([\w-]+)/weg", page)
    assert path is not None
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    later = nac.get(f"/landelijk/vergelijken/{path[1]}").text
    assert cells(later, "demand-all") == ["Alle aanvragen", "10", "10"]
    assert cells(later, "demand-ended") == ["eindigden zonder plek van hier", "10", "0"]
    assert cells(later, "demand-waiting") == ["wachtten nog", "0", "10"]
    municipality = Visitor(here, Role.MUNICIPALITY)
    assert "Proef nachtdesk" in municipality.get("/landelijk/vergelijken").text
    assert municipality.post(f"/landelijk/vergelijken/{path[1]}/weg").status_code == 403
    # A rounded number that moves each day is exact on the day it changes: whoever has no live numbers waits.
    address = f"/landelijk/vergelijken/{path[1]}"
    assert "demand-all" in municipality.get(address).text
    unseen = Visitor(here, Role.MINISTRY).get(address).text
    assert "Nog niet te zien" in unseen
    assert "demand-all" not in unseen
    here.clock.turn(days=28)
    assert "demand-all" in Visitor(here, Role.MINISTRY).get(address).text
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    assert "Er staat nog geen vergelijking." in nac.after(nac.post(f"/landelijk/vergelijken/{path[1]}/weg"))


LIVE = ("", "/oorzaken", "/tijden", "/stromen", "/regels", "/onbenut", "/oplossen", "/minimum", "/tekort/nu")


def test_of_what_happens_elsewhere_a_region_sees_nothing_from_one_day_to_the_next(here: Town) -> None:
    """Yesterday's pages beside today's: whoever sees one region live cannot take another's numbers from them."""
    here.location(region="VR17", places=(2,))
    here.location(region="VR13", places=(4,))
    here.request(here.coordinator())
    here.match()
    service.keep(here.database)
    municipality = Visitor(here, Role.MUNICIPALITY)

    def numbers() -> dict[str, list[str]]:
        found = {path: municipality.get(f"/landelijk{path}") for path in LIVE}
        assert {answer.status_code for answer in found.values()} == {200}
        cell = re.compile(r"<(?:td|th|dd)\b[^>]*>(.*?)</(?:td|th|dd)>", re.DOTALL)
        return {path: cell.findall(answer.text) for path, answer in found.items()}

    before = numbers()
    elsewhere = here.coordinator("VR13")
    for _ in range(12):
        here.request(elsewhere, region="VR13")
    here.match()
    service.keep(here.database)
    assert numbers() == before
    here.request(here.coordinator())
    service.keep(here.database)
    after = numbers()
    assert [path for path in LIVE if after[path] != before[path]], "its own it does see"
