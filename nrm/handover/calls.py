"""Noting a call: who phoned whom about what, and how it ended. It changes nothing else (docs/decisions/0022)."""

from nrm.access import queries as access
from nrm.access.rules import Actor, Verb, may_see_case, reach
from nrm.access.service import require
from nrm.db import Tx
from nrm.errors import Invalid, NotFound
from nrm.handover.models import PhoneCall
from nrm.handover.rules import CallResult
from nrm.intake import queries as intake
from nrm.registry import queries as registry


def note(
    tx: Tx,
    actor: Actor,
    organisation_id: str,
    result: str,
    location_id: str | None = None,
    request_id: str | None = None,
) -> PhoneCall:
    """Write that the actor phoned an organisation just now, about one of its houses or a request, and how it ended."""
    require(actor, Verb.CALL_NOTE)
    if result not in set(CallResult):
        raise Invalid("invalid")
    access.organisation(tx, organisation_id)
    if location_id is not None:
        location = registry.location(tx, location_id)
        if location.organisation_id != organisation_id or reach(actor) not in {None, location.region_code}:
            raise NotFound("no_location")
    if request_id is not None and not may_see_case(actor, intake.request(tx, request_id)):
        raise NotFound("no_request")
    call = PhoneCall(
        id=tx.new_id(),
        at=tx.now,
        account_id=actor.account_id,
        organisation_id=organisation_id,
        location_id=location_id,
        request_id=request_id,
        result=result,
    )
    tx.session.add(call)
    tx.session.flush()
    about = (
        f"request:{request_id}"
        if request_id
        else f"location:{location_id}"
        if location_id
        else f"organisation:{organisation_id}"
    )
    tx.record("call.noted", about, "calls", call=call.id, organisation=organisation_id, result=result)
    return call
