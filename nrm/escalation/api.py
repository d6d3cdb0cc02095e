"""Alarms and escalations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import Id, answer
from nrm.escalation import queries, service
from nrm.escalation.schemas import AlarmOut, EscalationOut, ResponsibleIn

router = APIRouter(tags=["escalation"])

Claimer = Annotated[Call, Depends(Allowed(Verb.ALARM_CLAIM))]


@router.get("/alarms", response_model=list[AlarmOut])
def alarms(call: Annotated[Call, Depends(Allowed(Verb.ALARM_READ))]) -> Response:
    """The rungs that rang of what is not over."""
    with call.reading() as tx:
        return answer(queries.live_alarms(tx, call.actor))


@router.post("/alarms/{alarm_id}/claim", status_code=204)
def claim_alarm(alarm_id: Id, call: Claimer) -> Response:
    """Take an alarm, and all that rings for the same request: I do this. It lapses by itself."""
    return call.once(None, lambda tx: service.claim_alarm(tx, call.actor, alarm_id))


@router.get("/escalations", response_model=list[EscalationOut])
def escalations(
    call: Annotated[Call, Depends(Allowed(Verb.ALARM_READ))], offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Response:
    """Everything that is not over, oldest cause first, a page at a time."""
    with call.reading() as tx:
        return answer(queries.live_escalations(tx, call.actor, offset))


@router.post("/escalations/{escalation_id}/claim", status_code=204)
def claim(escalation_id: Id, call: Claimer) -> Response:
    """Take an escalation, and all that is live for the same request; again, by the same person, for longer."""
    return call.once(None, lambda tx: service.claim(tx, call.actor, escalation_id))


@router.post("/escalations/{escalation_id}/release", status_code=204)
def release(escalation_id: Id, call: Claimer) -> Response:
    """Give back what one took: the ladder goes on where it was."""
    return call.once(None, lambda tx: service.release(tx, call.actor, escalation_id))


@router.post("/escalations/{escalation_id}/responsible", status_code=204)
def name_responsible(escalation_id: Id, shape: ResponsibleIn, call: Claimer) -> Response:
    """Say who sees to it: the ladder stops, until that person is silent for too long."""
    return call.once(shape, lambda tx: service.name_responsible(tx, call.actor, escalation_id, shape.account_id))
