"""A provider's own houses: who is asked for, who is expected, every place, and what a house takes in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Verb
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.course import service as course
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.placing import departures, staying, trust
from nrm.placing import queries as placing
from nrm.placing import service as placing_service
from nrm.placing.rules import DESTINATIONS, NO_SHOW_REASONS, StayStatus
from nrm.placing.schemas import OccupyIn, StayOut
from nrm.registry import joint, queries, service
from nrm.registry.models import AdmissionRule
from nrm.registry.queries import LocationView, PlaceView, UnitView
from nrm.registry.rules import CLOSURE_REASONS, PAUSE_REASONS, TRUSTED, Basis, FreshnessBand, PlaceState, Stance
from nrm.registry.schemas import AddressIn, ClosureIn, IntakeHoursIn, PauseIn, RuleIn
from web.case_words import party
from web.labels import SEXES
from web.pages import Form
from web.refusals import flash_text
from web.typed import day, read, said, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.PLACES_READ))]
Keeper = Annotated[Visit, Depends(Act(Verb.PLACES_KEEP))]
Arriver = Annotated[Visit, Depends(Act(Verb.STAY_ARRIVE))]
Departer = Annotated[Visit, Depends(Act(Verb.STAY_DEPART))]

WHOLE_LOCATION = "all"
MORNING = time(8)
PAUSE_DAYS = {"morning": 0, "three_days": 3, "week": 7}
"""How long an intake stop can last in one tap: until the next morning, or that many days on."""
STAY_LONGER_DAYS = (1, 3, 7)
HOURS = {"always": (None, None), "day": (time(9), time(17)), "long_day": (time(8), time(22))}
"""Intake hours in one tap."""


@dataclass(frozen=True)
class Chip:
    """A place as it stands in the list: `kind` is what it may be counted as, never more than is known."""

    place: PlaceView
    kind: str


@dataclass(frozen=True)
class Stand:
    """One place with everything needed to change it."""

    view: LocationView
    unit: UnitView
    place: PlaceView
    kind: str
    stay: StayOut | None


@dataclass(frozen=True)
class Kind:
    """The places for one kind of people, counted as they may be counted. `counts` is by place kind, as on the chips."""

    id: str
    pool: str
    sexes: tuple[str, ...]
    children: bool
    counts: dict[str, int]


@dataclass(frozen=True)
class Ending:
    """A place out of service whose expected end is near or past."""

    view: LocationView
    unit: UnitView
    place: PlaceView
    over: bool


@router.get("/opvang")
def overview(visit: Reader) -> Response:
    """The page: what waits, who comes, every house."""
    with visit.writing() as tx:  # each offer shown is a logged read
        frame = visit.frame(tx)
        shown = _arrivals(visit, tx) | _houses(visit, tx)
    return visit.page("houses.html", frame, **shown)


@router.get("/opvang/nu")
def arrivals(visit: Reader) -> Response:
    """The live part with offers and who is expected."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        shown = _arrivals(visit, tx)
    return visit.page("houses_now_part.html", frame, **shown)


