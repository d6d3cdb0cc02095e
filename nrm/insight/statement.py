"""The shortage statement: what was asked for in a period and what was missing. Pure: figures in, a statement out.

One definition: a statement is made of codes and numbers alone, and the page, the PDF, the workbook and the csv file
are that same statement in words (`web/statement_words.py`). It leaves the system, so no cell stands for few persons,
and none can be worked out: `telling` decides what of it is told, beside everything else that is out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from nrm.clock import AMSTERDAM
from nrm.insight.catalogue import NATIONAL_MIN, REGIONAL_MIN, month_of, quarter_of, rounded
from nrm.insight.disclosure import Shown
from nrm.insight.rules import FAILED_OUTCOMES, INDICATORS, Cause, Course, Length, split, times
from nrm.insight.telling import CONTINUITY, DEMAND, ENDED, PROFILE, WAITING, Counted
from nrm.intake.rules import Outcome
from nrm.placing.rules import CONTINUITY as ANSWERS


class Kind(StrEnum):
    """How long a statement is about; a month is of one region, a quarter of the whole country."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


NATIONAL = ""
"""What stands for the whole country where the code of a region would."""

MONTHS = {Kind.MONTHLY: 1, Kind.QUARTERLY: 3}
BACK_MAX = {Kind.MONTHLY: 12, Kind.QUARTERLY: 4}
"""So many periods are made up for after an outage, and so many earlier ones stand in the chart."""


HOUSES_MIN = 3
"""With fewer houses in a region their number of places is the size of a house, which is not told."""

SMALL, IN_REST, FEW_HOUSES, NO_NORM = "small", "in_rest", "few_houses", "no_norm"
"""What stands in a cell instead of a number, and why."""

ALL, REST = "all", "rest"

Cell = int | str


class Measure(StrEnum):
    """In what a column counts."""

    REQUESTS = "requests"
    PLACES = "places"
    UNITS = "units"
    ANSWERS = "answers"
    MINUTES = "minutes"
    PERCENT = "percent"


class Reason(StrEnum):
    """Why a statement is made once more."""

    ENTERED_LATE = "entered_late"
    WAS_WRONG = "was_wrong"
    DEFINITION = "definition"


@dataclass(frozen=True)
class Period:
    """A month or a quarter, by the calendar on the wall: `until` is the day after its last."""

    kind: Kind
    since: date

    @property
    def until(self) -> date:
        return _months_on(self.since, MONTHS[self.kind])

    @property
    def starts_at(self) -> datetime:
        return _midnight(self.since)

    @property
    def ends_at(self) -> datetime:
        return _midnight(self.until)

    @property
    def name(self) -> str:
        """`2026-10`, or `2026Q4`."""
        month = month_of(self.since)
        return month if self.kind is Kind.MONTHLY else quarter_of(month)

    @property
    def before(self) -> "Period":
        """The one before it."""
        return Period(self.kind, _months_on(self.since, -MONTHS[self.kind]))

    def due_at(self, after_days: int, made_at: time) -> datetime:
        """When its statement is made; up to then what is entered late is in it."""
        day = self.until + timedelta(days=after_days - 1)
        return datetime.combine(day, made_at, AMSTERDAM).astimezone(UTC)


