"""Who waits longer than everybody else: of each kind of party and each region, set against all the others. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from nrm.insight import rules
from nrm.insight.rules import SMALL, Course

SURE = 2.58
"""So many standard errors apart is more than chance: it would happen by itself once in a hundred comparisons."""


@dataclass(frozen=True)
class Compared:
    """One group against everybody else, on having a place within the norm."""

    group: str
    within: int
    judged: int
    others_within: int
    others_judged: int

    @property
    def share(self) -> float:
        return self.within / self.judged

    @property
    def others(self) -> float:
        return self.others_within / self.others_judged

    @property
    def points(self) -> int:
        """Percentage points above the others; below zero is worse off."""
        return round(100 * (self.share - self.others))

    @property
    def sure(self) -> bool:
        """Whether the difference is more than chance would make."""
        every = self.judged + self.others_judged
        pooled = (self.within + self.others_within) / every
        error = sqrt(pooled * (1 - pooled) * (1 / self.judged + 1 / self.others_judged))
        return abs(self.share - self.others) > SURE * error if error else False

    @property
    def told(self) -> bool:
        """Whether both sides are of enough people to be told."""
        return rules.told(self.within, self.judged) and rules.told(self.others_within, self.others_judged)


def compared(courses: Sequence[Course], of: Callable[[Course], str], now: datetime) -> list[Compared]:
    """Every group that is large enough against all the others, worst off first."""
    parts: dict[str, list[bool]] = {}
    for one in rules.judged(courses, now):
        parts.setdefault(of(one), []).append(rules.in_time(one))
    every = sum(len(made) for made in parts.values())
    within = sum(sum(made) for made in parts.values())
    found = [
        Compared(group, sum(made), len(made), within - sum(made), every - len(made))
        for group, made in parts.items()
        if SMALL <= len(made) <= every - SMALL
    ]
    return sorted((one for one in found if one.told), key=lambda one: (one.share - one.others, one.group))
