"""Proposals, offers, stays and the release of an address over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm import journal
from nrm.access.api import Allowed, Call, step_up_if_given
from nrm.access.rules import Verb
from nrm.api import Id, answer
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.placing import queries, service
from nrm.placing.models import AddressRelease
from nrm.placing.schemas import (
    AcceptIn,
    AddressOut,
    DeclineIn,
    DepartIn,
    FollowOut,
    HistoryOut,
    NoShowIn,
    OccupyIn,
    OfferIn,
    OfferOut,
    OfferToAnswerOut,
    ProposalsOut,
    ReleaseIn,
    StayOut,
    StayStepIn,
)

router = APIRouter(tags=["placing"])

CaseReader = Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))]
Sender = Annotated[Call, Depends(Allowed(Verb.OFFER_SEND))]
Answerer = Annotated[Call, Depends(Allowed(Verb.OFFER_ANSWER))]
Arriver = Annotated[Call, Depends(Allowed(Verb.STAY_ARRIVE))]
Departer = Annotated[Call, Depends(Allowed(Verb.STAY_DEPART))]
Follower = Annotated[Call, Depends(Allowed(Verb.REQUEST_FOLLOW))]


def follow_out(tx: Tx, found: PlacementRequest) -> FollowOut:
    """A request as the first responder who asked sees it."""
    return FollowOut(
        id=found.id,
        short_code=found.short_code,
        status=queries.shown_status(tx, found),
        created_at=found.created_at,
        deadline_at=found.deadline_at,
        minor_alone=found.minor_alone,
        handover_point=queries.handover_point(tx, found.id),
    )


@router.get("/requests/{request_id}/proposals", response_model=ProposalsOut | None)
def proposals(request_id: Id, call: CaseReader) -> Response:
    """Places the solver proposes, and why the others are not among them; null before the first answer."""
    with call.writing() as tx:
        intake_service.open_case(tx, call.actor, request_id, "proposals")
        found = queries.proposals(tx, request_id)
        return answer(found) if found else Response("null", media_type="application/json")


@router.get("/requests/{request_id}/offers", response_model=list[OfferOut])
def offers(request_id: Id, call: CaseReader) -> Response:
    """Every offer made for a request, newest first."""
    with call.writing() as tx:
        intake_service.open_case(tx, call.actor, request_id, "offers")
        return answer(queries.offers(tx, request_id))


@router.get("/requests/{request_id}/stays", response_model=list[StayOut])
def stays(request_id: Id, call: CaseReader) -> Response:
    """The stays of a request, newest first."""
    with call.writing() as tx:
        intake_service.open_case(tx, call.actor, request_id, "stays")
        return answer(queries.stays_of_request(tx, request_id))


@router.get("/requests/{request_id}/history", response_model=list[HistoryOut])
def history(request_id: Id, call: CaseReader) -> Response:
    """What happened to a request, oldest first, from the journal."""
    with call.writing() as tx:
        intake_service.open_case(tx, call.actor, request_id, "history")
        return answer(history_out(tx, request_id))


def history_out(tx: Tx, request_id: str) -> list[HistoryOut]:
    """The journal of one request."""
    return [
        HistoryOut(seq=entry.seq, at=entry.at, kind=entry.kind)
        for entry in journal.of_subject(tx.session, f"request:{request_id}")
    ]


@router.post("/requests/{request_id}/offers", response_model=OfferOut, status_code=201)
def send(request_id: Id, shape: OfferIn, call: Sender) -> Response:
    """Send a proposal to whoever may decide; its places are held until the answer or the end of the hold."""

    def work(tx: Tx) -> OfferOut:
        offer = service.send_offer(tx, call.actor, request_id, shape.proposal_id, shape.phoned)
        return next(found for found in queries.offers(tx, request_id) if found.id == offer.id)

    return call.once(shape, work, 201)


@router.delete("/offers/{offer_id}", status_code=204)
def withdraw(offer_id: Id, call: Sender) -> Response:
    """Take an offer back before it was answered."""
    with call.writing() as tx:
        service.withdraw_offer(tx, call.actor, offer_id)
    return answer(None)


@router.get("/offers-to-answer", response_model=list[OfferToAnswerOut])
def to_answer(call: Annotated[Call, Depends(Allowed(Verb.OFFER_READ))]) -> Response:
    """The live offers that need an answer of one's organisation, first to lapse first; each is a logged read."""
    with call.writing() as tx:
        return answer(service.open_offers(tx, call.actor))


