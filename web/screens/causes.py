"""Why people have no place: every request once, by its main cause, and everything that stands in the way."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.insight import queries as insight
from nrm.insight.periods import PERIODS
from nrm.insight.queries import Causes
from nrm.insight.rules import SMALL, Cause, Split
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.case_words import reason
from web.insight_words import CAUSES, SAID, blocker
from web.labels import label
from web.pages import Form
from web.typed import said
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]

OTHER = frozenset({Cause.YOUTH_CARE, Cause.NOT_LOOKED})
"""Causes that are shown as one."""


@dataclass(frozen=True)
class Line:
    """One main cause: who waits now, and who ended on it."""

    id: str
    name: str
    says: str
    waiting: int
    overdue: int
    ended: int


@dataclass(frozen=True)
class Named:
    """Something that counts, in words."""

    id: str
    name: str
    requests: int


@router.get("/landelijk/oorzaken")
def overview(visit: Reader, dagen: Chosen = "", op: Chosen = "") -> Response:
    """The page, now or as of a moment."""
    return _show(visit, "causes.html", dagen, op)


@router.get("/landelijk/oorzaken/deel")
def part(visit: Reader, dagen: Chosen = "") -> Response:
    """The live part."""
    return _show(visit, "causes_part.html", dagen)


def chosen_days(typed: str) -> int:
    """The period asked for, or the first there is."""
    return int(typed) if typed.isdecimal() and int(typed) in PERIODS else PERIODS[0]


def moment(typed: str) -> tuple[datetime | None, bool]:
    """The moment of a date-and-time field, by the clock on the wall; and whether something else was typed."""
    try:
        return (datetime.fromisoformat(typed).replace(tzinfo=AMSTERDAM) if typed.strip() else None), False
    except ValueError:
        return None, True


def over_days(visit: Visit, template: str, typed: str, figures: Callable[[Visit, Tx, int], dict[str, Any]]) -> Response:
    """A page of figures over the last so many days."""
    days = chosen_days(typed)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        shown = figures(visit, tx, days)
    return visit.page(
        template,
        frame,
        days=days,
        periods=PERIODS,
        said=SAID,
        small=SMALL,
        lists=may(visit.actor, Verb.REQUEST_READ),
        **shown,
    )


def _show(visit: Visit, template: str, typed: str, op: str = "") -> Response:
    then, wrong = moment(op)
    form = Form({"op": op}, {"op": said(visit.words, "unreadable_moment")} if wrong else {})
    return over_days(visit, template, typed, lambda visit, tx, days: {"form": form, **_causes(visit, tx, days, then)})


def _causes(visit: Visit, tx: Tx, days: int, then: datetime | None) -> dict[str, Any]:
    own = board_region(visit.actor)
    names = {region.code: region.name for region in registry.regions(tx)}
    waiting = insight.causes_at(tx, then, own) if then else insight.waiting_causes(tx, own)
    ended = insight.ended_causes(tx, tx.now - timedelta(days=days), own)
    return {
        "then": then,
        "own_region": names.get(own, "") if own is not None else "",
        "lines": _lines(visit.words, waiting, ended),
        "waiting": waiting,
        "ended": ended,
        "rules_now": _split(visit.words, waiting.rules, reason),
        "rules_ended": _split(visit.words, ended.rules, reason),
        "declines_now": _split(visit.words, waiting.declines, _decline),
        "declines_ended": _split(visit.words, ended.declines, _decline),
        "blockers": [Named(code.replace(":", "-"), blocker(visit.words, code), n) for code, n in waiting.blockers],
    }


def _lines(words: Words, waiting: Causes, ended: Causes) -> list[Line]:
    counted = {name: [0, 0, 0] for name in CAUSES}
    for causes, at in ((waiting, 0), (ended, 2)):
        for one in causes.parts:
            cell = counted["other" if one.cause in OTHER else one.cause.value]
            cell[at] += one.requests
            cell[1] += one.overdue
    lines = [
        Line(name, words.gettext(CAUSES[name][0]), words.gettext(CAUSES[name][1]), *counts)
        for name, counts in counted.items()
        if any(counts)
    ]
    return sorted(lines, key=lambda line: (-line.waiting, -line.ended, line.name))


def _decline(words: Words, code: str) -> str:
    return words.gettext(label("decline", code)) if code else words.gettext("Zonder code")


def _split(words: Words, found: Split, said: Any) -> list[Named]:
    parts = [Named(code.replace(":", "-"), said(words, code), count) for code, count in found.shown]
    if found.rest:
        parts.append(Named("rest", words.gettext("Wat te weinig voorkomt om apart te noemen"), found.rest))
    return parts
