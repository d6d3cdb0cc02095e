"""When what must keep running is too far behind. Pure: no session, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BEAT_AGE_MAX = timedelta(seconds=60)
"""Parts beat every ten seconds: who is silent for this long is not busy."""
RUNG_LATE_MAX = timedelta(seconds=60)
"""What row 5 of docs/trust.md promises."""
MESSAGE_LATE_MAX = timedelta(minutes=3)
"""A message that is being tried is due again two minutes later; what is due for longer nobody tries."""
UNMATCHED_MAX = timedelta(minutes=2)


WORKER = "worker"


LINE = "line:"
"""How the parts begin that are the live lines of one server: `line:<host>:<port>`."""
GONE_AFTER = timedelta(days=1)
"""A server that has not been there for so long was taken away."""


class Trouble(StrEnum):
    """What is wrong with the alarm path."""

    NEVER_BEAT = "never_beat"
    PART_SILENT = "part_silent"
    RUNG_OVERDUE = "rung_overdue"
    MESSAGE_OVERDUE = "message_overdue"
    REQUEST_UNMATCHED = "request_unmatched"


@dataclass(frozen=True)
class Figures:
    """How it stands: when each part last beat, and since when the oldest of each kind waits (None: nothing does)."""

    beats: Mapping[str, datetime]
    rung: datetime | None = None
    message: datetime | None = None
    request: datetime | None = None


def silent(beat: datetime | None, now: datetime) -> bool:
    """Whether a part is silent. A beat from the future says nothing: a clock jumped."""
    return beat is None or abs(now - beat) > BEAT_AGE_MAX


def troubles(figures: Figures, parts: tuple[str, ...], now: datetime) -> list[tuple[Trouble, str]]:
    """Everything that is wrong, with the part it is about; nothing when all is well."""
    found: list[tuple[Trouble, str]] = []
    lines = [part for part, at in figures.beats.items() if part.startswith(LINE) and now - at < GONE_AFTER]
    for part in (*parts, *sorted(lines)):
        beat = figures.beats.get(part)
        if beat is None:
            found.append((Trouble.NEVER_BEAT, part))
        elif silent(beat, now):
            found.append((Trouble.PART_SILENT, part))
    late = (
        (Trouble.RUNG_OVERDUE, figures.rung, RUNG_LATE_MAX),
        (Trouble.MESSAGE_OVERDUE, figures.message, MESSAGE_LATE_MAX),
        (Trouble.REQUEST_UNMATCHED, figures.request, UNMATCHED_MAX),
    )
    found += [(trouble, "") for trouble, since, most in late if since is not None and now - since > most]
    return found
