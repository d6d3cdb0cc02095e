"""Reading alarms."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from nrm.access.models import Account
from nrm.access.rules import Actor, Role, may_see_case
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
    if actor.region_code is not None:
        query = query.where(PlacementRequest.region_code == actor.region_code)
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    numbers_only = actor.role is Role.NATIONAL_COORDINATOR
    return [
        AlarmOut(
            id=alarm.id,
            request_id=request.id if may_see_case(actor, request) else None,
            short_code=None if numbers_only else request.short_code,
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
