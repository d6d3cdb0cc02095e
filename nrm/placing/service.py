"""Offers, answers, stays and the one release of an address.

Locks are always taken in the same order, the request's row and then the location's, so that an acceptance and any
change that could bar it exclude each other and never deadlock. The independent checker has the last word inside
the accepting transaction.
"""

from datetime import date, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

import matching
from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, owns_case
from nrm.access.service import log_read, recently_authenticated, require
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import Outcome, RequestStatus
from nrm.notify import service as notify
from nrm.placing import problem, queries, rules
from nrm.placing.models import AddressRelease, Offer, OfferAnswer, Proposal, Stay
from nrm.placing.rules import (
    DECLINE_CODES,
    DEPARTURE_REASONS,
    DESTINATIONS,
    NO_ANSWER,
    NO_SHOW_REASONS,
    RELEASE_REASONS,
    Answer,
    OfferStatus,
    StayStatus,
)
from nrm.placing.schemas import OfferToAnswerOut, StayOut
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.models import Claim, Location
from nrm.registry.rules import TRUSTED, ClaimKind
from nrm.seal import AddressKey


def send_offer(tx: Tx, actor: Actor, request_id: str, proposal_id: str, phoned: bool = False) -> Offer:
    """Send a proposal to whoever may decide and hold its places. The owner of the request decides which proposal."""
    require(actor, Verb.OFFER_SEND)
    request = intake_service.owned(tx, actor, request_id)
    proposal = tx.session.get(Proposal, proposal_id)
    if proposal is None or proposal.request_id != request_id:
        raise NotFound("no_proposal")
    if request.status != RequestStatus.OPEN:
        raise Conflict("not_waiting")
    detail = intake.detail(tx, request_id)
    registry.location(tx, proposal.location_id, for_update=True)
    views = registry.locations(tx, location_id=proposal.location_id)
    _refuse_unfit(tx, detail, views, proposal.unit_id, held=None)
    if views[0].freshness.band not in TRUSTED and not phoned:
        raise Conflict("phone_first")
    _, hold = policy.current(tx, policy.Hold)
    offer = Offer(
        id=tx.new_id(),
        request_id=request_id,
        proposal_id=proposal_id,
        unit_id=proposal.unit_id,
        location_id=proposal.location_id,
        status=OfferStatus.LIVE,
        sent_at=tx.now,
        sent_by=actor.account_id,
        hold_until=tx.now + timedelta(minutes=hold.hold_minutes[request.urgency]),  # type: ignore[index]
        phoned=phoned,
        hold_version=policy.current(tx, policy.Hold)[0],
    )
    tx.session.add(offer)
    tx.session.flush()
    registry_service.claim_places(tx, proposal.unit_id, offer.id, ClaimKind.HOLD, len(detail.persons))
    for organisation, by in _deciders(tx, request, views[0].location):
        tx.session.add(OfferAnswer(offer_id=offer.id, organisation_id=organisation.id, by=by))
        _tell(
            tx,
            organisation,
            f"offer:{offer.id}",
            f"Opvangvraag {request.short_code} wacht op uw antwoord",
            f"Een aanvraag wacht op uw antwoord. De plek is vastgehouden tot het moment dat op uw scherm staat.\n"
            f"Code om te noemen aan de telefoon: {request.short_code}.\nLog in om te antwoorden.",
        )
    intake_service.move(tx, request_id, (RequestStatus.OPEN,), RequestStatus.OFFERED)
    tx.record(
        "offer.sent", f"request:{request_id}", "requests", "offers", "places", offer=offer.id, unit=proposal.unit_id
    )
    return tx.session.get_one(Offer, offer.id)


def open_offers(tx: Tx, actor: Actor) -> list[OfferToAnswerOut]:
    """Read the offers that need an answer of one's organisation; each request behind one is a logged read."""
    require(actor, Verb.OFFER_READ)
    found = queries.offers_to_answer(tx, actor)
    for offer in found:
        log_read(tx, actor, f"offer:{offer.id}", "answer")
    return found


