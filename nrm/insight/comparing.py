"""Before and after: what was asked and how it went, so long before a policy or pilot began and so long since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, update
from sqlmodel import col, select

from nrm.access.rules import Actor, Verb, may, reach
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.insight import queries, stating
from nrm.insight.catalogue import NATIONAL_MIN, REGIONAL_MIN
from nrm.insight.models import Comparison
from nrm.insight.rules import Course
from nrm.insight.statement import NATIONAL, Table, beside
from nrm.registry import queries as registry

DAYS = (28, 91, 182, 366)
"""How long before and after may be."""

FOLLOWED_DAYS = 7
"""Every request is judged as it stood so long after it came in: else what came in last had least time to be placed."""

NAME_CHARACTERS_MAX = 80
COMPARISONS_MAX = 20


@dataclass(frozen=True)
class Window:
    """Two spans of equal length on both sides of a day; `until` days are not in it."""

    before: date
    begins: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.begins).days


@dataclass(frozen=True)
class Compared:
    """A comparison as it stands now. No tables while it began too short ago to say anything."""

    row: Comparison
    window: Window | None
    tables: tuple[Table, ...]


def window(begins: date, ends: date | None, days: int, today: date) -> Window | None:
    """As long after as there is, at most so many days, and exactly as long before."""
    until = min(begins + timedelta(days=days), today - timedelta(days=FOLLOWED_DAYS), ends or date.max)
    long = (until - begins).days
    return Window(begins - timedelta(days=long), begins, until) if long > 0 else None


def comparisons(tx: Tx, actor: Actor) -> list[Comparison]:
    """Those the actor may read, newest first."""
    require(actor, Verb.STATEMENT_READ)
    rows = select(Comparison).where(col(Comparison.removed_at).is_(None)).order_by(col(Comparison.begins_on).desc())
    return [row for row in tx.session.exec(rows) if stating.may_read(actor, row.region_code)]


def comparison(tx: Tx, actor: Actor, comparison_id: str) -> Compared:
    """One, counted now."""
    row = next((one for one in comparisons(tx, actor) if one.id == comparison_id), None)
    if row is None:
        raise NotFound("no_comparison")
    found = window(row.begins_on, row.ends_on, row.days, tx.now.astimezone(AMSTERDAM).date())
    whole = min(row.days, (row.ends_on - row.begins_on).days if row.ends_on else row.days)
    if found is None or not (_lives(actor, row.region_code) or found.days == whole):
        return Compared(row, None, ())
    small = NATIONAL_MIN if row.region_code == NATIONAL else REGIONAL_MIN
    before = _courses(tx, found.before, found.begins, row.region_code)
    after = _courses(tx, found.begins, found.until, row.region_code)
    return Compared(row, found, beside(before, after, timedelta(days=FOLLOWED_DAYS), small))


def _lives(actor: Actor, region: str) -> bool:
    """Whether this actor sees the numbers themselves as they are; others see what no longer moves.

    A rounded number that is looked at each day is exact on the day it changes.
    """
    return may(actor, Verb.NUMBERS_READ) and reach(actor) in {None, region}


def add(
    tx: Tx, actor: Actor, name: str, region: str, begins_on: date | None, ends_on: date | None, days: int
) -> Comparison:
    """Lay the time before a policy or pilot beside the time since. Raises Conflict when there are too many."""
    require(actor, Verb.COMPARISON_KEEP)
    wrong = []
    if not 3 <= len(name.strip()) <= NAME_CHARACTERS_MAX or not name.isprintable():
        wrong.append(FieldError(("name",), "required"))
    if region != NATIONAL and region not in {one.code for one in registry.regions(tx)}:
        wrong.append(FieldError(("region",), "unknown_choice"))
    if begins_on is None:
        wrong.append(FieldError(("begins_on",), "required"))
    elif ends_on is not None and ends_on <= begins_on:
        wrong.append(FieldError(("ends_on",), "not_in_range"))
    if days not in DAYS:
        wrong.append(FieldError(("days",), "unknown_choice"))
    if wrong or begins_on is None:
        raise Invalid("invalid", tuple(wrong))
    there = select(func.count()).select_from(Comparison).where(col(Comparison.removed_at).is_(None))
    if tx.session.exec(there).one() >= COMPARISONS_MAX:
        raise Conflict("comparisons_full")
    row = Comparison(
        id=tx.new_id(),
        name=name.strip(),
        region_code=region,
        begins_on=begins_on,
        ends_on=ends_on,
        days=days,
        made_by=actor.account_id,
        made_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record("comparison.added", f"comparison:{row.id}", "picture", region=region, begins=begins_on.isoformat())
    return row


def remove(tx: Tx, actor: Actor, comparison_id: str) -> None:
    """Take one away. Raises NotFound when it is not there any more."""
    require(actor, Verb.COMPARISON_KEEP)
    tx.guarded(
        update(Comparison)
        .where(col(Comparison.id) == comparison_id, col(Comparison.removed_at).is_(None))
        .values(removed_at=tx.now),
        NotFound("no_comparison"),
    )
    tx.record("comparison.removed", f"comparison:{comparison_id}", "picture")


def _courses(tx: Tx, since: date, until: date, region: str) -> Sequence[Course]:
    return queries.courses_since(tx, _midnight(since), _midnight(until), region or None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), AMSTERDAM).astimezone(UTC)
