"""Offers and answers, up to the stay that the last yes begins.

Locks are always taken in the same order, the request's row and then the location's (several by id), so that an
acceptance and any change that could bar it exclude each other and never deadlock. Whatever ends an offer holds its
request's lock, so that of several houses asked at once only the first to say yes wins. The independent checker has the
last word inside the accepting transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

import matching
from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, Verb, may_see_case, owns_case
from nrm.access.service import log_read, require
from nrm.calendar import queries as calendar
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import UNPLACED, Fact, RequestStatus
from nrm.notify import service as notify
from nrm.placing import problem, queries, rules
from nrm.placing.models import (
    NotNow,
    Offer,
    OfferAnswer,
    Proposal,
    StandingConsent,
    Stay,
)
from nrm.placing.rules import (
    CRITERION,
    DECLINES,
    INVESTIGATING,
    KIND_OF,
    NO_ANSWER,
    Answer,
    DeclineEffect,
    OfferStatus,
    StayStatus,
)
from nrm.placing.schemas import OfferToAnswerOut
from nrm.registry import queries as registry
from nrm.registry import service as registry_service
from nrm.registry.models import Claim
from nrm.registry.queries import LocationView, UnitView
from nrm.registry.rules import TRUSTED, ClaimKind, Stance, Use


@dataclass(frozen=True)
class Sent:
    """What became of asking several houses: the offers that went out, and per proposal left behind why."""

    offers: list[Offer]
    refused: dict[str, Conflict]


@dataclass(frozen=True)
class _Question:
    """An offer about to be made: to which unit, and who must answer it; a consent answers already."""

    proposal: Proposal
    view: LocationView
    answers: list[OfferAnswer]

    @property
    def answered(self) -> bool:
        return all(needed.answer is not None for needed in self.answers)


def send_offer(tx: Tx, actor: Actor, request_id: str, proposal_id: str, phoned: bool = False) -> Offer:
    """Send one proposal to whoever may decide and hold its places. The owner of the request decides which proposal."""
    sent = send_offers(tx, actor, request_id, (proposal_id,), {proposal_id} if phoned else ())
    if not sent.offers:
        raise sent.refused[proposal_id]
    return sent.offers[0]


def send_offers(
    tx: Tx, actor: Actor, request_id: str, proposal_ids: Sequence[str], phoned: Collection[str] = ()
) -> Sent:
    """Ask several houses at once who can take this party: each its own offer and hold, the first full yes wins.

    A proposal that no longer fits is left behind, the others go out. Where everybody whose answer is needed said yes in
    advance, that house has won at once and no other is asked.
    """
    require(actor, Verb.OFFER_SEND)
    request = intake_service.owned(tx, actor, request_id)
    found = [tx.session.get(Proposal, proposal_id) for proposal_id in dict.fromkeys(proposal_ids)]
    proposals = [proposal for proposal in found if proposal is not None and proposal.request_id == request_id]
    if not proposals or len(proposals) < len(found):
        raise NotFound("no_proposal")
    if request.status not in UNPLACED:
        raise Conflict("not_waiting")
    hold_version, hold = policy.current(tx, policy.Hold)
    asked = {offer.location_id for offer in queries.live_offers(tx, request_id)}
    if len(asked) + len(proposals) > max(hold.asked_at_once_max, 1):
        raise Conflict("asked_enough")
    detail = intake.detail(tx, request_id)
    for location_id in sorted({proposal.location_id for proposal in proposals}):
        registry.location(tx, location_id, for_update=True)
    authority_version, authority = policy.current(tx, policy.Authority)
    questions: list[_Question] = []
    refused: dict[str, Conflict] = {}
    for proposal in proposals:
        try:
            if proposal.location_id in asked:
                raise Conflict("already_asked")
            questions.append(_question(tx, authority, detail, proposal, proposal.id in phoned))
            asked.add(proposal.location_id)
        except Conflict as refusal:
            refused[proposal.id] = refusal
    at_once = next((question for question in questions if question.answered), None)
    offers: list[Offer] = []
    for question in [at_once] if at_once else questions:
        offer = Offer(
            id=tx.new_id(),
            request_id=request_id,
            proposal_id=question.proposal.id,
            unit_id=question.proposal.unit_id,
            location_id=question.proposal.location_id,
            status=OfferStatus.LIVE,
            sent_at=tx.now,
            sent_by=actor.account_id,
            hold_until=tx.now + timedelta(minutes=hold.minutes(question.view.location.pool, request.urgency)),
            phoned=question.proposal.id in phoned,
            hold_version=hold_version,
            authority_version=authority_version,
        )
        _send(tx, offer, detail, question)
        offers.append(offer)
    if offers and request.status == RequestStatus.OPEN:
        intake_service.move(tx, request_id, (RequestStatus.OPEN,), RequestStatus.OFFERED)
    if at_once:
        _complete(tx, offers[0], detail, [at_once.view])
    return Sent([tx.session.get_one(Offer, offer.id) for offer in offers], refused)


def _question(
    tx: Tx, authority: policy.Authority, detail: RequestDetail, proposal: Proposal, phoned: bool
) -> _Question:
    """What asking for this proposal takes, as things stand; raises Conflict when it cannot be asked."""
    (view,) = registry.locations(tx, location_id=proposal.location_id)
    _refuse_unfit(tx, detail, [view], proposal.unit_id, None)
    trusted = view.freshness.band in TRUSTED
    if not trusted and not phoned:
        raise Conflict("phone_first")
    unit = next(unit for unit in view.units if unit.unit.id == proposal.unit_id)
    answers = [
        _answer(tx, detail, view, unit, trusted, organisation, by)
        for organisation, by in _deciders(tx, authority, detail.request, view, unit)
    ]
    return _Question(proposal, view, answers)


def _answer(
    tx: Tx,
    detail: RequestDetail,
    view: LocationView,
    unit: UnitView,
    trusted: bool,
    organisation: Organisation,
    by: str,
) -> OfferAnswer:
    """The answer this organisation must give, given already where its standing consent covers the question."""
    needed = OfferAnswer(offer_id="", organisation_id=organisation.id, by=by)
    consent = queries.standing_consent(tx, view.location.id, organisation.id)
    request = detail.request
    consult = [
        criterion
        for criterion, stance in unit.stances.items()
        if stance is not Stance.ACCEPTS and detail.facts.get(criterion) != Fact.NO
    ]
    if consent and rules.consents(consent, tx.now, request.urgency, trusted, consult, request.handover_needed):
        needed.answer, needed.consent_id, needed.at = Answer.ACCEPT, consent.id, tx.now
    return needed


def _send(tx: Tx, offer: Offer, detail: RequestDetail, question: _Question) -> None:
    """Write an offer with its hold and the answers it needs, and ask those who have not answered yet."""
    code = detail.request.short_code
    consents = [needed for needed in question.answers if needed.consent_id]
    if consents and detail.request.handover_needed:
        offer.handover_point = tx.session.get_one(StandingConsent, consents[0].consent_id).handover_point
    tx.session.add(offer)
    tx.session.flush()
    registry_service.claim_places(tx, offer.unit_id, offer.id, ClaimKind.HOLD, len(detail.persons))
    subject = f"request:{offer.request_id}"
    tx.record("offer.sent", subject, "requests", "offers", "places", offer=offer.id, unit=offer.unit_id)
    for needed in question.answers:
        needed.offer_id = offer.id
        tx.session.add(needed)
        if needed.consent_id:
            tx.record(
                "offer.consented",
                subject,
                "requests",
                "offers",
                offer=offer.id,
                by=needed.by,
                consent=needed.consent_id,
            )
            continue
        tell(
            tx,
            access.organisation(tx, needed.organisation_id),
            f"offer:{offer.id}",
            f"Opvangvraag {code} wacht op uw antwoord",
            f"Een aanvraag wacht op uw antwoord. De plek is vastgehouden tot het moment dat op uw scherm staat.\n"
            f"Code om te noemen aan de telefoon: {code}.\nLog in om te antwoorden.",
        )
    tx.session.flush()


def extend_hold(tx: Tx, actor: Actor, offer_id: str, seen: int) -> Offer:
    """Hold the places a while longer, as often and as long as policy allows: said by the owner or by who must answer.

    `seen` is how often it had been extended on the screen of whoever asks.
    """
    require(actor, Verb.OFFER_EXTEND)
    offer = queries.offer(tx, offer_id)
    request = intake.request(tx, offer.request_id, for_update=True)
    needed = tx.session.get(OfferAnswer, (offer_id, actor.organisation_id))
    owner = owns_case(actor, request)
    hidden = request.refuses_police and actor.investigative
    if not owner and (needed is None or hidden or not rules.speaks_as(actor, needed.by)):
        raise NotFound("no_offer")
    tx.session.refresh(offer)
    if offer.status != OfferStatus.LIVE or offer.hold_until <= tx.now:
        raise Conflict("offer_over")
    hold = policy.at_version(tx, policy.Hold, offer.hold_version)
    if offer.extensions != seen:
        raise Conflict("changed_meanwhile")
    if offer.extensions >= hold.extensions_max:
        raise Conflict("extended_enough")
    hold_until = offer.hold_until + timedelta(minutes=hold.extension_minutes)
    tx.guarded(
        update(Offer)
        .where(col(Offer.id) == offer_id, col(Offer.status) == OfferStatus.LIVE, col(Offer.extensions) == seen)
        .values(hold_until=hold_until, extensions=seen + 1),
        Conflict("changed_meanwhile"),
    )
    tx.record(
        "offer.extended",
        f"request:{request.id}",
        "requests",
        "offers",
        offer=offer_id,
        times=seen + 1,
        by="owner" if owner else needed.by if needed else "",
    )
    return tx.session.get_one(Offer, offer_id)


def send_group(tx: Tx, actor: Actor, group_id: str, phoned: bool = False) -> list[Offer]:
    """Ask for the first proposal of everybody in a group who still waits for one: all of them, or nobody."""
    require(actor, Verb.OFFER_SEND)
    # All requests before all houses, both in order: two groups that want the same houses wait for each other, once.
    members = intake_service.owned_group(tx, actor, group_id)
    first = queries.first_proposals(tx, [found.id for found in members if found.status == RequestStatus.OPEN])
    if not first:
        raise Conflict("nothing_to_ask")
    for location_id in sorted({proposal.location_id for proposal in first}):
        registry.location(tx, location_id, for_update=True)
    return [send_offer(tx, actor, proposal.request_id, proposal.id, phoned) for proposal in first]


def open_offers(tx: Tx, actor: Actor) -> list[OfferToAnswerOut]:
    """Read the offers that need an answer of one's organisation; each request behind one is a logged read."""
    require(actor, Verb.OFFER_READ)
    found = queries.offers_to_answer(tx, actor)
    for offer in found:
        log_read(tx, actor, f"offer:{offer.id}", "answer")
    return found


