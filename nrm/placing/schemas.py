"""What goes in and out of placing."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from nrm.intake.rules import Fact, Urgency
from nrm.intake.schemas import PersonOut
from nrm.placing.rules import Answer, OfferStatus, StayStatus
from nrm.shapes import Code, Line, Shape, Version


class OfferIn(Shape):
    """Send a proposal to whoever may decide. `phoned` when the figure is not fresh and somebody called first."""

    proposal_id: Code
    phoned: bool = False


class AcceptIn(Shape):
    """Say yes. The hand-over point is one of the location's, needed when a first responder brings the party."""

    handover_point: Line | None = None


class DeclineIn(Shape):
    """Say no, with the coded reason."""

    code: Code


class ReleaseIn(Shape):
    """Ask for the address, saying why; `password` when it was not given recently."""

    reason: Code
    password: Annotated[str, Field(max_length=200)] | None = None


class DepartIn(Shape):
    """The party left: where to, and perhaps why."""

    destination: Code
    reason: Code | None = None
    version: Version


class StayStepIn(Shape):
    """The party arrived."""

    version: Version


class NoShowIn(Shape):
    """The party did not come, and perhaps why."""

    reason: Code | None = None
    version: Version


class OccupyIn(Shape):
    """A place is in use by arrangement outside this system."""

    expected_departure: date | None = None


class ProposalOut(Shape):
    """One proposed place in codes; its location by region and code, never by address."""

    id: str
    rank: int
    unit_id: str
    location_code: str
    unit_code: str
    provider: str
    phone: str | None
    available: bool
    fit: dict[str, Any]
    freshness_minutes: int | None


class ShutOutOut(Shape):
    code: str
    units: int
    places: int


class ProposalsOut(Shape):
    """What the solver says about a request now: places in order, and why the others are not among them."""

    computed_at: datetime
    proven: bool
    proposals: list[ProposalOut]
    shut_out: list[ShutOutOut]
    would_place: list[dict[str, Any]]


class AnswerOut(Shape):
    """One answer an offer needs."""

    organisation_id: str
    organisation: str
    by: str
    answer: Answer | None
    at: datetime | None


class OfferOut(Shape):
    """An offer as the owner of the request sees it."""

    id: str
    request_id: str
    location_code: str
    unit_code: str
    provider: str
    phone: str | None
    status: OfferStatus
    sent_at: datetime
    hold_until: datetime
    ended_at: datetime | None
    seconds_left: int
    decline_code: str | None
    handover_point: str | None
    answers: list[AnswerOut]


class OfferToAnswerOut(Shape):
    """An offer as those who must answer see it: who needs a place, never who they are or where they fear to be."""

    id: str
    short_code: str
    location_id: str
    location_code: str
    unit_code: str
    by: str
    answered: Answer | None
    sent_at: datetime
    hold_until: datetime
    seconds_left: int
    urgency: Urgency
    persons: list[PersonOut]
    facts: dict[str, Fact]
    needs: list[str]
    wishes: list[str]
    needed_from: datetime
    days: int
    handover_needed: bool
    handover_point: str | None
    """The point an earlier answer chose."""
    handover_points: list[str]
    waiting_for: list[str]
    """In what capacity others still have to answer, such as `national_desk`."""


class StayOut(Shape):
    """A stay as the owner of the request, or the provider, sees it."""

    id: str
    request_id: str | None
    short_code: str | None
    location_code: str
    unit_code: str
    status: StayStatus
    persons: int
    planned_at: datetime
    needed_from: datetime | None
    arrived_at: datetime | None
    expected_departure: date | None
    handover_point: str | None
    address_released_at: datetime | None
    ended_at: datetime | None
    destination: str | None
    end_reason: str | None
    version: int


class AddressOut(Shape):
    """A released address."""

    address: str
    released_at: datetime


class FollowOut(Shape):
    """The state of a request as the first responder who asked sees it."""

    id: str
    short_code: str
    status: str
    created_at: datetime
    deadline_at: datetime
    minor_alone: bool
    handover_point: str | None


class HistoryOut(Shape):
    """One thing that happened to a request."""

    seq: int
    at: datetime
    kind: str