def open_stays(tx: Tx, actor: Actor, expected_only: bool = False) -> list[StayOut]:
    """Read who is expected or stays at one's own houses; each that came from a request is a logged read."""
    require(actor, Verb.PLACES_READ)
    found = queries.stays_at(tx, actor.organisation_id)
    shown = [stay for stay in found if stay.status is StayStatus.PLANNED or not expected_only]
    for stay in shown:
        if stay.request_id is not None:
            log_read(tx, actor, f"stay:{stay.id}", "list")
    return shown


def accept(tx: Tx, actor: Actor, offer_id: str, handover_point: str | None = None) -> Stay | None:
    """Say yes for one's organisation. With the last answer needed the stay begins, and is returned."""
    offer, detail, needed = _to_answer(tx, actor, offer_id)
    views = registry.locations(tx, location_id=offer.location_id)
    if handover_point is not None and handover_point not in views[0].location.handover_points:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "unknown_choice"),))
    needed.answer, needed.account_id, needed.at = Answer.ACCEPT, actor.account_id, tx.now
    offer.handover_point = handover_point or offer.handover_point
    tx.session.add_all((needed, offer))
    tx.session.flush()
    tx.record("offer.answered", f"request:{offer.request_id}", "requests", "offers", offer=offer_id, answer="accept")
    if _open_answers(tx, offer_id):
        return None
    if detail.request.handover_needed and offer.handover_point is None:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "required"),))
    held = _held_places(tx, offer_id)
    _refuse_unfit(tx, detail, views, offer.unit_id, held)
    stay = Stay(
        id=tx.new_id(),
        request_id=offer.request_id,
        offer_id=offer_id,
        unit_id=offer.unit_id,
        location_id=offer.location_id,
        status=StayStatus.PLANNED,
        persons=len(detail.persons),
        planned_at=tx.now,
        expected_departure=(detail.request.needed_from + timedelta(days=detail.request.days)).date(),
    )
    tx.session.add(stay)
    tx.session.flush()
    _end_offer(tx, offer_id, OfferStatus.ACCEPTED)
    registry_service.hold_becomes_stay(tx, offer_id, stay.id)
    intake_service.move(tx, offer.request_id, (RequestStatus.OFFERED,), RequestStatus.ACCEPTED)
    owner = access.organisation(tx, detail.request.owner_organisation_id)
    _tell(
        tx,
        owner,
        f"stay:{stay.id}",
        f"Opvangvraag {detail.request.short_code}: er is een plek",
        f"De aanvraag met code {detail.request.short_code} is geaccepteerd. Log in voor de volgende stap.",
    )
    tx.record(
        "offer.accepted", f"request:{offer.request_id}", "requests", "offers", "places", offer=offer_id, stay=stay.id
    )
    return tx.session.get_one(Stay, stay.id)


def decline(tx: Tx, actor: Actor, offer_id: str, code: str) -> None:
    """Say no with a coded reason: the places come free, the location is out for this request, it is matched again."""
    if code not in DECLINE_CODES:
        raise Invalid("invalid", (FieldError(("code",), "unknown_choice"),))
    offer, _, needed = _to_answer(tx, actor, offer_id)
    needed.answer, needed.account_id, needed.at = Answer.DECLINE, actor.account_id, tx.now
    tx.session.add(needed)
    tx.session.flush()
    _end_offer(tx, offer_id, OfferStatus.DECLINED, decline_code=code)
    _free(tx, offer.request_id, offer_id)
    intake_service.bar(tx, offer.request_id, offer.location_id, code, until=None)
    tx.record(
        "offer.declined",
        f"request:{offer.request_id}",
        "requests",
        "offers",
        "places",
        offer=offer_id,
        code=code,
        tag=DECLINE_CODES[code],
    )


def withdraw_offer(tx: Tx, actor: Actor, offer_id: str) -> None:
    """The owner of the request takes an offer back before it was answered in full."""
    found = queries.offer(tx, offer_id)
    try:
        intake_service.owned(tx, actor, found.request_id)
    except NotFound as error:
        raise NotFound("no_offer") from error
    registry.location(tx, found.location_id, for_update=True)
    _end_offer(tx, offer_id, OfferStatus.WITHDRAWN)
    _free(tx, found.request_id, offer_id)
    tx.record("offer.withdrawn", f"request:{found.request_id}", "requests", "offers", "places", offer=offer_id)


