"""Requests of one's own: the list by deadline, and the case: proposals, offer, address, arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access import queries as access
from nrm.access.api import step_up_if_given
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, owns_case
from nrm.access.service import recently_authenticated
from nrm.api import Id
from nrm.course import service as course_service
from nrm.db import Tx
from nrm.errors import Conflict, Forbidden, Invalid, NotFound, NotLoggedIn, TooMany
from nrm.handover import queries as handover
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import PAGE_MAX, RequestDetail
from nrm.intake.rules import CLOSING_OUTCOMES, UNPLACED, Outcome, RequestStatus
from nrm.placing import queries as placing
from nrm.placing import service, staying
from nrm.placing.api import history_out, send_round_out
from nrm.placing.rules import RELEASE_REASONS, OfferStatus, StayStatus
from nrm.placing.schemas import OfferIn, OfferOut, OffersIn, ProposalOut, ProposalsOut, StayOut
from nrm.registry import quality
from nrm.registry import queries as registry
from nrm.registry.models import UnitQuality
from nrm.registry.rules import TRUSTED, FreshnessBand, Word
from nrm.reporting import queries as reporting
from nrm.youth import queries as youth
from web.case_words import Kept, Why, kept_out, party, to_say, why, would_place
from web.labels import EVENTS
from web.pages import Form
from web.screens.course import around
from web.screens.request_form import municipalities_of, municipality_name
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]
Changer = Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]
Sender = Annotated[Visit, Depends(Act(Verb.OFFER_SEND))]
Arriver = Annotated[Visit, Depends(Act(Verb.STAY_ARRIVE))]
Releaser = Annotated[Visit, Depends(Screen(Verb.ADDRESS_RELEASE))]
ReleaseActor = Annotated[Visit, Depends(Act(Verb.ADDRESS_RELEASE))]

WRONG_PASSWORD = N_("Dit wachtwoord klopt niet.")
PASSWORD_PLEASE = N_("Geef uw wachtwoord nog een keer: een adres vraagt om zekerheid.")
TOO_MANY = N_("Te vaak een verkeerd wachtwoord. Wacht een kwartier, of bel de piketdienst.")
CHOOSE_REASON = N_("Kies waarom u het adres nodig heeft.")
CHOOSE_MUNICIPALITY = N_("Kies een gemeente uit de lijst, of ‘weet ik niet’.")
CHOOSE_OUTCOME = N_("Kies hoe het is afgelopen.")


@dataclass(frozen=True)
class Line:
    """One request in the list."""

    found: PlacementRequest
    party: str
    status: str
    unmet: bool

    @property
    def id(self) -> str:
        """Its row."""
        return self.found.id

    @property
    def waits(self) -> bool:
        """Whether its clock runs."""
        return self.found.status in UNPLACED


@dataclass(frozen=True)
class Shown:
    """One proposal as a card: where, whose, why, and how sure."""

    proposal: ProposalOut
    region: str
    why: Why
    band: str
    confirmed_at: datetime | None
    quality: UnitQuality | None = None
    """What the room is good at, and by whose word."""

    @property
    def call_first(self) -> bool:
        """The figure is too old to hold a place on: somebody has to phone."""
        return FreshnessBand(self.band) not in TRUSTED


@dataclass(frozen=True)
class Found:
    """What the solver said, in words."""

    proposals: list[Shown]
    kept_out: list[Kept]
    would_place: list[str]
    proven: bool
    searching: bool
    """Nothing of the last answer can still be asked: the next one is on its way."""

    @property
    def only_old(self) -> bool:
        """Every figure needs a phone call first; then there is no certain place."""
        return bool(self.proposals) and all(shown.call_first for shown in self.proposals)


@router.get("/aanvragen")
def overview(visit: Reader) -> Response:
    """Open requests, most urgent deadline first."""
    return _list(visit, "requests.html")


@router.get("/aanvragen/lijst")
def overview_part(visit: Reader) -> Response:
    """What of the list is live."""
    return _list(visit, "requests_part.html")


@router.get("/aanvragen/afgesloten")
def closed(visit: Reader, vanaf: Annotated[int, Query(ge=0, le=1_000_000)] = 0) -> Response:
    """Requests that ended, newest first."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        details = intake.open_list(tx, visit.actor, closed=True, offset=vanaf)
        lines = [_line(visit, tx, detail) for detail in details]
    more = vanaf + PAGE_MAX if len(lines) == PAGE_MAX else None
    return visit.page("requests_closed.html", frame, lines=lines, more=more)


