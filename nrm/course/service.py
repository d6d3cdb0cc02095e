"""Bridges, the course of a stay, getting there, feedback, settlement, and handing a request over.

What follows from an arrival or a departure is found by its rows, not called from below: `follow_up` asks at each tick
what is missing, so that a crash in between loses nothing. Locks as everywhere: the request, then the location.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import exists, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import (
    INVESTIGATIVE,
    Actor,
    OrganisationKind,
    Role,
    Verb,
    may_see_case,
    owns_case,
    reach,
)
from nrm.access.service import log_read, require
from nrm.clock import AMSTERDAM
from nrm.course import queries, rules
from nrm.course.models import (
    Aftercare,
    Blockage,
    Bridge,
    Extension,
    Feedback,
    GettingThere,
    HandoverSummary,
    Settlement,
    Signal,
    Transfer,
)
from nrm.course.rules import (
    AFTERCARE_OWNERS,
    BLOCK_CAUSES,
    BRIDGED,
    EXTENSION_REASONS,
    MISSING_REPORTED,
    PICKED_UP_BY,
    AftercareItem,
    AftercareState,
    BridgeEnd,
    BridgeKind,
    FeedbackStep,
    SignalKind,
    TariffState,
)
from nrm.course.schemas import (
    AftercareIn,
    BridgeIn,
    GettingThereIn,
    HandoverSummaryIn,
    HandoverSummaryOut,
    RequestCourseOut,
    SettlementIn,
    SettlementOut,
    StayCourseOut,
    TransferOut,
)
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import LANGUAGES, NEEDS, UNPLACED, WISHES, Outcome, RequestStatus, Urgency
from nrm.notify import service as notify
from nrm.placing import queries as placing
from nrm.placing import staying
from nrm.placing.models import Offer, Stay
from nrm.placing.rules import DESTINATIONS, StayStatus
from nrm.registry import queries as registry

BATCH = 500
AHEAD_MAX = timedelta(days=366)
NO_DESTINATION = "unknown"
TAKES_OVER = (OrganisationKind.CARE_COORDINATION, OrganisationKind.NATIONAL_DESK)
"""Kinds of organisations that can own a request."""


# Bridges


def record_bridge(tx: Tx, actor: Actor, request_id: str, shape: BridgeIn) -> Bridge:
    """Record where somebody without a place spends the night. The request keeps waiting, and its clock runs faster.

    A police cell is a signal in the same transaction. A bridge in use ends when the next one begins.
    """
    request = _bridgeable(tx, actor, request_id)
    if shape.municipality is not None:
        _known_municipalities(tx, municipality=shape.municipality)
    first_night = shape.first_night or rules.night_of(tx.now)
    _check_nights(tx, first_night, shape.expected_last_night)
    live = queries.live_bridge(tx, request_id)
    if (live.id if live else None) != shape.replaces:
        raise Conflict("changed_meanwhile")
    earlier = queries.bridges(tx, request_id)
    if live is not None:
        _end_bridge(tx, live, BridgeEnd.MOVED)
    _, course = policy.current(tx, policy.Course)
    bridge = Bridge(
        id=tx.new_id(),
        request_id=request_id,
        kind=shape.kind,
        municipality_code=shape.municipality,
        cents_per_night=shape.cents_per_night,
        safe=shape.safe,
        first_night=first_night,
        expected_last_night=shape.expected_last_night,
        recorded_by=actor.account_id,
        recorded_at=tx.now,
        # The first bridge halves what is left; one after another must not halve it again and again.
        deadline_at=earlier[0].deadline_at
        if earlier
        else rules.hastened(request.deadline_at, tx.now, course.bridge_pace_percent),
    )
    tx.session.add(bridge)
    tx.session.flush()
    intake_service.hasten(tx, request_id, bridge.deadline_at)
    if shape.kind is BridgeKind.POLICE_CELL:
        _signal(tx, request_id, SignalKind.POLICE_CELL)
    tx.record("bridge.recorded", f"request:{request_id}", "requests", bridge=bridge.id, bridge_kind=shape.kind)
    return bridge


def end_bridge(tx: Tx, actor: Actor, bridge_id: str) -> None:
    """The bridge is over although nobody arrived in a place: said by hand."""
    bridge = _own_bridge(tx, actor, bridge_id)
    if intake.request(tx, bridge.request_id).status not in BRIDGED:
        raise Conflict("not_waiting")
    if bridge.ended_at is not None:
        raise Conflict("bridge_over")
    _end_bridge(tx, bridge, BridgeEnd.BY_HAND)


def name_payer(tx: Tx, actor: Actor, bridge_id: str, municipality: str) -> None:
    """Say who pays for a bridge of which nobody knew it: also when it is long over. Said once, it stands."""
    bridge = _own_bridge(tx, actor, bridge_id)
    _known_municipalities(tx, municipality=municipality)
    tx.guarded(
        update(Bridge)
        .where(col(Bridge.id) == bridge_id, col(Bridge.municipality_code).is_(None))
        .values(municipality_code=municipality),
        Conflict("changed_meanwhile"),
    )
    tx.record("bridge.payer_named", f"request:{bridge.request_id}", "requests", bridge=bridge_id)


def _own_bridge(tx: Tx, actor: Actor, bridge_id: str) -> Bridge:
    """A bridge of a request the actor sees to; locked with its request. Others do not exist for them."""
    require(actor, Verb.BRIDGE_KEEP)
    bridge = tx.session.get(Bridge, bridge_id)
    if bridge is None:
        raise NotFound("no_bridge")
    try:
        _seen_to(tx, actor, bridge.request_id)
    except NotFound as error:
        raise NotFound("no_bridge") from error
    tx.session.refresh(bridge)
    return bridge


def _seen_to(tx: Tx, actor: Actor, request_id: str) -> PlacementRequest:
    """A request of the actor's own, or any a duty officer on shift may see; locked."""
    request = intake.request(tx, request_id, for_update=True)
    if not sees_to(actor, request):
        raise NotFound("no_request")
    return request


