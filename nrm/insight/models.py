"""What the picture keeps: why each request had no place, and up to where the journal was read."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class PictureState(SQLModel, table=True):
    """Up to which journal entry the picture was brought. One row."""

    __tablename__ = "picture_state"
    __table_args__ = (CheckConstraint("id = 1", name="picture_state_single"),)

    id: int = Field(primary_key=True)
    seq: int


class UnmetCause(SQLModel, table=True):
    """Why a request had no place, from one moment until another; what it ended on has an outcome and no end."""

    __tablename__ = "unmet_cause"
    __table_args__ = (
        Index("unmet_cause_live", "request_id", unique=True, **only_where("until IS NULL")),
        Index("unmet_cause_ended", "since", **only_where("outcome IS NOT NULL")),
        Index("unmet_cause_until", "until", **only_where("until IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", index=True)
    cause: str = Field(max_length=20)
    detail: str = Field(default="", max_length=60)
    """Which rule, which code of a decline, or which outcome."""
    blockers: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """Everything that stood in the way, as the solver and whoever was asked said it then."""
    outcome: str | None = Field(default=None, max_length=20)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CaseCourse(SQLModel, table=True):
    """What happened to a request, read from the journal alone: emptied and read again it is the same."""

    __tablename__ = "case_course"
    __table_args__ = (Index("case_course_accepted", "accepted_at"), Index("case_course_closed", "closed_at"))

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    submitted_at: datetime = Field(sa_type=UtcDateTime, index=True)
    region: str = Field(max_length=8)
    municipality: str | None = Field(default=None, max_length=8)
    urgency: str = Field(max_length=10)
    persons: int
    profile: str = Field(max_length=15)
    office: bool | None = None
    follow_on: bool = False
    in_group: bool = False
    norm_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    accepted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    arrived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=20)
    pool: str | None = Field(default=None, max_length=12)
    placed_region: str | None = Field(default=None, max_length=8)
    unconditional: bool | None = None
    """Whether the place that was given excludes nobody."""
    indication: str | None = Field(default=None, max_length=7)
    """What was known of contra-indications when the place was given, as `placing.rules.Indication`."""
    destination: str | None = Field(default=None, max_length=30)


class Release(SQLModel, table=True):
    """The numbers of a month or a year as they were published. Written once: the database refuses to change a row."""

    __tablename__ = "release"

    period: str = Field(primary_key=True, max_length=7)
    """`2026` or `2026-03`."""
    released_at: datetime = Field(sa_type=UtcDateTime)
    as_of: datetime = Field(sa_type=UtcDateTime)
    """As the journal knew it then."""
    definition_version: int
    definition: dict[str, Any] = Field(sa_type=Json)
    """The tables and the rules that were in force, in full."""
    numbers: list[Any] = Field(sa_type=Json)
    """Per number of what it is, as dimension and code, and what is shown; null is left out."""
    withheld: bool = False
    """Nothing of it is shown, because whatever was left out something small could be worked out."""
    digest: str = Field(max_length=64)
    """Of all of it. The journal has it too, so that a changed number shows."""
    counted: list[Any] | None = Field(default=None, sa_type=Json)
    """Of a month, what it adds to every number of its year, exactly: for the year, and to protect what comes later."""


class CaseWait(SQLModel, table=True):
    """From when until when a request waited for a place; the next one when whoever was expected did not come."""

    __tablename__ = "case_wait"
    __table_args__ = (Index("case_wait_span", "since", "until"),)

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    number: int = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StatementVersion(SQLModel, table=True):
    """A shortage statement as it was made, of codes and numbers alone. Written once: the database refuses a change.

    A correction is a row of its own, with the next number and why.
    """

    __tablename__ = "statement"
    __table_args__ = (UniqueConstraint("kind", "region_code", "since", "version"),)

    id: str = Field(primary_key=True, max_length=40)
    kind: str = Field(max_length=10)
    region_code: str = Field(max_length=8)
    """Empty for the whole country."""
    since: date
    version: int
    made_at: datetime = Field(sa_type=UtcDateTime, index=True)
    made_by: str = Field(max_length=40)
    reason: str | None = Field(default=None, max_length=20)
    """Why a correction was made; None of the first."""
    body: dict[str, Any] = Field(sa_type=Json)
    counted: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """What it counted, exactly, told or not: whatever comes out later is laid beside it."""


class StatementSubscription(SQLModel, table=True):
    """Somebody who wants to hear that statements of a kind are there, of one region or of the country."""

    __tablename__ = "statement_subscription"

    account_id: str = Field(primary_key=True, foreign_key="account.id", max_length=40)
    kind: str = Field(primary_key=True, max_length=10)
    region_code: str = Field(primary_key=True, max_length=8)
    since: datetime = Field(sa_type=UtcDateTime)


class Comparison(SQLModel, table=True):
    """A policy or pilot and its day: the time before and after it are laid side by side, each time it is looked at."""

    __tablename__ = "comparison"

    id: str = Field(primary_key=True, max_length=40)
    name: str = Field(max_length=80)
    region_code: str = Field(max_length=8)
    """Where it held; empty for the whole country."""
    begins_on: date
    ends_on: date | None = None
    """The day after its last, of a pilot that ended."""
    days: int
    """How long before and after are, at most."""
    made_by: str = Field(foreign_key="account.id", max_length=40)
    made_at: datetime = Field(sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class NightLook(SQLModel, table=True):
    """Which places were free in one night, and who waited then. Looked at once, while it was so."""

    __tablename__ = "night_look"

    night: date = Field(primary_key=True)
    """Named after its evening."""
    at: datetime = Field(sa_type=UtcDateTime)
    seen: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """As `nights.Seen`."""


class BoardLook(SQLModel, table=True):
    """How many places of each kind there were in each region, counted in one hour. Counted once, while it was so."""

    __tablename__ = "board_look"

    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    """The whole hour in which it was counted."""
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    seen: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    """Under `rows` per region and pool the numbers of a `BoardRow`."""


class SituationHouses(SQLModel, table=True):
    """The houses as the search for places saw them, once for every situation in which they were the same."""

    __tablename__ = "situation_houses"

    digest: str = Field(primary_key=True, max_length=64)
    content: bytes = Field(sa_type=LargeBinary)


class Situation(SQLModel, table=True):
    """What the search for places had before it while somebody had no place: kept so that it can be asked again.

    Who waited is in it by the id of the request and by what decides where they can stay, as in the request itself.
    """

    __tablename__ = "situation"
    __table_args__ = (Index("situation_new", "at", **only_where("state = 'new'")),)

    id: str = Field(primary_key=True, max_length=40)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    houses: str = Field(foreign_key="situation_houses.digest", index=True)
    content: bytes = Field(sa_type=LargeBinary)
    unplaced: list[str] = Field(default_factory=list, sa_type=Json)
    """The requests for which there was no place that could be relied on."""
    state: str = Field(default="new", max_length=10)
    """`new`; `left_out` of the sample; `asked` again for everything, or `cut` short by the time there was for it."""


class RemedyLine(SQLModel, table=True):
    """One thing that could have been different, and whom it would house by now, up to where situations were asked."""

    __tablename__ = "remedy_line"

    id: str = Field(primary_key=True, max_length=40)
    key: str = Field(max_length=160, unique=True)
    remedy: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    claims: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """Who would be there, in which unit and until when."""


class RemedyGain(SQLModel, table=True):
    """How many more would have had a place, on one day, by one thing that could have been different."""

    __tablename__ = "remedy_gain"

    line_id: str = Field(primary_key=True, foreign_key="remedy_line.id")
    day: date = Field(primary_key=True, index=True)
    requests: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    """By the region they were found in. Below zero where a place that was counted on turned out to be needed."""
    persons: dict[str, int] = Field(default_factory=dict, sa_type=Json)


class ReplayState(SQLModel, table=True):
    """Up to which day situations were drawn and asked again. One row."""

    __tablename__ = "replay_state"
    __table_args__ = (CheckConstraint("id = 1", name="replay_state_single"),)

    id: int = Field(primary_key=True)
    drawn_until: date | None = None
    """The first day of which nothing was drawn yet."""
    told_on: date | None = None
    """When the answers were last added up."""


class RemedyAnswer(SQLModel, table=True):
    """What would have helped most over a period, added up at night: `scope` is a region, or empty for the country."""

    __tablename__ = "remedy_answer"

    days: int = Field(primary_key=True)
    scope: str = Field(primary_key=True, max_length=8)
    rank: int = Field(primary_key=True)
    content: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
