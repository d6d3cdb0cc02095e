"""The script of a night and how people in it behave when nobody plays them. Pure: no session, no clock."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class StepKind(StrEnum):
    """Something that happens in an exercise, whoever is there."""

    ON_DUTY = "on_duty"
    PRE_ALERT = "pre_alert"
    RAID = "raid"
    FIGURE_STALE = "figure_stale"
    OUTAGE = "outage"
    MOTHER_AND_CHILD = "mother_and_child"
    MINOR_ALONE = "minor_alone"
    HOUSE_CLOSES = "house_closes"


class Outcome(StrEnum):
    """What became of a step."""

    PLAYED = "played"
    BY_PEOPLE = "by_people"
    """Somebody had done it already: the script did nothing."""
    REFUSED = "refused"
    """It was not possible as things stood."""


class Manner(StrEnum):
    """How a house answers when nobody plays it."""

    ACCEPTS = "accepts"
    NO_STAFF = "no_staff"
    FULL = "full_after_all"
    SILENT = "silent"


DECLINING = frozenset({Manner.NO_STAFF, Manner.FULL})

MANNERS = (Manner.NO_STAFF, Manner.FULL, Manner.SILENT)
"""How the first houses that are asked answer, in that order; every other one says yes."""


@dataclass(frozen=True)
class Step:
    """One step of the script: so many minutes after the start; an outage lasts a while."""

    minutes: int
    kind: StepKind
    lasts_minutes: int = 0


RAID_PERSONS = 12

STALE_MINUTES = 40
"""When the figure of one house turns stale: the world is made so."""

NIGHT = (
    Step(0, StepKind.ON_DUTY),
    Step(2, StepKind.PRE_ALERT),
    Step(15, StepKind.RAID),
    Step(STALE_MINUTES, StepKind.FIGURE_STALE),
    Step(45, StepKind.OUTAGE, lasts_minutes=8),
    Step(48, StepKind.MOTHER_AND_CHILD),
)
NIGHT_MINUTES = 80
"""How long the night lasts, for whoever plays it whole."""

INJECTED: dict[StepKind, int] = {
    StepKind.MOTHER_AND_CHILD: 0,
    StepKind.MINOR_ALONE: 0,
    StepKind.HOUSE_CLOSES: 0,
    StepKind.OUTAGE: 5,
}
"""What the leader may let happen on top, with how many minutes it lasts."""

PACES = (1, 5, 20)
"""How many times as fast as the wall's the clock may run."""

STRIDE = timedelta(seconds=60)
"""How far the clock is turned between two ticks on the way to a later moment: no longer than a worker may be silent."""

ASKS_AFTER = timedelta(minutes=3)
"""How long somebody who is not played looks at the proposals before they ask."""
PHONES_FOR = timedelta(minutes=6)
"""How much longer when the figure must be checked by phone first."""
ANSWERS_AFTER = timedelta(minutes=4)
CLAIMS_AFTER = timedelta(minutes=3)
ARRIVES_AFTER = timedelta(minutes=30)
TAKES_OVER_AFTER = timedelta(minutes=12)
