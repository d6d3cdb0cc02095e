"""Reading alarms."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from nrm.access.models import Account
from nrm.access.rules import Actor, Role, may_see_case, reach
from nrm.db import Tx
from nrm.escalation.models import Alarm, Heartbeat
from nrm.escalation.schemas import AlarmOut
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED

LIST_MAX = 100


def live_alarms(tx: Tx, actor: Actor) -> list[AlarmOut]:
    """The alarms of requests that still wait, in the actor's region (or everywhere), newest rung first.

    Without facts of the case; the request's id only for those who may open it.
    """
    query = (
        select(Alarm, PlacementRequest, Account)
        .join(PlacementRequest, col(PlacementRequest.id) == Alarm.request_id)
        .outerjoin(Account, col(Account.id) == Alarm.claimed_by)
        .where(col(Alarm.ended_at).is_(None))
        .order_by(col(Alarm.fired_at).desc(), Alarm.id)
        .limit(LIST_MAX)
    )
    region_code = reach(actor)
    if region_code is not None:
        query = query.where(PlacementRequest.region_code == region_code)
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    numbers_only = actor.role is Role.NATIONAL_COORDINATOR
    off_shift = actor.role is Role.DUTY_OFFICER and not actor.on_shift  # that it rings is for them, whose case not
    return [
        AlarmOut(
            id=alarm.id,
            request_id=request.id if may_see_case(actor, request) else None,
            short_code=None if numbers_only or off_shift else request.short_code,
            region=request.region_code,
            urgency=request.urgency,
            trigger=alarm.trigger,
            rung=alarm.rung,
            role=alarm.role,
            due_at=alarm.due_at,
            fired_at=alarm.fired_at,
            reached=alarm.reached,
            claimed_by=(account.name if account and not numbers_only else None),
            claimed=alarm.claimed_by is not None,
            claimed_at=alarm.claimed_at,
        )
        for alarm, request, account in tx.session.exec(query)
    ]


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
    query = (
        select(PlacementRequest.region_code, Alarm.role, Alarm.claimed_by, Alarm.reached)
        .join(Alarm, col(Alarm.request_id) == PlacementRequest.id)
        .where(col(Alarm.ended_at).is_(None))
    )
    if region_code is not None:
        query = query.where(PlacementRequest.region_code == region_code)
    counts: dict[tuple[str, str], list[int]] = {}
    for region, role, claimed_by, reached in tx.session.exec(query):
        cell = counts.setdefault((region, role), [0, 0, 0])
        cell[0] += 1
        cell[1] += claimed_by is not None
        cell[2] += reached == 0
    return [AlarmCount(*key, *counts[key]) for key in sorted(counts)]


def oldest_overdue(tx: Tx) -> datetime | None:
    """Since when the longest overdue rung waits to fire; None when nothing is overdue."""
    return tx.session.exec(
        select(func.min(PlacementRequest.rung_due_at)).where(
            col(PlacementRequest.rung_due_at) <= tx.now, col(PlacementRequest.status).in_(UNPLACED)
        )
    ).first()


def heartbeat(tx: Tx, part: str) -> datetime | None:
    """When a part last said that it works."""
    return tx.session.exec(select(Heartbeat.at).where(Heartbeat.part == part)).first()
