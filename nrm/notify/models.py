"""Messages as rows: written with the change they tell of, delivered by the worker at least once."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime, only_where


class Message(SQLModel, table=True):
    """One message over one channel. `id` goes along, so that a receiver can drop a second delivery.

    `unique_key` makes queueing the same message twice impossible. Never holds personal data.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index(
            "message_due",
            "due_at",
            **only_where("due_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    unique_key: str = Field(max_length=120, unique=True)
    about: str = Field(max_length=80, index=True)
    channel: str = Field(max_length=10)
    recipient: str = Field(max_length=200)
    subject: str = Field(max_length=200)
    body: str = Field(sa_type=Text)
    queued_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the next try is due; NULL when there is nothing left to do."""
    tries: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str | None = Field(default=None, max_length=200)
