"""The course of placements over HTTP: bridges, stays, follow-ons, settlement, and handing a request over."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, answer
from nrm.clock import AMSTERDAM
from nrm.course import queries, service
from nrm.course.rules import AftercareItem
from nrm.course.schemas import (
    AftercareIn,
    BlockageIn,
    BridgeIn,
    BridgeNightsOut,
    BridgeOut,
    DepartureIn,
    DestinationIn,
    FollowedCourseOut,
    FollowOnOut,
    GettingThereIn,
    HandoverSummaryIn,
    HandoverSummaryOut,
    PayerIn,
    ReciprocityOut,
    RequestCourseOut,
    SettlementIn,
    SettlementOut,
    StayCourseOut,
    TariffIn,
    TransferIn,
    TransferOut,
)
from nrm.db import Tx
from nrm.errors import FieldError, Invalid
from nrm.intake import service as intake_service
from nrm.registry.api import board_region

router = APIRouter(prefix=ROOT, tags=["course"])

Bridger = Annotated[Call, Depends(Allowed(Verb.BRIDGE_KEEP))]
Changer = Annotated[Call, Depends(Allowed(Verb.REQUEST_CHANGE))]
Counter = Annotated[Call, Depends(Allowed(Verb.NUMBERS_READ))]
StayKeeper = Annotated[Call, Depends(Allowed(Verb.STAY_KEEP))]
SummaryReader = Annotated[Call, Depends(Allowed(Verb.SUMMARY_READ))]
Settler = Annotated[Call, Depends(Allowed(Verb.SETTLEMENT_KEEP))]

PERIOD_DAYS_MAX = 3 * 366
YEAR = timedelta(days=365)


@router.get("/requests/{request_id}/course", response_model=RequestCourseOut)
def course(request_id: Id, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_READ))]) -> Response:
    """What happens around a request: bridges, follow-on, feedback, settlement, transfer; a logged read."""
    with call.writing() as tx:
        return answer(service.open_course(tx, call.actor, request_id))


@router.post("/requests/{request_id}/bridges", response_model=BridgeOut, status_code=201)
def record_bridge(request_id: Id, shape: BridgeIn, call: Bridger) -> Response:
    """Record where somebody without a place spends the night. The request keeps waiting, and its clock runs faster."""

    def work(tx: Tx) -> BridgeOut:
        return queries.bridge_out(service.record_bridge(tx, call.actor, request_id, shape), tx.now)

    return call.once(shape, work, 201)


@router.post("/bridges/{bridge_id}/ending", status_code=204)
def end_bridge(bridge_id: Id, call: Bridger) -> Response:
    """The bridge is over although nobody arrived in a place."""
    return call.once(None, lambda tx: service.end_bridge(tx, call.actor, bridge_id))


@router.put("/bridges/{bridge_id}/payer", status_code=204)
def name_payer(bridge_id: Id, shape: PayerIn, call: Bridger) -> Response:
    """Who pays for a bridge of which nobody knew it."""
    with call.writing() as tx:
        service.name_payer(tx, call.actor, bridge_id, shape.municipality)
    return answer(None)


@router.get("/bridge-nights", response_model=list[BridgeNightsOut])
def bridge_nights(
    call: Counter, since: Annotated[date | None, Query()] = None, until: Annotated[date | None, Query()] = None
) -> Response:
    """Nights and cost of bridges per paying municipality, in a period or the past year. Numbers, no cases.

    Without a municipality: those found in the region of which nobody said yet who pays.
    """
    with call.reading() as tx:
        today = tx.now.astimezone(AMSTERDAM).date()
        end = until or today
        begin = since or today - YEAR
        if not 0 <= (end - begin).days <= PERIOD_DAYS_MAX:
            raise Invalid("invalid", (FieldError(("until",), "not_in_range"),))
        return answer(queries.bridge_nights(tx, begin, end, board_region(call.actor)))


@router.get("/stays/{stay_id}/course", response_model=StayCourseOut)
def stay_course(stay_id: Id, call: Annotated[Call, Depends(Allowed(Verb.STAY_READ))]) -> Response:
    """The course of a stay of one's own house or request; a logged read."""
    with call.writing() as tx:
        return answer(service.open_stay(tx, call.actor, stay_id))


@router.put("/stays/{stay_id}/aftercare/{item}", status_code=204)
def keep_aftercare(stay_id: Id, item: AftercareItem, shape: AftercareIn, call: StayKeeper) -> Response:
    """How one item of the checklist stands."""
    with call.writing() as tx:
        service.keep_aftercare(tx, call.actor, stay_id, item, shape)
    return answer(None)


@router.put("/stays/{stay_id}/expected-departure", status_code=204)
def expect_departure(stay_id: Id, shape: DepartureIn, call: StayKeeper) -> Response:
    """Another expected departure."""
    with call.writing() as tx:
        service.expect_departure(tx, call.actor, stay_id, shape.on, shape.version, shape.reason)
    return answer(None)


@router.put("/stays/{stay_id}/blockage", status_code=204)
def block(stay_id: Id, shape: BlockageIn, call: StayKeeper) -> Response:
    """Somebody could leave but cannot, and why."""
    with call.writing() as tx:
        service.block(tx, call.actor, stay_id, shape.cause)
    return answer(None)


