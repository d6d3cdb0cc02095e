"""Reading proposals, offers and stays in the shapes people see."""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy import select as select_rows
from sqlmodel import col, select

from nrm.access.models import Organisation
from nrm.access.rules import Actor
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Urgency
from nrm.intake.schemas import PersonOut
from nrm.placing.models import AddressRelease, Offer, OfferAnswer, Proposal, ProposalSet, Stay
from nrm.placing.rules import Answer, OfferStatus, StayStatus
from nrm.placing.schemas import (
    AnswerOut,
    OfferOut,
    OfferToAnswerOut,
    ProposalOut,
    ProposalsOut,
    ShutOutOut,
    StayOut,
)
from nrm.registry import queries as registry
from nrm.registry.models import Location, Unit

LIST_MAX = 100


def current_set(tx: Tx, request_id: str) -> ProposalSet | None:
    """What the solver last said about this request, if anything."""
    return tx.session.exec(
        select(ProposalSet).where(ProposalSet.request_id == request_id, col(ProposalSet.replaced_at).is_(None))
    ).first()


def proposals(tx: Tx, request_id: str) -> ProposalsOut | None:
    """The current proposals of a request, each figure as it is now; None before the first.

    `available` says whether it still can be asked: not when its places were taken since the solve, or it said no.
    """
    found = current_set(tx, request_id)
    if found is None:
        return None
    detail = intake.detail(tx, request_id)
    rows = tx.session.exec(select(Proposal).where(Proposal.set_id == found.id).order_by(col(Proposal.rank))).all()
    listed = []
    for proposal in rows:
        view = registry.locations(tx, location_id=proposal.location_id)[0]
        unit = next(unit for unit in view.units if unit.unit.id == proposal.unit_id)
        barred = proposal.location_id in detail.barred_locations
        listed.append(
            ProposalOut(
                id=proposal.id,
                rank=proposal.rank,
                unit_id=unit.unit.id,
                location_code=view.location.code,
                unit_code=unit.unit.code,
                provider=view.organisation.name,
                phone=view.organisation.phone,
                available=not barred and unit.free_for_offer >= len(detail.persons),
                # Derived at read, so that a figure that went stale since the solve is not shown as fresh.
                fit={**proposal.fit, "free": unit.free_for_offer, "freshness": view.freshness.band.value},
                freshness_minutes=view.freshness.age_minutes,
            )
        )
    return ProposalsOut(
        computed_at=found.computed_at,
        proven=found.proven,
        proposals=listed,
        shut_out=[ShutOutOut.model_validate(row) for row in found.shut_out],
        would_place=found.would_place,
    )


def offers(tx: Tx, request_id: str) -> list[OfferOut]:
    """Every offer made for a request, newest first, with the answers it needs."""
    rows = tx.session.exec(
        select(Offer, Unit, Location, Organisation)
        .join(Unit, col(Unit.id) == Offer.unit_id)
        .join(Location, col(Location.id) == Offer.location_id)
        .join(Organisation, col(Organisation.id) == Location.organisation_id)
        .where(Offer.request_id == request_id)
        .order_by(col(Offer.sent_at).desc(), Offer.id)
        .limit(LIST_MAX)
    ).all()
    answers = _answers(tx, [offer.id for offer, *_ in rows])
    return [
        OfferOut(
            id=offer.id,
            request_id=offer.request_id,
            location_code=location.code,
            unit_code=unit.code,
            provider=organisation.name,
            phone=organisation.phone,
            status=OfferStatus(offer.status),
            sent_at=offer.sent_at,
            hold_until=offer.hold_until,
            ended_at=offer.ended_at,
            seconds_left=_seconds_left(offer, tx.now),
            decline_code=offer.decline_code,
            handover_point=offer.handover_point,
            answers=answers.get(offer.id, []),
        )
        for offer, unit, location, organisation in rows
    ]


def offers_to_answer(tx: Tx, actor: Actor) -> list[OfferToAnswerOut]:
    """The live offers that wait for an answer of the actor's organisation or had one, first to lapse first.

    What is asked is in it, who asks and what is unsafe is not. An investigative body never sees a request that
    refuses police contact.
    """
    query = (
        select_rows(Offer, OfferAnswer, PlacementRequest, Unit, Location)
        .join(OfferAnswer, col(OfferAnswer.offer_id) == Offer.id)
        .join(PlacementRequest, col(PlacementRequest.id) == Offer.request_id)
        .join(Unit, col(Unit.id) == Offer.unit_id)
        .join(Location, col(Location.id) == Offer.location_id)
        .where(col(OfferAnswer.organisation_id) == actor.organisation_id, col(Offer.status) == OfferStatus.LIVE)
        .order_by(col(Offer.hold_until), col(Offer.id))
        .limit(LIST_MAX)
    )
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    rows = tx.session.execute(query).all()
    details = {found.request.id: found for found in intake.details(tx, [row[2] for row in rows])}
    answers = _answers(tx, [row[0].id for row in rows])
    return [
        OfferToAnswerOut(
            id=offer.id,
            short_code=request.short_code,
            location_id=location.id,
            location_code=location.code,
            unit_code=unit.code,
            by=needed.by,
            answered=Answer(needed.answer) if needed.answer else None,
            sent_at=offer.sent_at,
            hold_until=offer.hold_until,
            seconds_left=_seconds_left(offer, tx.now),
            urgency=Urgency(request.urgency),
            persons=[PersonOut.model_validate(person) for person in details[request.id].persons],
            facts=details[request.id].facts,
            needs=request.needs,
            wishes=request.wishes,
            needed_from=request.needed_from,
            days=request.days,
            handover_needed=request.handover_needed,
            handover_point=offer.handover_point,
            handover_points=location.handover_points,
            waiting_for=[
                other.by
                for other in answers.get(offer.id, ())
                if other.answer is None and other.organisation_id != actor.organisation_id
            ],
        )
        for offer, needed, request, unit, location in rows
    ]


