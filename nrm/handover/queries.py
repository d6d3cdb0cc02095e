"""Reading the night: calls, what each morning was handed over, what changed since a shift, what goes on paper."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Account, Organisation, Shift
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, may, may_see_case, reach
from nrm.calendar import queries as calendar
from nrm.calendar.models import OfficeClosure, OfficeHolidays, OfficePeriod
from nrm.calendar.rules import Calendar
from nrm.course import queries as course
from nrm.db import Tx
from nrm.handover.models import ErrandDue, Handover, HandoverCase, NightList, PhoneCall
from nrm.handover.schemas import CallOut, CaseOut, HandoverOut, HouseOut, NewsOut, PhoneOut, RoomOut
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.journal import JournalEntry
from nrm.placing import queries as placing
from nrm.registry import queries as registry
from nrm.registry.models import Location
from nrm.registry.queries import LocationView, UnitView

CALLS_MAX = 50
CASES_MAX = 500
NEWS_ENTRIES_MAX = 5000
HANDOVERS_MAX = 50

NEWS = frozenset(
    {
        "request.submitted",
        "request.amended",
        "request.closed",
        "request.taken_over",
        "request.followed_on",
        "offer.sent",
        "offer.accepted",
        "offer.declined",
        "offer.lapsed",
        "offer.withdrawn",
        "offer.unfit",
        "offer.crisis",
        "stay.arrived",
        "stay.not_arrived",
        "stay.departed",
        "stay.no_destination",
        "bridge.recorded",
        "bridge.ended",
        "alarm.fired",
        "alarm.claimed",
        "youth.asked",
        "youth.taken",
        "youth.refused",
        "call.noted",
    }
)
"""What is worth telling somebody who comes on duty."""


def calls(tx: Tx, actor: Actor, request_id: str | None = None, since: datetime | None = None) -> list[CallOut]:
    """The newest calls, about one request or about anything; about a request only for those who may open it."""
    query = (
        select(PhoneCall, Account, Organisation)
        .join(Account, col(Account.id) == PhoneCall.account_id)
        .join(Organisation, col(Organisation.id) == PhoneCall.organisation_id)
        .order_by(col(PhoneCall.at).desc(), PhoneCall.id)
        .limit(CALLS_MAX)
    )
    if request_id is not None:
        query = query.where(PhoneCall.request_id == request_id)
    if since is not None:
        query = query.where(col(PhoneCall.at) >= since)
    if actor.role is not Role.DUTY_OFFICER and request_id is None:
        query = query.where(Account.organisation_id == actor.organisation_id)
    listed = []
    for call, account, organisation in tx.session.exec(query).all():
        location = tx.session.get(Location, call.location_id) if call.location_id else None
        request = tx.session.get(PlacementRequest, call.request_id) if call.request_id else None
        if request is not None and not may_see_case(actor, request):
            continue
        if location is not None and reach(actor) not in {None, location.region_code}:
            continue
        listed.append(
            CallOut(
                id=call.id,
                at=call.at,
                by=account.name,
                organisation=organisation.name,
                location_code=location.code if location else None,
                request_id=request.id if request else None,
                short_code=request.short_code if request else None,
                result=call.result,
            )
        )
    return listed


def last_calls(tx: Tx, since: datetime) -> dict[str, PhoneCall]:
    """Location id → the newest call about it since a moment."""
    query = select(PhoneCall).where(col(PhoneCall.at) >= since, col(PhoneCall.location_id).is_not(None))
    return {call.location_id or "": call for call in tx.session.exec(query.order_by(col(PhoneCall.at), PhoneCall.id))}


def desks(tx: Tx) -> list[Organisation]:
    """Every organisation with duty officers, by id."""
    with_officers = select(Account.organisation_id).where(Account.role == Role.DUTY_OFFICER, col(Account.active))
    return list(
        tx.session.exec(
            select(Organisation).where(col(Organisation.id).in_(with_officers)).order_by(Organisation.id)
        ).all()
    )


def addressees(tx: Tx) -> dict[str, Organisation]:
    """Region → whom its open cases are given to: its care coordination, else its Zorg- en Veiligheidshuis."""
    kinds = (OrganisationKind.CHAIN_DIRECTION, OrganisationKind.CARE_COORDINATION)
    query = select(Organisation).where(col(Organisation.kind).in_(kinds), col(Organisation.region_code).is_not(None))
    bodies = sorted(tx.session.exec(query), key=lambda body: body.id, reverse=True)
    return {body.region_code or "": body for kind in kinds for body in bodies if body.kind == kind}


def calendars(tx: Tx) -> dict[str, Calendar]:
    """Region → when whoever has its cases by day is there; nationally usual where they wrote down nothing else."""
    usual = calendar.national(tx)
    bodies = addressees(tx)
    own = {
        organisation_id
        for table in (OfficePeriod, OfficeHolidays, OfficeClosure)
        for organisation_id in tx.session.exec(select(table.organisation_id).distinct())
    }
    return {
        region.code: calendar.calendar_of(tx, body.id, usual.usual) if body and body.id in own else usual
        for region in registry.regions(tx)
        for body in (bodies.get(region.code),)
    }


def errands(tx: Tx) -> dict[tuple[str, str], datetime]:
    """(errand, subject) → when it is due."""
    return {(found.errand, found.subject): found.due_at for found in tx.session.exec(select(ErrandDue))}


def rings_due(tx: Tx) -> list[tuple[str, datetime]]:
    """Hand-overs nobody acknowledged that ring again by now, with the moment they were due."""
    query = select(Handover.id, Handover.again_at).where(col(Handover.again_at) <= tx.now).order_by(Handover.id)
    return [(handover_id, again_at) for handover_id, again_at in tx.session.exec(query) if again_at is not None]


def expired_lists(tx: Tx) -> list[str]:
    """Night lists whose file is still there although their time is over."""
    query = select(NightList.id).where(col(NightList.file).is_not(None), col(NightList.expires_at) <= tx.now)
    return list(tx.session.exec(query).all())


def to_hand_over(tx: Tx, region_code: str) -> list[PlacementRequest]:
    """The open cases of a region: who waits, who is expected somewhere, and what the desk owns, by deadline."""
    desk = select(Organisation.id).where(Organisation.kind == OrganisationKind.NATIONAL_DESK)
    query = (
        select(PlacementRequest)
        .where(
            PlacementRequest.region_code == region_code,
            col(PlacementRequest.status) != RequestStatus.CLOSED,
            col(PlacementRequest.status).in_((*UNPLACED, RequestStatus.ACCEPTED))
            | col(PlacementRequest.owner_organisation_id).in_(desk),
        )
        .order_by(col(PlacementRequest.deadline_at), PlacementRequest.id)
        .limit(CASES_MAX)
    )
    return list(tx.session.exec(query).all())


def cases(tx: Tx, requests: Iterable[PlacementRequest]) -> list[CaseOut]:
    """These requests in codes."""
    wanted = list(requests)
    bridges = course.live_bridges(tx, [found.id for found in wanted])
    owners = {
        found.id: found
        for found in tx.session.exec(
            select(Organisation).where(col(Organisation.id).in_({found.owner_organisation_id for found in wanted}))
        )
    }
    return [
        CaseOut(
            request_id=found.id,
            short_code=found.short_code,
            urgency=found.urgency,
            status=placing.shown_status(tx, found),
            deadline_at=found.deadline_at,
            unmet=intake.is_unmet(found, tx.now),
            bridge=bridges.get(found.id),
            minor_alone=found.minor_alone,
            owner=owners[found.owner_organisation_id].name,
            at_the_desk=owners[found.owner_organisation_id].kind == OrganisationKind.NATIONAL_DESK,
        )
        for found in wanted
    ]


def requests_of(tx: Tx, handover_id: str) -> list[PlacementRequest]:
    """The requests of a hand-over as they are now, by deadline."""
    return list(
        tx.session.exec(
            select(PlacementRequest)
            .join(HandoverCase, col(HandoverCase.request_id) == PlacementRequest.id)
            .where(HandoverCase.handover_id == handover_id)
            .order_by(col(PlacementRequest.deadline_at), PlacementRequest.id)
        ).all()
    )


def handovers(tx: Tx, actor: Actor) -> list[Handover]:
    """The hand-overs this actor may see, newest first: of the own organisation, or of the regions of a duty desk.

    Those that listed nothing are left out, and so are those that the next morning took the place of.
    """
    if not may(actor, Verb.HANDOVER_READ):
        return []
    query = (
        select(Handover)
        .where(Handover.cases > 0, col(Handover.over_at).is_(None))
        .order_by(col(Handover.acknowledged_at).is_not(None), col(Handover.made_at).desc(), Handover.region_code)
        .limit(HANDOVERS_MAX)
    )
    if actor.role not in {Role.DUTY_OFFICER, Role.NATIONAL_DESK}:
        query = query.where(Handover.organisation_id == actor.organisation_id)
    elif (region_code := reach(actor)) is not None:
        query = query.where(Handover.region_code == region_code)
    return list(tx.session.exec(query).all())


def handover_out(tx: Tx, found: Handover, listed: list[CaseOut]) -> HandoverOut:
    """A hand-over in the shape in which it is shown."""
    to = tx.session.get(Organisation, found.organisation_id) if found.organisation_id else None
    by = tx.session.get(Account, found.acknowledged_by) if found.acknowledged_by else None
    return HandoverOut(
        id=found.id,
        region=found.region_code,
        morning=found.morning,
        to=to.name if to else None,
        phone=to.phone if to else None,
        made_at=found.made_at,
        number=found.cases,
        rings=found.rings,
        again_at=found.again_at,
        acknowledged_by=by.name if by else None,
        acknowledged_at=found.acknowledged_at,
        over_at=found.over_at,
        cases=listed,
    )


def off_since(tx: Tx, actor: Actor) -> datetime:
    """Since when this officer was away: the end of the last shift, but never longer than policy looks back."""
    _, rule = policy.current(tx, policy.Handover)
    earliest = tx.now - timedelta(days=rule.news_days_max)
    ended = tx.session.exec(
        select(Shift.ended_at)
        .where(Shift.account_id == actor.account_id, col(Shift.ended_at).is_not(None))
        .order_by(col(Shift.ended_at).desc())
        .limit(1)
    ).first()
    return max(ended, earliest) if ended is not None else tx.now - timedelta(days=1)


def changed_since(tx: Tx, since: datetime) -> dict[str, list[tuple[datetime, str]]]:
    """Request id → what happened to it since a moment, oldest first."""
    newest = (
        select(JournalEntry.at, JournalEntry.kind, JournalEntry.subject)
        .order_by(col(JournalEntry.seq).desc())
        .limit(NEWS_ENTRIES_MAX)
    )
    found: dict[str, list[tuple[datetime, str]]] = {}
    for at, kind, subject in tx.session.exec(newest):
        if at > since and kind in NEWS and subject.startswith("request:"):
            found.setdefault(subject.removeprefix("request:"), []).insert(0, (at, kind))
    return found


def requests_changed(tx: Tx, actor: Actor, ids: Iterable[str]) -> list[PlacementRequest]:
    """Which of these requests the actor may open, by deadline."""
    query = select(PlacementRequest).where(col(PlacementRequest.id).in_(list(ids)))
    return [
        found
        for found in tx.session.exec(query.order_by(col(PlacementRequest.deadline_at), PlacementRequest.id))
        if may_see_case(actor, found)
    ]


def news_out(tx: Tx, found: PlacementRequest, events: list[tuple[datetime, str]]) -> NewsOut:
    """What happened to one request, in the shape in which it is told."""
    return NewsOut(
        request_id=found.id,
        short_code=found.short_code,
        urgency=found.urgency,
        region=found.region_code,
        status=placing.shown_status(tx, found),
        events=events,
    )


def houses(tx: Tx, region_code: str | None) -> list[HouseOut]:
    """Every house of a region, or of all, as it stands on a night list: most that may be free first."""

    def room(view: LocationView, unit: UnitView) -> RoomOut:
        return RoomOut(
            code=unit.unit.code,
            free=0 if view.paused else unit.free_for_offer,
            sure=view.trusted(unit),
            places=len(unit.places),
            sexes=unit.unit.sexes,
            children=unit.unit.children,
        )

    listed = [
        HouseOut(
            code=view.location.code,
            region=view.location.region_code,
            pool=view.location.pool,
            provider=view.organisation.name,
            phone=view.organisation.phone,
            band=view.freshness.band.value,
            confirmed_at=view.confirmed_at,
            paused=view.paused,
            rooms=[room(view, unit) for unit in view.units],
        )
        for view in registry.locations(tx)
        if region_code in {None, view.location.region_code}
    ]
    return sorted(listed, key=lambda house: (house.region, -sum(one.free for one in house.rooms), house.code))


def phones(tx: Tx, region_code: str | None) -> list[PhoneOut]:
    """Whom one can phone at night besides providers, by kind and name."""
    kinds = (
        OrganisationKind.NATIONAL_DESK,
        OrganisationKind.CARE_COORDINATION,
        OrganisationKind.CHAIN_DIRECTION,
        OrganisationKind.MUNICIPALITY,
        OrganisationKind.YOUTH_CARE,
        OrganisationKind.GUARDIANSHIP,
        OrganisationKind.POLICE,
        OrganisationKind.LABOUR_INSPECTORATE,
    )
    query = select(Organisation).where(col(Organisation.kind).in_(kinds), col(Organisation.phone).is_not(None))
    if region_code is not None:
        query = query.where(col(Organisation.region_code).is_(None) | (Organisation.region_code == region_code))
    found = tx.session.exec(query).all()
    order = [kind.value for kind in kinds]
    return [
        PhoneOut(name=body.name, kind=body.kind, region=body.region_code, phone=body.phone or "")
        for body in sorted(found, key=lambda body: (order.index(body.kind), body.region_code or "", body.name))
    ]