def sees_to(actor: Actor, request: PlacementRequest) -> bool:
    """Whether the actor keeps its bridges: the owner, or a duty officer on shift who may see it."""
    return owns_case(actor, request) or (actor.role is Role.DUTY_OFFICER and may_see_case(actor, request))


def _bridgeable(tx: Tx, actor: Actor, request_id: str) -> PlacementRequest:
    """A request the actor sees to, where nobody arrived yet; locked."""
    require(actor, Verb.BRIDGE_KEEP)
    request = _seen_to(tx, actor, request_id)
    if request.status not in BRIDGED:
        raise Conflict("not_waiting")
    return request


def _check_nights(tx: Tx, first: date, last: date | None) -> None:
    tonight = rules.night_of(tx.now)
    errors = []
    if not tonight - timedelta(days=31) <= first <= tonight + timedelta(days=31):
        errors.append(FieldError(("firstNight",), "not_in_range"))
    if last is not None and not first <= last <= first + AHEAD_MAX:
        errors.append(FieldError(("expectedLastNight",), "not_in_range"))
    if errors:
        raise Invalid("invalid", tuple(errors))


def _end_bridge(tx: Tx, bridge: Bridge, cause: BridgeEnd) -> None:
    """End a bridge, and with a police cell what it signalled."""
    bridge_id, request_id, kind = bridge.id, bridge.request_id, bridge.kind
    last_night = max(bridge.first_night, rules.last_night_slept(tx.now))
    tx.guarded(
        update(Bridge)
        .where(col(Bridge.id) == bridge_id, col(Bridge.ended_at).is_(None))
        .values(ended_at=tx.now, end_cause=cause, last_night=last_night),
        Conflict("bridge_over"),
    )
    if kind == BridgeKind.POLICE_CELL:
        _signal_over(tx, request_id, SignalKind.POLICE_CELL)
    tx.record("bridge.ended", f"request:{request_id}", "requests", "alarms", bridge=bridge_id, cause=cause)


# Signals


def _signal(tx: Tx, request_id: str, kind: SignalKind) -> None:
    """Call for a person at once: escalation finds the row and makes it an alarm."""
    earlier = tx.session.exec(select(Signal.id).where(Signal.request_id == request_id, Signal.kind == kind)).all()
    _write_signal(tx, request_id, kind, len(earlier), tx.now)


def _write_signal(tx: Tx, request_id: str, kind: SignalKind, number: int, due_at: datetime) -> None:
    tx.session.add(Signal(id=tx.new_id(), request_id=request_id, kind=kind, number=number, due_at=due_at))
    tx.session.flush()


def _signal_over(tx: Tx, request_id: str, kind: SignalKind, number: int | None = None) -> int:
    """What was signalled is over, or only the one with this number. Returns how many were."""
    over = update(Signal).where(
        col(Signal.request_id) == request_id, col(Signal.kind) == kind, col(Signal.over_at).is_(None)
    )
    if number is not None:
        over = over.where(col(Signal.number) == number)
    return tx.affected(over.values(over_at=tx.now))


# The course of a stay


def open_stay(tx: Tx, actor: Actor, stay_id: str) -> StayCourseOut:
    """Read the course of a stay of one's own house or request; a logged read."""
    _stay(tx, actor, stay_id, Verb.STAY_READ)
    log_read(tx, actor, f"stay:{stay_id}", "course")
    return queries.stay_course(tx, stay_id)


def open_course(tx: Tx, actor: Actor, request_id: str) -> RequestCourseOut:
    """Read what happens around a request one may open; a logged read."""
    detail = intake_service.open_case(tx, actor, request_id, "course")
    return queries.request_course(tx, actor, detail.request)


