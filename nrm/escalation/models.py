"""Escalations, their alarms: rungs of a ladder that came due. And the heartbeat of what must keep running."""

from datetime import datetime

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from nrm.columns import Json, UtcDateTime, only_where


class Escalation(SQLModel, table=True):
    """Something nobody may leave lying, from when it came due until it is over. It climbs the ladder it opened under.

    `subject` is a word and an id: `request:…`, `offer:…`, `stay:…`, `location:…`, `region:…`, `slot:…`, `slot_begun:…`,
    or `country`.
    All that are live for one request are one card for people: taken, answered and told of together.

    `rung_due_at` is the due moment of the next rung, NULL when no rung is left or it ended; `rung_next` is its number,
    which only rises, and `rung_first` the number at which the ladder began: again from the bottom when whoever had it
    went silent. It rests while `claim_until` or `responsible_until` is set.
    """

    __tablename__ = "escalation"
    __table_args__ = (
        UniqueConstraint("trigger", "subject", "number"),
        Index("escalation_live", "trigger", "subject", **only_where("ended_at IS NULL")),
        Index("escalation_due", "rung_due_at", **only_where("rung_due_at IS NOT NULL")),
        Index("escalation_claim_due", "claim_until", **only_where("claim_until IS NOT NULL")),
        Index("escalation_responsible_due", "responsible_until", **only_where("responsible_until IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    trigger: str = Field(max_length=20)
    subject: str = Field(max_length=80)
    number: int
    """The how-manieth of its trigger for this subject; of the end of a B8 the day itself, as its ordinal."""
    region_code: str | None = Field(default=None, max_length=8)
    urgency: str | None = Field(default=None, max_length=10)
    request_id: str | None = Field(default=None, foreign_key="request.id", index=True)
    cause_at: datetime = Field(sa_type=UtcDateTime)
    """The moment its cause came about. It opens once for each, so that a clock put back rings nothing again."""
    ladder_version: int
    ladder_line: int
    hours: str = Field(max_length=12)
    """Whether offices were open when it opened."""
    due_at: datetime = Field(sa_type=UtcDateTime)
    """When its cause came due; the ladder counts from here."""
    opened_at: datetime = Field(sa_type=UtcDateTime)
    pace_percent: int = 100
    rung_first: int = 0
    rung_next: int = 0
    rung_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    """Who took it, or last took it; now only while `claim_until` is set."""
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claim_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    responsible_id: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    """Who sees to it, or last did; now only while `responsible_until` is set."""
    responsible_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    responsible_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    responsible_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When to look whether they are silent."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    end: str | None = Field(default=None, max_length=10)


class Alarm(SQLModel, table=True):
    """One rung that came due: whom it spoke to, and what became of it. Fires exactly once."""

    __tablename__ = "alarm"
    __table_args__ = (
        UniqueConstraint("escalation_id", "rung"),
        Index("alarm_answer_due", "answer_due_at", **only_where("answer_due_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    escalation_id: str = Field(foreign_key="escalation.id")
    rung: int
    role: str = Field(max_length=30)
    channels: list[str] = Field(default_factory=list, sa_type=Json)
    told: list[str] = Field(default_factory=list, sa_type=Json)
    """The organisations it spoke to."""
    due_at: datetime = Field(sa_type=UtcDateTime)
    fired_at: datetime = Field(sa_type=UtcDateTime)
    reached: int
    """How many messages go to them; 0 is recorded too: nobody could be told."""
    answer_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when somebody should answer; NULL when nothing is waited for any more."""
    result: str | None = Field(default=None, max_length=12)
    acknowledged_by: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_over: str | None = Field(default=None, max_length=10)


class CompetentAuthority(SQLModel, table=True):
    """Somebody who may decide what nobody below could: a municipality, a region, a ministry, the police.

    No user of the system. Reached through functional channels, by the national coordinator alone.
    """

    __tablename__ = "competent_authority"
    __table_args__ = (
        Index("competent_authority_name", "name", unique=True, **only_where("ended_at IS NULL")),
        Index("competent_authority_code", "code", unique=True, **only_where("ended_at IS NULL AND code IS NOT NULL")),
    )

    id: str = Field(primary_key=True, max_length=40)
    kind: str = Field(max_length=20)
    name: str = Field(max_length=120)
    region_code: str | None = Field(default=None, foreign_key="region.code")
    """Where it decides; NULL is the whole country."""
    code: str | None = Field(default=None, max_length=8)
    """The official code of a municipality or region that was named straight from the list."""
    email: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=40)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RaisedEscalation(SQLModel, table=True):
    """An escalation that the national coordinator put before a competent authority, or is asked to.

    It is about a card: what rings for one request, or a region, or the country. `facts` are the numbers of that moment
    and stay as they were. What was asked and answered each time stands in its steps.
    """

    __tablename__ = "raised_escalation"
    __table_args__ = (
        Index("raised_proposed", "card", unique=True, **only_where("state = 'proposed'")),
        Index("raised_live", "card", "authority_id", unique=True, **only_where("closed_at IS NULL")),
        Index("raised_remind_due", "remind_due_at", **only_where("remind_due_at IS NOT NULL")),
        Index("raised_answer_due", "answer_due_at", **only_where("state = 'asked'")),
    )

    id: str = Field(primary_key=True, max_length=40)
    version: int = 1
    card: str = Field(max_length=80, index=True)
    trigger: str = Field(max_length=20)
    region_code: str | None = Field(default=None, max_length=8)
    escalation_id: str | None = Field(default=None, foreign_key="escalation.id", index=True)
    state: str = Field(max_length=10)
    authority_id: str | None = Field(default=None, foreign_key="competent_authority.id", max_length=40)
    question: str | None = Field(default=None, max_length=20)
    facts: dict[str, int] = Field(default_factory=dict, sa_type=Json)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was last asked; an answer counts from here."""
    answer_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    mails: bool = False
    """Whether the question and its reminders also go to the mailbox of the authority."""
    remind_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=12)


class RaisedStep(SQLModel, table=True):
    """What happened to a raised escalation, one row each, never changed: asked, reminded, answered, closed."""

    __tablename__ = "raised_step"

    id: str = Field(primary_key=True, max_length=40)
    raised_id: str = Field(foreign_key="raised_escalation.id", index=True)
    number: int
    act: str = Field(max_length=10)
    at: datetime = Field(sa_type=UtcDateTime)
    account_id: str | None = Field(default=None, foreign_key="account.id", max_length=40)
    """Who did it; NULL when it was the clock or a rung."""
    authority_id: str | None = Field(default=None, foreign_key="competent_authority.id", max_length=40)
    question: str | None = Field(default=None, max_length=20)
    answer_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    words: str | None = Field(default=None, sa_type=Text)
    """The answer, as whoever wrote it down heard or read it."""
    answered_by: str | None = Field(default=None, max_length=120)
    """In what function somebody answered for the authority."""
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = Field(default=None, max_length=12)


class Heartbeat(SQLModel, table=True):
    """When a part last said that it works."""

    __tablename__ = "heartbeat"

    part: str = Field(primary_key=True, max_length=40)
    at: datetime = Field(sa_type=UtcDateTime)