def stays_of_request(tx: Tx, request_id: str) -> list[StayOut]:
    """The stays of a request, newest first."""
    return _stays(tx, col(Stay.request_id) == request_id)


def stays_at(tx: Tx, organisation_id: str) -> list[StayOut]:
    """Everyone expected or staying at the locations of a provider, those expected first."""
    found = _stays(
        tx,
        col(Location.organisation_id) == organisation_id,
        col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)),
    )
    return sorted(found, key=lambda stay: (stay.status != StayStatus.PLANNED, stay.location_code, stay.unit_code))


def handover_point(tx: Tx, request_id: str) -> str | None:
    """Where a first responder brings the party, while a place is theirs: never that of an earlier try."""
    return tx.session.exec(
        select(Offer.handover_point)
        .join(Stay, col(Stay.offer_id) == Offer.id)
        .where(Offer.request_id == request_id, col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)))
    ).first()


def shown_status(tx: Tx, request: PlacementRequest) -> str:
    """The state of a request as people see it: `proposed` and `awaiting_decision` follow from what is there."""
    if request.status == "open":
        found = current_set(tx, request.id)
        listed = found and tx.session.exec(select(Proposal.id).where(Proposal.set_id == found.id).limit(1)).first()
        return "proposed" if listed else "open"
    if request.status == "offered":
        given = tx.session.exec(
            select(OfferAnswer.offer_id)
            .join(Offer, col(Offer.id) == OfferAnswer.offer_id)
            .where(
                Offer.request_id == request.id,
                Offer.status == OfferStatus.LIVE,
                col(OfferAnswer.answer).is_not(None),
            )
            .limit(1)
        ).first()
        return "awaiting_decision" if given else "offered"
    return request.status


def offer(tx: Tx, offer_id: str) -> Offer:
    """One offer. Raises NotFound."""
    found = tx.session.get(Offer, offer_id)
    if found is None:
        raise NotFound("no_offer")
    return found


def stay(tx: Tx, stay_id: str) -> Stay:
    """One stay. Raises NotFound."""
    found = tx.session.get(Stay, stay_id)
    if found is None:
        raise NotFound("no_stay")
    return found


def _seconds_left(found: Offer, now: datetime) -> int:
    if found.status != OfferStatus.LIVE:
        return 0
    return max(0, int((found.hold_until - now).total_seconds()))


def _answers(tx: Tx, offer_ids: list[str]) -> dict[str, list[AnswerOut]]:
    rows = tx.session.exec(
        select(OfferAnswer, Organisation.name)
        .join(Organisation, col(Organisation.id) == OfferAnswer.organisation_id)
        .where(col(OfferAnswer.offer_id).in_(offer_ids))
        .order_by(OfferAnswer.by, OfferAnswer.organisation_id)
    )
    found: dict[str, list[AnswerOut]] = {}
    for answer, name in rows:
        found.setdefault(answer.offer_id, []).append(
            AnswerOut(
                organisation_id=answer.organisation_id,
                organisation=name,
                by=answer.by,
                answer=Answer(answer.answer) if answer.answer else None,
                at=answer.at,
            )
        )
    return found


def _stays(tx: Tx, *conditions: ColumnElement[bool]) -> list[StayOut]:
    rows = tx.session.execute(
        select_rows(Stay, Unit, Location, PlacementRequest, Offer, AddressRelease)
        .join(Unit, col(Unit.id) == Stay.unit_id)
        .join(Location, col(Location.id) == Stay.location_id)
        .outerjoin(PlacementRequest, col(PlacementRequest.id) == Stay.request_id)
        .outerjoin(Offer, col(Offer.id) == Stay.offer_id)
        .outerjoin(AddressRelease, col(AddressRelease.stay_id) == Stay.id)
        .where(*conditions)
        .order_by(col(Stay.planned_at).desc(), col(Stay.id))
        .limit(1000)
    )
    return [
        StayOut(
            id=found.id,
            request_id=found.request_id,
            short_code=request.short_code if request else None,
            location_code=location.code,
            unit_code=unit.code,
            status=StayStatus(found.status),
            persons=found.persons,
            planned_at=found.planned_at,
            needed_from=request.needed_from if request else None,
            arrived_at=found.arrived_at,
            expected_departure=found.expected_departure,
            handover_point=made.handover_point if made else None,
            address_released_at=release.at if release else None,
            ended_at=found.ended_at,
            destination=found.destination,
            end_reason=found.end_reason,
            version=found.version,
        )
        for found, unit, location, request, made, release in rows
    ]
