"""iCalendar in and out: reading who is on duty when, and writing somebody's shifts for their own calendar."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from nrm.calendar.rules import instant
from nrm.clock import AMSTERDAM
from nrm.errors import Invalid

EVENTS_MAX = 500
SERIES_MAX = 100
FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
"""A shift recurs by days. A rule by the second would keep us busy for ever."""

PRODID = "-//NRM//rooster//NL"


@dataclass(frozen=True)
class Read:
    """One event of a file: what its title says, and when."""

    title: str
    starts_at: datetime
    ends_at: datetime
    key: str
    """A hash of what tells it from every other event, the same each time the file is read."""


@dataclass(frozen=True)
class Shown:
    """One shift as it stands in somebody's own calendar."""

    id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime


def read(text: str, from_at: datetime, until_at: datetime) -> list[Read]:
    """The events of a file between two instants, recurring ones written out, in order.

    A time without a zone is one on the wall in Amsterdam; a whole day runs from midnight to midnight there.
    Raises Invalid for what is no calendar, is too long or recurs by less than a day.
    """
    import recurring_ical_events  # noqa: PLC0415 - slow to import, and only this needs it
    from icalendar import Calendar  # noqa: PLC0415

    try:
        calendar = Calendar.from_ical(text)
        _bounded(calendar)
        found = recurring_ical_events.of(calendar).between(from_at, until_at)
        events = [_read(event) for event in found]
    except Invalid:
        raise
    except Exception as error:
        raise Invalid("agenda_unreadable") from error
    if len(events) > EVENTS_MAX:
        raise Invalid("agenda_too_long")
    return sorted((one for one in events if one.starts_at < one.ends_at), key=lambda one: (one.starts_at, one.key))


def write(shifts: Iterable[Shown], name: str) -> bytes:
    """A calendar of these shifts. Times are in UTC, so that no zone has to be explained."""
    from icalendar import Calendar, Event  # noqa: PLC0415 - slow to import, and only this needs it

    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for shift in shifts:
        event = Event()
        event.add("uid", f"{shift.id}@nrm")
        event.add("dtstamp", shift.changed_at.astimezone(UTC))
        event.add("dtstart", shift.starts_at.astimezone(UTC))
        event.add("dtend", shift.ends_at.astimezone(UTC))
        event.add("summary", shift.title)
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _bounded(calendar: Any) -> None:
    events = calendar.walk("VEVENT")
    series = [event for event in events if "RRULE" in event or "RDATE" in event]
    if len(events) > EVENTS_MAX or len(series) > SERIES_MAX:
        raise Invalid("agenda_too_long")
    for event in series:
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            by_less = {"BYHOUR", "BYMINUTE", "BYSECOND"} & {name.upper() for name in rule}
            if by_less or not {str(one).upper() for one in rule.get("FREQ", [])} <= FREQUENCIES:
                raise Invalid("agenda_recurs_too_often")
        dates = event.get("RDATE", [])
        listed = dates if isinstance(dates, list) else [dates]
        if sum(len(one.dts) for one in listed) > EVENTS_MAX:
            raise Invalid("agenda_too_long")


def _read(event: Any) -> Read:
    starts, ends = _instant(event.start), _instant(event.end)
    uid = str(event.get("UID", ""))
    told = f"{uid}|{starts.isoformat()}|{ends.isoformat()}|{event.get('SUMMARY', '')}"
    return Read(str(event.get("SUMMARY", "")).strip()[:100], starts, ends, hashlib.sha256(told.encode()).hexdigest())


def _instant(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return instant(value, time())
    return (value if value.tzinfo else value.replace(tzinfo=AMSTERDAM)).astimezone(UTC)
