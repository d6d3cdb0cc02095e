"""The registry over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from nrm.access.api import Allowed, Call
from nrm.access.rules import REGIONAL, Actor, Verb, reach
from nrm.api import ROOT, Id, answer
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.registry import asking, joint, queries, service
from nrm.registry.queries import LocationView
from nrm.registry.rules import Basis, SafetyClass, Stance, Use
from nrm.registry.schemas import (
    AddressIn,
    AgreementIn,
    AgreementOut,
    AskedOut,
    AskIn,
    BoardRowOut,
    ClosureEndIn,
    ClosureIn,
    CriterionIn,
    CriterionKeepIn,
    CriterionOut,
    DesignationIn,
    IntakeHoursIn,
    LocationOut,
    MunicipalityOut,
    PauseIn,
    PlaceOut,
    RegionOut,
    RuleIn,
    RuleOut,
    ToCheckOut,
    UnitOut,
    UseIn,
)

router = APIRouter(prefix=ROOT, tags=["registry"])

Reader = Annotated[Call, Depends(Allowed(Verb.REGIONS_READ))]
Keeper = Annotated[Call, Depends(Allowed(Verb.PLACES_KEEP))]
Lister = Annotated[Call, Depends(Allowed(Verb.CRITERIA_KEEP))]
Chaser = Annotated[Call, Depends(Allowed(Verb.FIGURES_CHASE))]


def board_region(actor: Actor) -> str | None:
    """The region a board or count is limited to for this actor; None is the whole country."""
    return reach(actor) if actor.role in REGIONAL else None


def location_out(tx: Tx, view: LocationView) -> LocationOut:
    """A location in the shape its provider sees."""
    found = view.location
    return LocationOut(
        id=found.id,
        code=found.code,
        region_code=found.region_code,
        pool=found.pool,
        safety_class=SafetyClass(found.safety_class),
        freshness=view.freshness.band,
        age_minutes=view.freshness.age_minutes,
        confirmed_at=view.confirmed_at,
        paused=view.paused,
        pause_reason=found.pause_reason if view.paused else None,
        pause_until=found.pause_until if view.paused else None,
        intake_open=view.intake_open,
        handover_points=found.handover_points,
        version=found.version,
        units=[
            UnitOut(
                id=unit.unit.id,
                code=unit.unit.code,
                private=unit.unit.private,
                sexes=unit.unit.sexes,
                sons_until=unit.unit.sons_until,
                age_min=unit.unit.age_min,
                age_max=unit.unit.age_max,
                children=unit.unit.children,
                offers=unit.unit.offers,
                unconditional=unit.unconditional,
                use=Use(unit.unit.use),
                crisis_until=unit.designation.ends_at if unit.designation else None,
                stances=unit.stances,
                places=[PlaceOut.model_validate(place) for place in unit.places],
            )
            for unit in view.units
        ],
        rules=[
            RuleOut(
                id=rule.id,
                criterion=rule.criterion,
                unit_id=rule.unit_id,
                stance=Stance(rule.stance),
                basis=Basis(rule.basis),
                reason=rule.reason,
                review_on=rule.review_on,
                valid_from=rule.valid_from,
            )
            for rule in queries.live_rules(tx, found.id)
        ],
    )


@router.get("/regions", response_model=list[RegionOut])
def regions(call: Reader) -> Response:
    """The regions in force."""
    with call.reading() as tx:
        return answer([RegionOut.model_validate(region) for region in queries.regions(tx)])


@router.get("/municipalities", response_model=list[MunicipalityOut])
def municipalities(call: Reader) -> Response:
    """The municipalities in force, with their region."""
    with call.reading() as tx:
        return answer([MunicipalityOut.model_validate(found) for found in queries.municipalities(tx)])


@router.get("/criteria", response_model=list[CriterionOut])
def criteria(call: Reader) -> Response:
    """The national list of contra-indications, and what was on it before."""
    with call.reading() as tx:
        return answer([CriterionOut.model_validate(found) for found in queries.all_criteria(tx)])


@router.post("/criteria", response_model=CriterionOut, status_code=201)
def add_criterion(shape: CriterionIn, call: Lister) -> Response:
    """Put a contra-indication on the national list."""

    def work(tx: Tx) -> CriterionOut:
        return CriterionOut(code=service.add_criterion(tx, call.actor, shape.name), active=True)

    return call.once(shape, work, status=201)


@router.put("/criteria/{code}", status_code=204)
def keep_criterion(code: Id, shape: CriterionKeepIn, call: Lister) -> Response:
    """Order the national list, retire a contra-indication, or bring it back."""
    with call.writing() as tx:
        service.keep_criterion(tx, call.actor, code, shape.active, shape.place)
    return answer(None)


@router.get("/board", response_model=list[BoardRowOut])
def board(call: Annotated[Call, Depends(Allowed(Verb.BOARD_READ))]) -> Response:
    """Numbers of places per region and pool."""
    with call.reading() as tx:
        rows = queries.board(tx, board_region(call.actor))
        return answer([BoardRowOut.model_validate(row) for row in rows])


@router.get("/locations", response_model=list[LocationOut])
def locations(call: Annotated[Call, Depends(Allowed(Verb.PLACES_READ))]) -> Response:
    """The locations of one's own organisation."""
    with call.reading() as tx:
        views = queries.locations(tx, organisation_id=call.actor.organisation_id)
        return answer([location_out(tx, view) for view in views])


