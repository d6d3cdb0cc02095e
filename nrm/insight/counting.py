"""Who is counted in what is published, straight from the journal: no table of today is asked.

A request counts in the month in which it came in, with everybody it was for, as the journal said it at one moment;
whoever asks again later gets the same answer. A next place for the same party counts nobody again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlmodel import col, select

from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.insight import catalogue, rules
from nrm.insight.catalogue import AGE, CITIZENSHIP, EXPLOITATION, NOT_KNOWN, REGION, RESULT, SEX, UNKNOWN
from nrm.insight.rules import Cause, Course
from nrm.intake.rules import Outcome
from nrm.journal import JournalEntry
from nrm.registry.rules import Stance

CHUNK = 400
SLACK = timedelta(days=2)
"""How far a clock may have been wrong: so much more is read around a month."""

SUBMITTED, AMENDED, CAUSE = "request.submitted", "request.amended", "unmet.changed"
_CAUSES = frozenset(cause.value for cause in Cause) - {Cause.YOUTH_CARE, Cause.NOT_LOOKED}

Person = tuple[str, dict[str, str]]
"""The month somebody was asked for, and what they are told apart by."""


def span(month: str) -> tuple[datetime, datetime]:
    """From when until when a month lasts, on the Dutch clock."""
    first = date.fromisoformat(f"{month}-01")
    return _midnight(first), _midnight((first + timedelta(days=31)).replace(day=1))


def counted_at(month: str) -> datetime:
    """When a month is counted: what the journal knows by then."""
    return span(month)[1] + timedelta(days=catalogue.CLOSES_AFTER_DAYS)


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), AMSTERDAM).astimezone(UTC)


def persons(tx: Tx, month: str) -> Iterator[Person]:
    """Everybody for whom a place was asked in a month."""
    since, until = span(month)
    ids = [
        entry.subject.removeprefix("request:")
        for entry in _entries(tx, since, until, (SUBMITTED,))
        if not json.loads(entry.data).get("follow_on")
    ]
    for start in range(0, len(ids), CHUNK):
        yield from _of(tx, ids[start : start + CHUNK], month)


def _of(tx: Tx, ids: Sequence[str], month: str) -> Iterator[Person]:
    by = counted_at(month)
    courses: dict[str, Course] = {}
    said: dict[str, dict[str, Any]] = {}
    causes: dict[str, str] = {}
    subjects = [f"{kind}:{one}" for one in ids for kind in ("request", "unmet")]
    # A cause may be written a moment after its request ended; it belongs to that ending, whenever it is read.
    rows = select(JournalEntry).where(
        col(JournalEntry.subject).in_(subjects), (col(JournalEntry.at) < by) | (JournalEntry.kind == CAUSE)
    )
    for entry in tx.session.exec(rows.order_by(col(JournalEntry.seq))):
        _, _, one = entry.subject.partition(":")
        words = json.loads(entry.data)
        if entry.kind == CAUSE:
            if words.get("outcome"):
                causes[one] = str(words["cause"])
        elif entry.kind == SUBMITTED:
            courses[one], said[one] = rules.begun(one, entry.at, words), words
        elif one in courses:
            courses[one] = rules.followed(courses[one], entry.kind, entry.at, words)
            if entry.kind == AMENDED:
                said[one] = {**said[one], **words}
    for one, course in sorted(courses.items()):
        known = {
            EXPLOITATION: str(said[one].get("exploitation", UNKNOWN)),
            CITIZENSHIP: str(said[one].get("citizenship", UNKNOWN)),
            RESULT: _result(course, causes.get(one)),
            REGION: course.region,
        }
        # What came in before the journal said who it was for counts too, as not known.
        for person in said[one].get("people") or [f"x {UNKNOWN}"] * course.persons:
            sex, _, group = str(person).partition(" ")
            yield month, {SEX: sex, AGE: group, **known}


def _result(course: Course, cause: str | None) -> str:
    if course.outcome == Outcome.YOUTH_CARE:
        return "youth_care"
    if course.accepted_at is not None:
        return "placed"
    if course.closed_at is None:
        return "waiting"
    return cause if cause in _CAUSES else NOT_KNOWN


def changes(tx: Tx, year: int) -> Mapping[str, int]:
    """What houses and authorities did in a year: never who did it."""
    found: Counter[str] = Counter()
    since, until = span(f"{year:04d}-01")[0], span(f"{year:04d}-12")[1]
    kinds = ("rule.set", "location.units_added", "unit.places_added", "raised.asked")
    for entry in _entries(tx, since, until, kinds):
        said = json.loads(entry.data)
        if entry.kind == "rule.set":
            found["rule_eased"] += said.get("before") == Stance.EXCLUDES and said.get("stance") != Stance.EXCLUDES
        elif entry.kind == "raised.asked":
            found["authority_asked"] += 1
        else:
            found["places_added"] += int(said.get("places", 0))
    return found


def first_month(tx: Tx) -> str | None:
    """The month of the oldest entry about a request: what came before it is not in the journal."""
    rows = select(JournalEntry.at).where(JournalEntry.kind == SUBMITTED).order_by(col(JournalEntry.seq)).limit(1)
    at = tx.session.exec(rows).first()
    return catalogue.month_of(at.astimezone(AMSTERDAM)) if at else None


def _entries(tx: Tx, since: datetime, until: datetime, kinds: Iterable[str]) -> list[JournalEntry]:
    """The entries of these kinds in a period. What it costs follows the period, not all there ever was."""
    first, last = seq_at(tx, since - SLACK), seq_at(tx, until + SLACK)
    rows = select(JournalEntry).where(
        col(JournalEntry.seq) > first,
        col(JournalEntry.seq) <= last,
        col(JournalEntry.kind).in_(list(kinds)),
        col(JournalEntry.at) >= since,
        col(JournalEntry.at) < until,
    )
    return list(tx.session.exec(rows.order_by(col(JournalEntry.seq))))


def seq_at(tx: Tx, at: datetime) -> int:
    """The number of the last entry before a moment, by halving: numbers are in the order of time."""
    low, high = (
        0,
        tx.session.exec(select(JournalEntry.seq).order_by(col(JournalEntry.seq).desc()).limit(1)).first() or 0,
    )
    while low < high:
        middle = (low + high + 1) // 2
        entry = tx.session.get(JournalEntry, middle)
        if entry is None or entry.at >= at:
            high = middle - 1
        else:
            low = middle
    return low
