"""Reading proposals, offers and stays in the shapes people see."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlalchemy import select as select_rows
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation
from nrm.access.rules import Actor
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Urgency
from nrm.intake.schemas import PersonOut
from nrm.placing import rules
from nrm.placing.models import (
    AddressRelease,
    DeclineCorrection,
    NotNow,
    Offer,
    OfferAnswer,
    Proposal,
    ProposalSet,
    StandingConsent,
    Stay,
)
from nrm.placing.rules import Answer, DeclineTag, OfferStatus, StayStatus
from nrm.placing.schemas import (
    AnswerOut,
    ApprovalOut,
    ConsentOut,
    DeclineOut,
    NotNeededOut,
    NotNowOut,
    OfferOut,
    OfferToAnswerOut,
    PaidForOut,
    ProposalOut,
    ProposalsOut,
    ShutOutOut,
    StayOut,
    UnpublishedOut,
)
from nrm.registry import queries as registry
from nrm.registry.models import AdmissionRule, Claim, Confirmation, Location, Unit
from nrm.registry.queries import LocationView
from nrm.registry.rules import PlaceState, Stance

LIST_MAX = 100

TOLD_HOURS = 12
"""How long a house still reads that a question is not needed any more."""

COUNTED_DAYS = 90
"""Over how long unpublished grounds are counted."""


def current_set(tx: Tx, request_id: str) -> ProposalSet | None:
    """What the solver last said about this request, if anything."""
    return tx.session.exec(
        select(ProposalSet).where(ProposalSet.request_id == request_id, col(ProposalSet.replaced_at).is_(None))
    ).first()


def first_proposals(tx: Tx, request_ids: list[str]) -> list[Proposal]:
    """The first proposal of each request that has one now, in the order of the requests' ids."""
    return list(
        tx.session.exec(
            select(Proposal)
            .join(ProposalSet, col(ProposalSet.id) == Proposal.set_id)
            .where(
                col(Proposal.request_id).in_(request_ids),
                col(ProposalSet.replaced_at).is_(None),
                Proposal.rank == 1,
            )
            .order_by(Proposal.request_id)
        ).all()
    )


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
    shut = not_now(tx)
    asked = {offer.location_id for offer in live_offers(tx, request_id)}
    for proposal in rows:
        view = registry.locations(tx, location_id=proposal.location_id)[0]
        unit = next(unit for unit in view.units if unit.unit.id == proposal.unit_id)
        barred = (
            proposal.location_id in {*detail.barred_locations, *asked}
            or proposal.location_id in shut
            or proposal.unit_id in shut
        )
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
        shut_out=[
            ShutOutOut(code=row["code"], units=row["units"], places=row["places"], weighed=row.get("weighed"))
            for row in found.shut_out
        ],
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
    holds = _holds(tx, [row[0] for row in rows])
    versions = {row[0].authority_version for row in rows} - {None}
    authorities = {version: policy.at_version(tx, policy.Authority, version) for version in versions if version}
    urgency = intake.request(tx, request_id).urgency
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
            extensions=offer.extensions,
            extensions_left=max(0, holds[offer.hold_version].extensions_max - offer.extensions),
            extension_minutes=holds[offer.hold_version].extension_minutes,
            decline_code=offer.decline_code,
            decline_criterion=offer.decline_criterion,
            handover_point=offer.handover_point,
            handover_points=location.handover_points,
            crisis_opens_at=_crisis_opens_at(offer, urgency, location.pool, authorities),
            crisis_at=offer.crisis_at,
            answers=answers.get(offer.id, []),
        )
        for offer, unit, location, organisation in rows
    ]


def live_offers(tx: Tx, request_id: str) -> list[Offer]:
    """The offers of a request that still wait for an answer, by id."""
    live = select(Offer).where(Offer.request_id == request_id, Offer.status == OfferStatus.LIVE)
    return list(tx.session.exec(live.order_by(Offer.id)))


def _holds(tx: Tx, offers: Iterable[Offer]) -> dict[int, policy.Hold]:
    """The hold policies these offers were sent under, by version."""
    return {version: policy.at_version(tx, policy.Hold, version) for version in {one.hold_version for one in offers}}