@router.post("/locations/{location_id}/confirmations", status_code=204)
def confirm(location_id: Id, call: Keeper) -> Response:
    """The figures of this location are right as they stand."""
    return call.once(None, lambda tx: service.confirm_unchanged(tx, call.actor, location_id))


@router.put("/locations/{location_id}/pause", status_code=204)
def pause(location_id: Id, shape: PauseIn, call: Keeper) -> Response:
    """Take nobody in for a while."""
    with call.writing() as tx:
        service.pause_intake(tx, call.actor, location_id, shape.reason, shape.until)
    return answer(None)


@router.delete("/locations/{location_id}/pause", status_code=204)
def resume(location_id: Id, call: Keeper) -> Response:
    """Take people in again."""
    with call.writing() as tx:
        service.resume_intake(tx, call.actor, location_id)
    return answer(None)


@router.put("/locations/{location_id}/intake-hours", status_code=204)
def set_intake_hours(location_id: Id, shape: IntakeHoursIn, call: Keeper) -> Response:
    """Say between which hours this location takes people in."""
    with call.writing() as tx:
        service.set_intake_hours(tx, call.actor, location_id, shape.opens, shape.closes)
    return answer(None)


@router.put("/locations/{location_id}/rules/{criterion}", status_code=204)
def set_rule(location_id: Id, criterion: Id, shape: RuleIn, call: Keeper) -> Response:
    """Say what this location, or one unit of it, does with a criterion."""
    with call.writing() as tx:
        service.set_rule(
            tx,
            call.actor,
            location_id,
            criterion,
            shape.stance,
            shape.basis,
            shape.reason,
            shape.unit_id,
            shape.review_on,
            shape.version,
        )
    return answer(None)


@router.post("/rules/{rule_id}/review", status_code=204)
def keep_rule(rule_id: Id, call: Keeper) -> Response:
    """Reviewed: this admission rule stays as it is, until it comes up again."""
    return call.once(None, lambda tx: service.keep_rule(tx, call.actor, rule_id))


@router.put("/locations/{location_id}/address", status_code=204)
def set_address(location_id: Id, shape: AddressIn, call: Keeper) -> Response:
    """Seal the address of a location. It can be written, not read."""
    with call.writing() as tx:
        service.set_address(tx, call.actor, call.parts.key, location_id, shape.address)
    return answer(None)