def accept(tx: Tx, actor: Actor, offer_id: str, handover_point: str | None = None) -> Stay | None:
    """Say yes for one's organisation. With the last answer needed the stay begins, and is returned."""
    offer, detail, needed = _to_answer(tx, actor, offer_id)
    views = registry.locations(tx, location_id=offer.location_id)
    _choose_handover(offer, views, handover_point)
    needed.answer, needed.account_id, needed.at = Answer.ACCEPT, actor.account_id, tx.now
    tx.session.add_all((needed, offer))
    tx.session.flush()
    tx.record("offer.answered", f"request:{offer.request_id}", "requests", "offers", offer=offer_id, answer="accept")
    if _open_answers(tx, offer_id):
        return None
    return _complete(tx, offer, detail, views)


def _complete(tx: Tx, offer: Offer, detail: RequestDetail, views: list[LocationView]) -> Stay:
    """The last yes is in: the hold becomes a stay, and every other house that was asked is let go.

    The caller holds the locks of the request and of the location.
    """
    if detail.request.handover_needed and offer.handover_point is None:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "required"),))
    offer_id, request_id = offer.id, offer.request_id
    held = _held_places(tx, offer_id)
    _refuse_unfit(tx, detail, views, offer.unit_id, held)
    stay = Stay(
        id=tx.new_id(),
        request_id=request_id,
        offer_id=offer_id,
        unit_id=offer.unit_id,
        location_id=offer.location_id,
        status=StayStatus.PLANNED,
        persons=len(detail.persons),
        planned_at=tx.now,
        expected_departure=_expected_departure(detail.request, views, offer.unit_id),
    )
    stay_id, short_code = stay.id, detail.request.short_code
    house, room = next((view, unit) for view in views for unit in view.units if unit.unit.id == stay.unit_id)
    region, pool = house.location.region_code, house.location.pool
    known = rules.indication(detail.facts, room.stances)
    owner = access.organisation(tx, detail.request.owner_organisation_id)
    tx.session.add(stay)
    try:
        tx.session.flush()
    except IntegrityError as error:
        raise Conflict("offer_over") from error
    _end_offer(tx, offer_id, OfferStatus.ACCEPTED)
    registry_service.hold_becomes_stay(tx, offer_id, stay_id)
    for other in queries.live_offers(tx, request_id):
        _end_offer(tx, other.id, OfferStatus.NOT_NEEDED)
        registry_service.end_claims(tx, other.id)
        _tell_not_needed(tx, other.id, detail.request)
        tx.record("offer.not_needed", f"request:{request_id}", "requests", "offers", "places", offer=other.id)
    intake_service.move(tx, request_id, (RequestStatus.OFFERED,), RequestStatus.ACCEPTED)
    tell(
        tx,
        owner,
        f"stay:{stay_id}",
        f"Opvangvraag {short_code}: er is een plek",
        f"De aanvraag met code {short_code} is geaccepteerd. Log in voor de volgende stap.",
    )
    tx.record(
        "offer.accepted",
        f"request:{request_id}",
        "requests",
        "offers",
        "places",
        offer=offer_id,
        stay=stay_id,
        region=region,
        pool=pool,
        unconditional=room.unconditional,
        indication=known,
    )
    return tx.session.get_one(Stay, stay_id)


