"""Firing what came due, claiming alarms, and ending them when their request no longer waits."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Verb, reach
from nrm.access.service import require
from nrm.course import queries as course
from nrm.course.models import Signal
from nrm.db import Database, Tx
from nrm.errors import Conflict, NotFound
from nrm.escalation import rules
from nrm.escalation.models import Alarm, Heartbeat
from nrm.escalation.rules import Trigger
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED
from nrm.notify import service as notify
from nrm.policy import Rung

BATCH = 500

ON_LADDER = (Trigger.DEADLINE, Trigger.MINOR_ALONE)
"""Triggers that climb rung by rung as long as the request waits; the others follow from a signal."""

_KIND_OF_ROLE = {
    "duty_officer": OrganisationKind.NATIONAL_DESK,
    "coordinator_regional": OrganisationKind.CHAIN_DIRECTION,
    "national_desk": OrganisationKind.NATIONAL_DESK,
    "national_coordinator": OrganisationKind.NATIONAL_COORDINATION,
}


def run_due(database: Database) -> int:
    """Fire every rung that is due, a request's rungs with their effects in one transaction. Returns how many fired.

    A request with several rungs overdue (the worker was down) fires them all, in order, each once. One that fails
    silences no other: its error is raised when all others have fired.
    """
    with database.reading() as tx:
        signals = course.due_signals(tx, BATCH)
    fired = database.each(signals, _fire_signal)
    while due := _due(database):
        fired_now = database.each(due, _fire_due)
        if fired_now == 0:
            break  # others are firing the same rungs; they will be gone at the next tick
        fired += fired_now
    return fired


def end_answered(database: Database) -> int:
    """End the alarms of requests that no longer wait and of signals that are over, and stop their unsent messages.

    Returns how many ended.
    """
    with database.reading() as tx:
        done = [
            *tx.session.exec(
                select(Alarm.id)
                .join(PlacementRequest, col(PlacementRequest.id) == Alarm.request_id)
                .where(
                    col(Alarm.ended_at).is_(None),
                    col(Alarm.trigger).in_(ON_LADDER),
                    col(PlacementRequest.status).not_in(UNPLACED),
                )
                .limit(BATCH)
            ),
            *tx.session.exec(
                select(Alarm.id)
                .join(
                    Signal,
                    (col(Signal.request_id) == Alarm.request_id)
                    & (col(Signal.kind) == Alarm.trigger)
                    & (col(Signal.number) == Alarm.rung),
                )
                .where(col(Alarm.ended_at).is_(None), col(Signal.over_at).is_not(None))
                .limit(BATCH)
            ),
        ]
    return database.each(done, _end)


def _end(tx: Tx, alarm_id: str) -> bool:
    ended = tx.affected(
        update(Alarm).where(col(Alarm.id) == alarm_id, col(Alarm.ended_at).is_(None)).values(ended_at=tx.now)
    )
    if ended:
        notify.cancel(tx, f"alarm:{alarm_id}")
        tx.record("alarm.ended", f"alarm:{alarm_id}", "alarms")
    return bool(ended)


def claim(tx: Tx, actor: Actor, alarm_id: str) -> None:
    """Take an alarm: one person, atomically; unsent messages about it stop."""
    require(actor, Verb.ALARM_CLAIM)
    alarm = tx.session.get(Alarm, alarm_id)
    request = tx.session.get(PlacementRequest, alarm.request_id) if alarm else None
    if alarm is None or request is None or not _in_reach(actor, request):
        raise NotFound("no_alarm")
    request_id = request.id
    tx.guarded(
        update(Alarm)
        .where(col(Alarm.id) == alarm_id, col(Alarm.claimed_by).is_(None), col(Alarm.ended_at).is_(None))
        .values(claimed_by=actor.account_id, claimed_at=tx.now),
        Conflict("already_claimed"),
    )
    notify.cancel(tx, f"alarm:{alarm_id}")
    tx.record("alarm.claimed", f"request:{request_id}", "alarms", alarm=alarm_id)


def claim_all(tx: Tx, actor: Actor, alarm_id: str) -> None:
    """Take an alarm and with it every other rung that rings for the same request: it is one person who waits."""
    claim(tx, actor, alarm_id)
    others = select(Alarm.id).where(
        Alarm.request_id == tx.session.get_one(Alarm, alarm_id).request_id,
        col(Alarm.claimed_by).is_(None),
        col(Alarm.ended_at).is_(None),
    )
    for other in tx.session.exec(others).all():
        claim(tx, actor, other)


def beat(database: Database, part: str) -> None:
    """Note that a part works."""
    with database.transaction() as tx:
        if not tx.affected(update(Heartbeat).where(col(Heartbeat.part) == part).values(at=tx.now)):
            tx.session.add(Heartbeat(part=part, at=tx.now))


def _in_reach(actor: Actor, request: PlacementRequest) -> bool:
    if request.refuses_police and actor.investigative:
        return False
    return reach(actor) in {None, request.region_code}


def _due(database: Database) -> list[str]:
    with database.reading() as tx:
        return list(
            tx.session.exec(
                select(PlacementRequest.id)
                .where(
                    col(PlacementRequest.rung_due_at).is_not(None),
                    col(PlacementRequest.rung_due_at) <= tx.now,
                    col(PlacementRequest.status).in_(UNPLACED),
                )
                .order_by(col(PlacementRequest.rung_due_at), PlacementRequest.id)
                .limit(BATCH)
            )
        )


def _fire_due(tx: Tx, request_id: str) -> int:
    """Fire every rung of one request that is due by now, in order."""
    fired = 0
    while _fire(tx, request_id):
        fired += 1
    return fired


def _fire(tx: Tx, request_id: str) -> bool:
    """Fire the due rung of one request: advance the due moment, write the alarm, queue its messages. All or none.

    The guarded update is the claim: whoever moves the rung on writes the alarm, in the same transaction.
    """
    request = tx.session.get(PlacementRequest, request_id)
    if request is None or request.rung_due_at is None or request.rung_due_at > tx.now:
        return False
    number, due_at = request.rung_next, request.rung_due_at
    trigger = Trigger.MINOR_ALONE if request.minor_alone else Trigger.DEADLINE
    ladder = policy.at_version(tx, policy.Ladder, request.ladder_version)
    pace = 100
    if course.live_bridge(tx, request_id):
        pace = policy.current(tx, policy.Course)[1].bridge_pace_percent
    step = rules.step(ladder.lines[-1], number - request.rung_first, due_at, pace)
    moved = tx.affected(
        update(PlacementRequest)
        .where(
            col(PlacementRequest.id) == request_id,
            col(PlacementRequest.rung_next) == number,
            col(PlacementRequest.rung_due_at) == due_at,
            col(PlacementRequest.status).in_(UNPLACED),
        )
        .values(
            rung_next=number + 1 if step else number,
            rung_due_at=step.next_due_at if step else None,
        )
    )
    if not moved or step is None:
        return False
    rung, request = step.rung, tx.session.get_one(PlacementRequest, request_id)
    _ring(tx, request, trigger, number, rung.role, _addressees(tx, rung.role, request), due_at, rung.channels)
    return True


_SIGNALLED = Rung(after_minutes=0, role="duty_officer")
"""Whom a signal goes to: the desk that is awake."""


def _fire_signal(tx: Tx, signal_id: str) -> bool:
    """Make an alarm of a signal. The guarded update is the claim, as with a rung."""
    claimed = tx.affected(
        update(Signal)
        .where(col(Signal.id) == signal_id, col(Signal.fired_at).is_(None), col(Signal.over_at).is_(None))
        .values(fired_at=tx.now)
    )
    if not claimed:
        return False
    signal = tx.session.get_one(Signal, signal_id)
    request = tx.session.get_one(PlacementRequest, signal.request_id)
    trigger, number, due_at = Trigger(signal.kind), signal.number, signal.due_at
    if trigger is Trigger.B8_END:
        owner = access.organisation(tx, request.owner_organisation_id)
        role = "coordinator" if owner.kind == OrganisationKind.CARE_COORDINATION else _SIGNALLED.role
        # Who has no mailbox may not look at its screen for weeks: then the desk hears it too.
        desks = [] if owner.email else _addressees(tx, _SIGNALLED.role, request)
        _ring(tx, request, trigger, number, role, [owner, *(one for one in desks if one.id != owner.id)], due_at)
    else:
        _ring(tx, request, trigger, number, _SIGNALLED.role, _addressees(tx, _SIGNALLED.role, request), due_at)
    return True


def _ring(
    tx: Tx,
    request: PlacementRequest,
    trigger: Trigger,
    number: int,
    role: str,
    told: list[Organisation],
    due_at: datetime,
    channels: tuple[str, ...] = _SIGNALLED.channels,
) -> None:
    """Write an alarm and queue its messages."""
    request_id = request.id
    alarm_id = tx.new_id()
    reached = 0
    for organisation in told:
        for channel in channels:
            recipient = organisation.email if channel == "email" else organisation.id
            if recipient and notify.queue(
                tx,
                f"{request_id}/{trigger}/{number}/{organisation.id}/{channel}",
                f"alarm:{alarm_id}",
                channel,
                recipient,
                *_words(role, request, trigger),
            ):
                reached += 1
    tx.session.add(
        Alarm(
            id=alarm_id,
            request_id=request_id,
            trigger=trigger,
            rung=number,
            role=role,
            due_at=due_at,
            fired_at=tx.now,
            reached=reached,
        )
    )
    tx.session.flush()
    tx.record(
        "alarm.fired",
        f"request:{request_id}",
        "alarms",
        "requests",
        alarm=alarm_id,
        trigger=trigger,
        rung=number,
        role=role,
        reached=reached,
        late_seconds=int((tx.now - due_at) / timedelta(seconds=1)),
    )


def _words(role: str, request: PlacementRequest, trigger: Trigger) -> tuple[str, str]:
    """Subject and text of an alarm: the code of the request for whoever may act on it, and no facts of the case."""
    if trigger is Trigger.B8_END:
        return (
            f"Opvangvraag {request.short_code}: er loopt binnenkort iets af",
            f"Bij de aanvraag met code {request.short_code} loopt binnenkort iets af.\nLog in om te zien wat.",
        )
    if trigger not in ON_LADDER:
        return (
            f"Alarm: opvangvraag {request.short_code} vraagt nu iemand",
            f"Bij de aanvraag met code {request.short_code} is nu iemand nodig.\nLog in om te zien waarom.",
        )
    if role == "national_coordinator":
        return (
            f"Alarm: een opvangvraag wacht te lang ({request.region_code})",
            "Een aanvraag wacht op opvang en de termijn is voorbij. Log in voor de cijfers.",
        )
    return (
        f"Alarm: opvangvraag {request.short_code} wacht te lang",
        f"De aanvraag met code {request.short_code} wacht op opvang en de termijn is voorbij.\n"
        "Log in om het alarm op u te nemen.",
    )


def _addressees(tx: Tx, role: str, request: PlacementRequest) -> list[Organisation]:
    """The organisations a rung speaks to: of the role's kind, in the request's region where they have one."""
    return [
        organisation
        for organisation in access.organisations_of_kind(tx, _KIND_OF_ROLE[role])
        if organisation.region_code in {None, request.region_code}
    ]
