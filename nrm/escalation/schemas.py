"""What goes in and out of escalation."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from nrm.shapes import Line, Shape


class AlarmOut(Shape):
    """A rung that rang and is not over: whom it went to, what became of it, who took it. No facts of the case."""

    id: str
    escalation_id: str
    request_id: str | None
    short_code: str | None
    subject: str | None
    """What it is about where that is no request: a house, a region, a slot of the roster, the country."""
    region: str | None
    urgency: str | None
    trigger: str
    rung: int
    role: str
    channels: tuple[str, ...]
    due_at: datetime
    fired_at: datetime
    reached: int
    result: str | None
    """Skipped, impossible, withheld, acknowledged, unanswered; None while an answer is waited for."""
    answer_due_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_over: str | None
    claimed: bool
    claimed_by: str | None
    claimed_at: datetime | None
    claim_until: datetime | None
    responsible: str | None
    responsible_until: datetime | None
    next_rung_at: datetime | None
    """When the next rung is due; it rests while somebody took it or is responsible."""


class EscalationOut(Shape):
    """Something that is not over, whether or not a rung of it rang yet. No facts of the case."""

    id: str
    trigger: str
    subject: str | None
    request_id: str | None
    short_code: str | None
    region: str | None
    urgency: str | None
    hours: str
    """Whether offices were open when it opened."""
    ladder_version: int
    opened_at: datetime
    due_at: datetime
    rungs_fired: int
    next_rung_at: datetime | None
    claimed: bool
    claimed_by: str | None
    claim_until: datetime | None
    responsible: str | None
    responsible_until: datetime | None


class ResponsibleIn(Shape):
    """Who sees to it from now on."""

    account_id: Annotated[Line, Field(min_length=1, max_length=40)]
