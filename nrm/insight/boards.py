"""How many places of each kind there were at a moment of before: counted every hour, while it is so.

What is free follows from figures that grow old, hours of the day and rules that change, so it cannot be worked out
later; what was counted is in the journal, and read from there.
"""

import json
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm.db import Database, Tx
from nrm.insight.models import BoardLook
from nrm.journal import JournalEntry, Said
from nrm.registry import queries as registry
from nrm.registry.queries import BoardRow

COUNTED = "board.counted"

HOLDS_FOR = timedelta(hours=2)
"""A count says something of the moments after it for so long: one may come late, and after that nobody counted."""

_NUMBERS = tuple(field.name for field in fields(BoardRow) if field.compare and field.type is int)


def count(database: Database) -> bool:
    """Count the places, once an hour. Whether they were counted now."""
    with database.reading() as tx:
        hour = _hour(tx.now)
        if tx.session.get(BoardLook, hour) is not None:
            return False
        rows = registry.board_rows(registry.locations(tx))
    with database.transaction() as tx:
        return _write(tx, hour, rows)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _write(tx: Tx, hour: datetime, rows: list[BoardRow]) -> bool:
    seen = {"rows": [[row.region_code, row.pool, *(getattr(row, name) for name in _NUMBERS)] for row in rows]}
    try:
        with tx.session.begin_nested():
            tx.session.add(BoardLook(hour=hour, at=tx.now, seen=seen))
    except IntegrityError:  # another worker counted at the same time
        return False
    tx.record(COUNTED, f"board:{hour:%Y-%m-%dT%H}", "picture", numbers=list(_NUMBERS), **seen)
    return True


def read_back(tx: Tx, entry: JournalEntry | Said) -> None:
    """A count as the journal has it."""
    hour = datetime.fromisoformat(entry.subject.removeprefix("board:") + ":00:00+00:00")
    said: dict[str, Any] = json.loads(entry.data)
    tx.session.merge(BoardLook(hour=hour, at=entry.at, seen={"rows": said["rows"]}))


def first_at(tx: Tx) -> datetime | None:
    """Since when places are counted; None while nobody ever did."""
    return tx.session.exec(select(func.min(BoardLook.at))).one()


def as_of(tx: Tx, at: datetime, region_code: str | None = None) -> tuple[datetime, list[BoardRow]] | None:
    """When places were counted last before a moment, and what there was; None when nobody counted near it."""
    query = (
        select(BoardLook)
        .where(col(BoardLook.at) <= at, col(BoardLook.at) > at - HOLDS_FOR)
        .order_by(col(BoardLook.at).desc())
        .limit(1)
    )
    found = tx.session.exec(query).first()
    if found is None:
        return None
    rows = [
        BoardRow(region, pool, **dict(zip(_NUMBERS, numbers, strict=True)))
        for region, pool, *numbers in found.seen["rows"]
        if region_code in {None, region}
    ]
    return found.at, rows
