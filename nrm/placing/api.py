"""Proposals, offers, stays and the release of an address over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm import journal
from nrm.access.api import Allowed, Call, step_up_if_given
from nrm.access.rules import Actor, Verb
from nrm.api import ROOT, Id, answer
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.placing import consents, queries, reviews, service, staying, trust
from nrm.placing.models import AddressRelease
from nrm.placing.schemas import (
    AcceptIn,
    AddressOut,
    ApprovalIn,
    ApprovalOut,
    ConsentIn,
    ConsentOut,
    CorrectionIn,
    DeclineIn,
    DeclineOut,
    DepartIn,
    ExtendIn,
    FollowOut,
    GroupAcceptIn,
    GroupOfferIn,
    HistoryOut,
    NoShowIn,
    NotNowOut,
    OccupyIn,
    OfferIn,
    OfferOut,
    OffersIn,
    OffersOut,
    OfferToAnswerOut,
    PaidForOut,
    ProposalsOut,
    RefusedOut,
    ReleaseIn,
    StayOut,
    StayStepIn,
    TrustScoreOut,
)
from nrm.registry import joint

router = APIRouter(prefix=ROOT, tags=["placing"])

CaseReader = Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))]
Sender = Annotated[Call, Depends(Allowed(Verb.OFFER_SEND))]
Answerer = Annotated[Call, Depends(Allowed(Verb.OFFER_ANSWER))]
Consenter = Annotated[Call, Depends(Allowed(Verb.CONSENT_KEEP))]
Reviewer = Annotated[Call, Depends(Allowed(Verb.DECLINES_REVIEW))]
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


@router.post("/groups/{group_id}/offers", response_model=OffersOut, status_code=201)
def send_group(group_id: Id, shape: GroupOfferIn, call: Sender) -> Response:
    """Send the first proposal of everybody in a group who waits: all their places are held, or none."""

    def work(tx: Tx) -> OffersOut:
        sent = {offer.id for offer in service.send_group(tx, call.actor, group_id, shape.phoned)}
        members = [found.id for found in intake.group(tx, group_id)]
        return OffersOut(
            offers=[offer for member in members for offer in queries.offers(tx, member) if offer.id in sent], refused=[]
        )

    return call.once(shape, work, 201)


@router.post("/groups/{group_id}/acceptance", status_code=204)
def accept_group(group_id: Id, shape: GroupAcceptIn, call: Answerer) -> Response:
    """Say yes to everybody of a group who was asked for at one location: all of them, or nobody."""

    def work(tx: Tx) -> None:
        service.accept_group(tx, call.actor, group_id, shape.location, shape.handover_point)

    return call.once(shape, work)


@router.post("/requests/{request_id}/offer-rounds", response_model=OffersOut, status_code=201)
def send_round(request_id: Id, shape: OffersIn, call: Sender) -> Response:
    """Ask several houses at once: each its own offer and hold, the first full yes wins and the others are let go.

    What could not be asked any more is named with its reason; when nothing could, that reason is the refusal.
    """
    return call.once(shape, lambda tx: send_round_out(tx, call.actor, request_id, shape), 201)


def send_round_out(tx: Tx, actor: Actor, request_id: str, shape: OffersIn) -> OffersOut:
    """Ask several houses, and what became of it. Raises the first reason when none could be asked."""
    sent = service.send_offers(tx, actor, request_id, shape.proposal_ids, set(shape.phoned))
    if not sent.offers:
        raise next(iter(sent.refused.values()))
    made = {offer.id for offer in sent.offers}
    return OffersOut(
        offers=[found for found in queries.offers(tx, request_id) if found.id in made],
        refused=[RefusedOut(proposal_id=proposal_id, code=why.code) for proposal_id, why in sent.refused.items()],
    )


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
    return call.once(shape, lambda tx: service.decline(tx, call.actor, offer_id, shape.code, shape.criterion))


@router.post("/offers/{offer_id}/extension", status_code=204)
def extend(offer_id: Id, shape: ExtendIn, call: Annotated[Call, Depends(Allowed(Verb.OFFER_EXTEND))]) -> Response:
    """Hold the places a while longer, within what policy allows."""

    def work(tx: Tx) -> None:
        service.extend_hold(tx, call.actor, offer_id, shape.extensions)

    return call.once(shape, work)


@router.post("/offers/{offer_id}/crisis-placement", status_code=204)
def crisis(offer_id: Id, shape: AcceptIn, call: Annotated[Call, Depends(Allowed(Verb.OFFER_CRISIS))]) -> Response:
    """Place on the provider's spoken yes where policy opens that path; who did not answer approves afterwards."""

    def work(tx: Tx) -> None:
        service.place_in_crisis(tx, call.actor, offer_id, shape.handover_point)

    return call.once(shape, work)


@router.get("/approvals", response_model=list[ApprovalOut])
def approvals(call: Annotated[Call, Depends(Allowed(Verb.OFFER_READ))]) -> Response:
    """Placements in a crisis that wait for an approval of one's organisation; each is a logged read."""
    with call.writing() as tx:
        return answer(reviews.open_approvals(tx, call.actor))


