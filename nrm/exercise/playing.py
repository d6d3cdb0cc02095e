"""What the script does: its steps when they are due, and what somebody would do whom nobody plays.

Everything goes through the services, in the name of the person whose turn it is, one transaction per act. A step is
played once: its row is claimed in the transaction of the act. What people who are not played do next follows from how
things stand, so that nothing is done twice after a crash, and nothing that a participant did already is done again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access import service as access_service
from nrm.access.models import Account
from nrm.access.rules import Actor, Role
from nrm.clock import PacedClock
from nrm.db import SYSTEM, Database, Tx
from nrm.errors import NrmError
from nrm.escalation import queries as alarms
from nrm.escalation import service as escalation
from nrm.escalation.models import Escalation
from nrm.exercise import people, queries, service
from nrm.exercise.models import ExerciseManner, ExerciseStep
from nrm.exercise.rules import (
    ANSWERS_AFTER,
    ARRIVES_AFTER,
    ASKS_AFTER,
    CLAIMS_AFTER,
    DECLINING,
    MANNERS,
    PHONES_FOR,
    RAID_PERSONS,
    STRIDE,
    TAKES_OVER_AFTER,
    Manner,
    Outcome,
    StepKind,
)
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest, PreAlert
from nrm.intake.rules import RequestStatus
from nrm.intake.schemas import PreAlertIn, RequestIn
from nrm.placing import queries as placing_queries
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.models import Offer, OfferAnswer, Stay
from nrm.placing.rules import OfferStatus, StayStatus
from nrm.placing.schemas import OfferToAnswerOut
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.models import Location
from nrm.registry.rules import TRUSTED, PlaceState
from nrm.youth import queries as youth_queries
from nrm.youth import service as youth
from nrm.youth.models import YouthAsk

ANNOUNCED_FOR = timedelta(hours=4)

log = structlog.get_logger()


class Player:
    """Keeps the clock of the exercise as its leader wants it, and plays what nobody else does."""

    def __init__(self, database: Database, clock: PacedClock) -> None:
        self._database = database
        self._clock = clock

    def round(self, tick: Callable[[], object]) -> bool:
        """One round: the clock, the script, and then a tick of the worker unless it is out. True: go on at once."""
        with self._database.reading() as tx:
            found = queries.exercise(tx)
        hurry = found.skip_to is not None and found.ended_at is None
        self._clock.run(0 if hurry or found.ended_at or not found.started_at else found.pace)
        if hurry and found.skip_to:
            self._clock.turn(min(found.skip_to, self._clock.now() + STRIDE))
        if found.started_at and not found.ended_at:
            play_due(self._database)
        with self._database.reading() as tx:
            out = queries.outage(tx) is not None
        if not out:
            tick()
        if found.skip_to and self._clock.now() >= found.skip_to:
            with self._database.transaction() as tx:
                service.arrived(tx, found.skip_to)
        return hurry


def play_due(database: Database) -> int:
    """Play every step that is due, then what everybody who is not played would do now. Returns how many acts."""
    with database.reading() as tx:
        steps = queries.due_steps(tx)
        out = queries.outage(tx)
        over = out.number if out and out.until and out.until <= tx.now else None
    if over is not None:
        with database.transaction() as tx:
            step = tx.session.get_one(ExerciseStep, over)
            if step.over_at is None:
                service.outage_over(tx, step)
    done = sum(_play(database, number) for number in steps)
    for act in _wanted(database):
        done += _do(database, act)
    return done


# --- steps ----------------------------------------------------------------------------------------------------------


def _play(database: Database, number: int) -> int:
    """Play one step. What it cannot do as things stand is noted as refused: the night goes on without it."""
    with database.reading() as tx:
        step = tx.session.get_one(ExerciseStep, number)
        kind, lasts = StepKind(step.kind), step.lasts_minutes
        actor = by_login(tx, _BEGUN_BY[kind]) if kind in _BEGUN_BY else None
    try:
        with database.transaction(actor.account_id if actor else SYSTEM) as tx:
            if not claim_step(tx, number):
                return 0
            outcome = _STEPS[kind](tx, actor) if actor else _by_itself(tx, kind, number, lasts)
            _note(tx, number, kind, outcome)
    except NrmError as error:
        log.warning("step of the exercise refused", step=kind, code=error.code)
        with database.transaction() as tx:
            if not claim_step(tx, number):
                return 0
            _note(tx, number, kind, Outcome.REFUSED)
    return 1


def claim_step(tx: Tx, number: int) -> bool:
    """Take a step to play it: true for one caller only, and for nobody when the act fails with it."""
    unplayed = (col(ExerciseStep.number) == number, col(ExerciseStep.played_at).is_(None))
    return bool(tx.affected(update(ExerciseStep).where(*unplayed).values(played_at=tx.now)))


def _note(tx: Tx, number: int, kind: StepKind, outcome: Outcome) -> None:
    step = tx.session.get_one(ExerciseStep, number)
    step.outcome = outcome
    tx.session.add(step)
    tx.session.flush()
    tx.record("exercise.step_played", service.ABOUT, service.TOPIC, step=number, step_kind=kind, outcome=outcome)


def _by_itself(tx: Tx, kind: StepKind, number: int, lasts_minutes: int) -> Outcome:
    """What happens without anybody doing it."""
    if kind is StepKind.OUTAGE:
        step = tx.session.get_one(ExerciseStep, number)
        step.until = tx.now + timedelta(minutes=lasts_minutes)
        tx.session.add(step)
        tx.session.flush()
        return Outcome.PLAYED
    # The figure grows old by itself; somebody who confirmed it in time is what an exercise hopes for.
    assert kind is StepKind.FIGURE_STALE, kind
    bands = policy.current(tx, policy.Freshness)[1].bands
    began = queries.exercise(tx).starts_at
    for view in registry.locations(tx):
        aging = timedelta(minutes=bands[view.location.pool].aging_minutes)  # type: ignore[index]
        if view.confirmed_at and began < view.confirmed_at + aging <= tx.now:
            return Outcome.PLAYED
    return Outcome.BY_PEOPLE


def _come_on_duty(tx: Tx, actor: Actor) -> Outcome:
    if actor.on_shift:
        return Outcome.BY_PEOPLE
    access_service.start_shift(tx, actor)
    return Outcome.PLAYED


def _announce(tx: Tx, actor: Actor) -> Outcome:
    if tx.session.exec(select(PreAlert.id).where(PreAlert.organisation_id == actor.organisation_id)).first():
        return Outcome.BY_PEOPLE
    shape = PreAlertIn(
        region=people.REGION,
        from_at=tx.now + timedelta(minutes=30),
        until_at=tx.now + ANNOUNCED_FOR,
        persons=RAID_PERSONS,
    )
    intake.announce(tx, actor, shape)
    return Outcome.PLAYED


def _raid(tx: Tx, actor: Actor) -> Outcome:
    grouped = select(PlacementRequest.id).where(
        PlacementRequest.submitted_organisation_id == actor.organisation_id, col(PlacementRequest.group_id).is_not(None)
    )
    if tx.session.exec(grouped.limit(1)).first():
        return Outcome.BY_PEOPLE
    intake.submit_group(tx, actor, people.RAID)
    return Outcome.PLAYED


def _ask(shape: RequestIn) -> Callable[[Tx, Actor], Outcome]:
    def ask(tx: Tx, actor: Actor) -> Outcome:
        intake.submit(tx, actor, shape)
        return Outcome.PLAYED

    return ask


def _close_house(tx: Tx, actor: Actor) -> Outcome:
    """The house of a provider with most places to give takes nobody in for two hours."""
    views = [view for view in registry.locations(tx, organisation_id=actor.organisation_id) if view.intake_open]
    if not views:
        return Outcome.BY_PEOPLE
    found = max(views, key=lambda view: (view.count(PlaceState.FREE), view.location.id))
    registry_service.pause_intake(tx, actor, found.location.id, "staffing", tx.now + timedelta(hours=2))
    return Outcome.PLAYED


_BEGUN_BY = {
    StepKind.ON_DUTY: people.DUTY_OFFICER,
    StepKind.PRE_ALERT: people.POLICE,
    StepKind.RAID: people.POLICE,
    StepKind.MOTHER_AND_CHILD: people.COORDINATOR,
    StepKind.MINOR_ALONE: people.COORDINATOR_UTRECHT,
    StepKind.HOUSE_CLOSES: people.CLOSING_HOUSE,
}
_STEPS: dict[StepKind, Callable[[Tx, Actor], Outcome]] = {
    StepKind.ON_DUTY: _come_on_duty,
    StepKind.PRE_ALERT: _announce,
    StepKind.RAID: _raid,
    StepKind.MOTHER_AND_CHILD: _ask(people.MOTHER_AND_CHILD),
    StepKind.MINOR_ALONE: _ask(people.MINOR_ALONE),
    StepKind.HOUSE_CLOSES: _close_house,
}


# --- people whom nobody plays ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Act:
    """Something that somebody whom nobody plays does now."""

    name: str
    account_id: str
    do: Callable[[Tx, Actor], object]


def _wanted(database: Database) -> list[_Act]:
    """What everybody whom nobody plays would do now. Who has nothing before them is not looked at."""
    with database.reading() as tx:
        since = queries.exercise(tx).started_at
        if since is None:
            return []
        there = queries.played_by_people(tx)
        busy = {find: where(tx) for find, where in _BEFORE_THEM.items()}
        acts: list[_Act] = []
        for actor in _everybody(tx):
            if actor.account_id not in there:
                for find, bodies in busy.items():
                    if bodies is None or actor.organisation_id in bodies:
                        acts += find(tx, actor, since)
    return acts


def _asked_bodies(tx: Tx) -> set[str]:
    """The organisations whose answer somebody waits for since a while."""
    query = (
        select(OfferAnswer.organisation_id)
        .join(Offer, col(Offer.id) == OfferAnswer.offer_id)
        .where(Offer.status == OfferStatus.LIVE, col(OfferAnswer.answer).is_(None))
        .where(Offer.sent_at <= tx.now - ANSWERS_AFTER)
    )
    return set(tx.session.exec(query))


def _owning_bodies(tx: Tx) -> set[str]:
    """The organisations with a request of which nobody was asked yet, or not any more."""
    query = select(PlacementRequest.owner_organisation_id).where(
        PlacementRequest.status == RequestStatus.OPEN, col(PlacementRequest.minor_alone).is_(False)
    )
    return set(tx.session.exec(query))


def _expecting_bodies(tx: Tx) -> set[str]:
    """The organisations at whose houses somebody should have arrived by now."""
    query = (
        select(Location.organisation_id)
        .join(Stay, col(Stay.location_id) == Location.id)
        .where(Stay.status == StayStatus.PLANNED, Stay.planned_at <= tx.now - ARRIVES_AFTER)
    )
    return set(tx.session.exec(query))


def _youth_bodies(tx: Tx) -> set[str]:
    """The organisations that were asked to take over a minor and did not answer."""
    return set(tx.session.exec(select(YouthAsk.organisation_id).where(col(YouthAsk.answer).is_(None))))


def _ringing_bodies(tx: Tx) -> set[str] | None:
    """Everybody's (None) while an alarm rings that nobody took; else nobody's."""
    query = select(Escalation.id).where(
        col(Escalation.ended_at).is_(None),
        col(Escalation.claim_until).is_(None),
        col(Escalation.responsible_until).is_(None),
        Escalation.rung_next > 0,
    )
    return None if tx.session.exec(query.limit(1)).first() else set()


def _do(database: Database, act: _Act) -> int:
    """One act, in the name of its person. Somebody else was first, or it is over: then there is nothing to do."""
    try:
        with database.transaction(act.account_id) as tx:
            actor = _of_account(tx, act.account_id)
            if actor is None:
                return 0
            act.do(tx, actor)
            tx.record("exercise.acted", service.ABOUT, act=act.name)
    except NrmError as error:
        log.info("act of the exercise refused", act=act.name, code=error.code)
        return 0
    return 1


def _to_answer(tx: Tx, actor: Actor, _since: datetime) -> Iterator[_Act]:
    """A house answers in its manner, everybody else whose answer is needed says yes."""
    for offer in placing_queries.offers_to_answer(tx, actor):
        if offer.answered is not None or tx.now < offer.sent_at + ANSWERS_AFTER:
            continue
        manner = _manner(tx, actor) if actor.role is Role.PROVIDER else Manner.ACCEPTS
        if manner is None:
            yield _Act("manner", actor.account_id, _choose_manner)
            return
        if manner in DECLINING:
            yield _Act("decline", actor.account_id, _decline(offer.id, manner))
        elif manner is Manner.ACCEPTS:
            yield _Act("accept", actor.account_id, _accept(offer))


def _manner(tx: Tx, actor: Actor) -> Manner | None:
    row = tx.session.get(ExerciseManner, actor.organisation_id)
    return Manner(row.manner) if row else None


def _choose_manner(tx: Tx, actor: Actor) -> None:
    """The first houses that are asked have each their own way, in order; all others say yes."""
    if _manner(tx, actor) is None:
        known = len(tx.session.exec(select(ExerciseManner.organisation_id)).all())
        manner = MANNERS[known] if known < len(MANNERS) else Manner.ACCEPTS
        service.note_manner(tx, actor.organisation_id, manner)


def _accept(offer: OfferToAnswerOut) -> Callable[[Tx, Actor], object]:
    point = offer.handover_points[0] if offer.handover_needed and offer.handover_points else None
    return lambda tx, actor: placing.accept(tx, actor, offer.id, offer.handover_point or point)


def _decline(offer_id: str, manner: Manner) -> Callable[[Tx, Actor], object]:
    return lambda tx, actor: placing.decline(tx, actor, offer_id, manner)


def _to_ask(tx: Tx, actor: Actor, _since: datetime) -> Iterator[_Act]:
    """The owner of a request asks for its first place; a stale figure is phoned about first, which takes a while."""
    if actor.role not in {Role.COORDINATOR, Role.DUTY_OFFICER}:
        return
    if actor.role is Role.DUTY_OFFICER and not actor.on_shift:
        return
    query = select(PlacementRequest).where(
        PlacementRequest.status == RequestStatus.OPEN,
        PlacementRequest.owner_organisation_id == actor.organisation_id,
        col(PlacementRequest.minor_alone).is_(False),
    )
    for request in tx.session.exec(query.order_by(col(PlacementRequest.created_at), PlacementRequest.id)).all():
        ended = tx.session.exec(select(Offer.ended_at).where(Offer.request_id == request.id)).all()
        waits_since = max((request.created_at, *(at for at in ended if at)))
        if tx.now < waits_since + ASKS_AFTER:
            continue
        found = placing_queries.proposals(tx, request.id)
        proposed = [one for one in found.proposals if one.available] if found else []
        sure = next((one for one in proposed if one.fit.get("freshness") in TRUSTED), None)
        chosen = sure or next(iter(proposed), None)
        if chosen and (sure or tx.now >= waits_since + ASKS_AFTER + PHONES_FOR):
            yield _Act("ask", actor.account_id, _send(request.id, chosen.id, phoned=sure is None))


def _send(request_id: str, proposal_id: str, phoned: bool) -> Callable[[Tx, Actor], object]:
    return lambda tx, actor: placing.send_offer(tx, actor, request_id, proposal_id, phoned)


def _to_claim(tx: Tx, actor: Actor, since: datetime) -> Iterator[_Act]:
    """A duty officer at work takes what has rung for a while."""
    if actor.role is not Role.DUTY_OFFICER or not actor.on_shift:
        return
    seen: set[str] = set()
    for alarm in alarms.live_alarms(tx, actor):
        card = alarm.request_id or alarm.escalation_id
        waits = not alarm.claimed and alarm.responsible is None and alarm.fired_at >= since
        if waits and card not in seen and tx.now >= alarm.fired_at + CLAIMS_AFTER:
            seen.add(card)
            yield _Act("claim", actor.account_id, _claim_alarm(alarm.escalation_id))


def _claim_alarm(escalation_id: str) -> Callable[[Tx, Actor], object]:
    return lambda tx, actor: escalation.claim(tx, actor, escalation_id)


def _to_receive(tx: Tx, actor: Actor, since: datetime) -> Iterator[_Act]:
    """A house notes who came."""
    if actor.role is not Role.PROVIDER:
        return
    for stay in placing_queries.stays_at(tx, actor.organisation_id):
        if stay.request_id is None or stay.status is not StayStatus.PLANNED:
            continue
        row = tx.session.get_one(Stay, stay.id)
        if since <= row.planned_at <= tx.now - ARRIVES_AFTER:
            yield _Act("receive", actor.account_id, _receive(row.id, row.version))


def _receive(stay_id: str, version: int) -> Callable[[Tx, Actor], object]:
    return lambda tx, actor: staying.confirm_arrival(tx, actor, stay_id, version)


def _to_take_over(tx: Tx, actor: Actor, _since: datetime) -> Iterator[_Act]:
    """Youth care takes over a minor who is alone."""
    if actor.role is not Role.YOUTH_CARE:
        return
    for ask in youth_queries.asks_for(tx, actor):
        if ask.taken_at is None and tx.now >= ask.asked_at + TAKES_OVER_AFTER:
            yield _Act("take_over", actor.account_id, _take(ask.id))


def _take(ask_id: str) -> Callable[[Tx, Actor], object]:
    return lambda tx, actor: youth.take(tx, actor, ask_id)


_BEFORE_THEM: dict[Callable[[Tx, Actor, datetime], Iterator[_Act]], Callable[[Tx], set[str] | None]] = {
    _to_answer: _asked_bodies,
    _to_ask: _owning_bodies,
    _to_claim: _ringing_bodies,
    _to_receive: _expecting_bodies,
    _to_take_over: _youth_bodies,
}


# --- who they are ---------------------------------------------------------------------------------------------------


def _everybody(tx: Tx) -> Iterable[Actor]:
    for account, _ in access.accounts(tx):
        if account.role != Role.EXERCISE_LEADER and (actor := _of_account(tx, account.id)):
            yield actor


def by_login(tx: Tx, login: str) -> Actor:
    """Somebody of the cast, as they stand now."""
    account = access.account_by_login(tx, login)
    actor = _of_account(tx, account.id) if account else None
    assert actor is not None, login
    return actor


def as_leader(tx: Tx) -> Actor:
    """Whoever leads this exercise."""
    account = tx.session.exec(select(Account).where(Account.role == Role.EXERCISE_LEADER).limit(1)).one()
    return by_login(tx, account.login)


def _of_account(tx: Tx, account_id: str) -> Actor | None:
    """Somebody as they stand now: on shift only when they are."""
    actor = access.actor_of_account(tx, account_id)
    if actor is None:
        return None
    return replace(actor, on_shift=actor.on_shift and access.open_shift(tx, account_id) is not None)
