"""The night on one screen, its calls, the morning's hand-over and the list on paper, without a browser."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader
from sqlmodel import col, select

from nrm.access.models import Organisation, ReadLog
from nrm.access.rules import OrganisationKind, Role
from nrm.course import queries as course
from nrm.handover.models import Handover, NightList, PhoneCall
from nrm.intake.models import PlacementRequest
from nrm.journal import JournalEntry
from nrm.notify.models import Message
from tests.access.cast import ACTORS, people
from tests.builders import Town, town
from tests.site import Visitor, tick

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
ROTTERDAM = "GM0599"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.duty_officer(), made.coordinator(), made.police(), made.provider()
    yield made
    made.database.close()


def code_of(here: Town, request_id: str) -> str:
    with here.database.reading() as tx:
        return tx.session.get_one(PlacementRequest, request_id).short_code


def phoned(here: Town) -> list[PhoneCall]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(PhoneCall).order_by(col(PhoneCall.at))))


def purposes(here: Town, account: str) -> list[str]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(ReadLog.purpose).where(ReadLog.account_id == here.accounts[account])))


def text_of(pdf: bytes, passphrase: str = "") -> tuple[str, PdfReader]:
    reader = PdfReader(io.BytesIO(pdf))
    if passphrase:
        assert reader.is_encrypted
        assert reader.decrypt(passphrase)
    return "\n".join(page.extract_text() for page in reader.pages), reader


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_call_is_two_taps_and_stands_on_the_console_and_the_case(here: Town) -> None:
    request_id, house = here.request(here.actor("police")), here.location()
    officer = Visitor(here, "piket")
    page = officer.get(f"/piket?voor={request_id}").text
    assert "U belt voor" in page
    fields = {"organisation": here.organisations["aanbieder"], "location": house, "voor": request_id, "soort": ""}
    form = page[page.index(f'id="belde-{house}"') :]
    for name, value in fields.items():
        assert f'name="{name}" value="{value}"' in form
    after = officer.after(officer.post("/piket/gebeld", result="no_answer", **fields))
    assert "Het gesprek staat in de lijst" in after
    (call,) = phoned(here)
    assert (call.result, call.location_id, call.request_id, call.at) == ("no_answer", house, request_id, here.clock.at)
    assert f"aanbieder (L-001): geen gehoor · voor {code_of(here, request_id)}" in plain(after).replace(
        " (L-001)", "(L-001)"
    ).replace("aanbieder(", "aanbieder (")
    case = plain(officer.get(f"/aanvragen/{request_id}").text)
    assert "1 keer gebeld" in case
    assert "geen gehoor" in case
    with here.database.reading() as tx:
        entry = tx.session.exec(select(JournalEntry).where(JournalEntry.kind == "call.noted")).one()
        assert (entry.subject, entry.topics) == (f"request:{request_id}", "calls")


@pytest.mark.parametrize(
    "wrong",
    [
        {"result": "says she lives at"},
        {"organisation": "org-comensha"},
        {"location": "nergens"},
        {"voor": "nergens"},
        {"organisation": "nergens"},
        {"result": ""},
    ],
)
def test_only_what_exists_in_a_code_is_written_down(here: Town, wrong: dict[str, str]) -> None:
    fields = {
        "organisation": here.organisations["aanbieder"],
        "location": here.location(),
        "voor": "",
        "result": "other",
    }
    answer = Visitor(here, "piket").post("/piket/gebeld", **{**fields, **wrong})
    assert answer.status_code in {303, 404}
    assert phoned(here) == []


def test_what_somebody_says_on_the_phone_changes_no_figure(here: Town) -> None:
    house = here.location()
    officer = Visitor(here, "piket")
    before = plain(officer.fragment("/bord/deel").text)
    for result in ("says_full", "says_free"):
        officer.post("/piket/gebeld", organisation=here.organisations["aanbieder"], location=house, result=result)
    assert len(phoned(here)) == 2
    assert plain(officer.fragment("/bord/deel").text) == before


def test_a_police_bed_is_two_taps_and_the_request_stays_open(here: Town) -> None:
    request_id = here.request(here.actor("coordinator-VR17"))
    officer = Visitor(here, "piket")
    assert f'href="/piket/noodbed/{request_id}"' in officer.get("/piket").text
    page = officer.get(f"/piket/noodbed/{request_id}").text
    assert f'name="municipality" value="{ROTTERDAM}"' in page
    assert "Amsterdam" not in page, "only the municipalities of the region"
    after = officer.after(officer.post(f"/piket/noodbed/{request_id}", municipality=ROTTERDAM, replaces=""))
    assert "Het noodbed is vastgelegd" in after
    with here.database.reading() as tx:
        live = course.live_bridge(tx, request_id)
        assert live is not None
        assert (live.kind, live.municipality_code) == ("police_bed", ROTTERDAM)
        assert tx.session.get_one(PlacementRequest, request_id).status == "open"
    assert "overbrugd: noodbed via de politie" in plain(officer.get("/piket").text)
    again = officer.after(officer.post(f"/piket/noodbed/{request_id}", municipality=ROTTERDAM, replaces=""))
    assert "Iemand heeft dit intussen gewijzigd" in again
    unknown = officer.after(officer.post(f"/piket/noodbed/{request_id}", municipality="GM9999", replaces=live.id))
    assert "Er klopt iets niet" in unknown


def test_the_bar_counts_what_asks_for_somebody(here: Town) -> None:
    here.request(here.actor("police"))
    here.clock.turn(minutes=61)
    tick(here)
    officer = Visitor(here, "piket")
    assert "Alarmen 1 Wacht 1 1 te laat" in plain(officer.fragment("/piket/balk").text)
    page = officer.get("/piket").text
    first, last = page.index('id="alarmen"'), page.index('id="bellijst"')
    assert page.index('id="balk"') < first < page.index('id="aanvragen"') < last, "what rings comes before all else"


def test_the_phones_of_everybody_stand_on_the_screen_of_the_night(here: Town) -> None:
    with here.database.transaction() as tx:
        tx.session.add(
            Organisation(id="pol", kind=OrganisationKind.POLICE, name="Politie X", region_code="VR17", phone="000 1")
        )
    page = plain(Visitor(here, "piket").get("/piket").text)
    assert "Politie X , Rotterdam-Rijnmond 000 1" in page
    assert "Nu in dienst: piket" in page


def test_coming_on_duty_shows_what_changed_since_ones_last_shift(here: Town) -> None:
    old = here.request(here.actor("coordinator-VR17"))
    here.clock.turn(minutes=5)
    officer = Visitor(here, "piket")
    officer.post("/piket/einde")
    here.clock.turn(hours=6)
    new = here.request(here.actor("police"))
    assert officer.get("/piket/sinds").status_code == 403, "not before the shift begins"
    officer.post("/piket/begin")
    page = plain(officer.get("/piket/sinds").text)
    assert code_of(here, new) in page
    assert "Aanvraag gedaan" in page
    for _ in range(3):
        officer.post("/piket/gebeld", organisation="org-aanbieder", result="no_answer", voor=new)
    assert "Gebeld (3 keer)" in plain(officer.get("/piket/sinds").text), "what happened again and again is one line"
    assert code_of(here, old) not in page
    assert "news" in purposes(here, "piket")


def morning(here: Town) -> str:
    """Let it become Monday nine o'clock. Returns the id of the one hand-over with cases."""
    tick(here)
    here.clock.at = MONDAY
    tick(here)
    with here.database.reading() as tx:
        return tx.session.exec(select(Handover.id).where(Handover.cases > 0)).one()


