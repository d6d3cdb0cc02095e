"""Spreadsheets as bytes: an xlsx or csv file into rows of text, and back. What a cell means is not decided here.

A file comes from outside. Nothing in it is worked out or followed, it is never written to disk, and how much it may
unpack to is decided before it is unpacked.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties

from nrm.errors import Invalid
from nrm.exchange.rules import CELL_CHARACTERS_MAX, ROWS_MAX

FILE_BYTES_MAX = 2**20
"""Also where a form library would start to keep an upload in a file: one this small stays in memory."""
UNPACKED_BYTES_MAX = 24 * 2**20
PARTS_MAX = 200
COLUMNS_MAX = 100
LOOKED_AT_MAX = 20_000
"""Rows, empty ones included: a file that goes on beyond them is refused, so that nothing in it is passed over."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def read(content: bytes) -> list[list[str]]:
    """The first sheet of a file as rows of text. Raises Invalid: too large, too long, or no sheet at all."""
    if len(content) > FILE_BYTES_MAX:
        raise Invalid("sheet_too_large")
    if content.startswith(b"PK\x03\x04"):
        rows = _read_xlsx(content)
    elif content.startswith(_OLD_EXCEL):
        raise Invalid("sheet_of_old_kind")
    else:
        rows = _read_csv(content)
    table = []
    filled = 0
    for number, row in enumerate(rows):
        if number >= LOOKED_AT_MAX:
            raise Invalid("sheet_too_long")
        filled += any(text.strip() for text in row)
        if filled > ROWS_MAX + 1:  # and the heads
            raise Invalid("sheet_too_long")
        table.append(row)
    return table


def _read_xlsx(content: bytes) -> Iterator[list[str]]:
    _check_zip(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        if not book.worksheets:
            raise Invalid("sheet_unreadable")
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_col=COLUMNS_MAX, values_only=True):
            filled = max((place for place, value in enumerate(row, start=1) if value is not None), default=0)
            yield [_as_text(value) for value in row[:filled]]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, EOFError) as error:
        # What openpyxl raises on a file that only looks like one: there is no error of its own to catch.
        raise Invalid("sheet_unreadable") from error
    except (zipfile.BadZipFile, zlib.error, ParseError, OSError, NotImplementedError, RuntimeError) as error:
        raise Invalid("sheet_unreadable") from error


def _check_zip(content: bytes) -> None:
    """Refuse what unpacks to more than it should, and XML that defines things of its own."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            # Reading a part stops at the size it declares, so the declared sizes are the limit.
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise Invalid("sheet_too_large")
            if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
                raise Invalid("sheet_unreadable")
            for part in parts:
                if part.filename.endswith((".xml", ".rels", ".vml")):
                    text = packed.read(part)
                    if b"\0" in text or b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                        raise Invalid("sheet_unreadable")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise Invalid("sheet_unreadable") from error


def _as_text(value: Any) -> str:  # noqa: PLR0911 - one line per kind of cell
    """A cell as a person reads it. A formula stays the text it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    # Longer than any cell may be: no more of it is needed to refuse it, however often it is repeated.
    return str(value)[: CELL_CHARACTERS_MAX + 1]


def _read_csv(content: bytes) -> Iterator[list[str]]:
    text = _decoded(content)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # a line for Excel, which it hides
        separator, text = first.strip()[4], rest
    else:
        separator = max(";,\t", key=first.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            yield [_unquoted(cell)[: CELL_CHARACTERS_MAX + 1] for cell in row]
    except (csv.Error, TypeError) as error:
        raise Invalid("sheet_unreadable") from error


def _decoded(content: bytes) -> str:
    """The text of a csv file: UTF-8, what Excel calls Unicode, or what Windows has always written here."""
    encodings = ["utf-16"] if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("sheet_unreadable")


def _unquoted(cell: str) -> str:
    """Without the quote that we put before what a program would take for a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def write_csv(rows: Sequence[Sequence[str | int]]) -> bytes:
    """A csv file as Excel opens it here: semicolons, and a mark that says it is UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str | int) -> str | int:
    """A cell that no program takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def write_xlsx(
    title: str,
    rows: Sequence[Sequence[str | int]],
    help_title: str,
    help_rows: Sequence[Sequence[str]],
    choices: Mapping[int, Sequence[str]],
) -> bytes:
    """A workbook: the sheet to fill in, and one that explains it. `choices` are the words of a column, by its place."""
    book = Workbook()
    sheet = book.active
    sheet.title = title
    explained = book.create_sheet(help_title)
    for target, lines in ((sheet, rows), (explained, help_rows)):
        for number, line in enumerate(lines, start=1):
            for place, value in enumerate(line, start=1):
                _put(target.cell(number, place), value)
        for place, head in enumerate(lines[0], start=1):
            target.cell(1, place).font = Font(bold=True)
            target.column_dimensions[get_column_letter(place)].width = max(12, min(24, len(str(head)) + 3))
        target.freeze_panes = "A2"
    explained.column_dimensions["B"].width = 90
    for line in explained.iter_rows(min_row=1, max_row=len(help_rows), min_col=2, max_col=2):
        line[0].alignment = Alignment(wrap_text=True, vertical="top")
    # The words to choose from stand behind the explanation: a list in a cell takes at most 255 characters.
    for place, words in choices.items():
        column = get_column_letter(place + 4)
        for number, word in enumerate(words, start=1):
            _put(explained[f"{column}{number}"], word)
        explained.column_dimensions[column].hidden = True
        source = f"'{help_title}'!${column}$1:${column}${len(words)}"
        drop_down = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=False)
        sheet.add_data_validation(drop_down)
        drop_down.add(f"{get_column_letter(place)}2:{get_column_letter(place)}{ROWS_MAX + 1}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_book(title: str, language: str, sheets: Sequence[tuple[str, Sequence[Sequence[str | int]]]]) -> bytes:
    """A workbook to read: (name, rows) per sheet, the first row the heads. Numbers are numbers, text is text."""
    book = Workbook()
    book.properties.title, book.properties.language = title, language
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name[:SHEET_NAME_MAX])
        for number, line in enumerate(rows, start=1):
            for place, value in enumerate(line, start=1):
                _put(sheet.cell(number, place), value)
                sheet.cell(number, place).alignment = Alignment(wrap_text=True, vertical="top")
                sheet.cell(number, place).font = Font(bold=number == 1)
        for place in range(1, max(map(len, rows)) + 1):
            sheet.column_dimensions[get_column_letter(place)].width = 40 if place == 1 else 24
        sheet.freeze_panes = "A2"
        sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        sheet.print_title_rows = "1:1"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHEET_NAME_MAX = 31
"""What a program takes for the name of a sheet."""


def _put(cell: Cell, value: str | int) -> None:
    """Write a cell: text stays text, whatever it starts with, and no program makes a date of it."""
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"
        cell.number_format = "@"