def place_in_crisis(tx: Tx, actor: Actor, offer_id: str, handover_point: str | None = None) -> Stay:
    """Place now on the provider's spoken yes and let whoever did not answer approve afterwards.

    Only where policy opens this path for the pool, only for who cannot wait, and only after the time policy gives to
    answer. The provider's own yes, every hard rule and a refusal of police contact hold here too; nothing is skipped
    without a trace: whoever was not waited for gets an open approval to answer.
    """
    require(actor, Verb.OFFER_CRISIS)
    offer = queries.offer(tx, offer_id)
    detail = intake.detail(tx, offer.request_id, for_update=True)
    if not may_see_case(actor, detail.request):
        raise NotFound("no_offer")
    registry.location(tx, offer.location_id, for_update=True)
    tx.session.refresh(offer)
    if offer.status != OfferStatus.LIVE or offer.hold_until <= tx.now:
        raise Conflict("offer_over")
    views = registry.locations(tx, location_id=offer.location_id)
    authority = policy.at_version(tx, policy.Authority, offer.authority_version or 1)
    pool, urgency = views[0].location.pool, detail.request.urgency
    opens_at = rules.crisis_opens_at(authority, pool, urgency, offer.sent_at)  # type: ignore[arg-type]
    if offer.authority_version is None or opens_at is None or tx.now < opens_at:
        raise Conflict("no_crisis_path")
    if detail.request.refuses_police and _asks(tx, offer_id, INVESTIGATING):
        raise Conflict("no_longer_fits", reasons=("authority",))
    _choose_handover(offer, views, handover_point)
    provider_id = views[0].location.organisation_id
    spoken = tx.session.get(OfferAnswer, (offer_id, provider_id)) or OfferAnswer(
        offer_id=offer_id, organisation_id=provider_id, by="provider"
    )
    if spoken.answer is None:
        spoken.answer, spoken.spoken, spoken.account_id, spoken.at = Answer.ACCEPT, True, actor.account_id, tx.now
    tx.session.add(spoken)
    tx.session.flush()
    missing = [needed for needed in _answers_of(tx, offer_id) if needed.answer is None]
    for needed in missing:
        needed.afterwards, needed.approval_due_at = True, tx.now + timedelta(minutes=authority.approval_minutes)
        tx.session.add(needed)
        tell(
            tx,
            access.organisation(tx, needed.organisation_id),
            f"approval:{offer_id}",
            f"Opvangvraag {detail.request.short_code}: geplaatst in een crisis, uw goedkeuring is nodig",
            "Er kwam geen antwoord op tijd en er kon niet gewacht worden. Log in om achteraf te oordelen.",
        )
    offer.crisis_at, offer.crisis_by = tx.now, actor.account_id
    tx.session.add(offer)
    tx.session.flush()
    tx.record(
        "offer.crisis",
        f"request:{offer.request_id}",
        "requests",
        "offers",
        offer=offer_id,
        missing=sorted(needed.by for needed in missing),
    )
    return _complete(tx, offer, detail, views)