def lapse_due(database: Database) -> int:
    """End every offer whose hold ran out, each in a transaction of its own. Returns how many lapsed now."""
    with database.reading() as tx:
        due = list(
            tx.session.exec(
                select(Offer.id, Offer.request_id, Offer.location_id)
                .where(Offer.status == OfferStatus.LIVE, col(Offer.hold_until) <= tx.now)
                .order_by(col(Offer.hold_until), Offer.id)
                .limit(500)
            )
        )
    return database.each(due, _lapse)


def withdraw_unfit(database: Database) -> int:
    """Take back every live offer that a later change made impossible. Returns how many were taken back."""
    with database.reading() as tx:
        live = tx.session.exec(
            select(Offer.id, Offer.request_id, Offer.location_id).where(Offer.status == OfferStatus.LIVE)
        ).all()
        unfit = [found for found in live if _unfit_hold(tx, *found)]
    return database.each(unfit, _withdraw_unfit)


def _withdraw_unfit(tx: Tx, found: tuple[str, str, str]) -> bool:
    offer_id, request_id, location_id = found
    intake.request(tx, request_id, for_update=True)
    registry.location(tx, location_id, for_update=True)
    if queries.offer(tx, offer_id).status != OfferStatus.LIVE:
        return False
    reasons = _unfit_hold(tx, offer_id, request_id, location_id)
    if not reasons:
        return False
    _end_offer(tx, offer_id, OfferStatus.WITHDRAWN)
    _free(tx, request_id, offer_id)
    tx.record(
        "offer.unfit",
        f"request:{request_id}",
        "requests",
        "offers",
        "places",
        offer=offer_id,
        reasons=list(reasons),
    )
    return True


def confirm_arrival(tx: Tx, actor: Actor, stay_id: str, version: int) -> None:
    """The party arrived: said by the provider or by the owner of the request."""
    stay = stay_of(tx, actor, stay_id)
    _step(tx, stay_id, version, (StayStatus.PLANNED,), status=StayStatus.ARRIVED, arrived_at=tx.now)
    if stay.request_id:
        intake_service.move(tx, stay.request_id, (RequestStatus.ACCEPTED,), RequestStatus.PLACED)
    tx.record("stay.arrived", _subject(stay), "requests", "places", stay=stay_id)


def not_arrived(tx: Tx, actor: Actor, stay_id: str, version: int, reason: str | None = None) -> None:
    """The party did not come, perhaps why: the place is free again and the request waits again."""
    if reason is not None and reason not in NO_SHOW_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    stay = stay_of(tx, actor, stay_id)
    _step(
        tx,
        stay_id,
        version,
        (StayStatus.PLANNED,),
        status=StayStatus.NOT_ARRIVED,
        ended_at=tx.now,
        end_reason=reason,
    )
    registry_service.end_claims(tx, stay_id)
    if stay.request_id:
        request = intake.request(tx, stay.request_id)
        intake_service.move(
            tx,
            stay.request_id,
            (RequestStatus.ACCEPTED,),
            RequestStatus.OPEN,
            rung_first=request.rung_next,
            rung_due_at=max(tx.now, request.deadline_at),
        )
    tx.record("stay.not_arrived", _subject(stay), "requests", "places", stay=stay_id, reason=reason)