@router.get("/locations/{location_id}/agreement", response_model=AgreementOut)
def agreement(location_id: Id, call: Annotated[Call, Depends(Allowed(Verb.PLACES_READ))]) -> Response:
    """What the municipalities that pay for a location of one's own agreed."""
    with call.reading() as tx:
        if not queries.locations(tx, call.actor.organisation_id, location_id):
            raise NotFound("no_location")
        return answer(queries.agreement(tx, location_id))


@router.put("/locations/{location_id}/agreement", status_code=204)
def agree(location_id: Id, shape: AgreementIn, call: Keeper) -> Response:
    """Write that down, in place of what stood."""
    with call.writing() as tx:
        joint.agree(tx, call.actor, location_id, shape)
    return answer(None)


@router.put("/units/{unit_id}/use", status_code=204)
def set_use(unit_id: Id, shape: UseIn, call: Keeper) -> Response:
    """Say what a room is for."""
    with call.writing() as tx:
        joint.set_use(tx, call.actor, unit_id, shape.use)
    return answer(None)


@router.put("/units/{unit_id}/designation", status_code=204)
def designate(unit_id: Id, shape: DesignationIn, call: Keeper) -> Response:
    """Use a regular room as a crisis bed until a moment."""
    with call.writing() as tx:
        joint.designate(tx, call.actor, unit_id, shape.until, shape.displaces)
    return answer(None)


@router.delete("/units/{unit_id}/designation", status_code=204)
def end_designation(unit_id: Id, call: Keeper) -> Response:
    """A room goes back to its own use."""
    with call.writing() as tx:
        joint.end_designation(tx, call.actor, unit_id)
    return answer(None)


@router.put("/places/{place_id}/closure", status_code=204)
def close_place(place_id: Id, shape: ClosureIn, call: Keeper) -> Response:
    """Take a place out of service."""
    with call.writing() as tx:
        service.close_place(tx, call.actor, place_id, shape.reason, shape.expected_end)
    return answer(None)


@router.delete("/places/{place_id}/closure", status_code=204)
def reopen_place(place_id: Id, call: Keeper) -> Response:
    """Put a place back in service."""
    with call.writing() as tx:
        service.reopen_place(tx, call.actor, place_id)
    return answer(None)


@router.put("/places/{place_id}/closure/expected-end", status_code=204)
def move_closure_end(place_id: Id, shape: ClosureEndIn, call: Keeper) -> Response:
    """Say until when a place stays out of service."""
    with call.writing() as tx:
        service.move_closure_end(tx, call.actor, place_id, shape.expected_end)
    return answer(None)


@router.get("/locations-to-check", response_model=list[ToCheckOut])
def locations_to_check(call: Chaser) -> Response:
    """The locations whose figure is not fresh."""
    with call.reading() as tx:
        return answer([to_check_out(view) for view in queries.to_check(tx, reach(call.actor))])


@router.post("/askings", response_model=AskedOut)
def ask(shape: AskIn, call: Chaser) -> Response:
    """Ask providers by message whether their figures still hold. Each is asked at most once in a while."""

    def work(tx: Tx) -> AskedOut:
        everyone = [view.location.id for view in queries.to_check(tx, reach(call.actor))]
        wanted = everyone if shape.locations is None else shape.locations
        return AskedOut.model_validate(asking.ask(tx, call.actor, wanted, call.parts.settings.public_url))

    return call.once(shape, work)


def to_check_out(view: LocationView) -> ToCheckOut:
    """A location as whoever chases figures sees it."""
    return ToCheckOut(
        id=view.location.id,
        code=view.location.code,
        region_code=view.location.region_code,
        pool=view.location.pool,
        provider=view.organisation.name,
        phone=view.organisation.phone,
        email=view.organisation.email,
        freshness=view.freshness.band,
        age_minutes=view.freshness.age_minutes,
        asked_at=view.location.asked_at,
    )
