"""Policy that somebody proposes and somebody else puts in force."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class PolicyDraft(SQLModel, table=True):
    """A whole body of one kind of policy, made from the version in force at the time. One waits per kind at most."""

    __tablename__ = "policy_draft"
    __table_args__ = (Index("policy_draft_waits", "kind", unique=True, **only_where("state = 'waiting'")),)

    id: str = Field(primary_key=True, max_length=40)
    kind: str = Field(max_length=20, index=True)
    base_version: int
    """The version in force that it was made from: activated on top of no other."""
    body: dict[str, Any] = Field(sa_type=Json)
    note: str = Field(max_length=400)
    author_id: str = Field(foreign_key="account.id", max_length=40)
    state: str = Field(max_length=10)
    """waiting, activated, declined or withdrawn."""
    opened_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    reason: str | None = Field(default=None, max_length=400)
    """Why it was declined."""
    became: int | None = None
    """The version it is in force as."""
    version: int = 1
