"""The exercise a database is for, the steps of its script, and how its houses answer. Empty anywhere else."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from nrm.columns import UtcDateTime, only_where

THE_ONE = 1


class Exercise(SQLModel, table=True):
    """One row: this database is an exercise. Every moment is one of the exercise's own clock."""

    __tablename__ = "exercise"

    id: int = Field(default=THE_ONE, primary_key=True, sa_column_kwargs={"autoincrement": False})
    seed: int
    clock_at: datetime = Field(sa_type=UtcDateTime)
    """How late it was when the clock was last set going or stopped."""
    pace: int = 0
    """How many times as fast as the wall's the clock runs; 0 stands still."""
    starts_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    skip_to: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The moment it is on its way to, as fast as it can."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ExerciseStep(SQLModel, table=True):
    """A step of the script, or one that the leader put in. Played once: `played_at` is the guard."""

    __tablename__ = "exercise_step"
    __table_args__ = (Index("exercise_step_due", "due_at", **only_where("played_at IS NULL")),)

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(max_length=20)
    lasts_minutes: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    put_in_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    played_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=10)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Of an outage: when it is over."""
    over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ExerciseManner(SQLModel, table=True):
    """How one organisation answers when nobody plays it, from the first time it is asked."""

    __tablename__ = "exercise_manner"

    organisation_id: str = Field(primary_key=True, foreign_key="organisation.id", max_length=40)
    manner: str = Field(max_length=20)