def keep_aftercare(tx: Tx, actor: Actor, stay_id: str, item: AftercareItem, shape: AftercareIn) -> None:
    """Say how one item of the checklist stands: by the provider or the owner of the request."""
    _arrived(_stay(tx, actor, stay_id))
    if shape.ends_on is not None and item is not AftercareItem.B8:
        raise Invalid("invalid", (FieldError(("endsOn",), "only_b8"),))
    tx.guarded(
        update(Aftercare)
        .where(col(Aftercare.stay_id) == stay_id, col(Aftercare.item) == item, col(Aftercare.version) == shape.version)
        .values(
            state=shape.state,
            owner=shape.owner,
            due_on=shape.due_on,
            ends_on=shape.ends_on,
            changed_by=actor.account_id,
            changed_at=tx.now,
            version=Aftercare.version + 1,
        ),
        Conflict("changed_meanwhile"),
    )
    tx.record("aftercare.kept", _subject(tx, stay_id), "requests", stay=stay_id, item=item, state=shape.state)


def expect_departure(
    tx: Tx, actor: Actor, stay_id: str, on: date | None, version: int, reason: str | None = None
) -> None:
    """Expect another day of departure, or none that anybody knows. Past the pool's maximum it needs a coded reason."""
    stay = _arrived(_stay(tx, actor, stay_id))
    if reason is not None and reason not in EXTENSION_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if on is not None and not _today(tx) <= on <= _today(tx) + AHEAD_MAX:
        raise Invalid("invalid", (FieldError(("on",), "in_the_past" if on < _today(tx) else "not_in_range"),))
    location = registry.location(tx, stay.location_id)
    at_most = queries.ends_at_most(tx, stay, location)
    over = on is not None and on > at_most
    if over and reason is None:
        raise Invalid("invalid", (FieldError(("reason",), "required"),))
    was = stay.expected_departure
    tx.guarded(
        update(Stay)
        .where(col(Stay.id) == stay_id, col(Stay.status) == StayStatus.ARRIVED, col(Stay.version) == version)
        .values(expected_departure=on, version=Stay.version + 1),
        Conflict("changed_meanwhile"),
    )
    if on is not None:
        tx.session.add(
            Extension(
                id=tx.new_id(),
                stay_id=stay_id,
                was=was,
                becomes=on,
                reason=reason if over else None,
                by=actor.account_id,
                at=tx.now,
            )
        )
        tx.session.flush()
    tx.record("stay.departure_expected", _subject(tx, stay_id), "requests", "places", stay=stay_id, over=over)


def block(tx: Tx, actor: Actor, stay_id: str, cause: str) -> None:
    """Somebody could leave but cannot, and why. Another cause follows the one before; the same one is no news."""
    _arrived(_stay(tx, actor, stay_id))
    if cause not in BLOCK_CAUSES:
        raise Invalid("invalid", (FieldError(("cause",), "unknown_choice"),))
    live = queries.live_blockage(tx, stay_id)
    if live is not None and live.cause == cause:
        return
    if live is not None:
        _unblock(tx, stay_id)
    tx.session.add(Blockage(id=tx.new_id(), stay_id=stay_id, cause=cause, since=tx.now, by=actor.account_id))
    tx.session.flush()
    tx.record("stay.blocked", _subject(tx, stay_id), "requests", "places", stay=stay_id, cause=cause)


def unblock(tx: Tx, actor: Actor, stay_id: str) -> None:
    """Nothing keeps them any more."""
    _stay(tx, actor, stay_id)
    if not _unblock(tx, stay_id):
        raise Conflict("not_blocked")
    tx.record("stay.unblocked", _subject(tx, stay_id), "requests", "places", stay=stay_id)


def learn_destination(tx: Tx, actor: Actor, stay_id: str, destination: str, version: int) -> None:
    """What became of somebody who left without a destination: its alarm ends."""
    if destination == NO_DESTINATION or destination not in (*DESTINATIONS, MISSING_REPORTED):
        raise Invalid("invalid", (FieldError(("destination",), "unknown_choice"),))
    stay = _stay(tx, actor, stay_id)
    request_id = stay.request_id
    tx.guarded(
        update(Stay)
        .where(
            col(Stay.id) == stay_id,
            col(Stay.status) == StayStatus.DEPARTED,
            col(Stay.destination) == NO_DESTINATION,
            col(Stay.version) == version,
        )
        .values(destination=destination, version=Stay.version + 1),
        Conflict("changed_meanwhile"),
    )
    if request_id is not None:
        _signal_over(tx, request_id, SignalKind.NO_DESTINATION)
    tx.record(
        "stay.destination_learned",
        _subject(tx, stay_id),
        "requests",
        "alarms",
        stay=stay_id,
        destination=destination,
    )


