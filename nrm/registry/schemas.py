"""What goes in and out of the registry."""

from datetime import date, datetime, time
from typing import Annotated

from pydantic import AwareDatetime, Field

from nrm.registry.rules import Basis, FreshnessBand, PlaceState, SafetyClass, Stance, Use
from nrm.shapes import Code, Line, Shape, Version


class RegionOut(Shape):
    code: str
    name: str
    provinces: str


class MunicipalityOut(Shape):
    code: str
    name: str
    region_code: str


class BoardRowOut(Shape):
    """Numbers of one region and pool. `free` only counts what was confirmed recently enough to be trusted."""

    region_code: str
    pool: str
    places: int
    free: int
    stale: int
    held: int
    occupied: int
    out_of_service: int
    unconditional_free: int
    locations: int
    locations_trusted: int


class PlaceOut(Shape):
    id: str
    label: str
    state: PlaceState
    closure_reason: str | None
    closure_expected_end: date | None
    holder: str | None


class UnitOut(Shape):
    id: str
    code: str
    private: bool
    sexes: list[str]
    sons_until: int
    age_min: int
    age_max: int
    children: bool
    offers: list[str]
    unconditional: bool
    use: Use
    crisis_until: datetime | None
    """Until when a regular room is designated as a crisis bed."""
    stances: dict[str, Stance]
    places: list[PlaceOut]


class RuleOut(Shape):
    id: str
    criterion: str
    unit_id: str | None
    stance: Stance
    basis: Basis
    reason: str
    review_on: date | None
    valid_from: datetime


class LocationOut(Shape):
    """A location as its provider sees it; without its address."""

    id: str
    code: str
    region_code: str
    pool: str
    safety_class: SafetyClass
    freshness: FreshnessBand
    age_minutes: int | None
    confirmed_at: datetime | None
    paused: bool
    pause_reason: str | None
    pause_until: datetime | None
    intake_open: bool
    handover_points: list[str]
    version: int
    units: list[UnitOut]
    rules: list[RuleOut]


class ClosureIn(Shape):
    reason: Code
    expected_end: date | None = None


class PauseIn(Shape):
    reason: Code
    until: AwareDatetime | None = None


class RuleIn(Shape):
    """What a location, or one unit of it, does with a criterion; `version` is the location's as last seen."""

    stance: Stance
    basis: Basis
    reason: Annotated[Line, Field(max_length=400)] = ""
    unit_id: Code | None = None
    review_on: date | None = None
    version: Version


class AddressIn(Shape):
    address: Annotated[Line, Field(min_length=1)]


class ClosureEndIn(Shape):
    """Until when a closed place is expected to stay so; null when nobody knows."""

    expected_end: date | None


class IntakeHoursIn(Shape):
    """Between which hours a location takes people in, on the clock on its wall; neither means day and night."""

    opens: time | None = None
    closes: time | None = None


class ToCheckOut(Shape):
    """A location whose figure is not fresh, and how to reach whoever can say whether it holds."""

    id: str
    code: str
    region_code: str
    pool: str
    provider: str
    phone: str | None
    email: str | None
    freshness: FreshnessBand
    age_minutes: int | None
    asked_at: datetime | None


class AskIn(Shape):
    """Which locations to ask; nothing means every location whose figure is not fresh."""

    locations: Annotated[tuple[Code, ...], Field(max_length=500)] | None = None


class AskedOut(Shape):
    """How many were asked now, were asked just before, or have no mailbox to ask."""

    asked: int
    too_soon: int
    no_mailbox: int


class ShareIn(Shape):
    """The part of one municipality, by its official code: so many parts of the sum of all parts."""

    municipality: Code
    parts: Annotated[int, Field(ge=1, le=1000)]


class AgreementIn(Shape):
    """What the municipalities that pay for a location agreed. `version` is the one last seen, 0 when there was none.

    `lend_after_hours`: how long a request from elsewhere waits; 0 is at once, null is never. No shares means that
    nobody pays jointly, and then nobody waits.
    """

    shares: Annotated[tuple[ShareIn, ...], Field(max_length=40)]
    lend_after_hours: Annotated[int, Field(ge=0, le=24 * 31)] | None = None
    first_days_max: Annotated[int, Field(ge=1, le=366)] | None = None
    ring_fenced: Annotated[int, Field(ge=0, le=1000)] = 0
    contract_ends_on: date | None = None
    funding_ends_on: date | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]


class ShareOut(Shape):
    municipality: str
    name: str
    region_code: str
    parts: int


class AgreementOut(Shape):
    """An agreement as it stands; without one, version 0."""

    shares: list[ShareOut]
    lend_after_hours: int | None = None
    first_days_max: int | None = None
    ring_fenced: int = 0
    contract_ends_on: date | None = None
    funding_ends_on: date | None = None
    version: int = 0


class UseIn(Shape):
    """What a room is for."""

    use: Use


class DesignationIn(Shape):
    """A regular room is a crisis bed until a moment; `displaces` says for whom it is not there meanwhile."""

    until: AwareDatetime
    displaces: Code


class CriterionOut(Shape):
    """A contra-indication that is, or was, on the national list."""

    code: str
    active: bool


class CriterionIn(Shape):
    name: Annotated[Line, Field(min_length=1, max_length=40)]


class CriterionKeepIn(Shape):
    """Whether it is on the list, and at which place, counted from 1."""

    active: bool
    place: Annotated[int, Field(ge=1, le=100)]
