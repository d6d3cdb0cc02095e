"""What comes in with a request, and what goes out to whom."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from nrm.intake.rules import (
    APART_MAX,
    DAYS_MAX,
    GROUP_PARTIES_MAX,
    PERSONS_MAX,
    Exploitation,
    Fact,
    Outcome,
    RepeatOutcome,
    RequestStatus,
    Residence,
    Sex,
    UnsafeReason,
    Urgency,
)
from nrm.shapes import Code, Shape, Version, clean_text


class PersonIn(Shape):
    """One member of the party; age in years."""

    sex: Sex
    age: Annotated[int, Field(ge=0, le=120)]
    age_estimated: bool = False
    parent: bool = False


class UnsafeIn(Shape):
    """Somewhere unsafe: a region or a municipality (widened to its region), and why."""

    region: Code | None = None
    municipality: Code | None = None
    reason: UnsafeReason = UnsafeReason.NETWORK


Persons = Annotated[tuple[PersonIn, ...], Field(min_length=1, max_length=PERSONS_MAX)]


class Circumstances(Shape):
    """What is known about people who seek a place, whoever they are."""

    urgency: Urgency
    exploitation: Exploitation = Exploitation.UNKNOWN
    residence: Residence = Residence.UNKNOWN
    facts: Annotated[dict[Code, Fact], Field(max_length=50, default_factory=dict)]
    needs: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    wishes: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    unsafe: Annotated[tuple[UnsafeIn, ...], Field(max_length=25)] = ()
    refuses_police: bool = False
    needed_from: datetime | None = None
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 14
    apart: Annotated[tuple[Annotated[str, Field(min_length=6, max_length=9)], ...], Field(max_length=APART_MAX)] = ()


class Needs(Circumstances):
    """What can be learned and amended later."""

    persons: Persons


class RequestIn(Needs):
    """A new request. Only region, urgency and the party are required; everything else is unknown until asked."""

    region: Code
    municipality: Code | None = None
    """Where in that region they were found or asked for help. None: not known, which is a full answer."""
    on_behalf_of: Code | None = None


class PartyIn(Shape):
    """People of a group who are never split; `apart` when they may not be in one house with the rest of the group."""

    persons: Persons
    apart: bool = False


class GroupIn(Circumstances):
    """People found together: what holds for all of them, and who they are, per party."""

    region: Code
    municipality: Code | None = None
    on_behalf_of: Code | None = None
    parties: Annotated[tuple[PartyIn, ...], Field(min_length=2, max_length=GROUP_PARTIES_MAX)]
    together: bool = True


class TogetherIn(Shape):
    """Whether a group goes to one house or nowhere, or may be spread over several."""

    together: bool


class MarkIn(Shape):
    """What tells persons apart, hashed at once and thrown away: first letters of first and last name, day of birth."""

    initials: Annotated[str, Field(min_length=2, max_length=10), AfterValidator(clean_text)]
    born: date


class RepeatOut(Shape):
    """Two requests that may be about one person: their codes and whom to phone, for the desk that mediates."""

    id: str
    codes: list[str]
    owners: list[str]
    phones: list[str | None]
    noticed_at: datetime


class RepeatEndIn(Shape):
    """What the desk found out."""

    outcome: RepeatOutcome


class PreAlertIn(Shape):
    """A planned check: where, from when until when, and about how many people may be found."""

    region: Code
    from_at: datetime
    until_at: datetime
    persons: Annotated[int, Field(ge=1, le=200)]


class PreAlertOut(Shape):
    """A planned check as its announcer and the duty desk see it."""

    id: str
    region: str
    from_at: datetime
    until_at: datetime
    persons: int
    organisation: str
    own: bool


class AmendIn(Needs):
    """A request as it should now read; `version` is the one the caller looked at."""

    version: Version


class MunicipalityIn(Shape):
    """In which municipality the party was found or asked for help, as known now; None: not known."""

    municipality: Code | None


class CloseIn(Shape):
    """Ending a request that was not placed, with its outcome."""

    outcome: Outcome
    version: Version


class PersonOut(Shape):
    sex: Sex
    age: int
    age_estimated: bool
    parent: bool


class UnsafeOut(Shape):
    region: str
    reason: UnsafeReason


class RequestOut(Shape):
    """A request as its owner sees it."""

    id: str
    short_code: str
    region: str
    municipality: str | None
    urgency: Urgency
    exploitation: Exploitation
    residence: Residence
    needed_from: datetime
    days: int
    refuses_police: bool
    minor_alone: bool
    needs: list[str]
    wishes: list[str]
    persons: list[PersonOut]
    facts: dict[str, Fact]
    unsafe: list[UnsafeOut]
    apart: list[str]
    owner_organisation_id: str
    owner_account_id: str | None
    submitted_by: str
    on_behalf_of: str | None
    handover_needed: bool
    group_id: str | None
    together: bool
    status: RequestStatus
    outcome: Outcome | None
    created_at: datetime
    closed_at: datetime | None
    deadline_at: datetime
    unmet: bool
    version: int


class SubmittedOut(Shape):
    """The receipt of a request: enough to find it again, on screen and on the phone."""

    id: str
    short_code: str
    minor_alone: bool
    deadline_at: datetime
    version: int


class GroupOut(Shape):
    """The requests of a group, as a receipt: one per party."""

    id: str
    requests: list[SubmittedOut]


class OpenCountOut(Shape):
    """How many requests wait in a region with an urgency, and how many of those are overdue."""

    region_code: str
    urgency: Urgency
    waiting: int
    overdue: int
