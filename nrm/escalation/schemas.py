"""What goes in and out of escalation."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from nrm.escalation.rules import AuthorityKind, Question
from nrm.shapes import Code, Line, Shape, Text, Version


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
    next_role: str | None
    """Whom it speaks to."""
    mine: bool
    """Whether whoever reads this took it, so that they can let go of it."""


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


class AuthorityIn(Shape):
    """A competent authority, through functional channels. `region` is where it decides; null is the whole country."""

    kind: AuthorityKind
    name: Annotated[Line, Field(min_length=2, max_length=120)]
    region: Code | None = None
    email: Annotated[Line, Field(max_length=200)] | None = None
    phone: Annotated[Line, Field(max_length=40)] | None = None


class AuthorityOut(AuthorityIn):
    """One of the list."""

    id: str


class AskIn(Shape):
    """What is put before whom, and until when they have. `authority` is one of the list, a municipality or a region.

    `mail` also sends it to their mailbox, without figures: what is said beyond that, a person says.
    """

    authority: Code
    question: Question
    answer_due_at: datetime
    mail: bool = False


class RaiseIn(AskIn):
    """As `AskIn`, about something that rings, or about a region that is short of places; about one of the two."""

    escalation: Code | None = None
    region: Code | None = None


class AskAgainIn(AskIn):
    """As `AskIn`, of something that was proposed, asked before, or came back."""

    version: Version


class VersionIn(Shape):
    """The version of the record as the caller last saw it."""

    version: Version


class AnswerIn(Shape):
    """What the authority answered, in words that tell nothing of a person; in what function somebody said so; when."""

    words: Annotated[Text, Field(min_length=2)]
    answered_by: Annotated[Line, Field(min_length=2, max_length=120)]
    answered_at: datetime | None = None
    version: Version


class CloseIn(Shape):
    """How it ended. What became of it only with an answer on record."""

    outcome: Literal["granted", "partly", "refused", "withdrawn", "not_raised"]
    version: Version


class RaisedOut(Shape):
    """Something that is, or should be, before a competent authority. Numbers and codes: no request, nobody's data."""

    id: str
    version: int
    state: str
    trigger: str
    region: str | None
    authority: str | None
    authority_name: str | None
    question: str | None
    facts: dict[str, int]
    """The numbers of the moment it was last asked: who waited, who was overdue, what was surely free."""
    opened_at: datetime
    asked_at: datetime | None
    answer_due_at: datetime | None
    overdue: bool
    rings: bool
    """Whether what it is about still rings."""
    closed_at: datetime | None
    outcome: str | None


class RaisedStepOut(Shape):
    """One thing that happened. `by` is nobody when a rung or the clock did it."""

    id: str
    act: str
    at: datetime
    by: str | None
    authority_name: str | None
    question: str | None
    answer_due_at: datetime | None
    words: str | None
    answered_by: str | None
    answered_at: datetime | None
    outcome: str | None


class RaisedDetailOut(RaisedOut):
    """One of them, with everything that happened, oldest first."""

    steps: list[RaisedStepOut]
    authority_email: str | None
    authority_phone: str | None


class CreatedOut(Shape):
    """What was made."""

    id: str
