"""Every cause on its own: not before it is due, once when it is, and over when somebody saw to it.

Each story is told in a town with the usual ladder, and yields its subject three times: when nothing may ring yet, when
it rings, and when it is over. On SQLite alone: every condition is asked at each tick of the tests on both engines.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from nrm import policy
from nrm.access.rules import Actor
from nrm.course import service as course
from nrm.course.rules import AftercareItem
from nrm.course.schemas import AftercareIn, BridgeIn
from nrm.db import Tx
from nrm.escalation import service
from nrm.escalation.models import Alarm, Escalation
from nrm.escalation.rules import Trigger
from nrm.intake import service as intake
from nrm.intake.models import KeptApart, PlacementRequest
from nrm.intake.rules import Outcome
from nrm.placing import reviews, staying
from nrm.placing import service as placing
from nrm.placing.models import Stay
from nrm.registry import service as registry
from nrm.roster import service as roster
from nrm.roster.models import RosterGap
from tests.builders import Town, town
from tests.roster.people import REGIONAL, line, officer, plan

Story = Callable[[Town], Iterator[str]]


def do(here: Town, actor: Actor, deed: Callable[[Tx], object]) -> None:
    with here.database.transaction(actor.account_id) as tx:
        deed(tx)


def version(here: Town, thing: type, key: str) -> int:
    with here.database.reading() as tx:
        return int(tx.session.get_one(thing, key).version)


def close(here: Town, actor: Actor, request_id: str) -> None:
    number = version(here, PlacementRequest, request_id)
    do(here, actor, lambda tx: intake.close(tx, actor, request_id, Outcome.OWN_SOLUTION, number))


def arrived(here: Town) -> tuple[str, str]:
    """Somebody who lives somewhere: (request, stay)."""
    provider = here.provider()
    request_id, stay_id = here.placed(here.coordinator(), provider, days=30)
    do(here, provider, lambda tx: staying.confirm_arrival(tx, provider, stay_id, 1))
    course.follow_up(here.database)
    return request_id, stay_id


# --- a request waits ------------------------------------------------------------------------------------------------


def no_proposal(here: Town) -> Iterator[str]:
    """Places were sought for five minutes, and there is none."""
    request_id = here.request(here.coordinator())
    here.match()
    here.clock.turn(minutes=5, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    here.location()
    here.match()
    yield f"request:{request_id}"


def only_stale(here: Town) -> Iterator[str]:
    """All that is proposed rests on figures that nobody trusts any more."""
    house = here.location(confirmed_minutes_ago=17 * 60)
    request_id = here.request(here.coordinator())
    here.match()
    assert here.proposals(request_id) == [house]
    here.clock.turn(minutes=5, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    provider = here.provider()
    do(here, provider, lambda tx: registry.confirm_unchanged(tx, provider, house))
    yield f"request:{request_id}"


def all_declined(here: Town) -> Iterator[str]:
    """Who was asked said no, and nobody else is asked."""
    provider, coordinator = here.provider(), here.coordinator()
    here.location()
    here.location("ander")
    request_id = here.request(coordinator)
    here.match()
    offer_id = here.offer(coordinator, request_id)
    asked = next(one.location_id for one in here.offers())
    yield f"request:{request_id}"
    provider = here.provider("aanbieder" if asked == "loc-1" else "ander")
    do(here, provider, lambda tx: placing.decline(tx, provider, offer_id, "other"))
    yield f"request:{request_id}"
    here.match()
    here.offer(coordinator, request_id)
    yield f"request:{request_id}"


def deadline_near(here: Town) -> Iterator[str]:
    """Nobody was asked yet a quarter of an hour before the deadline."""
    coordinator = here.coordinator()
    here.location()
    request_id = here.request(coordinator)
    here.match()
    here.clock.turn(minutes=45, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    here.offer(coordinator, request_id)
    yield f"request:{request_id}"


def deadline(here: Town) -> Iterator[str]:
    """It is an hour later, and whoever asked still waits."""
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    here.clock.turn(minutes=60, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    close(here, coordinator, request_id)
    yield f"request:{request_id}"


def minor_alone(here: Town) -> Iterator[str]:
    """A child without anybody."""
    coordinator = here.coordinator()
    here.request(coordinator, persons=[{"sex": "f", "age": 34}, {"sex": "f", "age": 12, "parent": 0}])
    yield ""
    request_id = here.request(coordinator, persons=[{"sex": "f", "age": 17}], urgency="planned")
    yield f"request:{request_id}"
    close(here, coordinator, request_id)
    yield f"request:{request_id}"


def no_feedback(here: Town) -> Iterator[str]:
    """The police brought somebody, and heard nothing for an hour."""
    police = here.police()
    officer_on_shift = here.duty_officer()
    here.location()
    request_id = here.request(police)
    here.match()
    course.follow_up(here.database)
    here.clock.turn(minutes=60, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    here.offer(officer_on_shift, request_id)
    course.follow_up(here.database)
    yield f"request:{request_id}"


# --- an offer waits -------------------------------------------------------------------------------------------------


def offered(here: Town, **fields: object) -> tuple[str, str]:
    """(Request, offer) of somebody for whom a house was asked."""
    coordinator = here.coordinator()
    here.location()
    request_id = here.request(coordinator, **fields)
    here.match()
    return request_id, here.offer(coordinator, request_id)


def offer_unanswered(here: Town) -> Iterator[str]:
    """The house says nothing for ten minutes."""
    provider = here.provider()
    _, offer_id = offered(here)
    here.clock.turn(minutes=10, seconds=-1)
    yield f"offer:{offer_id}"
    here.clock.turn(seconds=1)
    yield f"offer:{offer_id}"
    here.accept(provider, offer_id)
    yield f"offer:{offer_id}"


def hold_near_lapse(here: Town) -> Iterator[str]:
    """In five minutes the bed is let go."""
    _, offer_id = offered(here)
    here.clock.turn(minutes=15, seconds=-1)
    yield f"offer:{offer_id}"
    here.clock.turn(seconds=1)
    yield f"offer:{offer_id}"
    here.clock.turn(minutes=5)
    assert placing.lapse_due(here.database) == 1
    yield f"offer:{offer_id}"


def nobody_authorised(here: Town) -> Iterator[str]:
    """At night the desk decides on this pool, and nobody is on duty."""
    here.national_desk()
    coordinator = here.coordinator()
    here.location(pool="COSM")
    request_id = here.request(coordinator, residence="none")
    here.match()
    yield ""
    offer_id = here.offer(coordinator, request_id)
    yield f"offer:{offer_id}"
    here.duty_officer()
    yield f"offer:{offer_id}"


def decision_overdue(here: Town) -> Iterator[str]:
    """Another organisation was asked to take a request over, and does not say."""
    coordinator = here.coordinator()
    here.coordinator("VR13")
    request_id = here.request(coordinator)
    do(here, coordinator, lambda tx: course.offer_transfer(tx, coordinator, request_id, "org-zorgcoordinatie-VR13"))
    here.clock.turn(days=1, seconds=-1)
    yield f"request:{request_id}"
    here.clock.turn(seconds=1)
    yield f"request:{request_id}"
    with here.database.reading() as tx:
        transfer = course.queries.live_transfer(tx, request_id)
    assert transfer is not None
    do(here, coordinator, lambda tx: course.withdraw_transfer(tx, coordinator, transfer.id))
    yield f"request:{request_id}"


def approval_overdue(here: Town) -> Iterator[str]:
    """Placed in a crisis without waiting for the desk, who should have approved within twelve hours."""
    desk = here.national_desk()
    with here.database.transaction() as tx:
        policy.write(tx, policy.Authority(crisis_after_minutes={"OMM": 10}), "a crisis path")
    on_shift, provider, coordinator = here.duty_officer(), here.provider(), here.coordinator()
    here.clock.turn(days=1, hours=12)  # by day the desk itself decides
    here.location(pool="OMM")
    request_id = here.request(coordinator, facts={"psychiatric": "yes"})
    here.match()
    offer_id = here.offer(coordinator, request_id)
    here.accept(provider, offer_id)
    here.clock.turn(minutes=10)
    do(here, on_shift, lambda tx: placing.place_in_crisis(tx, on_shift, offer_id))
    here.clock.turn(hours=12, seconds=-1)
    yield f"offer:{offer_id}"
    here.clock.turn(seconds=1)
    yield f"offer:{offer_id}"
    do(here, desk, lambda tx: reviews.approve_afterwards(tx, desk, offer_id, approved=True))
    yield f"offer:{offer_id}"


# --- where somebody is, and where they go ---------------------------------------------------------------------------


def _bridge(here: Town, kind: str) -> Iterator[str]:
    coordinator = here.coordinator()
    request_id = here.request(coordinator, urgency="planned")
    yield f"request:{request_id}"
    shape = BridgeIn.model_validate({"kind": kind, "municipality": "GM0599"})
    with here.database.transaction(coordinator.account_id) as tx:
        bridge_id = course.record_bridge(tx, coordinator, request_id, shape).id
    yield f"request:{request_id}"
    do(here, coordinator, lambda tx: course.end_bridge(tx, coordinator, bridge_id))
    yield f"request:{request_id}"


def bridge(here: Town) -> Iterator[str]:
    """An hotel is a bridge."""
    yield from _bridge(here, "hotel")


def police_cell(here: Town) -> Iterator[str]:
    """A cell is one that rings by itself."""
    yield from _bridge(here, "police_cell")


def apart_conflict(here: Town) -> Iterator[str]:
    """Two live in one house of whom it turns out that they must be kept apart."""
    provider = here.provider()
    here.location(places=(1, 1))
    first, _ = arrived(here)
    second, stay_id = arrived(here)
    yield f"request:{first}"
    with here.database.transaction() as tx:
        code = tx.session.get_one(PlacementRequest, second).short_code
        tx.session.add(KeptApart(request_id=first, other_code=code))
    yield f"request:{first}"
    number = version(here, Stay, stay_id)
    do(here, provider, lambda tx: staying.depart(tx, provider, stay_id, "own_home", number))
    yield f"request:{first}"


def no_destination(here: Town) -> Iterator[str]:
    """Somebody left, and nobody knows where to."""
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = arrived(here)
    yield f"request:{request_id}"
    number = version(here, Stay, stay_id)
    do(here, provider, lambda tx: staying.depart(tx, provider, stay_id, "unknown", number))
    course.follow_up(here.database)
    yield f"request:{request_id}"
    number = version(here, Stay, stay_id)
    do(here, coordinator, lambda tx: course.learn_destination(tx, coordinator, stay_id, "missing_reported", number))
    yield f"request:{request_id}"


def b8_end(here: Town) -> Iterator[str]:
    """A right to stay ends in thirty days."""
    coordinator = here.coordinator()
    here.location()
    request_id, stay_id = arrived(here)
    said = {"state": "open", "owner": "coordinator", "endsOn": date(2026, 12, 31)}

    def keep(state: str, number: int) -> None:
        shape = AftercareIn.model_validate({**said, "state": state, "version": number})
        do(here, coordinator, lambda tx: course.keep_aftercare(tx, coordinator, stay_id, AftercareItem.B8, shape))
        course.follow_up(here.database)

    keep("open", 1)
    yield f"request:{request_id}"
    here.clock.turn(days=11)
    course.follow_up(here.database)
    yield f"request:{request_id}"
    keep("done", 2)
    yield f"request:{request_id}"


# --- figures, places, people ----------------------------------------------------------------------------------------


def figures_stale(here: Town) -> Iterator[str]:
    """A figure is stale for a day: sixteen hours, and twenty-four more."""
    provider = here.provider()
    house = here.location(confirmed_minutes_ago=0)
    here.clock.turn(hours=40, seconds=-120)
    yield f"location:{house}"
    here.clock.turn(seconds=60)
    yield f"location:{house}"
    do(here, provider, lambda tx: registry.confirm_unchanged(tx, provider, house))
    yield f"location:{house}"


def unconditional_low(here: Town) -> Iterator[str]:
    """The last place that shuts nobody out is taken."""
    provider = here.provider()
    here.location(places=(1,))
    yield "country"
    _, stay_id = here.placed(here.coordinator(), provider)
    yield "country"
    do(here, provider, lambda tx: staying.not_arrived(tx, provider, stay_id, 1))
    yield "country"


def capacity_short(here: Town) -> Iterator[str]:
    """More wait in a region than there are places."""
    here.location(region="VR17", places=(1,))
    here.request(here.coordinator())
    yield "region:VR17"
    request_id = here.request(here.coordinator())
    yield "region:VR17"
    close(here, here.coordinator(), request_id)
    yield "region:VR17"


def cooperation_stalled(here: Town) -> Iterator[str]:
    """A house lets three offers lapse, one after another."""
    provider, coordinator = here.provider(), here.coordinator()
    house = here.location(places=(1,))

    def ask() -> str:
        request_id = here.request(coordinator)
        here.match()
        return here.offer(coordinator, request_id)

    for number in range(3):
        if number == 2:
            yield f"location:{house}"
        ask()
        here.clock.turn(minutes=20)
        assert placing.lapse_due(here.database) == 1
        for one in here.offers():
            if version(here, PlacementRequest, one.request_id) and here.status(one.request_id) != "closed":
                close(here, coordinator, one.request_id)
    yield f"location:{house}"
    here.accept(provider, ask())
    yield f"location:{house}"


def roster_gap(here: Town) -> Iterator[str]:
    """In three days somebody has to stand there, and nobody is planned."""
    account = officer(here, "regio", "VR17", REGIONAL)
    lined = line(here, REGIONAL, "VR17")
    plan(here, lined, account, hours=(-1, 100))
    roster.keep_due(here.database)
    here.clock.turn(hours=28, seconds=-1)
    yield _gap(here)
    here.clock.turn(seconds=1)
    yield _gap(here)
    plan(here, lined, account, hours=(72, 72 + 24 * 13))
    plan(here, lined, account, hours=(72 + 24 * 13, 72 + 24 * 26))
    plan(here, lined, account, hours=(72 + 24 * 26, 72 + 24 * 30))
    roster.keep_due(here.database)
    yield _gap(here)


def _gap(here: Town) -> str:
    with here.database.reading() as tx:
        return f"slot:{tx.session.exec(select(RosterGap.id).order_by(col(RosterGap.from_at)).limit(1)).one()}"


STORIES: dict[Trigger, tuple[Story, ...]] = {
    Trigger.NO_PROPOSAL: (no_proposal,),
    Trigger.ONLY_STALE: (only_stale,),
    Trigger.OFFER_UNANSWERED: (offer_unanswered,),
    Trigger.HOLD_NEAR_LAPSE: (hold_near_lapse,),
    Trigger.ALL_DECLINED: (all_declined,),
    Trigger.DEADLINE_NEAR: (deadline_near,),
    Trigger.DEADLINE: (deadline,),
    Trigger.BRIDGE: (bridge,),
    Trigger.POLICE_CELL: (police_cell,),
    Trigger.APART_CONFLICT: (apart_conflict,),
    Trigger.FIGURES_STALE: (figures_stale,),
    Trigger.UNCONDITIONAL_LOW: (unconditional_low,),
    Trigger.NOBODY_AUTHORISED: (nobody_authorised,),
    Trigger.MINOR_ALONE: (minor_alone,),
    Trigger.ROSTER_GAP: (roster_gap,),
    Trigger.B8_END: (b8_end,),
    Trigger.NO_DESTINATION: (no_destination,),
    Trigger.NO_FEEDBACK: (no_feedback,),
    Trigger.CAPACITY_SHORT: (capacity_short,),
    Trigger.COOPERATION_STALLED: (cooperation_stalled,),
    Trigger.DECISION_OVERDUE: (decision_overdue, approval_overdue),
}


def of_trigger(here: Town, trigger: Trigger) -> list[tuple[str, bool, int]]:
    """(Subject, whether it is live, how many rungs rang) of everything this trigger opened."""
    with here.database.reading() as tx:
        return [
            (found.subject, found.ended_at is None, len(_rungs(tx, found.id)))
            for found in tx.session.exec(
                select(Escalation).where(Escalation.trigger == trigger).order_by(col(Escalation.opened_at))
            )
        ]


def _rungs(tx: Tx, escalation_id: str) -> list[Alarm]:
    return list(tx.session.exec(select(Alarm).where(Alarm.escalation_id == escalation_id)))


def test_every_trigger_has_its_story() -> None:
    assert set(STORIES) == set(Trigger)


def test_a_proposal_that_is_gone_counts_from_when_it_went(database_url: str) -> None:
    """One may stand there for an hour, and again later: nobody is rung for time in which there was one."""
    here = town(database_url, ladder=policy.Ladder())
    house, provider = here.location(places=(1,)), here.provider()
    request_id = here.request(here.coordinator(), urgency="now")

    def pause() -> None:
        do(here, provider, lambda tx: registry.pause_intake(tx, provider, house, "staffing", None))

    def look(**later: float) -> list[tuple[str, bool, datetime]]:
        here.clock.turn(**later)
        here.match()
        service.run_due(here.database)
        with here.database.reading() as tx:
            found = tx.session.exec(select(Escalation).where(Escalation.trigger == Trigger.NO_PROPOSAL))
            return sorted((one.subject, one.ended_at is None, one.due_at) for one in found)

    assert look() == []
    assert look(minutes=50) == []
    pause()
    assert look() == []
    assert look(minutes=5, seconds=-1) == []
    subject, first = f"request:{request_id}", here.clock.at + timedelta(seconds=1)
    assert look(seconds=1) == [(subject, True, first)], "due now, and none of its rungs before"
    do(here, provider, lambda tx: registry.resume_intake(tx, provider, house))
    assert look() == [(subject, False, first)]
    pause()
    assert look() == [(subject, False, first)]
    assert look(minutes=5) == [(subject, False, first), (subject, True, here.clock.at)], "and again"
    here.database.close()


@pytest.mark.parametrize(
    ("trigger", "story"),
    [pytest.param(trigger, one, id=one.__name__) for trigger, told in STORIES.items() for one in told],
)
def test_it_rings_when_it_is_due_and_once_and_ends_with_its_cause(
    sqlite_url: str, trigger: Trigger, story: Story
) -> None:
    here = town(sqlite_url, ladder=policy.Ladder())
    moments = story(here)

    def look() -> list[tuple[str, bool, int]]:
        here.clock.turn(minutes=1 if COUNTED & {trigger} else 0)  # what has to be counted is counted once a minute
        service.run_due(here.database)
        return of_trigger(here, trigger)

    next(moments)
    assert look() == [], "not yet"
    subject = next(moments)
    (rings,) = look()
    assert rings[:2] == (subject, True)
    assert rings[2] >= 1, "its first rung rang"
    assert look() == [rings], "once"
    assert next(moments) == subject
    assert [one[:2] for one in look()] == [(subject, False)], "over"
    here.clock.turn(hours=5)
    assert [one for one in look() if one[0] == subject and not one[1]], "and stays so"
    assert next(moments, None) is None
    here.database.close()


COUNTED = frozenset(
    {Trigger.FIGURES_STALE, Trigger.UNCONDITIONAL_LOW, Trigger.CAPACITY_SHORT, Trigger.COOPERATION_STALLED}
)
