"""The duty desk: on shift or not, alarms to take, everyone who waits, and whom to phone."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access import service as access_service
from nrm.access.models import Organisation
from nrm.access.rules import Role, Verb, reach
from nrm.api import Id
from nrm.course import queries as course
from nrm.db import Tx
from nrm.escalation import queries as escalation
from nrm.escalation import service as escalation_service
from nrm.escalation.rules import Trigger
from nrm.escalation.schemas import AlarmOut
from nrm.escalation.service import ON_LADDER
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import UNPLACED
from nrm.placing import queries as placing
from nrm.registry import queries as registry
from nrm.registry.queries import LocationView
from nrm.registry.rules import TRUSTED, PlaceState
from web.case_words import party
from web.labels import POOLS, URGENCIES
from web.screens.board import board_of
from web.visit import Act, Screen, Visit

router = APIRouter()

Officer = Annotated[Visit, Depends(Screen(Verb.SHIFT_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.SHIFT_KEEP))]
Claimer = Annotated[Visit, Depends(Act(Verb.ALARM_CLAIM))]
Chosen = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Card:
    """Everything that rings for one request, newest rung first: it is taken as one."""

    newest: AlarmOut
    rungs: list[AlarmOut]

    @property
    def open(self) -> list[AlarmOut]:
        return [alarm for alarm in self.rungs if not alarm.claimed]

    @property
    def claimed(self) -> bool:
        return not self.open

    @property
    def triggers(self) -> list[str]:
        """Why it rings, what calls for somebody at once first."""
        return sorted({alarm.trigger for alarm in self.rungs}, key=lambda trigger: (trigger in ON_LADDER, trigger))

    @property
    def taken_by(self) -> AlarmOut | None:
        """The rung somebody took, if any."""
        return next((alarm for alarm in self.rungs if alarm.claimed), None)


@dataclass(frozen=True)
class Waiting:
    """One request as the duty desk lists it."""

    id: str
    detail: RequestDetail
    who: str
    region: str
    shown: str
    overdue: bool
    bridge: str | None
    """The kind of bridge in use, if any."""


@dataclass(frozen=True)
class House:
    """One line of the calling list."""

    id: str
    view: LocationView
    region: str
    free: int

    @property
    def worth_a_call(self) -> bool:
        """Perhaps a place: something free, or nobody knows. Not in a paused house, and not where checked and full."""
        return not self.view.paused and (self.free > 0 or self.view.freshness.band not in TRUSTED)


@dataclass(frozen=True)
class Provider:
    """Whom to phone, and the houses to ask about."""

    organisation: Organisation
    houses: list[House]

    @property
    def worth_a_call(self) -> list[House]:
        return [house for house in self.houses if house.worth_a_call]

    @property
    def full(self) -> list[House]:
        return [house for house in self.houses if not house.worth_a_call]


@router.get("/piket")
def overview(visit: Officer, soort: Chosen = "") -> Response:
    """The page; off shift only the board and the button that starts a shift."""
    if not visit.actor.on_shift:
        with visit.reading() as tx:
            frame = visit.frame(tx)
            shown = _on_duty(tx) | board_of(tx, visit.actor, visit.words)
        return visit.page("duty_off.html", frame, **shown)
    with visit.writing() as tx:  # listing cases is a logged read
        frame = visit.frame(tx)
        shown = alarms_of(visit, tx) | _waiting(visit, tx) | _on_duty(tx) | _calling(visit, tx, soort)
    return visit.page("duty.html", frame, **shown)


@router.get("/piket/dienst")
def on_duty(visit: Officer) -> Response:
    """The live part: who is on duty."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _on_duty(tx)
    return visit.page("duty_shift_part.html", frame, **shown)


@router.get("/piket/alarmen")
def alarms(visit: Annotated[Visit, Depends(Screen(Verb.ALARM_CLAIM))]) -> Response:
    """The live part: alarms to take, also for others who may take them."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = alarms_of(visit, tx)
    return visit.page("alarms_part.html", frame, **shown)


@router.get("/piket/aanvragen")
def waiting(visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]) -> Response:
    """The live part: everyone who waits."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        shown = _waiting(visit, tx)
    return visit.page("duty_requests_part.html", frame, **shown)


