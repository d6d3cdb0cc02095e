"""What the picture keeps: why each request had no place, and up to where the journal was read."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
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
