"""Files from outside: what we read of them, what we refuse, and that what we write is taken for a formula by nobody."""

import contextlib
import csv
import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook, load_workbook

from nrm.errors import Invalid
from nrm.exchange import sheets

HEAD = ["Locatie", "Kamer", "Reden"]


def xlsx(rows: list[list[object]], change: Callable[[dict[str, bytes]], None] | None = None) -> bytes:
    """A workbook with these rows; `change` meddles with its parts."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    if change is None:
        return out.getvalue()
    with zipfile.ZipFile(out) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    change(parts)
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return again.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        "Locatie;Kamer;Reden\r\nL-1;K1;één\r\n".encode("utf-8-sig"),
        "Locatie;Kamer;Reden\r\nL-1;K1;één\r\n".encode("cp1252"),
        "Locatie,Kamer,Reden\nL-1,K1,één\n".encode(),
        "Locatie\tKamer\tReden\r\nL-1\tK1\téén\r\n".encode("utf-16"),
        'sep=;\r\nLocatie;Kamer;Reden\r\n"L-1";"K1";"één"\r\n'.encode("utf-8-sig"),
        xlsx([HEAD, ["L-1", "K1", "één"]]),
    ],
    ids=["utf-8 with a mark", "windows", "commas", "excel's unicode", "a line for excel", "xlsx"],
)
def test_every_way_it_is_saved(content: bytes) -> None:
    assert [row[:3] for row in sheets.read(content)] == [HEAD, ["L-1", "K1", "één"]]


def test_a_line_break_in_a_cell_is_no_row_of_its_own() -> None:
    table = sheets.read(b'a;b\r\n"1\r\n2";3\r\n4;5\r\n')
    assert table == [["a", "b"], ["1\r\n2", "3"], ["4", "5"]]


def test_cells_of_every_kind_are_text() -> None:
    row = [4, 4.0, 4.5, True, False, datetime(2026, 12, 31, 18, 0), date(2026, 12, 31), time(22, 0), None, "=1+1"]  # noqa: DTZ001
    assert sheets.read(xlsx([row]))[0] == [
        *("4", "4", "4.5", "yes", "no", "2026-12-31 18:00", "2026-12-31 00:00", "22:00", "", "=1+1")
    ]


def refused(content: bytes) -> str:
    with pytest.raises(Invalid) as found:
        sheets.read(content)
    return found.value.code


def test_too_large_too_long_too_much() -> None:
    assert refused(b"x" * (sheets.FILE_BYTES_MAX + 1)) == "sheet_too_large"
    assert refused(b"a\n" * 5002) == "sheet_too_long"
    assert len(sheets.read(b"a\n" * 5001)) == 5001
    assert refused(b"a\n" + b"\n" * 20_001 + b"b\n") == "sheet_too_long", "nothing is passed over in silence"
    assert refused(xlsx([["a"]] * 5002)) == "sheet_too_long"


def test_a_row_far_down_is_refused_and_not_counted_to() -> None:
    def far(parts: dict[str, bytes]) -> None:
        parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="2"', b'r="999999999999"', 1)

    assert refused(xlsx([["a"], ["b"]], far)) == "sheet_too_long"


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    def bomb(parts: dict[str, bytes]) -> None:
        parts["xl/media/image1.png"] = b"\0" * (sheets.UNPACKED_BYTES_MAX + 1)

    content = xlsx([HEAD], bomb)
    assert len(content) < 100_000
    assert refused(content) == "sheet_too_large"

    def many(parts: dict[str, bytes]) -> None:
        parts.update({f"xl/media/{number}.png": b"" for number in range(300)})

    assert refused(xlsx([HEAD], many)) == "sheet_too_large"


@pytest.mark.parametrize(
    "planted", [b'<!DOCTYPE x [<!ENTITY a "b">]>', b"<!ENTITY a SYSTEM 'file:///etc/passwd'>", b"\0"]
)
def test_xml_that_defines_things_of_its_own(planted: bytes) -> None:
    def meddle(parts: dict[str, bytes]) -> None:
        name = "xl/worksheets/sheet1.xml"
        parts[name] = planted + parts[name]

    assert refused(xlsx([HEAD], meddle)) == "sheet_unreadable"


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\xff" * 500,
        xlsx([HEAD])[:-60],
        xlsx([HEAD])[:400],
        xlsx([HEAD], lambda parts: parts.pop("xl/workbook.xml") and None),
        xlsx([HEAD], lambda parts: parts.pop("[Content_Types].xml") and None),
        xlsx([HEAD], lambda parts: parts.update({"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row>"})),
        b'a;b\r\n"never closed;c',
        b"\xff\xfea",
    ],
)
def test_what_only_looks_like_a_sheet(content: bytes) -> None:
    assert refused(content) == "sheet_unreadable"


def test_every_byte_of_a_real_file_may_be_wrong() -> None:
    """Whatever is broken in it, it is read or refused by name."""
    content = bytearray(xlsx([HEAD, ["L-1", "K1", "x"]]))
    for place in range(0, len(content), 37):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        with contextlib.suppress(Invalid):
            sheets.read(bytes(broken))


def test_old_and_locked_excel_is_named() -> None:
    assert refused(b"\xd0\xcf\x11\xe0" + b"x" * 100) == "sheet_of_old_kind"


FORMULAS = ["=1+1", "+31 6", "-1", "@SUM(A1)", "\t=1", "\r=1"]


def test_nothing_we_write_is_a_formula() -> None:
    rows: list[list[str | int]] = [["a", "b"], *([text, 1] for text in FORMULAS)]
    book = load_workbook(io.BytesIO(sheets.write_xlsx("Plekken", rows, "Uitleg", [("=a", "=b")], {1: ["=c"]})))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    text = sheets.write_csv(rows).decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(text), delimiter=";")][1:] == [
        f"'{formula}" for formula in FORMULAS
    ]
    assert [row[0] for row in sheets.read(sheets.write_csv(rows))[1:]] == FORMULAS, "and we read back what it was"


def test_the_search_would_have_seen_a_formula() -> None:
    book = load_workbook(io.BytesIO(xlsx([["=1+1"]])))
    assert book.active["A1"].data_type == "f"