def accept_group(tx: Tx, actor: Actor, group_id: str, location_id: str, handover_point: str | None = None) -> int:
    """Say yes to everybody of a group who was asked for at a house and waits for it: all of them, or nobody."""
    require(actor, Verb.OFFER_ANSWER)
    waiting = [
        offer.id
        for offer in queries.offers_to_answer(tx, actor)
        if offer.answered is None and (offer.group_id, offer.location_id) == (group_id, location_id)
    ]
    if not waiting:
        raise NotFound("no_group")
    # All requests before the house, in order, as whoever asks for a group takes them.
    for member in intake.group(tx, group_id):
        intake.request(tx, member.id, for_update=True)
    for offer_id in waiting:
        accept(tx, actor, offer_id, handover_point)
    return len(waiting)


def decline(tx: Tx, actor: Actor, offer_id: str, code: str, criterion: str | None = None) -> None:
    """Say no with a coded reason. It ends this offer only, does what the code says, and the request is matched again.

    `criterion` names the ground where the code is that: also one the house never published, which is counted.
    """
    rule = DECLINES.get(code)
    if rule is None:
        raise Invalid("invalid", (FieldError(("code",), "unknown_choice"),))
    if code == CRITERION and criterion is None:
        raise Invalid("invalid", (FieldError(("criterion",), "required"),))
    if criterion is not None and (code != CRITERION or criterion not in registry.criteria(tx)):
        raise Invalid("invalid", (FieldError(("criterion",), "unknown_choice"),))
    offer, detail, needed = _to_answer(tx, actor, offer_id)
    request_id, unit_id, location_id = offer.request_id, offer.unit_id, offer.location_id
    short_code = detail.request.short_code
    owner = access.organisation(tx, detail.request.owner_organisation_id)
    needed.answer, needed.account_id, needed.at = Answer.DECLINE, actor.account_id, tx.now
    tx.session.add(needed)
    tx.session.flush()
    published = criterion and _stance(tx, location_id, unit_id, criterion) is Stance.EXCLUDES
    hold = policy.at_version(tx, policy.Hold, offer.hold_version)
    _end_offer(
        tx,
        offer_id,
        OfferStatus.DECLINED,
        decline_code=code,
        decline_tag=rule.tag,
        decline_criterion=criterion,
        decline_published=bool(published) if criterion else None,
    )
    _free(tx, request_id, offer_id)
    # Only the house itself can say of its figure that it is wrong; whoever else declines, declines for this request.
    if rule.effect is DeclineEffect.LOCATION_FOR_REQUEST or needed.by != "provider":
        intake_service.bar(tx, request_id, location_id, code, until=None)
    else:
        for_unit = rule.effect is DeclineEffect.UNIT_UNTIL_CONFIRMED
        until = None if for_unit else tx.now + timedelta(minutes=hold.no_staff_minutes)
        if for_unit:
            registry_service.doubt(tx, unit_id)
        tx.session.add(
            NotNow(
                id=tx.new_id(),
                location_id=location_id,
                unit_id=unit_id if for_unit else None,
                offer_id=offer_id,
                cause=code,
                since=tx.now,
                until=until,
            )
        )
        tx.session.flush()
    tell(
        tx,
        owner,
        f"declined:{offer_id}",
        f"Opvangvraag {short_code}: een opvang zei nee",
        f"Een opvang zei nee op de aanvraag met code {short_code}. Er wordt meteen verder gezocht.\nLog in.",
    )
    tx.record(
        "offer.declined",
        f"request:{request_id}",
        "requests",
        "offers",
        "places",
        offer=offer_id,
        code=code,
        tag=rule.tag,
        criterion=criterion,
    )