def depart(tx: Tx, actor: Actor, stay_id: str, destination: str, version: int, reason: str | None = None) -> None:
    """The party left, where to and perhaps why: the place is free again and the request is closed."""
    require(actor, Verb.STAY_DEPART)
    if reason is not None and reason not in DEPARTURE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if destination not in DESTINATIONS:
        raise Invalid("invalid", (FieldError(("destination",), "unknown_choice"),))
    stay = stay_of(tx, actor, stay_id)
    _step(
        tx,
        stay_id,
        version,
        (StayStatus.ARRIVED,),
        status=StayStatus.DEPARTED,
        ended_at=tx.now,
        destination=destination,
        end_reason=reason,
    )
    registry_service.end_claims(tx, stay_id)
    if stay.request_id:
        intake_service.move(
            tx,
            stay.request_id,
            (RequestStatus.PLACED,),
            RequestStatus.CLOSED,
            outcome=Outcome.ENDED_STAY,
            closed_at=tx.now,
        )
    tx.record(
        "stay.departed", _subject(stay), "requests", "places", stay=stay_id, destination=destination, reason=reason
    )


def occupy(tx: Tx, actor: Actor, place_id: str, expected_departure: date | None = None) -> Stay:
    """A place is in use by arrangement outside this system: said by its provider."""
    location = registry_service.location_of_own_place(tx, actor, place_id)
    location_id = location.id
    unit_id = next(
        unit.unit.id
        for view in registry.locations(tx, location_id=location_id)
        for unit in view.units
        if any(place.id == place_id for place in unit.places)
    )
    stay = Stay(
        id=tx.new_id(),
        unit_id=unit_id,
        location_id=location_id,
        status=StayStatus.ARRIVED,
        persons=1,
        planned_at=tx.now,
        arrived_at=tx.now,
        expected_departure=expected_departure,
    )
    tx.session.add(stay)
    tx.session.flush()
    registry_service.claim_place(tx, place_id, stay.id)
    registry_service.touch(tx, location)
    tx.record("stay.registered", f"location:{location_id}", "places", stay=stay.id)
    return stay


def release_address(tx: Tx, actor: Actor, key: AddressKey, stay_id: str, reason: str, step_up_minutes: int) -> str:
    """The address, once, to the owner of an accepted request, for a coded reason and after a recent password.

    The same person may look again until arrival, and each look is logged; nobody else gets it a second time.
    """
    require(actor, Verb.ADDRESS_RELEASE)
    if reason not in RELEASE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    stay = queries.stay(tx, stay_id)
    request = intake.request(tx, stay.request_id, for_update=True) if stay.request_id else None
    if request is None or not owns_case(actor, request):
        raise NotFound("no_stay")
    if of_desk_on_shift_only(request, actor):
        # What a first responder asked belongs to the desk, and of the desk only whoever is on shift gets the address.
        # A coordinator who took the request over owns it, and the rule follows the owner.
        raise NotFound("no_stay")
    tx.session.refresh(stay)
    if stay.status != StayStatus.PLANNED:
        raise Conflict("not_expected_any_more")
    if not recently_authenticated(actor, tx.now, step_up_minutes):
        raise Forbidden("password_needed")
    earlier = tx.session.get(AddressRelease, stay_id)
    if earlier is not None and earlier.account_id != actor.account_id:
        raise Conflict("already_released")
    log_read(tx, actor, f"address:{stay_id}", reason)
    if earlier is None:
        tx.session.add(AddressRelease(stay_id=stay_id, account_id=actor.account_id, at=tx.now, reason=reason))
        try:
            tx.session.flush()
        except IntegrityError as error:
            raise Conflict("already_released") from error
        tx.record("address.released", _subject(stay), "requests", stay=stay_id, reason=reason)
    return registry_service.unseal_address(tx, key, stay.location_id)


def of_desk_on_shift_only(request: PlacementRequest, actor: Actor) -> bool:
    """Whether the address of this request is for the duty officer on shift, and the actor is another of the desk."""
    of_desk = actor.organisation_kind is OrganisationKind.NATIONAL_DESK
    return request.handover_needed and of_desk and actor.role is not Role.DUTY_OFFICER


def choose_handover_point(tx: Tx, stay: Stay, point: str) -> None:
    """Agree on another hand-over point: one of the location's own list."""
    if point not in registry.location(tx, stay.location_id).handover_points:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "unknown_choice"),))
    tx.affected(update(Offer).where(col(Offer.id) == stay.offer_id).values(handover_point=point))