@router.get("/aanvragen/{request_id}")
def case(request_id: Id, visit: Reader) -> Response:
    """One request: what to do now, and why."""
    return _case(visit, request_id, "case.html")


@router.get("/aanvragen/{request_id}/deel")
def case_part(request_id: Id, visit: Reader) -> Response:
    """What of the case is live."""
    return _case(visit, request_id, "case_part.html")


@router.post("/aanvragen/{request_id}/vragen")
def ask(request_id: Id, visit: Sender) -> Response:
    """Hold the proposed place and ask whoever may decide."""
    back = f"/aanvragen/{request_id}"
    try:
        shape = OfferIn(proposal_id=visit.field("proposal"), phoned=bool(visit.field("phoned")))
    except ValidationError:
        return visit.go(back, "invalid")

    def work(tx: Tx) -> OfferOut:
        offer = service.send_offer(tx, visit.actor, request_id, shape.proposal_id, shape.phoned)
        return next(found for found in placing.offers(tx, request_id) if found.id == offer.id)

    try:
        visit.once(shape, work)
    except (Conflict, Invalid, Forbidden) as refusal:
        return visit.go(back, next((f"reason.{reason}" for reason in refusal.reasons), refusal.code))
    return visit.go(back, "offer_sent")


@router.post("/aanvragen/{request_id}/samen-vragen")
def ask_several(request_id: Id, visit: Sender) -> Response:
    """Ask everybody who was ticked at once: who says yes first, has it."""
    back = f"/aanvragen/{request_id}"
    phoned = visit.fields("phoned")
    try:
        shape = OffersIn(proposal_ids=[*visit.fields("proposal"), *phoned], phoned=phoned)
    except ValidationError:
        return visit.go(back, "choose_places")
    try:
        found = visit.once(shape, lambda tx: send_round_out(tx, visit.actor, request_id, shape))
    except (Conflict, Invalid, Forbidden) as refusal:
        return visit.go(back, next((f"reason.{reason}" for reason in refusal.reasons), refusal.code))
    return visit.go(back, "offers_partly_sent" if found["refused"] else "offers_sent")


@router.post("/aanvragen/{request_id}/langer")
def extend(request_id: Id, visit: Annotated[Visit, Depends(Act(Verb.OFFER_EXTEND))]) -> Response:
    """Hold the place a while longer."""
    seen = visit.field("seen")
    times = int(seen) if seen.isdecimal() and len(seen) < 4 else -1
    return visit.act(
        lambda tx: service.extend_hold(tx, visit.actor, _offer_of(tx, visit, request_id), times),
        f"/aanvragen/{request_id}",
        "offer_extended",
    )


@router.post("/aanvragen/{request_id}/crisis")
def place_in_crisis(request_id: Id, visit: Annotated[Visit, Depends(Act(Verb.OFFER_CRISIS))]) -> Response:
    """Place on the provider's spoken yes; who did not answer approves afterwards."""
    back = f"/aanvragen/{request_id}"
    if not visit.field("spoken"):
        return visit.go(back, "spoken_yes_first")
    point = visit.field("point") or None
    return visit.act(
        lambda tx: service.place_in_crisis(tx, visit.actor, _offer_of(tx, visit, request_id), point),
        back,
        "placed_in_crisis",
    )


@router.post("/aanvragen/{request_id}/intrekken")
def withdraw(request_id: Id, visit: Sender) -> Response:
    """Take the live offer back."""

    def work(tx: Tx) -> None:
        service.withdraw_offer(tx, visit.actor, _offer_of(tx, visit, request_id))

    return visit.act(work, f"/aanvragen/{request_id}", "offer_withdrawn")


