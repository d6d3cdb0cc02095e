"""Alarms over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import Id, answer
from nrm.escalation import queries, service
from nrm.escalation.schemas import AlarmOut

router = APIRouter(tags=["escalation"])


@router.get("/alarms", response_model=list[AlarmOut])
def alarms(call: Annotated[Call, Depends(Allowed(Verb.ALARM_READ))]) -> Response:
    """The alarms of requests that still wait."""
    with call.reading() as tx:
        return answer(queries.live_alarms(tx, call.actor))


@router.post("/alarms/{alarm_id}/claim", status_code=204)
def claim(alarm_id: Id, call: Annotated[Call, Depends(Allowed(Verb.ALARM_CLAIM))]) -> Response:
    """Take an alarm: I do this."""
    return call.once(None, lambda tx: service.claim(tx, call.actor, alarm_id))
