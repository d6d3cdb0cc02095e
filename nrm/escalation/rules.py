"""Which ladder an escalation climbs, which rung comes when, and what stops it. Pure: no session, no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from nrm.calendar.rules import Calendar, is_office_time
from nrm.policy import Hours, Ladder, LadderLine, OfficeHours, Rung


class Trigger(StrEnum):
    """Why an escalation opens, as `nrm.policy.Trigger`."""

    NO_PROPOSAL = "no_proposal"
    ONLY_STALE = "only_stale"
    OFFER_UNANSWERED = "offer_unanswered"
    HOLD_NEAR_LAPSE = "hold_near_lapse"
    ALL_DECLINED = "all_declined"
    DEADLINE_NEAR = "deadline_near"
    DEADLINE = "deadline"
    BRIDGE = "bridge"
    POLICE_CELL = "police_cell"
    APART_CONFLICT = "apart_conflict"
    FIGURES_STALE = "figures_stale"
    UNCONDITIONAL_LOW = "unconditional_low"
    NOBODY_AUTHORISED = "nobody_authorised"
    MINOR_ALONE = "minor_alone"
    ROSTER_GAP = "roster_gap"
    B8_END = "b8_end"
    NO_DESTINATION = "no_destination"
    NO_FEEDBACK = "no_feedback"
    CAPACITY_SHORT = "capacity_short"
    COOPERATION_STALLED = "cooperation_stalled"
    DECISION_OVERDUE = "decision_overdue"


AT_ONCE = frozenset({Trigger.POLICE_CELL, Trigger.MINOR_ALONE, Trigger.NO_DESTINATION, Trigger.APART_CONFLICT})
"""Causes that call for a person now, whatever else a request rings for."""


class Result(StrEnum):
    """What became of a rung."""

    SKIPPED = "skipped"
    """There is nobody of that role there, or nobody is on the roster: the next rung came at once."""
    IMPOSSIBLE = "impossible"
    """They are there, but no channel to them works: the next rung came at once."""
    WITHHELD = "withheld"
    """The competent authority: the national coordinator opens that step, nobody is told by itself."""
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    STOOD_DOWN = "stood_down"
    """It was over, or somebody else took it, before they answered."""


PASSED_OVER = (Result.SKIPPED, Result.IMPOSSIBLE, Result.WITHHELD)
"""Results of a rung that told nobody."""


class AuthorityKind(StrEnum):
    """What a competent authority is."""

    MUNICIPALITY = "municipality"
    REGION = "region"
    MINISTRY = "ministry"
    POLICE = "police"
    MILITARY_POLICE = "military_police"
    LABOUR_INSPECTORATE = "labour_inspectorate"
    PROSECUTION = "prosecution"
    OTHER = "other"


INVESTIGATIVE_AUTHORITIES = frozenset(
    {
        AuthorityKind.POLICE,
        AuthorityKind.MILITARY_POLICE,
        AuthorityKind.LABOUR_INSPECTORATE,
        AuthorityKind.PROSECUTION,
    }
)
"""Who is never asked about somebody who refuses police contact (domain.md §5 rule 11)."""


class Question(StrEnum):
    """What a competent authority is asked. In codes, so that nothing about anybody is in it."""

    MAKE_PLACES = "make_places"
    FUND_PLACES = "fund_places"
    ADMIT = "admit"
    COOPERATE = "cooperate"
    DECIDE = "decide"
    MAN_ROSTER = "man_roster"


class RaisedState(StrEnum):
    """How far a raised escalation is."""

    PROPOSED = "proposed"
    """A rung, or a person, asks the national coordinator to raise it. Nobody was told yet."""
    ASKED = "asked"
    ANSWERED = "answered"
    RETURNED = "returned"
    """It was closed, and its cause is back: the national coordinator has it again."""
    CLOSED = "closed"


class RaisedOutcome(StrEnum):
    """How a raised escalation was closed."""

    GRANTED = "granted"
    PARTLY = "partly"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_RAISED = "not_raised"
    OVER = "over"
    """Its cause ended before anybody was asked (again)."""


class RaisedAct(StrEnum):
    """One thing that happened to a raised escalation."""

    PROPOSED = "proposed"
    ASKED = "asked"
    REMINDED = "reminded"
    ANSWERED = "answered"
    CLOSED = "closed"
    RETURNED = "returned"


CLOSINGS: dict[str, frozenset[RaisedOutcome]] = {
    RaisedState.PROPOSED: frozenset({RaisedOutcome.NOT_RAISED}),
    RaisedState.ASKED: frozenset({RaisedOutcome.WITHDRAWN}),
    RaisedState.RETURNED: frozenset({RaisedOutcome.WITHDRAWN}),
    RaisedState.ANSWERED: frozenset(
        {RaisedOutcome.GRANTED, RaisedOutcome.PARTLY, RaisedOutcome.REFUSED, RaisedOutcome.WITHDRAWN}
    ),
}
"""How the national coordinator can close it, per state: what became of it only with an answer on record."""

ANSWERABLE = frozenset({RaisedState.ASKED, RaisedState.ANSWERED})
"""States in which an answer can come in; a second one stands beside the first."""

TO_ASK = (RaisedState.PROPOSED, RaisedState.RETURNED)
"""States that wait for the national coordinator."""


class End(StrEnum):
    """How an escalation ended."""

    OVER = "over"


@dataclass(frozen=True)
class Step:
    """A rung that is due, and when the one after it will be (None after the last)."""

    rung: Rung
    next_due_at: datetime | None


def hours_at(hours: OfficeHours, at: datetime) -> Hours:
    """Whether offices are open at this instant."""
    return "office" if is_office_time(Calendar(hours), at) else "after_hours"


def line_of(ladder: Ladder, trigger: str, urgency: str | None, region_code: str | None, hours: Hours) -> int:
    """The index of the first line that fits; the last one always does."""
    for number, line in enumerate(ladder.lines):
        if _fits(line, trigger, urgency, region_code, hours):
            return number
    raise AssertionError("the last line of a ladder holds for everything")


def _fits(line: LadderLine, trigger: str, urgency: str | None, region_code: str | None, hours: Hours) -> bool:
    return (
        (not line.triggers or trigger in line.triggers)
        and (not line.urgencies or urgency in line.urgencies)
        and (not line.regions or region_code in line.regions)
        and line.hours in {None, hours}
    )


def wait(rung: Rung, pace_percent: int) -> timedelta:
    """How long this rung waits for the one before it, or the first for its cause; a bridge in use makes it shorter."""
    return timedelta(minutes=rung.after_minutes) * pace_percent / 100


def step(line: LadderLine, number: int, due_at: datetime, pace_percent: int = 100) -> Step | None:
    """The rung with this number, due since `due_at`; None when the ladder has no such rung.

    While a bridge is in use the wait up to the next one is only a part of it, `pace_percent`.

    The next rung counts from when this one was due, so that a worker that was down makes no one wait longer; but
    each fires at its own tick, so that nobody is skipped.
    """
    if number >= len(line.rungs):
        return None
    following = number + 1
    if following >= len(line.rungs):
        return Step(line.rungs[number], None)
    return Step(line.rungs[number], due_at + wait(line.rungs[following], pace_percent))


@dataclass(frozen=True)
class Ring:
    """One rung of a preview: when it would ring, whom it speaks to, over what, and until when they have."""

    at: datetime
    role: str
    channels: tuple[str, ...]
    answer_by: datetime


@dataclass(frozen=True)
class Preview:
    """What would ring, if nobody answered: which line of the ladder, and its rungs in order."""

    line: int
    hours: Hours
    rings: tuple[Ring, ...]


def preview(
    ladder: Ladder, trigger: str, urgency: str | None, region_code: str | None, at: datetime, hours: OfficeHours
) -> Preview:
    """What would ring when for a cause that comes due at this instant, in whole if nobody answers.

    Whether a rung finds somebody is for the roster to say; one that finds nobody is passed over and makes the next
    ring at once.
    """
    open_or_not = hours_at(hours, at)
    number = line_of(ladder, trigger, urgency, region_code, open_or_not)
    rings = []
    due_at = at
    for rung in ladder.lines[number].rungs:
        due_at += wait(rung, 100)
        rings.append(Ring(due_at, rung.role, rung.channels, due_at + timedelta(minutes=rung.answer_minutes)))
    return Preview(number, open_or_not, tuple(rings))
