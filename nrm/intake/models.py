"""Requests and what belongs to them. No name, no birth date, no narrative: there is no column for one."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class PlacementRequest(SQLModel, table=True):
    """A request for a place. It always has an owner: an organisation, and perhaps a person in it.

    `deadline_at` is a due moment: escalation finds a request that still waits then. So is `alone_since`, from when it
    was known that it is about a minor alone.
    """

    __tablename__ = "request"
    __table_args__ = (
        Index("request_deadline_due", "deadline_at", **only_where("status IN ('open', 'offered')")),
        Index("request_status", "status"),
        Index("request_continues", "continues_id", unique=True),
        Index("request_created", "created_at"),
        Index("request_notifier_waits", "notifier_waits_since", **only_where("notifier_waits_since IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    short_code: str = Field(max_length=8, unique=True)
    region_code: str = Field(foreign_key="region.code")
    municipality_code: str | None = Field(default=None, max_length=8)
    """Where in that region they were found or asked for help; NULL is not known. For whoever may open the case alone:
    it says more of a person than a region does."""
    urgency: str = Field(max_length=10)
    exploitation: str = Field(max_length=20)
    residence: str = Field(max_length=10)
    needed_from: datetime = Field(sa_type=UtcDateTime)
    days: int
    refuses_police: bool
    minor_alone: bool
    needs: list[str] = Field(default_factory=list, sa_type=Json)
    wishes: list[str] = Field(default_factory=list, sa_type=Json)
    continues_id: str | None = Field(default=None, foreign_key="request.id")
    """The request this one follows on: the same party, in the next place."""
    submitted_by: str = Field(foreign_key="account.id", max_length=40)
    submitted_organisation_id: str = Field(foreign_key="organisation.id")
    on_behalf_of: str | None = Field(default=None, foreign_key="organisation.id")
    owner_organisation_id: str = Field(foreign_key="organisation.id", index=True)
    owner_account_id: str | None = Field(default=None, foreign_key="account.id")
    handover_needed: bool
    """A first responder asked: they get a hand-over point, never the address."""
    notifier_waits_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Somebody else notified, and has not heard yet how it ended."""
    status: str = Field(max_length=10)
    outcome: str | None = Field(default=None, max_length=20)
    created_at: datetime = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    ladder_version: int
    alone_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    waits_anew_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it last began to wait again after somebody had said yes; NULL while it waits for the first time."""
    group_id: str | None = Field(default=None, foreign_key="request.id", index=True)
    """The first request of the people who were found together with these; their requests are matched as one problem."""
    together: bool = False
    """Whether this party goes where the others of its group go that say the same, or nowhere."""
    version: int = 1


class RequestPerson(SQLModel, table=True):
    """One member of the party."""

    __tablename__ = "request_person"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    position: int = Field(primary_key=True)
    sex: str = Field(max_length=1)
    age: int
    age_estimated: bool = False
    parent: bool = False


class RequestFact(SQLModel, table=True):
    """What is known about one criterion. No row means unknown."""

    __tablename__ = "request_fact"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    criterion: str = Field(primary_key=True, foreign_key="criterion.code")
    value: str = Field(max_length=7)


class UnsafeRegion(SQLModel, table=True):
    """A region where this party may not be placed."""

    __tablename__ = "unsafe_region"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    region_code: str = Field(primary_key=True, foreign_key="region.code")
    reason: str = Field(max_length=20)


class KeptApart(SQLModel, table=True):
    """Another request, by its short code, with which this one may not share a location.

    Kept as typed: a code that does not exist is accepted too, so that nobody learns which codes exist.
    """

    __tablename__ = "kept_apart"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    other_code: str = Field(primary_key=True, max_length=8)


class PersonMark(SQLModel, table=True):
    """What tells that two requests may be about one person, and not about whom: a keyed hash of a thrown-away input."""

    __tablename__ = "person_mark"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    pseudonym: str = Field(primary_key=True, max_length=64, index=True)
    marked_by: str = Field(foreign_key="account.id", max_length=40, index=True)
    marked_at: datetime = Field(sa_type=UtcDateTime)


class Repeat(SQLModel, table=True):
    """Two requests that may be about one person, for the national desk to mediate. The older one first."""

    __tablename__ = "repeat"

    id: str = Field(primary_key=True, max_length=40)
    first_id: str = Field(foreign_key="request.id")
    second_id: str = Field(foreign_key="request.id")
    noticed_at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=20)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)

    __table_args__ = (UniqueConstraint("first_id", "second_id"),)


class PreAlert(SQLModel, table=True):
    """A planned check at which people may be found: where, when, about how many. Holds nothing."""

    __tablename__ = "pre_alert"

    id: str = Field(primary_key=True, max_length=40)
    region_code: str = Field(foreign_key="region.code")
    from_at: datetime = Field(sa_type=UtcDateTime)
    until_at: datetime = Field(sa_type=UtcDateTime, index=True)
    persons: int
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    announced_by: str = Field(foreign_key="account.id", max_length=40)
    announced_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Bar(SQLModel, table=True):
    """A location that is out for this request after a decline or silence, for good or until a moment."""

    __tablename__ = "request_bar"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    location_id: str = Field(primary_key=True, foreign_key="location.id")
    cause: str = Field(max_length=30)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    since: datetime = Field(sa_type=UtcDateTime)
