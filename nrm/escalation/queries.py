"""Reading escalations and alarms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from nrm.access.models import Account
from nrm.access.rules import Actor, Role, may_see_case, reach
from nrm.db import Tx
from nrm.escalation import openers
from nrm.escalation.models import Alarm, Escalation, Heartbeat
from nrm.escalation.schemas import AlarmOut, EscalationOut
from nrm.intake.models import PlacementRequest

LIST_MAX = 100

_Claimer, _Responsible, _Acknowledger = aliased(Account), aliased(Account), aliased(Account)


@dataclass(frozen=True)
class _Seen:
    """What of an escalation an actor may see: the case for who may open it, names for who may act, numbers for all."""

    request_id: str | None
    short_code: str | None
    subject: str | None
    names: bool


def _seen(actor: Actor, found: Escalation, request: PlacementRequest | None) -> _Seen:
    numbers_only = actor.role is Role.NATIONAL_COORDINATOR
    off_shift = actor.role is Role.DUTY_OFFICER and not actor.on_shift  # that it rings is for them, whose case not
    hidden = numbers_only or off_shift
    return _Seen(
        request_id=request.id if request is not None and may_see_case(actor, request) else None,
        short_code=None if hidden or request is None else request.short_code,
        subject=None if hidden or request is not None else found.subject,
        names=not numbers_only,
    )


def _in_reach(actor: Actor) -> list[ColumnElement[bool]]:
    """Of which escalations an actor hears at all: of their own region, and never of a case kept from their body."""
    conditions: list[ColumnElement[bool]] = [col(Escalation.ended_at).is_(None)]
    region_code = reach(actor)
    if region_code is not None:
        conditions.append(col(Escalation.region_code) == region_code)
    if actor.investigative:
        conditions.append(col(PlacementRequest.refuses_police).is_(False) | col(Escalation.request_id).is_(None))
    return conditions


def _with_people(query: Any) -> Any:
    return (
        query.outerjoin(PlacementRequest, col(PlacementRequest.id) == Escalation.request_id)
        .outerjoin(_Claimer, col(_Claimer.id) == Escalation.claimed_by)
        .outerjoin(_Responsible, col(_Responsible.id) == Escalation.responsible_id)
    )


def in_reach(tx: Tx, actor: Actor, found: Escalation) -> bool:
    """Whether an actor hears of this escalation at all."""
    if reach(actor) not in {None, found.region_code}:
        return False
    if found.request_id is None or not actor.investigative:
        return True
    return not tx.session.get_one(PlacementRequest, found.request_id).refuses_police


def live_alarms(tx: Tx, actor: Actor) -> list[AlarmOut]:
    """The rungs that rang of what is not over, in the actor's region (or everywhere), newest rung first.

    Without facts of the case; the request's id only for those who may open it.
    """
    columns: list[Any] = [Alarm, Escalation, PlacementRequest, _Claimer.name, _Responsible.name, _Acknowledger.name]
    query = (
        _with_people(select(*columns).select_from(Alarm).join(Escalation, col(Escalation.id) == Alarm.escalation_id))
        .outerjoin(_Acknowledger, col(_Acknowledger.id) == Alarm.acknowledged_by)
        .where(*_in_reach(actor))
        .order_by(col(Alarm.fired_at).desc(), col(Alarm.rung).desc(), Alarm.id)
        .limit(LIST_MAX)
    )
    shown = []
    for alarm, found, request, claimer, responsible, acknowledger in tx.session.exec(query):
        seen = _seen(actor, found, request)
        shown.append(
            AlarmOut(
                id=alarm.id,
                escalation_id=found.id,
                request_id=seen.request_id,
                short_code=seen.short_code,
                subject=seen.subject,
                region=found.region_code,
                urgency=found.urgency,
                trigger=found.trigger,
                rung=alarm.rung,
                role=alarm.role,
                channels=tuple(alarm.channels),
                due_at=alarm.due_at,
                fired_at=alarm.fired_at,
                reached=alarm.reached,
                result=alarm.result,
                answer_due_at=alarm.answer_due_at,
                acknowledged_by=acknowledger if seen.names else None,
                acknowledged_at=alarm.acknowledged_at,
                acknowledged_over=alarm.acknowledged_over,
                claimed=found.claim_until is not None,
                claimed_by=claimer if seen.names and found.claim_until else None,
                claimed_at=found.claimed_at if found.claim_until else None,
                claim_until=found.claim_until,
                responsible=responsible if seen.names and found.responsible_until else None,
                responsible_until=found.responsible_until,
                next_rung_at=found.rung_due_at,
            )
        )
    return shown


def live_escalations(tx: Tx, actor: Actor, offset: int = 0) -> list[EscalationOut]:
    """A page of everything that is not over, in the actor's region (or everywhere), oldest cause first."""
    query = (
        _with_people(select(Escalation, PlacementRequest, _Claimer.name, _Responsible.name).select_from(Escalation))
        .where(*_in_reach(actor))
        .order_by(col(Escalation.due_at), Escalation.id)
        .offset(offset)
        .limit(LIST_MAX)
    )
    shown = []
    for found, request, claimer, responsible in tx.session.exec(query):
        seen = _seen(actor, found, request)
        shown.append(
            EscalationOut(
                id=found.id,
                trigger=found.trigger,
                subject=seen.subject,
                request_id=seen.request_id,
                short_code=seen.short_code,
                region=found.region_code,
                urgency=found.urgency,
                hours=found.hours,
                ladder_version=found.ladder_version,
                opened_at=found.opened_at,
                due_at=found.due_at,
                rungs_fired=found.rung_next,
                next_rung_at=found.rung_due_at,
                claimed=found.claim_until is not None,
                claimed_by=claimer if seen.names and found.claim_until else None,
                claim_until=found.claim_until,
                responsible=responsible if seen.names and found.responsible_until else None,
                responsible_until=found.responsible_until,
            )
        )
    return shown