@router.post("/aanvragen/{request_id}/aangekomen")
def arrived(request_id: Id, visit: Arriver) -> Response:
    """The party arrived."""

    def work(tx: Tx) -> None:
        stay = _planned(tx, visit, request_id)
        staying.confirm_arrival(tx, visit.actor, stay.id, stay.version)

    return visit.act(work, f"/aanvragen/{request_id}", "arrived")


@router.post("/aanvragen/{request_id}/niet-gekomen")
def not_arrived(request_id: Id, visit: Arriver) -> Response:
    """The party did not come: the request waits again."""

    def work(tx: Tx) -> None:
        stay = _planned(tx, visit, request_id)
        staying.not_arrived(tx, visit.actor, stay.id, stay.version, visit.field("reason") or None)

    return visit.act(work, f"/aanvragen/{request_id}", "not_arrived")


@router.get("/aanvragen/{request_id}/adres")
def address_form(request_id: Id, visit: Releaser) -> Response:
    """Say why the address is needed, and who asks."""
    return _address_form(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/adres")
def address(request_id: Id, visit: ReleaseActor) -> Response:
    """The address, on a page of its own that nothing keeps."""
    words, back = visit.words, f"/aanvragen/{request_id}"
    reason, password = visit.field("reason"), visit.form.get("password")
    if reason not in RELEASE_REASONS:
        return _address_form(visit, request_id, Form({}, {"reason": words.gettext(CHOOSE_REASON)}), 400)
    wrong = ""
    try:
        actor = step_up_if_given(visit.parts, visit.actor, password if isinstance(password, str) and password else None)
    except NotLoggedIn:
        wrong = words.gettext(WRONG_PASSWORD)
    except TooMany:
        wrong = words.gettext(TOO_MANY)
    if wrong:
        return _address_form(visit, request_id, Form({"reason": reason}, {"password": wrong}), 400)
    try:
        with visit.writing() as tx:
            frame = visit.frame(tx)
            stay = _planned(tx, visit, request_id)
            found = staying.release_address(
                tx, actor, visit.parts.key, stay.id, reason, visit.parts.settings.step_up_minutes
            )
            request = intake_queries.request(tx, request_id)
    except Forbidden:
        errors = {"password": words.gettext(PASSWORD_PLEASE)}
        return _address_form(visit, request_id, Form({"reason": reason}, errors), 400)
    except (Conflict, Invalid) as refusal:
        return visit.go(back, refusal.code)
    # Without a live line: nothing may bring this page back to life.
    frame = replace(frame, live_seq=None)
    return visit.page("address.html", frame, found=request, address=found, stay=stay)


@router.get("/aanvragen/{request_id}/sluiten")
def closing(request_id: Id, visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]) -> Response:
    """Ask how it ended."""
    return _closing(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/sluiten")
def close(request_id: Id, visit: Changer) -> Response:
    """End a request that was not placed."""
    reason = visit.field("reason")
    if reason not in {outcome.value for outcome in CLOSING_OUTCOMES}:
        return _closing(visit, request_id, Form({}, {"reason": visit.words.gettext(CHOOSE_OUTCOME)}), 400)
    outcome, seen = Outcome(reason), visit.version
    return visit.act(
        lambda tx: intake.close(tx, visit.actor, request_id, outcome, seen),
        f"/aanvragen/{request_id}",
        "request_closed",
    )


@router.get("/aanvragen/{request_id}/gemeente")
def municipality_form(request_id: Id, visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]) -> Response:
    """Ask in which municipality it was."""
    return _municipality_form(visit, request_id, None)


@router.post("/aanvragen/{request_id}/gemeente")
def set_municipality(request_id: Id, visit: Changer) -> Response:
    """Say in which municipality it was, or that this is not known."""
    code = visit.field("municipality")
    try:
        with visit.writing() as tx:
            intake.set_municipality(tx, visit.actor, request_id, code or None)
    except Invalid:
        wrong = Form({"municipality": code}, {"municipality": visit.words.gettext(CHOOSE_MUNICIPALITY)})
        return _municipality_form(visit, request_id, wrong, 400)
    return visit.go(f"/aanvragen/{request_id}", "municipality_set")