@router.get("/opvang/plekken")
def places(visit: Reader) -> Response:
    """The live part with every house and place."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _houses(visit, tx)
    return visit.page("houses_part.html", frame, **shown)


@router.get("/opvang/plek/{place_id}")
def one_place(place_id: Id, visit: Reader) -> Response:
    """One place and what can happen with it."""
    return _place_page(visit, place_id, Form())


@router.get("/opvang/plek/{place_id}/stand")
def one_place_part(place_id: Id, visit: Reader) -> Response:
    """The live part of one place."""
    return _place_page(visit, place_id, Form(), template="place_part.html")


@router.post("/opvang/plek/{place_id}/buiten-gebruik")
def close_place(place_id: Id, visit: Keeper) -> Response:
    """Out of service, with the reason and perhaps the expected end."""

    def work(tx: Tx) -> None:
        values = {"reason": visit.field("reason"), "expected_end": _day(visit, "expected_end")}
        shape = read(ClosureIn, values)
        service.close_place(tx, visit.actor, place_id, shape.reason, shape.expected_end)

    return _try(visit, work, _home(visit, place_id), "place_closed", lambda form: _place_page(visit, place_id, form))


@router.post("/opvang/plek/{place_id}/blijft-dicht")
def move_closure_end(place_id: Id, visit: Keeper) -> Response:
    """Longer out of service: a number of days from today in one tap, or until a day."""

    def work(tx: Tx) -> None:
        until = _days_on(visit, tx.now) or _day(visit, "expected_end")
        service.move_closure_end(tx, visit.actor, place_id, until)

    return _try(visit, work, _home(visit, place_id), "closure_moved", lambda form: _place_page(visit, place_id, form))


@router.post("/opvang/plek/{place_id}/in-gebruik")
def reopen_place(place_id: Id, visit: Keeper) -> Response:
    """Back in service."""
    back = _home(visit, place_id)
    return visit.act(lambda tx: service.reopen_place(tx, visit.actor, place_id), back, "place_reopened")


@router.post("/opvang/plek/{place_id}/bezet")
def occupy(place_id: Id, visit: Departer) -> Response:
    """In use by arrangement outside this system."""

    def work(tx: Tx) -> None:
        shape = read(OccupyIn, {"expected_departure": _day(visit, "expected_departure")})
        staying.occupy(tx, visit.actor, place_id, shape.expected_departure, visit.field("who") == "other_group")

    return _try(visit, work, _home(visit, place_id), "place_occupied", lambda form: _place_page(visit, place_id, form))


@router.post("/opvang/verblijf/{stay_id}/aangekomen")
def arrived(stay_id: Id, visit: Arriver) -> Response:
    """The party is here."""
    version = visit.version
    return visit.act(lambda tx: staying.confirm_arrival(tx, visit.actor, stay_id, version), "/opvang", "arrived")


@router.post("/opvang/verblijf/{stay_id}/niet-gekomen")
def not_arrived(stay_id: Id, visit: Arriver) -> Response:
    """The party did not come."""
    version, reason = visit.version, visit.field("reason") or None
    return visit.act(
        lambda tx: staying.not_arrived(tx, visit.actor, stay_id, version, reason), "/opvang", "not_arrived"
    )


@router.post("/opvang/verblijf/{stay_id}/vertrek")
def departed(stay_id: Id, visit: Departer) -> Response:
    """The party left, and where to."""
    version, destination, reason = visit.version, visit.field("destination"), visit.field("reason") or None
    return visit.act(
        lambda tx: staying.depart(tx, visit.actor, stay_id, destination, version, reason),
        "/opvang",
        "departed",
    )


@router.post("/opvang/verblijf/{stay_id}/verwacht-vertrek")
def expect_departure(stay_id: Id, visit: Departer) -> Response:
    """Until when somebody stays: a number of days from today in one tap, a day, or nobody knows."""

    def work(tx: Tx) -> None:
        until = None if visit.field("days") == "unknown" else _days_on(visit, tx.now) or _day(visit, "day")
        try:
            course.expect_departure(tx, visit.actor, stay_id, until, visit.version)
        except Invalid as refusal:
            raise Invalid(refusal.code, tuple(_as_typed_here(wrong) for wrong in refusal.fields)) from refusal

    def again(form: Form) -> Response:
        if form.error("reason"):
            return visit.go(f"/verblijf/{stay_id}", "longer_than_usual")
        # Only the page of the place has a day to type.
        place_id = visit.field("place")
        return _place_page(visit, place_id, form) if place_id else visit.go("/opvang", "invalid")

    return _try(visit, work, "/opvang", "departure_expected", again)


@router.post("/opvang/regel/{rule_id}/blijft")
def keep_rule(rule_id: Id, visit: Keeper) -> Response:
    """Reviewed: stays as it is."""
    return visit.act(lambda tx: service.keep_rule(tx, visit.actor, rule_id), "/opvang", "rule_kept")


@router.get("/opvang/{location_id}")
def one_location(location_id: Id, visit: Reader) -> Response:
    """One house: intake, hand-over points, admission rules, address."""
    return _location_page(visit, location_id, Form())


@router.get("/opvang/{location_id}/stand")
def one_location_part(location_id: Id, visit: Reader) -> Response:
    """The live part of one house."""
    return _location_page(visit, location_id, Form(), template="location_part.html")


@router.post("/opvang/{location_id}/gecontroleerd")
def confirm(location_id: Id, visit: Keeper) -> Response:
    """Checked, unchanged."""
    back = f"/opvang/{location_id}" if visit.field("back") == "location" else f"/opvang#locatie-{location_id}"
    return visit.act(lambda tx: service.confirm_unchanged(tx, visit.actor, location_id), back, "confirmed")


@router.post("/opvang/{location_id}/pauze")
def pause(location_id: Id, visit: Keeper) -> Response:
    """Take nobody in for a while."""

    def work(tx: Tx) -> None:
        try:
            until = _pause_until(tx.now, visit.field("for")) or visit.local("until", AMSTERDAM)
        except ValueError as error:
            raise _Unreadable("until", "unreadable_moment") from error
        shape = read(PauseIn, {"reason": visit.field("reason"), "until": until})
        service.pause_intake(tx, visit.actor, location_id, shape.reason, shape.until)

    back = _back(visit, location_id)
    return _try(visit, work, back, "paused", lambda form: _location_page(visit, location_id, form))


@router.post("/opvang/{location_id}/hervatten")
def resume(location_id: Id, visit: Keeper) -> Response:
    """Take people in again."""
    back = _back(visit, location_id)
    return visit.act(lambda tx: service.resume_intake(tx, visit.actor, location_id), back, "resumed")


@router.post("/opvang/{location_id}/opnametijd")
def set_intake_hours(location_id: Id, visit: Keeper) -> Response:
    """Between which hours people are taken in: a usual one in one tap, or two times."""

    def work(tx: Tx) -> None:
        usual = HOURS.get(visit.field("hours"))
        opens, closes = usual or (visit.field("opens"), visit.field("closes"))
        shape = read(IntakeHoursIn, {"opens": opens, "closes": closes})
        if usual is None and shape.opens is None:
            raise _Unreadable("opens", "required")
        service.set_intake_hours(tx, visit.actor, location_id, shape.opens, shape.closes)

    back = f"/opvang/{location_id}"
    return _try(visit, work, back, "intake_hours_set", lambda form: _location_page(visit, location_id, form))


@router.post("/opvang/{location_id}/adres")
def set_address(location_id: Id, visit: Keeper) -> Response:
    """Write the address, sealed. What was typed is never shown again, not even when it was refused."""

    def work(tx: Tx) -> None:
        shape = read(AddressIn, {"address": visit.field("address")})
        service.set_address(tx, visit.actor, visit.parts.key, location_id, shape.address)

    def again(form: Form) -> Response:
        return _location_page(visit, location_id, Form({}, form.errors))

    return _try(visit, work, f"/opvang/{location_id}", "address_set", again)


@router.get("/opvang/{location_id}/regel/{criterion}")
def rule_form(
    location_id: Id, criterion: Id, visit: Reader, kamer: str = WHOLE_LOCATION, houding: str = ""
) -> Response:
    """The form of one admission rule; `houding` fills in a stance that a link offers to publish."""
    form = Form({"unit_id": kamer[:40], "stance": houding}) if houding in set(Stance) else None
    return _rule_page(visit, location_id, criterion, form, kamer[:40])


@router.post("/opvang/{location_id}/regel/{criterion}")
def set_rule(location_id: Id, criterion: Id, visit: Keeper) -> Response:
    """Say what a house, or one room of it, does with a criterion. Changed meanwhile: what was typed stays."""
    unit_id = visit.field("unit_id") or WHOLE_LOCATION

    def work(tx: Tx) -> None:
        values = {name: visit.field(name) for name in ("stance", "basis", "reason", "version")}
        unit = None if unit_id == WHOLE_LOCATION else unit_id
        shape = read(RuleIn, {**values, "unit_id": unit, "review_on": _day(visit, "review_on")})
        service.set_rule(
            tx,
            visit.actor,
            location_id,
            criterion,
            shape.stance,
            shape.basis,
            shape.reason,
            shape.unit_id,
            shape.review_on,
            shape.version,
        )

    try:
        with visit.writing() as tx:
            work(tx)
    except Conflict as refusal:
        failure = flash_text(visit.words, refusal.code)
        return _rule_page(visit, location_id, criterion, visit.filled(), unit_id, failure, refusal.status)
    except (ValidationError, Invalid) as error:
        form = visit.filled(wrong_fields(visit.words, error))
        return _rule_page(visit, location_id, criterion, form, unit_id, status=400)
    return visit.go(f"/opvang/{location_id}#regels", "rule_set")


class _Unreadable(Invalid):
    """A field that could not be read."""

    def __init__(self, name: str, code: str) -> None:
        super().__init__("invalid")
        self.name, self.why = name, code


def _day(visit: Visit, name: str) -> date | None:
    try:
        return day(visit.field(name))
    except ValueError as error:
        raise _Unreadable(name, "unreadable_date") from error


def _as_typed_here(wrong: FieldError) -> FieldError:
    return FieldError(("day",), wrong.code) if wrong.path == ("on",) else wrong


def _days_on(visit: Visit, now: datetime) -> date | None:
    """A button that says so many days from today."""
    typed = visit.field("days")
    if not typed.isdecimal() or len(typed) > 3:
        return None
    return now.astimezone(AMSTERDAM).date() + timedelta(days=int(typed))


def _pause_until(now: datetime, chosen: str) -> datetime | None:
    """The morning at which an intake stop ends, by the clock on the wall."""
    if chosen not in PAUSE_DAYS:
        return None
    local = now.astimezone(AMSTERDAM)
    days = PAUSE_DAYS[chosen] or (0 if local.time() < MORNING else 1)
    return datetime.combine(local.date() + timedelta(days=days), MORNING, AMSTERDAM)


def _back(visit: Visit, location_id: str) -> str:
    """The card in the list when that is where it was pressed, else the page of the house."""
    return f"/opvang#locatie-{location_id}" if visit.field("back") == "list" else f"/opvang/{location_id}"


def _try(visit: Visit, work: Callable[[Tx], None], back: str, done: str, again: Callable[[Form], Response]) -> Response:
    """Do it and go back; a field that is wrong brings the form back as it was typed, with the reason at the field."""
    try:
        with visit.writing() as tx:
            work(tx)
    except _Unreadable as error:
        return again(visit.filled({error.name: said(visit.words, error.why)}))
    except (ValidationError, Invalid) as error:
        return again(visit.filled(wrong_fields(visit.words, error)))
    except Conflict as refusal:
        return visit.go(back, refusal.code)
    return visit.go(back, done)


def _home(visit: Visit, place_id: str) -> str:
    """Back in the list, at the house of this place."""
    with visit.reading() as tx:
        return f"/opvang#locatie-{queries.location_of_place(tx, place_id)}"


def _arrivals(visit: Visit, tx: Tx) -> dict[str, Any]:
    offers = placing_service.open_offers(tx, visit.actor)
    today = tx.now.astimezone(AMSTERDAM).date()
    return {
        "waiting": [offer for offer in offers if offer.answered is None],
        "answered": [offer for offer in offers if offer.answered is not None],
        "parties": {offer.id: party(visit.words, offer.persons) for offer in offers},
        "expected": staying.open_stays(tx, visit.actor, expected_only=True),
        "leaving": departures.leaving(tx, visit.actor, today),
        "today": today,
        "longer": STAY_LONGER_DAYS,
        "destinations": DESTINATIONS,
        "no_shows": NO_SHOW_REASONS,
    }


def _houses(visit: Visit, tx: Tx) -> dict[str, Any]:
    views = queries.locations(tx, organisation_id=visit.actor.organisation_id)
    planned = _planned(tx, visit.actor.organisation_id)
    chips = {
        unit.unit.id: [Chip(place, _kind(view, unit, place, planned)) for place in unit.places]
        for view in views
        for unit in view.units
    }
    _, rhythm = policy.current(tx, policy.Rhythm)
    today = tx.now.astimezone(AMSTERDAM).date()
    return {
        # What asks for a look first: nobody has to scroll for it.
        "views": sorted(views, key=lambda view: view.freshness.band is FreshnessBand.FRESH),
        "regions": {region.code: region.name for region in queries.regions(tx)},
        "chips": chips,
        "kinds": _kinds(views, chips),
        "old": [view for view in views if view.freshness.band not in TRUSTED],
        "ending": _ending(views, today, today + timedelta(days=rhythm.closure_ahead_days)),
        "reviews": queries.rules_to_review(
            tx, today + timedelta(days=rhythm.review_ahead_days), visit.actor.organisation_id
        ),
        "endings": joint.ending(views, today + timedelta(days=rhythm.agreement_ahead_days)),
        "today": today,
        "pauses": PAUSE_REASONS,
        "lengths": tuple(PAUSE_DAYS),
    }


def _kinds(views: list[LocationView], chips: dict[str, list[Chip]]) -> list[Kind]:
    """Places by whom they are for, those with most free first."""
    found: dict[str, Kind] = {}
    for view in views:
        for unit in view.units:
            sexes = tuple(unit.unit.sexes) if len(unit.unit.sexes) < len(SEXES) else ()
            key = "-".join((view.location.pool, *sexes, "children" if unit.unit.children else "alone"))
            kind = found.setdefault(key, Kind(key, view.location.pool, sexes, unit.unit.children, {}))
            for chip in chips[unit.unit.id]:
                kind.counts[chip.kind] = kind.counts.get(chip.kind, 0) + 1
    return sorted(found.values(), key=lambda kind: (-kind.counts.get("free", 0), kind.id))


def _ending(views: list[LocationView], today: date, by: date) -> list[Ending]:
    """Closed places that ask for a word: their end is near or past. Those over come first."""
    found = [
        Ending(view, unit, place, place.closure_expected_end < today)
        for view in views
        for unit in view.units
        for place in unit.places
        if place.state is PlaceState.OUT_OF_SERVICE and place.closure_expected_end and place.closure_expected_end <= by
    ]
    return sorted(found, key=lambda one: (not one.over, one.place.closure_expected_end, one.place.id))


def _planned(tx: Tx, organisation_id: str) -> set[str]:
    stays = placing.stays_at(tx, organisation_id)
    return {stay.id for stay in stays if stay.status is StayStatus.PLANNED}


def _kind(view: LocationView, unit: UnitView, place: PlaceView, planned: set[str]) -> str:
    """What a place counts as: `paused` in a paused house.

    `check` when it would be free but nobody checked lately, or it turned out not to be.
    """
    if place.state is PlaceState.OUT_OF_SERVICE and not place.closed:
        return "regular"
    if place.state is PlaceState.FREE and not view.trusted(unit):
        return "check"
    if place.state is PlaceState.FREE and view.paused:
        return "paused"
    if place.state is PlaceState.OCCUPIED and place.holder in planned:
        return "expected"
    return place.state.value


def _own(visit: Visit, tx: Tx, location_id: str) -> LocationView:
    views = queries.locations(tx, organisation_id=visit.actor.organisation_id, location_id=location_id)
    if not views:
        raise NotFound("no_location")
    return views[0]


def _place_page(visit: Visit, place_id: str, form: Form, template: str = "place.html") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        view = _own(visit, tx, queries.location_of_place(tx, place_id))
        unit, place = next((unit, place) for unit in view.units for place in unit.places if place.id == place_id)
        stays = {stay.id: stay for stay in placing.stays_at(tx, visit.actor.organisation_id)}
        planned = {stay.id for stay in stays.values() if stay.status is StayStatus.PLANNED}
        stand = Stand(view, unit, place, _kind(view, unit, place, planned), stays.get(place.holder or ""))
    return visit.page(
        template,
        frame,
        status=400 if form.errors else 200,
        stand=stand,
        form=form,
        closures=CLOSURE_REASONS,
        destinations=DESTINATIONS,
        longer=STAY_LONGER_DAYS,
        no_shows=NO_SHOW_REASONS,
    )


def _location_page(visit: Visit, location_id: str, form: Form, template: str = "location.html") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        view = _own(visit, tx, location_id)
        regions = {region.code: region.name for region in queries.regions(tx)}
        criteria = queries.criteria(tx)
        rules = queries.live_rules(tx, location_id)
        has_address = queries.has_address(tx, location_id)
        score = trust.scores(tx, visit.actor)[location_id]
    return visit.page(
        template,
        frame,
        status=400 if form.errors else 200,
        view=view,
        region=regions[view.location.region_code],
        form=form,
        pauses=PAUSE_REASONS,
        criteria=criteria,
        of_house={rule.criterion: rule for rule in rules if rule.unit_id is None},
        of_rooms=[rule for rule in rules if rule.unit_id is not None],
        rooms={unit.unit.id: unit.unit.code for unit in view.units},
        has_address=has_address,
        score=score,
        usual_hours=tuple(HOURS),
        today=frame.now.astimezone(AMSTERDAM).date(),
    )


def _rule_page(
    visit: Visit,
    location_id: str,
    criterion: str,
    form: Form | None,
    unit_id: str,
    failure: str = "",
    status: int = 200,
) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        view = _own(visit, tx, location_id)
        if criterion not in queries.criteria(tx):
            raise NotFound("no_criterion")
        rules = queries.live_rules(tx, location_id)
        history = queries.rule_history(tx, location_id, criterion)
    wanted = None if unit_id == WHOLE_LOCATION else unit_id
    found = next((rule for rule in rules if rule.criterion == criterion and rule.unit_id == wanted), None)
    return visit.page(
        "rule.html",
        frame,
        status=status,
        view=view,
        criterion=criterion,
        found=found,
        history=history,
        form=form or Form(_as_form(found, unit_id)),
        failure=failure,
        stances=tuple(Stance),
        bases=tuple(Basis),
        rooms=[(WHOLE_LOCATION, ""), *((unit.unit.id, unit.unit.code) for unit in view.units)],
    )


def _as_form(rule: AdmissionRule | None, unit_id: str) -> dict[str, str]:
    if rule is None:
        return {"unit_id": unit_id}
    return {
        "unit_id": unit_id,
        "stance": rule.stance,
        "basis": rule.basis,
        "reason": rule.reason,
        "review_on": rule.review_on.isoformat() if rule.review_on else "",
    }
