"""What goes in and out of placing."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from nrm.intake.rules import Fact, Urgency
from nrm.intake.schemas import PersonOut
from nrm.placing.rules import Answer, DeclineTag, OfferStatus, StayStatus
from nrm.registry.schemas import AgreementOut
from nrm.shapes import Code, Line, Shape, Version


class OfferIn(Shape):
    """Send a proposal to whoever may decide. `phoned` when the figure is not fresh and somebody called first."""

    proposal_id: Code
    phoned: bool = False


class GroupOfferIn(Shape):
    """Send the first proposal of everybody in a group. `phoned` when a figure is not fresh: somebody called first."""

    phoned: bool = False


class OffersIn(Shape):
    """Ask several houses at once. `phoned` names those whose figure is not fresh and that somebody called first."""

    proposal_ids: Annotated[list[Code], Field(min_length=1, max_length=10)]
    phoned: Annotated[list[Code], Field(max_length=10, default_factory=list)]


class ExtendIn(Shape):
    """Hold the places a while longer; `extensions` as often as it was extended when one looked."""

    extensions: Annotated[int, Field(ge=0, le=100)]


class ApprovalIn(Shape):
    """Judge a placement in a crisis afterwards."""

    approved: bool


class ConsentIn(Shape):
    """Say yes in advance for the places of a location, up to and including a day, for some urgencies."""

    urgencies: Annotated[list[Literal["now", "today", "soon", "planned"]], Field(min_length=1, max_length=4)]
    until: date
    handover_point: Line | None = None


class CorrectionIn(Shape):
    """Read a decline otherwise than it was tagged. `seen` is the tag one looked at."""

    seen: DeclineTag
    tag: DeclineTag
    reason: Code


class AcceptIn(Shape):
    """Say yes. The hand-over point is one of the location's, needed when a first responder brings the party."""

    handover_point: Line | None = None


class GroupAcceptIn(Shape):
    """Say yes to everybody of a group who was asked for at one location, named by its id."""

    location: Code
    handover_point: Line | None = None


class DeclineIn(Shape):
    """Say no, with the coded reason; `criterion` names the ground where the code is `criterion`."""

    code: Code
    criterion: Code | None = None


class ReleaseIn(Shape):
    """Ask for the address, saying why; `password` when it was not given recently."""

    reason: Code
    password: Annotated[str, Field(max_length=200)] | None = None


class DepartIn(Shape):
    """The party left: where to, and perhaps why."""

    destination: Code
    reason: Code | None = None
    continuity: Code | None = None
    """What who left says of it, of their own choice: counted, and kept of nobody."""
    version: Version


class StayStepIn(Shape):
    """The party arrived."""

    version: Version


class NoShowIn(Shape):
    """The party did not come, and perhaps why."""

    reason: Code | None = None
    version: Version


class OccupyIn(Shape):
    """A place is in use by arrangement outside this system, perhaps by somebody of another group."""

    expected_departure: date | None = None
    other_group: bool = False


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
    weighed: str | None = None
    """Where somebody else goes first: what was weighed, never against whom."""


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
    consented: bool
    """Given in advance, by standing consent."""
    spoken: bool
    """Said over the phone and written down by the duty officer."""
    afterwards: bool
    """Not waited for in a crisis: its approval is asked afterwards."""
    approval_due_at: datetime | None


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
    extensions: int
    extensions_left: int
    extension_minutes: int
    decline_code: str | None
    decline_criterion: str | None
    handover_point: str | None
    handover_points: list[str]
    crisis_opens_at: datetime | None
    """From when a duty officer may place first and have it approved afterwards; null is never."""
    crisis_at: datetime | None
    answers: list[AnswerOut]


class RefusedOut(Shape):
    """A proposal that was not asked, and why."""

    proposal_id: str
    code: str


class OffersOut(Shape):
    """What became of asking several houses."""

    offers: list[OfferOut]
    refused: list[RefusedOut]


class OfferToAnswerOut(Shape):
    """An offer as those who must answer see it: who needs a place, never who they are or where they fear to be."""

    id: str
    short_code: str
    group_id: str | None
    """The same for people who were found together."""
    location_id: str
    location_code: str
    unit_code: str
    by: str
    answered: Answer | None
    sent_at: datetime
    hold_until: datetime
    seconds_left: int
    extensions: int
    extensions_left: int
    extension_minutes: int
    no_staff_minutes: int
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


class ApprovalOut(Shape):
    """A placement in a crisis that waits for an approval of one's organisation."""

    offer_id: str
    short_code: str
    location_code: str
    unit_code: str
    by: str
    placed_at: datetime
    approval_due_at: datetime


class NotNeededOut(Shape):
    """A question that is not needed any more. No case: its code and the room."""

    offer_id: str
    short_code: str
    location_code: str
    unit_code: str
    ended_at: datetime


class NotNowOut(Shape):
    """What one's own decline keeps from being offered to anybody for now."""

    id: str
    location_id: str
    location_code: str
    unit_code: str | None
    cause: str
    since: datetime
    until: datetime | None


class UnpublishedOut(Shape):
    """A ground one's house declined on without having published it, and how often lately."""

    location_id: str
    location_code: str
    criterion: str
    times: int


class DeclineOut(Shape):
    """A decline as the national desk reviews it: codes only, nothing of the case. `id` is the offer's."""

    id: str
    at: datetime
    provider: str
    location_code: str
    pool: str
    code: str
    criterion: str | None
    published: bool | None
    tag: DeclineTag
    corrected_from: DeclineTag | None
    correction_reason: str | None


class ConsentOut(Shape):
    """A yes in advance for one location."""

    id: str
    location_id: str
    location_code: str
    organisation_id: str
    urgencies: list[str]
    handover_point: str | None
    given_at: datetime
    valid_until: datetime


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


class PaidForOut(Shape):
    """A location in which a municipality of one's region has a share, with how it is used now.

    `own`, `lent` and `other_groups` are the places in use by requests from the regions of those who pay, from
    elsewhere, and by others; together with what was arranged outside this system they are `occupied`.
    """

    id: str
    code: str
    region_code: str
    pool: str
    agreement: AgreementOut
    places: int
    free: int
    occupied: int
    own: int
    lent: int
    other_groups: int


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


class TrustScoreOut(Shape):
    """Of so many offers to a location so many were refused on its own ground or not answered; `share` is smoothed."""

    location_id: str
    offers: int
    refused: int
    share: float
