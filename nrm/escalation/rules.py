"""Which rung of the ladder comes when. Pure: no session, no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from nrm.policy import Ladder, Rung


class Trigger(StrEnum):
    """Why an alarm rings."""

    DEADLINE = "deadline"
    MINOR_ALONE = "minor_alone"
    POLICE_CELL = "police_cell"
    NO_DESTINATION = "no_destination"
    B8_END = "b8_end"


ON_LADDER = (Trigger.DEADLINE, Trigger.MINOR_ALONE)
"""Triggers that climb rung by rung as long as the request waits; the others follow from a signal."""


@dataclass(frozen=True)
class Step:
    """A rung that is due, and when the one after it will be (None after the last)."""

    rung: Rung
    next_due_at: datetime | None


def step(ladder: Ladder, number: int, due_at: datetime, pace_percent: int = 100) -> Step | None:
    """The rung with this number, due since `due_at`; None when the ladder has no such rung.

    While a bridge is in use the wait up to the next one is only a part of it, `pace_percent`.

    The next rung counts from when this one was due, so that a worker that was down makes no one wait longer; but
    each fires at its own tick, so that nobody is skipped.
    """
    if number >= len(ladder.rungs):
        return None
    following = number + 1
    if following >= len(ladder.rungs):
        return Step(ladder.rungs[number], None)
    next_due = due_at + timedelta(minutes=ladder.rungs[following].after_minutes) * pace_percent / 100
    return Step(ladder.rungs[number], next_due)
