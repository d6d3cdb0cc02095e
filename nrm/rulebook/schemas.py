"""What goes in and out of the rulebook."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from nrm.shapes import Line, Shape, Version

Note = Annotated[Line, Field(min_length=3, max_length=200)]


class DraftIn(Shape):
    """A policy as somebody wants it: its whole body, and why. `version` is of one's own draft, 0 when there is none."""

    body: dict[str, Any]
    note: Note
    base_version: Version
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class DecideIn(Shape):
    """The draft as it was looked at."""

    version: Version


class DeclineDraftIn(DecideIn):
    """Why it should not be."""

    reason: Note


class DraftOut(Shape):
    """A draft that waits for somebody else."""

    kind: str
    base_version: int
    body: dict[str, Any]
    note: str
    author: str
    own: bool
    changed_at: datetime
    outdated: bool
    """Another version came in force since: it has to be made anew."""
    version: int
