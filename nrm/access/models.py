"""Organisations, accounts, sessions, shifts, and the log of what was read."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime, only_where


class Organisation(SQLModel, table=True):
    """A body that takes part, reached through functional channels, never only through a person."""

    __tablename__ = "organisation"

    id: str = Field(primary_key=True, max_length=40)
    kind: str = Field(max_length=30, index=True)
    name: str = Field(max_length=120)
    region_code: str | None = Field(default=None, foreign_key="region.code")
    municipality_code: str | None = Field(default=None, max_length=8)
    """Which municipality it is, of one that is a municipality: its own area is that of its centre municipality."""
    email: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=30)


class Account(SQLModel, table=True):
    """Somebody who can log in, with one role, for one organisation."""

    __tablename__ = "account"

    id: str = Field(primary_key=True, max_length=40)
    login: str = Field(max_length=100, unique=True)
    name: str = Field(max_length=100)
    role: str = Field(max_length=30)
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    password_hash: str = Field(max_length=200)
    active: bool = True
    demo: bool = False


class LoginSession(SQLModel, table=True):
    """A logged-in browser. Only the hash of its token is kept."""

    __tablename__ = "login_session"

    id: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.id", index=True)
    csrf: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    authenticated_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginAttempt(SQLModel, table=True):
    """A failed login, kept to slow down guessing. Holds a hash of the login, which may be mistyped or private."""

    __tablename__ = "login_attempt"

    id: str = Field(primary_key=True, max_length=40)
    login_hash: str = Field(max_length=64, index=True)
    at: datetime = Field(sa_type=UtcDateTime)


class Shift(SQLModel, table=True):
    """A duty officer at work. One open shift per account."""

    __tablename__ = "shift"
    __table_args__ = (
        Index(
            "shift_open",
            "account_id",
            unique=True,
            **only_where("ended_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id")
    organisation_id: str = Field(foreign_key="organisation.id")
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ReadLog(SQLModel, table=True):
    """Who opened which case, when, as what and why; written in the transaction of the read itself."""

    __tablename__ = "read_log"

    id: str = Field(primary_key=True, max_length=40)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    account_id: str = Field(max_length=40, index=True)
    role: str = Field(max_length=30)
    organisation_id: str = Field(max_length=40)
    subject: str = Field(max_length=80, index=True)
    purpose: str = Field(max_length=40)
