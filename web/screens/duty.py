"""The duty desk: on shift or not, alarms to take, everyone who waits, and whom to phone."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access import service as access_service
from nrm.access.models import Organisation
from nrm.access.rules import Role, Verb, may, reach
from nrm.api import Id
from nrm.course import queries as course
from nrm.course import service as course_service
from nrm.course.rules import BRIDGED, BridgeKind
from nrm.course.schemas import BridgeIn
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.escalation import queries as escalation
from nrm.escalation import service as escalation_service
from nrm.escalation.rules import AT_ONCE, Trigger
from nrm.escalation.schemas import AlarmOut, RaisedOut
from nrm.handover import calls
from nrm.handover import queries as handover
from nrm.handover.models import PhoneCall
from nrm.handover.rules import CallResult
from nrm.handover.schemas import PhoneOut
from nrm.intake import queries as intake
from nrm.intake import service as intake_service
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import UNPLACED
from nrm.placing import problem
from nrm.placing import queries as placing
from nrm.registry import queries as registry
from nrm.registry.queries import LocationView
from nrm.registry.rules import TRUSTED
from nrm.roster import queries as roster
from nrm.roster.models import Arrangement
from nrm.roster.queries import OnCall
from web.case_words import party, reason
from web.labels import POOLS, URGENCIES
from web.screens.board import board_of
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Officer = Annotated[Visit, Depends(Screen(Verb.SHIFT_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.SHIFT_KEEP))]
Claimer = Annotated[Visit, Depends(Act(Verb.ALARM_CLAIM))]
Phoner = Annotated[Visit, Depends(Act(Verb.CALL_NOTE))]
Bridging = Annotated[Visit, Depends(Screen(Verb.BRIDGE_KEEP))]
Bridger = Annotated[Visit, Depends(Act(Verb.BRIDGE_KEEP))]
Chosen = Annotated[str, Query(max_length=40)]

NIGHT = timedelta(hours=16)
"""How far back the calls of this night reach."""


@dataclass(frozen=True)
class Card:
    """Everything that rings for one request, newest rung first: it is taken as one."""

    newest: AlarmOut
    rungs: list[AlarmOut]
    raised: list[RaisedOut] = field(default_factory=list)
    """What of it lies with a competent authority, or should; where the reader may know."""

    @property
    def key(self) -> str:
        """Its row on the page."""
        return _card_of(self.newest)

    @property
    def open(self) -> list[AlarmOut]:
        return [alarm for alarm in self.rungs if not alarm.claimed and not alarm.responsible_until]

    @property
    def claimed(self) -> bool:
        return not self.open

    @property
    def triggers(self) -> list[str]:
        """Why it rings, what calls for somebody at once first."""
        return sorted({alarm.trigger for alarm in self.rungs}, key=lambda trigger: (trigger not in AT_ONCE, trigger))

    @property
    def comes(self) -> tuple[bool, bool, bool, int, str]:
        """Where it stands: what nobody has first, then what calls for somebody at once, then how soon a bed is needed.

        After that whom the ladder reaches first. What ends in weeks never stands above somebody who waits now.
        """
        urgencies = [*URGENCIES, None]
        return (
            self.claimed,
            self.triggers == [Trigger.B8_END],
            AT_ONCE.isdisjoint(self.triggers),
            urgencies.index(self.newest.urgency),
            str(self.next_rung.next_rung_at) if self.next_rung else "",
        )

    @property
    def taken_by(self) -> AlarmOut | None:
        """The rung somebody took, if any."""
        return next((alarm for alarm in self.rungs if alarm.claimed), None)

    @property
    def mine(self) -> AlarmOut | None:
        """The rung the reader took, if any."""
        return next((alarm for alarm in self.rungs if alarm.mine), None)

    @property
    def next_rung(self) -> AlarmOut | None:
        """The rung after which the ladder goes on first, while nobody has it."""
        waiting = [alarm for alarm in self.open if alarm.next_rung_at]
        return min(waiting, key=lambda alarm: str(alarm.next_rung_at), default=None)

    @property
    def responsible(self) -> AlarmOut | None:
        """The rung somebody is responsible for, if any."""
        return next((alarm for alarm in self.rungs if alarm.responsible_until), None)


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
    doubted: int
    """Places that are free by the figure, in rooms that turned out full: nobody knows until the next confirmation."""
    called: PhoneCall | None
    """The newest call about it this night."""
    why_not: frozenset[str] = frozenset()
    """Codes of why it need not be phoned. Empty where there is perhaps a place: something free, or nobody knows."""

    @property
    def trusted(self) -> bool:
        """Whether its figure counts."""
        return self.view.freshness.band in TRUSTED


@dataclass(frozen=True)
class Provider:
    """Whom to phone, and the houses to ask about."""

    organisation: Organisation
    houses: list[House]

    @property
    def worth_a_call(self) -> list[House]:
        return [house for house in self.houses if not house.why_not]

    @property
    def others(self) -> list[House]:
        return [house for house in self.houses if house.why_not]

    @property
    def free(self) -> int:
        """Free places in the houses worth a call whose figure counts."""
        return sum(house.free for house in self.worth_a_call if house.trusted)

    @property
    def unsure(self) -> int:
        """Houses worth a call of which nobody knows."""
        return sum(not house.trusted for house in self.worth_a_call)


@dataclass(frozen=True)
class OnDuty:
    """Who has the night somewhere. `region` is empty for the whole country."""

    id: str
    region: str
    on_call: OnCall


@router.get("/piket")
def overview(visit: Officer, soort: Chosen = "", voor: Chosen = "") -> Response:
    """The one screen of the night; off shift only the board and the button that starts a shift."""
    if not visit.actor.on_shift:
        with visit.reading() as tx:
            frame = visit.frame(tx)
            shown = _on_duty(tx) | board_of(tx, visit.actor, visit.words)
        return visit.page("duty_off.html", frame, **shown)
    with visit.writing() as tx:  # listing cases is a logged read
        frame = visit.frame(tx)
        shown = alarms_of(visit, tx) | _waiting(visit, tx) | _everywhere(visit, tx) | _called(visit, tx)
        # The board's own filter is another one.
        shown |= board_of(tx, visit.actor, visit.words) | _calling(visit, tx, soort, voor)
    return visit.page("duty.html", frame, **shown)


@router.get("/piket/dienst")
def on_duty(visit: Officer) -> Response:
    """The live part: who is on duty."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        if not visit.actor.on_shift:
            return visit.page("duty_shift_part.html", frame, **_on_duty(tx))
        shown = _everywhere(visit, tx)
    return visit.page("duty_everywhere_part.html", frame, **shown)


