"""What goes in and out of the ways to reach people."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from nrm.shapes import Line, Shape


class ContactPointIn(Shape):
    """A new way to reach oneself. A browser that takes pushes gives its subscription as JSON text."""

    kind: Literal["email", "sms", "voice", "web_push", "webhook"]
    address: Annotated[str, Field(min_length=1, max_length=2000)]


class CodeIn(Shape):
    """The code that arrived there."""

    code: Annotated[Line, Field(min_length=1, max_length=12)]


class PlaceIn(Shape):
    """Where in one's own order; 1 is tried first."""

    place: Annotated[int, Field(ge=1, le=100)]


class ContactPointOut(Shape):
    """One way to reach oneself. The address is shortened; a push subscription has none to show."""

    id: str
    kind: str
    address: str
    position: int
    verified: bool
    worked_at: datetime | None
    failing_since: datetime | None


class HookSecretOut(Shape):
    """What the webhooks to this address are signed with."""

    secret: str


class UndeliveredOut(Shape):
    """A message that was given up. Who was not told: a colleague or an organisation."""

    channel: str
    name: str | None
    error: str | None
    failed_at: datetime