def _municipality_form(visit: Visit, request_id: str, form: Form | None, status: int = 200) -> Response:
    with visit.writing() as tx:  # the read is logged in it
        frame = visit.frame(tx)
        found = intake.open_case(tx, visit.actor, request_id, "amend").request
        if not owns_case(visit.actor, found):
            raise NotFound("no_request")
        choices = municipalities_of([found.region_code], registry.municipalities(tx))
        region = _regions(tx)[found.region_code]
    form = form or Form({"municipality": found.municipality_code or ""})
    return visit.page(
        "municipality_form.html", frame, status=status, found=found, form=form, choices=choices, region=region
    )


def _offer_of(tx: Tx, visit: Visit, request_id: str) -> str:
    """The offer a form names, if it is one of this request."""
    offer_id = visit.field("offer")
    if offer_id not in {offer.id for offer in placing.offers(tx, request_id)}:
        raise NotFound("no_offer")
    return offer_id


def _line(visit: Visit, tx: Tx, detail: RequestDetail) -> Line:
    found = detail.request
    return Line(
        found,
        party(visit.words, detail.persons),
        placing.shown_status(tx, found),
        intake_queries.is_unmet(found, tx.now),
    )


def _list(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each request shown is a logged read
        frame = visit.frame(tx)
        details: list[RequestDetail] = []
        while len(details) % PAGE_MAX == 0:
            page = intake.open_list(tx, visit.actor, offset=len(details))
            details += page
            if not page:
                break
        lines = [_line(visit, tx, detail) for detail in details]
        regions = _regions(tx)
        transfers = course_service.transfers(tx, visit.actor)
    own = [line for line in lines if _is_own(visit.actor, line.found)]
    return visit.page(
        template,
        frame,
        own=own,
        others=[line for line in lines if line not in own],
        # What asks for a person now: a choice to make, or somebody who waits too long.
        attention=sum(line.unmet or line.status == "proposed" for line in own) + len(transfers),
        region_names=regions,
        transfers=transfers,
    )


def _is_own(actor: Actor, found: PlacementRequest) -> bool:
    if actor.role is Role.COORDINATOR:
        return found.owner_account_id == actor.account_id
    return found.owner_organisation_id == actor.organisation_id


def _regions(tx: Tx) -> dict[str, str]:
    return {region.code: region.name for region in registry.regions(tx)}


def _case(visit: Visit, request_id: str, template: str) -> Response:
    with visit.writing() as tx:  # the read is logged in it
        frame = visit.frame(tx)
        detail = intake.open_case(tx, visit.actor, request_id, "open")
        found = detail.request
        regions = _regions(tx)
        offers = placing.offers(tx, request_id)
        stays = placing.stays_of_request(tx, request_id)
        waits = found.status in UNPLACED and not found.minor_alone
        _, hold = policy.current(tx, policy.Hold)
        say = to_say(visit.words, detail, registry.criteria(tx), tx.now)
        answer = placing.proposals(tx, request_id) if waits else None
        history = [entry for entry in history_out(tx, request_id) if entry.kind in EVENTS]
        owner = access.organisation(tx, found.owner_organisation_id)
        asked_for = access.organisation(tx, found.on_behalf_of).name if found.on_behalf_of else ""
        desk = access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)
        state = placing.shown_status(tx, found)
        course = around(tx, visit.actor, detail, stays, _current(stays))
        report = reporting.progress(tx, visit.actor, found)
        calls = handover.calls(tx, visit.actor, request_id)
        youth_stands = youth.stands(tx, request_id) if found.minor_alone else []
        municipality = municipality_name(visit.words, tx, found)
        said = quality.live(tx, [one.unit_id for one in answer.proposals]) if answer else {}
    live = [offer for offer in reversed(offers) if offer.status is OfferStatus.LIVE]
    return visit.page(
        template,
        frame,
        detail=detail,
        found=found,
        party=party(visit.words, detail.persons),
        state=state,
        unmet=found.status in UNPLACED and frame.now >= found.deadline_at,
        waits=found.status in UNPLACED,
        owns=owns_case(visit.actor, found),
        may_have_address=not staying.of_desk_on_shift_only(found, visit.actor),
        owner=owner,
        asked_for=asked_for,
        desk=desk[0] if desk else None,
        live=live,
        say=say,
        asked_times=len(offers),
        asked_max=hold.asked_at_once_max,
        past=[offer for offer in offers if offer.status in _NOT_TAKEN],
        stay=_current(stays),
        taken=next((offer for offer in offers if offer.status is OfferStatus.ACCEPTED), None),
        answer=_in_words(visit, answer, detail, regions, said, frame.now, bool(live)) if answer else None,
        history=history,
        region_names=regions,
        municipality=municipality,
        report=report,
        calls=calls,
        youth_stands=youth_stands,
        **course,
    )