@router.post("/offers/{offer_id}/approval", status_code=204)
def approve(offer_id: Id, shape: ApprovalIn, call: Answerer) -> Response:
    """Judge a placement in a crisis afterwards."""
    return call.once(shape, lambda tx: reviews.approve_afterwards(tx, call.actor, offer_id, shape.approved))


@router.get("/declines", response_model=list[DeclineOut])
def declines(call: Reviewer, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """Declines, newest first: codes, nothing of a case."""
    with call.reading() as tx:
        return answer(queries.declines(tx, offset))


@router.post("/declines/{offer_id}/correction", status_code=204)
def correct(offer_id: Id, shape: CorrectionIn, call: Reviewer) -> Response:
    """Read a decline otherwise than it was tagged, for a coded reason."""
    return call.once(
        shape, lambda tx: reviews.correct_decline(tx, call.actor, offer_id, shape.seen, shape.tag, shape.reason)
    )


@router.get("/not-now", response_model=list[NotNowOut])
def not_now(call: Annotated[Call, Depends(Allowed(Verb.PLACES_READ))]) -> Response:
    """What one's own declines keep from being offered to anybody for now."""
    with call.reading() as tx:
        return answer(queries.own_not_now(tx, call.actor.organisation_id))


@router.get("/consents", response_model=list[ConsentOut])
def own_consents(call: Consenter) -> Response:
    """For which locations one's organisation said yes in advance."""
    with call.reading() as tx:
        return answer(queries.consents_of(tx, call.actor.organisation_id))


@router.put("/locations/{location_id}/consent", status_code=204)
def give_consent(location_id: Id, shape: ConsentIn, call: Consenter) -> Response:
    """Say yes in advance for the places of a location."""
    with call.writing() as tx:
        consents.give_consent(tx, call.actor, location_id, shape.urgencies, shape.until, shape.handover_point)
    return answer(None)


@router.delete("/locations/{location_id}/consent", status_code=204)
def revoke_consent(location_id: Id, call: Consenter) -> Response:
    """Take back what one said in advance."""
    with call.writing() as tx:
        consents.revoke_consent(tx, call.actor, location_id)
    return answer(None)


@router.get("/stays", response_model=list[StayOut])
def stays_here(call: Annotated[Call, Depends(Allowed(Verb.PLACES_READ))]) -> Response:
    """Everyone expected or staying at one's own locations; each that came from a request is a logged read."""
    with call.writing() as tx:
        return answer(staying.open_stays(tx, call.actor))


@router.post("/stays/{stay_id}/arrival", status_code=204)
def arrival(stay_id: Id, shape: StayStepIn, call: Arriver) -> Response:
    """The party arrived."""
    return call.once(shape, lambda tx: staying.confirm_arrival(tx, call.actor, stay_id, shape.version))


@router.post("/stays/{stay_id}/no-show", status_code=204)
def no_show(stay_id: Id, shape: NoShowIn, call: Arriver) -> Response:
    """The party did not come, and perhaps why."""
    return call.once(shape, lambda tx: staying.not_arrived(tx, call.actor, stay_id, shape.version, shape.reason))


@router.post("/stays/{stay_id}/departure", status_code=204)
def departure(stay_id: Id, shape: DepartIn, call: Departer) -> Response:
    """The party left, where to and perhaps why."""

    def work(tx: Tx) -> None:
        staying.depart(tx, call.actor, stay_id, shape.destination, shape.version, shape.reason, shape.continuity)

    return call.once(shape, work)


@router.get("/jointly-paid-locations", response_model=list[PaidForOut])
def jointly_paid(call: Annotated[Call, Depends(Allowed(Verb.SHARES_READ))]) -> Response:
    """The locations in which a municipality of one's region has a share, and how they are used now."""
    with call.reading() as tx:
        return answer(queries.paid_for(tx, joint.paid_for(tx, call.actor)))


@router.post("/places/{place_id}/occupation", status_code=204)
def occupy(place_id: Id, shape: OccupyIn, call: Departer) -> Response:
    """A place is in use by arrangement outside this system."""

    def work(tx: Tx) -> None:
        staying.occupy(tx, call.actor, place_id, shape.expected_departure, shape.other_group)

    return call.once(shape, work)


@router.post("/stays/{stay_id}/address-release", response_model=AddressOut)
def release(stay_id: Id, shape: ReleaseIn, call: Annotated[Call, Depends(Allowed(Verb.ADDRESS_RELEASE))]) -> Response:
    """The address, once, to the owner of the request. Never stored with an idempotency key: a stored answer leaks."""
    actor = step_up_if_given(call.parts, call.actor, shape.password)
    with call.writing() as tx:
        address = staying.release_address(
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


@router.get("/trust-scores", response_model=list[TrustScoreOut])
def trust_scores(call: Annotated[Call, Depends(Allowed(Verb.TRUST_READ))]) -> Response:
    """How often a place listed free was refused or not answered: of one's own locations, for the desk of all."""
    with call.reading() as tx:
        return answer([TrustScoreOut.model_validate(score) for score in trust.scores(tx, call.actor).values()])