@router.get("/piket/balk")
def bar(visit: Annotated[Visit, Depends(Screen(Verb.CALL_NOTE))]) -> Response:
    """The live part: what asks for somebody, in numbers, always in sight."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = alarms_of(visit, tx) | _sums(visit, tx)
    return visit.page("duty_bar_part.html", frame, **shown)


@router.get("/piket/gesprekken")
def called(visit: Annotated[Visit, Depends(Screen(Verb.CALL_NOTE))]) -> Response:
    """The live part: the calls of this night."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        shown = _called(visit, tx)
    return visit.page("duty_calls_part.html", frame, **shown)


@router.post("/piket/gebeld")
def note_call(visit: Phoner) -> Response:
    """Note a call: to whom, about which house or request, and how it ended."""
    asked, pool, organisation_id, location_id = (
        visit.field(name)[:40] for name in ("voor", "soort", "organisation", "location")
    )
    return visit.act(
        lambda tx: calls.note(
            tx, visit.actor, organisation_id, visit.field("result"), location_id or None, asked or None
        ),
        # Back to the house: a browser opens what it is folded into.
        f"/piket?soort={quote(pool)}&voor={quote(asked)}#{f'belde-{quote(location_id)}' if location_id else 'bellen'}",
        "call_noted",
    )


@router.get("/piket/noodbed/{request_id}")
def police_bed(request_id: Id, visit: Bridging) -> Response:
    """The police arranged a bed by themselves: in which municipality?"""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        detail = intake_service.open_case(tx, visit.actor, request_id, "bridge")
        found = detail.request
        if found.status not in BRIDGED:
            return visit.go(f"/aanvragen/{request_id}", "not_waiting")
        live = course.live_bridge(tx, request_id)
        places = [one for one in registry.municipalities(tx) if one.region_code == found.region_code]
    return visit.page(
        "police_bed.html",
        frame,
        found=found,
        party=party(visit.words, detail.persons),
        live=live,
        municipalities=[(one.code, one.name) for one in places],
    )