def get_there(tx: Tx, actor: Actor, stay_id: str, shape: GettingThereIn) -> None:
    """Agree how an accepted party comes to the place: by the provider or the owner of the request."""
    stay = _stay(tx, actor, stay_id)
    if stay.status != StayStatus.PLANNED:
        raise Conflict("not_expected_any_more")
    errors = []
    if shape.interpreter is not None and shape.interpreter not in LANGUAGES:
        errors.append(FieldError(("interpreter",), "unknown_choice"))
    if shape.handover_at is not None:
        if shape.handover_at.tzinfo is None:
            errors.append(FieldError(("handoverAt",), "no_time_zone"))
        elif not tx.now - timedelta(days=1) <= shape.handover_at <= tx.now + AHEAD_MAX:
            errors.append(FieldError(("handoverAt",), "not_in_range"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    if shape.handover_point is not None:
        staying.choose_handover_point(tx, stay, shape.handover_point)
    values: dict[str, Any] = {
        "driver": shape.driver,
        "escort": shape.escort,
        "interpreter": shape.interpreter,
        "handover_at": shape.handover_at,
        "recorded_by": actor.account_id,
        "recorded_at": tx.now,
    }
    if shape.version == 0:
        if tx.session.get(GettingThere, stay_id) is not None:
            raise Conflict("changed_meanwhile")
        tx.session.add(GettingThere(stay_id=stay_id, **values))
        tx.session.flush()
    else:
        tx.guarded(
            update(GettingThere)
            .where(col(GettingThere.stay_id) == stay_id, col(GettingThere.version) == shape.version)
            .values(version=GettingThere.version + 1, **values),
            Conflict("changed_meanwhile"),
        )
    tx.record("stay.on_the_way", _subject(tx, stay_id), "requests", "places", stay=stay_id, driver=shape.driver)


def _stay(tx: Tx, actor: Actor, stay_id: str, verb: Verb = Verb.STAY_KEEP) -> Stay:
    """A stay at the actor's own house or of a request they decide on, locked; of others nobody learns."""
    require(actor, verb)
    return staying.stay_of(tx, actor, stay_id)


def _arrived(stay: Stay) -> Stay:
    if stay.status != StayStatus.ARRIVED:
        raise Conflict("not_staying")
    return stay


def _unblock(tx: Tx, stay_id: str) -> bool:
    ended = tx.affected(
        update(Blockage)
        .where(col(Blockage.stay_id) == stay_id, col(Blockage.ended_at).is_(None))
        .values(ended_at=tx.now)
    )
    return bool(ended)


def _subject(tx: Tx, stay_id: str) -> str:
    stay = tx.session.get_one(Stay, stay_id)
    return f"request:{stay.request_id}" if stay.request_id else f"location:{stay.location_id}"


def _today(tx: Tx) -> date:
    return tx.now.astimezone(AMSTERDAM).date()


# What follows on


def open_follow_on(tx: Tx, actor: Actor, request_id: str) -> PlacementRequest:
    """Ask for the next place of somebody who stays in one: by the owner, where it was not opened by itself."""
    intake_service.owned(tx, actor, request_id)
    stay = _current_stay(tx, request_id)
    if stay is None or stay.status != StayStatus.ARRIVED:
        raise Conflict("not_staying")
    return _follow_on(tx, stay, actor.account_id)


def write_summary(tx: Tx, actor: Actor, stay_id: str, shape: HandoverSummaryIn) -> None:
    """Tell the next provider what it should know, in codes: by the provider of this stay."""
    stay = _at_own_house(tx, actor, stay_id)
    if stay.status not in {StayStatus.ARRIVED, StayStatus.DEPARTED}:
        raise Conflict("not_staying")
    national = set(registry.criteria(tx))
    errors = [FieldError(("facts", code), "unknown_choice") for code in shape.facts if code not in national]
    errors += [FieldError(("needs", i), "unknown_choice") for i, need in enumerate(shape.needs) if need not in NEEDS]
    errors += [FieldError(("wishes", i), "unknown_choice") for i, w in enumerate(shape.wishes) if w not in WISHES]
    if errors:
        raise Invalid("invalid", tuple(errors))
    values: dict[str, Any] = {
        "facts": {criterion: str(value) for criterion, value in sorted(shape.facts.items())},
        "needs": sorted(set(shape.needs)),
        "wishes": sorted(set(shape.wishes)),
        "written_by": actor.account_id,
        "written_at": tx.now,
    }
    if shape.version == 0:
        if tx.session.get(HandoverSummary, stay_id) is not None:
            raise Conflict("changed_meanwhile")
        tx.session.add(HandoverSummary(stay_id=stay_id, **values))
        tx.session.flush()
    else:
        tx.guarded(
            update(HandoverSummary)
            .where(col(HandoverSummary.stay_id) == stay_id, col(HandoverSummary.version) == shape.version)
            .values(version=HandoverSummary.version + 1, **values),
            Conflict("changed_meanwhile"),
        )
    tx.record("summary.written", _subject(tx, stay_id), "requests", stay=stay_id)


def own_summary(tx: Tx, actor: Actor, stay_id: str) -> HandoverSummaryOut | None:
    """What one's own organisation wrote for the next provider; a logged read."""
    _at_own_house(tx, actor, stay_id)
    log_read(tx, actor, f"summary:{stay_id}", "own")
    row = tx.session.get(HandoverSummary, stay_id)
    return queries.summary_out(tx, row) if row else None


def read_summary(tx: Tx, actor: Actor, stay_id: str) -> HandoverSummaryOut | None:
    """What the provider before says about who comes, or came, to one's own house; a logged read.

    Only from the acceptance on, and no longer than the stay lasts.
    """
    stay = _at_own_house(tx, actor, stay_id)
    if stay.status not in {StayStatus.PLANNED, StayStatus.ARRIVED}:
        raise NotFound("no_stay")
    log_read(tx, actor, f"summary:{stay_id}", "before")
    return queries.summary_before(tx, stay)


def _at_own_house(tx: Tx, actor: Actor, stay_id: str) -> Stay:
    require(actor, Verb.SUMMARY_READ)
    return _stay(tx, actor, stay_id)


def _current_stay(tx: Tx, request_id: str) -> Stay | None:
    return tx.session.exec(
        select(Stay)
        .where(Stay.request_id == request_id, col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)))
        .limit(1)
    ).first()


