"""Before and after a policy or pilot: which there are, one of them counted now, and adding one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid
from nrm.insight import comparing
from nrm.insight.catalogue import NATIONAL_MIN, REGIONAL_MIN
from nrm.insight.comparing import Window
from nrm.insight.models import Comparison
from nrm.insight.statement import NATIONAL
from nrm.registry import queries as registry
from web.insight_words import SAID
from web.pages import Form
from web.refusals import flash_text
from web.statement_words import compared
from web.typed import day, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.STATEMENT_READ))]
Keeper = Annotated[Visit, Depends(Act(Verb.COMPARISON_KEEP))]

HERE = "/landelijk/vergelijken"


@dataclass(frozen=True)
class Listed:
    """One comparison in the list."""

    id: str
    name: str
    where: str
    dates: str


@router.get(HERE)
def overview(visit: Reader) -> Response:
    """Which there are."""
    return _list(visit, Form({"days": str(comparing.DAYS[1])}))


@router.post(HERE)
def add(visit: Keeper) -> Response:
    """Add one. What is wrong is said at its field, and what was typed stays."""
    typed = visit.field("days")
    try:
        with visit.writing() as tx:
            made = comparing.add(
                tx,
                visit.actor,
                visit.field("name"),
                visit.field("region"),
                _day(visit, "begins_on"),
                _day(visit, "ends_on"),
                int(typed) if typed.isdecimal() and len(typed) < 5 else 0,
            )
    except Invalid as refusal:
        return _list(visit, visit.filled(wrong_fields(visit.words, refusal)))
    except Conflict as refusal:
        return _list(visit, visit.filled(), flash_text(visit.words, refusal.code))
    return visit.go(f"{HERE}/{made.id}", "comparison_kept")


@router.get(HERE + "/{comparison_id}")
def one(comparison_id: Id, visit: Reader) -> Response:
    """One, counted now."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = comparing.comparison(tx, visit.actor, comparison_id)
        names = _names(visit, tx)
    small = NATIONAL_MIN if found.row.region_code == NATIONAL else REGIONAL_MIN
    return visit.page(
        "comparison.html",
        frame,
        one=_listed(visit.words, found.row, names),
        spans=_spans(visit.words, found.window),
        tables=compared(visit.words, found.tables, small),
        keeps=may(visit.actor, Verb.COMPARISON_KEEP),
        said=SAID,
    )


@router.post(HERE + "/{comparison_id}/weg")
def remove(comparison_id: Id, visit: Keeper) -> Response:
    """Take it away."""
    return visit.act(lambda tx: comparing.remove(tx, visit.actor, comparison_id), HERE, "comparison_removed")


def _list(visit: Visit, form: Form, failure: str = "") -> Response:
    words = visit.words
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = _names(visit, tx)
        found = [_listed(words, row, names) for row in comparing.comparisons(tx, visit.actor)]
    lengths = [(str(days), words.gettext("hoogstens %(days)s dagen", days=days)) for days in comparing.DAYS]
    return visit.page(
        "comparisons.html",
        frame,
        status=400 if form.errors else 409 if failure else 200,
        found=found,
        keeps=may(visit.actor, Verb.COMPARISON_KEEP),
        regions=list(names.items()),
        lengths=lengths,
        form=form,
        failure=failure,
    )


def _day(visit: Visit, name: str) -> date | None:
    try:
        return day(visit.field(name))
    except ValueError as error:
        raise Invalid("invalid", (FieldError((name,), "unreadable_date"),)) from error


def _names(visit: Visit, tx: Tx) -> dict[str, str]:
    return {NATIONAL: visit.words.gettext("heel Nederland")} | {one.code: one.name for one in registry.regions(tx)}


def _listed(words: Words, row: Comparison, names: Mapping[str, str]) -> Listed:
    if row.ends_on is None:
        dates = words.gettext("sinds %(first)s", first=words.on(row.begins_on))
    else:
        last = words.on(row.ends_on - timedelta(days=1))
        dates = words.gettext("%(first)s tot en met %(last)s", first=words.on(row.begins_on), last=last)
    return Listed(row.id, row.name, names.get(row.region_code, row.region_code), dates)


def _spans(words: Words, found: Window | None) -> list[tuple[str, str]]:
    """Which days are before, and which after."""
    if found is None:
        return []

    def span(first: date, until: date) -> str:
        last = words.on(until - timedelta(days=1))
        return words.gettext("%(first)s tot en met %(last)s", first=words.on(first), last=last)

    return [
        (words.gettext("Ervoor"), span(found.before, found.begins)),
        (words.gettext("Erna"), span(found.begins, found.until)),
        (words.gettext("Even lang"), words.ngettext("%(num)s dag", "%(num)s dagen", found.days)),
    ]
