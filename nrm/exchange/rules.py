"""What a sheet of places can say, and how a cell is read. Pure: no session, no clock.

One row is one unit; what is said about its location stands on each of its rows or on one of them. An empty cell
changes nothing, so a column that is not needed may be left out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from pydantic_core import PydanticCustomError

from nrm.clock import AMSTERDAM
from nrm.shapes import clean_text

BY_SYSTEM = "system"
"""Who confirms the figure of a location whose own system said how all of it stands."""

ROWS_MAX = 5000
CELL_CHARACTERS_MAX = 400
PLACES_OF_UNIT_MAX = 50

OPEN = "open"
ALWAYS = "always"
UNKNOWN = "unknown"
RULE = "rule:"
"""What the columns of admission rules start with; the criterion follows."""

COLUMNS = (
    "location",
    "provider",
    "region",
    "pool",
    "safety_class",
    "intake",
    "intake_until",
    "hours_from",
    "hours_until",
    "unit",
    "places",
    "private",
    "sexes",
    "sons_until",
    "age_min",
    "age_max",
    "children",
    "wheelchair",
    "closed",
    "closed_reason",
    "closed_until",
)
"""The columns in their order; those of the admission rules follow, and then these."""
LAST_COLUMNS = ("rule_reason", "address")

OF_LOCATION = frozenset(
    {
        *("provider", "region", "pool", "safety_class", "intake", "intake_until"),
        *("hours_from", "hours_until", "address"),
    }
)
"""What is said about a location as a whole: its rows may not contradict each other."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,19}")


def columns(criteria: Iterable[str]) -> tuple[str, ...]:
    """Every column there can be, with one per criterion on the national list."""
    return (*COLUMNS, *(RULE + criterion for criterion in criteria), *LAST_COLUMNS)


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a sheet: in which row and column (none: the sheet as a whole), and a stable code.

    `also` is another row it has to do with. What was typed is never in it.
    """

    row: int
    column: str
    code: str
    also: int = 0


@dataclass(frozen=True)
class Row:
    """One row as it was read: only the cells that say something, as values of our own."""

    number: int
    cells: Mapping[str, Any]

    @property
    def location(self) -> str:
        return str(self.cells["location"])

    @property
    def unit(self) -> str:
        return str(self.cells["unit"])

    def of_unit(self) -> dict[str, Any]:
        """What it says about the unit itself."""
        return {name: said for name, said in self.cells.items() if name not in OF_LOCATION}


@dataclass(frozen=True)
class Lexicon:
    """The words people use in a sheet: column heads → column, and per kind of choice its words → code.

    Words are looked up without regard to capitals. Codes themselves always count as words too.
    """

    heads: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def column(self, head: str) -> str | None:
        return self.heads.get(folded(head))

    def choice(self, kind: str, said: str) -> str | None:
        return self.choices.get(kind, {}).get(folded(said))


def folded(said: str) -> str:
    """A word as it is looked up: without regard to capitals, and to how much space there is in it."""
    return " ".join(said.casefold().split())


class Unreadable(Exception):
    """A cell that cannot be read, and the code of what is wrong with it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_rows(table: Sequence[Sequence[str]], lexicon: Lexicon, known: Sequence[str]) -> tuple[list[Row], list[Wrong]]:
    """The rows of a table whose first row names the columns, and everything that is wrong with them.

    `known` are the columns there can be. A row with something wrong in it is not among the rows.
    """
    heads, wrongs = _heads(table[0] if table else (), lexicon, known)
    if wrongs:
        return [], wrongs
    rows = []
    first: dict[tuple[str, str], int] = {}
    for number, texts in enumerate(table[1:], start=2):
        if not any(text.strip() for text in texts):
            continue
        cells, mistakes = _cells(number, texts, heads, lexicon)
        wrongs += mistakes
        if mistakes:
            continue
        row = Row(number, cells)
        key = (folded(row.location), folded(row.unit))
        if key in first:
            wrongs.append(Wrong(number, "unit", "doubled_row", first[key]))
            continue
        first[key] = number
        rows.append(row)
    if not rows and not wrongs:
        wrongs.append(Wrong(0, "", "no_rows"))
    return rows, wrongs


def _heads(texts: Sequence[str], lexicon: Lexicon, known: Sequence[str]) -> tuple[list[str | None], list[Wrong]]:
    """The column of each cell of a row; None for one without a head."""
    heads: list[str | None] = []
    wrongs: list[Wrong] = []
    for place, text in enumerate(texts, start=1):
        column = lexicon.column(text) if text.strip() else None
        if text.strip() and column not in known:
            wrongs.append(Wrong(1, letters(place), "unknown_column"))
        elif column is not None and column in heads:
            wrongs.append(Wrong(1, column, "doubled_column"))
        heads.append(column)
    if not any(heads):
        return heads, [Wrong(0, "", "no_heads")]
    return heads, wrongs + [Wrong(1, name, "missing_column") for name in ("location", "unit") if name not in heads]