_NOT_TAKEN = (OfferStatus.DECLINED, OfferStatus.LAPSED, OfferStatus.WITHDRAWN, OfferStatus.NOT_NEEDED)


def _current(stays: Sequence[StayOut]) -> StayOut | None:
    """The stay that counts: not one of a party that never came."""
    return next((stay for stay in stays if stay.status is not StayStatus.NOT_ARRIVED), None)


def _in_words(
    visit: Visit,
    answer: ProposalsOut,
    detail: RequestDetail,
    regions: dict[str, str],
    said: Mapping[tuple[str, str], UnitQuality],
    now: datetime,
    asked: bool,
) -> Found:
    # The first can no longer be asked, and was not: until the next answer the others stand behind nothing.
    gone = not asked and bool(answer.proposals) and not answer.proposals[0].available
    not_behind: dict[str, Any] = {"behind": None} if gone else {}
    shown = [
        Shown(
            proposal,
            regions[proposal.fit["region"]],
            why(visit.words, proposal.fit | not_behind, regions, detail.request.region_code),
            proposal.fit["freshness"],
            None if proposal.freshness_minutes is None else now - timedelta(minutes=proposal.freshness_minutes),
            # What somebody from outside found comes before the house's own word.
            said.get((proposal.unit_id, Word.CHECKED)) or said.get((proposal.unit_id, Word.DECLARED)),
        )
        for proposal in answer.proposals
        if proposal.available
    ]
    return Found(
        shown,
        kept_out(visit.words, answer.shut_out),
        would_place(visit.words, answer.would_place),
        answer.proven,
        bool(answer.proposals) and not shown,
    )


def _planned(tx: Tx, visit: Visit, request_id: str) -> StayOut:
    """The stay that is expected, of a request the actor decides on. Raises NotFound or Conflict."""
    if not owns_case(visit.actor, intake_queries.request(tx, request_id)):
        raise NotFound("no_request")
    stay = _current(placing.stays_of_request(tx, request_id))
    if stay is None or stay.status is not StayStatus.PLANNED:
        raise Conflict("not_expected_any_more")
    return stay


def _address_form(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = intake.open_case(tx, visit.actor, request_id, "address")
        stay = _planned(tx, visit, request_id)
        minutes = visit.parts.settings.step_up_minutes
        recent = recently_authenticated(visit.actor, tx.now, minutes)
    return visit.page(
        "address_form.html",
        frame,
        status=status,
        found=detail.request,
        party=party(visit.words, detail.persons),
        stay=stay,
        form=form,
        ask_password=not recent or bool(form.error("password")),
        reasons=list(RELEASE_REASONS),
    )


def _closing(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    context: dict[str, Any] = {}
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = intake.open_case(tx, visit.actor, request_id, "close")
        if not owns_case(visit.actor, detail.request):
            raise NotFound("no_request")
        if detail.request.status == RequestStatus.OFFERED:
            return visit.go(f"/aanvragen/{request_id}", "offer_or_stay_in_the_way")
        if detail.request.status != RequestStatus.OPEN:
            return visit.go(f"/aanvragen/{request_id}", "not_waiting")
        context |= {"found": detail.request, "party": party(visit.words, detail.persons)}
    outcomes = [outcome.value for outcome in CLOSING_OUTCOMES]
    return visit.page("case_closing.html", frame, status=status, form=form, outcomes=outcomes, **context)
