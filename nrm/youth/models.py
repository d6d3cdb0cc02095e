"""Whether somebody takes a minor over who is alone."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime, only_where


class YouthAsk(SQLModel, table=True):
    """A minor alone put before one organisation, once, with its answer. One takes over, never two."""

    __tablename__ = "youth_ask"
    __table_args__ = (
        UniqueConstraint("request_id", "organisation_id"),
        Index("youth_ask_taken", "request_id", unique=True, **only_where("answer = 'taken'")),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", max_length=40)
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    asked_at: datetime = Field(sa_type=UtcDateTime)
    answer: str | None = Field(default=None, max_length=10)
    reason: str | None = Field(default=None, max_length=20)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    spoken: bool = False
    """Said on the phone, and written down by the owner of the request."""
