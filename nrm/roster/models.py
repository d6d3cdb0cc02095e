"""The roster: lines to be manned, who stands on them when, and what follows from that."""

from datetime import date, datetime, time

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class RosterLine(SQLModel, table=True):
    """A role that has to be manned in one region, or nationally. Locked by whatever changes who stands on it."""

    __tablename__ = "roster_line"
    __table_args__ = (
        UniqueConstraint("role", "region_code"),
        Index("roster_line_national", "role", unique=True, **only_where("region_code IS NULL")),
        Index("roster_line_check", "check_due_at", **only_where("check_due_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    role: str = Field(max_length=30)
    region_code: str | None = Field(default=None, foreign_key="region.code")
    ranks: int = 1
    """2 when there has to be a second one too."""
    cover: str = Field(max_length=20)
    organisation_id: str = Field(foreign_key="organisation.id")
    """Who keeps it: outside whose office hours somebody has to stand on it."""
    check_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its recurring shifts and gaps must be worked out again; NULL for a line that is not used any more."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterPattern(SQLModel, table=True):
    """A recurring shift that people take in turn. It yields concrete slots."""

    __tablename__ = "roster_pattern"

    id: str = Field(primary_key=True, max_length=40)
    line_id: str = Field(foreign_key="roster_line.id", index=True)
    rank: int = 1
    weekdays: list[str] = Field(sa_type=Json)
    starts: time
    ends: time
    """By the clock on the wall; not later than `starts` is on the next day."""
    valid_from: date
    valid_until: date | None = None
    people: list[str] = Field(sa_type=Json)
    """Accounts, in the order of their turns."""
    turn_days: int = 7
    planned_until: date | None = None
    """Up to and including which day its slots have been made."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterSlot(SQLModel, table=True):
    """Somebody should be on duty from one instant until another. Of one line and rank no two overlap."""

    __tablename__ = "roster_slot"
    __table_args__ = (
        UniqueConstraint("pattern_id", "pattern_starts_at"),
        UniqueConstraint("line_id", "agenda_key"),
        Index("roster_slot_of_line", "line_id", "ends_at", **only_where("cancelled_at IS NULL")),
        Index("roster_slot_of_account", "account_id", "ends_at", **only_where("cancelled_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    line_id: str = Field(foreign_key="roster_line.id")
    rank: int = 1
    account_id: str = Field(foreign_key="account.id", max_length=40)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(max_length=20)
    pattern_id: str | None = Field(default=None, foreign_key="roster_pattern.id")
    pattern_starts_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """As which slot of its pattern it was made: it is made once, whatever became of it."""
    agenda_key: str | None = Field(default=None, max_length=64)
    """A hash of the event it was read from: reading a file twice plans it once."""
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterSwap(SQLModel, table=True):
    """A slot that somebody would rather not stand, offered to colleagues until one takes it."""

    __tablename__ = "roster_swap"
    __table_args__ = (
        Index("roster_swap_open", "slot_id", unique=True, **only_where("taken_at IS NULL AND withdrawn_at IS NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    slot_id: str = Field(foreign_key="roster_slot.id", index=True)
    offered_by: str = Field(foreign_key="account.id", max_length=40)
    offered_at: datetime = Field(sa_type=UtcDateTime)
    taken_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    taken_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterDeputy(SQLModel, table=True):
    """Somebody to call when whoever stands on a line does not answer, in order of `place`."""

    __tablename__ = "roster_deputy"

    id: str = Field(primary_key=True, max_length=40)
    line_id: str = Field(foreign_key="roster_line.id", index=True)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    place: int = 1
    valid_from: date
    valid_until: date | None = None
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterGap(SQLModel, table=True):
    """A stretch of time in which a line has to be manned and nobody is planned. Told ahead, and as it begins."""

    __tablename__ = "roster_gap"
    __table_args__ = (
        Index("roster_gap_open", "line_id", "rank", "from_at", unique=True, **only_where("closed_at IS NULL")),
        Index("roster_gap_due", "due_at", **only_where("due_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    line_id: str = Field(foreign_key="roster_line.id")
    rank: int = 1
    from_at: datetime = Field(sa_type=UtcDateTime)
    until_at: datetime = Field(sa_type=UtcDateTime)
    found_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When somebody is told that it comes; NULL once it is closed."""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RosterFeed(SQLModel, table=True):
    """A private address at which one person's own calendar reads their shifts. Only the hash of its token is kept."""

    __tablename__ = "roster_feed"
    __table_args__ = (Index("roster_feed_live", "account_id", unique=True, **only_where("revoked_at IS NULL")),)

    id: str = Field(primary_key=True, max_length=40)
    account_id: str = Field(foreign_key="account.id", max_length=40)
    token_hash: str = Field(max_length=64, unique=True)
    made_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    window_at: datetime = Field(sa_type=UtcDateTime)
    """Since when reads are counted, to slow down who reads without end."""
    window_reads: int = 0


class Arrangement(SQLModel, table=True):
    """Who does a task in a region, or who may decide what there, from one day up to and including another."""

    __tablename__ = "region_arrangement"

    id: str = Field(primary_key=True, max_length=40)
    region_code: str = Field(foreign_key="region.code", index=True)
    task: str = Field(max_length=20)
    organisation_id: str = Field(foreign_key="organisation.id")
    note: str | None = Field(default=None, max_length=300)
    valid_from: date
    valid_until: date | None = None
    written_by: str = Field(foreign_key="account.id", max_length=40)
    written_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
