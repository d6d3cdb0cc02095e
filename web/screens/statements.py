"""Shortage statements: which there are, one of them in words and to take along, a correction, and who hears of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Role, Verb, may
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.insight import stating
from nrm.insight.models import StatementVersion
from nrm.insight.statement import NATIONAL, Kind, Period, Reason
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.insight_words import SAID
from web.pages import Form
from web.statement_paper import csv, pdf, workbook
from web.statement_words import REASONS, Shown, name_of_period, shown
from web.visit import Act, Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.STATEMENT_READ))]
ReaderActs = Annotated[Visit, Depends(Act(Verb.STATEMENT_READ))]
Corrector = Annotated[Visit, Depends(Act(Verb.STATEMENT_CORRECT))]
Chosen = Annotated[str, Query(max_length=8)]

HERE = "/landelijk/tekort"


@dataclass(frozen=True)
class Listed:
    """One statement in the list."""

    id: str
    where: str
    version: str


@dataclass(frozen=True)
class Group:
    """The statements of one period."""

    id: str
    period: str
    rows: list[Listed]


@dataclass(frozen=True)
class Heard:
    """A kind of statement that somebody can hear of."""

    id: str
    kind: str
    region: str
    name: str


@router.get(HERE)
def overview(visit: Reader, jaar: Chosen = "") -> Response:
    """Which there are of a year, and of which one hears."""
    words = visit.words
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = _names(visit, tx)
        years = stating.years(tx, visit.actor)
        year = next((one for one in years if str(one) == jaar), years[0] if years else tx.now.year)
        groups: dict[str, Group] = {}
        for row in stating.statements(tx, visit.actor, year):
            key = f"{row.kind}-{row.since:%Y-%m}"
            group = groups.setdefault(key, Group(key, name_of_period(words, row.kind, row.since), []))
            group.rows.append(Listed(row.id, names.get(row.region_code, row.region_code), _version(words, row)))
        heard = stating.subscriptions(tx, visit.actor)
    choices = [
        Heard(f"{kind}-{region or 'land'}", kind, region, name)
        for region, name in names.items()
        for kind in ([Kind.QUARTERLY] if region == NATIONAL else [Kind.MONTHLY])
        if stating.may_read(visit.actor, region)
    ]
    return visit.page(
        "statements.html",
        frame,
        # The whole country first: whoever has one minute reads that one.
        groups=sorted(groups.values(), key=lambda group: not group.id.startswith(Kind.QUARTERLY)),
        year=year,
        years=years,
        hears=[one for one in choices if (one.kind, one.region) in heard],
        choices=[(one.id, one.name) for one in choices if (one.kind, one.region) not in heard],
        regions=[(region, name) for region, name in names.items() if board_region(visit.actor) in {None, region}],
        form=Form(),
        live=visit.actor.role is not Role.MINISTRY,
    )


@router.get(HERE + "/nu")
def provisional(visit: Reader, regio: Chosen = "") -> Response:
    """How the statement of the period that is not over would be. For whoever sees live numbers too."""
    if visit.actor.role is Role.MINISTRY:
        raise NotFound("no_statement")
    # Of the country only to whoever sees all of it live: it changes as people come in, in every region.
    own = board_region(visit.actor)
    region = regio if own is None else own
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = _names(visit, tx)
        if region not in names:
            raise NotFound("no_statement")
        said = stating.provisional(tx, region)
    version = visit.words.gettext("voorlopig: de periode is nog niet om, en dit is niet bewaard")
    return visit.page(
        "statement.html",
        frame,
        shown=shown(visit.words, said, names, version),
        row=None,
        newest=None,
        corrects=False,
        reasons=[],
        said=SAID,
        form=Form(),
    )


@router.get(HERE + "/{statement_id}")
def one(statement_id: Id, visit: Reader) -> Response:
    """One statement."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        row, found = _shown(visit, tx, statement_id)
        all_versions = stating.versions(tx, visit.actor, statement_id)
    newest = all_versions[-1]
    return visit.page(
        "statement.html",
        frame,
        shown=found,
        row=row,
        newest=newest if newest.id != row.id else None,
        corrects=may(visit.actor, Verb.STATEMENT_CORRECT) and newest.id == row.id,
        reasons=[(reason.value, visit.words.gettext(REASONS[reason])) for reason in Reason],
        said=SAID,
        form=Form(),
    )


@router.get(HERE + "/{statement_id}/overzicht.pdf")
def as_pdf(statement_id: Id, visit: Reader) -> Response:
    """On paper."""
    return _file(visit, statement_id, pdf, "application/pdf", "pdf")


@router.get(HERE + "/{statement_id}/overzicht.xlsx")
def as_workbook(statement_id: Id, visit: Reader) -> Response:
    """As a workbook."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _file(visit, statement_id, workbook, kind, "xlsx")


@router.get(HERE + "/{statement_id}/overzicht.csv")
def as_csv(statement_id: Id, visit: Reader) -> Response:
    """As csv."""
    return _file(visit, statement_id, csv, "text/csv; charset=utf-8", "csv")


@router.post(HERE + "/{statement_id}/verbeteren")
def correct(statement_id: Id, visit: Corrector) -> Response:
    """Make it once more from what is known now; the earlier version stays."""
    url, reason = visit.parts.settings.public_url, visit.field("reason")
    return visit.act(
        lambda tx: stating.correct(tx, visit.actor, statement_id, reason, url), HERE, "statement_corrected"
    )


@router.post(HERE + "/berichten")
def subscribe(visit: ReaderActs) -> Response:
    """Hear when they are there."""
    kind, region = _heard(visit.field("which"))
    return visit.act(lambda tx: stating.subscribe(tx, visit.actor, kind, region), HERE, "statement_heard")


@router.post(HERE + "/berichten/stop")
def unsubscribe(visit: ReaderActs) -> Response:
    """Hear of them no more."""
    kind, region = _heard(visit.field("which"))
    return visit.act(lambda tx: stating.unsubscribe(tx, visit.actor, kind, region), HERE, "statement_unheard")


def _heard(typed: str) -> tuple[str, str]:
    kind, _, region = typed.partition("-")
    return kind, NATIONAL if region == "land" else region


def _names(visit: Visit, tx: Tx) -> dict[str, str]:
    return {NATIONAL: visit.words.gettext("heel Nederland")} | {one.code: one.name for one in registry.regions(tx)}


def _version(words: Words, row: StatementVersion) -> str:
    if row.reason is None:
        return words.gettext("eerste versie")
    return words.gettext(
        "versie %(version)s, verbeterd: %(why)s",
        version=row.version,
        why=words.gettext(REASONS[row.reason]).lower(),
    )


def _shown(visit: Visit, tx: Tx, statement_id: str) -> tuple[StatementVersion, Shown]:
    found = stating.statement(tx, visit.actor, statement_id)
    return found.row, shown(visit.words, found.said, _names(visit, tx), _version(visit.words, found.row))


def _file(
    visit: Visit, statement_id: str, made: Callable[[Words, Shown, str], bytes], media_type: str, ending: str
) -> Response:
    with visit.reading() as tx:
        row, found = _shown(visit, tx, statement_id)
    where = row.region_code.lower() or "nederland"
    name = f"tekortoverzicht-{Period(Kind(row.kind), row.since).name}-{where}-v{row.version}.{ending}"
    headers: dict[str, Any] = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(made(visit.words, found, visit.practice), media_type=media_type, headers=headers)
