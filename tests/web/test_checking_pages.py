"""A provider's start page and the link in a reminder, without a browser: what a day asks for, and who may say so."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time

import pytest
from sqlmodel import select

from nrm import journal
from nrm.placing import queries as placing
from nrm.placing import staying
from nrm.placing.rules import StayStatus
from nrm.registry import asking
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.models import Asking
from nrm.registry.rules import Basis, FreshnessBand, Stance
from tests.builders import Town, town
from tests.client import Calls
from tests.registry.test_asking import by_link, figures, messages
from tests.site import HOST, Visitor, application

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "https://nrm.example"


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.clock.at = MONDAY
    made.provider()
    yield made
    made.database.close()


def stay(here: Town, place_id: str, leaves: str | None) -> str:
    provider = here.provider()
    day = datetime.fromisoformat(leaves).date() if leaves else None
    with here.database.transaction(provider.account_id) as tx:
        return staying.occupy(tx, provider, place_id, day).id


# --- the start page -------------------------------------------------------------------------------------------------


def test_who_leaves_today_or_should_have_left_can_go_or_stay_in_two_taps(here: Town) -> None:
    house = here.location(places=(1, 1, 1))
    overdue, later, nobody = (
        stay(here, f"{house}-u{n}-p1", day) for n, day in enumerate(("2026-11-23", "2026-11-25", None), 1)
    )
    here.clock.turn(days=1)
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/opvang").text
    assert f'id="vertrekt-{overdue}"' in page
    assert "over tijd" in page
    assert later not in page
    assert f'id="vertrekt-{nobody}"' not in page
    version = {"version": 1}
    after = visitor.after(visitor.post(f"/opvang/verblijf/{overdue}/verwacht-vertrek", days="3", **version))
    assert "Het verwachte vertrek is bewaard." in after
    assert overdue not in after
    with here.database.reading() as tx:
        assert str(placing.stay(tx, overdue).expected_departure) == "2026-11-27"
    stale = visitor.after(visitor.post(f"/opvang/verblijf/{overdue}/verwacht-vertrek", days="7", **version))
    assert "Iemand heeft dit intussen gewijzigd" in stale
    visitor.after(visitor.post(f"/opvang/verblijf/{overdue}/verwacht-vertrek", days="unknown", version=2))
    with here.database.reading() as tx:
        assert placing.stay(tx, overdue).expected_departure is None
    here.clock.turn(days=1)
    visitor = Visitor(here, "aanbieder")  # yesterday's session is over
    assert later in visitor.get("/opvang").text
    gone = visitor.after(visitor.post(f"/opvang/verblijf/{later}/vertrek", destination="family", **version))
    assert later not in gone
    with here.database.reading() as tx:
        assert placing.stay(tx, later).status == StayStatus.DEPARTED


@pytest.mark.parametrize(
    ("day", "says"),
    [("2026-11-22", "Deze dag is al voorbij."), ("ooit", "Schrijf een datum"), ("2036-01-01", "binnen een jaar")],
)
def test_a_wrong_day_comes_back_as_typed(here: Town, day: str, says: str) -> None:
    house = here.location(places=(1,))
    staying = stay(here, f"{house}-u1-p1", "2026-11-25")
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/verblijf/{staying}/verwacht-vertrek"
    answer = visitor.post(at, day=day, version=1, place=f"{house}-u1-p1")
    assert answer.status_code == 400
    assert says in answer.text
    assert f'value="{day}"' in answer.text


def test_free_is_counted_per_kind_and_never_surer_than_it_is(here: Town) -> None:
    here.location(places=(2,), sexes=("f",))
    here.location(places=(3,), sexes=("m",), children=False, confirmed_minutes_ago=60 * 40)
    page = Visitor(here, "aanbieder").get("/opvang").text
    rows = dict(re.findall(r'<li id="soort-([\w-]+)">(.*?)</li>', page, re.DOTALL))
    counted = {kind: re.findall(r"(\d+) (\w+)", row) for kind, row in rows.items()}
    assert counted == {
        "MUNICIPAL-f-children": [("2", "vrij")],
        "MUNICIPAL-m-alone": [("0", "vrij"), ("3", "nakijken")],
    }


def test_a_closed_place_is_asked_about_when_its_end_is_near(here: Town) -> None:
    house = here.location(places=(1, 1))
    provider = here.provider()
    with here.database.transaction() as tx:
        keeping.close_place(tx, provider, f"{house}-u1-p1", "maintenance", MONDAY.date())
        keeping.close_place(tx, provider, f"{house}-u2-p1", "maintenance", datetime(2026, 12, 24).date())  # noqa: DTZ001
    here.clock.turn(days=1)
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/opvang").text
    assert f'id="dicht-{house}-u1-p1"' in page
    assert f'id="dicht-{house}-u2-p1"' not in page
    after = visitor.after(visitor.post(f"/opvang/plek/{house}-u1-p1/blijft-dicht", days="7"))
    assert "De plek blijft buiten gebruik" in after
    assert f'id="dicht-{house}-u1-p1"' not in after
    assert "01-12-2026" in visitor.get(f"/opvang/plek/{house}-u1-p1").text
    wrong = visitor.post(f"/opvang/plek/{house}-u1-p1/blijft-dicht", expected_end="2026-11-01")
    assert wrong.status_code == 400
    assert "Deze dag is al voorbij." in wrong.text
    visitor.after(visitor.post(f"/opvang/plek/{house}-u1-p1/in-gebruik"))
    assert "Deze plek was niet buiten gebruik." in visitor.after(
        visitor.post(f"/opvang/plek/{house}-u1-p1/blijft-dicht", days="7")
    )


def test_rules_up_for_review_stay_as_they_are_in_one_tap(here: Town) -> None:
    house = here.location(places=(1,))
    provider = here.provider()
    with here.database.transaction() as tx:
        keeping.set_rule(
            tx, provider, house, "addiction", Stance.EXCLUDES, Basis.STAFFING, "geen nachtdienst", None, MONDAY.date()
        )
    visitor = Visitor(here, "aanbieder")
    page = visitor.get("/opvang").text
    assert "1 regel om te herzien" in page
    (rule,) = re.findall(r'action="(/opvang/regel/[\w-]+/blijft)"', page)
    here.provider("ander")
    assert Visitor(here, "ander").post(rule).status_code == 404
    here.clock.turn(minutes=1)
    after = visitor.after(visitor.post(rule))
    assert "De regel blijft zoals hij is." in after
    assert "om te herzien" not in after
    assert "Iemand heeft dit intussen gewijzigd" in visitor.after(visitor.post(rule))
    with here.database.reading() as tx:
        history = registry.rule_history(tx, house, "addiction")
    assert [(rule.stance, rule.reason, str(rule.review_on)) for rule in history][:2] == [
        ("excludes", "geen nachtdienst", "2027-05-24"),
        ("excludes", "geen nachtdienst", "2026-11-23"),
    ]


@pytest.mark.parametrize(
    ("chosen", "until"),
    [("", "Tot u de opname hervat."), ("morning", "morgen 08:00"), ("week", "ma 30 nov 08:00"), ("ooit", "hervat")],
)
def test_intake_stops_from_the_list_for_a_while(here: Town, chosen: str, until: str) -> None:
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    answer = visitor.post(f"/opvang/{house}/pauze", reason="staffing", back="list", **{"for": chosen})
    assert answer.headers["location"] == f"/opvang#locatie-{house}"
    assert until in visitor.get(f"/opvang/{house}").text
    visitor.post(f"/opvang/{house}/hervatten")
    assert "Opname is open" in visitor.get(f"/opvang/{house}").text


def test_night_intake_hours_are_kept_on_screen(here: Town) -> None:
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/{house}/opnametijd"
    after = visitor.after(visitor.post(at, opens="22:00", closes="07:00"))
    assert "Nu: 22:00 tot 07:00." in after
    with here.database.reading() as tx:
        (view,) = registry.locations(tx, location_id=house)
        assert (view.location.intake_opens, view.intake_open) == (time(22), False)
    assert "Nu: dag en nacht." in visitor.after(visitor.post(at, hours="always"))
    assert "Nu: 09:00 tot 17:00." in visitor.after(visitor.post(at, hours="day"))
    for fields, wrong in (
        ({"opens": "9 uur", "closes": "17:00"}, "Schrijf een tijd als 22:00."),
        ({"opens": "09:00", "closes": ""}, "Vul dit in."),
        ({"opens": "", "closes": ""}, "Vul dit in."),
        ({"opens": "09:00", "closes": "09:00"}, "Van en tot kunnen niet gelijk zijn."),
    ):
        answer = visitor.post(at, **fields)
        assert (answer.status_code, wrong in answer.text) == (400, True), fields
    assert "Nu: 09:00 tot 17:00." in visitor.get(f"/opvang/{house}").text


def test_tightening_asks_for_a_reason_and_loosening_does_not(here: Town) -> None:
    house = here.location()
    visitor = Visitor(here, "aanbieder")
    at = f"/opvang/{house}/regel/trauma"

    def say(stance: str, reason: str) -> int:
        with here.database.reading() as tx:
            version = registry.location(tx, house).version
        answer = visitor.post(at, stance=stance, basis="choice", reason=reason, unit_id="all", version=version)
        return int(answer.status_code)

    assert say("consult", "") == 400
    assert say("consult", "bel eerst") == 303
    assert say("excludes", "") == 400
    assert say("excludes", "geen behandelaar") == 303
    assert say("accepts", "") == 303


# --- the link in a reminder -----------------------------------------------------------------------------------------


class Mailbox:
    """Whoever reads the mailbox: no session, no cookie, only the link."""

    def __init__(self, here: Town) -> None:
        self.client = Calls(application(here), f"http://{HOST}")
        found = re.search(rf"{URL}(/controle/\S+)", messages(here)[-1].body)
        assert found
        self.link = found[1]

    def open(self, path: str = "") -> str:
        answer = self.client.get(path or self.link)
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        return str(answer.text)

    def press(self, page: str, **headers: str) -> int:
        seen = re.search(r'name="seen" value="([^"]+)"', page)
        answer = self.client.post(self.link, data={"seen": seen[1] if seen else ""}, headers=headers)
        return int(answer.status_code)


@pytest.fixture
def house(here: Town) -> str:
    """A house whose figure just turned aging, and whose mailbox was reminded."""
    location_id = here.location(places=(2, 1), confirmed_minutes_ago=None)
    provider = here.provider()
    with here.database.transaction() as tx:
        keeping.confirm_unchanged(tx, provider, location_id)
    here.clock.turn(hours=9)
    assert asking.remind_due(here.database, URL) == 1
    return location_id


def band(here: Town, location_id: str) -> FreshnessBand:
    with here.database.reading() as tx:
        return registry.locations(tx, location_id=location_id)[0].freshness.band


def test_opening_shows_a_code_and_figures_and_changes_nothing(here: Town, house: str) -> None:
    mailbox = Mailbox(here)
    with here.database.reading() as tx:
        before = journal.last_seq(tx.session)
    for _ in range(5):
        page = mailbox.open()
    mailbox.client.head(mailbox.link)
    assert "Klopt de stand van L-001?" in page
    assert re.findall(r">(\w+)</b> <span>([\w ]+)</span>", page) == [
        *(("3", "vrij"), ("0", "vastgehouden"), ("0", "bezet"), ("0", "buiten gebruik")),
        ("Opname", "open"),
    ]
    for secret in ("CANARY", "Verzonnenlaan", "VR13", house, "aanbieder", "csrf_token", "data-live-seq"):
        assert secret not in page, secret
    with here.database.reading() as tx:
        assert journal.last_seq(tx.session) == before
        assert tx.session.exec(select(Asking)).one().used_at is None


@pytest.mark.parametrize("origin", [None, "null", f"http://{HOST}"])
def test_one_button_confirms_once_and_the_second_time_is_a_kind_page(
    here: Town, house: str, origin: str | None
) -> None:
    mailbox = Mailbox(here)
    page = mailbox.open()
    headers = {} if origin is None else {"origin": origin}
    assert mailbox.press(page, **headers) == 303
    assert band(here, house) is FreshnessBand.FRESH
    assert "De stand staat als net gecontroleerd." in mailbox.open("/controle/gelukt")
    assert mailbox.press(page) == 410
    again = mailbox.client.get(mailbox.link)
    assert (again.status_code, "Deze link is al gebruikt" in again.text) == (410, True)


def test_another_site_s_page_cannot_press(here: Town, house: str) -> None:
    mailbox = Mailbox(here)
    assert mailbox.press(mailbox.open(), origin="https://elders.example") == 403
    assert band(here, house) is FreshnessBand.AGING


def test_a_link_past_its_time_or_changed_says_what_to_do(here: Town, house: str) -> None:
    mailbox = Mailbox(here)
    page = mailbox.open()
    for path in ("/controle/verzonnen", f"{mailbox.link}x", mailbox.link[:-1], "/controle/" + "a" * 3000):
        answer = mailbox.client.get(path)
        assert (answer.status_code, "Deze link kennen wij niet" in answer.text) == (404, True)
        assert mailbox.client.post(path, data={"seen": "0-0-0-3"}).status_code == 404
    here.clock.turn(days=2)
    answer = mailbox.client.get(mailbox.link)
    assert (answer.status_code, "Deze link is verlopen" in answer.text) == (410, True)
    assert mailbox.press(page) == 410
    assert band(here, house) is FreshnessBand.STALE


def test_a_link_confirms_no_other_house_whatever_is_sent_along(here: Town, house: str) -> None:
    other = here.location(places=(2, 1), confirmed_minutes_ago=60 * 9)
    mailbox = Mailbox(here)
    mailbox.client.post(
        mailbox.link, data={"seen": figures(here, house), "location": other, "location_id": other, "token": "x"}
    )
    assert (band(here, house), band(here, other)) == (FreshnessBand.FRESH, FreshnessBand.AGING)


def test_figures_that_changed_meanwhile_are_shown_again(here: Town, house: str) -> None:
    mailbox = Mailbox(here)
    page = mailbox.open()
    provider = here.provider()
    with here.database.transaction() as tx:
        keeping.close_place(tx, provider, f"{house}-u1-p1", "maintenance", None)
    answer = mailbox.client.post(mailbox.link, data={"seen": figures_in(page)})
    assert (answer.status_code, "De stand is net veranderd." in answer.text) == (409, True)
    assert band(here, house) is FreshnessBand.AGING
    assert mailbox.press(answer.text) == 303
    assert band(here, house) is FreshnessBand.FRESH


def figures_in(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/opvang", f"/opvang/{'loc-1'}", "/navraag", "/aanvragen"])
def test_a_link_logs_nobody_in(here: Town, house: str, path: str) -> None:
    mailbox = Mailbox(here)
    mailbox.press(mailbox.open())
    answer = mailbox.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/inloggen")
    assert "nrm" not in mailbox.client.cookies


def test_the_link_page_speaks_english(here: Town, house: str) -> None:
    mailbox = Mailbox(here)
    page = mailbox.client.get(mailbox.link, headers={"accept-language": "en"}).text
    assert "Are the figures of L-001 right?" in page
    assert "Checked, unchanged" in page
    by_link(here, mailbox.link.rpartition("/")[2], figures(here, house))
    assert "has been used already" in mailbox.client.get(mailbox.link, headers={"accept-language": "en"}).text
