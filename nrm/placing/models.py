"""Proposals, offers, answers, stays, and the release of an address."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class MatchState(SQLModel, table=True):
    """Up to which journal entry the matcher has looked. One row."""

    __tablename__ = "match_state"
    __table_args__ = (CheckConstraint("id = 1", name="match_state_single"),)

    id: int = Field(primary_key=True)
    seq: int
    matched_at: datetime = Field(sa_type=UtcDateTime)


class ProposalSet(SQLModel, table=True):
    """What the solver said about one request at one moment; a new answer replaces it, the old one stays as history."""

    __tablename__ = "proposal_set"
    __table_args__ = (
        Index(
            "proposal_set_current",
            "request_id",
            unique=True,
            **only_where("replaced_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id")
    computed_at: datetime = Field(sa_type=UtcDateTime)
    replaced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    journal_seq: int
    """The newest journal entry the solver's input contained."""
    matching_version: int
    pools_version: int
    proven: bool
    shut_out: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """Per reason code how many units and places it kept out; safety reasons are one merged code."""
    would_place: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    """For an unplaced request: sets of codes that, lifted, would place it, and at how many units."""
    digest: str = Field(max_length=64)


class Proposal(SQLModel, table=True):
    """One place the solver proposes for a request, with what speaks for it and what it costs."""

    __tablename__ = "proposal"
    __table_args__ = (UniqueConstraint("set_id", "rank"),)

    id: str = Field(primary_key=True, max_length=40)
    set_id: str = Field(foreign_key="proposal_set.id", index=True)
    request_id: str = Field(foreign_key="request.id", index=True)
    rank: int
    unit_id: str = Field(foreign_key="unit.id")
    location_id: str = Field(foreign_key="location.id")
    location_version: int
    fit: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class Offer(SQLModel, table=True):
    """A proposal sent to whoever may decide, with a hold on the places that lapses by itself."""

    __tablename__ = "offer"
    __table_args__ = (
        Index(
            "offer_live",
            "request_id",
            unique=True,
            **only_where("status = 'live'"),
        ),
        Index(
            "offer_due",
            "hold_until",
            **only_where("status = 'live'"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str = Field(foreign_key="request.id", index=True)
    proposal_id: str = Field(foreign_key="proposal.id")
    unit_id: str = Field(foreign_key="unit.id")
    location_id: str = Field(foreign_key="location.id", index=True)
    status: str = Field(max_length=10)
    sent_at: datetime = Field(sa_type=UtcDateTime)
    sent_by: str = Field(foreign_key="account.id", max_length=40)
    hold_until: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    phoned: bool = False
    """The figure was not fresh and the sender says they phoned first."""
    handover_point: str | None = Field(default=None, max_length=200)
    decline_code: str | None = Field(default=None, max_length=30)
    hold_version: int


class OfferAnswer(SQLModel, table=True):
    """An answer that an offer needs, from one organisation; empty until given."""

    __tablename__ = "offer_answer"

    offer_id: str = Field(primary_key=True, foreign_key="offer.id")
    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", index=True)
    by: str = Field(max_length=20)
    answer: str | None = Field(default=None, max_length=10)
    account_id: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Stay(SQLModel, table=True):
    """A party in a unit: planned, arrived, departed. Without a request when it was arranged outside this system."""

    __tablename__ = "stay"
    __table_args__ = (
        Index("stay_arrived", "request_id", **only_where("status = 'arrived'")),
        Index("stay_no_destination", "request_id", **only_where("destination = 'unknown'")),
    )

    id: str = Field(primary_key=True, max_length=40)
    request_id: str | None = Field(default=None, foreign_key="request.id", index=True)
    offer_id: str | None = Field(default=None, foreign_key="offer.id", unique=True)
    unit_id: str = Field(foreign_key="unit.id")
    location_id: str = Field(foreign_key="location.id", index=True)
    status: str = Field(max_length=12)
    persons: int
    planned_at: datetime = Field(sa_type=UtcDateTime)
    arrived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expected_departure: date | None = None
    destination: str | None = Field(default=None, max_length=30)
    end_reason: str | None = Field(default=None, max_length=30)
    """Why the party left, or did not come."""
    version: int = 1


class AddressRelease(SQLModel, table=True):
    """The one release of an address for a stay: to whom, when, why."""

    __tablename__ = "address_release"

    stay_id: str = Field(primary_key=True, foreign_key="stay.id")
    account_id: str = Field(foreign_key="account.id", max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(max_length=30)