def _deciders(tx: Tx, request: PlacementRequest, location: Location) -> list[tuple[Organisation, str]]:
    """Whose answers an offer needs: organisation and in what capacity, each organisation once."""
    _, authority = policy.current(tx, policy.Authority)
    found: dict[str, tuple[Organisation, str]] = {}
    for decider in authority.deciders[location.pool]:  # type: ignore[index]
        kind = rules.deciding_kind(decider, request.refuses_police)
        if kind is None:
            organisation = access.organisation(tx, location.organisation_id)
        else:
            of_kind = access.organisations_of_kind(tx, kind)
            if not of_kind:
                raise Conflict("no_authority_reachable")
            organisation = of_kind[0]
        found.setdefault(organisation.id, (organisation, kind or "provider"))
    return list(found.values())


def _to_answer(tx: Tx, actor: Actor, offer_id: str) -> tuple[Offer, RequestDetail, OfferAnswer]:
    """A live offer that waits for the actor's organisation, with request and location locked in that order."""
    require(actor, Verb.OFFER_ANSWER)
    needed = tx.session.get(OfferAnswer, (offer_id, actor.organisation_id))
    if needed is None:
        raise NotFound("no_offer")
    offer = queries.offer(tx, offer_id)
    detail = intake.detail(tx, offer.request_id, for_update=True)
    if not _role_answers(actor, needed.by) or (detail.request.refuses_police and actor.investigative):
        raise NotFound("no_offer")
    registry.location(tx, offer.location_id, for_update=True)
    tx.session.refresh(offer)
    tx.session.refresh(needed)
    if offer.status != OfferStatus.LIVE or offer.hold_until <= tx.now:
        raise Conflict("offer_over")
    if needed.answer is not None:
        raise Conflict("already_answered")
    return offer, detail, needed


def _role_answers(actor: Actor, by: str) -> bool:
    """Whether this role speaks for its organisation in this capacity."""
    speaks = {
        "provider": Role.PROVIDER,
        OrganisationKind.NATIONAL_DESK: Role.NATIONAL_DESK,
        OrganisationKind.LABOUR_INSPECTORATE: Role.FIRST_RESPONDER,
    }
    return actor.role is speaks.get(by)


def _refuse_unfit(
    tx: Tx, detail: RequestDetail, views: list[registry.LocationView], unit_id: str, held: int | None
) -> None:
    """Let the independent checker judge this placement as things stand; raises Conflict with its reasons."""
    if detail.request.minor_alone:
        raise Conflict("minor_alone")
    unit = next((unit for view in views for unit in view.units if unit.unit.id == unit_id), None)
    if unit is None:
        raise NotFound("no_unit")
    if held is None and unit.free_for_offer < len(detail.persons):
        raise Conflict("places_taken")
    if reasons := _against(tx, detail, views, unit_id, held):
        raise Conflict("no_longer_fits", reasons=reasons)


def _against(
    tx: Tx, detail: RequestDetail, views: list[registry.LocationView], unit_id: str, held: int | None
) -> tuple[str, ...]:
    """What speaks against this placement as things stand, safety merged; empty when nothing does.

    Asked of the solver's rules and of the checker, which shares no code with them: either can refuse.
    """
    built = problem.build(tx, [detail], views, held_for=None if held is None else {unit_id: held}, with_previous=False)
    request_id = detail.request.id
    codes = matching.pair_codes(built.problem, request_id)[unit_id]
    placed = matching.Solution(
        levels=matching.pair_levels(built.problem, request_id, unit_id),
        proven=False,
        bound={},
        assignments=(matching.Assignment(request_id, unit_id),),
    )
    broken = matching.violations(built.problem, placed)
    return tuple(sorted(rules.merged(codes))) or (("checker",) if broken else ())


def _unfit_hold(tx: Tx, offer_id: str, request_id: str, location_id: str) -> tuple[str, ...]:
    """What speaks against a live offer by now: who needs the place, who must answer, or the place itself."""
    detail = intake.detail(tx, request_id)
    if detail.request.minor_alone:
        return ("minor_alone",)
    if detail.request.refuses_police and _asks(tx, offer_id, OrganisationKind.LABOUR_INSPECTORATE):
        return ("authority",)
    views = registry.locations(tx, location_id=location_id)
    return _against(tx, detail, views, queries.offer(tx, offer_id).unit_id, _held_places(tx, offer_id))


