"""What happened to each request: read from the journal alone, as of any moment, and the same when read again."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from nrm.access.rules import OrganisationKind, Role
from nrm.insight import queries, rules, service
from nrm.insight.models import CaseCourse, CaseWait
from nrm.insight.queries import Causes
from nrm.insight.rules import Course, length, times
from nrm.intake.models import PlacementRequest, RequestPerson
from nrm.placing.models import Offer, OfferAnswer, Stay
from tests.builders import Town, TurnedClock, town
from tests.insight.play import play
from tests.site import Visitor
from tests.web.test_watching_pages import cells

MONDAY_MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def everything(here: Town) -> dict[str, Course]:
    with here.database.reading() as tx:
        return queries.courses(tx, tx.session.exec(select(CaseCourse.request_id)).all())


def test_what_the_journal_says_is_what_the_tables_say_and_any_moment_can_be_read_back(here: Town) -> None:
    """A random town: the courses against a recount of the tables, and each moment against what was shown then."""
    shown: dict[datetime, Causes] = {}
    for deed in play(here, seed=7, deeds=60):
        if deed == "work":
            with here.database.reading() as tx:
                shown[tx.now] = queries.waiting_causes(tx)
    service.keep(here.database)
    found = everything(here)
    with here.database.reading() as tx:
        requests = list(tx.session.exec(select(PlacementRequest)))
        for row in requests:
            one = found.pop(row.id)
            offers = tx.session.exec(select(Offer).where(Offer.request_id == row.id)).all()
            stays = tx.session.exec(select(Stay).where(Stay.request_id == row.id)).all()
            answers = tx.session.exec(
                select(OfferAnswer.at)
                .join(Offer, col(Offer.id) == OfferAnswer.offer_id)
                .where(Offer.request_id == row.id, col(OfferAnswer.at).is_not(None))
            ).all()
            persons = tx.session.exec(select(RequestPerson).where(RequestPerson.request_id == row.id)).all()
            assert (one.submitted_at, one.region, one.urgency) == (row.created_at, row.region_code, row.urgency)
            assert (one.persons, one.norm_at) == (len(persons), row.deadline_at)
            assert one.asked_at == min((offer.sent_at for offer in offers), default=None)
            assert one.answered_at == min((at for at in answers if at), default=None)
            assert one.accepted_at == min((stay.planned_at for stay in stays), default=None)
            assert one.arrived_at == min((stay.arrived_at for stay in stays if stay.arrived_at), default=None)
            assert (one.closed_at, one.outcome) == (row.closed_at, row.outcome)
            assert one.waiting == (row.status in {"open", "offered"})
    assert found == {}, "there is no course of nothing"
    assert {bool(one.arrived_at) for one in everything(here).values()} == {True, False}, "the town was lively enough"
    assert len(shown) > 5
    with here.database.reading() as tx:
        for at, causes in shown.items():
            again = queries.causes_at(tx, at)
            assert again.parts == causes.parts, at


def test_read_again_from_nothing_it_is_the_same(here: Town) -> None:
    for _ in play(here, seed=11, deeds=40):
        pass
    service.keep(here.database)
    before = everything(here)
    assert before
    with here.database.transaction() as tx:  # planted: rebuilding must not lean on what was there
        for row in tx.session.exec(select(CaseCourse)):
            row.region, row.persons = "VR01", 9
        for wait in tx.session.exec(select(CaseWait)):
            wait.until = None
    assert everything(here) != before
    service.rebuild(here.database)
    assert everything(here) == before


def test_what_was_read_is_not_read_again(sqlite_url: str) -> None:
    """Keeping costs what is new: what is spoiled before the mark stays spoiled, what comes after it is read."""
    here = town(sqlite_url)
    first = here.request(here.coordinator())
    service.keep(here.database)
    with here.database.transaction() as tx:
        tx.session.get_one(CaseCourse, first).region = "VR01"
    second = here.request(here.coordinator())
    service.keep(here.database)
    assert {key: one.region for key, one in everything(here).items()} == {first: "VR01", second: "VR17"}
    here.database.close()


WAITED = st.lists(st.integers(0, 10_000), min_size=0, max_size=40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(WAITED)
def test_half_and_nine_in_ten_against_counting_them(minutes: list[int]) -> None:
    found = length([timedelta(minutes=one) for one in minutes], len(minutes))
    if len(minutes) < rules.SMALL:
        assert (found.median, found.p90) == (None, None)
        return
    for value, part in ((found.median, 0.5), (found.p90, 0.9)):
        assert value is not None
        within = sum(timedelta(minutes=one) <= value for one in minutes)
        earlier = sum(timedelta(minutes=one) < value for one in minutes)
        assert within >= part * len(minutes) > earlier


def course(number: int, waited: int | None, norm: int = 60, **said: object) -> Course:
    """A request of Monday morning that had a place after so many minutes, if it had one."""
    at = MONDAY_MORNING + timedelta(minutes=number)
    known = {"region": "VR17", "urgency": "now", "persons": 1, "profile": "women", "office": True, **said}
    accepted = None if waited is None else at + timedelta(minutes=waited)
    norm_at = at + timedelta(minutes=norm)
    return Course(str(number), at, norm_at=norm_at, accepted_at=accepted, **known)  # type: ignore[arg-type]


def test_times_counted_by_hand() -> None:
    """Ten requests: 10, 20 … 80 minutes, one that waits past its norm, one that may still make it."""
    found = [course(number, (number + 1) * 10) for number in range(8)]
    found += [course(8, None), course(9, None, norm=24 * 60)]
    now = MONDAY_MORNING + timedelta(hours=3)
    counted = times(found, now)
    assert (counted.requests, counted.accepted.happened) == (10, 8)
    assert counted.accepted.median == timedelta(minutes=40)
    assert counted.accepted.p90 == timedelta(minutes=80)
    assert (counted.within, counted.judged) == (6, 9), "whoever may still make it is not judged"
    assert counted.share == pytest.approx(6 / 9)
    assert counted.arrival.median is None
    assert times(found[:4], now).share is None, "of four nothing is said"


def test_the_page_of_times(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(MONDAY_MORNING))
    here.location(places=(20,))
    coordinator, provider = here.coordinator(), here.provider()
    for number in range(6):
        request_id = here.request(coordinator)
        here.match()
        offer = here.offer(coordinator, request_id)
        here.clock.turn(minutes=10 + number)
        here.accept(provider, offer)
    here.clock.turn(hours=12)
    for _ in range(5):
        here.request(coordinator, persons=[{"sex": "m", "age": 30}])
    service.keep(here.database)
    here.clock.turn(hours=2)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR13")
    page = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/tijden").text
    assert cells(page, "tijd-alle")[:3] == [
        *("Alle aanvragen", "11"),
        "6 van 11: helft binnen 12 minuten, negen op de tien binnen 15 minuten",
    ]
    assert cells(page, "tijd-alle")[-1] == "55% (6 van 11)"
    assert cells(page, "tijd-uren-office")[-1] == "100% (6 van 6)"
    assert cells(page, "tijd-uren-after_hours")[-1] == "0% (0 van 5)"
    assert cells(page, "tijd-profiel-men")[1:4] == ["5", "0 van 5", "0 van 5"]
    assert cells(page, "achter-profiel-men") == ["mannen", "0%", "100%", "100 punten minder", "ja"]
    assert 'id="achter-profiel-women"' not in page, "they are not worse off"
    for _ in range(12):
        here.request(coordinator, urgency="planned")
    here.clock.turn(minutes=1)
    service.keep(here.database)
    longer = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/tijden").text
    assert re.findall(r'id="tijd-spoed-(\w+)"', longer) == ["now", "planned"], "urgent first, though planned is more"
    elsewhere = Visitor(here, Role.MUNICIPALITY).get("/landelijk/tijden").text
    assert 'id="tijd-alle"' not in elsewhere
    assert "In deze periode kwam er geen aanvraag binnen." in elsewhere
    then = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oorzaken?op=2026-11-23T10:05").text
    assert "wachtten er 1, waarvan 0 te laat" in then
    assert "data-live-src" not in then.split('id="oorzaken"')[1].split(">")[0]
    wrong = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/oorzaken?op=gisteren").text
    assert "Schrijf dag en tijd" in wrong
    here.database.close()
