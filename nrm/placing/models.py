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
    """Per reason code how many units and places it kept out, as `rules.shut_out`; safety is one merged code."""
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
    """A proposal sent to whoever may decide, with a hold on the places that lapses by itself.

    Several may be live for one request, at different locations: the first that is accepted in full wins, and
    `stay_current` below makes a second winner impossible.
    """

    __tablename__ = "offer"
    __table_args__ = (
        Index(
            "offer_live",
            "request_id",
            "location_id",
            unique=True,
            **only_where("status = 'live'"),
        ),
        Index(
            "offer_due",
            "hold_until",
            **only_where("status = 'live'"),
        ),
        Index(
            "offer_declined",
            "ended_at",
            **only_where("status = 'declined'"),
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
    extensions: int = 0
    """How often the hold was made longer."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    phoned: bool = False
    """The figure was not fresh and the sender says they phoned first."""
    handover_point: str | None = Field(default=None, max_length=200)
    decline_code: str | None = Field(default=None, max_length=30)
    decline_tag: str | None = Field(default=None, max_length=10)
    """On whose side the ground lies: as the code says, until the national desk reads it otherwise."""
    decline_criterion: str | None = Field(default=None, foreign_key="criterion.code")
    decline_published: bool | None = None
    """Whether the house had published that criterion as an exclusion when it declined on it."""
    hold_version: int
    authority_version: int | None = None
    """The policy that said who must answer, as it was at sending."""
    crisis_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Placed first, approved afterwards: the moment, and the duty officer."""
    crisis_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)


class OfferAnswer(SQLModel, table=True):
    """An answer that an offer needs, from one organisation; empty until given."""

    __tablename__ = "offer_answer"
    __table_args__ = (
        Index(
            "offer_answer_approval_due",
            "approval_due_at",
            **only_where("approval_due_at IS NOT NULL"),
        ),
    )

    offer_id: str = Field(primary_key=True, foreign_key="offer.id")
    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", index=True)
    by: str = Field(max_length=20)
    answer: str | None = Field(default=None, max_length=10)
    account_id: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    consent_id: str | None = Field(default=None, foreign_key="standing_consent.id", max_length=40)
    """The consent in advance that gave this answer."""
    spoken: bool = False
    """Said over the phone: `account_id` is the duty officer who heard it."""
    afterwards: bool = False
    """Not waited for in a crisis: asked for approval afterwards."""
    approval_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """By when; NULL once it is given, or when none is asked."""


class StandingConsent(SQLModel, table=True):
    """A yes in advance for the places of one location, from an organisation whose answer an offer there would need."""

    __tablename__ = "standing_consent"
    __table_args__ = (
        Index(
            "standing_consent_live",
            "location_id",
            "organisation_id",
            unique=True,
            **only_where("ended_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id")
    organisation_id: str = Field(foreign_key="organisation.id", index=True)
    urgencies: list[str] = Field(default_factory=list, sa_type=Json)
    handover_point: str | None = Field(default=None, max_length=200)
    given_at: datetime = Field(sa_type=UtcDateTime)
    given_by: str = Field(foreign_key="account.id", max_length=40)
    valid_until: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)


class NotNow(SQLModel, table=True):
    """A unit, or a whole location, that its provider said no for to anybody: until a moment, or until confirmed.

    Never ended by a write: it is over once `until` passed or somebody confirmed the location after `since`.
    """

    __tablename__ = "not_now"

    id: str = Field(primary_key=True, max_length=40)
    location_id: str = Field(foreign_key="location.id", index=True)
    unit_id: str | None = Field(default=None, foreign_key="unit.id")
    offer_id: str = Field(foreign_key="offer.id", unique=True)
    cause: str = Field(max_length=30)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeclineCorrection(SQLModel, table=True):
    """The national desk read a decline otherwise than it was tagged, and why. What was said before stays."""

    __tablename__ = "decline_correction"

    id: str = Field(primary_key=True, max_length=40)
    offer_id: str = Field(foreign_key="offer.id", index=True)
    tag_before: str = Field(max_length=10)
    tag: str = Field(max_length=10)
    reason: str = Field(max_length=30)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)


class Stay(SQLModel, table=True):
    """A party in a unit: planned, arrived, departed. Without a request when it was arranged outside this system."""

    __tablename__ = "stay"
    __table_args__ = (
        # However many houses were asked at once, a request has one stay that has not ended.
        Index(
            "stay_current",
            "request_id",
            unique=True,
            **only_where("ended_at IS NULL AND request_id IS NOT NULL"),
        ),
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
    other_group: bool = False
    """Somebody of another group, in a part of the house that is not kept for victims of human trafficking."""
    version: int = 1


class AddressRelease(SQLModel, table=True):
    """The one release of an address for a stay: to whom, when, why."""

    __tablename__ = "address_release"

    stay_id: str = Field(primary_key=True, foreign_key="stay.id")
    account_id: str = Field(foreign_key="account.id", max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
    reason: str = Field(max_length=30)


class ContinuityCount(SQLModel, table=True):
    """How many answered so at a departure, in one region and month. Nobody's own answer is kept anywhere."""

    __tablename__ = "continuity_count"

    region_code: str = Field(primary_key=True, foreign_key="region.code", max_length=8)
    month: date = Field(primary_key=True)
    """Its first day, by the calendar on the wall."""
    answer: str = Field(primary_key=True, max_length=10)
    answers: int
