"""The roster and office hours as people keep them: plan, swap, take over, read an agenda, and one's own feed."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from nrm.access.rules import OrganisationKind, Role
from tests.browser import Person
from tests.builders import Town, town
from tests.roster.people import line, officer, plan, recur
from tests.site import Site, Visitor, log_in, tick
from tests.web.test_answering_browser import looks_right

ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//elsewhere//EN\r
BEGIN:VEVENT\r
UID:one\r
DTSTAMP:20261101T000000Z\r
DTSTART;TZID=Europe/Amsterdam:20261125T170000\r
DTEND;TZID=Europe/Amsterdam:20261126T090000\r
SUMMARY:Anna\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:two\r
DTSTAMP:20261101T000000Z\r
DTSTART:20261127T160000Z\r
DTEND:20261128T080000Z\r
SUMMARY:Wie dan ook\r
END:VEVENT\r
END:VCALENDAR\r
"""


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk()
    officer(made, "anna")
    officer(made, "bert")
    yield made
    made.database.close()


def action(page: str, ends: str) -> str:
    """Where the form on a page goes whose action ends like this."""
    found = re.search(rf'action="([^"]*/{ends})"', page)
    assert found, ends
    return found[1]


def upload(visitor: Visitor, path: str, content: bytes, **fields: str) -> Any:
    return visitor.client.post(
        path, data={"csrf_token": visitor.csrf, **fields}, files={"file": ("rooster.ics", content, "text/calendar")}
    )


def test_a_roster_from_nothing_to_one_that_people_swap(here: Town) -> None:
    desk, anna, bert = (Visitor(here, login) for login in ("loket", "anna", "bert"))
    assert "Er is nog geen rooster" in desk.get("/rooster").text
    made = desk.post("/rooster/lijn", role="duty_officer", region="nl", cover="always", ranks="1")
    assert "Plan nu wie er staat" in desk.after(made)
    tick(here)
    page = desk.get("/rooster").text
    assert "1 gat" in page
    assert "Hier hoort nu iemand te staan, en er staat niemand." in page
    base = re.search(r"/rooster/lijn/[^\"?]+", page)
    assert base
    at = base[0]

    # Anna tonight. First without a moment, then twice, then on purpose in her place.
    said = {
        "account": here.accounts["anna"],
        "rank": "1",
        "starts_at": "2026-11-21T17:00",
        "ends_at": "2026-11-22T09:00",
    }
    wrong = desk.post(f"{at}/plannen", **{**said, "starts_at": "straks", "ends_at": ""})
    assert wrong.status_code == 400
    assert "Schrijf dag en tijd" in wrong.text
    assert "De dienst is gepland" in desk.after(desk.post(f"{at}/plannen", **said))
    taken = desk.post(f"{at}/plannen", **{**said, "account": here.accounts["bert"]})
    assert (taken.status_code, "Daar staat al iemand" in taken.text) == (409, True)
    page = desk.get(at).text
    assert "ingeroosterd, nog niet gestart" in page
    anna.post("/piket/begin")
    assert "nog niet gestart" not in desk.get(at).text

    # Bert takes over now; Anna is free of it.
    page = bert.get(at).text
    assert "U staat nu in het rooster" in bert.after(bert.post(action(page, "overnemen")))
    assert "vandaag 23:40 – morgen 09:00" in bert.get("/rooster/mijn").text
    assert "morgen 09:00" not in anna.get("/rooster/mijn").text

    # An agenda is read; again it plans nothing twice.
    loaded = upload(desk, "/rooster/inlezen", ICS.encode(), line=at.rpartition("/")[2], rank="1").text
    assert "1 dienst gepland" in loaded
    assert "Wie dan ook" in loaded
    assert "1 stond er al" in upload(desk, "/rooster/inlezen", ICS.encode(), line=at.rpartition("/")[2], rank="1").text
    for content in (b"", b"\xff\xfe", b"niets", b"x" * (300 * 1024)):
        answer = upload(desk, "/rooster/inlezen", content, line=at.rpartition("/")[2], rank="1")
        assert answer.status_code in {400, 413}
        assert 'role="alert"' in answer.text

    # Anna offers that one, Bert takes it, and for Anna it is gone.
    mine = anna.get("/rooster/mijn").text
    assert "wo 25 nov 17:00" in mine
    assert "Tot iemand hem neemt" in anna.after(anna.post(action(mine, "ruil")))
    offered = bert.get("/rooster/mijn").text
    assert "bieden ruil aan" in offered
    assert "De dienst is nu van u" in bert.after(bert.post(action(offered, "nemen")))
    assert "wo 25 nov" not in anna.get("/rooster/mijn").text
    assert "Een collega was u net voor" in anna.after(anna.post(action(offered, "nemen")))


