"""Taking minors over, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.youth import service
from nrm.youth.schemas import RefusalIn, TakeoverIn, YouthAskOut

router = APIRouter(prefix=ROOT, tags=["youth"])

Answerer = Annotated[Call, Depends(Allowed(Verb.YOUTH_ANSWER))]


@router.get("/youth-asks", response_model=list[YouthAskOut])
def asks(call: Answerer) -> Response:
    """The minors alone whom one's organisation is asked to take over; each is a logged read."""
    with call.writing() as tx:
        return answer(service.read_asks(tx, call.actor))


@router.post("/youth-asks/{ask_id}/taking", status_code=204)
def take(ask_id: Id, call: Answerer) -> Response:
    """We take it over."""
    return call.once(None, lambda tx: service.take(tx, call.actor, ask_id))


@router.post("/youth-asks/{ask_id}/refusal", status_code=204)
def refuse(ask_id: Id, shape: RefusalIn, call: Answerer) -> Response:
    """Not for us, and why."""
    return call.once(shape, lambda tx: service.refuse(tx, call.actor, ask_id, shape.reason))


@router.post("/requests/{request_id}/youth-takeover", status_code=204)
def record_takeover(
    request_id: Id, shape: TakeoverIn, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_CHANGE))]
) -> Response:
    """They took over on the phone."""
    return call.once(shape, lambda tx: service.record_takeover(tx, call.actor, request_id, shape))
