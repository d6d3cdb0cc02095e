"""The night on record: calls, what was handed over each morning and who took it, and the lists made for an outage."""

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime, only_where


class PhoneCall(SQLModel, table=True):
    """Who phoned which organisation, when, about which request or house. There is no column for what was said."""

    __tablename__ = "phone_call"

    id: str = Field(primary_key=True, max_length=40)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    location_id: str | None = Field(default=None, foreign_key="location.id")
    request_id: str | None = Field(default=None, foreign_key="request.id", index=True)
    result: str = Field(max_length=12)


class ErrandDue(SQLModel, table=True):
    """When something that comes round by the clock is due next: a region's hand-over, a desk's night list."""

    __tablename__ = "errand"

    errand: str = Field(primary_key=True, max_length=12)
    subject: str = Field(primary_key=True, max_length=40)
    """The code of a region, or the id of an organisation with duty officers."""
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)


class Handover(SQLModel, table=True):
    """The open cases of one region on one morning, given back by the night. One per region and morning, ever.

    Until it is acknowledged the night keeps them; `again_at` is when it rings again, NULL when it will not.
    """

    __tablename__ = "handover"
    __table_args__ = (
        UniqueConstraint("region_code", "morning"),
        Index("handover_again", "again_at", **only_where("again_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    region_code: str = Field(foreign_key="region.code")
    morning: date
    organisation_id: str | None = Field(default=None, foreign_key="organisation.id", index=True)
    """Whom it goes to. NULL: the region has nobody who takes part, so it stays with the night."""
    made_at: datetime = Field(sa_type=UtcDateTime)
    cases: int
    rings: int = 0
    again_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the next morning took its place, or nothing of it was open any more."""


class HandoverCase(SQLModel, table=True):
    """One request on a hand-over."""

    __tablename__ = "handover_case"

    handover_id: str = Field(primary_key=True, foreign_key="handover.id")
    request_id: str = Field(primary_key=True, foreign_key="request.id")


class NightList(SQLModel, table=True):
    """A list made for an outage: by whom and why. The file itself is locked, and goes when its time is over."""

    __tablename__ = "night_list"
    __table_args__ = (Index("night_list_kept", "expires_at", **only_where("file IS NOT NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    reason: str = Field(max_length=10)
    made_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    file: bytes | None = Field(default=None, sa_type=LargeBinary)