def letters(place: int) -> str:
    """The name of a column as a spreadsheet shows it: 1 is A, 27 is AA."""
    name = ""
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _cells(
    number: int, texts: Sequence[str], heads: Sequence[str | None], lexicon: Lexicon
) -> tuple[dict[str, Any], list[Wrong]]:
    cells: dict[str, Any] = {}
    wrongs: list[Wrong] = []
    for place, text in enumerate(texts):
        column = heads[place] if place < len(heads) else None
        if not text.strip():
            continue
        if column is None:
            wrongs.append(Wrong(number, letters(place + 1), "cell_without_head"))
            continue
        try:
            cells[column] = read_cell(column, text, lexicon)
        except Unreadable as found:
            wrongs.append(Wrong(number, column, found.code))
    blamed = {wrong.column for wrong in wrongs}
    wrongs += [
        Wrong(number, name, "required") for name in ("location", "unit") if name not in cells and name not in blamed
    ]
    return cells, wrongs


def read_cell(column: str, text: str, lexicon: Lexicon) -> Any:
    """What a cell says, as a value of our own. Raises Unreadable."""
    if len(text) > CELL_CHARACTERS_MAX:
        raise Unreadable("too_long")
    if text.lstrip().startswith("="):
        # Whatever it would work out to, somebody else's program did: we take what a person wrote.
        raise Unreadable("formula")
    try:
        said = clean_text(text)
    except PydanticCustomError as error:
        raise Unreadable("forbidden_character") from error
    if column.startswith(RULE):
        return _choice("stance", said, lexicon)
    return _READERS[column](said, lexicon)


def _choice(kind: str, said: str, lexicon: Lexicon) -> str:
    found = lexicon.choice(kind, said)
    if found is None:
        raise Unreadable("unknown_choice")
    return found


def _of_kind(kind: str) -> Callable[[str, Lexicon], str]:
    return lambda said, lexicon: _choice(kind, said, lexicon)


def _yes(said: str, lexicon: Lexicon) -> bool:
    return _choice("yes_no", said, lexicon) == "yes"


def _code(said: str, _lexicon: Lexicon) -> str:
    if not _CODE.fullmatch(said):
        raise Unreadable("not_a_code")
    return said


def _number(low: int, high: int) -> Callable[[str, Lexicon], int]:
    def read(said: str, _lexicon: Lexicon) -> int:
        # isdecimal alone also takes digits of other scripts.
        if not (said.isascii() and said.isdecimal()) or len(said) > 4:
            raise Unreadable("not_a_number")
        if not low <= int(said) <= high:
            raise Unreadable("not_in_range")
        return int(said)

    return read


def _text(said: str, _lexicon: Lexicon) -> str:
    return said


def _short(said: str, _lexicon: Lexicon) -> str:
    if len(said) > 200:
        raise Unreadable("too_long")
    return said


def _sexes(said: str, lexicon: Lexicon) -> tuple[str, ...]:
    found = {_choice("sex", word, lexicon) for word in re.split(r"[,;/+]| en | and ", said) if word.strip()}
    if not found:
        raise Unreadable("unknown_choice")
    return tuple(sex for sex in ("f", "m", "x") if sex in found)


def _day(said: str, lexicon: Lexicon) -> date | None:
    """A day, or nobody knows."""
    if lexicon.choice("day", said) == UNKNOWN:
        return None
    for pattern in ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(said.removesuffix(" 00:00"), pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise Unreadable("unreadable_date")


def _moment(said: str, _lexicon: Lexicon) -> datetime:
    """A moment on the Dutch clock."""
    for pattern in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M"):
        try:
            return datetime.strptime(said, pattern).replace(tzinfo=AMSTERDAM)
        except ValueError:
            continue
    raise Unreadable("unreadable_moment")


def _hour(said: str, lexicon: Lexicon) -> time | str:
    if lexicon.choice("hours", said) == ALWAYS:
        return ALWAYS
    found = re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)(?::00)?", said, re.ASCII)
    if not found:
        raise Unreadable("time_parsing")
    return time(int(found[1]), int(found[2]))


_READERS: dict[str, Callable[[str, Lexicon], Any]] = {
    "location": _code,
    "provider": _short,
    "region": _of_kind("region"),
    "pool": _of_kind("pool"),
    "safety_class": _of_kind("safety_class"),
    "intake": _of_kind("intake"),
    "intake_until": _moment,
    "hours_from": _hour,
    "hours_until": _hour,
    "unit": _code,
    "places": _number(1, PLACES_OF_UNIT_MAX),
    "private": _yes,
    "sexes": _sexes,
    "sons_until": _number(0, 21),
    "age_min": _number(0, 120),
    "age_max": _number(0, 120),
    "children": _yes,
    "wheelchair": _yes,
    "closed": _number(0, PLACES_OF_UNIT_MAX),
    "closed_reason": _of_kind("closure"),
    "closed_until": _day,
    "rule_reason": _text,
    "address": _short,
}


def merged(rows: Sequence[Row]) -> tuple[dict[str, Any], list[Wrong]]:
    """What the rows of one location say about it together, and where they contradict each other."""
    said: dict[str, Any] = {}
    since: dict[str, int] = {}
    wrongs: list[Wrong] = []
    for row in rows:
        for name in OF_LOCATION & row.cells.keys():
            if name not in said:
                said[name], since[name] = row.cells[name], row.number
            elif said[name] != row.cells[name]:
                wrongs.append(Wrong(row.number, name, "differs", since[name]))
    return said, wrongs


def by_location(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of each location, in the order in which the sheet first names them."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(folded(row.location), []).append(row)
    yield from found.values()
