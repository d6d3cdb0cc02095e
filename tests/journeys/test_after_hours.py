"""From Saturday 23:40 to Monday 09:00, through the screens: a call, a silent officer, a no, a hotel, and a morning.

Nobody is left waiting unnoticed: at each step somebody has the request, and everybody can see who.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from nrm.access.rules import Role
from nrm.escalation import queries as escalation
from nrm.intake.models import PlacementRequest
from nrm.notify.models import Message
from nrm.roster.models import RosterLine, RosterSlot
from nrm.roster.rules import Cover, SlotSource
from tests.builders import Town, town
from tests.site import Visitor, tick

SUNDAY_EVENING = datetime(2026, 11, 22, 21, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    made.national_desk(), made.coordinator(), made.police(), made.provider()
    for login in ("eerste", "tweede"):
        made.account(login, Role.DUTY_OFFICER, made.organisations["comensha"])
    made.location(places=(1,))
    yield made
    made.database.close()


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def mail_to(here: Town, recipient: str) -> list[str]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Message.subject).where(Message.recipient == recipient)))


def owner_of(here: Town, request_id: str) -> str:
    with here.database.reading() as tx:
        return tx.session.get_one(PlacementRequest, request_id).owner_organisation_id


def pass_by(here: Town, minutes: int) -> None:
    """Time goes on and the worker looks, every five minutes as far as this story is concerned."""
    for _ in range(minutes // 5):
        here.clock.turn(minutes=5)
        tick(here)


def rostered(here: Town) -> None:
    """Two officers are planned for this weekend, one after the other to be called."""
    with here.database.transaction() as tx:
        desk = here.organisations["comensha"]
        tx.session.add(RosterLine(id="piket", role="duty_officer", cover=Cover.ALWAYS, ranks=2, organisation_id=desk))
        tx.session.flush()
        for rank, login in enumerate(("eerste", "tweede"), start=1):
            tx.session.add(
                RosterSlot(
                    id=login,
                    line_id="piket",
                    rank=rank,
                    account_id=here.accounts[login],
                    starts_at=here.clock.at,
                    ends_at=MONDAY,
                    source=SlotSource.PLANNED,
                )
            )


def test_from_saturday_night_to_monday_morning(here: Town) -> None:
    rostered(here)
    here.clock.turn(minutes=10)

    # 23:50. A police officer asks from the street; nobody of the desk has started yet, and the request has an owner.
    police = Visitor(here, "police")
    form = police.get("/aanvragen/nieuw").text
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once is not None
    said = {"once": once[1], "persons": "1", "region": "VR17", "urgency": "now", "sex-0": "f", "age-0": "24"}
    answer = police.post("/aanvragen/nieuw", **said)
    assert answer.status_code == 303, answer.text
    with here.database.reading() as tx:
        request_id, code = tx.session.exec(select(PlacementRequest.id, PlacementRequest.short_code)).one()
    assert owner_of(here, request_id) == here.organisations["comensha"]
    tick(here)

    # The first officer starts, sees it, and falls silent. The alarm climbs to the second.
    first, second = Visitor(here, "eerste"), Visitor(here, "tweede")
    first.after(first.post("/piket/begin"))
    console = plain(first.get("/piket").text)
    assert code in console
    assert "tweede , comensha geen telefoonnummer bekend staat op het rooster, nog niet begonnen" in console
    pass_by(here, 60)
    assert mail_to(here, "comensha@example.org")
    second.after(second.post("/piket/begin"))
    console = second.get("/piket").text
    card = re.search(r'action="(/piket/alarmen/[^"/]+)"', console)
    assert card is not None
    claimed = plain(second.after(second.post(card[1])))
    assert "tweede doet dit" in claimed
    assert "tweede doet dit" in plain(first.get("/piket").text), "and the first sees it too"

    # She phones, notes it in two taps, and asks the one place there is.
    page = second.get(f"/piket?voor={request_id}").text
    house = re.search(r'name="location" value="([^"]+)"', page)
    assert house is not None
    phoned = {"organisation": here.organisations["aanbieder"], "location": house[1], "voor": request_id, "soort": ""}
    assert "zegt: er is plek" in plain(second.after(second.post("/piket/gebeld", result="says_free", **phoned)))
    proposal = re.search(r'name="proposal" value="([^"]+)"', second.get(f"/aanvragen/{request_id}").text)
    assert proposal is not None
    second.after(second.post(f"/aanvragen/{request_id}/vragen", proposal=proposal[1], once="een keer vragen"))

    # The house says no. It is said why, in a code, and the search goes on without it.
    provider = Visitor(here, "aanbieder")
    offer_id = here.offers()[0].id
    assert f"/antwoorden/{offer_id}/nee" in provider.get("/antwoorden").text
    provider.after(provider.post(f"/antwoorden/{offer_id}/nee", reason="no_staff"))
    assert "aanbieder zei nee" in plain(second.get(f"/aanvragen/{request_id}").text)

    # A hotel for the night: the request stays open and its clock runs faster.
    hotel = second.post(f"/aanvragen/{request_id}/overbrugging", kind="hotel", municipality="GM0599")
    assert "De overbrugging is vastgelegd" in second.after(hotel)
    assert "overbrugd: hotel" in plain(second.get("/piket").text)

    # A list on paper, in case the screens go dark.
    made = second.post("/piket/noodlijst", reason="away").text
    assert re.search(r"\b\d{5} \d{5} \d{5} \d{5}\b", made)

    # Sunday evening she changes with the first, who reads what happened.
    first.post("/piket/einde")
    here.clock.at = SUNDAY_EVENING
    tick(here)
    first, second = Visitor(here, "eerste"), Visitor(here, "tweede")
    first.after(first.post("/piket/begin"))
    second.after(second.post("/piket/einde"))
    with here.database.reading() as tx:
        assert escalation.oldest_overdue(tx) is None, "no rung waits"

    # Monday nine o'clock: it goes to the region, as a code, once.
    here.clock.at = MONDAY
    tick(here), tick(here)
    box = "zorgcoordinatie-VR17@example.org"
    assert [subject for subject in mail_to(here, box) if "Overdracht" in subject] == ["Overdracht van de nacht, 23-11"]
    with here.database.reading() as tx:
        bodies = " ".join(tx.session.exec(select(Message.body).where(col(Message.recipient) == box)))
    assert code in bodies
    assert request_id not in bodies
    first = Visitor(here, "eerste")
    first.post("/piket/begin")
    assert "Niet bevestigd 1" in plain(first.get("/piket").text)
    assert owner_of(here, request_id) == here.organisations["comensha"], "until somebody takes it"

    region = Visitor(here, "coordinator-VR17")
    morning = region.get("/ochtend").text
    assert code in morning
    take = re.search(r'action="(/ochtend/[^"]+/bevestig)"', morning)
    assert take is not None
    assert "U heeft de overdracht bevestigd" in region.after(region.post(take[1]))
    assert owner_of(here, request_id) == here.organisations["zorgcoordinatie-VR17"]
    assert code in region.get("/aanvragen").text
    assert "hotel" in plain(region.get(f"/aanvragen/{request_id}").text)
    assert "Niet bevestigd" not in plain(first.get("/piket").text)