@router.post("/piket/noodbed/{request_id}")
def record_police_bed(request_id: Id, visit: Bridger) -> Response:
    """Record it. The request stays open."""

    def work(tx: Tx) -> None:
        shape = BridgeIn(
            kind=BridgeKind.POLICE_BED,
            municipality=visit.field("municipality"),
            replaces=visit.field("replaces") or None,
        )
        course_service.record_bridge(tx, visit.actor, request_id, shape)

    return visit.act(work, f"/aanvragen/{request_id}", "police_bed_recorded")


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
def calling(
    visit: Annotated[Visit, Depends(Screen(Verb.ALARM_CLAIM))], soort: Chosen = "", voor: Chosen = ""
) -> Response:
    """The live part: whom to phone."""
    with visit.writing() as tx:
        frame = visit.frame(tx)
        shown = _calling(visit, tx, soort, voor)
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
    """Take an alarm: I do this. What is taken moves down, and whoever took it goes along."""
    with visit.reading() as tx:
        live = escalation.live_alarms(tx, visit.actor)
    at = next((f"#alarm-{_card_of(alarm)}" for alarm in live if alarm.id == alarm_id), "")
    return visit.act(
        lambda tx: escalation_service.claim_alarm(tx, visit.actor, alarm_id), _alarms_home(visit) + at, "alarm_claimed"
    )


@router.get("/piket/alarm/{escalation_id}")
def alarm_page(escalation_id: Id, visit: Annotated[Visit, Depends(Screen(Verb.ALARM_CLAIM))]) -> Response:
    """Everything that rang for one card, and what one may do with it."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _card(visit, tx, escalation_id)
        people = escalation.candidates(tx, shown["card"].newest.region)
    return visit.page(
        "alarm.html",
        frame,
        **shown,
        escalation_id=escalation_id,
        people=people,
        raises=may(visit.actor, Verb.AUTHORITY_READ),
        home=_alarms_home(visit),
    )


@router.get("/piket/alarm/{escalation_id}/deel")
def alarm_part(escalation_id: Id, visit: Annotated[Visit, Depends(Screen(Verb.ALARM_CLAIM))]) -> Response:
    """The live part of it."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = _card(visit, tx, escalation_id)
    return visit.page("alarm_part.html", frame, **shown)


@router.post("/piket/alarm/{escalation_id}/loslaten")
def let_go(escalation_id: Id, visit: Claimer) -> Response:
    """Give back what one took: the ladder goes on where it was."""
    return visit.act(
        lambda tx: escalation_service.release(tx, visit.actor, escalation_id), _alarms_home(visit), "alarm_released"
    )


@router.post("/piket/alarm/{escalation_id}/verantwoordelijk")
def name_responsible(escalation_id: Id, visit: Claimer) -> Response:
    """Say who sees to it from now on."""
    return visit.act(
        lambda tx: escalation_service.name_responsible(tx, visit.actor, escalation_id, visit.field("account")[:40]),
        f"/piket/alarm/{escalation_id}",
        "responsible_named",
    )


def _alarms_home(visit: Visit) -> str:
    return "/piket" if visit.actor.role is Role.DUTY_OFFICER else "/landelijk"


def _card(visit: Visit, tx: Tx, escalation_id: str) -> dict[str, Any]:
    shown = alarms_of(visit, tx)
    for card in shown["alarms"]:
        if any(alarm.escalation_id == escalation_id for alarm in card.rungs):
            return {"card": card, "regions": shown["regions"]}
    raise NotFound("no_alarm")


def _card_of(alarm: AlarmOut) -> str:
    """The card an alarm stands on: that of its request, or else of its own escalation."""
    return (alarm.short_code or alarm.escalation_id).replace(" ", "-")


def alarms_of(visit: Visit, tx: Tx) -> dict[str, Any]:
    """What alarms_part.html shows: the worst first."""
    cards: dict[str, Card] = {}
    raised = escalation.raised_of_escalations(tx, visit.actor) if may(visit.actor, Verb.ALARM_CLAIM) else {}
    for alarm in escalation.live_alarms(tx, visit.actor):  # newest rung first
        card = cards.setdefault(_card_of(alarm), Card(alarm, []))
        card.rungs.append(alarm)
        card.raised.extend(one for one in raised.get(alarm.escalation_id, ()) if one not in card.raised)
    return {
        "alarms": sorted(cards.values(), key=lambda card: card.comes),
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
        **_sums(visit, tx),
    }


def _on_duty(tx: Tx) -> dict[str, Any]:
    return {"on_duty": access.on_duty(tx)}


