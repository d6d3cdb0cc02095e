"""What was published as tables in words, and as lines for a spreadsheet. Nothing is added up here."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product

from nrm.insight import releases
from nrm.insight.catalogue import ALL, CHANGE, REGION, Catalogue, Cell, Table, cell, is_month
from nrm.insight.models import Release
from web.published_words import CHANGES, CODES, DIMENSIONS, TABLES
from web.words import Words

CSV_TYPE = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Line:
    """One row of a table: its name, how deep it stands, and a number per column; None is left out."""

    id: str
    name: str
    depth: int
    values: tuple[int | None, ...]


@dataclass(frozen=True)
class Sheet:
    """One table, ready to show."""

    id: str
    title: str
    about: str
    head: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    silent: tuple[str, ...]
    """Rows of which nothing can be shown, by name."""


def name_of(words: Words, regions: Mapping[str, str], dimension: str, code: str) -> str:
    """A code in words."""
    if dimension == REGION and code != ALL:
        return regions.get(code, code)
    return words.gettext(CODES[dimension][code])


def sheets(words: Words, regions: Mapping[str, str], row: Release, public: bool) -> list[Sheet]:
    """The tables of a year, as they were defined then."""
    found, shown = releases.kept(row), releases.numbers(row)
    return [
        _sheet(words, regions, found, table, row.period, shown)
        for table in found.tables_of(row.period)
        # What the months have stands in another table of the year as well, further told apart.
        if (table.public or not public) and not table.monthly
    ]


def _sheet(
    words: Words,
    regions: Mapping[str, str],
    found: Catalogue,
    table: Table,
    period: str,
    shown: Mapping[Cell, int | None],
) -> Sheet:
    """The last dimension goes across, unless it is the only one."""
    down, across = (table.axes[:-1], table.axes[-1]) if len(table.axes) > 1 else (table.axes, None)
    columns = found.codes(across) if across else (ALL,)
    names = [name for name, _ in table.axes]
    lines, silent = [], []
    for codes in product(*map(found.codes, down)):
        last = [(code,) for code in columns] if across else [()]
        values = tuple(shown[cell(period, zip(names, (*codes, *one), strict=True))] for one in last)
        name = _row_name(words, regions, [name for name, _ in down], codes)
        if any(value is not None for value in values) or all(code == ALL for code in codes):
            depth = sum(found.dimension(one).depth(code) for (one, _), code in zip(down, codes, strict=True))
            lines.append(Line("-".join(codes), name, depth, values))
        else:
            silent.append(name)
    title, about = TABLES[table.code]
    heads = [words.gettext(DIMENSIONS[name]) for name, _ in down]
    return Sheet(
        table.code,
        words.gettext(title),
        words.gettext(about),
        ", ".join([heads[0], *(head.lower() for head in heads[1:])]),
        tuple(name_of(words, regions, across[0], code) for code in columns) if across else (words.gettext("Mensen"),),
        tuple(lines),
        tuple(silent),
    )


def _row_name(words: Words, regions: Mapping[str, str], names: Sequence[str], codes: Sequence[str]) -> str:
    told = [name_of(words, regions, name, code) for name, code in zip(names, codes, strict=True) if code != ALL]
    told = told or [name_of(words, regions, names[0], ALL)]
    return ", ".join([told[0], *(one.lower() for one in told[1:])])


def month_sheet(words: Words, regions: Mapping[str, str], rows: Iterable[Release]) -> Sheet | None:
    """The months of a year under each other."""
    months = [row for row in rows if is_month(row.period)]
    if not months:
        return None
    axis = next(table.axes[0] for table in releases.kept(months[0]).tables if table.monthly)
    columns = releases.kept(months[0]).codes(axis)
    lines = []
    for row in months:
        shown = releases.numbers(row)
        values = tuple(shown.get(cell(row.period, [(axis[0], code)])) for code in columns)
        lines.append(Line(row.period, words.month(date.fromisoformat(f"{row.period}-01")), 1, values))
    about = TABLES["result"][1]
    return Sheet(
        "months",
        words.gettext("Per maand"),
        words.gettext(about),
        words.gettext("Maand"),
        tuple(name_of(words, regions, axis[0], code) for code in columns),
        tuple(lines),
        (),
    )


def changes(words: Words, row: Release) -> list[tuple[str, str, int | None]]:
    """What became of it besides places: a name, what it counts, and how often."""
    shown = releases.numbers(row)
    return [
        (words.gettext(name), words.gettext(about), shown.get(Cell(row.period, ((CHANGE, code),))))
        for code, (name, about) in CHANGES.items()
    ]


def lines_of(rows: Iterable[Release], public: bool) -> str:
    """Everything that is out for a spreadsheet, in codes: a line per number, with nothing where it is left out."""
    paper = io.StringIO()
    writer = csv.writer(paper)
    names = list(DIMENSIONS)
    writer.writerow(["period", "definition", "as_of", "table", *names, "value"])
    for row in rows:
        found, shown = releases.kept(row), releases.numbers(row)
        about = [row.period, row.definition_version, row.as_of.isoformat()]
        for table in found.tables_of(row.period):
            if public and not table.public:
                continue
            for one in found.cells(table, row.period):
                of = dict(one.of)
                own = {name for name, _ in table.axes}
                codes = [of.get(name, ALL) if name in own else "" for name in names]
                writer.writerow([*about, table.code, *codes, _plain(shown[one])])
        for one, value in sorted(shown.items()):
            if one.of and one.of[0][0] == CHANGE:
                writer.writerow([*about, one.of[0][1], *("" for _ in names), _plain(value)])
    return paper.getvalue()


def _plain(value: int | None) -> str:
    return "" if value is None else str(value)
