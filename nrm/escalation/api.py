"""Alarms and escalations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.escalation import queries, raised, service
from nrm.escalation.rules import AuthorityKind
from nrm.escalation.schemas import (
    AlarmOut,
    AnswerIn,
    AskAgainIn,
    AuthorityIn,
    AuthorityOut,
    CloseIn,
    CreatedOut,
    EscalationOut,
    RaisedDetailOut,
    RaisedOut,
    RaiseIn,
    ResponsibleIn,
    VersionIn,
)

router = APIRouter(prefix=ROOT, tags=["escalation"])

Follower = Annotated[Call, Depends(Allowed(Verb.AUTHORITY_READ))]
Asker = Annotated[Call, Depends(Allowed(Verb.AUTHORITY_ASK))]
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


@router.post("/escalations/{escalation_id}/raising", status_code=201, response_model=CreatedOut)
def propose(escalation_id: Id, call: Claimer) -> Response:
    """Ask the national coordinator to put this before a competent authority."""
    return call.once(None, lambda tx: CreatedOut(id=raised.propose(tx, call.actor, escalation_id)), 201)


@router.get("/authorities", response_model=list[AuthorityOut])
def authorities(call: Asker) -> Response:
    """Who may be asked: what decides where nobody below could, through functional channels."""
    with call.reading() as tx:
        return answer(
            [
                AuthorityOut(
                    id=one.id,
                    kind=AuthorityKind(one.kind),
                    name=one.name,
                    region=one.region_code,
                    email=one.email,
                    phone=one.phone,
                )
                for one in queries.authorities(tx)
            ]
        )


@router.post("/authorities", status_code=201, response_model=CreatedOut)
def add_authority(shape: AuthorityIn, call: Asker) -> Response:
    """Put one on the list."""
    return call.once(shape, lambda tx: CreatedOut(id=raised.add_authority(tx, call.actor, shape)), 201)


@router.put("/authorities/{authority_id}", status_code=204)
def change_authority(authority_id: Id, shape: AuthorityIn, call: Asker) -> Response:
    """Another name, or another way to reach them."""
    return call.once(shape, lambda tx: raised.change_authority(tx, call.actor, authority_id, shape))


@router.delete("/authorities/{authority_id}", status_code=204)
def end_authority(authority_id: Id, call: Asker) -> Response:
    """Take one off the list."""
    return call.once(None, lambda tx: raised.end_authority(tx, call.actor, authority_id))


@router.get("/raised-escalations", response_model=list[RaisedOut])
def raised_escalations(
    call: Follower, closed: bool = False, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Response:
    """What lies with a competent authority, or should; or what did. In one's region, a page at a time."""
    with call.reading() as tx:
        return answer(queries.raised_list(tx, call.actor, closed, offset))


@router.get("/raised-escalations/{raised_id}", response_model=RaisedDetailOut)
def raised_escalation(raised_id: Id, call: Follower) -> Response:
    """One of them, with what was asked and answered each time."""
    with call.reading() as tx:
        return answer(queries.raised_detail(tx, call.actor, raised_id))


@router.post("/raised-escalations", status_code=201, response_model=CreatedOut)
def raise_to(shape: RaiseIn, call: Asker) -> Response:
    """Put what rings, or a region that is short, before a competent authority."""
    return call.once(shape, lambda tx: CreatedOut(id=raised.raise_to(tx, call.actor, shape)), 201)


@router.post("/raised-escalations/{raised_id}/asking", status_code=204)
def ask(raised_id: Id, shape: AskAgainIn, call: Asker) -> Response:
    """Ask what was proposed or came back, or ask once more."""
    return call.once(shape, lambda tx: raised.ask(tx, call.actor, raised_id, shape))


@router.post("/raised-escalations/{raised_id}/reminder", status_code=204)
def remind(raised_id: Id, shape: VersionIn, call: Asker) -> Response:
    """Remind them now."""
    return call.once(shape, lambda tx: raised.remind(tx, call.actor, raised_id, shape.version))


@router.post("/raised-escalations/{raised_id}/answer", status_code=204)
def note_answer(raised_id: Id, shape: AnswerIn, call: Asker) -> Response:
    """Write down what they answered, who said so and when."""
    return call.once(shape, lambda tx: raised.answer(tx, call.actor, raised_id, shape))


@router.post("/raised-escalations/{raised_id}/closing", status_code=204)
def close(raised_id: Id, shape: CloseIn, call: Asker) -> Response:
    """Say how it ended; what became of it only with an answer on record."""
    return call.once(shape, lambda tx: raised.close(tx, call.actor, raised_id, shape))