def test_a_feed_is_shown_once_read_without_a_login_and_revoked(here: Town) -> None:
    plan(here, line(here), here.accounts["anna"], (24, 32))
    anna = Visitor(here, "anna")
    made = anna.post("/rooster/mijn/agenda")
    found = re.search(r"https?://[^<]*/rooster/agenda/[^<]*\.ics", made.text)
    assert found
    assert (made.headers["cache-control"], made.headers["referrer-policy"]) == ("no-store", "no-referrer")
    token = found[0].rpartition("/")[2].removesuffix(".ics")
    assert token not in anna.get("/rooster/mijn").text, "never again"
    path = f"/rooster/agenda/{token}.ics"
    stranger = Visitor(here, "bert")
    stranger.client.cookies.clear()
    answer = stranger.get(path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "SUMMARY:Piketdienst landelijk (eerste)" in answer.text
    assert stranger.get("/rooster/agenda/nooit.ics").status_code == 404
    assert "werkt niet meer" in anna.after(anna.post("/rooster/mijn/agenda/weg"))
    assert stranger.get(path).status_code == 404


def test_recurring_shifts_deputies_and_gaps(here: Town) -> None:
    national = line(here)
    desk, bert, at = Visitor(here, "loket"), Visitor(here, "bert"), f"/rooster/lijn/{national}"
    anna = here.accounts["anna"]
    said = {"rank": "1", "starts": "17:00", "ends": "09:00", "turn_days": "7", "valid_from": "21-11-2026"}
    wrong = desk.post(f"{at}/vast", **said)
    assert wrong.status_code == 400
    assert "Kies wie er om de beurt staan" in wrong.text
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    turns = {"person_0": anna, "person_1": here.accounts["bert"]}
    assert "staat in het rooster" in desk.after(desk.post(f"{at}/vast", weekdays=days, **said, **turns))
    assert "Om de beurt: anna, bert; elke week" in re.sub(r"\s+", " ", desk.get(f"{at}/vast").text)
    tick(here)
    page = desk.get(f"{at}?dagen=31").text
    assert page.count("roster__slot--gap") >= 29
    # Bert fills a day that is empty.
    assert "U staat hier nu" in bert.after(bert.post(action(bert.get("/rooster/mijn").text, 'gat/[^/"]+')))
    assert "De vervanger staat erbij" in desk.after(desk.post(f"{at}/vervanger", account=anna, place="1"))
    page = desk.get(at).text
    assert "1. anna" in page
    assert "niet meer bij" in desk.after(desk.post(action(page, 'vervanger/[^/"]+/einde')))
    assert "gestopt" in desk.after(desk.post(action(desk.get(f"{at}/vast").text, 'vast/[^/"]+/einde')))
    assert "buiten kantooruren" in desk.get(at).text
    assert "is bewaard" in desk.after(desk.post(f"{at}/bezetting", cover="after_hours", ranks="2"))
    assert "beëindigd" in desk.after(desk.post(f"{at}/einde"))
    assert desk.get(at).status_code == 404


def test_a_region_says_who_does_what(here: Town) -> None:
    here.account(
        "regie", Role.COORDINATOR_REGIONAL, here.organisation("keten", OrganisationKind.CHAIN_DIRECTION, "VR09")
    )
    regional, bert = Visitor(here, "regie"), Visitor(here, "bert")
    said = {
        "task": "mandate",
        "organisation": "org-keten",
        "note": "wijst een crisisbed aan",
        "valid_from": "2026-11-21",
    }
    assert "Vastgelegd" in regional.after(regional.post("/rooster/regio/VR09", **said))
    assert "wijst een crisisbed aan" in bert.get("/rooster/regio/VR09").text
    assert regional.post("/rooster/regio/VR17", **said).status_code == 404
    assert regional.get("/rooster/regio/VR17").status_code == 404
    assert bert.post("/rooster/regio/VR09", **said).status_code == 403
    page = regional.get("/rooster/regio/VR09").text
    assert "geldt niet meer" in regional.after(regional.post(action(page, 'VR09/[^/"]+/einde')))
    wrong = regional.post("/rooster/regio/VR09", **{**said, "valid_from": "ooit"})
    assert (wrong.status_code, "Schrijf een datum" in wrong.text) == (400, True)


def test_office_hours_are_kept_by_whose_they_are(here: Town) -> None:
    provider = here.provider()
    here.person(Role.ADMIN, OrganisationKind.OPERATIONS)
    visitor, admin, at = Visitor(here, "aanbieder"), Visitor(here, "admin"), f"/kantooruren/{provider.organisation_id}"
    page = visitor.get("/kantooruren").text
    assert "Het is nu geen kantoortijd" in page
    assert "Weer vanaf ma 23 nov 09:00" in page
    hours = {"valid_from": "2026-11-01", "opens_sat": "20:00", "closes_sat": "00:00"}
    assert "zijn bewaard" in visitor.after(visitor.post(at, **hours))
    page = visitor.get(at).text
    assert "Het is nu kantoortijd" in page
    assert "Tot morgen 00:00" in page
    wrong = visitor.post(at, **{**hours, "opens_sun": "kwart over"})
    assert (wrong.status_code, "Schrijf van en tot als 09:00" in wrong.text) == (400, True)
    holidays = visitor.post(f"{at}/feestdagen", holidays=["good_friday"])
    assert "De feestdagen zijn bewaard" in visitor.after(holidays)
    closed = {"from_at": "2026-11-21T23:00", "until_at": "2026-11-22T01:00", "reason": "training"}
    assert "De sluiting is bewaard" in visitor.after(visitor.post(f"{at}/sluiting", **closed))
    page = visitor.get(at).text
    assert "Het is nu geen kantoortijd" in page
    assert "scholing" in page
    for ends, words in (('sluiting/[^/"]+/weg', "gaat niet door"), ('uren/[^/"]+/weg', "gelden niet meer")):
        assert words in visitor.after(visitor.post(action(visitor.get(at).text, ends)))
    assert "aanbieder" in admin.get("/kantooruren").text
    assert admin.get(at).status_code == 200
    assert visitor.get("/kantooruren/org-comensha").status_code == 404


def test_the_screens_look_right(here: Town, site: Site, person: Person) -> None:
    national = line(here, ranks=2)
    recur(here, national, starts="17:00", ends="09:00", people=[here.accounts["anna"], here.accounts["bert"]])
    tick(here)
    address, at = site(here, worker=False), f"/rooster/lijn/{national}"
    office = ("/rooster/inlezen", "/rooster/regio/VR09", "/kantooruren")
    for login, paths in {
        "loket": ("/rooster", at, f"{at}/plannen", f"{at}/vast", *office),
        "anna": ("/rooster/mijn", at),
    }.items():
        page = person(base_url=address, width=390)
        log_in(page, login)
        for path in paths:
            page.goto(path)
            looks_right(page, f"{login} {path}")
