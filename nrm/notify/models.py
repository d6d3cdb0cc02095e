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
        Index(
            "message_answered",
            "acknowledged_at",
            **only_where("acknowledged_at IS NOT NULL AND answer_noted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    unique_key: str = Field(max_length=120, unique=True)
    about: str = Field(max_length=80, index=True)
    channel: str = Field(max_length=10)
    recipient: str = Field(sa_type=Text)
    """As long as a contact point's address: what a browser gave to push to it is 300 characters and more."""
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
    account_id: str | None = Field(default=None, foreign_key="account.id", max_length=40, index=True)
    """Whose it is, when it goes to a person rather than to the mailbox of an organisation."""
    contact_point_id: str | None = Field(default=None, foreign_key="contact_point.id", max_length=40)
    reference: str | None = Field(default=None, max_length=120)
    """What the provider calls it."""
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the provider said that it arrived: on the device, which is not yet with the person."""
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the person answered it."""
    acknowledged_over: str | None = Field(default=None, max_length=10)
    answer_noted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When whoever the message was from took note of the answer."""


class ContactPoint(SQLModel, table=True):
    """One way to reach somebody who works here. It counts once a code that was sent there came back.

    The address is contact data of a colleague: it is here and in messages to it, and nowhere else.
    """

    __tablename__ = "contact_point"
    __table_args__ = (
        Index("contact_point_live", "account_id", "kind", "address", unique=True, **only_where("removed_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    kind: str = Field(max_length=10)
    address: str = Field(sa_type=Text)
    """A number, a mail address, a web address, or what a browser gave to push to it."""
    position: int
    added_at: datetime = Field(sa_type=UtcDateTime)
    code_hash: str | None = Field(default=None, max_length=64)
    code_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    code_tries: int = 0
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when nothing gets there any more."""
    last_error: str | None = Field(default=None, max_length=200)
