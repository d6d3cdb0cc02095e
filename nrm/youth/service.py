"""Minors alone: put before youth crisis care or Nidos, who take over by answering. No place is sought for them here.

The alarm rings until somebody took over: it ends with the request, which gets its outcome in the same transaction.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlmodel import col

from nrm.access import queries as access
from nrm.access.rules import Actor, Verb
from nrm.access.service import log_read, require
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED, Outcome, RequestStatus
from nrm.notify import service as notify
from nrm.youth import queries
from nrm.youth.models import YouthAsk
from nrm.youth.rules import NotOurs, YouthAnswer
from nrm.youth.schemas import TakeoverIn, YouthAskOut

SPOKEN_AGO_MAX = timedelta(days=7)


def ask_due(database: Database) -> int:
    """Put every minor alone before whoever must be asked now. Returns how many were asked."""
    with database.reading() as tx:
        due = [one for one in queries.waiting(tx) if queries.next_to_ask(tx, intake.request(tx, one)) is not None]
    return database.each(due, _ask)


def read_asks(tx: Tx, actor: Actor) -> list[YouthAskOut]:
    """The minors one's organisation is asked to take over; each is a logged read."""
    require(actor, Verb.YOUTH_ANSWER)
    listed = queries.asks_for(tx, actor)
    for found in listed:
        log_read(tx, actor, f"youth_ask:{found.id}", "list")
    return listed


def take(tx: Tx, actor: Actor, ask_id: str) -> None:
    """We take it over: the request ends with that outcome, and its alarm with it."""
    ask, _ = _asked(tx, actor, ask_id)
    _taken(tx, ask.request_id, ask.organisation_id, actor, tx.now, spoken=False)


def refuse(tx: Tx, actor: Actor, ask_id: str, reason: NotOurs) -> None:
    """Not for us: the alarm rings on, and the other is asked at the next tick."""
    ask, _ = _asked(tx, actor, ask_id)
    request_id = ask.request_id
    tx.guarded(
        update(YouthAsk)
        .where(col(YouthAsk.id) == ask_id, col(YouthAsk.answer).is_(None))
        .values(answer=YouthAnswer.NOT_OURS, reason=reason, answered_at=tx.now, answered_by=actor.account_id),
        Conflict("already_answered"),
    )
    notify.cancel(tx, f"youth_ask:{ask_id}")
    tx.record("youth.refused", f"request:{request_id}", "requests", "youth", reason=reason)


def record_takeover(tx: Tx, actor: Actor, request_id: str, shape: TakeoverIn) -> None:
    """They said on the phone that they take it over: written down by the owner of the request."""
    request = intake_service.owned(tx, actor, request_id)
    _waits(request)
    errors = []
    if shape.organisation not in {one.id for one in queries.youth_organisations(tx, request.region_code)}:
        errors.append(FieldError(("organisation",), "unknown_choice"))
    at = shape.at or tx.now
    if at.tzinfo is None:
        errors.append(FieldError(("at",), "no_time_zone"))
    elif at > tx.now:
        errors.append(FieldError(("at",), "in_the_future"))
    elif at < tx.now - SPOKEN_AGO_MAX:
        errors.append(FieldError(("at",), "too_long_ago"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    _taken(tx, request_id, shape.organisation, actor, at, spoken=True)


def _taken(tx: Tx, request_id: str, organisation_id: str, actor: Actor, at: datetime, spoken: bool) -> None:
    values: dict[str, Any] = {
        "answer": YouthAnswer.TAKEN,
        "reason": None,
        "answered_at": at,
        "answered_by": actor.account_id,
        "spoken": spoken,
    }
    mine = [one for one in queries.asks_of(tx, request_id) if one.organisation_id == organisation_id]
    if mine:
        # On the phone they may come back on a no.
        tx.guarded(
            update(YouthAsk).where(col(YouthAsk.id) == mine[0].id, _may_be_answered(spoken)).values(**values),
            Conflict("already_answered"),
        )
    else:
        tx.session.add(
            YouthAsk(id=tx.new_id(), request_id=request_id, organisation_id=organisation_id, asked_at=at, **values)
        )
        tx.session.flush()
    for one in queries.asks_of(tx, request_id):
        notify.cancel(tx, f"youth_ask:{one.id}")
    intake_service.move(tx, request_id, UNPLACED, RequestStatus.CLOSED, outcome=Outcome.YOUTH_CARE, closed_at=tx.now)
    tx.record("youth.taken", f"request:{request_id}", "requests", "youth", "alarms", spoken=spoken)


def _may_be_answered(spoken: bool) -> ColumnElement[bool]:
    """Who said no on the screen may still say yes on the phone; nobody says yes twice."""
    unanswered = col(YouthAsk.answer).is_(None)
    return unanswered | (col(YouthAsk.answer) == YouthAnswer.NOT_OURS) if spoken else unanswered


def _asked(tx: Tx, actor: Actor, ask_id: str) -> tuple[YouthAsk, PlacementRequest]:
    """What the actor's own organisation is asked, with its request locked, of a minor who still waits alone."""
    require(actor, Verb.YOUTH_ANSWER)
    ask = tx.session.get(YouthAsk, ask_id)
    if ask is None or ask.organisation_id != actor.organisation_id:
        raise NotFound("no_youth_ask")
    request = intake.request(tx, ask.request_id, for_update=True)
    tx.session.refresh(ask)
    if ask.answer is not None:
        raise Conflict("already_answered")
    _waits(request)
    return ask, request


def _waits(request: PlacementRequest) -> None:
    if request.status not in UNPLACED or not request.minor_alone:
        raise Conflict("not_waiting")


def _ask(tx: Tx, request_id: str) -> bool:
    """Put a minor before whoever must be asked now: whoever holds the request's row looks again. Asked once."""
    request = intake.request(tx, request_id, for_update=True)
    if request.status not in UNPLACED or not request.minor_alone:
        return False
    organisation_id = queries.next_to_ask(tx, request)
    if organisation_id is None:
        return False
    organisation = access.organisation(tx, organisation_id)
    ask_id = tx.new_id()
    tx.session.add(YouthAsk(id=ask_id, request_id=request_id, organisation_id=organisation_id, asked_at=tx.now))
    tx.session.flush()
    if organisation.email:
        notify.queue(
            tx,
            f"youth_ask:{ask_id}",
            f"youth_ask:{ask_id}",
            "email",
            organisation.email,
            f"Nu: een minderjarige is alleen ({request.short_code})",
            f"Code {request.short_code}. Er is iemand nodig die dit overneemt.\nLog in om te antwoorden, of bel.",
        )
    tx.record("youth.asked", f"request:{request_id}", "requests", "youth")
    return True