def _follow_on(tx: Tx, stay: Stay, asked_by: str) -> PlacementRequest:
    assert stay.request_id is not None
    assert stay.arrived_at is not None
    detail = intake.detail(tx, stay.request_id)
    _, course = policy.current(tx, policy.Course)
    days = min(detail.request.days, course.follow_on_days)
    target = stay.arrived_at.astimezone(AMSTERDAM).date() + timedelta(days=days)
    needed_from = max(tx.now, datetime.combine(target, time(12), AMSTERDAM))
    return intake_service.open_next(tx, detail, asked_by, needed_from, Urgency.PLANNED)


# What is due, at each tick


def follow_up(database: Database) -> int:
    """Do what follows from rows that others wrote, each in a transaction of its own. Returns how much was done."""
    with database.reading() as tx:
        over = _over_bridges(tx)
        slowed = _slowed_bridges(tx)
        begun = _begun_stays(tx)
        lost = _lost(tx)
        ending, seen_to = _b8(tx)
        untold = _untold(tx)
    return (
        database.each(over, _bridge_over)
        + database.each(slowed, _keep_pace)
        + database.each(begun, _begin)
        + database.each(lost, _lost_signal)
        + database.each(seen_to, _b8_over)
        + database.each(ending, _b8_signal)
        + database.each(untold, _tell_notifier)
    )


def _over_bridges(tx: Tx) -> list[str]:
    """Live bridges of requests that have arrived in a place or ended."""
    return list(
        tx.session.exec(
            select(Bridge.id)
            .join(PlacementRequest, col(PlacementRequest.id) == Bridge.request_id)
            .where(col(Bridge.ended_at).is_(None), col(PlacementRequest.status).not_in(BRIDGED))
            .limit(BATCH)
        )
    )


def _bridge_over(tx: Tx, bridge_id: str) -> bool:
    bridge = tx.session.get_one(Bridge, bridge_id)
    request = intake.request(tx, bridge.request_id, for_update=True)
    tx.session.refresh(bridge)
    if bridge.ended_at is not None or request.status in BRIDGED:
        return False
    _end_bridge(tx, bridge, BridgeEnd.CLOSED if request.status == RequestStatus.CLOSED else BridgeEnd.PLACED)
    return True


def _slowed_bridges(tx: Tx) -> list[str]:
    """Live bridges whose request was given a later deadline since, by an amendment for example."""
    return list(
        tx.session.exec(
            select(Bridge.id)
            .join(PlacementRequest, col(PlacementRequest.id) == Bridge.request_id)
            .where(
                col(Bridge.ended_at).is_(None),
                col(PlacementRequest.deadline_at) > col(Bridge.deadline_at),
                col(PlacementRequest.status).in_(UNPLACED),
            )
            .limit(BATCH)
        )
    )


def _keep_pace(tx: Tx, bridge_id: str) -> bool:
    bridge = tx.session.get_one(Bridge, bridge_id)
    request = intake.request(tx, bridge.request_id, for_update=True)
    tx.session.refresh(bridge)
    if bridge.ended_at is not None or request.status not in UNPLACED or request.deadline_at <= bridge.deadline_at:
        return False
    intake_service.hasten(tx, request.id, bridge.deadline_at)
    tx.record("bridge.kept_pace", f"request:{request.id}", "requests", bridge=bridge_id)
    return True


def _begun_stays(tx: Tx) -> list[str]:
    """Stays that came from a request, where somebody arrived and nothing was set out for afterwards."""
    return list(
        tx.session.exec(
            select(Stay.id)
            .where(
                Stay.status == StayStatus.ARRIVED,
                col(Stay.request_id).is_not(None),
                ~exists().where(col(Aftercare.stay_id) == col(Stay.id)),
            )
            .limit(BATCH)
        )
    )


