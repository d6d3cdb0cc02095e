"""A shortage statement to take along: as PDF, as a workbook, as csv. Each is the statement in words, no more."""

from nrm.exchange.sheets import write_book, write_csv
from web.pdf import Sheet, paper
from web.statement_words import Shown
from web.words import N_, Words

_NAMES: dict[str, str] = {
    "demand": N_("Aanvragen"),
    "unmet": N_("Zonder plek"),
    "times": N_("Tijden"),
    "norm": N_("Op tijd"),
    "regions": N_("Per regio"),
    "profiles": N_("Voor wie"),
    "capacity": N_("Plekken en minimum"),
    "quality": N_("Kamers"),
    "continuity": N_("Hulp loopt door"),
    "history": N_("Vorige perioden"),
}
"""Short names of tables, for the sheets of a workbook."""


def pdf(words: Words, said: Shown, practice: str) -> bytes:
    """The statement on paper: tagged, with its language and title, the drawings said in words."""
    about = Sheet(
        words.gettext("Over dit overzicht"), (words.gettext("Wat"), words.gettext("Hoe")), said.facts, widths=(2, 5)
    )
    sheets = [
        Sheet(
            table.title,
            (table.first, *table.columns),
            [(row.name, *(cell.text for cell in row.cells)) for row in table.folded],
            " ".join(table.notes),
            (3, *(2 for _ in table.columns)),
            str(table.chart.svg()) if table.chart else "",
            table.chart.says if table.chart else "",
        )
        for table in said.tables
    ]
    return paper(said.title, said.lead, said.title, words.language, [*sheets, about], practice=practice)


def workbook(words: Words, said: Shown, practice: str) -> bytes:
    """The statement as a workbook: a sheet per table, numbers as numbers, and the words where there is none."""
    about: list[tuple[str, str]] = [(said.title, practice), (said.lead, ""), *said.facts]
    sheets: list[tuple[str, list[tuple[str | int, ...]]]] = [(words.gettext("Over dit overzicht"), list(about))]
    for table in said.tables:
        rows: list[tuple[str | int, ...]] = [(table.first, *table.columns)]
        for row in table.rows:
            cells = (cell.text if cell.number is None else cell.number for cell in row.cells)
            rows.append((row.name, *cells))
        rows += [(note,) for note in (*(_units(words, table.measures)), *table.notes)]
        sheets.append((words.gettext(_NAMES[table.code]), rows))
    return write_book(said.title, words.language, sheets)


def csv(words: Words, said: Shown, practice: str) -> bytes:
    """The statement as one long table: what it is about on each line, so that several can be put under each other."""
    heads = (N_("Overzicht"), N_("Tabel"), N_("Regel"), N_("Kolom"), N_("Getal"), N_("Geteld in"), N_("In woorden"))
    rows: list[list[str | int]] = [[words.gettext(head) for head in heads]]
    name = f"{said.title} – {practice}" if practice else said.title
    for table in said.tables:
        for row in table.rows:
            for column, measure, cell in zip(table.columns, table.measures, row.cells, strict=True):
                number: str | int = "" if cell.number is None else cell.number
                rows.append([name, table.title, row.name, column, number, words.gettext(_MEASURES[measure]), cell.text])
    rows += [[name, words.gettext("Over dit overzicht"), what, "", "", "", how] for what, how in said.facts]
    return write_csv(rows)


_MEASURES: dict[str, str] = {
    "requests": N_("aanvragen"),
    "places": N_("plekken"),
    "units": N_("kamers"),
    "answers": N_("antwoorden"),
    "minutes": N_("minuten"),
    "percent": N_("procent"),
}


def _units(words: Words, measures: tuple[str, ...]) -> list[str]:
    """What a bare number of a sheet is counted in, once each."""
    counted = ", ".join(dict.fromkeys(words.gettext(_MEASURES[one]) for one in measures))
    return [words.gettext("Geteld in: %(units)s.", units=counted)]