def withdraw_offer(tx: Tx, actor: Actor, offer_id: str) -> None:
    """The owner of the request takes an offer back before it was answered in full."""
    found = queries.offer(tx, offer_id)
    try:
        intake_service.owned(tx, actor, found.request_id)
    except NotFound as error:
        raise NotFound("no_offer") from error
    request_id = found.request_id
    registry.location(tx, found.location_id, for_update=True)
    _end_offer(tx, offer_id, OfferStatus.WITHDRAWN)
    _free(tx, request_id, offer_id)
    _tell_not_needed(tx, offer_id, intake.request(tx, request_id))
    tx.record("offer.withdrawn", f"request:{request_id}", "requests", "offers", "places", offer=offer_id)


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


def _expected_departure(request: PlacementRequest, views: list[LocationView], unit_id: str) -> date:
    """What was asked, cut short where a first period ends sooner, or where a regular room goes back to its own use."""
    view, unit = next((view, unit) for view in views for unit in view.units if unit.unit.id == unit_id)
    first_days = view.agreement.first_days_max if view.agreement else None
    ends = [request.needed_from + timedelta(days=min(request.days, first_days or request.days))]
    if unit.designation:
        ends.append(unit.designation.ends_at)
    return min(ends).date()


def _deciders(
    tx: Tx, authority: policy.Authority, request: PlacementRequest, view: LocationView, unit: UnitView
) -> list[tuple[Organisation, str]]:
    """Whose answers an offer sent now needs: organisation and in what capacity, each organisation once."""
    # A regular room is a crisis bed because its provider says so now: then the provider is the one to ask.
    of_region = unit.unit.use == Use.CRISIS
    desk = calendar.desk_calendar(tx, authority.office_hours)
    # Where nobody is there to decide on the crisis beds of a region, whoever decides by day does.
    for crisis in (True, False) if of_region else (False,):
        found: dict[str, tuple[Organisation, str]] = {}
        for by in rules.deciders(authority, view.location.pool, tx.now, request.refuses_police, crisis, desk):  # type: ignore[arg-type]
            organisation = _in_capacity(tx, by, view)
            if organisation is None:
                break
            found.setdefault(organisation.id, (organisation, by))
        else:
            if found:
                return list(found.values())
    raise Conflict("no_authority_reachable")