def _begin(tx: Tx, stay_id: str) -> bool:
    """Set out the aftercare of a stay, and open the follow-on of an emergency placement. Both or neither, once."""
    stay = placing.stay(tx, stay_id)
    assert stay.request_id is not None
    request = intake.request(tx, stay.request_id, for_update=True)
    tx.session.refresh(stay)
    first = select(Aftercare.item).where(Aftercare.stay_id == stay_id).limit(1)
    if stay.status != StayStatus.ARRIVED or stay.arrived_at is None or tx.session.exec(first).first() is not None:
        return False
    _, course = policy.current(tx, policy.Course)
    arrived_on = stay.arrived_at.astimezone(AMSTERDAM).date()
    for item in AftercareItem:
        tx.session.add(
            Aftercare(
                stay_id=stay_id,
                item=item,
                owner=AFTERCARE_OWNERS[item],
                state=AftercareState.OPEN,
                due_on=arrived_on + timedelta(days=course.aftercare_days[item.value]),
                changed_at=tx.now,
            )
        )
    tx.session.flush()
    tx.record("aftercare.set_out", f"request:{request.id}", "requests", stay=stay_id)
    pool = registry.location(tx, stay.location_id).pool
    if rules.is_emergency(course, pool, request.days) and queries.follow_on(tx, request.id) is None:
        asked_by = tx.session.exec(select(Offer.sent_by).where(Offer.id == stay.offer_id)).first()
        _follow_on(tx, stay, asked_by or request.submitted_by)
    return True


def _lost(tx: Tx) -> list[str]:
    """Requests whose party left without a destination, of which nobody was alarmed yet."""
    unheard = ~exists().where(
        col(Signal.request_id) == col(Stay.request_id), col(Signal.kind) == SignalKind.NO_DESTINATION
    )
    found = tx.session.exec(select(Stay.request_id).where(Stay.destination == NO_DESTINATION, unheard).limit(BATCH))
    return [request_id for request_id in found if request_id is not None]


def _lost_signal(tx: Tx, request_id: str) -> bool:
    intake.request(tx, request_id, for_update=True)
    if request_id not in _lost_of(tx, request_id):
        return False
    _signal(tx, request_id, SignalKind.NO_DESTINATION)
    tx.record("stay.no_destination", f"request:{request_id}", "requests", "alarms")
    return True


def _lost_of(tx: Tx, request_id: str) -> set[str]:
    stay = select(Stay.id).where(Stay.request_id == request_id, Stay.destination == NO_DESTINATION).limit(1)
    rung = select(Signal.id).where(Signal.request_id == request_id, Signal.kind == SignalKind.NO_DESTINATION).limit(1)
    return {request_id} if tx.session.exec(stay).first() and not tx.session.exec(rung).first() else set()


def _b8(tx: Tx) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """(Request, day) of every B8 that ends soon of which nobody heard, and of those heard of that are seen to.

    Compared here and not in the database, because a signal knows the day only as its number.
    """
    near = queries.b8_near(tx)
    told = tx.session.exec(
        select(Signal.request_id, Signal.number, Signal.over_at).where(
            Signal.kind == SignalKind.B8_END,
            col(Signal.over_at).is_(None) | col(Signal.request_id).in_({request_id for request_id, _ in near}),
        )
    ).all()
    heard = {(request_id, number) for request_id, number, _ in told}
    live = {(request_id, number) for request_id, number, over_at in told if over_at is None}
    return [key for key in near if key not in heard][:BATCH], sorted(live - set(near))[:BATCH]


def _b8_signal(tx: Tx, key: tuple[str, int]) -> bool:
    """Tell of the end of a B8, once per day on which one ends: whoever holds the request's row looks again."""
    request_id, number = key
    intake.request(tx, request_id, for_update=True)
    row = queries.b8_near(tx, request_id).get(key)
    heard = select(Signal.id).where(
        Signal.request_id == request_id, Signal.kind == SignalKind.B8_END, Signal.number == number
    )
    if row is None or tx.session.exec(heard).first() is not None:
        return False
    _, course = policy.current(tx, policy.Course)
    opens_at = rules.b8_opens_at(date.fromordinal(number), course.b8_ahead_days)
    _write_signal(tx, request_id, SignalKind.B8_END, number, max(opens_at, row.changed_at))
    tx.record("stay.b8_ends_soon", f"request:{request_id}", "requests", "alarms")
    return True


def _b8_over(tx: Tx, key: tuple[str, int]) -> bool:
    """Another day was said, somebody saw to it, or the party left: its alarm ends with it."""
    request_id, number = key
    intake.request(tx, request_id, for_update=True)
    if key in queries.b8_near(tx, request_id):
        return False
    return bool(_signal_over(tx, request_id, SignalKind.B8_END, number))


# Feedback to whoever notified


def _untold(tx: Tx) -> list[str]:
    """Requests that somebody else notified of, as long as they have not heard how it ended."""
    return list(
        tx.session.exec(
            select(PlacementRequest.id).where(col(PlacementRequest.notifier_waits_since).is_not(None)).limit(BATCH)
        )
    )


