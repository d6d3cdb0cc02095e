"""How far what must keep running is behind."""

from datetime import datetime

from sqlalchemy import exists, func
from sqlmodel import col, select

from nrm.db import Tx
from nrm.escalation import queries as escalation
from nrm.escalation.models import Escalation, Heartbeat
from nrm.escalation.rules import Trigger
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED
from nrm.notify.models import Message
from nrm.placing.models import MatchState
from nrm.watch.rules import RUNG_LATE_MAX, WORKER, Figures, silent


def figures(tx: Tx) -> Figures:
    """The beats of all parts, and since when the oldest rung, message and request wait."""
    return Figures(
        beats=dict(tx.session.exec(select(Heartbeat.part, Heartbeat.at)).all()),
        rung=_oldest_rung(tx),
        message=tx.session.exec(select(func.min(Message.due_at)).where(col(Message.due_at) <= tx.now)).first(),
        request=_oldest_unmatched(tx),
    )


def beat(tx: Tx, part: str) -> datetime | None:
    """When a part last beat."""
    return escalation.heartbeat(tx, part)


def _oldest_rung(tx: Tx) -> datetime | None:
    """Since when the oldest alarm waits: a rung that is due, or a deadline that should have become one."""
    return min(filter(None, (escalation.oldest_overdue(tx), _oldest_unopened(tx))), default=None)


def _oldest_unopened(tx: Tx) -> datetime | None:
    """Since when the oldest deadline has passed of which nothing was made: a step that does nothing leaves no rung."""
    opened = exists().where(
        col(Escalation.request_id) == col(PlacementRequest.id),
        col(Escalation.trigger) == Trigger.DEADLINE,
        col(Escalation.cause_at) == col(PlacementRequest.deadline_at),
    )
    return tx.session.exec(
        select(func.min(PlacementRequest.deadline_at)).where(
            col(PlacementRequest.deadline_at) <= tx.now,
            col(PlacementRequest.status).in_(UNPLACED),
            col(PlacementRequest.minor_alone).is_(False),
            ~opened,
        )
    ).first()


def _oldest_unmatched(tx: Tx) -> datetime | None:
    """Since when the oldest request waits that no round of matching has seen."""
    state = tx.session.get(MatchState, 1)
    query = select(func.min(PlacementRequest.created_at)).where(col(PlacementRequest.status).in_(UNPLACED))
    if state is not None:
        query = query.where(col(PlacementRequest.created_at) > state.matched_at)
    return tx.session.exec(query).first()


def behind(tx: Tx) -> bool:
    """Whether people should be told that the system is behind: the worker fell silent, or an alarm is overdue.

    A worker that never ran is a deployment that is not finished; `nrm doctor` and `/readyz` say so.
    """
    at = beat(tx, WORKER)
    overdue = _oldest_rung(tx)
    return at is not None and (silent(at, tx.now) or (overdue is not None and tx.now - overdue > RUNG_LATE_MAX))
