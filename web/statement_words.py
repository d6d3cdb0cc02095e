"""A shortage statement in words: the one list of tables of which page, PDF, workbook and csv file are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from nrm.insight.catalogue import REGIONAL_MIN
from nrm.insight.statement import (
    ALL,
    FEW_HOUSES,
    HOUSES_MIN,
    IN_REST,
    NATIONAL,
    NO_NORM,
    REST,
    SMALL,
    Cell,
    Kind,
    Measure,
    Period,
    Statement,
    Table,
)
from web.charts import Bar, Chart, Line
from web.insight_words import CAUSES, PROFILES, SAID
from web.words import N_, Words

TITLES: dict[str, str] = {
    "demand": N_("Aanvragen die binnenkwamen, en hoe het ging"),
    "unmet": N_("Zonder plek: waardoor"),
    "times": N_("Hoe lang het duurde"),
    "norm": N_("Op tijd een plek"),
    "regions": N_("Aanvragen per regio"),
    "profiles": N_("Voor wie het was"),
    "capacity": N_("Plekken in gebruik, tegen het afgesproken minimum"),
    "quality": N_("Waar kamers goed in zijn: door wie gezegd"),
    "continuity": N_("Liep de hulp door? Wat mensen zelf zeiden bij vertrek"),
    "history": N_("Deze periode naast de vorige"),
}

COLUMNS: dict[str, str] = {
    "requests": N_("Aanvragen"),
    "waiting": N_("Wachtten aan het eind"),
    "ended": N_("Eindigden zonder plek"),
    "median": N_("De helft binnen"),
    "p90": N_("Negen van de tien binnen"),
    "share": N_("Deel"),
    "places": N_("Plekken in gebruik"),
    "norm": N_("Minimum"),
    "distance": N_("Boven of onder het minimum"),
    "units": N_("Kamers"),
    "answers": N_("Antwoorden"),
    "before": N_("Ervoor"),
    "after": N_("Erna"),
}

FIRST: dict[str, str] = {
    "demand": N_("Hoe het ging"),
    "unmet": N_("Oorzaak"),
    "times": N_("Tot"),
    "norm": N_("Wat"),
    "regions": N_("Regio"),
    "profiles": N_("Voor wie"),
    "capacity": N_("Regio"),
    "quality": N_("Door wie gezegd"),
    "continuity": N_("Antwoord"),
    "history": N_("Periode"),
}

ROWS: dict[str, str] = {
    "placed": N_("kregen een plek"),
    "ended": N_("eindigden zonder plek van hier"),
    "waiting": N_("wachtten nog"),
    "youth_care": N_("overgenomen door jeugdzorg of Nidos"),
    "answer": N_("een eerste antwoord"),
    "accepted": N_("een plek"),
    "arrival": N_("aankomst"),
    "answer_median": N_("eerste antwoord: de helft binnen"),
    "answer_p90": N_("eerste antwoord: negen van de tien binnen"),
    "accepted_median": N_("een plek: de helft binnen"),
    "accepted_p90": N_("een plek: negen van de tien binnen"),
    "arrival_median": N_("aankomst: de helft binnen"),
    "arrival_p90": N_("aankomst: negen van de tien binnen"),
    "within": N_("een plek binnen de termijn"),
    "checked": N_("gecontroleerd door iemand van buiten"),
    "declared": N_("alleen door de opvang zelf gezegd"),
    "unsaid": N_("er is niets over gezegd"),
    "went_on": N_("ja, de hulp loopt door"),
    "partly": N_("voor een deel"),
    "broke_off": N_("nee, de hulp stopt hier"),
}

_TOTAL: dict[str, str] = {"continuity": N_("Alle antwoorden")}
_REST = N_("overige, niet apart genoemd")

NOTES: dict[str, str] = {
    "follow_ons": N_("Een vervolgplek voor iemand die er al een had, telt niet mee."),
    "followed": N_("Elke aanvraag zoals die een week na binnenkomst stond."),
    "rounded": N_("Afgerond op vijf. Wat klein is, of een klein getal zou verraden, staat er niet apart bij."),
    "coarse": N_("Ruw afgerond, en alleen als het er genoeg waren."),
    "still_waiting": N_("Wie nog wacht, zit er niet in."),
    "places_at": N_(
        "De plekken zijn geteld op %(places_at)s; toen hielden %(trusted)s van %(houses)s huizen hun stand bij. Hoe ze"
        " eerder stonden, is niet terug te halen."
    ),
    "self_declared": N_("Wat een opvang van zichzelf zegt, heeft niemand nagekeken."),
    "not_split": N_("Te weinig om uit te splitsen zonder dat het naar een persoon wijst."),
    "own_word": N_("Ieders eigen keuze om te antwoorden. Geteld zonder naam, door de opvang ingevuld."),
    "as_stated": N_("Zoals het in de overzichten van toen staat, in hun nieuwste versie."),
}

REASONS: dict[str, str] = {
    "entered_late": N_("Er is later nog iets ingevoerd"),
    "was_wrong": N_("Er stond iets fout in, en dat is hersteld"),
    "definition": N_("De betekenis van een cijfer is veranderd"),
}

_CHARTED = {"demand": ("requests",), "unmet": ("waiting", "ended"), "history": ("requests", "ended")}


@dataclass(frozen=True)
class ShownCell:
    """A cell in words, and its bare number when there is one."""

    text: str
    number: int | None


@dataclass(frozen=True)
class ShownRow:
    """One line."""

    id: str
    name: str
    cells: tuple[ShownCell, ...]


@dataclass(frozen=True)
class ShownTable:
    """One table in words."""

    code: str
    title: str
    first: str
    columns: tuple[str, ...]
    measures: tuple[Measure, ...]
    rows: tuple[ShownRow, ...]
    notes: tuple[str, ...]
    indicators: tuple[str, ...]
    chart: Chart | None

    @property
    def folded(self) -> list[ShownRow]:
        """For whoever reads: lines without any number that say the same are one, with all their names."""
        alike: dict[tuple[ShownCell, ...], list[ShownRow]] = {}
        for row in self.rows:
            if all(cell.number is None for cell in row.cells):
                alike.setdefault(row.cells, []).append(row)
        found = []
        for row in self.rows:
            same = alike.get(row.cells, [row])
            if same[0] is row:
                found.append(ShownRow(row.id, ", ".join(one.name for one in same), row.cells))
        return found


@dataclass(frozen=True)
class Shown:
    """A whole statement in words. `facts` are what must be known beside every number of it."""

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[ShownTable, ...]


def shown(words: Words, said: Statement, regions: Mapping[str, str], version: str) -> Shown:
    """The statement in words. `version` says which one it is, and why there is another."""
    return Shown(
        title_of(words, said, regions),
        " ".join(filter(None, (_lead(words, said), _not_all_of_it(words, said), _of_the_minimum(words, said)))),
        (
            (words.gettext("Versie"), version),
            (words.gettext("Periode"), _days(words, said)),
            (words.gettext("Zoals bekend op"), f"{words.day(said.as_of)} {words.clock(said.as_of)}"),
            (words.gettext("Hier vastgelegd sinds"), words.on(said.recorded_from)),
            (
                words.gettext("Huizen die hun stand bijhouden"),
                words.gettext(
                    "%(trusted)s van %(houses)s, toen de plekken geteld werden",
                    trusted=words.number(said.houses_trusted),
                    houses=words.number(said.houses),
                ),
            ),
            (
                words.gettext("Versie van de betekenissen"),
                ", ".join(
                    f"{words.gettext(SAID[code].name).lower()} {number}" for code, number in said.definitions.items()
                ),
            ),
        ),
        tuple(_table(words, said, table, regions) for table in said.tables),
    )


def title_of(words: Words, said: Statement, regions: Mapping[str, str]) -> str:
    """What it is a statement of."""
    where = words.gettext("heel Nederland") if said.region == NATIONAL else regions.get(said.region, said.region)
    return words.gettext("Tekortoverzicht %(period)s, %(where)s", period=period_name(words, said), where=where)


def period_name(words: Words, said: Statement) -> str:
    """October 2026, or the fourth quarter of it."""
    return name_of_period(words, said.kind, said.since)


def name_of_period(words: Words, kind: str, since: date) -> str:
    """The name of a period from its first day."""
    if kind == Kind.QUARTERLY:
        number = Period(Kind.QUARTERLY, since).name[-1]
        return words.gettext("%(number)se kwartaal %(year)s", number=number, year=since.year)
    return words.month(since)


def _days(words: Words, said: Statement) -> str:
    last = said.until - timedelta(days=1)
    return words.gettext("%(first)s tot en met %(last)s", first=words.on(said.since), last=words.on(last))


def _lead(words: Words, said: Statement) -> str:
    demand = next(table for table in said.tables if table.code == "demand")
    counts = {row.code: row.cells[0] for row in demand.rows}
    total = counts[ALL]
    if total == IN_REST:
        return words.gettext("Hoeveel aanvragen er binnenkwamen, noemen we niet: het zou een klein getal verraden.")
    if not isinstance(total, int):
        return words.gettext(
            "Er kwamen minder dan %(small)s aanvragen binnen. Van zo weinig zeggen we hier niet meer.", small=said.small
        )
    asked = words.number(total)
    ended = counts.get("ended")
    if isinstance(ended, int):
        return words.gettext(
            "Er kwamen ongeveer %(asked)s aanvragen binnen; ongeveer %(ended)s eindigden zonder plek van hier.",
            asked=asked,
            ended=words.number(ended),
        )
    return words.gettext("Er kwamen ongeveer %(asked)s aanvragen binnen.", asked=asked)


def compared(words: Words, tables: tuple[Table, ...], small: int) -> tuple[ShownTable, ...]:
    """The tables of a comparison in words."""
    return tuple(_in_words(words, table, small, {}, "", {}) for table in tables)


def _not_all_of_it(words: Words, said: Statement) -> str:
    """That a period began before anything was recorded here: its numbers are of a part of it."""
    if said.recorded_from <= said.since:
        return ""
    return words.gettext(
        "Dit is niet de hele periode: hier wordt pas sinds %(day)s iets bijgehouden.", day=words.on(said.recorded_from)
    )


def _of_the_minimum(words: Words, said: Statement) -> str:
    """What the one region of a statement has more or less than was agreed."""
    rows = next(table for table in said.tables if table.code == "capacity").rows
    distance = rows[0].cells[2] if len(rows) == 1 and said.region != NATIONAL else None
    if not isinstance(distance, int):
        return ""
    if distance < 0:
        return words.ngettext(
            "Er is %(num)s plek minder in gebruik dan is afgesproken.",
            "Er zijn %(num)s plekken minder in gebruik dan is afgesproken.",
            -distance,
        )
    return words.gettext("Er zijn genoeg plekken in gebruik om het afgesproken minimum te halen.")


def _table(words: Words, said: Statement, table: Table, regions: Mapping[str, str]) -> ShownTable:
    small = REGIONAL_MIN if table.code == "regions" else said.small
    known = {
        "places_at": f"{words.day(said.places_at)} {words.clock(said.places_at)}",
        "trusted": words.number(said.houses_trusted),
        "houses": words.number(said.houses),
    }
    return _in_words(words, table, small, regions, said.kind, known)


def _in_words(
    words: Words, table: Table, small: int, regions: Mapping[str, str], kind: str, known: Mapping[str, str]
) -> ShownTable:
    rows = tuple(
        ShownRow(
            row.code,
            _row_name(words, kind, table.code, row.code, regions),
            tuple(
                _cell(words, cell, column.measure, small, column.code == "distance")
                for cell, column in zip(row.cells, table.columns, strict=True)
            ),
        )
        for row in table.rows
    )
    notes = tuple(words.gettext(NOTES[note], **known) for note in table.notes)
    title = words.gettext(TITLES[table.code])
    columns = tuple(words.gettext(COLUMNS[column.code]) for column in table.columns)
    chart = None
    if table.code in _CHARTED and any(cell.number for row in rows for cell in row.cells):
        chart = Chart(
            f"tekort-{table.code}",
            words.gettext("%(title)s, in staven. De getallen staan in de tabel.", title=title),
            columns,
            [
                Line(row.name, tuple(Bar(cell.number, cell.text) for cell in row.cells))
                for row in rows
                if row.id != ALL or table.code == "demand"
            ],
        )
    return ShownTable(
        table.code,
        title,
        words.gettext(FIRST[table.code]),
        columns,
        tuple(column.measure for column in table.columns),
        rows,
        notes,
        table.indicators,
        chart,
    )


def _row_name(words: Words, kind: str, table: str, code: str, regions: Mapping[str, str]) -> str:  # noqa: PLR0911
    if code == ALL:
        return words.gettext(_TOTAL.get(table, N_("Alle aanvragen")))
    if code == REST:
        return words.gettext(_REST)
    if table in {"regions", "capacity"}:
        return regions.get(code, code)
    if table == "unmet":
        return words.gettext(CAUSES[code][0] if code in CAUSES else _OTHER_CAUSES[code])
    if table == "profiles":
        return words.gettext(PROFILES[code])
    if table == "history":
        return name_of_period(words, kind, date.fromisoformat(code))
    return words.gettext(ROWS[code])


_OTHER_CAUSES = {"youth_care": N_("Jeugdzorg of Nidos is gevraagd"), "not_looked": N_("Nog niet bekeken")}


def _cell(  # noqa: PLR0911 - one line per kind of cell
    words: Words, cell: Cell, measure: Measure, small: int, signed: bool
) -> ShownCell:
    if cell == SMALL and measure in {Measure.MINUTES, Measure.PERCENT}:
        return ShownCell(words.gettext("te weinig om te zeggen"), None)
    if cell == NO_NORM and signed:
        return ShownCell("–", None)
    if isinstance(cell, str):
        return ShownCell(_why_none(words, cell, small), None)
    if signed:
        if not cell:
            return ShownCell(words.gettext("precies gehaald"), cell)
        if cell < 0:
            return ShownCell(words.gettext("%(places)s te weinig", places=words.number(-cell)), cell)
        return ShownCell(words.gettext("gehaald, %(places)s erboven", places=words.number(cell)), cell)
    if measure is Measure.MINUTES:
        return ShownCell(words.duration(timedelta(minutes=cell)), cell)
    if measure is Measure.PERCENT:
        return ShownCell(words.percent(cell / 100), cell)
    return ShownCell(words.number(cell), cell)


def _why_none(words: Words, code: str, small: int) -> str:
    return {
        SMALL: words.gettext("minder dan %(small)s", small=small),
        IN_REST: words.gettext("niet genoemd"),
        FEW_HOUSES: words.gettext("niet genoemd: minder dan %(houses)s huizen", houses=HOUSES_MIN),
        NO_NORM: words.gettext("geen minimum afgesproken"),
    }[code]
