"""Bridges, the course of a stay, getting there, feedback, settlement: codes and choices. Pure: no session, no clock."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from nrm.clock import AMSTERDAM
from nrm.intake.rules import Outcome, RequestStatus
from nrm.policy import Course


class BridgeKind(StrEnum):
    """Where somebody without a place spends the night. Never proposed by the solver."""

    HOTEL = "hotel"
    POLICE_CELL = "police_cell"
    POLICE_BED = "police_bed"
    """A bed for emergencies that the police arranged by themselves, as they may after office hours."""
    REGULAR_BED = "regular_bed"
    OTHER = "other"


class BridgeEnd(StrEnum):
    BY_HAND = "by_hand"
    MOVED = "moved"
    """Followed by another bridge."""
    PLACED = "placed"
    CLOSED = "closed"


B8_AT = time(9)
"""When on its day the end of a B8 is told: it is no reason to wake anybody."""

BRIDGED = (RequestStatus.OPEN, RequestStatus.OFFERED, RequestStatus.ACCEPTED)
"""States in which nobody has arrived in a place yet, so that a bridge can be needed."""


class SignalKind(StrEnum):
    """What calls for a person at once, outside the ladder of deadlines."""

    POLICE_CELL = "police_cell"
    NO_DESTINATION = "no_destination"
    B8_END = "b8_end"


class AftercareItem(StrEnum):
    MUNICIPALITY = "municipality"
    LEGAL_AID = "legal_aid"
    HEALTH = "health"
    B8 = "b8"
    FOLLOW_ON = "follow_on"


class AftercareOwner(StrEnum):
    """Who sees to an item: a capacity, never a person."""

    PROVIDER = "provider"
    COORDINATOR = "coordinator"
    MUNICIPALITY = "municipality"
    LAWYER = "lawyer"


class AftercareState(StrEnum):
    OPEN = "open"
    DONE = "done"
    NOT_APPLICABLE = "not_applicable"


AFTERCARE_OWNERS: dict[AftercareItem, AftercareOwner] = {
    AftercareItem.MUNICIPALITY: AftercareOwner.MUNICIPALITY,
    AftercareItem.LEGAL_AID: AftercareOwner.LAWYER,
    AftercareItem.HEALTH: AftercareOwner.PROVIDER,
    AftercareItem.B8: AftercareOwner.COORDINATOR,
    AftercareItem.FOLLOW_ON: AftercareOwner.COORDINATOR,
}
"""Who sees to each item unless somebody says otherwise."""

EXTENSION_REASONS = ("no_follow_on", "waits_for_permit", "health", "safety", "school", "other")
"""Why somebody stays longer than the pool's maximum."""

BLOCK_CAUSES = ("no_housing", "no_follow_on_place", "waits_for_permit", "municipality_disagrees", "no_income", "other")
"""What keeps somebody in a place who could leave it."""

MISSING_REPORTED = "missing_reported"
"""What became of somebody who left without a destination, when only that is known."""


class Driver(StrEnum):
    """Who brings the party."""

    POLICE = "police"
    SHELTER = "shelter"
    TAXI = "taxi"
    VOLUNTEER = "volunteer"
    OWN = "own"


class FeedbackStep(StrEnum):
    """What whoever notified hears, in this order."""

    RECEIVED = "received"
    PICKED_UP = "picked_up"
    OUTCOME = "outcome"


class OutcomeClass(StrEnum):
    """How it ended, so coarse that it says nothing about the person."""

    SHELTERED = "sheltered"
    ELSEWHERE = "elsewhere"
    NOT_SHELTERED = "not_sheltered"
    STOPPED = "stopped"


PICKED_UP_BY = frozenset(
    {"offer.sent", "bridge.recorded", "alarm.claimed", "request.amended", "request.taken_over", "request.closed"}
)
"""Journal entries that show that somebody works on a request."""

_CLASSES: dict[Outcome, OutcomeClass] = {
    Outcome.ENDED_STAY: OutcomeClass.SHELTERED,
    Outcome.ALTERNATIVE: OutcomeClass.ELSEWHERE,
    Outcome.OWN_SOLUTION: OutcomeClass.ELSEWHERE,
    Outcome.YOUTH_CARE: OutcomeClass.ELSEWHERE,
    Outcome.NO_PLACE: OutcomeClass.NOT_SHELTERED,
    Outcome.WITHDRAWN: OutcomeClass.STOPPED,
    Outcome.LOST_CONTACT: OutcomeClass.STOPPED,
    Outcome.REFUSED: OutcomeClass.STOPPED,
}


class TariffState(StrEnum):
    OPEN = "open"
    AGREED = "agreed"
    DISPUTED = "disputed"


def outcome_class(status: RequestStatus, outcome: Outcome | None) -> OutcomeClass | None:
    """How it ended for whoever notified; None while it has not."""
    if status is RequestStatus.PLACED:
        return OutcomeClass.SHELTERED
    return _CLASSES[outcome] if status is RequestStatus.CLOSED and outcome else None


def night_of(moment: datetime) -> date:
    """The night a moment belongs to, named after its evening: until noon that is the day before."""
    return (moment.astimezone(AMSTERDAM) - timedelta(hours=12)).date()


def last_night_slept(moment: datetime) -> date:
    """The last night that is over, or nearly, at a moment: the one before its day."""
    return moment.astimezone(AMSTERDAM).date() - timedelta(days=1)


def nights(first: date, last: date) -> int:
    """Nights from the first up to and including the last. A night once begun counts."""
    return max(1, (last - first).days + 1)


def nights_within(first: date, last: date, since: date, until: date) -> int:
    """How many of these nights lie in a period, both ends included."""
    begin, end = max(first, since), min(max(last, first), until)
    return max(0, (end - begin).days + 1)


def hastened(due_at: datetime, now: datetime, percent: int) -> datetime:
    """A due moment with only this part of the time left. Never later than it was, never earlier than now or it."""
    return due_at if due_at <= now else now + (due_at - now) * percent / 100


def b8_opens_at(ends_on: date, days_ahead: int) -> datetime:
    """From when the end of a B8 is near: so many days before it, in the morning on the wall."""
    # A year typed as 0026 must not reach before the calendar begins: that would silence everybody else.
    day = max(ends_on, date(1970, 1, 1)) - timedelta(days=days_ahead)
    return datetime.combine(day, B8_AT, AMSTERDAM).astimezone(UTC)


def b8_rings(state: AftercareState, ends_on: date, changed_at: datetime, days_ahead: int, now: datetime) -> bool:
    """Whether somebody must hear that a B8 ends soon.

    The item is done once the date is known, often long before: that must not silence it. Done since the end came near
    is seeing to it.
    """
    opens_at = b8_opens_at(ends_on, days_ahead)
    seen_to = state is AftercareState.DONE and changed_at >= opens_at
    return now >= opens_at and state is not AftercareState.NOT_APPLICABLE and not seen_to


def is_emergency(policy: Course, pool: str, days: int) -> bool:
    """Whether a placement is for a few days only, so that the next one must be sought at once."""
    return pool in policy.emergency_pools or days <= policy.emergency_days_max


def stay_ends_at_most(policy: Course, pool: str, arrived_at: datetime, first_days_max: int | None = None) -> date:
    """The last day the maximum stay of this pool allows, or the first period that was agreed for the house."""
    days = policy.stay_days_max[pool]  # type: ignore[index]
    days = min(days, first_days_max or days)
    return arrived_at.astimezone(AMSTERDAM).date() + timedelta(days=days)
