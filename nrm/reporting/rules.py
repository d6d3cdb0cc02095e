"""Who reports somebody to CoMensha, and how a report goes. Pure: no session, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nrm.access.rules import INVESTIGATIVE, OrganisationKind


class ReportState(StrEnum):
    TO_DO = "to_do"
    AGREED = "agreed"
    """The person agreed to be reported by name."""
    SENT = "sent"
    CONFIRMED = "confirmed"
    NOT = "not"


WAITS = (ReportState.TO_DO, ReportState.AGREED)
"""States in which somebody still has to send it: what it says may change, and it can be late."""


class NotReason(StrEnum):
    """Why somebody is not reported."""

    OTHER_MATTER = "other_matter"
    REPORTED_BEFORE = "reported_before"
    NOT_WANTED = "not_wanted"
    LOST_CONTACT = "lost_contact"
    OTHER = "other"


DUTY_TO_REPORT = INVESTIGATIVE
"""Police, marechaussee and labour inspectorate must report (CM-web 2019, after the Besluit politiegegevens)."""

AGE_GROUPS = ((12, "under_12"), (16, "12_15"), (18, "16_17"), (24, "18_23"), (30, "24_29"), (40, "30_39"))
OLDEST = "40_up"

SMALL = 5
"""Counts below this are not crossed with a kind of organisation for who sees numbers only."""


@dataclass(frozen=True)
class Reporter:
    """An organisation that could report."""

    id: str
    name: str
    kind: OrganisationKind

    @property
    def has_duty(self) -> bool:
        return self.kind in DUTY_TO_REPORT


def reporters(
    owner: Reporter, asker: Reporter, desks: Iterable[Reporter], refuses_police: bool
) -> tuple[Reporter, ...]:
    """Who may report, the one who does unless somebody chooses otherwise first.

    That is whoever asked, or was called for, if it has a duty to report; else the owner. An investigative body never
    reports somebody who refuses contact with the police: then the owner does, or the national desk.
    """
    by_default = (asker, owner) if asker.has_duty else (owner, asker)
    found = dict.fromkeys((*by_default, *desks))
    return tuple(one for one in found if not (refuses_police and one.kind in INVESTIGATIVE))


def reporter_of(possible: Sequence[Reporter], chosen_id: str | None) -> Reporter | None:
    """The one that was chosen as long as it may report, else the first."""
    return next((one for one in possible if one.id == chosen_id), possible[0] if possible else None)


def must_be_pseudonymous(state: ReportState, reporter: Reporter | None) -> bool:
    """Without consent only a body with a duty to report may give a name."""
    return state is not ReportState.AGREED and not (reporter is not None and reporter.has_duty)


def overdue(state: ReportState, due_at: datetime, now: datetime) -> bool:
    """Whether it should have been sent by now."""
    return state in WAITS and now >= due_at


def age_group(age: int) -> str:
    """An age as coarse as a report needs it."""
    return next((name for below, name in AGE_GROUPS if age < below), OLDEST)


def rest_tells(rest: int, hidden: int) -> bool:
    """Whether the sum of so many hidden numbers, each small and none nothing, leaves fewer than three for one of them.

    Five hidden numbers that are five together are each one.
    """
    if not rest:
        return False
    most = min(SMALL - 1, rest - (hidden - 1))
    least = max(1, rest - (SMALL - 1) * (hidden - 1))
    return rest < SMALL or (hidden > 0 and most - least < 2)