def _asks(tx: Tx, offer_id: str, by: str) -> bool:
    asked = select(OfferAnswer.offer_id).where(OfferAnswer.offer_id == offer_id, OfferAnswer.by == by)
    return tx.session.exec(asked.limit(1)).first() is not None


def _open_answers(tx: Tx, offer_id: str) -> bool:
    waiting = select(OfferAnswer.offer_id).where(OfferAnswer.offer_id == offer_id, col(OfferAnswer.answer).is_(None))
    return tx.session.exec(waiting.limit(1)).first() is not None


def _held_places(tx: Tx, offer_id: str) -> int:
    held = select(Claim.id).where(Claim.holder == offer_id, col(Claim.ended_at).is_(None))
    return len(tx.session.exec(held).all())


def _end_offer(tx: Tx, offer_id: str, to: OfferStatus, **values: object) -> None:
    tx.guarded(
        update(Offer)
        .where(col(Offer.id) == offer_id, col(Offer.status) == OfferStatus.LIVE)
        .values(status=to, ended_at=tx.now, **values),
        Conflict("offer_over"),
    )


def _free(tx: Tx, request_id: str, offer_id: str) -> None:
    registry_service.end_claims(tx, offer_id)
    intake_service.move(tx, request_id, (RequestStatus.OFFERED,), RequestStatus.OPEN)


def _lapse(tx: Tx, found: tuple[str, str, str]) -> bool:
    """Let one hold lapse, unless somebody answered, or another worker was first."""
    offer_id, request_id, location_id = found
    intake.request(tx, request_id, for_update=True)
    registry.location(tx, location_id, for_update=True)
    ended = tx.affected(
        update(Offer)
        .where(col(Offer.id) == offer_id, col(Offer.status) == OfferStatus.LIVE, col(Offer.hold_until) <= tx.now)
        .values(status=OfferStatus.LAPSED, ended_at=tx.now)
    )
    if not ended:
        return False
    offer = queries.offer(tx, offer_id)
    hold = policy.at_version(tx, policy.Hold, offer.hold_version)
    _free(tx, request_id, offer_id)
    intake_service.bar(tx, request_id, location_id, NO_ANSWER, tx.now + timedelta(minutes=hold.silent_minutes))
    tx.record("offer.lapsed", f"request:{request_id}", "requests", "offers", "places", offer=offer_id)
    return True


def stay_of(tx: Tx, actor: Actor, stay_id: str) -> Stay:
    """A stay at the actor's own location, or of a request the actor owns; locked. Others do not exist for them."""
    require(actor, Verb.STAY_ARRIVE)
    stay = queries.stay(tx, stay_id)
    request = intake.request(tx, stay.request_id, for_update=True) if stay.request_id else None
    location = registry.location(tx, stay.location_id, for_update=True)
    at_home = actor.role is Role.PROVIDER and location.organisation_id == actor.organisation_id
    if not at_home and not (request is not None and owns_case(actor, request)):
        raise NotFound("no_stay")
    return stay


def _step(tx: Tx, stay_id: str, version: int, come_from: tuple[StayStatus, ...], **values: object) -> None:
    tx.guarded(
        update(Stay)
        .where(col(Stay.id) == stay_id, col(Stay.status).in_(come_from), col(Stay.version) == version)
        .values(version=Stay.version + 1, **values),
        Conflict("changed_meanwhile"),
    )


def _subject(stay: Stay) -> str:
    return f"request:{stay.request_id}" if stay.request_id else f"location:{stay.location_id}"


def _tell(tx: Tx, organisation: Organisation, about: str, subject: str, body: str) -> None:
    """Queue a message to an organisation's functional mailbox, or to the log where it has none."""
    channel, recipient = ("email", organisation.email) if organisation.email else ("log", organisation.id)
    notify.queue(tx, f"{about}/{organisation.id}/{channel}", about, channel, recipient, subject, body)
