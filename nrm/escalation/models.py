"""Alarms: rungs of the ladder that came due. And the heartbeat of what must keep running."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime


class Alarm(SQLModel, table=True):
    """One rung that came due for one request: whom it addresses, and who took it. Fires exactly once."""

    __tablename__ = "alarm"
    __table_args__ = (UniqueConstraint("request_id", "trigger", "rung"),)

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", index=True)
    trigger: str = Field(max_length=20)
    rung: int
    role: str = Field(max_length=30)
    due_at: datetime = Field(sa_type=UtcDateTime)
    fired_at: datetime = Field(sa_type=UtcDateTime)
    reached: int
    """How many addressees a message was queued for; 0 is recorded too: nobody could be told."""
    claimed_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Heartbeat(SQLModel, table=True):
    """When a part last said that it works."""

    __tablename__ = "heartbeat"

    part: str = Field(primary_key=True, max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
