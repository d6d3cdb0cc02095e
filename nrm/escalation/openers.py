"""What may not go unnoticed: per trigger what is due now and has no live escalation, and which live ones are over.

Each cause is one condition on the rows it is about. The opener and the ender ask the same condition, so that nothing
falls between them; a missed tick heals itself. Thresholds are those of the ladder in force, the ladder an escalation
then climbs is the one it opens under.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol, get_args

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Account, Organisation, Shift
from nrm.columns import UtcDateTime
from nrm.course.models import Bridge, Feedback, Signal, Transfer
from nrm.course.rules import BridgeKind, FeedbackStep, SignalKind
from nrm.db import Tx
from nrm.escalation.models import Escalation, RaisedEscalation
from nrm.escalation.rules import RaisedState, Trigger
from nrm.intake.models import KeptApart, PlacementRequest
from nrm.intake.rules import UNPLACED, RequestStatus
from nrm.placing.models import Offer, OfferAnswer, Proposal, ProposalSet, Stay
from nrm.placing.rules import OfferStatus
from nrm.policy import Ladder, Pool
from nrm.registry import queries as registry
from nrm.registry.models import Confirmation, Location
from nrm.registry.rules import CLOCK_SKEW
from nrm.roster.models import RosterGap, RosterLine

BATCH = 500

MINUTE = timedelta(minutes=1)

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


class Moments:
    """The instants a statement compares with, as parameters: so it is built once and asked at every tick."""

    def __init__(self) -> None:
        self._after: dict[str, timedelta] = {}

    def at(self, minutes: float = 0) -> ColumnElement[datetime]:
        """So many minutes after now; before it when negative."""
        name = f"at_{len(self._after)}"
        self._after[name] = timedelta(minutes=minutes)
        return bindparam(name, type_=UtcDateTime())

    def of(self, now: datetime) -> dict[str, datetime]:
        """The parameters for one instant."""
        return {name: now + after for name, after in self._after.items()}


@dataclass(frozen=True)
class Thresholds:
    """What the rules in force say about when something is due."""

    ladder: Ladder
    freshness: policy.Freshness


def thresholds(tx: Tx) -> Thresholds:
    """The thresholds in force."""
    _, ladder = policy.current(tx, policy.Ladder)
    _, freshness = policy.current(tx, policy.Freshness)
    return Thresholds(ladder, freshness)


class Cause(Protocol):
    """One trigger."""

    @property
    def trigger(self) -> Trigger: ...

    @property
    def measured(self) -> bool:
        """Whether looking is dear, so that it is done once a minute."""
        ...

    def due(self, tx: Tx, rules: Thresholds) -> list[Found]:
        """What is due now and has no live escalation."""
        ...

    def over(self, tx: Tx, rules: Thresholds, escalation_id: str | None = None) -> list[str]:
        """Live escalations whose cause is over; one or all."""
        ...


Condition = Callable[[Moments, Thresholds], ColumnElement[bool]]


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

    def due(self, tx: Tx, rules: Thresholds) -> list[Found]:
        return _due_of((self,), tx, rules)

    def over(self, tx: Tx, rules: Thresholds, escalation_id: str | None = None) -> list[str]:
        return _over_of((self,), tx, rules, escalation_id)

    def found(self, row: Any, now: datetime, rules: Thresholds) -> Found:
        """What a row of the statement says."""
        _, key, region, urgency, request_id, moment, began = row
        cause_at = moment if began is None else max(moment, began)
        due_at = moment + self.after(rules.ladder, urgency)
        due_at = due_at if began is None else max(due_at, began)
        return Found(self.trigger, f"{self.word}:{key}", cause_at, min(due_at, now), region, urgency, request_id)

    def due_query(self, moments: Moments, rules: Thresholds) -> Any:
        """The rows for which it is due and has not opened."""
        again = col(Escalation.cause_at) < self.moment
        if self.since is not None:
            again |= self.since.is_not(None) & (col(Escalation.cause_at) < self.since)
        opened = exists().where(
            col(Escalation.trigger) == self.trigger,
            col(Escalation.subject) == literal(f"{self.word}:").concat(self.key),
            col(Escalation.ended_at).is_(None) | ~again,
        )
        anew = cast(null(), UtcDateTime()) if self.since is None else self.since
        columns: list[Any] = [self.key, self.region, self.urgency, self.request_id, self.moment, anew]
        query = self._joined(select(*columns)).where(self.holds(moments, rules), ~opened)
        return query.order_by(self.moment, self.key).limit(BATCH)

    def over_query(self, moments: Moments, rules: Thresholds, one: bool) -> Any:
        """The live escalations whose rows are so no more."""
        still = self._joined(select(self.key)).where(
            self.key == func.substr(Escalation.subject, len(self.word) + 2), self.still(moments, rules)
        )
        if self.since is not None:
            still = still.where(self.since.is_(None) | (self.since <= col(Escalation.opened_at)))
        query = _live(self.trigger).where(
            col(Escalation.subject).startswith(f"{self.word}:"), ~still.correlate(Escalation).exists()
        )
        if one:
            query = query.where(Escalation.id == bindparam("one"))
        return query.limit(BATCH)

    def _joined(self, query: Any) -> Any:
        query = query.select_from(self.key.class_)
        for table, on in self.joins:
            query = query.join(table, on)
        return query


STATEMENTS_MAX = 1000
_STATEMENTS: dict[tuple[object, ...], tuple[Any, Moments, object]] = {}
"""Statements by causes, question and rules, which they keep alive so that no others take their identity.

