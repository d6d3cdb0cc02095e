"""Bridges: one at a time, the request keeps waiting with a faster clock, a police cell rings at once, nights add up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import Actor
from nrm.course import queries, rules, service
from nrm.course.models import Bridge, Signal
from nrm.course.rules import BridgeKind
from nrm.course.schemas import BridgeIn
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.escalation import service as escalation
from nrm.escalation.models import Alarm, Escalation
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Fact, Outcome
from nrm.intake.schemas import AmendIn
from nrm.notify.models import Message
from nrm.placing import staying
from tests.builders import Town, town

ROTTERDAM, UTRECHT = "GM0599", "GM0344"


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    yield made
    made.database.close()


def bridge(here: Town, actor: Actor, request_id: str, kind: str = "hotel", **more: object) -> str:
    shape = BridgeIn.model_validate({"kind": kind, "municipality": ROTTERDAM, **more})
    with here.database.transaction(actor.account_id) as tx:
        return service.record_bridge(tx, actor, request_id, shape).id


def asked(here: Town, request_id: str) -> PlacementRequest:
    with here.database.reading() as tx:
        found = tx.session.get_one(PlacementRequest, request_id)
        tx.session.expunge_all()
        return found


def rung(here: Town, trigger: str) -> list[tuple[Alarm, Escalation]]:
    with here.database.reading() as tx:
        found = list(
            tx.session.exec(
                select(Alarm, Escalation)
                .join(Escalation, col(Escalation.id) == Alarm.escalation_id)
                .where(Escalation.trigger == trigger)
                .order_by(col(Escalation.number), col(Alarm.rung))
            )
        )
        tx.session.expunge_all()
        return found


def all_bridges(here: Town, request_id: str) -> list[Bridge]:
    with here.database.reading() as tx:
        found = queries.bridges(tx, request_id)
        tx.session.expunge_all()
        return found


def test_the_request_keeps_waiting_and_is_still_matched(here: Town) -> None:
    coordinator = here.coordinator()
    house = here.location()
    request_id = here.request(coordinator)
    bridge(here, coordinator, request_id)
    here.match()
    assert asked(here, request_id).status == "open"
    assert here.proposals(request_id) == [house]


def test_the_clock_runs_faster_and_never_later(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    begun = here.clock.at
    here.clock.turn(minutes=20)
    first = bridge(here, coordinator, request_id)
    # Of the forty minutes left, half.
    assert asked(here, request_id).deadline_at == begun + timedelta(minutes=40)
    bridge(here, coordinator, request_id, replaces=first)
    assert asked(here, request_id).deadline_at == begun + timedelta(minutes=40), "one after another halves it once"
    amended = AmendIn.model_validate({"urgency": "planned", "persons": [{"sex": "f", "age": 24}], "version": 1})
    with here.database.transaction(coordinator.account_id) as tx:
        intake.amend(tx, coordinator, request_id, amended)
    assert asked(here, request_id).deadline_at > begun + timedelta(minutes=40)
    assert service.follow_up(here.database) == 1
    assert service.follow_up(here.database) == 0
    assert asked(here, request_id).deadline_at == begun + timedelta(minutes=40)


def test_rungs_follow_each_other_at_the_pace_of_the_bridge(here: Town) -> None:
    coordinator = here.coordinator()
    bridge(here, coordinator, here.request(coordinator))
    begun = here.clock.at
    here.clock.turn(days=1)
    escalation.run_due(here.database)
    due = [alarm.due_at - begun for alarm, _ in rung(here, "deadline")]
    # Nobody coordinates this region, so the desk hears it at once.
    assert due == [timedelta(minutes=m) for m in (30, 37.5, 37.5, 52.5)]


def test_a_clock_that_jumped_back_makes_no_deadline_later(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    before = asked(here, request_id).deadline_at
    here.clock.turn(hours=-5)
    bridge(here, coordinator, request_id)
    assert asked(here, request_id).deadline_at <= before
    assert rules.hastened(before, before + timedelta(hours=1), 50) == before


def test_a_police_cell_rings_at_once_and_once(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator, urgency="planned")
    cell = bridge(here, coordinator, request_id, "police_cell")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(escalation.run_due, [here.database] * 4)) == 1
    ((alarm, found),) = rung(here, "police_cell")
    assert (alarm.role, alarm.reached > 0, found.ended_at) == ("duty_officer", True, None)
    with here.database.reading() as tx:
        (message,) = tx.session.exec(select(Message).where(Message.channel == "email")).all()
        assert "cel" not in (message.subject + message.body).lower()
    # Out of the cell: the alarm is over. Back into one: another.
    hotel = bridge(here, coordinator, request_id, "hotel", replaces=cell)
    assert escalation.end_over(here.database) == 1
    bridge(here, coordinator, request_id, "police_cell", replaces=hotel)
    assert escalation.run_due(here.database) == 1
    assert [(found.number, found.ended_at is None) for _, found in rung(here, "police_cell")] == [(0, False), (1, True)]


def test_a_cell_that_was_over_before_the_worker_looked_rings_no_more(here: Town) -> None:
    coordinator = here.coordinator()
    cell = bridge(here, coordinator, here.request(coordinator, urgency="planned"), "police_cell")
    with here.database.transaction(coordinator.account_id) as tx:
        service.end_bridge(tx, coordinator, cell)
    assert escalation.run_due(here.database) == 0


def test_two_at_once_record_one(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)

    def record(_: int) -> str:
        try:
            return bridge(here, coordinator, request_id) and "recorded"
        except Conflict as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(record, range(4))) == ["changed_meanwhile"] * 3 + ["recorded"]
    assert len(all_bridges(here, request_id)) == 1


def test_the_database_refuses_a_second_live_bridge(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    bridge(here, coordinator, request_id)
    (live,) = all_bridges(here, request_id)
    with here.database.transaction() as tx:
        tx.session.add(Bridge(**{**live.model_dump(), "id": "another"}))
        with pytest.raises(IntegrityError):
            tx.session.flush()
        tx.session.rollback()


def test_it_ends_by_itself_at_the_arrival_and_not_before(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id = here.request(coordinator)
    bridge(here, coordinator, request_id, "police_cell")
    here.match()
    stay_id = here.accept(provider, here.offer(coordinator, request_id))
    assert stay_id is not None
    assert service.follow_up(here.database) == 0
    assert all_bridges(here, request_id)[0].ended_at is None
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    service.follow_up(here.database)
    assert all_bridges(here, request_id)[0].end_cause == "placed"
    with here.database.reading() as tx:
        assert all(signal.over_at for signal in tx.session.exec(select(Signal)))
        assert list(journal.faults(tx.session)) == []


def test_it_ends_with_its_request(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    bridge(here, coordinator, request_id)
    with here.database.transaction(coordinator.account_id) as tx:
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, 1)
    assert service.follow_up(here.database) == 1
    assert all_bridges(here, request_id)[0].end_cause == "closed"
    with pytest.raises(Conflict, match="not_waiting"):
        bridge(here, coordinator, request_id)


def test_only_the_owner_and_the_duty_officer_record_one(here: Town) -> None:
    coordinator, other, provider = here.coordinator(), here.coordinator("VR15"), here.provider()
    request_id = here.request(coordinator)
    with pytest.raises(NotFound):
        bridge(here, other, request_id)
    with pytest.raises(Forbidden):
        bridge(here, provider, request_id)
    with pytest.raises(NotFound):
        bridge(here, here.national_desk(), request_id)
    live = bridge(here, here.duty_officer(), request_id)
    with here.database.transaction(other.account_id) as tx, pytest.raises(NotFound):
        service.end_bridge(tx, other, live)


@pytest.mark.parametrize(
    "wrong",
    [
        {"municipality": "GM9999"},
        {"firstNight": "2026-09-01"},
        {"firstNight": "2026-11-22", "expectedLastNight": "2026-11-21"},
        {"expectedLastNight": "2029-11-21"},
    ],
)
def test_nonsense_is_refused(here: Town, wrong: dict[str, object]) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    with pytest.raises(Invalid):
        bridge(here, coordinator, request_id, **wrong)
    assert all_bridges(here, request_id) == []


def test_nights_and_cost_add_up_per_municipality(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    first = bridge(here, coordinator, request_id, centsPerNight=9_500)
    here.clock.turn(days=3)
    bridge(here, coordinator, request_id, "regular_bed", municipality=UTRECHT, replaces=first)
    here.clock.turn(days=2)
    bridge(here, coordinator, here.request(coordinator), centsPerNight=12_000)
    with here.database.reading() as tx:
        since, until = date(2026, 11, 1), date(2026, 11, 30)
        found = {row.municipality: row for row in queries.bridge_nights(tx, since, until)}
        # Saturday, Sunday, Monday in Rotterdam; from Tuesday on in Utrecht; and one more in Rotterdam tonight.
        assert (found[ROTTERDAM].nights, found[ROTTERDAM].cents) == (4, 3 * 9_500 + 12_000)
        assert (found[UTRECHT].nights, found[UTRECHT].nights_without_price, found[UTRECHT].cents) == (3, 3, 0)
        assert (found[ROTTERDAM].live, found[UTRECHT].live) == (1, 1)
        assert [row.municipality for row in queries.bridge_nights(tx, since, until, "VR09")] == [UTRECHT]
        sunday = date(2026, 11, 22)
        assert [row.nights for row in queries.bridge_nights(tx, sunday, sunday)] == [1]


def test_who_pays_may_be_open_and_is_said_once_by_whoever_sees_to_it(here: Town) -> None:
    """Nights of which nobody knows who pays stand with the region they were found in; nothing is lost of the sum."""
    coordinator, elsewhere = here.coordinator(), here.coordinator("VR09")
    request_id = here.request(coordinator)
    first = bridge(here, coordinator, request_id, municipality=None, centsPerNight=9_500)
    here.clock.turn(days=2)
    bridge(here, coordinator, request_id, municipality=None, replaces=first)

    def sums(region: str | None = None) -> list[tuple[str | None, str, int, int]]:
        with here.database.reading() as tx:
            found = queries.bridge_nights(tx, date(2026, 11, 1), date(2026, 11, 30), region)
            return [(row.municipality, row.region, row.nights, row.cents) for row in found]

    assert sums() == sums("VR17") == [(None, "VR17", 3, 2 * 9_500)]
    assert sums("VR09") == []
    with pytest.raises(NotFound), here.database.transaction(elsewhere.account_id) as tx:
        service.name_payer(tx, elsewhere, first, ROTTERDAM)
    with pytest.raises(Invalid), here.database.transaction(coordinator.account_id) as tx:
        service.name_payer(tx, coordinator, first, "GM9999")
    with here.database.transaction(coordinator.account_id) as tx:
        service.name_payer(tx, coordinator, first, UTRECHT)  # over since, and of another region
    with pytest.raises(Conflict), here.database.transaction(coordinator.account_id) as tx:
        service.name_payer(tx, coordinator, first, ROTTERDAM)
    assert sums() == [(UTRECHT, "VR09", 2, 2 * 9_500), (None, "VR17", 1, 0)]
    assert (sums("VR09"), sums("VR17")) == ([(UTRECHT, "VR09", 2, 2 * 9_500)], [(None, "VR17", 1, 0)])


def test_a_policy_of_another_pace_is_kept_by_what_began_before(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    bridge(here, coordinator, request_id, safe=Fact.YES)
    deadline = asked(here, request_id).deadline_at
    with here.database.transaction() as tx:
        policy.write(tx, policy.Course(bridge_pace_percent=10), "sneller")
    assert service.follow_up(here.database) == 0
    assert asked(here, request_id).deadline_at == deadline


@pytest.mark.parametrize(
    ("utc", "night"),
    [
        (datetime(2026, 11, 21, 22, 40, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 22, 3, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 22, 10, 59, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 22, 11, 0, tzinfo=UTC), date(2026, 11, 22)),
        # The nights of the clock change have one hour more or less, and one name.
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), date(2026, 10, 24)),
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), date(2027, 3, 27)),
    ],
)
def test_a_night_is_called_after_its_evening(utc: datetime, night: date) -> None:
    assert rules.night_of(utc) == night


def test_every_kind_of_bridge_is_known() -> None:
    assert {kind.value for kind in BridgeKind} == {"hotel", "police_cell", "police_bed", "regular_bed", "other"}
    assert rules.nights(date(2026, 11, 21), date(2026, 11, 20)) == 1
    assert rules.nights_within(date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31)) == 0


def test_a_cell_rings_at_once_also_when_the_clock_was_put_back_meanwhile(here: Town) -> None:
    coordinator = here.coordinator()
    bridge(here, coordinator, here.request(coordinator), "police_cell")
    here.clock.turn(hours=-25)
    escalation.run_due(here.database)
    escalation.run_due(here.database)
    assert len(rung(here, "police_cell")) == 1
