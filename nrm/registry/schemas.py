"""What goes in and out of the registry."""

from datetime import date, datetime, time
from typing import Annotated

from pydantic import AwareDatetime, Field

from nrm.registry.rules import Basis, FreshnessBand, PlaceState, SafetyClass, Stance
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
