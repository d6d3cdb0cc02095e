"""The night is given back: once per region and morning, whatever crashed or the clock did, until it is taken."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation, ReadLog
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.clock import AMSTERDAM
from nrm.course import service as course
from nrm.db import Database
from nrm.errors import Conflict, Forbidden, NotFound
from nrm.handover import queries, service
from nrm.handover.models import Handover, HandoverCase
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.journal import JournalEntry
from nrm.notify.models import Message
from nrm.placing import staying
from tests.builders import Town, TurnedClock, town

URL = "https://nrm.example"
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
"""9:00 on the wall."""


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer(), made.coordinator(), made.police()
    yield made
    made.database.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Town]:
    """As `here`, where the engine does not matter."""
    made = town(sqlite_url)
    made.duty_officer(), made.coordinator(), made.police()
    yield made
    made.database.close()


def at(here: Town, moment: datetime) -> int:
    """The worker looks at this moment. Returns how much it did."""
    here.clock.at = moment
    return service.run_due(here.database, URL)


def made(here: Town) -> list[Handover]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(Handover).order_by(col(Handover.morning), Handover.region_code)))


def with_cases(here: Town) -> list[Handover]:
    return [found for found in made(here) if found.cases]


def messages(here: Town) -> list[Message]:
    """What is about a hand-over and was not taken back, in order."""
    with here.database.reading() as tx:
        about = col(Message.about).startswith("handover:")
        query = select(Message).where(about, col(Message.cancelled_at).is_(None))
        return list(tx.session.exec(query.order_by(col(Message.queued_at), Message.recipient)))


def owner_of(here: Town, request_id: str) -> str:
    with here.database.reading() as tx:
        return tx.session.get_one(PlacementRequest, request_id).owner_organisation_id


def take(here: Town, actor: Actor, handover_id: str) -> int:
    with here.database.transaction(actor.account_id) as tx:
        return service.acknowledge(tx, actor, handover_id)


def test_on_monday_the_region_gets_what_the_night_left_and_nothing_before(here: Town) -> None:
    asked = here.request(here.actor("police"))
    waiting = here.request(here.actor("coordinator-VR17"), urgency="planned")
    elsewhere = here.request(here.coordinator("VR15"), region="VR15")
    assert at(here, here.clock.at) == 0
    for moment in (datetime(2026, 11, 22, 8, tzinfo=UTC), MONDAY - timedelta(seconds=1)):
        at(here, moment)
        assert made(here) == [], "not on a Sunday, and not a second early"
    at(here, MONDAY)
    assert [(found.region_code, found.cases) for found in with_cases(here)] == [("VR15", 1), ("VR17", 2)]
    assert len(made(here)) == 25, "a region without cases is handed over too, and nobody is told"
    of_region = {found.region_code: found.id for found in with_cases(here)}
    with here.database.reading() as tx:
        listed = set(
            tx.session.exec(select(HandoverCase.request_id).where(HandoverCase.handover_id == of_region["VR17"]))
        )
        codes = {found.id: found.short_code for found in tx.session.exec(select(PlacementRequest))}
    assert listed == {asked, waiting}
    mail = {found.recipient: found for found in messages(here)}
    assert set(mail) == {"zorgcoordinatie-VR15@example.org", "zorgcoordinatie-VR17@example.org"}
    said = mail["zorgcoordinatie-VR17@example.org"]
    assert codes[asked] in said.body
    assert codes[waiting] in said.body
    assert codes[elsewhere] not in said.body
    assert f"{URL}/ochtend" in said.body
    # A code may hold any two digits.
    beside = said.body.replace(codes[asked], "").replace(codes[waiting], "")
    for fact in (asked, "vrouw", "24", "VR17", "now", "sexual"):
        assert fact not in beside + said.subject


def test_twice_looked_at_killed_halfway_and_by_several_at_once_it_is_one(here: Town) -> None:
    here.request(here.actor("police"))
    at(here, here.clock.at)
    here.clock.at = MONDAY

    def killed(_id: object = None) -> str:
        raise KeyboardInterrupt

    crashing = Database(here.database.url, clock=here.clock, new_id=killed)
    with pytest.raises(KeyboardInterrupt):
        service.run_due(crashing, URL)
    crashing.close()
    assert made(here) == []
    assert messages(here) == []
    workers = [threading.Thread(target=service.run_due, args=(here.database, URL)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    service.run_due(here.database, URL)
    assert len(made(here)) == 25
    assert len(messages(here)) == 1


@pytest.mark.parametrize(
    ("moments", "mornings"),
    [
        # Ahead by a day and back again: Monday is handed over once, and Tuesday comes as usual.
        ([(23, 9, 0), (24, 9, 0), (23, 12, 0), (24, 9, 0)], ["23", "24"]),
        # Back before the opening after it was handed over.
        ([(23, 9, 0), (23, 8, 0), (23, 9, 0)], ["23"]),
        # Far ahead over a night, and back: the night does nothing, and the true morning still comes.
        ([(29, 23, 0), (23, 8, 0), (23, 9, 5)], ["23"]),
        # Away the whole of Monday: it is not made up for at night, Tuesday lists everything.
        ([(23, 18, 0), (24, 9, 0)], ["24"]),
        # Away until the afternoon: late, but handed over.
        ([(23, 16, 59)], ["23"]),
    ],
)
def test_a_clock_that_jumps_skips_no_morning_and_doubles_none(
    quick: Town, moments: list[tuple[int, int, int]], mornings: list[str]
) -> None:
    quick.request(quick.actor("police"))
    at(quick, quick.clock.at)
    for day, hour, minute in moments:
        at(quick, datetime(2026, 11, day, hour, minute, tzinfo=AMSTERDAM).astimezone(UTC))
    assert [found.morning.strftime("%d") for found in with_cases(quick)] == mornings
    assert len({message.unique_key for message in messages(quick)}) == len(messages(quick))


def test_christmas_goes_to_the_next_working_day_and_summer_time_to_nine_on_the_wall(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(datetime(2026, 12, 24, 18, tzinfo=UTC)))
    here.duty_officer(), here.coordinator()
    here.request(here.police(), urgency="planned")
    moment = here.clock.at
    fired: dict[str, datetime] = {}
    while moment < datetime(2026, 12, 29, tzinfo=UTC):
        before = len(with_cases(here))
        at(here, moment)
        if len(with_cases(here)) > before:
            fired[with_cases(here)[-1].morning.isoformat()] = moment
        moment += timedelta(hours=2)
    assert fired == {"2026-12-28": datetime(2026, 12, 28, 8, tzinfo=UTC)}
    at(here, datetime(2027, 3, 26, 20, tzinfo=UTC))
    at(here, datetime(2027, 3, 30, 6, 59, tzinfo=UTC))
    assert with_cases(here)[-1].morning.isoformat() == "2026-12-28"
    at(here, datetime(2027, 3, 30, 7, tzinfo=UTC))
    assert with_cases(here)[-1].morning.isoformat() == "2027-03-30"
    here.database.close()


def test_until_it_is_taken_the_desk_keeps_it_and_it_rings_again(here: Town) -> None:
    asked = here.request(here.actor("police"))
    own = here.request(here.actor("coordinator-VR17"))
    at(here, here.clock.at)
    at(here, MONDAY)
    (found,) = with_cases(here)
    assert owner_of(here, asked) == here.organisations["comensha"]
    at(here, MONDAY + timedelta(minutes=29))
    assert len(messages(here)) == 1
    for ring in (1, 2):
        at(here, MONDAY + timedelta(minutes=30 * ring))
        at(here, MONDAY + timedelta(minutes=30 * ring))
        sent = messages(here)[1:]
        assert len(sent) == 2 * ring, "the region once more and the desk"
        assert {message.recipient for message in sent} == {
            "comensha@example.org",
            "zorgcoordinatie-VR17@example.org",
        }
    assert made(here)[0].rings == 0
    coordinator = here.actor("coordinator-VR17")
    assert take(here, coordinator, found.id) == 1
    assert owner_of(here, asked) == coordinator.organisation_id
    assert owner_of(here, own) == coordinator.organisation_id
    at(here, MONDAY + timedelta(hours=4))
    assert [message for message in messages(here) if message.queued_at > MONDAY + timedelta(hours=1)] == []
    with pytest.raises(Conflict, match="handover_taken"):
        take(here, coordinator, found.id)
    with here.database.reading() as tx:
        kinds = tx.session.exec(select(JournalEntry.kind).where(JournalEntry.subject == f"handover:{found.id}"))
        assert list(kinds) == ["handover.made", "handover.rang", "handover.rang", "handover.acknowledged"]


def test_it_stops_ringing_at_the_maximum_and_when_nothing_is_open_any_more(quick: Town) -> None:
    request_id = quick.request(quick.actor("coordinator-VR17"))
    with quick.database.transaction() as tx:
        policy.write(tx, policy.Handover(acknowledge_minutes=10, rings_max=2), "kort")
    at(quick, quick.clock.at)
    at(quick, MONDAY)
    for minutes in range(0, 120, 5):
        at(quick, MONDAY + timedelta(minutes=minutes))
    assert with_cases(quick)[0].rings == 2
    assert with_cases(quick)[0].over_at is None, "it is still nobody's, and says so"
    tuesday = MONDAY + timedelta(days=1)
    at(quick, tuesday)
    first, second = with_cases(quick)
    assert first.over_at == tuesday
    coordinator = quick.actor("coordinator-VR17")
    with quick.database.transaction(coordinator.account_id) as tx:
        version = tx.session.get_one(PlacementRequest, request_id).version
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, version)
    before = len(messages(quick))
    at(quick, tuesday + timedelta(minutes=10))
    assert len(messages(quick)) == before
    assert with_cases(quick)[1].over_at == tuesday + timedelta(minutes=10)
    assert second.rings == with_cases(quick)[1].rings == 0


def test_where_nobody_takes_part_or_has_a_mailbox_the_desk_hears_it_at_once(quick: Town) -> None:
    quick.request(quick.actor("police"), region="VR01")
    with quick.database.transaction() as tx:
        keten = Organisation(id="keten", kind=OrganisationKind.CHAIN_DIRECTION, name="Keten", region_code="VR02")
        tx.session.add(keten)
    quick.request(quick.actor("police"), region="VR02")
    at(quick, quick.clock.at)
    at(quick, MONDAY)
    assert [(found.region_code, found.organisation_id) for found in with_cases(quick)] == [
        ("VR01", None),
        ("VR02", "keten"),
    ]
    assert {message.recipient for message in messages(quick)} == {"comensha@example.org"}
    assert len(messages(quick)) == 2


def test_two_who_take_it_at_once_are_one(here: Town) -> None:
    asked = here.request(here.actor("police"))
    at(here, here.clock.at)
    at(here, MONDAY)
    (found,) = with_cases(here)
    here.coordinator(login="collega")
    outcomes: list[str] = []

    def press(login: str) -> None:
        try:
            take(here, here.actor(login), found.id)
            outcomes.append("took")
        except Conflict as refusal:
            outcomes.append(refusal.code)

    pressing = [threading.Thread(target=press, args=(login,)) for login in ("coordinator-VR17", "collega")]
    for thread in pressing:
        thread.start()
    for thread in pressing:
        thread.join()
    assert sorted(outcomes) == ["handover_taken", "took"]
    assert owner_of(here, asked) == here.organisations["zorgcoordinatie-VR17"]


def test_only_whom_it_goes_to_takes_it_and_only_they_read_its_cases(quick: Town) -> None:
    quick.request(quick.actor("police"), refuses_police=True)
    at(quick, quick.clock.at)
    at(quick, MONDAY)
    (found,) = with_cases(quick)
    for stranger in (
        quick.coordinator("VR15"),
        quick.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR17"),
    ):
        with pytest.raises(NotFound):
            take(quick, stranger, found.id)
        with quick.database.transaction(stranger.account_id) as tx:
            assert service.open_handovers(tx, stranger) == []
    for refused in (quick.actor("police"), quick.duty_officer(), quick.provider()):
        with pytest.raises(Forbidden):
            take(quick, refused, found.id)
    officer = quick.duty_officer()
    with quick.database.transaction(officer.account_id) as tx:
        (seen,) = service.open_handovers(tx, officer)
        assert (seen.number, seen.cases) == (1, [])
    coordinator = quick.actor("coordinator-VR17")
    with quick.database.transaction(coordinator.account_id) as tx:
        (seen,) = service.open_handovers(tx, coordinator)
        assert [case.at_the_desk for case in seen.cases] == [True]
        logged = tx.session.exec(select(ReadLog.purpose).where(ReadLog.account_id == coordinator.account_id))
        assert list(logged) == ["handover"]


def test_what_was_offered_to_somebody_else_or_ended_meanwhile_is_left_as_it_is(quick: Town) -> None:
    ended, offered, plain = (quick.request(quick.actor("police")) for _ in range(3))
    at(quick, quick.clock.at)
    at(quick, MONDAY)
    (found,) = with_cases(quick)
    desk = quick.national_desk()
    to = quick.coordinator("VR15").organisation_id
    with quick.database.transaction(desk.account_id) as tx:
        course.offer_transfer(tx, desk, offered, to)
        intake.close(tx, desk, ended, Outcome.OWN_SOLUTION, 1)
    coordinator = quick.actor("coordinator-VR17")
    assert take(quick, coordinator, found.id) == 1
    assert owner_of(quick, plain) == coordinator.organisation_id
    assert owner_of(quick, offered) == owner_of(quick, ended) == desk.organisation_id


def test_who_has_a_place_and_an_owner_of_their_own_is_not_handed_over_again(quick: Town) -> None:
    quick.location(places=(1, 1))
    coordinator, provider = quick.actor("coordinator-VR17"), quick.provider()
    _, stay_id = quick.placed(coordinator, provider, urgency="today")
    with quick.database.reading() as tx:
        assert len(queries.to_hand_over(tx, "VR17")) == 1, "expected tonight"
    with quick.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    with quick.database.reading() as tx:
        assert queries.to_hand_over(tx, "VR17") == []