def _sums(visit: Visit, tx: Tx) -> dict[str, Any]:
    """What waits, in numbers only: no case is opened for it."""
    counted = intake.open_counts(tx, reach(visit.actor))
    return {
        "waiting": sum(one.waiting for one in counted),
        "overdue": sum(one.overdue for one in counted),
        "unacknowledged": sum(one.acknowledged_at is None for one in handover.handovers(tx, visit.actor)),
    }


def _called(visit: Visit, tx: Tx) -> dict[str, Any]:
    """The calls of this night. One that is about a case is a logged read of it."""
    listed = handover.calls(tx, visit.actor, since=tx.now - NIGHT)
    for request_id in sorted({call.request_id for call in listed if call.request_id}):
        access_service.log_read(tx, visit.actor, f"request:{request_id}", "calls")
    return {"calls": listed}


def _everywhere(visit: Visit, tx: Tx) -> dict[str, Any]:
    """Who has the night: nationally, in every region with a roster of its own, and whom to phone where nobody has."""
    own = reach(visit.actor)
    regions = {region.code: region.name for region in registry.regions(tx)}
    listed = [OnDuty("duty_officer-", "", roster.on_call(tx, Role.DUTY_OFFICER, None))]
    for line in roster.lines(tx, visit.actor):
        if line.region_code is not None and own in {None, line.region_code}:
            on_call = roster.on_call(tx, line.role, line.region_code)
            listed.append(OnDuty(f"{line.role}-{line.region_code}", regions[line.region_code], on_call))
    phones: list[PhoneOut] = handover.phones(tx, own)
    tasks: dict[str, list[tuple[Arrangement, Organisation]]] = {}
    for arrangement, body in roster.arrangements_now(tx, own):
        tasks.setdefault(regions.get(arrangement.region_code, arrangement.region_code), []).append((arrangement, body))
    return {"everywhere": listed, "phones": phones, "regions": regions, "tasks": tasks, **_on_duty(tx)}


def _calling(visit: Visit, tx: Tx, pool: str, asked: str) -> dict[str, Any]:
    """Every provider with its phone and houses; those with most that may be free first.

    `asked` is the request one phones for; one that this officer may not open, or that is no more, is left out. With it
    only rooms that would do count, of whatever pool.
    """
    region_code = reach(visit.actor)
    regions = {region.code: region.name for region in registry.regions(tx)}
    phoned = handover.last_calls(tx, tx.now - NIGHT)
    views = registry.locations(tx)
    case: RequestDetail | None = None
    kept_out: dict[str, set[str]] = {}
    if asked:
        with suppress(NotFound):
            case = intake_service.open_case(tx, visit.actor, asked, "calling")
            kept_out = problem.kept_out_of(tx, case, views)
    pool = pool if pool in POOLS and case is None else ""
    found: dict[str, Provider] = {}
    for view in views:
        location = view.location
        if (pool and location.pool != pool) or (region_code is not None and location.region_code != region_code):
            continue
        provider = found.setdefault(view.organisation.id, Provider(view.organisation, []))
        why_not = _why_not(view, kept_out)
        rooms = [unit for unit in view.units if not view.paused and (why_not or not kept_out.get(unit.unit.id))]
        provider.houses.append(
            House(
                location.id,
                view,
                regions[location.region_code],
                sum(unit.free_for_offer for unit in rooms if not unit.doubted),
                sum(unit.free_for_offer for unit in rooms if unit.doubted),
                phoned.get(location.id),
                why_not,
            )
        )
    reasons = Counter(code for provider in found.values() for house in provider.others for code in house.why_not)
    return {
        "providers": sorted(
            found.values(),
            key=lambda provider: (not provider.free, -len(provider.worth_a_call), provider.organisation.name),
        ),
        "pool": pool,
        "pools": list(POOLS),
        "asked": case.request if case else None,
        "asked_party": party(visit.words, case.persons) if case else "",
        "reasons": [(code, reason(visit.words, code), houses) for code, houses in reasons.most_common()],
        "results": [result.value for result in CallResult],
    }


def _why_not(view: LocationView, kept_out: Mapping[str, set[str]]) -> frozenset[str]:
    """Codes of why this house need not be phoned; none where a room that would do is free, or nobody knows."""
    if view.paused:
        return frozenset({"closed:paused"})
    unsure = view.freshness.band not in TRUSTED
    codes = [kept_out.get(unit.unit.id, set()) for unit in view.units if unsure or unit.free_for_offer]
    if not codes:
        return frozenset() if unsure else frozenset({"dates"})
    return frozenset().union(*codes) if all(codes) else frozenset()