def still_rings(tx: Tx, about: str) -> bool:
    """Whether a message about this card may still go: something of it is not over and nobody has it.

    What is about no card may go as far as escalation is concerned.
    """
    word, _, card = about.partition(":")
    if word != "card":
        return True
    request_id = card.partition(":")[2] if card.startswith("request:") else None
    query = select(Escalation).where(
        Escalation.request_id == request_id if request_id else Escalation.subject == card,
        col(Escalation.ended_at).is_(None),
    )
    live = tx.session.exec(query).all()
    if any(one.claim_until or one.responsible_until for one in live):
        return False
    return any(not openers.is_over(tx, one) for one in live)


@dataclass(frozen=True)
class AlarmCount:
    """How many alarms ring in one region on one rung, how many somebody took, and how many reached nobody."""

    region_code: str
    role: str
    ringing: int
    claimed: int
    unreached: int


def alarm_counts(tx: Tx, region_code: str | None = None) -> list[AlarmCount]:
    """Numbers of live alarms per region and addressed role, of one region or of all: no case, only counts."""
    taken = col(Escalation.claim_until).is_not(None) | col(Escalation.responsible_until).is_not(None)
    query = (
        select(Escalation.region_code, Alarm.role, taken, Alarm.reached)
        .join(Alarm, col(Alarm.escalation_id) == Escalation.id)
        .where(col(Escalation.ended_at).is_(None), col(Escalation.region_code).is_not(None))
    )
    if region_code is not None:
        query = query.where(Escalation.region_code == region_code)
    counts: dict[tuple[str, str], list[int]] = {}
    for region, role, is_taken, reached in tx.session.exec(query):
        cell = counts.setdefault((str(region), role), [0, 0, 0])
        cell[0] += 1
        cell[1] += bool(is_taken)
        cell[2] += reached == 0
    return [AlarmCount(*key, *counts[key]) for key in sorted(counts)]


def oldest_overdue(tx: Tx) -> datetime | None:
    """Since when the longest overdue rung waits to fire; None when nothing is overdue."""
    return tx.session.exec(
        select(func.min(Escalation.rung_due_at)).where(
            col(Escalation.rung_due_at) <= tx.now,
            col(Escalation.claim_until).is_(None),
            col(Escalation.responsible_until).is_(None),
        )
    ).first()


def heartbeat(tx: Tx, part: str) -> datetime | None:
    """When a part last said that it works."""
    return tx.session.exec(select(Heartbeat.at).where(Heartbeat.part == part)).first()
