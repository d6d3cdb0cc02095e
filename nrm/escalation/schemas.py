"""What goes out of escalation."""

from datetime import datetime

from nrm.shapes import Shape


class AlarmOut(Shape):
    """An alarm: that somebody waits too long, whom it went to, who took it. No facts of the case."""

    id: str
    request_id: str | None
    short_code: str | None
    region: str
    urgency: str
    trigger: str
    rung: int
    role: str
    due_at: datetime
    fired_at: datetime
    reached: int
    claimed: bool
    claimed_by: str | None
    claimed_at: datetime | None
