"""Exchange with other systems over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.exchange.schemas import StateIn, StateOut
from nrm.exchange.state import push_state

router = APIRouter(prefix=ROOT, tags=["exchange"])


@router.put("/locations/{location_id}/state", response_model=StateOut)
def put_state(location_id: Id, shape: StateIn, call: Annotated[Call, Depends(Allowed(Verb.PLACES_KEEP))]) -> Response:
    """Say how a whole location stands, as its own system knows it; saying so confirms its figure."""
    with call.writing() as tx:
        return answer(push_state(tx, call.actor, location_id, shape))
