"""What may not go unnoticed: per trigger what is due now and has no live escalation, and which live ones are over.

Each cause is one condition on the rows it is about. The opener and the ender ask the same condition, so that nothing
falls between them; a missed tick heals itself. Thresholds are those of the ladder in force, the ladder an escalation
then climbs is the one it opens under.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, get_args

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, null, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Account, Organisation, Shift
from nrm.course.models import Bridge, Feedback, Signal, Transfer
from nrm.course.rules import BridgeKind, FeedbackStep, SignalKind
from nrm.db import Tx
from nrm.escalation.models import Escalation
from nrm.escalation.rules import Trigger
from nrm.intake.models import KeptApart, PlacementRequest
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.placing.models import Offer, OfferAnswer, Proposal, ProposalSet, Stay
from nrm.placing.rules import OfferStatus
from nrm.policy import Ladder, Pool
from nrm.registry import queries as registry
from nrm.registry.models import Confirmation, Location
from nrm.registry.rules import CLOCK_SKEW

BATCH = 500

MEASURED_EVERY = timedelta(minutes=1)
"""How often what has to be counted (free places, stale houses) is looked at."""

COUNTED_AGAIN = timedelta(hours=4)
"""What is counted comes and goes with every bed: it rings no more often than this for one subject."""


@dataclass(frozen=True)
class Found:
    """A cause that is due: what it is about, since when, and where."""

    trigger: Trigger
    subject: str
    cause_at: datetime
    due_at: datetime
    region_code: str | None
    urgency: str | None = None
    request_id: str | None = None
    number: int | None = None
    """The how-manieth it must be; None is the next."""
    signal_id: str | None = None


class Cause(Protocol):
    """One trigger."""

    @property
    def trigger(self) -> Trigger: ...

    @property
    def measured(self) -> bool:
        """Whether looking is dear, so that it is done once a minute."""
        ...

    def due(self, tx: Tx, ladder: Ladder, subject: str | None = None) -> list[Found]:
        """What is due now and has no live escalation; of one subject or of all."""
        ...

    def over(self, tx: Tx, ladder: Ladder, escalation_id: str | None = None) -> list[str]:
        """Live escalations whose cause is over; one or all."""
        ...


Condition = Callable[[Tx, Ladder], ColumnElement[bool]]


@dataclass(frozen=True)
class Rows:
    """A cause that is a condition on rows of one table."""

    trigger: Trigger
    word: str
    """What comes before the id in the subject."""
    key: Any
    """The column with that id."""
    region: Any
    request_id: Any
    urgency: Any
    joins: tuple[tuple[Any, ColumnElement[bool]], ...]
    holds: Condition
    still: Condition
    """What keeps it live once it opened: as a rule the same without the time, so that a clock put back ends nothing."""
    moment: Any
    """A column from which the due moment counts; it opens once for each."""
    after: Callable[[Ladder, str | None], timedelta] = lambda _ladder, _urgency: timedelta(0)
    """How long after that it is due; negative is before it."""
    since: Any = None
    """A column: when this row last began anew. What opened before that is over."""
    measured: bool = False

    def due(self, tx: Tx, ladder: Ladder, subject: str | None = None) -> list[Found]:
        again = col(Escalation.cause_at) < self.moment
        if self.since is not None:
            again |= self.since.is_not(None) & (col(Escalation.cause_at) < self.since)
        opened = exists().where(
            col(Escalation.trigger) == self.trigger,
            col(Escalation.subject) == literal(f"{self.word}:").concat(self.key),
            col(Escalation.ended_at).is_(None) | ~again,
        )
        anew = null() if self.since is None else self.since
        query = select(self.key, self.region, self.urgency, self.request_id, self.moment, anew)
        query = self._joined(query).where(self.holds(tx, ladder), ~opened).order_by(self.moment, self.key).limit(BATCH)
        if subject is not None:
            query = query.where(self.key == subject.partition(":")[2])
        found = []
        for key, region, urgency, request_id, moment, began in tx.session.exec(query):
            cause_at = moment if began is None else max(moment, began)
            due_at = moment + self.after(ladder, urgency)
            due_at = due_at if began is None else max(due_at, began)
            found.append(
                Found(self.trigger, f"{self.word}:{key}", cause_at, min(due_at, tx.now), region, urgency, request_id)
            )
        return found

    def over(self, tx: Tx, ladder: Ladder, escalation_id: str | None = None) -> list[str]:
        still = self._joined(select(self.key)).where(
            self.key == func.substr(Escalation.subject, len(self.word) + 2), self.still(tx, ladder)
        )
        if self.since is not None:
            still = still.where(self.since.is_(None) | (self.since <= col(Escalation.opened_at)))
        query = _live(self.trigger, escalation_id).where(
            col(Escalation.subject).startswith(f"{self.word}:"), ~still.correlate(Escalation).exists()
        )
        return list(tx.session.exec(query.limit(BATCH)))

    def _joined(self, query: Any) -> Any:
        query = query.select_from(self.key.class_)
        for table, on in self.joins:
            query = query.join(table, on)
        return query


def _live(trigger: Trigger, escalation_id: str | None) -> Any:
    query = select(Escalation.id).where(Escalation.trigger == trigger, col(Escalation.ended_at).is_(None))
    return query if escalation_id is None else query.where(Escalation.id == escalation_id)


# --- requests -------------------------------------------------------------------------------------------------------


def _of_requests(
    trigger: Trigger,
    holds: Condition,
    still: Condition | None = None,
    moment: Any = None,
    after: Callable[[Ladder, str | None], timedelta] = lambda _ladder, _urgency: timedelta(0),
    joins: tuple[tuple[Any, ColumnElement[bool]], ...] = (),
) -> Rows:
    return Rows(
        trigger=trigger,
        word="request",
        key=col(PlacementRequest.id),
        region=col(PlacementRequest.region_code),
        request_id=col(PlacementRequest.id),
        urgency=col(PlacementRequest.urgency),
        joins=joins,
        holds=holds,
        still=still or holds,
        moment=col(PlacementRequest.created_at) if moment is None else moment,
        after=after,
        since=col(PlacementRequest.waits_anew_since),
    )


def _waits(*statuses: RequestStatus) -> ColumnElement[bool]:
    """Still without a place; a minor alone apart, for whom nobody seeks one here."""
    return and_(col(PlacementRequest.status).in_(statuses or UNPLACED), col(PlacementRequest.minor_alone).is_(False))


def _by_urgency(
    column: Any, urgency: Any, minutes: dict[policy.Urgency, int], now: datetime, sign: int
) -> ColumnElement[bool]:
    """Whether a moment lies so many minutes ago (sign -1), or comes within so many (sign 1), per urgency."""
    return or_(
        false(),
        *(
            and_(urgency == name, column <= now + sign * timedelta(minutes=length))
            for name, length in sorted(minutes.items())
        ),
    )


def _waited(minutes: dict[policy.Urgency, int], now: datetime) -> ColumnElement[bool]:
    since = func.coalesce(PlacementRequest.waits_anew_since, PlacementRequest.created_at)
    return _by_urgency(since, col(PlacementRequest.urgency), minutes, now, -1)


def _minutes(found: dict[policy.Urgency, int], urgency: str | None) -> timedelta:
    return timedelta(minutes={str(name): length for name, length in found.items()}.get(urgency or "", 0))


def _proposed(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(Proposal.id)
        .join(ProposalSet, col(ProposalSet.id) == Proposal.set_id)
        .where(
            col(ProposalSet.request_id) == col(PlacementRequest.id), col(ProposalSet.replaced_at).is_(None), *conditions
        )
        .correlate(PlacementRequest)
        .exists()
    )


def _unproposed(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    """Places were sought and none was found. That nobody seeks at all is for whoever watches the worker."""
    sought = exists().where(
        col(ProposalSet.request_id) == col(PlacementRequest.id), col(ProposalSet.replaced_at).is_(None)
    )
    return and_(_waits(RequestStatus.OPEN), sought, ~_proposed())


def _no_proposal(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    return and_(_unproposed(tx, ladder), _waited(ladder.unproposed_minutes, tx.now))


def _on_stale(tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    _, freshness = policy.current(tx, policy.Freshness)
    pools: tuple[Pool, ...] = get_args(Pool)
    trusted = (
        select(Confirmation.id)
        .join(Location, col(Location.id) == Confirmation.location_id)
        .where(
            col(Confirmation.location_id) == col(Proposal.location_id),
            col(Confirmation.confirmed_at) <= tx.now + CLOCK_SKEW,
            or_(
                *(
                    and_(
                        col(Location.pool) == pool,
                        col(Confirmation.confirmed_at)
                        > tx.now - timedelta(minutes=freshness.bands[pool].aging_minutes),
                    )
                    for pool in pools
                )
            ),
        )
        .correlate(Proposal)
        .exists()
    )
    return and_(_waits(RequestStatus.OPEN), _proposed(), ~_proposed(trusted))


def _only_stale(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    return and_(_on_stale(tx, ladder), _waited(ladder.unproposed_minutes, tx.now))


def _near(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    near = _by_urgency(col(PlacementRequest.deadline_at), col(PlacementRequest.urgency), ladder.near_minutes, tx.now, 1)
    return and_(_waits(RequestStatus.OPEN), near, col(PlacementRequest.deadline_at) > tx.now)


def _declined(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    since = func.coalesce(PlacementRequest.waits_anew_since, PlacementRequest.created_at)
    later = aliased(Offer)
    newer = exists().where(col(later.request_id) == col(Offer.request_id), col(later.ended_at) > col(Offer.ended_at))
    return and_(
        _waits(RequestStatus.OPEN), col(Offer.status) == OfferStatus.DECLINED, col(Offer.ended_at) >= since, ~newer
    )


def _apart(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    """Two that must be kept apart live, or are expected, in one house."""
    here, there, other = aliased(Stay), aliased(Stay), aliased(PlacementRequest)
    return (
        select(here.id)
        .join(KeptApart, col(KeptApart.request_id) == here.request_id)
        .join(other, col(other.short_code) == KeptApart.other_code)
        .join(there, and_(col(there.request_id) == other.id, col(there.location_id) == here.location_id))
        .where(
            col(here.request_id) == col(PlacementRequest.id),
            col(here.ended_at).is_(None),
            col(there.ended_at).is_(None),
        )
        .correlate(PlacementRequest)
        .exists()
    )


def _unfed(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    """Whoever notified has not heard that anybody picked it up."""
    heard = exists().where(
        col(Feedback.request_id) == col(PlacementRequest.id), col(Feedback.step) != FeedbackStep.RECEIVED
    )
    return and_(
        col(PlacementRequest.status).in_(UNPLACED),
        col(PlacementRequest.handover_needed) | col(PlacementRequest.on_behalf_of).is_not(None),
        ~heard,
    )


def _no_feedback(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    if ladder.feedback_minutes is None:
        return false()
    long_ago = tx.now - timedelta(minutes=ladder.feedback_minutes)
    return and_(_unfed(tx, ladder), col(PlacementRequest.created_at) <= long_ago)


# --- offers, houses -------------------------------------------------------------------------------------------------


def _of_offers(
    trigger: Trigger,
    holds: Condition,
    still: Condition,
    moment: Any,
    after: Callable[[Ladder, str | None], timedelta] = lambda _ladder, _urgency: timedelta(0),
    joins: tuple[tuple[Any, ColumnElement[bool]], ...] = (),
) -> Rows:
    return Rows(
        trigger=trigger,
        word="offer",
        key=col(Offer.id),
        region=col(PlacementRequest.region_code),
        request_id=col(Offer.request_id),
        urgency=col(PlacementRequest.urgency),
        joins=((PlacementRequest, col(PlacementRequest.id) == col(Offer.request_id)), *joins),
        holds=holds,
        still=still,
        moment=moment,
        after=after,
    )


def _pending(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(OfferAnswer.offer_id)
        .where(col(OfferAnswer.offer_id) == col(Offer.id), col(OfferAnswer.answer).is_(None), *conditions)
        .correlate(Offer)
        .exists()
    )


def _open_answer(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    return and_(col(Offer.status) == OfferStatus.LIVE, _pending())


def _held(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    return col(Offer.status) == OfferStatus.LIVE


def _unanswered(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    long = _by_urgency(col(Offer.sent_at), col(PlacementRequest.urgency), ladder.unanswered_minutes, tx.now, -1)
    return and_(_open_answer(tx, ladder), long)


def _lapses(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    soon = _by_urgency(col(Offer.hold_until), col(PlacementRequest.urgency), ladder.lapse_near_minutes, tx.now, 1)
    return and_(_held(tx, ladder), soon)


def _nobody_there(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    """An answer is asked of a desk where nobody is on shift, or of a body nobody of which can be told or logs in."""
    on_shift = (
        select(Shift.id)
        .join(Account, col(Account.id) == Shift.account_id)
        .where(col(Shift.ended_at).is_(None), col(Shift.organisation_id) == col(OfferAnswer.organisation_id))
        .correlate(OfferAnswer)
        .exists()
    )
    there = exists().where(col(Account.organisation_id) == col(OfferAnswer.organisation_id), col(Account.active))
    reachable = exists().where(
        col(Organisation.id) == col(OfferAnswer.organisation_id), col(Organisation.email).is_not(None)
    )
    nobody = or_(
        and_(col(OfferAnswer.by) == "duty_officer", ~on_shift),
        and_(col(OfferAnswer.by) != "duty_officer", ~there, ~reachable),
    )
    return and_(col(Offer.status) == OfferStatus.LIVE, _pending(nobody))


def _approval_overdue(tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    return col(OfferAnswer.approval_due_at) <= tx.now


def _transfer_overdue(tx: Tx, ladder: Ladder) -> ColumnElement[bool]:
    if ladder.transfer_minutes is None:
        return false()
    return and_(
        col(Transfer.ended_at).is_(None),
        col(Transfer.offered_at) <= tx.now - timedelta(minutes=ladder.transfer_minutes),
    )


# --- what was signalled, and what has to be counted -----------------------------------------------------------------


@dataclass(frozen=True)
class Signalled:
    """A cause that the course of a placement wrote down as it happened."""

    trigger: Trigger
    kind: SignalKind
    measured: bool = False

    def due(self, tx: Tx, _ladder: Ladder, subject: str | None = None) -> list[Found]:
        query = (
            select(Signal, PlacementRequest)
            .join(PlacementRequest, col(PlacementRequest.id) == Signal.request_id)
            .where(Signal.kind == self.kind, col(Signal.fired_at).is_(None), col(Signal.over_at).is_(None))
            .order_by(col(Signal.due_at), Signal.id)
            .limit(BATCH)
        )
        if subject is not None:
            query = query.where(Signal.request_id == subject.partition(":")[2])
        return [
            Found(
                self.trigger,
                f"request:{request.id}",
                signal.due_at,
                signal.due_at,
                request.region_code,
                request.urgency,
                request.id,
                signal.number,
                signal.id,
            )
            for signal, request in tx.session.exec(query)
        ]

    def over(self, tx: Tx, _ladder: Ladder, escalation_id: str | None = None) -> list[str]:
        query = _live(self.trigger, escalation_id).join(
            Signal,
            and_(
                col(Signal.request_id) == col(Escalation.request_id),
                col(Signal.kind) == self.kind,
                col(Signal.number) == col(Escalation.number),
            ),
        )
        return list(tx.session.exec(query.where(col(Signal.over_at).is_not(None)).limit(BATCH)))


@dataclass(frozen=True)
class Counted:
    """A cause that is counted: subject → region and since when, of everything that is so now."""

    trigger: Trigger
    count: Callable[[Tx, Ladder], dict[str, tuple[str | None, datetime]]]
    measured: bool = True

    def due(self, tx: Tx, ladder: Ladder, subject: str | None = None) -> list[Found]:
        query = select(Escalation.subject).where(Escalation.trigger == self.trigger, col(Escalation.ended_at).is_(None))
        live = set(tx.session.exec(query))
        found = {
            name: so for name, so in self.count(tx, ladder).items() if name not in live and subject in {None, name}
        }
        earlier = (
            select(Escalation.subject, func.max(Escalation.opened_at), func.max(Escalation.cause_at))
            .where(Escalation.trigger == self.trigger, col(Escalation.subject).in_(found))
            .group_by(col(Escalation.subject))
        )
        for name, opened_at, cause_at in tx.session.exec(earlier).all() if found else ():
            if cause_at >= found[name][1] or tx.now - COUNTED_AGAIN < opened_at <= tx.now:
                del found[name]
        return [
            Found(self.trigger, name, since, since, region_code) for name, (region_code, since) in sorted(found.items())
        ][:BATCH]

    def over(self, tx: Tx, ladder: Ladder, escalation_id: str | None = None) -> list[str]:
        query = select(Escalation.id, Escalation.subject).where(
            Escalation.trigger == self.trigger, col(Escalation.ended_at).is_(None)
        )
        if escalation_id is not None:
            query = query.where(Escalation.id == escalation_id)
        live = tx.session.exec(query).all()
        so = self.count(tx, ladder) if live else {}
        return [found for found, subject in live if subject not in so][:BATCH]


def _stale_houses(tx: Tx, ladder: Ladder) -> dict[str, tuple[str | None, datetime]]:
    """Houses whose figure has been stale for long. One that nobody ever confirmed is on the chase list, not here."""
    if ladder.stale_minutes is None:
        return {}
    _, freshness = policy.current(tx, policy.Freshness)
    bands: dict[str, policy.Band] = {str(pool): band for pool, band in freshness.bands.items()}
    found = {}
    query = (
        select(Location.id, Location.region_code, Location.pool, func.max(Confirmation.confirmed_at))
        .join(Confirmation, col(Confirmation.location_id) == Location.id)
        .where(col(Confirmation.confirmed_at) <= tx.now + CLOCK_SKEW)
        .group_by(col(Location.id), col(Location.region_code), col(Location.pool))
    )
    for location_id, region_code, pool, confirmed_at in tx.session.exec(query):
        since = confirmed_at + timedelta(minutes=bands[pool].aging_minutes + ladder.stale_minutes)
        if since <= tx.now:
            found[f"location:{location_id}"] = (region_code, since)
    return found


def _short_regions(tx: Tx, ladder: Ladder) -> dict[str, tuple[str | None, datetime]]:
    """Regions where, were everybody who waits there placed there, too few surely free places would be left."""
    if ladder.capacity_floor is None:
        return {}
    query = (
        select(PlacementRequest.region_code, func.count()).where(_waits()).group_by(col(PlacementRequest.region_code))
    )
    waiting = dict(tx.session.exec(query).all())
    if not waiting:
        return {}
    left: Counter[str] = Counter()
    for row in registry.board(tx):
        left[row.region_code] += row.free
    return {
        f"region:{region}": (region, tx.now)
        for region, count in waiting.items()
        if left[region] - count < ladder.capacity_floor
    }


def _few_unconditional(tx: Tx, ladder: Ladder) -> dict[str, tuple[str | None, datetime]]:
    if ladder.unconditional_floor is None:
        return {}
    rows = registry.board(tx)
    short = bool(rows) and sum(row.unconditional_free for row in rows) < ladder.unconditional_floor
    return {"country": (None, tx.now)} if short else {}


SILENT_DAYS = 30


def _silent_houses(tx: Tx, ladder: Ladder) -> dict[str, tuple[str | None, datetime]]:
    """Houses that let their last offers lapse, one after another, within a month."""
    if ladder.silent_offers is None:
        return {}
    lapsed = (
        select(Offer.location_id)
        .where(Offer.status == OfferStatus.LAPSED, col(Offer.ended_at) >= tx.now - timedelta(days=SILENT_DAYS))
        .group_by(col(Offer.location_id))
        .having(func.count() >= ladder.silent_offers)
    )
    found: dict[str, tuple[str | None, datetime]] = {}
    for location_id in tx.session.exec(lapsed).all():
        last = tx.session.exec(
            select(Offer.status, Offer.ended_at)
            .where(Offer.location_id == location_id, col(Offer.ended_at).is_not(None))
            .order_by(col(Offer.ended_at).desc())
            .limit(ladder.silent_offers)
        ).all()
        if all(status == OfferStatus.LAPSED for status, _ in last) and last[0][1] is not None:
            region = tx.session.exec(select(Location.region_code).where(Location.id == location_id)).one()
            found[f"location:{location_id}"] = (region, last[0][1])
    return found


def _alone(_tx: Tx, _ladder: Ladder) -> ColumnElement[bool]:
    return and_(col(PlacementRequest.status).in_(UNPLACED), col(PlacementRequest.alone_since).is_not(None))


CAUSES: tuple[Cause, ...] = (
    Signalled(Trigger.POLICE_CELL, SignalKind.POLICE_CELL),
    _of_requests(Trigger.MINOR_ALONE, _alone, moment=col(PlacementRequest.alone_since)),
    Signalled(Trigger.NO_DESTINATION, SignalKind.NO_DESTINATION),
    _of_requests(Trigger.APART_CONFLICT, _apart),
    _of_requests(
        Trigger.DEADLINE,
        lambda tx, _: and_(_waits(), col(PlacementRequest.deadline_at) <= tx.now),
        lambda _tx, _: _waits(),
        moment=col(PlacementRequest.deadline_at),
    ),
    _of_requests(
        Trigger.DEADLINE_NEAR,
        _near,
        moment=col(PlacementRequest.deadline_at),
        after=lambda ladder, urgency: -_minutes(ladder.near_minutes, urgency),
    ),
    _of_requests(
        Trigger.BRIDGE,
        lambda _tx, _: and_(_waits(), col(Bridge.ended_at).is_(None), col(Bridge.kind) != BridgeKind.POLICE_CELL),
        moment=col(Bridge.recorded_at),
        joins=((Bridge, col(Bridge.request_id) == col(PlacementRequest.id)),),
    ),
    _of_requests(
        Trigger.NO_PROPOSAL,
        _no_proposal,
        _unproposed,
        after=lambda ladder, urgency: _minutes(ladder.unproposed_minutes, urgency),
    ),
    _of_requests(
        Trigger.ONLY_STALE,
        _only_stale,
        _on_stale,
        after=lambda ladder, urgency: _minutes(ladder.unproposed_minutes, urgency),
    ),
    _of_requests(
        Trigger.ALL_DECLINED,
        _declined,
        moment=col(Offer.ended_at),
        joins=((Offer, col(Offer.request_id) == col(PlacementRequest.id)),),
    ),
    _of_offers(
        Trigger.OFFER_UNANSWERED,
        _unanswered,
        _open_answer,
        moment=col(Offer.sent_at),
        after=lambda ladder, urgency: _minutes(ladder.unanswered_minutes, urgency),
    ),
    _of_offers(
        Trigger.HOLD_NEAR_LAPSE,
        _lapses,
        _held,
        moment=col(Offer.hold_until),
        after=lambda ladder, urgency: -_minutes(ladder.lapse_near_minutes, urgency),
    ),
    _of_offers(Trigger.NOBODY_AUTHORISED, _nobody_there, _nobody_there, moment=col(Offer.sent_at)),
    _of_offers(
        Trigger.DECISION_OVERDUE,
        _approval_overdue,
        lambda _tx, _: col(OfferAnswer.approval_due_at).is_not(None),
        moment=col(OfferAnswer.approval_due_at),
        joins=((OfferAnswer, col(OfferAnswer.offer_id) == col(Offer.id)),),
    ),
    _of_requests(
        Trigger.DECISION_OVERDUE,
        _transfer_overdue,
        lambda _tx, _: col(Transfer.ended_at).is_(None),
        moment=col(Transfer.offered_at),
        after=lambda ladder, _urgency: timedelta(minutes=ladder.transfer_minutes or 0),
        joins=((Transfer, col(Transfer.request_id) == col(PlacementRequest.id)),),
    ),
    _of_requests(
        Trigger.NO_FEEDBACK,
        _no_feedback,
        _unfed,
        after=lambda ladder, _urgency: timedelta(minutes=ladder.feedback_minutes or 0),
    ),
    Signalled(Trigger.B8_END, SignalKind.B8_END),
    Counted(Trigger.FIGURES_STALE, _stale_houses),
    Counted(Trigger.CAPACITY_SHORT, _short_regions),
    Counted(Trigger.UNCONDITIONAL_LOW, _few_unconditional),
    Counted(Trigger.COOPERATION_STALLED, _silent_houses),
)
"""Every trigger, what calls for a person at once first."""


def is_over(tx: Tx, ladder: Ladder, found: Escalation) -> bool:
    """Whether the cause of this escalation is over, whoever has looked before."""
    return any(found.id in cause.over(tx, ladder, found.id) for cause in CAUSES if cause.trigger == found.trigger)
