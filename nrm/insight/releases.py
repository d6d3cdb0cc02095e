"""Publishing: a month once it is counted, a year once its months are out. What is out is never changed.

Nobody publishes: it follows from the clock and the journal, and there is no verb by which anybody could change it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm.columns import canonical
from nrm.db import Database, Tx
from nrm.insight import catalogue, counting, disclosure, telling
from nrm.insight.catalogue import CHANGE, Catalogue, Cell, is_month
from nrm.insight.models import PictureState, Release, StatementVersion
from nrm.insight.statement import Period, from_body, told_in
from nrm.insight.telling import Counted
from nrm.journal import JournalEntry
from nrm.registry.models import Region

RELEASED = "figures.released"


@dataclass(frozen=True)
class Prepared:
    """Everything a release needs, read in one transaction."""

    period: str
    found: Catalogue
    months: tuple[str, ...]
    counts: dict[Cell, int]
    """Of the period, and of the months that are out of the same year."""
    own: dict[Cell, int]
    """Of a month, what it adds to its year."""
    said: tuple[Counted, ...]
    """The shortage statements of the year."""
    before: dict[Cell, int | None]
    """What is told in those, and shown of those months."""
    changes: Mapping[str, int]


def release_due(database: Database) -> str | None:
    """Publish the oldest month or year that is due and not out yet. Returns which.

    Read, then worked out outside any transaction, then written once: of two workers one finds it there already.
    """
    with database.reading() as tx:
        prepared = _due(tx)
    if prepared is None:
        return None
    return prepared.period if write(database, prepared) else None


def write(database: Database, prepared: Prepared) -> bool:
    """Work out what to show and write it down. False when another worker did so first, with the same numbers."""
    shown, withheld = _shown(prepared)
    row = _release(prepared, shown, withheld)
    try:
        with database.transaction() as tx:
            if statements_of(tx, prepared.period[:4]) != len(prepared.said):
                return False  # one was made meanwhile: it must be laid beside
            row.released_at = tx.now
            tx.session.add(row)
            tx.session.flush()
            tx.record(
                RELEASED,
                f"release:{row.period}",
                "picture",
                definition=row.definition_version,
                digest=row.digest,
                shown=sum(value is not None for value in shown.values()),
                left_out=sum(value is None for value in shown.values()),
                withheld=withheld,
            )
    except IntegrityError:
        return False
    return True


def due(tx: Tx) -> str | None:
    """The month or year that can be published now and is not."""
    out = set(tx.session.exec(select(Release.period)))
    months = sorted(one for one in out if is_month(one))
    period = _next(months[-1], out) if months else counting.first_month(tx)
    if period is None:
        return None
    as_of = counting.counted_at(period if is_month(period) else f"{period}-12")
    # Why somebody had no place is written down by the picture: it must have seen everything of that time first.
    if tx.now < as_of or tx.session.get_one(PictureState, 1).seq < counting.seq_at(tx, as_of):
        return None
    return period


def _due(tx: Tx) -> Prepared | None:
    period = due(tx)
    if period is None:
        return None
    year = int(period[:4])
    # Every region there ever was: people were found in it, whether it still exists or not.
    found = catalogue.in_force(year, tuple(tx.session.exec(select(Region.code).order_by(Region.code))))
    out_already, before = out_of(tx, period[:4], found)
    said, told = stated_of(tx, year)
    of_year = tuple(month for month in catalogue.months_of(period[:4]) if Cell(month, ()) in out_already)
    if is_month(period):
        own = found.count(counting.persons(tx, period), [period[:4]])
        counts = {one: own[Cell(period[:4], one.of)] for one in found.monthly(period)}
        return Prepared(period, found, of_year, out_already | counts, own, said, before | told, {})
    return Prepared(period, found, of_year, out_already, {}, said, before | told, counting.changes(tx, year))


def out_of(tx: Tx, year: str, found: Catalogue) -> tuple[dict[Cell, int], dict[Cell, int | None]]:
    """Of what is out of a year: the true numbers of its months and of the year so far, and what is shown."""
    counts: dict[Cell, int] = {}
    before: dict[Cell, int | None] = {}
    whole: Counter[Cell] = Counter()
    for row in of_year(tx, year):
        before |= numbers(row)
        if is_month(row.period):
            own = _added(tx, row, found)
            whole.update(own)
            counts |= {one: own[Cell(year, one.of)] for one in found.monthly(row.period)}
    return counts | {one: whole[one] for table in found.tables for one in found.cells(table, year)}, before


def beside(tx: Tx, year: int) -> tuple[telling.Together, dict[Cell, int | None]]:
    """What is out of a year as numbers that hang together, and what of it is shown."""
    rows = of_year(tx, str(year))
    if not rows:
        return telling.Together(), {}
    found = kept(rows[0])
    counts, shown = out_of(tx, str(year), found)
    return telling.published(found, counts, [row.period for row in rows]), shown


def _added(tx: Tx, row: Release, found: Catalogue) -> dict[Cell, int]:
    """What a month adds to its year, exactly."""
    year = row.period[:4]
    if row.counted is None:  # it came out before this was kept: the journal has it too
        return found.count(counting.persons(tx, row.period), [year])
    return {_cell(year, of): number for of, number in row.counted}


def statements_of(tx: Tx, year: str) -> int:
    """How many versions of statements of a year there are."""
    rows = select(func.count()).where(_in(int(year)), col(StatementVersion.counted).is_not(None))
    return tx.session.exec(rows).one()


def _in(year: int) -> ColumnElement[bool]:
    return col(StatementVersion.since).between(date(year, 1, 1), date(year, 12, 31))


def stated_of(tx: Tx, year: int) -> tuple[tuple[Counted, ...], dict[Cell, int | None]]:
    """What every version of every shortage statement of a year counted, and what it told of it."""
    rows = select(StatementVersion).where(_in(year), col(StatementVersion.counted).is_not(None))
    counted: list[Counted] = []
    told: dict[Cell, int | None] = {}
    for row in tx.session.exec(rows.order_by(col(StatementVersion.since), StatementVersion.id)):
        said = from_body(row.body)
        one = Counted(Period(said.kind, said.since).name, said.region, row.version, **(row.counted or {}))
        counted.append(one)
        told |= told_in(said, one)
    return tuple(counted), told


def _next(last: str, out: set[str]) -> str:
    year, month = int(last[:4]), int(last[5:])
    if month < 12:
        return f"{year:04d}-{month + 1:02d}"
    return f"{year + 1:04d}-01" if last[:4] in out else last[:4]


def _shown(prepared: Prepared) -> tuple[disclosure.Shown, bool]:
    try:
        shown = telling.publish(
            prepared.found, prepared.counts, prepared.period, prepared.months, prepared.said, prepared.before
        )
        withheld = False
    except disclosure.CannotProtectError:
        # Nobody is woken for a table: it stays away, and says so.
        tables = prepared.found.tables_of(prepared.period)
        shown = {one: None for table in tables for one in prepared.found.cells(table, prepared.period)}
        withheld = True
    if not is_month(prepared.period):
        for code in catalogue.CHANGES:
            one = Cell(prepared.period, ((CHANGE, code),))
            shown[one] = disclosure.alone(prepared.changes.get(code, 0))
    return shown, withheld


def _release(prepared: Prepared, shown: disclosure.Shown, withheld: bool) -> Release:
    last = prepared.period if is_month(prepared.period) else f"{prepared.period}-12"
    as_of = counting.counted_at(last)
    row = Release(
        period=prepared.period,
        released_at=as_of,
        as_of=as_of,
        definition_version=prepared.found.version,
        definition=definition(prepared.found),
        numbers=[[list(map(list, one.of)), shown[one]] for one in sorted(shown)],
        withheld=withheld,
        digest="",
        counted=[[list(map(list, one.of)), count] for one, count in sorted(prepared.own.items())] or None,
    )
    row.digest = digest(row)
    return row


def definition(found: Catalogue) -> dict[str, Any]:
    """The tables and the rules of a version, in full, as they are kept with what was published by them."""
    return {
        "version": found.version,
        "least": {"national": catalogue.NATIONAL_MIN, "region": catalogue.REGIONAL_MIN},
        "base": catalogue.BASE,
        "spread": disclosure.SPREAD,
        "counted_after_days": catalogue.CLOSES_AFTER_DAYS,
        "dimensions": [asdict(one) for one in found.dimensions],
        "tables": [asdict(one) for one in found.tables],
        "changes": list(catalogue.CHANGES),
    }


def digest(row: Release) -> str:
    """A fingerprint of everything that was published."""
    said = (row.period, row.as_of.isoformat(), row.definition_version, row.definition, row.numbers, row.withheld)
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def numbers(row: Release) -> dict[Cell, int | None]:
    """What a release shows."""
    return {_cell(row.period, of): value for of, value in row.numbers}


def _cell(period: str, of: Iterable[Iterable[str]]) -> Cell:
    return Cell(period, tuple((str(name), str(code)) for name, code in of))


def kept(row: Release) -> Catalogue:
    """The definitions a release was made by, as they were."""
    said = row.definition
    return Catalogue(
        int(said["version"]),
        tuple(
            catalogue.Dimension(one["code"], tuple((code, tuple(parts)) for code, parts in one["levels"]))
            for one in said["dimensions"]
        ),
        tuple(
            catalogue.Table(
                one["code"], tuple((name, depth) for name, depth in one["axes"]), one["monthly"], one["public"]
            )
            for one in said["tables"]
        ),
    )


def releases(tx: Tx) -> list[Release]:
    """Everything that is out, newest first; a year before its months."""
    rows = tx.session.exec(select(Release).order_by(col(Release.as_of).desc(), col(Release.period)))
    return list(rows)


def of_year(tx: Tx, year: str) -> list[Release]:
    """What is out of a year: the year itself if it is, and its months in order."""
    rows = select(Release).where((col(Release.period) == year) | col(Release.period).startswith(f"{year}-"))
    return list(tx.session.exec(rows.order_by(Release.period)))


def years(tx: Tx) -> list[str]:
    """The years of which anything is out, newest first."""
    return sorted({period[:4] for period in tx.session.exec(select(Release.period))}, reverse=True)


def newest_year(tx: Tx) -> str | None:
    """The newest year that is out as a whole; while there is none, the newest of which a month is."""
    out = sorted(tx.session.exec(select(Release.period)))
    return max((one for one in out if not is_month(one)), default=out[-1][:4] if out else None)


def unchanged(tx: Tx, row: Release) -> bool:
    """Whether a release is what it was when it came out: the journal, which is chained, has its fingerprint."""
    entries = tx.session.exec(
        select(JournalEntry.data).where(JournalEntry.subject == f"release:{row.period}", JournalEntry.kind == RELEASED)
    ).all()
    return len(entries) == 1 and f'"{digest(row)}"' in entries[0] and row.digest == digest(row)