@router.get("/piket/bellijst")
def calling(visit: Annotated[Visit, Depends(Screen(Verb.ALARM_CLAIM))], soort: Chosen = "") -> Response:
    """The live part: whom to phone."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _calling(visit, tx, soort)
    return visit.page("duty_calling_part.html", frame, **shown)


@router.post("/piket/begin")
def start(visit: Keeper) -> Response:
    """Come on duty."""
    return visit.act(lambda tx: access_service.start_shift(tx, visit.actor), "/piket", "shift_started")


@router.post("/piket/einde")
def end(visit: Keeper) -> Response:
    """Go off duty."""
    return visit.act(lambda tx: access_service.end_shift(tx, visit.actor), "/piket", "shift_ended")


@router.post("/piket/alarmen/{alarm_id}")
def claim(alarm_id: Id, visit: Claimer) -> Response:
    """Take an alarm: I do this."""
    back = "/piket" if visit.actor.role is Role.DUTY_OFFICER else "/landelijk"
    return visit.act(lambda tx: escalation_service.claim_all(tx, visit.actor, alarm_id), back, "alarm_claimed")


def alarms_of(visit: Visit, tx: Tx) -> dict[str, Any]:
    """What alarms_part.html shows: unclaimed first."""
    cards: dict[str, Card] = {}
    for alarm in escalation.live_alarms(tx, visit.actor):  # newest rung first
        cards.setdefault(alarm.short_code or alarm.id, Card(alarm, [])).rungs.append(alarm)
    return {
        # What ends in weeks never stands above somebody who waits now.
        "alarms": sorted(cards.values(), key=lambda card: (card.claimed, card.triggers == [Trigger.B8_END])),
        "regions": {region.code: region.name for region in registry.regions(tx)},
    }


def _waiting(visit: Visit, tx: Tx) -> dict[str, Any]:
    regions = {region.code: region.name for region in registry.regions(tx)}
    details = intake_service.open_list(tx, visit.actor)
    bridges = course.live_bridges(tx, [detail.request.id for detail in details])
    listed = [
        Waiting(
            id=detail.request.id,
            detail=detail,
            who=party(visit.words, detail.persons),
            region=regions.get(detail.request.region_code, detail.request.region_code),
            shown=placing.shown_status(tx, detail.request),
            overdue=intake.is_unmet(detail.request, tx.now),
            bridge=bridges.get(detail.request.id),
        )
        for detail in details
    ]
    unplaced = [one for one in listed if one.detail.request.status in UNPLACED]
    urgencies = list(URGENCIES)
    return {
        # Overdue first, then by urgency, then by whose clock runs out first.
        "unplaced": sorted(unplaced, key=lambda one: (not one.overdue, urgencies.index(one.detail.request.urgency))),
        "placed": [one for one in listed if one not in unplaced],
    }


def _on_duty(tx: Tx) -> dict[str, Any]:
    return {"on_duty": access.on_duty(tx)}


def _calling(visit: Visit, tx: Tx, pool: str) -> dict[str, Any]:
    """Every provider with its phone and houses; those with most that may be free first."""
    pool = pool if pool in POOLS else ""
    region_code = reach(visit.actor)
    regions = {region.code: region.name for region in registry.regions(tx)}
    found: dict[str, Provider] = {}
    for view in registry.locations(tx):
        location = view.location
        if (pool and location.pool != pool) or (region_code is not None and location.region_code != region_code):
            continue
        provider = found.setdefault(view.organisation.id, Provider(view.organisation, []))
        free = 0 if view.paused else view.count(PlaceState.FREE)
        provider.houses.append(House(location.id, view, regions[location.region_code], free))
    return {
        "providers": sorted(
            found.values(), key=lambda provider: (-len(provider.worth_a_call), provider.organisation.name)
        ),
        "pool": pool,
        "pools": list(POOLS),
    }
