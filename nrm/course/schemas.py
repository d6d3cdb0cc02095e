"""What goes in and out of the course of a placement."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from nrm.course.rules import (
    AftercareItem,
    AftercareOwner,
    AftercareState,
    BridgeEnd,
    BridgeKind,
    Driver,
    FeedbackStep,
    OutcomeClass,
    TariffState,
)
from nrm.intake.rules import Fact
from nrm.shapes import Code, Line, Shape, Version

Cents = Annotated[int, Field(ge=0, le=10_000_00)]
FirstVersion = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""The version of a record that may not exist yet: 0 while it does not."""


class BridgeIn(Shape):
    """Record where somebody spends the night. `replaces` is the live bridge the caller looked at, if any."""

    kind: BridgeKind
    municipality: Code | None = None
    """Who pays. None: nobody knows yet, which is a full answer at night."""
    cents_per_night: Cents | None = None
    safe: Fact = Fact.UNKNOWN
    first_night: date | None = None
    expected_last_night: date | None = None
    replaces: Code | None = None


class BridgeOut(Shape):
    id: str
    kind: BridgeKind
    municipality: str | None
    cents_per_night: int | None
    safe: Fact
    first_night: date
    expected_last_night: date | None
    nights: int
    """Until now, or until it ended."""
    recorded_at: datetime
    ended_at: datetime | None
    end_cause: BridgeEnd | None


class PayerIn(Shape):
    """Who pays for a bridge of which that was not known."""

    municipality: Code


class BridgeNightsOut(Shape):
    """What bridges cost one municipality in a period. `nights_without_price` are not in `cents`.

    Without a municipality: those found in the region of which nobody said yet who pays.
    """

    municipality: str | None
    region: str
    bridges: int
    live: int
    nights: int
    nights_without_price: int
    cents: int


class AftercareIn(Shape):
    """How one item of the checklist stands now."""

    state: AftercareState
    owner: AftercareOwner
    due_on: date | None = None
    ends_on: date | None = None
    version: Version


class AftercareOut(Shape):
    item: AftercareItem
    owner: AftercareOwner
    state: AftercareState
    due_on: date | None
    ends_on: date | None
    overdue: bool
    ends_soon: bool
    """Of `b8`: somebody must see to it that it ends soon, and nobody did yet."""
    changed_by: str | None
    changed_at: datetime
    version: int


class DepartureIn(Shape):
    """Another expected departure, null when nobody knows; past the pool's maximum it needs a reason."""

    on: date | None
    reason: Code | None = None
    version: Version


class BlockageIn(Shape):
    """What keeps somebody in a place who could leave it."""

    cause: Code


class BlockageOut(Shape):
    cause: str
    since: datetime


class DestinationIn(Shape):
    """What became of somebody who left without a destination."""

    destination: Code
    version: Version


class GettingThereIn(Shape):
    """How the party comes to the place; never where it is."""

    driver: Driver
    escort: bool = False
    interpreter: Code | None = None
    handover_point: Line | None = None
    handover_at: datetime | None = None
    version: FirstVersion = 0


class GettingThereOut(Shape):
    driver: Driver
    escort: bool
    interpreter: str | None
    handover_at: datetime | None
    recorded_at: datetime
    version: int


class StayCourseOut(Shape):
    """The course of one stay: for its provider and the owner of its request."""

    stay_id: str
    short_code: str | None
    status: str
    pool: str
    arrived_at: datetime | None
    expected_departure: date | None
    ends_at_most: date | None
    over_maximum: bool
    extension_reason: str | None
    aftercare: list[AftercareOut]
    blockage: BlockageOut | None
    getting_there: GettingThereOut | None
    handover_point: str | None
    handover_points: list[str]
    version: int


class HandoverSummaryIn(Shape):
    """What the next provider should know, in codes."""

    facts: Annotated[dict[Code, Fact], Field(max_length=50, default_factory=dict)]
    needs: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    wishes: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    version: FirstVersion = 0


class HandoverSummaryOut(Shape):
    """What the previous provider says, in codes, and how far its aftercare is."""

    facts: dict[str, Fact]
    needs: list[str]
    wishes: list[str]
    aftercare: dict[AftercareItem, AftercareState]
    written_at: datetime
    version: int


class FollowOnOut(Shape):
    """A request on the same line: the one before, or the one after."""

    request_id: str
    short_code: str
    status: str
    needed_from: datetime


class FeedbackOut(Shape):
    """What whoever notified was told, and when."""

    step: FeedbackStep
    at: datetime
    outcome: OutcomeClass | None


class FollowedCourseOut(Shape):
    """What a first responder hears of what they asked: steps, and when to be at the hand-over point."""

    feedback: list[FeedbackOut]
    handover_at: datetime | None


class SettlementIn(Shape):
    """Who pays: the legal municipality and the centre municipality that pays."""

    legal: Code
    paying: Code
    tariff: TariffState = TariffState.OPEN
    version: FirstVersion = 0


class TariffIn(Shape):
    """The tariff is agreed or disputed."""

    tariff: TariffState
    version: Version


class SettlementOut(Shape):
    """A settlement without anything of the case: its own reference only."""

    id: str
    legal: str
    paying: str
    tariff: TariffState
    tariff_since: datetime
    opened_at: datetime
    version: int


class ReciprocityOut(Shape):
    """How many parties found in a region were placed elsewhere, and how many from elsewhere stay there."""

    region: str
    sent: int
    received: int
    own: int


class TransferIn(Shape):
    """Offer a request to another organisation."""

    to: Code


class TransferOut(Shape):
    """An offer to take a request over: enough to decide, and nothing of the case."""

    id: str
    request_id: str | None
    """Only for its owner."""
    short_code: str
    region: str
    urgency: str
    status: str
    deadline_at: datetime
    from_organisation: str
    to_organisation: str
    offered_at: datetime


class RequestCourseOut(Shape):
    """What happens around one request: bridges, follow-on, feedback, settlement, transfer."""

    bridges: list[BridgeOut]
    follows: FollowOnOut | None
    follow_on: FollowOnOut | None
    feedback: list[FeedbackOut]
    settlement: SettlementOut | None
    transfer: TransferOut | None
