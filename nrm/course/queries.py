"""Reading the course of placements in the shapes people see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Account, Organisation
from nrm.access.rules import Actor
from nrm.clock import AMSTERDAM
from nrm.course import rules
from nrm.course.models import (
    Aftercare,
    Blockage,
    Bridge,
    Extension,
    Feedback,
    GettingThere,
    HandoverSummary,
    Settlement,
    Signal,
    Transfer,
)
from nrm.course.rules import AftercareItem, AftercareState, FeedbackStep, TariffState
from nrm.course.schemas import (
    AftercareOut,
    BlockageOut,
    BridgeNightsOut,
    BridgeOut,
    FeedbackOut,
    FollowOnOut,
    GettingThereOut,
    HandoverSummaryOut,
    ReciprocityOut,
    RequestCourseOut,
    SettlementOut,
    StayCourseOut,
    TransferOut,
)
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Fact, RequestStatus
from nrm.placing import queries as placing
from nrm.placing.models import Offer, Stay
from nrm.placing.rules import StayStatus
from nrm.registry import queries as registry
from nrm.registry.models import Location

LIST_MAX = 200


def live_bridge(tx: Tx, request_id: str) -> Bridge | None:
    """The bridge in use for a request, if any."""
    return tx.session.exec(
        select(Bridge).where(Bridge.request_id == request_id, col(Bridge.ended_at).is_(None))
    ).first()


def live_bridges(tx: Tx, request_ids: Iterable[str]) -> dict[str, str]:
    """Request → kind of the bridge in use, for those that have one."""
    rows = select(Bridge.request_id, Bridge.kind).where(
        col(Bridge.request_id).in_(list(request_ids)), col(Bridge.ended_at).is_(None)
    )
    return dict(tx.session.exec(rows).all())


def bridges(tx: Tx, request_id: str) -> list[Bridge]:
    """The bridges of a request, the live one first, then the newest."""
    return list(
        tx.session.exec(
            select(Bridge)
            .where(Bridge.request_id == request_id)
            .order_by(col(Bridge.ended_at).is_not(None), col(Bridge.recorded_at).desc(), Bridge.id)
            .limit(LIST_MAX)
        )
    )


def bridge_out(found: Bridge, now: datetime) -> BridgeOut:
    """A bridge with its nights so far."""
    return BridgeOut(
        id=found.id,
        kind=rules.BridgeKind(found.kind),
        municipality=found.municipality_code,
        cents_per_night=found.cents_per_night,
        safe=Fact(found.safe),
        first_night=found.first_night,
        expected_last_night=found.expected_last_night,
        nights=rules.nights(found.first_night, _last_night(found, now)),
        recorded_at=found.recorded_at,
        ended_at=found.ended_at,
        end_cause=rules.BridgeEnd(found.end_cause) if found.end_cause else None,
    )


def bridge_nights(tx: Tx, since: date, until: date, region_code: str | None = None) -> list[BridgeNightsOut]:
    """Nights and cost of bridges per paying municipality in a period, of one region or of all; dearest first.

    Where nobody knows yet who pays, they stand with the region in which somebody was found.
    """
    regions = {found.code: found.region_code for found in registry.municipalities(tx)}
    sums: dict[tuple[str | None, str], list[int]] = {}
    rows = (
        select(Bridge, PlacementRequest.region_code)
        .join(PlacementRequest, col(PlacementRequest.id) == Bridge.request_id)
        .where(col(Bridge.first_night) <= until, col(Bridge.last_night).is_(None) | (col(Bridge.last_night) >= since))
    )
    for found, found_in in tx.session.exec(rows):
        payer = found.municipality_code
        region = found_in if payer is None else regions.get(payer, "")
        if region_code not in {None, region}:
            continue
        count = rules.nights_within(found.first_night, _last_night(found, tx.now), since, until)
        if not count:
            continue
        cell = sums.setdefault((payer, region), [0, 0, 0, 0, 0])
        priced = found.cents_per_night is not None
        for index, amount in enumerate(
            (1, found.ended_at is None, count, 0 if priced else count, count * (found.cents_per_night or 0))
        ):
            cell[index] += amount
    return [
        BridgeNightsOut(
            municipality=code,
            region=region,
            bridges=cell[0],
            live=cell[1],
            nights=cell[2],
            nights_without_price=cell[3],
            cents=cell[4],
        )
        for (code, region), cell in sorted(
            sums.items(), key=lambda item: (-item[1][4], -item[1][2], item[0][0] or "", item[0][1])
        )
    ]


def request_course(tx: Tx, actor: Actor, found: PlacementRequest) -> RequestCourseOut:
    """Everything around one request, for somebody who may open it."""
    before = intake.request(tx, found.continues_id) if found.continues_id else None
    settled = tx.session.exec(select(Settlement).where(Settlement.request_id == found.id)).first()
    transfer = live_transfer(tx, found.id)
    return RequestCourseOut(
        bridges=[bridge_out(bridge, tx.now) for bridge in bridges(tx, found.id)],
        follows=_on_the_line(before) if before else None,
        follow_on=follow_on(tx, found.id),
        feedback=feedback(tx, found.id),
        settlement=settlement_out(settled) if settled else None,
        transfer=transfer_out(tx, transfer, actor) if transfer else None,
    )


def follow_on(tx: Tx, request_id: str) -> FollowOnOut | None:
    """The request that follows on this one, if any."""
    found = tx.session.exec(select(PlacementRequest).where(PlacementRequest.continues_id == request_id)).first()
    return _on_the_line(found) if found else None


def feedback(tx: Tx, request_id: str) -> list[FeedbackOut]:
    """What whoever notified of a request was told, in order."""
    order = list(FeedbackStep)
    rows = tx.session.exec(select(Feedback).where(Feedback.request_id == request_id)).all()
    told = [
        FeedbackOut(
            step=FeedbackStep(row.step), at=row.at, outcome=rules.OutcomeClass(row.outcome) if row.outcome else None
        )
        for row in rows
    ]
    return sorted(told, key=lambda row: order.index(row.step))


def handover_at(tx: Tx, request_id: str) -> datetime | None:
    """When a party that is expected comes to the hand-over point, if that was agreed."""
    return tx.session.exec(
        select(GettingThere.handover_at)
        .join(Stay, col(Stay.id) == GettingThere.stay_id)
        .where(Stay.request_id == request_id, Stay.status == StayStatus.PLANNED)
    ).first()


def ends_at_most(tx: Tx, stay: Stay, location: Location) -> date:
    """The last day of a stay that asks for no reason."""
    _, course = policy.current(tx, policy.Course)
    first_days_max = registry.first_days_max(tx, location.id)
    return rules.stay_ends_at_most(course, location.pool, stay.arrived_at or stay.planned_at, first_days_max)


def stay_course(tx: Tx, stay_id: str) -> StayCourseOut:
    """The course of one stay."""
    found = placing.stay(tx, stay_id)
    location = registry.location(tx, found.location_id)
    request = intake.request(tx, found.request_id) if found.request_id else None
    at_most = ends_at_most(tx, found, location)
    last = tx.session.exec(
        select(Extension)
        .where(Extension.stay_id == stay_id, Extension.becomes == found.expected_departure)
        .order_by(col(Extension.at).desc(), Extension.id)
        .limit(1)
    ).first()
    blocked = live_blockage(tx, stay_id)
    trip = tx.session.get(GettingThere, stay_id)
    point = tx.session.exec(select(Offer.handover_point).where(Offer.id == found.offer_id)).first()
    return StayCourseOut(
        stay_id=stay_id,
        short_code=request.short_code if request else None,
        status=found.status,
        pool=location.pool,
        arrived_at=found.arrived_at,
        expected_departure=found.expected_departure,
        ends_at_most=at_most,
        over_maximum=found.expected_departure is not None and found.expected_departure > at_most,
        extension_reason=last.reason if last else None,
        aftercare=aftercare(tx, stay_id),
        blockage=BlockageOut(cause=blocked.cause, since=blocked.since) if blocked else None,
        getting_there=GettingThereOut.model_validate(trip) if trip else None,
        handover_point=point,
        handover_points=location.handover_points,
        version=found.version,
    )


def aftercare(tx: Tx, stay_id: str) -> list[AftercareOut]:
    """The checklist of a stay, in the order of the items."""
    today = tx.now.astimezone(AMSTERDAM).date()
    rows = tx.session.exec(
        select(Aftercare, Account)
        .outerjoin(Account, col(Account.id) == Aftercare.changed_by)
        .where(Aftercare.stay_id == stay_id)
    ).all()
    order = list(AftercareItem)
    _, course = policy.current(tx, policy.Course)
    listed = [
        AftercareOut(
            item=AftercareItem(row.item),
            owner=rules.AftercareOwner(row.owner),
            state=AftercareState(row.state),
            due_on=row.due_on,
            ends_on=row.ends_on,
            overdue=row.state == AftercareState.OPEN and row.due_on is not None and row.due_on < today,
            ends_soon=b8_rings(row, course.b8_ahead_days, tx.now),
            changed_by=account.name if account else None,
            changed_at=row.changed_at,
            version=row.version,
        )
        for row, account in rows
    ]
    return sorted(listed, key=lambda row: order.index(row.item))


def b8_rings(row: Aftercare, days_ahead: int, now: datetime) -> bool:
    """Whether this item is a B8 of which somebody must hear that it ends soon."""
    return (
        row.item == AftercareItem.B8
        and row.ends_on is not None
        and rules.b8_rings(AftercareState(row.state), row.ends_on, row.changed_at, days_ahead, now)
    )


def b8_near(tx: Tx, request_id: str | None = None) -> dict[tuple[str, int], Aftercare]:
    """(Request, day as its ordinal) → the item, for every stay whose B8 ends soon and nobody saw to it; or of one."""
    _, course = policy.current(tx, policy.Course)
    today = tx.now.astimezone(AMSTERDAM).date()
    query = (
        select(Stay.request_id, Aftercare)
        .join(Aftercare, col(Aftercare.stay_id) == Stay.id)
        .where(
            Stay.status == StayStatus.ARRIVED,
            Aftercare.item == AftercareItem.B8,
            col(Aftercare.ends_on) <= today + timedelta(days=course.b8_ahead_days),
        )
        .order_by(col(Aftercare.ends_on), Aftercare.stay_id)
    )
    if request_id is not None:
        query = query.where(Stay.request_id == request_id)
    return {
        (of, row.ends_on.toordinal()): row
        for of, row in tx.session.exec(query)
        if of is not None and row.ends_on is not None and b8_rings(row, course.b8_ahead_days, tx.now)
    }


def live_blockage(tx: Tx, stay_id: str) -> Blockage | None:
    """What keeps somebody in a place now, if anything."""
    return tx.session.exec(
        select(Blockage).where(Blockage.stay_id == stay_id, col(Blockage.ended_at).is_(None))
    ).first()


@dataclass(frozen=True)
class BlockedCount:
    """How many stays could end but cannot, for one cause."""

    cause: str
    stays: int


def blocked_counts(tx: Tx, region_code: str | None = None) -> list[BlockedCount]:
    """Blocked outflow by cause, of one region or of all: no case, only counts."""
    rows = (
        select(Blockage.cause, Location.region_code)
        .join(Stay, col(Stay.id) == Blockage.stay_id)
        .join(Location, col(Location.id) == Stay.location_id)
        .where(col(Blockage.ended_at).is_(None), Stay.status == StayStatus.ARRIVED)
    )
    counts: dict[str, int] = {}
    for cause, region in tx.session.exec(rows):
        if region_code in {None, region}:
            counts[cause] = counts.get(cause, 0) + 1
    return [BlockedCount(cause, counts[cause]) for cause in sorted(counts)]


def summary_before(tx: Tx, stay: Stay) -> HandoverSummaryOut | None:
    """What the provider of the stay before this one wrote, if it wrote."""
    request = intake.request(tx, stay.request_id) if stay.request_id else None
    if request is None or request.continues_id is None:
        return None
    row = tx.session.exec(
        select(HandoverSummary)
        .join(Stay, col(Stay.id) == HandoverSummary.stay_id)
        .where(Stay.request_id == request.continues_id)
        .order_by(col(HandoverSummary.written_at).desc())
        .limit(1)
    ).first()
    return summary_out(tx, row) if row else None


def summary_out(tx: Tx, row: HandoverSummary) -> HandoverSummaryOut:
    """A hand-over summary with how far the aftercare of its stay is."""
    return HandoverSummaryOut(
        facts={criterion: Fact(value) for criterion, value in row.facts.items()},
        needs=row.needs,
        wishes=row.wishes,
        aftercare={found.item: found.state for found in aftercare(tx, row.stay_id)},
        written_at=row.written_at,
        version=row.version,
    )


def settlement_out(row: Settlement) -> SettlementOut:
    """A settlement without its case."""
    return SettlementOut(
        id=row.id,
        legal=row.legal_code,
        paying=row.paying_code,
        tariff=TariffState(row.tariff),
        tariff_since=row.tariff_since,
        opened_at=row.opened_at,
        version=row.version,
    )


def settlements(tx: Tx, region_code: str | None) -> list[SettlementOut]:
    """Settlements in which a municipality of this region (or any) has a part, longest disputed first."""
    own = [found.code for found in registry.municipalities(tx) if region_code in {None, found.region_code}]
    query = (
        select(Settlement)
        .where(col(Settlement.paying_code).in_(own) | col(Settlement.legal_code).in_(own))
        .order_by(Settlement.tariff != TariffState.DISPUTED, col(Settlement.tariff_since), Settlement.id)  # type: ignore[arg-type]
        .limit(LIST_MAX)
    )
    return [settlement_out(row) for row in tx.session.exec(query)]


@dataclass
class _Flow:
    sent: int = 0
    received: int = 0
    own: int = 0


def reciprocity(tx: Tx, since: datetime, region_code: str | None = None) -> list[ReciprocityOut]:
    """Per region how many parties it placed elsewhere, took in from elsewhere and placed itself. Only counts."""
    rows = (
        select(PlacementRequest.region_code, Location.region_code)
        .join(Stay, col(Stay.request_id) == PlacementRequest.id)
        .join(Location, col(Location.id) == Stay.location_id)
        .where(col(Stay.arrived_at) >= since)
    )
    flows: dict[str, _Flow] = {}
    for found_in, placed_in in tx.session.exec(rows):
        if found_in == placed_in:
            flows.setdefault(found_in, _Flow()).own += 1
        else:
            flows.setdefault(found_in, _Flow()).sent += 1
            flows.setdefault(placed_in, _Flow()).received += 1
    return [
        ReciprocityOut(region=code, sent=flow.sent, received=flow.received, own=flow.own)
        for code, flow in sorted(flows.items())
        if region_code in {None, code}
    ]


def live_transfer(tx: Tx, request_id: str) -> Transfer | None:
    """The offer to take this request over that waits for an answer, if any."""
    return tx.session.exec(
        select(Transfer).where(Transfer.request_id == request_id, col(Transfer.ended_at).is_(None))
    ).first()


def transfers_to(tx: Tx, actor: Actor) -> list[TransferOut]:
    """The requests the actor's organisation is asked to take over, most urgent deadline first.

    An investigative body is never asked about a request that refuses police contact.
    """
    query = (
        select(Transfer)
        .join(PlacementRequest, col(PlacementRequest.id) == Transfer.request_id)
        .where(
            Transfer.to_organisation_id == actor.organisation_id,
            col(Transfer.ended_at).is_(None),
            PlacementRequest.status != RequestStatus.CLOSED,
        )
        .order_by(col(PlacementRequest.deadline_at), Transfer.id)
        .limit(LIST_MAX)
    )
    if actor.investigative:
        query = query.where(col(PlacementRequest.refuses_police).is_(False))
    return [transfer_out(tx, row, actor) for row in tx.session.exec(query)]


def transfer_out(tx: Tx, row: Transfer, actor: Actor) -> TransferOut:
    """An offer to take a request over; the request's id only for who owns it."""
    request = intake.request(tx, row.request_id)
    names = dict(
        tx.session.exec(
            select(Organisation.id, Organisation.name).where(
                col(Organisation.id).in_([row.from_organisation_id, row.to_organisation_id])
            )
        ).all()
    )
    return TransferOut(
        id=row.id,
        request_id=row.request_id if request.owner_organisation_id == actor.organisation_id else None,
        short_code=request.short_code,
        region=request.region_code,
        urgency=request.urgency,
        status=placing.shown_status(tx, request),
        deadline_at=request.deadline_at,
        from_organisation=names[row.from_organisation_id],
        to_organisation=names[row.to_organisation_id],
        offered_at=row.offered_at,
    )


def due_signals(tx: Tx, limit: int) -> list[str]:
    """Signals that must become alarms now, oldest first.

    Whatever moment they carry: they call at once, also when the clock was put back since.
    """
    return list(
        tx.session.exec(
            select(Signal.id)
            .where(col(Signal.fired_at).is_(None), col(Signal.over_at).is_(None))
            .order_by(col(Signal.due_at), Signal.id)
            .limit(limit)
        )
    )


def _on_the_line(found: PlacementRequest) -> FollowOnOut:
    return FollowOnOut(
        request_id=found.id, short_code=found.short_code, status=found.status, needed_from=found.needed_from
    )


def _last_night(found: Bridge, now: datetime) -> date:
    return found.last_night or max(found.first_night, rules.night_of(now))