Building one takes longer than the database needs to answer it."""


def _statement(causes: tuple[Rows, ...], which: str, rules: Thresholds, build: Callable[[Rows, Moments], Any]) -> Any:
    """One statement that asks all these causes, each for its own few: every statement costs a tick a journey."""
    key = (which, id(rules.ladder), id(rules.freshness), *map(id, causes))
    if key not in _STATEMENTS:
        if len(_STATEMENTS) >= STATEMENTS_MAX:
            _STATEMENTS.clear()
        moments = Moments()
        parts = [build(cause, moments).subquery() for cause in causes]
        asked = [select(literal(number, Integer()), *part.c) for number, part in enumerate(parts)]
        _STATEMENTS[key] = (union_all(*asked) if len(asked) > 1 else asked[0], moments, (rules, causes))
    return _STATEMENTS[key][:2]


def _due_of(causes: tuple[Rows, ...], tx: Tx, rules: Thresholds) -> list[Found]:
    query, moments = _statement(causes, "due", rules, lambda cause, moments: cause.due_query(moments, rules))
    return [causes[row[0]].found(row, tx.now, rules) for row in tx.session.execute(query, moments.of(tx.now))]


def _over_of(causes: tuple[Rows, ...], tx: Tx, rules: Thresholds, escalation_id: str | None = None) -> list[str]:
    one = escalation_id is not None
    query, moments = _statement(
        causes, "over one" if one else "over", rules, lambda cause, moments: cause.over_query(moments, rules, one)
    )
    return [row[1] for row in tx.session.execute(query, {**moments.of(tx.now), "one": escalation_id})]


def all_due(causes: Sequence[Cause], tx: Tx, rules: Thresholds) -> list[Found]:
    """What is due of all these, in their order."""
    rows, others = _rows_and_others(causes)
    found = [*(_due_of(rows, tx, rules) if rows else ()), *(one for cause in others for one in cause.due(tx, rules))]
    order = {cause.trigger: place for place, cause in reversed([*enumerate(causes)])}
    return sorted(found, key=lambda one: order[one.trigger])


def all_over(causes: Sequence[Cause], tx: Tx, rules: Thresholds) -> list[str]:
    """The live escalations of all these whose cause is over."""
    live = set(tx.session.exec(select(Escalation.trigger).where(col(Escalation.ended_at).is_(None)).distinct()))
    rows, others = _rows_and_others([cause for cause in causes if cause.trigger in live])
    return [*(_over_of(rows, tx, rules) if rows else ()), *(one for cause in others for one in cause.over(tx, rules))]


def _rows_and_others(causes: Sequence[Cause]) -> tuple[tuple[Rows, ...], list[Cause]]:
    return tuple(one for one in causes if isinstance(one, Rows)), [one for one in causes if not isinstance(one, Rows)]


def _live(trigger: Trigger) -> Any:
    return select(Escalation.id).where(Escalation.trigger == trigger, col(Escalation.ended_at).is_(None))


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
    column: Any, urgency: Any, minutes: dict[policy.Urgency, int], moments: Moments, sign: int
) -> ColumnElement[bool]:
    """Whether a moment lies so many minutes ago (sign -1), or comes within so many (sign 1), per urgency."""
    return or_(
        false(),
        *(and_(urgency == name, column <= moments.at(sign * length)) for name, length in sorted(minutes.items())),
    )


def _waited(minutes: dict[policy.Urgency, int], moments: Moments) -> ColumnElement[bool]:
    since = func.coalesce(PlacementRequest.waits_anew_since, PlacementRequest.created_at)
    return _by_urgency(since, col(PlacementRequest.urgency), minutes, moments, -1)


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


def _unproposed(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    """Places were sought and none was found. That nobody seeks at all is for whoever watches the worker."""
    sought = exists().where(
        col(ProposalSet.request_id) == col(PlacementRequest.id), col(ProposalSet.replaced_at).is_(None)
    )
    return and_(_waits(RequestStatus.OPEN), sought, ~_proposed())


def _without(*conditions: ColumnElement[bool]) -> Any:
    """Since when a request has no proposal of this kind: since the last set with one was replaced, or since it waits.

    A proposal may be there for an hour and be gone: nobody could look for another before that.
    """
    had = select(Proposal.id).where(col(Proposal.set_id) == col(ProposalSet.id), *conditions).correlate(ProposalSet)
    last = (
        select(func.max(ProposalSet.replaced_at))
        .where(col(ProposalSet.request_id) == col(PlacementRequest.id), had.exists())
        .correlate(PlacementRequest)
        .scalar_subquery()
    )
    return func.coalesce(last, col(PlacementRequest.created_at), type_=UtcDateTime())


def _no_proposal(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    minutes = rules.ladder.unproposed_minutes
    gone = _by_urgency(_without(), col(PlacementRequest.urgency), minutes, moments, -1)
    return and_(_unproposed(moments, rules), _waited(minutes, moments), gone)


def _on_stale(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    pools: tuple[Pool, ...] = get_args(Pool)
    trusted = (
        select(Confirmation.id)
        .join(Location, col(Location.id) == Confirmation.location_id)
        .where(
            col(Confirmation.location_id) == col(Proposal.location_id),
            col(Confirmation.confirmed_at) <= moments.at(CLOCK_SKEW / MINUTE),
            or_(
                *(
                    and_(
                        col(Location.pool) == pool,
                        col(Confirmation.confirmed_at) > moments.at(-rules.freshness.bands[pool].aging_minutes),
                    )
                    for pool in pools
                )
            ),
        )
        .correlate(Proposal)
        .exists()
    )
    return and_(_waits(RequestStatus.OPEN), _proposed(), ~_proposed(trusted))


def _only_stale(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    return and_(_on_stale(moments, rules), _waited(rules.ladder.unproposed_minutes, moments))


def _near(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    near = _by_urgency(
        col(PlacementRequest.deadline_at), col(PlacementRequest.urgency), rules.ladder.near_minutes, moments, 1
    )
    return and_(_waits(RequestStatus.OPEN), near, col(PlacementRequest.deadline_at) > moments.at())


def _declined(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    since = func.coalesce(PlacementRequest.waits_anew_since, PlacementRequest.created_at)
    later = aliased(Offer)
    newer = exists().where(col(later.request_id) == col(Offer.request_id), col(later.ended_at) > col(Offer.ended_at))
    return and_(
        _waits(RequestStatus.OPEN), col(Offer.status) == OfferStatus.DECLINED, col(Offer.ended_at) >= since, ~newer
    )


def _apart(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    """Two that must be kept apart live, or are expected, in one house."""
    here, there, other = aliased(Stay), aliased(Stay), aliased(PlacementRequest)
    # From whoever is to be kept apart, not from every request there ever was.
    return col(PlacementRequest.id).in_(
        select(KeptApart.request_id)
        .join(here, col(here.request_id) == KeptApart.request_id)
        .join(other, col(other.short_code) == KeptApart.other_code)
        .join(there, and_(col(there.request_id) == other.id, col(there.location_id) == here.location_id))
        .where(col(here.ended_at).is_(None), col(there.ended_at).is_(None))
    )


def _unfed(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    """Whoever notified has not heard that anybody picked it up."""
    heard = exists().where(
        col(Feedback.request_id) == col(PlacementRequest.id), col(Feedback.step) != FeedbackStep.RECEIVED
    )
    return and_(
        col(PlacementRequest.status).in_(UNPLACED),
        col(PlacementRequest.handover_needed) | col(PlacementRequest.on_behalf_of).is_not(None),
        ~heard,
    )


def _no_feedback(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    if rules.ladder.feedback_minutes is None:
        return false()
    long_ago = moments.at(-rules.ladder.feedback_minutes)
    return and_(_unfed(moments, rules), col(PlacementRequest.created_at) <= long_ago)


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


def _open_answer(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    return and_(col(Offer.status) == OfferStatus.LIVE, _pending())


def _held(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    return col(Offer.status) == OfferStatus.LIVE


def _unanswered(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    long = _by_urgency(col(Offer.sent_at), col(PlacementRequest.urgency), rules.ladder.unanswered_minutes, moments, -1)
    return and_(_open_answer(moments, rules), long)


def _lapses(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    soon = _by_urgency(
        col(Offer.hold_until), col(PlacementRequest.urgency), rules.ladder.lapse_near_minutes, moments, 1
    )
    return and_(_held(moments, rules), soon)


def _nobody_there(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
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


def _approval_overdue(moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    return col(OfferAnswer.approval_due_at) <= moments.at()


def _authority_silent(moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    return and_(col(RaisedEscalation.state) == RaisedState.ASKED, col(RaisedEscalation.answer_due_at) <= moments.at())


def _transfer_overdue(moments: Moments, rules: Thresholds) -> ColumnElement[bool]:
    if rules.ladder.transfer_minutes is None:
        return false()
    return and_(
        col(Transfer.ended_at).is_(None),
        col(Transfer.offered_at) <= moments.at(-rules.ladder.transfer_minutes),
    )


# --- what was signalled, and what has to be counted -----------------------------------------------------------------


@dataclass(frozen=True)
class Signalled:
    """A cause that the course of a placement wrote down as it happened."""

    trigger: Trigger
    kind: SignalKind
    measured: bool = False

    @cached_property
    def _due(self) -> Any:
        return (
            select(Signal, PlacementRequest)
            .join(PlacementRequest, col(PlacementRequest.id) == Signal.request_id)
            .where(Signal.kind == self.kind, col(Signal.fired_at).is_(None), col(Signal.over_at).is_(None))
            .order_by(col(Signal.due_at), Signal.id)
            .limit(BATCH)
        )

    @cached_property
    def _over(self) -> Any:
        about = and_(
            col(Signal.request_id) == col(Escalation.request_id),
            col(Signal.kind) == self.kind,
            col(Signal.number) == col(Escalation.number),
        )
        one: ColumnElement[str | None] = bindparam("one", type_=String())
        query = _live(self.trigger).join(Signal, about).where(col(Signal.over_at).is_not(None))
        return query.where(one.is_(None) | (Escalation.id == one)).limit(BATCH)

    def due(self, tx: Tx, _rules: Thresholds) -> list[Found]:
        return [
            Found(
                self.trigger,
                f"request:{request.id}",
                signal.due_at,
                min(signal.due_at, tx.now),  # it calls at once, also when the clock was put back since
                request.region_code,
                request.urgency,
                request.id,
                signal.number,
                signal.id,
            )
            for signal, request in tx.session.execute(self._due)
        ]

    def over(self, tx: Tx, _rules: Thresholds, escalation_id: str | None = None) -> list[str]:
        return list(tx.session.execute(self._over, {"one": escalation_id}).scalars())


@dataclass(frozen=True)
class Counted:
    """A cause that is counted: subject → region and since when, of everything that is so now."""

    trigger: Trigger
    count: Callable[[Tx, Ladder], dict[str, tuple[str | None, datetime]]]
    measured: bool = True

    def due(self, tx: Tx, rules: Thresholds) -> list[Found]:
        query = select(Escalation.subject).where(Escalation.trigger == self.trigger, col(Escalation.ended_at).is_(None))
        live = set(tx.session.exec(query))
        found = {name: so for name, so in self.count(tx, rules.ladder).items() if name not in live}
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

    def over(self, tx: Tx, rules: Thresholds, escalation_id: str | None = None) -> list[str]:
        query = select(Escalation.id, Escalation.subject).where(
            Escalation.trigger == self.trigger, col(Escalation.ended_at).is_(None)
        )
        if escalation_id is not None:
            query = query.where(Escalation.id == escalation_id)
        live = tx.session.exec(query).all()
        so = self.count(tx, rules.ladder) if live else {}
        return [found for found, subject in live if subject not in so][:BATCH]


def _stale_houses(tx: Tx, ladder: Ladder) -> dict[str, tuple[str | None, datetime]]:
    """Houses whose figure has been stale for long. One that nobody ever confirmed is on the chase list, not here."""
    if ladder.stale_minutes is None:
        return {}
    _, freshness = policy.current(tx, policy.Freshness)
    bands: dict[str, policy.Band] = {str(pool): band for pool, band in freshness.bands.items()}
    found: dict[str, tuple[str | None, datetime]] = {}
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


def _alone(_moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    return and_(col(PlacementRequest.status).in_(UNPLACED), col(PlacementRequest.alone_since).is_not(None))


def _ahead(moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    """Nobody is planned there, and it has yet to begin."""
    return and_(col(RosterGap.closed_at).is_(None), col(RosterGap.from_at) > moments.at())


def _unmanned(moments: Moments, _rules: Thresholds) -> ColumnElement[bool]:
    """Nobody is planned there, and it is not past."""
    return and_(col(RosterGap.closed_at).is_(None), col(RosterGap.until_at) > moments.at())


def _of_gaps(word: str, holds: Condition, still: Condition, moment: Any) -> Rows:
    return Rows(
        trigger=Trigger.ROSTER_GAP,
        word=word,
        key=col(RosterGap.id),
        region=col(RosterLine.region_code),
        request_id=cast(null(), String()),
        urgency=cast(null(), String()),
        joins=((RosterLine, col(RosterLine.id) == col(RosterGap.line_id)),),
        holds=holds,
        still=still,
        moment=moment,
    )


CAUSES: tuple[Cause, ...] = (
    Signalled(Trigger.POLICE_CELL, SignalKind.POLICE_CELL),
    _of_requests(Trigger.MINOR_ALONE, _alone, moment=col(PlacementRequest.alone_since)),
    Signalled(Trigger.NO_DESTINATION, SignalKind.NO_DESTINATION),
    _of_requests(Trigger.APART_CONFLICT, _apart),
    _of_requests(
        Trigger.DEADLINE,
        lambda moments, _: and_(_waits(), col(PlacementRequest.deadline_at) <= moments.at()),
        lambda _moments, _: _waits(),
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
        lambda _moments, _: and_(_waits(), col(Bridge.ended_at).is_(None), col(Bridge.kind) != BridgeKind.POLICE_CELL),
        moment=col(Bridge.recorded_at),
        joins=((Bridge, col(Bridge.request_id) == col(PlacementRequest.id)),),
    ),
    _of_requests(
        Trigger.NO_PROPOSAL,
        _no_proposal,
        _unproposed,
        moment=_without(),
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
        lambda _moments, _: col(OfferAnswer.approval_due_at).is_not(None),
        moment=col(OfferAnswer.approval_due_at),
        joins=((OfferAnswer, col(OfferAnswer.offer_id) == col(Offer.id)),),
    ),
    _of_requests(
        Trigger.DECISION_OVERDUE,
        _transfer_overdue,
        lambda _moments, _: col(Transfer.ended_at).is_(None),
        moment=col(Transfer.offered_at),
        after=lambda ladder, _urgency: timedelta(minutes=ladder.transfer_minutes or 0),
        joins=((Transfer, col(Transfer.request_id) == col(PlacementRequest.id)),),
    ),
    Rows(
        trigger=Trigger.DECISION_OVERDUE,
        word="raised",
        key=col(RaisedEscalation.id),
        region=col(RaisedEscalation.region_code),
        request_id=cast(null(), String()),  # it is the authority's silence, not the case, that this is about
        urgency=cast(null(), String()),
        joins=(),
        holds=_authority_silent,
        still=lambda _moments, _: col(RaisedEscalation.state) == RaisedState.ASKED,
        moment=col(RaisedEscalation.answer_due_at),
        since=col(RaisedEscalation.asked_at),
    ),
    _of_requests(
        Trigger.NO_FEEDBACK,
        _no_feedback,
        _unfed,
        after=lambda ladder, _urgency: timedelta(minutes=ladder.feedback_minutes or 0),
    ),
    _of_gaps(
        "slot",
        lambda moments, rules: and_(col(RosterGap.due_at) <= moments.at(), _ahead(moments, rules)),
        _ahead,
        col(RosterGap.due_at),
    ),
    # Told days ahead and taken by somebody, it may still stand empty when it begins.
    _of_gaps(
        "slot_begun",
        lambda moments, rules: and_(col(RosterGap.from_at) <= moments.at(), _unmanned(moments, rules)),
        lambda moments, rules: and_(col(RosterGap.from_at) <= col(Escalation.cause_at), _unmanned(moments, rules)),
        col(RosterGap.from_at),
    ),
    Signalled(Trigger.B8_END, SignalKind.B8_END),
    Counted(Trigger.FIGURES_STALE, _stale_houses),
    Counted(Trigger.CAPACITY_SHORT, _short_regions),
    Counted(Trigger.UNCONDITIONAL_LOW, _few_unconditional),
    Counted(Trigger.COOPERATION_STALLED, _silent_houses),
)
"""Every trigger, what calls for a person at once first."""


def is_over(tx: Tx, found: Escalation) -> bool:
    """Whether the cause of this escalation is over, whoever has looked before."""
    rules = thresholds(tx)
    return any(found.id in cause.over(tx, rules, found.id) for cause in CAUSES if cause.trigger == found.trigger)