def _in_capacity(tx: Tx, by: str, view: LocationView) -> Organisation | None:
    """The organisation that decides on this location in a capacity: of its region where there is one, else national."""
    if by == "provider":
        return view.organisation
    region = view.location.region_code
    in_reach = [one for one in access.organisations_of_kind(tx, KIND_OF[by]) if one.region_code in {None, region}]
    return min(in_reach, key=lambda one: (one.region_code is None, one.id), default=None)


def _to_answer(tx: Tx, actor: Actor, offer_id: str) -> tuple[Offer, RequestDetail, OfferAnswer]:
    """A live offer that waits for the actor's organisation, with request and location locked in that order."""
    require(actor, Verb.OFFER_ANSWER)
    needed = tx.session.get(OfferAnswer, (offer_id, actor.organisation_id))
    if needed is None:
        raise NotFound("no_offer")
    offer = queries.offer(tx, offer_id)
    detail = intake.detail(tx, offer.request_id, for_update=True)
    if not rules.speaks_as(actor, needed.by) or (detail.request.refuses_police and actor.investigative):
        raise NotFound("no_offer")
    registry.location(tx, offer.location_id, for_update=True)
    tx.session.refresh(offer)
    tx.session.refresh(needed)
    if offer.status != OfferStatus.LIVE or offer.hold_until <= tx.now:
        raise Conflict("offer_over")
    if needed.answer is not None:
        raise Conflict("already_answered")
    return offer, detail, needed


