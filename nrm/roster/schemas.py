"""What goes in and out of the roster."""

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nrm.policy import Weekday
from nrm.roster.rules import Cover, Source, Task
from nrm.shapes import Code, Line, Shape

Rank = Annotated[int, Field(ge=1, le=2)]


class LineIn(Shape):
    """A role that has to be manned in one region, or nationally when `region` is null."""

    role: Literal["duty_officer", "coordinator_regional"]
    region: Code | None = None
    ranks: Rank = 1
    cover: Cover = Cover.ALWAYS


class LineOut(Shape):
    id: str
    role: str
    region: str | None
    ranks: int
    cover: Cover
    gaps: int
    """Open gaps in the days ahead that policy names."""


class SlotIn(Shape):
    """Somebody from one instant until another. `instead` puts them in place of whoever is planned there."""

    account: Code
    rank: Rank = 1
    starts_at: datetime
    ends_at: datetime
    instead: bool = False


class SlotOut(Shape):
    """Somebody should be on duty. `swap` says that they offered it to colleagues."""

    id: str
    line: str
    role: str
    region: str | None
    rank: int
    account: str
    name: str
    starts_at: datetime
    ends_at: datetime
    source: str
    swap: bool
    reachable: bool


class PatternIn(Shape):
    """A recurring shift; `ends` not later than `starts` is on the next day. People take turns of `turnDays` days."""

    rank: Rank = 1
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None = None
    people: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)]
    turn_days: Literal[1, 7, 14, 28] = 7

    @model_validator(mode="after")
    def _sound(self) -> "PatternIn":
        if self.starts.tzinfo or self.ends.tzinfo:
            raise ValueError("times are those of the wall, without a zone")
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("must hold for a day at least")
        return self


class PatternOut(PatternIn):
    id: str


class DeputyIn(Shape):
    """Who is called when whoever stands on the line does not answer, in order of `place`."""

    account: Code
    place: Annotated[int, Field(ge=1, le=9)] = 1
    valid_from: date
    valid_until: date | None = None


class DeputyOut(DeputyIn):
    id: str
    name: str


class GapOut(Shape):
    """Somebody has to be there and nobody is planned."""

    id: str
    line: str
    role: str
    region: str | None
    rank: int
    from_at: datetime
    until_at: datetime


class AgendaIn(Shape):
    """An iCalendar file as text. Whoever a slot is for stands in the title of its event: a name or a login."""

    text: Annotated[str, Field(max_length=262_144)]
    rank: Rank = 1


class AgendaOut(Shape):
    """How many slots were planned, how many stood there already, and the titles nobody could be found for."""

    planned: int
    known: int
    taken: int
    """Where somebody else was planned already: left as it is."""
    unknown: list[str]


class FeedOut(Shape):
    """The address of one's own feed. It is shown this once."""

    path: str


class ArrangementIn(Shape):
    """Which organisation does a task in a region, or who may decide what there."""

    region: Code
    task: Task
    organisation: Code
    note: Line | None = None
    valid_from: date
    valid_until: date | None = None

    @model_validator(mode="after")
    def _sound(self) -> "ArrangementIn":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("must hold for a day at least")
        return self


class ArrangementOut(ArrangementIn):
    id: str
    organisation_name: str
    phone: str | None


class OnCallPersonOut(Shape):
    account: str
    name: str
    organisation: str
    phone: str | None
    source: Source
    rank: int | None
    until_at: datetime | None
    started: bool
    reachable: bool


class OnCallOut(Shape):
    """Whom to call for a role, in order; then the functional channels; and whether a slot stands empty now."""

    role: str
    region: str | None
    persons: list[OnCallPersonOut]
    organisations: list[str]
    gap: bool