@router.delete("/stays/{stay_id}/blockage", status_code=204)
def unblock(stay_id: Id, call: StayKeeper) -> Response:
    """Nothing keeps them any more."""
    with call.writing() as tx:
        service.unblock(tx, call.actor, stay_id)
    return answer(None)


@router.put("/stays/{stay_id}/destination", status_code=204)
def learn_destination(stay_id: Id, shape: DestinationIn, call: StayKeeper) -> Response:
    """What became of somebody who left without a destination."""
    with call.writing() as tx:
        service.learn_destination(tx, call.actor, stay_id, shape.destination, shape.version)
    return answer(None)


@router.put("/stays/{stay_id}/getting-there", status_code=204)
def get_there(stay_id: Id, shape: GettingThereIn, call: StayKeeper) -> Response:
    """How an accepted party comes to the place."""
    with call.writing() as tx:
        service.get_there(tx, call.actor, stay_id, shape)
    return answer(None)


@router.put("/stays/{stay_id}/handover-summary", status_code=204)
def write_summary(stay_id: Id, shape: HandoverSummaryIn, call: SummaryReader) -> Response:
    """What the next provider should know, in codes."""
    with call.writing() as tx:
        service.write_summary(tx, call.actor, stay_id, shape)
    return answer(None)


@router.get("/stays/{stay_id}/handover-summary", response_model=HandoverSummaryOut | None)
def read_summary(stay_id: Id, call: SummaryReader) -> Response:
    """What the provider before says about who comes to one's own house, or null; a logged read."""
    with call.writing() as tx:
        found = service.read_summary(tx, call.actor, stay_id)
        return answer(found) if found else Response("null", media_type="application/json")


@router.post("/requests/{request_id}/follow-on", response_model=FollowOnOut, status_code=201)
def open_follow_on(request_id: Id, call: Changer) -> Response:
    """Ask for the next place of somebody who stays in one."""

    def work(tx: Tx) -> FollowOnOut | None:
        service.open_follow_on(tx, call.actor, request_id)
        return queries.follow_on(tx, request_id)

    return call.once(None, work, 201)


@router.put("/requests/{request_id}/settlement", response_model=SettlementOut)
def settle(request_id: Id, shape: SettlementIn, call: Changer) -> Response:
    """Who pays for a placement. No bed waits for it."""
    with call.writing() as tx:
        return answer(queries.settlement_out(service.settle(tx, call.actor, request_id, shape)))


@router.get("/settlements", response_model=list[SettlementOut])
def settlements(call: Settler) -> Response:
    """The settlements of a municipality's own area, without anything of a case."""
    with call.reading() as tx:
        return answer(service.settlements(tx, call.actor))


@router.put("/settlements/{settlement_id}/tariff", status_code=204)
def settle_tariff(settlement_id: Id, shape: TariffIn, call: Settler) -> Response:
    """A municipality agrees with the tariff, or disputes it."""
    with call.writing() as tx:
        service.settle_tariff(tx, call.actor, settlement_id, shape.tariff, shape.version)
    return answer(None)


@router.get("/followed-requests/{request_id}/course", response_model=FollowedCourseOut)
def followed_course(request_id: Id, call: Annotated[Call, Depends(Allowed(Verb.REQUEST_FOLLOW))]) -> Response:
    """What a first responder hears of what they asked; a logged read."""
    with call.writing() as tx:
        intake_service.follow(tx, call.actor, request_id)
        told, at = queries.feedback(tx, request_id), queries.handover_at(tx, request_id)
        return answer(FollowedCourseOut(feedback=told, handover_at=at))


@router.get("/reciprocity", response_model=list[ReciprocityOut])
def reciprocity(call: Counter) -> Response:
    """Per region how many parties it placed elsewhere and took in, over the past year. Numbers, no cases."""
    with call.reading() as tx:
        return answer(queries.reciprocity(tx, tx.now - YEAR, board_region(call.actor)))


@router.post("/requests/{request_id}/transfers", response_model=TransferOut, status_code=201)
def offer_transfer(request_id: Id, shape: TransferIn, call: Changer) -> Response:
    """Offer a request to another organisation. Until it takes it, nothing changes."""

    def work(tx: Tx) -> TransferOut:
        return queries.transfer_out(tx, service.offer_transfer(tx, call.actor, request_id, shape.to), call.actor)

    return call.once(shape, work, 201)


@router.get("/transfers", response_model=list[TransferOut])
def transfers(call: Changer) -> Response:
    """The requests one's organisation is asked to take over; each is a logged read."""
    with call.writing() as tx:
        return answer(service.transfers(tx, call.actor))


@router.post("/transfers/{transfer_id}/taking", status_code=204)
def take_over(transfer_id: Id, call: Changer) -> Response:
    """Take a request over."""

    def work(tx: Tx) -> None:
        service.take_over(tx, call.actor, transfer_id)

    return call.once(None, work)


@router.post("/transfers/{transfer_id}/refusal", status_code=204)
def refuse_transfer(transfer_id: Id, call: Changer) -> Response:
    """Not take it over: its owner keeps it."""
    return call.once(None, lambda tx: service.refuse_transfer(tx, call.actor, transfer_id))


@router.delete("/transfers/{transfer_id}", status_code=204)
def withdraw_transfer(transfer_id: Id, call: Changer) -> Response:
    """Keep it after all."""
    with call.writing() as tx:
        service.withdraw_transfer(tx, call.actor, transfer_id)
    return answer(None)