def _tell_notifier(tx: Tx, request_id: str) -> int:
    """Tell whoever notified of a request the steps it came to since, each once: that, and nothing of the case."""
    request = intake.request(tx, request_id, for_update=True)
    told = {step.step for step in queries.feedback(tx, request_id)}
    outcome = rules.outcome_class(RequestStatus(request.status), Outcome(request.outcome) if request.outcome else None)
    reached = [FeedbackStep.RECEIVED]
    if outcome or _picked_up(tx, request_id):
        reached.append(FeedbackStep.PICKED_UP)
    if outcome:
        reached.append(FeedbackStep.OUTCOME)
        request.notifier_waits_since = None
    new = [step for step in reached if step not in told]
    for step in new:
        tx.session.add(
            Feedback(
                request_id=request_id, step=step, at=tx.now, outcome=outcome if step is FeedbackStep.OUTCOME else None
            )
        )
        for organisation in _notifiers(tx, request):
            channel, recipient = ("email", organisation.email) if organisation.email else ("log", organisation.id)
            about = f"request:{request_id}"
            words = _FEEDBACK_WORDS[outcome if step is FeedbackStep.OUTCOME and outcome else step]
            key = f"feedback:{request_id}/{step}/{organisation.id}"
            subject = f"Terugmelding {request.short_code}"
            notify.queue(tx, key, about, channel, recipient, subject, f"Code {request.short_code}: {words}")
    if new:
        tx.session.flush()
        tx.record("feedback.given", f"request:{request_id}", "requests", steps=list(new))
    return len(new)


_FEEDBACK_WORDS: dict[str, str] = {
    FeedbackStep.RECEIVED: "uw melding is binnen.",
    FeedbackStep.PICKED_UP: "iemand is met uw melding bezig.",
    rules.OutcomeClass.SHELTERED: "er is opvang.",
    rules.OutcomeClass.ELSEWHERE: "er is een andere oplossing.",
    rules.OutcomeClass.NOT_SHELTERED: "er is geen opvang gevonden.",
    rules.OutcomeClass.STOPPED: "de aanvraag is gestopt.",
}


def _picked_up(tx: Tx, request_id: str) -> bool:
    return any(entry.kind in PICKED_UP_BY for entry in journal.of_subject(tx.session, f"request:{request_id}"))


def _notifiers(tx: Tx, request: PlacementRequest) -> list[Organisation]:
    """Whoever found the party: the first responder who asked, or the caller in whose name the duty officer did."""
    ids = {request.on_behalf_of} if request.on_behalf_of else set()
    if request.handover_needed:
        ids.add(request.submitted_organisation_id)
    found = [access.organisation(tx, organisation_id) for organisation_id in sorted(ids)]
    return [one for one in found if not (request.refuses_police and one.kind in INVESTIGATIVE)]


# Settlement


def settle(tx: Tx, actor: Actor, request_id: str, shape: SettlementIn) -> Settlement:
    """Say who pays for a placement: by the owner of the request, once somebody has a place. No bed waits for it."""
    request = intake_service.owned(tx, actor, request_id)
    if request.status not in {RequestStatus.ACCEPTED, RequestStatus.PLACED, RequestStatus.CLOSED}:
        raise Conflict("not_placed_yet")
    _known_municipalities(tx, legal=shape.legal, paying=shape.paying)
    found = tx.session.exec(select(Settlement).where(Settlement.request_id == request_id)).first()
    if found is None:
        if shape.version != 0:
            raise Conflict("changed_meanwhile")
        found = Settlement(
            id=tx.new_id(),
            request_id=request_id,
            legal_code=shape.legal,
            paying_code=shape.paying,
            tariff=shape.tariff,
            tariff_since=tx.now,
            opened_at=tx.now,
        )
        tx.session.add(found)
        tx.session.flush()
    else:
        settlement_id = found.id
        since = found.tariff_since if found.tariff == shape.tariff else tx.now
        tx.guarded(
            update(Settlement)
            .where(col(Settlement.id) == settlement_id, col(Settlement.version) == shape.version)
            .values(
                legal_code=shape.legal,
                paying_code=shape.paying,
                tariff=shape.tariff,
                tariff_since=since,
                version=Settlement.version + 1,
            ),
            Conflict("changed_meanwhile"),
        )
        found = tx.session.get_one(Settlement, settlement_id)
    tx.record("settlement.kept", f"request:{request_id}", "requests", settlement=found.id, tariff=shape.tariff)
    return found


def settlements(tx: Tx, actor: Actor) -> list[SettlementOut]:
    """The settlements of one's own area, for a municipality: references and municipalities, nothing of a case."""
    require(actor, Verb.SETTLEMENT_KEEP)
    return queries.settlements(tx, reach(actor))


def settle_tariff(tx: Tx, actor: Actor, settlement_id: str, tariff: TariffState, version: int) -> None:
    """A municipality of the area agrees with the tariff, or disputes it."""
    require(actor, Verb.SETTLEMENT_KEEP)
    found = tx.session.get(Settlement, settlement_id)
    regions = {one.code: one.region_code for one in registry.municipalities(tx)}
    if found is None or reach(actor) not in {regions.get(found.legal_code), regions.get(found.paying_code)}:
        raise NotFound("no_settlement")
    request_id = found.request_id
    since = found.tariff_since if found.tariff == tariff else tx.now
    tx.guarded(
        update(Settlement)
        .where(col(Settlement.id) == settlement_id, col(Settlement.version) == version)
        .values(tariff=tariff, tariff_since=since, version=Settlement.version + 1),
        Conflict("changed_meanwhile"),
    )
    tx.record("settlement.kept", f"request:{request_id}", "requests", settlement=settlement_id, tariff=tariff)