def _refuse_unfit(tx: Tx, detail: RequestDetail, views: list[LocationView], unit_id: str, held: int | None) -> None:
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
    tx: Tx, detail: RequestDetail, views: list[LocationView], unit_id: str, held: int | None
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
    if detail.request.refuses_police and _asks(tx, offer_id, INVESTIGATING):
        return ("authority",)
    views = registry.locations(tx, location_id=location_id)
    return _against(tx, detail, views, queries.offer(tx, offer_id).unit_id, _held_places(tx, offer_id))


def _asks(tx: Tx, offer_id: str, capacities: Collection[str]) -> bool:
    return any(needed.by in capacities for needed in _answers_of(tx, offer_id))


def _answers_of(tx: Tx, offer_id: str) -> Sequence[OfferAnswer]:
    return tx.session.exec(select(OfferAnswer).where(OfferAnswer.offer_id == offer_id)).all()


def _choose_handover(offer: Offer, views: list[LocationView], handover_point: str | None) -> None:
    if handover_point is not None and handover_point not in views[0].location.handover_points:
        raise Invalid("invalid", (FieldError(("handoverPoint",), "unknown_choice"),))
    offer.handover_point = handover_point or offer.handover_point


def _stance(tx: Tx, location_id: str, unit_id: str, criterion: str) -> Stance | None:
    views = registry.locations(tx, location_id=location_id)
    return next((unit.stances.get(criterion) for unit in views[0].units if unit.unit.id == unit_id), None)


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
    # Whoever has not read the question yet need not answer it any more.
    notify.cancel(tx, f"offer:{offer_id}")


def _free(tx: Tx, request_id: str, offer_id: str) -> None:
    """Free what an ended offer held; with no other house asked, the request waits for proposals again."""
    registry_service.end_claims(tx, offer_id)
    if not queries.live_offers(tx, request_id):
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
    notify.cancel(tx, f"offer:{offer_id}")
    offer = queries.offer(tx, offer_id)
    hold = policy.at_version(tx, policy.Hold, offer.hold_version)
    _free(tx, request_id, offer_id)
    intake_service.bar(tx, request_id, location_id, NO_ANSWER, tx.now + timedelta(minutes=hold.silent_minutes))
    tx.record("offer.lapsed", f"request:{request_id}", "requests", "offers", "places", offer=offer_id)
    return True


def _tell_not_needed(tx: Tx, offer_id: str, request: PlacementRequest) -> None:
    """Thank whoever was asked and is not needed any more; who has not read the question yet need not.

    Not an investigative body that was asked before the request refused police contact: it hears nothing more of it.
    """
    code, refuses_police = request.short_code, request.refuses_police
    for needed in _answers_of(tx, offer_id):
        if refuses_police and needed.by in INVESTIGATING:
            continue
        tell(
            tx,
            access.organisation(tx, needed.organisation_id),
            f"not-needed:{offer_id}",
            f"Opvangvraag {code}: uw antwoord is niet meer nodig",
            f"De vraag met code {code} is niet meer nodig. De plek is weer vrij. Dank u wel voor het meedenken.",
        )


def tell(tx: Tx, organisation: Organisation, about: str, subject: str, body: str) -> None:
    """Queue a message to an organisation's functional mailbox, or to the log where it has none."""
    channel, recipient = ("email", organisation.email) if organisation.email else ("log", organisation.id)
    notify.queue(tx, f"{about}/{organisation.id}/{channel}", about, channel, recipient, subject, body)