def test_the_region_reads_its_list_prints_it_and_takes_it(here: Town) -> None:
    asked = here.request(here.actor("police"))
    own = here.request(here.actor("coordinator-VR17"), urgency="planned")
    handover_id = morning(here)
    region, officer = Visitor(here, "coordinator-VR17"), Visitor(here, "piket")
    assert "Niet bevestigd 1" in plain(officer.get("/piket").text)
    page = region.get("/ochtend").text
    assert "Nog niet bevestigd" in page
    assert f'href="/aanvragen/{own}"' in page
    assert f'href="/aanvragen/{asked}"' not in page, "the desk still owns it"
    answer = region.get(f"/ochtend/{handover_id}/lijst.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    text, reader = text_of(answer.content)
    for request_id in (asked, own):
        assert code_of(here, request_id) in text
    assert "Rotterdam-Rijnmond" in text
    # Besides moments and codes, which may hold any digits.
    beside = re.sub(r"\d\d-\d\d-\d{4} \d\d:\d\d|" + "|".join(code_of(here, one) for one in (asked, own)), "", text)
    for fact in ("vrouw", "24", "CANARY", asked):
        assert fact not in beside, fact
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "nl"
    assert b"pdfuaid" in (reader.xmp_metadata.stream.get_data() if reader.xmp_metadata else b"")
    after = region.after(region.post(f"/ochtend/{handover_id}/bevestig"))
    assert "U heeft de overdracht bevestigd" in after
    assert region.get(f"/aanvragen/{asked}").status_code == 200
    assert "Niet bevestigd" not in plain(officer.get("/piket").text)
    again = region.after(region.post(f"/ochtend/{handover_id}/bevestig"))
    assert "Een collega heeft deze overdracht al bevestigd" in again
    assert purposes(here, "coordinator-VR17").count("handover") >= 6


def test_the_night_list_is_locked_holds_codes_only_and_ends(here: Town) -> None:
    request_id = here.request(
        here.actor("police"), needs=["wheelchair"], facts={"addiction": "yes"}, refuses_police=True
    )
    here.location(places=(2,)), here.location(places=(1,), confirmed_minutes_ago=60 * 40)
    officer = Visitor(here, "piket")
    assert "Waarom maakt u hem" in officer.get("/piket/noodlijst").text
    assert officer.post("/piket/noodlijst", reason="zomaar").status_code == 303
    page = officer.post("/piket/noodlijst", reason="outage").text
    found = re.search(r"\b\d{5} \d{5} \d{5} \d{5}\b", page)
    assert found is not None
    link = re.search(r'href="(/piket/noodlijst/[^"]+)"', page)
    assert link is not None
    answer = officer.get(link[1])
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    reader = PdfReader(io.BytesIO(answer.content))
    assert reader.is_encrypted
    assert not reader.decrypt("00000 00000 00000 00000")
    assert reader.trailer["/Encrypt"]["/R"] == 6, "AES-256"
    text, reader = text_of(answer.content, found[0])
    assert code_of(here, request_id) in text
    assert "L-001" in text
    assert "2 van 2 vrij" in text
    assert "misschien 1 van 1 vrij, bel eerst" in " ".join(text.split()), "an old figure is never free"
    for page_of in reader.pages:
        assert "Geldig tot 22-11-2026 23:40" in page_of.extract_text()
    for secret in ("CANARY", "Verzonnenlaan", request_id, "rolstoel", "verslaving", "24 jaar"):
        assert secret not in text, secret
    with here.database.reading() as tx:
        kept = tx.session.exec(select(NightList)).one()
        assert kept.file is not None
        assert found[0].encode() not in kept.file
        journal = " ".join(entry.data for entry in tx.session.exec(select(JournalEntry)))
        assert found[0] not in journal
    assert purposes(here, "piket").count("night_list") == 1
    assert purposes(here, "piket").count("outage") == 1
    assert officer.get(link[1]).status_code == 200
    assert purposes(here, "piket").count("outage") == 2, "each time it is fetched is on record"
    here.account("collega", Role.DUTY_OFFICER, here.organisations["comensha"])
    colleague = Visitor(here, "collega")
    colleague.post("/piket/begin")
    assert colleague.get(link[1]).status_code == 404
    here.clock.turn(hours=24)
    tick(here)
    assert officer.get(link[1]).status_code in {401, 303, 404}
    with here.database.reading() as tx:
        assert tx.session.exec(select(NightList)).one().file is None, "the file is gone, that it was made is not"


def test_every_evening_the_desk_is_asked_to_make_its_list_once(here: Town) -> None:
    tick(here)
    for _ in range(6):
        here.clock.turn(hours=6)
        tick(here)
        tick(here)
    with here.database.reading() as tx:
        sent = list(tx.session.exec(select(Message).where(col(Message.about).startswith("night_list:"))))
    assert [(message.recipient, message.queued_at) for message in sent] == [
        ("comensha@example.org", datetime(2026, 11, 22, 16, 40, tzinfo=UTC))
    ]
    assert "/piket/noodlijst" in sent[0].body


PAGES: dict[str, set[str]] = {
    "/piket/balk": {"coordinator", "other_coordinator", "duty", "desk"},
    "/piket/gesprekken": {"coordinator", "other_coordinator", "duty", "desk"},
    "/piket/sinds": {"coordinator", "other_coordinator", "duty", "desk"},
    "/piket/noodlijst": {"duty", "desk"},
    "/ochtend": {"coordinator", "other_coordinator", "duty", "desk", "regional", "other_regional"},
    "/ochtend/deel": {"coordinator", "other_coordinator", "duty", "desk", "regional", "other_regional"},
}


def test_who_may_open_which_page(sqlite_url: str) -> None:
    """Written from who works at night; whoever is not named is refused, a duty officer off shift too."""
    made = town(sqlite_url)
    people(made)
    visitors = {name: Visitor(made, login) for name, login in ACTORS.items()}
    wrong = [
        f"{name} {path}: {status}"
        for path, allowed in PAGES.items()
        for name, visitor in visitors.items()
        for status in (visitor.get(path).status_code,)
        if status != (200 if name in allowed else 403)
    ]
    assert wrong == []
    for name, visitor in visitors.items():
        for path in ("/piket/gebeld", "/piket/noodlijst", "/ochtend/nergens/bevestig", "/piket/noodbed/nergens"):
            status = visitor.post(path, result="other", reason="practice").status_code
            if status not in {403, 404}:
                assert name in {"duty", "desk", "coordinator", "other_coordinator"}, (name, path, status)
    made.database.close()
