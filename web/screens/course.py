"""Around a case: bridge, who pays, the next place, and handing it over. Forms of their own, outside live parts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from nrm.access.rules import Actor, Role, Verb, owns_case, reach
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.course import queries, service
from nrm.course.rules import BRIDGED, BridgeKind, TariffState
from nrm.course.schemas import BridgeIn, BridgeNightsOut, PayerIn, SettlementIn, SettlementOut, TariffIn, TransferIn
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.intake import service as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.placing.rules import DESTINATIONS, NO_SHOW_REASONS, StayStatus
from nrm.placing.schemas import StayOut
from nrm.registry import queries as registry
from web.case_words import party
from web.pages import Form
from web.typed import day, read, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class NightLine:
    """What bridges cost one municipality."""

    id: str
    sum: BridgeNightsOut

    @classmethod
    def of(cls, row: BridgeNightsOut) -> "NightLine":
        """The line of a municipality, or of nobody known in a region."""
        return cls(row.municipality or f"open-{row.region}", row)


Bridging = Annotated[Visit, Depends(Screen(Verb.BRIDGE_KEEP))]
Bridger = Annotated[Visit, Depends(Act(Verb.BRIDGE_KEEP))]
Owning = Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]
Owner = Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]
Municipality = Annotated[Visit, Depends(Screen(Verb.SETTLEMENT_KEEP))]
Settler = Annotated[Visit, Depends(Act(Verb.SETTLEMENT_KEEP))]

EUROS_MAX = 10_000
YEAR = timedelta(days=365)


def around(tx: Tx, actor: Actor, detail: RequestDetail, stays: list[StayOut], stay: StayOut | None) -> dict[str, Any]:
    """What case_course_part.html shows of a request that was opened."""
    found = detail.request
    owns = owns_case(actor, found)
    going = queries.stay_course(tx, stay.id) if stay else None
    names = {one.code: one.name for one in registry.municipalities(tx)}
    return {
        "around": queries.request_course(tx, actor, found),
        "going": going,
        "may_bridge": found.status in BRIDGED and (owns or actor.role is Role.DUTY_OFFICER),
        "municipality_names": names,
        "lost": owns and stay is not None and stay.status is StayStatus.DEPARTED and stay.destination == "unknown",
        "found_again": [*(code for code in DESTINATIONS if code != "unknown"), "missing_reported"],
        "no_shows": NO_SHOW_REASONS,
        "missed": [one for one in stays if one.status is StayStatus.NOT_ARRIVED and one.end_reason],
    }


@router.get("/aanvragen/{request_id}/overbrugging")
def bridge_form(request_id: Id, visit: Bridging) -> Response:
    """Where somebody spends the night: four taps."""
    return _bridge(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/overbrugging")
def record_bridge(request_id: Id, visit: Bridger) -> Response:
    """Record it."""

    def work(tx: Tx) -> None:
        values: dict[str, object] = {
            "kind": visit.field("kind"),
            "municipality": visit.field("municipality") or None,
            "cents_per_night": _cents(visit.field("cents_per_night")),
            "safe": visit.field("safe"),
            "expected_last_night": _day(visit, "expected_last_night"),
            "replaces": visit.field("replaces"),
        }
        service.record_bridge(tx, visit.actor, request_id, read(BridgeIn, values))

    return _try(visit, work, request_id, "bridge_recorded", lambda form: _bridge(visit, request_id, form))


@router.post("/aanvragen/{request_id}/overbrugging/voorbij")
def end_bridge(request_id: Id, visit: Bridger) -> Response:
    """It is over."""
    bridge_id = visit.field("bridge")
    return visit.act(
        lambda tx: service.end_bridge(tx, visit.actor, bridge_id), f"/aanvragen/{request_id}", "bridge_ended"
    )


@router.get("/aanvragen/{request_id}/overbrugging/{bridge_id}/betaler")
def payer_form(request_id: Id, bridge_id: Id, visit: Bridging) -> Response:
    """Who pays for a bridge of which nobody knew it."""
    return _payer(visit, request_id, bridge_id, Form())


@router.post("/aanvragen/{request_id}/overbrugging/{bridge_id}/betaler")
def name_payer(request_id: Id, bridge_id: Id, visit: Bridger) -> Response:
    """Say who pays for it."""

    def work(tx: Tx) -> None:
        shape = read(PayerIn, {"municipality": visit.field("municipality")})
        service.name_payer(tx, visit.actor, bridge_id, shape.municipality)

    return _try(visit, work, request_id, "payer_named", lambda form: _payer(visit, request_id, bridge_id, form))


@router.post("/aanvragen/{request_id}/vervolg")
def follow_on(request_id: Id, visit: Owner) -> Response:
    """Ask for the next place."""
    return visit.act(
        lambda tx: service.open_follow_on(tx, visit.actor, request_id), f"/aanvragen/{request_id}", "follow_on_opened"
    )


@router.post("/aanvragen/{request_id}/bestemming")
def destination(request_id: Id, visit: Owner) -> Response:
    """What became of somebody who left without a destination."""
    stay_id, seen = visit.field("stay"), visit.version
    return visit.act(
        lambda tx: service.learn_destination(tx, visit.actor, stay_id, visit.field("destination"), seen),
        f"/aanvragen/{request_id}",
        "destination_learned",
    )


@router.get("/aanvragen/{request_id}/verrekening")
def settlement_form(request_id: Id, visit: Owning) -> Response:
    """Who pays."""
    return _settlement(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/verrekening")
def settle(request_id: Id, visit: Owner) -> Response:
    """Say who pays."""

    def work(tx: Tx) -> None:
        values = {name: visit.field(name) for name in ("legal", "paying", "tariff", "version")}
        service.settle(tx, visit.actor, request_id, read(SettlementIn, values))

    return _try(visit, work, request_id, "settled", lambda form: _settlement(visit, request_id, form))


@router.get("/aanvragen/{request_id}/overdragen")
def transfer_form(request_id: Id, visit: Owning) -> Response:
    """Choose who could take it over."""
    return _transfer(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/overdragen")
def offer_transfer(request_id: Id, visit: Owner) -> Response:
    """Ask whether they take it over."""

    def work(tx: Tx) -> None:
        service.offer_transfer(tx, visit.actor, request_id, read(TransferIn, {"to": visit.field("to")}).to)

    return _try(visit, work, request_id, "transfer_offered", lambda form: _transfer(visit, request_id, form))


@router.post("/overdracht/{transfer_id}/intrekken")
def withdraw_transfer(transfer_id: Id, visit: Owner) -> Response:
    """Keep it after all."""
    return visit.act(
        lambda tx: service.withdraw_transfer(tx, visit.actor, transfer_id), "/aanvragen", "transfer_dropped"
    )


@router.post("/overdracht/{transfer_id}/overnemen")
def take_over(transfer_id: Id, visit: Owner) -> Response:
    """Take it over."""
    return visit.act(lambda tx: service.take_over(tx, visit.actor, transfer_id), "/aanvragen", "taken_over")


@router.post("/overdracht/{transfer_id}/weigeren")
def refuse_transfer(transfer_id: Id, visit: Owner) -> Response:
    """Not take it over."""
    return visit.act(lambda tx: service.refuse_transfer(tx, visit.actor, transfer_id), "/aanvragen", "transfer_dropped")


@router.get("/verrekening")
def settlements(visit: Municipality) -> Response:
    """A municipality's own settlements: no case, no name."""
    return _settlements(visit, "settlements.html")


