"""When organisations are there."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime


class OfficePeriod(SQLModel, table=True):
    """Office hours of one organisation, per weekday, from one day up to and including another."""

    __tablename__ = "office_period"
    __table_args__ = (UniqueConstraint("organisation_id", "valid_from"),)

    id: str = Field(primary_key=True, max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id")
    valid_from: date
    valid_until: date | None = None
    hours: dict[str, list[str]] = Field(sa_type=Json)
    """Weekday → from and until, as 09:00. A weekday that is not named is closed."""


class OfficeHolidays(SQLModel, table=True):
    """On which public holidays one organisation is closed, where that differs from what policy says."""

    __tablename__ = "office_holidays"

    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id")
    holidays: list[str] = Field(sa_type=Json)


class OfficeClosure(SQLModel, table=True):
    """A stretch of time in which nobody is there."""

    __tablename__ = "office_closure"

    id: str = Field(primary_key=True, max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    from_at: datetime = Field(sa_type=UtcDateTime)
    until_at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(max_length=20)