@router.post("/offers/{offer_id}/acceptance", status_code=204)
def accept(offer_id: Id, shape: AcceptIn, call: Answerer) -> Response:
    """Say yes."""

    def work(tx: Tx) -> None:
        service.accept(tx, call.actor, offer_id, shape.handover_point)

    return call.once(shape, work)


@router.post("/offers/{offer_id}/declining", status_code=204)
def decline(offer_id: Id, shape: DeclineIn, call: Answerer) -> Response:
    """Say no, with the coded reason."""
    return call.once(shape, lambda tx: service.decline(tx, call.actor, offer_id, shape.code))


@router.get("/stays", response_model=list[StayOut])
def stays_here(call: Annotated[Call, Depends(Allowed(Verb.PLACES_READ))]) -> Response:
    """Everyone expected or staying at one's own locations; each that came from a request is a logged read."""
    with call.writing() as tx:
        return answer(service.open_stays(tx, call.actor))


@router.post("/stays/{stay_id}/arrival", status_code=204)
def arrival(stay_id: Id, shape: StayStepIn, call: Arriver) -> Response:
    """The party arrived."""
    return call.once(shape, lambda tx: service.confirm_arrival(tx, call.actor, stay_id, shape.version))


@router.post("/stays/{stay_id}/no-show", status_code=204)
def no_show(stay_id: Id, shape: NoShowIn, call: Arriver) -> Response:
    """The party did not come, and perhaps why."""
    return call.once(shape, lambda tx: service.not_arrived(tx, call.actor, stay_id, shape.version, shape.reason))


@router.post("/stays/{stay_id}/departure", status_code=204)
def departure(stay_id: Id, shape: DepartIn, call: Departer) -> Response:
    """The party left, where to and perhaps why."""

    def work(tx: Tx) -> None:
        service.depart(tx, call.actor, stay_id, shape.destination, shape.version, shape.reason)

    return call.once(shape, work)


@router.post("/places/{place_id}/occupation", status_code=204)
def occupy(place_id: Id, shape: OccupyIn, call: Departer) -> Response:
    """A place is in use by arrangement outside this system."""

    def work(tx: Tx) -> None:
        service.occupy(tx, call.actor, place_id, shape.expected_departure)

    return call.once(shape, work)


@router.post("/stays/{stay_id}/address-release", response_model=AddressOut)
def release(stay_id: Id, shape: ReleaseIn, call: Annotated[Call, Depends(Allowed(Verb.ADDRESS_RELEASE))]) -> Response:
    """The address, once, to the owner of the request. Never stored with an idempotency key: a stored answer leaks."""
    actor = step_up_if_given(call.parts, call.actor, shape.password)
    with call.writing() as tx:
        address = service.release_address(
            tx, actor, call.parts.key, stay_id, shape.reason, call.parts.settings.step_up_minutes
        )
        released_at: datetime = tx.session.get_one(AddressRelease, stay_id).at
    response = answer(AddressOut(address=address, released_at=released_at))
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/followed-requests", response_model=list[FollowOut])
def followed(call: Follower) -> Response:
    """The state of the requests one asked as a first responder; each is a logged read."""
    with call.writing() as tx:
        found = intake.visible(tx, call.actor)
        return answer([follow_out(tx, intake_service.follow(tx, call.actor, request.id)) for request in found])


@router.get("/followed-requests/{request_id}", response_model=FollowOut)
def followed_one(request_id: Id, call: Follower) -> Response:
    """The state of one request asked as a first responder; a logged read."""
    with call.writing() as tx:
        return answer(follow_out(tx, intake_service.follow(tx, call.actor, request_id)))