@router.get("/verrekening/deel")
def settlements_part(visit: Municipality) -> Response:
    """What of it is live."""
    return _settlements(visit, "settlements_part.html")


@router.post("/verrekening/{settlement_id}")
def settle_tariff(settlement_id: Id, visit: Settler) -> Response:
    """Agree with the tariff, or dispute it."""

    def work(tx: Tx) -> None:
        values = {name: visit.field(name) for name in ("tariff", "version")}
        try:
            shape = read(TariffIn, values)
        except ValidationError as error:
            raise Invalid("invalid") from error
        service.settle_tariff(tx, visit.actor, settlement_id, shape.tariff, shape.version)

    return visit.act(work, "/verrekening", "settled")


def _cents(typed: str) -> int | None:
    """95, 87,50 or € 87.50 as cents."""
    if not typed:
        return None
    try:
        amount = Decimal(typed.replace("€", "").replace(",", ".").strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not 0 <= amount <= EUROS_MAX:
        raise Invalid("invalid", (FieldError(("cents_per_night",), "unreadable_amount"),))
    return int(amount * 100)


def _day(visit: Visit, name: str) -> date | None:
    try:
        return day(visit.field(name))
    except ValueError as error:
        raise Invalid("invalid", (FieldError((name,), "unreadable_date"),)) from error


def _try(
    visit: Visit, work: Callable[[Tx], None], request_id: str, done: str, again: Callable[[Form], Response]
) -> Response:
    """Do it and go back to the case; a field that is wrong brings the form back as it was typed."""
    back = f"/aanvragen/{request_id}"
    try:
        with visit.writing() as tx:
            work(tx)
    except (ValidationError, Invalid) as error:
        return again(visit.filled(wrong_fields(visit.words, error)))
    except Conflict as refusal:
        return visit.go(back, refusal.code)
    return visit.go(back, done)


def _opened(visit: Visit, tx: Tx, request_id: str, purpose: str) -> RequestDetail:
    """A request the actor decides on; a logged read."""
    detail = intake.open_case(tx, visit.actor, request_id, purpose)
    if not owns_case(visit.actor, detail.request):
        raise NotFound("no_request")
    return detail


def _municipalities(tx: Tx, found: PlacementRequest) -> list[tuple[str, str]]:
    """Every municipality, those of the region where somebody was found first."""
    listed = sorted(registry.municipalities(tx), key=lambda one: (one.region_code != found.region_code, one.name))
    return [(one.code, one.name) for one in listed]


def _seen_to(visit: Visit, tx: Tx, request_id: str) -> RequestDetail:
    """A request whose bridges the actor keeps; a logged read."""
    detail = intake.open_case(tx, visit.actor, request_id, "bridge")
    if not service.sees_to(visit.actor, detail.request):
        raise NotFound("no_request")
    return detail


def _bridge(visit: Visit, request_id: str, form: Form) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = _seen_to(visit, tx, request_id)
        found = detail.request
        if found.status not in BRIDGED:
            return visit.go(f"/aanvragen/{request_id}", "not_waiting")
        live = queries.live_bridge(tx, request_id)
        live_out = queries.bridge_out(live, tx.now) if live else None
        choices = _municipalities(tx, found)
    return visit.page(
        "bridge_form.html",
        frame,
        status=400 if form.errors else 200,
        form=form,
        found=found,
        party=party(visit.words, detail.persons),
        live=live_out,
        kinds=[kind.value for kind in BridgeKind],
        municipalities=choices,
    )


def _payer(visit: Visit, request_id: str, bridge_id: str, form: Form) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        found = _seen_to(visit, tx, request_id).request
        bridge = next((one for one in queries.bridges(tx, request_id) if one.id == bridge_id), None)
        if bridge is None or bridge.municipality_code is not None:
            return visit.go(f"/aanvragen/{request_id}", "changed_meanwhile")
        bridge_out = queries.bridge_out(bridge, tx.now)
        choices = _municipalities(tx, found)
    return visit.page(
        "bridge_payer.html",
        frame,
        status=400 if form.errors else 200,
        form=form,
        found=found,
        bridge=bridge_out,
        municipalities=choices,
    )


def _settlement(visit: Visit, request_id: str, form: Form) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = _opened(visit, tx, request_id, "settlement")
        known: SettlementOut | None = queries.request_course(tx, visit.actor, detail.request).settlement
        choices = _municipalities(tx, detail.request)
    if not form.values and known is not None:
        form = Form(_values(known), form.errors)
    return visit.page(
        "settlement_form.html",
        frame,
        status=400 if form.errors else 200,
        form=form,
        found=detail.request,
        known=known,
        municipalities=choices,
        tariffs=[state.value for state in TariffState],
    )


def _values(known: BaseModel) -> dict[str, str]:
    return {name: str(value) for name, value in known.model_dump(mode="json").items()}


def _transfer(visit: Visit, request_id: str, form: Form) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = _opened(visit, tx, request_id, "transfer")
        choices = [(one.id, one.name) for one in service.takers(tx, visit.actor)]
    return visit.page(
        "transfer_form.html",
        frame,
        status=400 if form.errors else 200,
        form=form,
        found=detail.request,
        party=party(visit.words, detail.persons),
        takers=choices,
    )


def _settlements(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        listed = service.settlements(tx, visit.actor)
        names = {one.code: one.name for one in registry.municipalities(tx)}
        today = tx.now.astimezone(AMSTERDAM).date()
        own = reach(visit.actor)
        nights = queries.bridge_nights(tx, today.replace(month=1, day=1), today, own)
        flows = queries.reciprocity(tx, tx.now - YEAR, own)
    return visit.page(
        template,
        frame,
        settlements=listed,
        municipality_names=names,
        nights=[NightLine.of(row) for row in nights],
        flows=flows,
        year=today.year,
    )
