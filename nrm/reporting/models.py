"""Reports to CoMensha. Nothing that says who somebody is: there is no column for it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class Report(SQLModel, table=True):
    """The report of one request, once. What it says of the party is read from the request until it is sent."""

    __tablename__ = "report"
    __table_args__ = (Index("report_due", "due_at", **only_where("state IN ('to_do', 'agreed')")),)

    request_id: str = Field(primary_key=True, foreign_key="request.id", max_length=40)
    state: str = Field(max_length=10)
    reason: str | None = Field(default=None, max_length=20)
    """Of `not`."""
    reporter_id: str | None = Field(default=None, foreign_key="organisation.id", index=True)
    """Who was chosen to report; NULL is whoever follows from the request. Once sent: who did."""
    pseudonymous: bool = False
    """Without a name although a name would be allowed. Once sent: whether it was."""
    found_on: date | None = None
    """When somebody was found; NULL is the day the request came in."""
    criteria_version: int
    criteria: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    """Answers to the police criteria. Never for a provider, the matching or a message."""
    sent: dict[str, Any] | None = Field(default=None, sa_type=Json)
    """What of the request it said when it was sent."""
    opened_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    reference: str | None = Field(default=None, max_length=20)
    """CoMensha's own number of it."""
    changed_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1
