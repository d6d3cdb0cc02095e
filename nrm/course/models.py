"""What happens around a placement: bridges, signals, aftercare, getting there, feedback, settlement, transfers."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class Bridge(SQLModel, table=True):
    """Where somebody without a place spends the night meanwhile. One live per request; the request keeps waiting.

    `deadline_at` is the request's deadline as this bridge brought it forward: it never moves back.
    """

    __tablename__ = "bridge"
    __table_args__ = (
        Index("bridge_live", "request_id", unique=True, **only_where("ended_at IS NULL")),
        Index("bridge_nights", "first_night"),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", index=True)
    kind: str = Field(max_length=12)
    municipality_code: str | None = Field(default=None, max_length=8)
    """Who pays; None while nobody knows."""
    cents_per_night: int | None = None
    safe: str = Field(max_length=7)
    """Whether somebody keeps the party safe there: yes, no or unknown."""
    first_night: date
    expected_last_night: date | None = None
    last_night: date | None = None
    recorded_by: str = Field(foreign_key="account.id", max_length=40)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end_cause: str | None = Field(default=None, max_length=10)


class Signal(SQLModel, table=True):
    """Something that must become an alarm at once. Written here, found and fired by escalation, exactly once."""

    __tablename__ = "signal"
    __table_args__ = (
        UniqueConstraint("request_id", "kind", "number"),
        Index("signal_due", "due_at", **only_where("fired_at IS NULL AND over_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id")
    kind: str = Field(max_length=20)
    number: int
    """The how-manieth of its kind for this request; of the end of a B8 the day itself, as its ordinal."""
    due_at: datetime = Field(sa_type=UtcDateTime)
    fired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When what it was about was over; its alarm ends with it."""


class Aftercare(SQLModel, table=True):
    """One item of the checklist of a stay: who sees to it, until when, and how it stands."""

    __tablename__ = "aftercare"

    stay_id: str = Field(primary_key=True, foreign_key="stay.id")
    item: str = Field(primary_key=True, max_length=20)
    owner: str = Field(max_length=20)
    state: str = Field(max_length=15)
    due_on: date | None = None
    ends_on: date | None = None
    """Of `b8`: until when the permit lasts."""
    changed_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class Extension(SQLModel, table=True):
    """Another expected departure, said by somebody; with a reason where it passes the pool's maximum."""

    __tablename__ = "extension"

    id: str = Field(primary_key=True, max_length=40)
    stay_id: str = Field(foreign_key="stay.id", index=True)
    was: date | None = None
    becomes: date
    reason: str | None = Field(default=None, max_length=20)
    by: str = Field(foreign_key="account.id", max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)


class Blockage(SQLModel, table=True):
    """Somebody could leave a place but cannot: why, and since when. One live per stay."""

    __tablename__ = "blockage"
    __table_args__ = (Index("blockage_live", "stay_id", unique=True, **only_where("ended_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    stay_id: str = Field(foreign_key="stay.id", index=True)
    cause: str = Field(max_length=30)
    since: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(foreign_key="account.id", max_length=40)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class GettingThere(SQLModel, table=True):
    """How the party comes to the place. Where to is the hand-over point of the offer, never an address."""

    __tablename__ = "getting_there"

    stay_id: str = Field(primary_key=True, foreign_key="stay.id")
    driver: str = Field(max_length=12)
    escort: bool = False
    """Somebody goes along with the party."""
    interpreter: str | None = Field(default=None, max_length=8)
    """The language somebody interprets at the intake, where one is needed."""
    handover_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    recorded_by: str = Field(foreign_key="account.id", max_length=40)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class HandoverSummary(SQLModel, table=True):
    """What the provider of a stay tells the provider of the follow-on. In codes: there is no column for a story."""

    __tablename__ = "handover_summary"

    stay_id: str = Field(primary_key=True, foreign_key="stay.id")
    facts: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    needs: list[str] = Field(default_factory=list, sa_type=Json)
    wishes: list[str] = Field(default_factory=list, sa_type=Json)
    written_by: str = Field(foreign_key="account.id", max_length=40)
    written_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class Feedback(SQLModel, table=True):
    """A step that whoever notified was told of, once."""

    __tablename__ = "feedback"

    request_id: str = Field(primary_key=True, foreign_key="request.id")
    step: str = Field(primary_key=True, max_length=10)
    at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=15)


class Settlement(SQLModel, table=True):
    """Who pays for a placement: after it and apart from it, never a condition for a bed."""

    __tablename__ = "settlement"

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", unique=True)
    legal_code: str = Field(max_length=8)
    paying_code: str = Field(max_length=8, index=True)
    tariff: str = Field(max_length=10)
    tariff_since: datetime = Field(sa_type=UtcDateTime)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1


class Transfer(SQLModel, table=True):
    """An offer to hand a request over to another organisation. Until it is taken the old owner has it."""

    __tablename__ = "transfer"
    __table_args__ = (Index("transfer_live", "request_id", unique=True, **only_where("ended_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", index=True)
    from_organisation_id: str = Field(foreign_key="organisation.id")
    to_organisation_id: str = Field(foreign_key="organisation.id", index=True)
    offered_by: str = Field(foreign_key="account.id", max_length=40)
    offered_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    taken_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