def period_of(kind: Kind, day: date) -> Period:
    """The period in which a day lies."""
    months = MONTHS[kind]
    return Period(kind, date(day.year, (day.month - 1) // months * months + 1, 1))


def due(kind: Kind, first: date, now: datetime, after_days: int, made_at: time) -> list[Period]:
    """The periods of which a statement should be there by now, oldest first, since the first day on record."""
    at = period_of(kind, now.astimezone(AMSTERDAM).date()).before
    found: list[Period] = []
    while len(found) < BACK_MAX[kind] and at.until > first:
        found.append(at)
        at = at.before
    return [one for one in reversed(found) if one.due_at(after_days, made_at) <= now]


@dataclass(frozen=True)
class Column:
    """One column of numbers, and in what they count."""

    code: str
    measure: Measure


@dataclass(frozen=True)
class Row:
    """What a line is about, and its numbers; where one is not told stands why."""

    code: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table of a statement. `notes` are codes of what should be known beside it."""

    code: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    """Which definitions it follows."""


@dataclass(frozen=True)
class Statement:
    """What was asked for in a period and what was missing, as it was known at `as_of`."""

    kind: Kind
    region: str
    since: date
    until: date
    as_of: datetime
    """Up to when the journal was read."""
    places_at: datetime
    """When the places were counted: how those stood before cannot be read back."""
    recorded_from: date
    """Since when anything is recorded here at all."""
    houses: int
    houses_trusted: int
    small: int
    definitions: Mapping[str, int]
    """Indicator → the version of its definition."""
    tables: tuple[Table, ...]

    def as_body(self) -> dict[str, Any]:
        """What is kept of it."""
        days = {name: getattr(self, name).isoformat() for name in ("since", "until", "recorded_from")}
        moments = {name: getattr(self, name).isoformat() for name in ("as_of", "places_at")}
        return {**asdict(self), **days, **moments}


def from_body(body: Mapping[str, Any]) -> Statement:
    """A statement as it was kept."""
    return Statement(
        kind=Kind(body["kind"]),
        region=body["region"],
        since=date.fromisoformat(body["since"]),
        until=date.fromisoformat(body["until"]),
        as_of=datetime.fromisoformat(body["as_of"]),
        places_at=datetime.fromisoformat(body["places_at"]),
        recorded_from=date.fromisoformat(body["recorded_from"]),
        houses=body["houses"],
        houses_trusted=body["houses_trusted"],
        small=body["small"],
        definitions=body["definitions"],
        tables=tuple(
            Table(
                table["code"],
                tuple(Column(one["code"], Measure(one["measure"])) for one in table["columns"]),
                tuple(Row(one["code"], tuple(one["cells"])) for one in table["rows"]),
                tuple(table["notes"]),
                tuple(table["indicators"]),
            )
            for table in body["tables"]
        ),
    )


@dataclass(frozen=True)
class RegionPlaces:
    """What houses there are in a region when the places are counted."""

    region: str
    places: int = 0
    """In use: closed ones, and those nobody can have, are not."""
    houses: int = 0
    houses_trusted: int = 0
    norm: int | None = None
    units_checked: int = 0
    """Rooms of which somebody checked what they are good at."""
    units_declared: int = 0
    """Rooms of which only the provider says so."""
    units_unsaid: int = 0


@dataclass(frozen=True)
class Found:
    """Everything a statement is made of."""

    courses: Sequence[Course]
    """Of the requests that came in in the period, as they may have gone on since."""
    waiting: Mapping[Cause, int]
    """Why those that waited at the end of the period did."""
    ended: Mapping[Cause, int]
    """On what those ended that ended in it without a place."""
    places: Sequence[RegionPlaces]
    continuity: Mapping[str, int]
    history: Sequence[tuple[date, Cell, Cell]]
    """Of earlier periods, oldest first: what their statements said of asked, and of ended without a place."""


HOW = ("placed", "waiting", "ended", "youth_care")
"""What can become of a request: of all of them exactly one, see `how_it_went`."""


def counted(
    period: Period, region: str, found: Found, as_of: datetime, version: int, regions: Iterable[str]
) -> Counted:
    """What a statement counts, exactly, also of what is nobody."""
    courses = [at(one, as_of) for one in found.courses]

    def parts(codes: Iterable[str], counts: Mapping[Any, int]) -> dict[str, int]:
        return {str(code): counts.get(code, 0) for code in codes}

    counts = {
        DEMAND: parts(HOW, Counter(map(how_it_went, courses))),
        ENDED: parts(list(Cause), found.ended),
        WAITING: parts(list(Cause), found.waiting),
        CONTINUITY: parts(ANSWERS, found.continuity),
    }
    if region != NATIONAL:
        return Counted(period.name, region, version, counts)
    of_region = Counter(one.region for one in courses)
    counts[PROFILE] = dict(Counter(map(_profile, courses)))
    return Counted(period.name, region, version, counts, parts(regions, of_region))


def made(
    period: Period,
    found: Found,
    said: Counted,
    shown: Shown,
    as_of: datetime,
    places_at: datetime,
    first: date,
) -> Statement:
    """The statement of a period, of one region or of the country: of what it counted what may be told."""
    national = said.region == NATIONAL
    small = NATIONAL_MIN if national else REGIONAL_MIN
    courses = [at(one, as_of) for one in found.courses]
    demand = _wholes(said, DEMAND, shown)
    tables = [
        _parts("demand", Measure.REQUESTS, demand, ("asked", "placed_of_asked"), ("follow_ons", "rounded")),
        _unmet(_wholes(said, WAITING, shown), _wholes(said, ENDED, shown)),
        *_times(courses, as_of, small),
    ]
    if national:
        regions = {region: shown[said.name(DEMAND, ALL, region)] for region in said.regions}
        profiles = {code: shown[said.name(PROFILE, code)] for code in said.counts[PROFILE]}
        tables.append(_parts("regions", Measure.REQUESTS, (demand[0], regions), ("asked",), ("rounded",)))
        tables.append(_parts("profiles", Measure.REQUESTS, (demand[0], profiles), ("asked",), ("rounded",)))
    tables += [_capacity(found.places), _quality(found.places)]
    answers = _wholes(said, CONTINUITY, shown)
    tables.append(_parts("continuity", Measure.ANSWERS, answers, ("continuity",), ("own_word",)))
    tables.append(_history(period, demand, found.history))
    codes = {code for table in tables for code in table.indicators}
    return Statement(
        period.kind,
        said.region,
        period.since,
        period.until,
        as_of,
        places_at,
        first,
        sum(one.houses for one in found.places),
        sum(one.houses_trusted for one in found.places),
        small,
        {code: INDICATORS[code].version for code in sorted(codes)},
        tuple(tables),
    )


def told_in(said: Statement, of: Counted) -> Shown:
    """What a statement as it was kept told of what it counted."""
    shown: Shown = {name: None for kind in of.counts if kind != PROFILE for name in of.numbers(kind)}
    for table, column, kind in (
        ("demand", 0, DEMAND),
        ("unmet", 0, WAITING),
        ("unmet", 1, ENDED),
        ("continuity", 0, CONTINUITY),
        ("profiles", 0, PROFILE),
        ("regions", 0, DEMAND),
    ):
        for row in next((one.rows for one in said.tables if one.code == table), ()):
            cell = row.cells[column]
            if table == "regions":
                name = of.name(DEMAND, ALL, row.code)
            else:
                name = of.name(DEMAND if kind == PROFILE and row.code == ALL else kind, row.code)
            if isinstance(cell, int) and name in shown:
                shown[name] = cell
    return shown


_Whole = tuple[Cell, Mapping[str, int | None]]
"""The whole of something as it is told, and its parts; None is a part that is not told."""


def _wholes(said: Counted, kind: str, shown: Shown) -> _Whole:
    total, counts = shown[said.name(kind, ALL)], said.counts[kind]
    least = NATIONAL_MIN if said.region == NATIONAL else REGIONAL_MIN
    # Of what was counted before it is not even told whether it is small now.
    why = SMALL if sum(counts.values()) < least and said.version == 1 else IN_REST
    return why if total is None else total, {code: shown[said.name(kind, code)] for code in counts}


def beside(before: Sequence[Course], after: Sequence[Course], followed: timedelta, small: int) -> tuple[Table, ...]:
    """Two groups of requests beside each other, every request as it stood so long after it came in."""
    sides = [[at(one, one.submitted_at + followed) for one in courses] for courses in (before, after)]
    wholes = [told(Counter(how_it_went(one) for one in courses), small) for courses in sides]
    shown = {code for _, parts in wholes for code in parts}
    columns = (Column("before", Measure.REQUESTS), Column("after", Measure.REQUESTS))
    rows = [Row(ALL, tuple(total for total, _ in wholes))]
    rows += [
        Row(code, tuple(_cell(total, parts, code) for total, parts in wholes)) for code in (*HOW, REST) if code in shown
    ]
    pairs = [tuple(_times(courses, _last(courses, followed), small)) for courses in sides]
    moments = [pair[0] for pair in pairs]
    spans = [
        Row(f"{row.code}_{column.code}", tuple(one.rows[at].cells[place] for one in moments))
        for at, row in enumerate(moments[0].rows)
        for place, column in enumerate(moments[0].columns)
    ]
    minutes = (Column("before", Measure.MINUTES), Column("after", Measure.MINUTES))
    shares = (Column("before", Measure.PERCENT), Column("after", Measure.PERCENT))
    within = Row("within", tuple(pair[1].rows[0].cells[0] for pair in pairs))
    return (
        Table("demand", columns, tuple(rows), ("followed", "rounded"), ("asked", "placed_of_asked")),
        Table("times", minutes, tuple(spans), ("coarse", "still_waiting"), moments[0].indicators),
        Table("norm", shares, (within,), (), ("within_norm",)),
    )


def _last(courses: Sequence[Course], followed: timedelta) -> datetime:
    """By when every one of these was followed long enough."""
    return max((one.submitted_at for one in courses), default=datetime(2000, 1, 1, tzinfo=UTC)) + followed


def at(course: Course, moment: datetime) -> Course:
    """A course as far as it had come at a moment. Whom it is for and how urgent stays as it is now."""

    def by(at: datetime | None) -> datetime | None:
        return at if at is not None and at <= moment else None

    accepted, closed = by(course.accepted_at), by(course.closed_at)
    return replace(
        course,
        asked_at=by(course.asked_at),
        answered_at=by(course.answered_at),
        accepted_at=accepted,
        arrived_at=by(course.arrived_at),
        closed_at=closed,
        outcome=course.outcome if closed else None,
        pool=course.pool if accepted else None,
        placed_region=course.placed_region if accepted else None,
        waits=tuple((since, by(until)) for since, until in course.waits if since <= moment),
    )


def told(counts: Mapping[str, int], small: int) -> tuple[Cell, dict[str, int]]:
    """A whole and its parts as they may leave: the total, and each part of at least `small`, smaller ones together.

    The rest is never small either: the smallest part goes along until it is not. All of it is rounded, so what is left
    out cannot be had by taking one from the other. An absent part with a rest may be there or not.
    """
    total = sum(counts.values())
    if total < small:
        return SMALL, {}
    parts = split(counts, small)
    shown = {code: rounded(count) for code, count in parts.shown}
    return rounded(total), shown | ({REST: rounded(parts.rest)} if parts.rest else {})


def coarse(minutes: int) -> int:
    """A time so rough that it is nobody's own: to five minutes; an hour from three hours on; a day from two days on."""
    step = 5 if minutes < 180 else 60 if minutes < 2 * 1440 else 1440
    return max(step, (minutes + step // 2) // step * step)


def how_it_went(course: Course) -> str:
    """What became of a request: exactly one of these."""
    if course.outcome == Outcome.YOUTH_CARE:
        return "youth_care"
    if course.outcome in FAILED_OUTCOMES:
        return "ended"
    return "waiting" if course.waiting else "placed"


def _parts(
    code: str, measure: Measure, whole: _Whole, indicators: tuple[str, ...], notes: tuple[str, ...] = ()
) -> Table:
    """A whole with those of its parts that are told, largest first."""
    total, parts = whole
    told_ones = sorted(((count, part) for part, count in parts.items() if count is not None), key=_largest_first)
    rows = [Row(ALL, (total,)), *(Row(part, (count,)) for count, part in told_ones)]
    if not told_ones:
        notes = (*notes, "not_split")
    elif len(told_ones) < len(parts):
        rows.append(Row(REST, (IN_REST,)))
    column = "answers" if measure is Measure.ANSWERS else "requests"
    return Table(code, (Column(column, measure),), tuple(rows), notes, indicators)


def _largest_first(part: tuple[int, str]) -> tuple[int, str]:
    return -part[0], part[1]


def _unmet(waiting: _Whole, ended: _Whole) -> Table:
    """Two wholes beside each other: who waited at the end, and who ended without a place."""
    columns = (Column("waiting", Measure.REQUESTS), Column("ended", Measure.REQUESTS))
    wholes = (waiting, ended)
    named = [cause.value for cause in Cause if any(parts.get(cause) is not None for _, parts in wholes)]
    rows = [Row(ALL, tuple(total for total, _ in wholes))]
    rows += [Row(code, tuple(_told_of(whole, code) for whole in wholes)) for code in named]
    if named and len(named) < len(Cause):
        rows.append(Row(REST, tuple(_told_of(whole, REST) for whole in wholes)))
    return Table("unmet", columns, tuple(rows), ("rounded",), ("waiting_then", "unmet_ended"))


def _told_of(whole: _Whole, code: str) -> Cell:
    """What is told of one part."""
    total, parts = whole
    count = parts.get(code)
    return count if count is not None else SMALL if total == SMALL else IN_REST


def _cell(total: Cell, parts: Mapping[str, int], code: str) -> Cell:
    """A part in a column where another column names it too: what is not told apart is in the rest, or there is none."""
    if total == SMALL:
        return SMALL
    return parts.get(code, 0 if code == REST or REST not in parts else IN_REST)


def _times(courses: Sequence[Course], now: datetime, small: int) -> Iterable[Table]:
    counted = times(courses, now)
    columns = (Column("median", Measure.MINUTES), Column("p90", Measure.MINUTES))
    spans: tuple[tuple[str, Length], ...] = (
        ("answer", counted.answer),
        ("accepted", counted.accepted),
        ("arrival", counted.arrival),
    )
    rows = tuple(Row(code, _length(length, small)) for code, length in spans)
    indicators = ("time_to_answer", "time_to_place", "time_to_arrival")
    yield Table("times", columns, rows, ("coarse", "still_waiting"), indicators)
    late = counted.judged - counted.within
    tellable = counted.judged >= small and not 0 < counted.within < small and not 0 < late < small
    share: Cell = rounded(round(100 * counted.within / counted.judged)) if tellable else SMALL
    yield Table("norm", (Column("share", Measure.PERCENT),), (Row("within", (share,)),), (), ("within_norm",))


def _length(found: Length, small: int) -> tuple[Cell, ...]:
    if found.happened < small or found.median is None or found.p90 is None:
        return (SMALL, SMALL)
    return tuple(coarse(round(one / timedelta(minutes=1))) for one in (found.median, found.p90))


def _profile(course: Course) -> str:
    return "group" if course.in_group else course.profile or "unknown"


def _capacity(places: Sequence[RegionPlaces]) -> Table:
    columns = tuple(Column(code, Measure.PLACES) for code in ("places", "norm", "distance"))
    rows = []
    for one in places:
        if len(places) > 1 and not one.houses and one.norm is None:
            continue  # nothing is known there and nothing agreed
        norm: Cell = NO_NORM if one.norm is None else one.norm
        few = one.houses < HOUSES_MIN and one.places > 0
        here: Cell = FEW_HOUSES if few else one.places
        distance: Cell = NO_NORM if one.norm is None else FEW_HOUSES if few else one.places - one.norm
        rows.append(Row(one.region, (here, norm, distance)))
    return Table("capacity", columns, tuple(rows), ("places_at",), ("capacity_norm",))


def _quality(places: Sequence[RegionPlaces]) -> Table:
    few = sum(one.houses for one in places) < HOUSES_MIN
    rows = []
    for code in ("checked", "declared", "unsaid"):
        units = sum(int(getattr(one, f"units_{code}")) for one in places)
        rows.append(Row(code, (FEW_HOUSES if few else units,)))
    return Table("quality", (Column("units", Measure.UNITS),), tuple(rows), ("self_declared",), ("quality_checked",))


def _history(period: Period, now: _Whole, before: Sequence[tuple[date, Cell, Cell]]) -> Table:
    columns = (Column("requests", Measure.REQUESTS), Column("ended", Measure.REQUESTS))
    rows = [Row(since.isoformat(), (asked, ended)) for since, asked, ended in before]
    rows.append(Row(period.since.isoformat(), (now[0], _told_of(now, "ended"))))
    return Table("history", columns, tuple(rows), ("as_stated",), ("asked",))


def history_of(said: Statement) -> tuple[date, Cell, Cell]:
    """What a statement says of its own period in the chart of later ones."""
    last = next(table for table in said.tables if table.code == "history").rows[-1]
    return said.since, last.cells[0], last.cells[1]


def kept_places(said: Statement, before: Statement) -> Statement:
    """A correction: with what an earlier version says of places and rooms, because those cannot be counted back."""
    kept = {table.code: table for table in before.tables if table.code in {"capacity", "quality"}}
    return replace(
        said,
        places_at=before.places_at,
        houses=before.houses,
        houses_trusted=before.houses_trusted,
        tables=tuple(kept.get(table.code, table) for table in said.tables),
    )


def _months_on(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), AMSTERDAM).astimezone(UTC)