def _crisis_opens_at(
    found: Offer, urgency: str, pool: str, authorities: Mapping[int, policy.Authority]
) -> datetime | None:
    if found.authority_version is None:
        return None
    return rules.crisis_opens_at(authorities[found.authority_version], pool, urgency, found.sent_at)  # type: ignore[arg-type]


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
        .where(
            col(OfferAnswer.organisation_id) == actor.organisation_id,
            col(OfferAnswer.by).in_(_capacities(actor)),
            col(Offer.status) == OfferStatus.LIVE,
        )
        .order_by(col(Offer.hold_until), col(Offer.id))
        .limit(LIST_MAX)
    )
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    rows = tx.session.execute(query).all()
    details = {found.request.id: found for found in intake.details(tx, [row[2] for row in rows])}
    answers = _answers(tx, [row[0].id for row in rows])
    holds = _holds(tx, [row[0] for row in rows])
    return [
        OfferToAnswerOut(
            id=offer.id,
            short_code=request.short_code,
            group_id=request.group_id,
            location_id=location.id,
            location_code=location.code,
            unit_code=unit.code,
            by=needed.by,
            answered=Answer(needed.answer) if needed.answer else None,
            sent_at=offer.sent_at,
            hold_until=offer.hold_until,
            seconds_left=_seconds_left(offer, tx.now),
            extensions=offer.extensions,
            extensions_left=max(0, holds[offer.hold_version].extensions_max - offer.extensions),
            extension_minutes=holds[offer.hold_version].extension_minutes,
            no_staff_minutes=holds[offer.hold_version].no_staff_minutes,
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


def _capacities(actor: Actor) -> list[str]:
    """In what capacities this person speaks for their organisation now."""
    return [by for by in rules.SPEAKS if rules.speaks_as(actor, by)]


def approvals(tx: Tx, actor: Actor) -> list[ApprovalOut]:
    """Placements in a crisis that wait for an approval of the actor's organisation, soonest due first."""
    query = (
        select_rows(OfferAnswer, Offer, PlacementRequest, Unit, Location)
        .join(Offer, col(Offer.id) == OfferAnswer.offer_id)
        .join(PlacementRequest, col(PlacementRequest.id) == Offer.request_id)
        .join(Unit, col(Unit.id) == Offer.unit_id)
        .join(Location, col(Location.id) == Offer.location_id)
        .where(
            col(OfferAnswer.organisation_id) == actor.organisation_id,
            col(OfferAnswer.by).in_(_capacities(actor)),
            col(OfferAnswer.afterwards),
            col(OfferAnswer.answer).is_(None),
        )
        .order_by(col(OfferAnswer.approval_due_at), col(Offer.id))
        .limit(LIST_MAX)
    )
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    return [
        ApprovalOut(
            offer_id=made.id,
            short_code=request.short_code,
            location_code=location.code,
            unit_code=unit.code,
            by=needed.by,
            placed_at=made.crisis_at or made.sent_at,
            approval_due_at=needed.approval_due_at or made.sent_at,
        )
        for needed, made, request, unit, location in tx.session.execute(query)
    ]


def not_needed(tx: Tx, actor: Actor) -> list[NotNeededOut]:
    """What was asked of the actor's organisation lately and is not needed any more, newest first."""
    query = (
        select_rows(Offer, PlacementRequest, Unit, Location)
        .join(OfferAnswer, col(OfferAnswer.offer_id) == Offer.id)
        .join(PlacementRequest, col(PlacementRequest.id) == Offer.request_id)
        .join(Unit, col(Unit.id) == Offer.unit_id)
        .join(Location, col(Location.id) == Offer.location_id)
        .where(
            col(OfferAnswer.organisation_id) == actor.organisation_id,
            col(OfferAnswer.by).in_(_capacities(actor)),
            col(Offer.status).in_((OfferStatus.NOT_NEEDED, OfferStatus.WITHDRAWN)),
            col(Offer.ended_at) > tx.now - timedelta(hours=TOLD_HOURS),
        )
        .order_by(col(Offer.ended_at).desc(), col(Offer.id))
        .limit(10)
    )
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    return [
        NotNeededOut(
            offer_id=made.id,
            short_code=request.short_code,
            location_code=location.code,
            unit_code=unit.code,
            ended_at=made.ended_at,
        )
        for made, request, unit, location in tx.session.execute(query)
    ]


def _in_force(tx: Tx) -> list[NotNow]:
    """What is said not to be had now: the time is not over, and nobody confirmed the location since."""
    confirmed = (
        select(Confirmation.id)
        .where(Confirmation.location_id == NotNow.location_id, col(Confirmation.confirmed_at) > col(NotNow.since))
        .exists()
    )
    query = select(NotNow).where(col(NotNow.until).is_(None) | (col(NotNow.until) > tx.now), ~confirmed)
    return list(tx.session.exec(query.order_by(col(NotNow.since), NotNow.id)))


def not_now(tx: Tx) -> dict[str, str]:
    """Unit or location → the code of the decline for which nobody is offered it now."""
    return {found.unit_id or found.location_id: found.cause for found in _in_force(tx)}


def own_not_now(tx: Tx, organisation_id: str) -> list[NotNowOut]:
    """What the declines of a provider keep from being offered to anybody for now."""
    found = {row.id: row for row in _in_force(tx)}
    rows = tx.session.execute(
        select_rows(NotNow, Location, Unit)
        .join(Location, col(Location.id) == NotNow.location_id)
        .outerjoin(Unit, col(Unit.id) == NotNow.unit_id)
        .where(col(Location.organisation_id) == organisation_id, col(NotNow.id).in_(list(found)))
        .order_by(col(Location.code), col(NotNow.since))
        .limit(LIST_MAX)
    )
    return [
        NotNowOut(
            id=row.id,
            location_id=location.id,
            location_code=location.code,
            unit_code=unit.code if unit else None,
            cause=row.cause,
            since=row.since,
            until=row.until,
        )
        for row, location, unit in rows
    ]


def unpublished(tx: Tx, organisation_id: str) -> list[UnpublishedOut]:
    """Grounds the houses of a provider declined on lately without publishing them, and have not published since."""
    excluded = (
        select(AdmissionRule.id)
        .where(
            AdmissionRule.location_id == Offer.location_id,
            AdmissionRule.criterion == Offer.decline_criterion,
            AdmissionRule.stance == Stance.EXCLUDES,
            col(AdmissionRule.ended_at).is_(None),
            col(AdmissionRule.unit_id).is_(None) | (col(AdmissionRule.unit_id) == col(Offer.unit_id)),
        )
        .exists()
    )
    rows = tx.session.execute(
        select_rows(col(Location.id), col(Location.code), col(Offer.decline_criterion), func.count())
        .join(Offer, col(Offer.location_id) == Location.id)
        .where(
            col(Location.organisation_id) == organisation_id,
            col(Offer.decline_published).is_(False),
            col(Offer.ended_at) > tx.now - timedelta(days=COUNTED_DAYS),
            ~excluded,
        )
        .group_by(col(Location.id), col(Location.code), col(Offer.decline_criterion))
        .order_by(func.count().desc(), col(Location.code))
        .limit(LIST_MAX)
    )
    return [
        UnpublishedOut(location_id=location_id, location_code=code, criterion=criterion, times=times)
        for location_id, code, criterion, times in rows
    ]


def decline(tx: Tx, offer_id: str) -> DeclineOut:
    """One decline. Raises NotFound."""
    found = _declines(tx, 0, col(Offer.id) == offer_id)
    if not found:
        raise NotFound("no_offer")
    return found[0]


def declines(tx: Tx, offset: int = 0) -> list[DeclineOut]:
    """A page of the declines there were, newest first: codes, never a case."""
    return _declines(tx, offset)


def _declines(tx: Tx, offset: int, *conditions: ColumnElement[bool]) -> list[DeclineOut]:
    rows = tx.session.execute(
        select_rows(Offer, Location, Organisation)
        .join(Location, col(Location.id) == Offer.location_id)
        .join(Organisation, col(Organisation.id) == Location.organisation_id)
        .where(col(Offer.status) == OfferStatus.DECLINED, *conditions)
        .order_by(col(Offer.ended_at).desc(), col(Offer.id))
        .offset(offset)
        .limit(LIST_MAX)
    ).all()
    corrections: dict[str, DeclineCorrection] = {}
    for correction in tx.session.exec(
        select(DeclineCorrection)
        .where(col(DeclineCorrection.offer_id).in_([row[0].id for row in rows]))
        .order_by(col(DeclineCorrection.at), DeclineCorrection.id)
    ):
        corrections[correction.offer_id] = correction
    return [
        DeclineOut(
            id=made.id,
            at=made.ended_at,
            provider=organisation.name,
            location_code=location.code,
            pool=location.pool,
            code=made.decline_code,
            criterion=made.decline_criterion,
            published=made.decline_published,
            tag=DeclineTag(made.decline_tag),
            corrected_from=DeclineTag(corrections[made.id].tag_before) if made.id in corrections else None,
            correction_reason=corrections[made.id].reason if made.id in corrections else None,
        )
        for made, location, organisation in rows
    ]


def standing_consent(tx: Tx, location_id: str, organisation_id: str) -> StandingConsent | None:
    """The yes in advance of an organisation for a location that was not taken back, expired or not."""
    return tx.session.exec(
        select(StandingConsent).where(
            StandingConsent.location_id == location_id,
            StandingConsent.organisation_id == organisation_id,
            col(StandingConsent.ended_at).is_(None),
        )
    ).first()


def consents_of(tx: Tx, organisation_id: str) -> list[ConsentOut]:
    """The consents in advance of an organisation that stand now, by location."""
    rows = tx.session.execute(
        select_rows(StandingConsent, Location)
        .join(Location, col(Location.id) == StandingConsent.location_id)
        .where(
            col(StandingConsent.organisation_id) == organisation_id,
            col(StandingConsent.ended_at).is_(None),
            col(StandingConsent.valid_until) > tx.now,
        )
        .order_by(col(Location.code))
        .limit(1000)
    )
    return [
        ConsentOut(
            id=consent.id,
            location_id=location.id,
            location_code=location.code,
            organisation_id=consent.organisation_id,
            urgencies=consent.urgencies,
            handover_point=consent.handover_point,
            given_at=consent.given_at,
            valid_until=consent.valid_until,
        )
        for consent, location in rows
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
                consented=answer.consent_id is not None,
                spoken=answer.spoken,
                afterwards=answer.afterwards,
                approval_due_at=answer.approval_due_at,
            )
        )
    return found


def paid_for(tx: Tx, views: list[LocationView]) -> list[PaidForOut]:
    """How these locations are used now: by requests from the regions of those who pay, from elsewhere, by others."""
    ids = [view.location.id for view in views]
    used: dict[str, dict[str, int]] = {}
    claimed = (
        select(Stay.location_id, Stay.other_group, PlacementRequest.region_code, func.count(col(Claim.id)))
        .join(Claim, col(Claim.holder) == Stay.id)
        .outerjoin(PlacementRequest, col(PlacementRequest.id) == Stay.request_id)
        .where(col(Stay.location_id).in_(ids), col(Claim.ended_at).is_(None))
        .group_by(col(Stay.location_id), col(Stay.other_group), col(PlacementRequest.region_code))
    )
    owners = {view.location.id: view.owners for view in views}
    for location_id, other_group, region_code, places in tx.session.exec(claimed):
        counts = used.setdefault(location_id, {})
        if other_group:
            counts["other_groups"] = counts.get("other_groups", 0) + places
        elif region_code is not None:
            kind = "own" if region_code in owners[location_id] else "lent"
            counts[kind] = counts.get(kind, 0) + places
    shares = registry.shares(tx, ids)
    return [
        PaidForOut(
            id=view.location.id,
            code=view.location.code,
            region_code=view.location.region_code,
            pool=view.location.pool,
            agreement=registry.agreement_out(view.agreement, shares.get(view.location.id, [])),
            places=view.places,
            free=0 if view.paused else sum(unit.free_for_offer for unit in view.units if view.trusted(unit)),
            occupied=view.count(PlaceState.OCCUPIED),
            **{"own": 0, "lent": 0, "other_groups": 0, **used.get(view.location.id, {})},
        )
        for view in views
    ]


def units_with_other_groups(tx: Tx, location_id: str) -> list[str]:
    """The room of each stay of another group at a location; a room is named as often as such a stay is in it."""
    return list(
        tx.session.exec(
            select(Stay.unit_id).where(
                Stay.location_id == location_id, Stay.status == StayStatus.ARRIVED, col(Stay.other_group)
            )
        )
    )


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
