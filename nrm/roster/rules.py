"""Slots, rotation, gaps and who may keep which roster. Pure: no session, no clock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from nrm.access.rules import Actor, OrganisationKind, Role, reach
from nrm.calendar.rules import WEEKDAYS, Calendar, instant, stretches
from nrm.clock import AMSTERDAM

Stretch = tuple[datetime, datetime]
"""From one instant up to another."""

RANKS = (1, 2)
"""The duty officer and the second duty officer, who is called when the first does not answer."""

SLOT_HOURS_MAX = 24 * 14
TURN_DAYS = (1, 7, 14, 28)
"""How long one person keeps a recurring shift before it is the next one's turn."""


class Cover(StrEnum):
    """When somebody has to stand on a line of the roster."""

    ALWAYS = "always"
    AFTER_HOURS = "after_hours"
    """Outside the office hours of whoever keeps the line."""


class SlotSource(StrEnum):
    """How a slot came about."""

    PLANNED = "planned"
    PATTERN = "pattern"
    AGENDA = "agenda"
    OVERRIDE = "override"
    TAKEOVER = "takeover"


class Source(StrEnum):
    """Why somebody is on call."""

    ON_SHIFT = "on_shift"
    ROSTERED = "rostered"
    DEPUTY = "deputy"


class Task(StrEnum):
    """What a region says about who does what. A mandate says who may decide what."""

    INTAKE = "intake"
    TRIAGE = "triage"
    PLACING = "placing"
    AFTERCARE = "aftercare"
    MANDATE = "mandate"


ROSTERED = (Role.DUTY_OFFICER, Role.COORDINATOR_REGIONAL)
"""Roles for which there can be a roster."""

KIND_OF_ROLE: dict[str, OrganisationKind] = {
    Role.DUTY_OFFICER: OrganisationKind.NATIONAL_DESK,
    Role.COORDINATOR_REGIONAL: OrganisationKind.CHAIN_DIRECTION,
    Role.MUNICIPALITY: OrganisationKind.MUNICIPALITY,
    Role.COORDINATOR: OrganisationKind.CARE_COORDINATION,
    Role.NATIONAL_DESK: OrganisationKind.NATIONAL_DESK,
    Role.NATIONAL_COORDINATOR: OrganisationKind.NATIONAL_COORDINATION,
}
"""Whose functional channel is left when nobody is on call."""


class Pattern(Protocol):
    """What of a recurring shift decides which slots it yields."""

    @property
    def weekdays(self) -> list[str]: ...
    @property
    def starts(self) -> time: ...
    @property
    def ends(self) -> time: ...
    @property
    def valid_from(self) -> date: ...
    @property
    def valid_until(self) -> date | None: ...
    @property
    def people(self) -> list[str]: ...
    @property
    def turn_days(self) -> int: ...


@dataclass(frozen=True)
class Planned:
    """One slot that a recurring shift yields."""

    starts_at: datetime
    ends_at: datetime
    account_id: str


def slots_of(pattern: Pattern, first: date, last: date) -> list[Planned]:
    """The slots that begin on the days from `first` up to and including `last`, in order.

    Begin and end are read off the wall in Amsterdam, so a night in which the clocks change has an hour more or less,
    and what joined on the wall still joins. Whose turn it is counts in whole turns from the Monday of the first week.
    """
    monday = pattern.valid_from - timedelta(days=pattern.valid_from.weekday())
    found = []
    day = max(first, pattern.valid_from)
    until = last if pattern.valid_until is None else min(last, pattern.valid_until)
    while day <= until:
        if WEEKDAYS[day.weekday()] in pattern.weekdays:
            ends_on = day if pattern.starts < pattern.ends else day + timedelta(days=1)
            turn = (day - monday).days // pattern.turn_days
            person = pattern.people[turn % len(pattern.people)]
            found.append(Planned(instant(day, pattern.starts), instant(ends_on, pattern.ends), person))
        day += timedelta(days=1)
    return [one for one in found if one.starts_at < one.ends_at]


def needed(cover: str, calendar: Calendar, from_at: datetime, until_at: datetime) -> list[Stretch]:
    """When somebody has to stand on a line between two instants."""
    if cover == Cover.ALWAYS:
        return [(from_at, until_at)] if from_at < until_at else []
    return stretches(calendar, from_at, until_at, is_open=False)


def uncovered(wanted: Iterable[Stretch], covered: Iterable[Stretch]) -> list[Stretch]:
    """What of the wanted stretches no other stretch covers, in order, joined where they meet."""
    taken = sorted(covered)
    found: list[Stretch] = []
    for begins, ends in sorted(wanted):
        at = begins
        for start, end in taken:
            if start >= ends:
                break
            if start > at:
                found.append((at, start))
            at = max(at, end)
        if at < ends:
            found.append((at, ends))
    return list(_joined(found))


def _joined(pieces: Sequence[Stretch]) -> Iterator[Stretch]:
    held: Stretch | None = None
    for piece in pieces:
        if held and piece[0] <= held[1]:
            held = (held[0], max(held[1], piece[1]))
        else:
            if held:
                yield held
            held = piece
    if held:
        yield held


def left_of(slot: Stretch, window: Stretch) -> list[Stretch]:
    """What remains of a slot when somebody else takes this window of it."""
    return [
        piece
        for piece in ((slot[0], min(slot[1], window[0])), (max(slot[0], window[1]), slot[1]))
        if piece[0] < piece[1]
    ]


def overlap(one: Stretch, other: Stretch) -> bool:
    return one[0] < other[1] and other[0] < one[1]


class Line(Protocol):
    """What of a line of the roster decides who may keep it and who may stand on it."""

    @property
    def role(self) -> str: ...
    @property
    def region_code(self) -> str | None: ...


def may_keep(actor: Actor, line: Line) -> bool:
    """Whether the actor plans this line: administrator and national desk each, a regional coordinator its own."""
    if actor.role in {Role.ADMIN, Role.NATIONAL_DESK}:
        return True
    return actor.role is Role.COORDINATOR_REGIONAL and line.region_code is not None and line.region_code == reach(actor)


def may_see(actor: Actor, line: Line) -> bool:
    """Whether the actor sees who stands on this line: the national ones, and those of the own region."""
    if may_keep(actor, line) or line.region_code is None:
        return True
    reached = reach(actor)
    return reached is None or reached == line.region_code


def fits(role: str, organisation_region: str | None, line: Line) -> bool:
    """Whether somebody of this role and region may stand on a line: of its role, and for its region or nationally."""
    return role == line.role and organisation_region in {None, line.region_code}


def midnight_after(at: datetime, days: int = 1) -> datetime:
    """The midnight on the wall that begins the day so many days on."""
    return instant(at.astimezone(AMSTERDAM).date() + timedelta(days=days), time()).astimezone(UTC)