def _known_municipalities(tx: Tx, **codes: str) -> None:
    known = {found.code for found in registry.municipalities(tx)}
    errors = tuple(FieldError((name,), "unknown_choice") for name, code in codes.items() if code not in known)
    if errors:
        raise Invalid("invalid", errors)


# Handing a request over


def offer_transfer(tx: Tx, actor: Actor, request_id: str, to: str) -> Transfer:
    """Offer a request to another organisation that can own one. Until it takes it, nothing changes."""
    request = intake_service.owned(tx, actor, request_id)
    short_code = request.short_code
    if request.status == RequestStatus.CLOSED:
        raise Conflict("already_closed")
    target = next((one for one in takers(tx, actor) if one.id == to), None)
    if target is None:
        raise Invalid("invalid", (FieldError(("to",), "unknown_choice"),))
    transfer = Transfer(
        id=tx.new_id(),
        request_id=request_id,
        from_organisation_id=actor.organisation_id,
        to_organisation_id=to,
        offered_by=actor.account_id,
        offered_at=tx.now,
    )
    tx.session.add(transfer)
    try:
        tx.session.flush()
    except IntegrityError as error:
        raise Conflict("transfer_waits") from error
    channel, recipient = ("email", target.email) if target.email else ("log", target.id)
    notify.queue(
        tx,
        f"transfer:{transfer.id}/{channel}",
        f"transfer:{transfer.id}",
        channel,
        recipient,
        f"Overdracht gevraagd van aanvraag {short_code}",
        f"U wordt gevraagd de aanvraag met code {short_code} over te nemen. Log in om te antwoorden.",
    )
    tx.record("request.transfer_offered", f"request:{request_id}", "requests", transfer=transfer.id)
    return transfer


def takers(tx: Tx, actor: Actor) -> list[Organisation]:
    """The other organisations that can own a request."""
    found = [one for kind in TAKES_OVER for one in access.organisations_of_kind(tx, kind)]
    return [one for one in found if one.id != actor.organisation_id]


def take_over(tx: Tx, actor: Actor, transfer_id: str) -> str:
    """Take a request over: owner and offer change in one transaction, for one taker. Returns the request's id."""
    transfer = _transfer(tx, actor, transfer_id, "to_organisation_id")
    request_id, from_organisation_id = transfer.request_id, transfer.from_organisation_id
    intake.request(tx, request_id, for_update=True)
    _end_transfer(tx, transfer_id, taken_by=actor.account_id)
    intake_service.change_owner(tx, request_id, from_organisation_id, actor)
    tx.record("request.taken_over", f"request:{request_id}", "requests", "offers", transfer=transfer_id)
    return request_id


def refuse_transfer(tx: Tx, actor: Actor, transfer_id: str) -> None:
    """Not take it over: its owner keeps it."""
    _drop(tx, actor, transfer_id, "to_organisation_id")


def withdraw_transfer(tx: Tx, actor: Actor, transfer_id: str) -> None:
    """Keep it after all."""
    _drop(tx, actor, transfer_id, "from_organisation_id")


def _drop(tx: Tx, actor: Actor, transfer_id: str, side: str) -> None:
    request_id = _transfer(tx, actor, transfer_id, side).request_id
    intake.request(tx, request_id, for_update=True)
    _end_transfer(tx, transfer_id)
    tx.record("request.transfer_dropped", f"request:{request_id}", "requests", transfer=transfer_id)


def transfers(tx: Tx, actor: Actor) -> list[TransferOut]:
    """What one's organisation is asked to take over."""
    require(actor, Verb.REQUEST_CHANGE)
    found = queries.transfers_to(tx, actor)
    for transfer in found:
        log_read(tx, actor, f"transfer:{transfer.id}", "list")
    return found


def _transfer(tx: Tx, actor: Actor, transfer_id: str, side: str) -> Transfer:
    require(actor, Verb.REQUEST_CHANGE)
    transfer = tx.session.get(Transfer, transfer_id)
    if transfer is None or getattr(transfer, side) != actor.organisation_id:
        raise NotFound("no_transfer")
    request = intake.request(tx, transfer.request_id)
    if request.refuses_police and actor.investigative:
        raise NotFound("no_transfer")
    return transfer


def _end_transfer(tx: Tx, transfer_id: str, **values: object) -> None:
    tx.guarded(
        update(Transfer)
        .where(col(Transfer.id) == transfer_id, col(Transfer.ended_at).is_(None))
        .values(ended_at=tx.now, **values),
        Conflict("transfer_over"),
    )
    notify.cancel(tx, f"transfer:{transfer_id}")
