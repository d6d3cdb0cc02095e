"""How far what must keep running is behind."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select

from nrm.db import Tx
from nrm.escalation import queries as escalation
from nrm.escalation.models import Heartbeat
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED
from nrm.notify.models import Message
from nrm.placing.models import MatchState
from nrm.watch.rules import RUNG_LATE_MAX, WORKER, Figures, silent


def figures(tx: Tx) -> Figures:
    """The beats of all parts, and since when the oldest rung, message and request wait."""
    return Figures(
        beats=dict(tx.session.exec(select(Heartbeat.part, Heartbeat.at)).all()),
        rung=escalation.oldest_overdue(tx),
        message=tx.session.exec(select(func.min(Message.due_at)).where(col(Message.due_at) <= tx.now)).first(),
        request=_oldest_unmatched(tx),
    )


def beat(tx: Tx, part: str) -> datetime | None:
    """When a part last beat."""
    return escalation.heartbeat(tx, part)


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
    overdue = escalation.oldest_overdue(tx)
    return at is not None and (silent(at, tx.now) or (overdue is not None and tx.now - overdue > RUNG_LATE_MAX))
