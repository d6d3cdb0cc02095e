"""What rules do: whom they keep out, which are past their review, and where an open question cost a scarce place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.insight import rules
from nrm.insight import shut_outs as insight
from nrm.insight.shut_outs import CONTRA, Given, Reviews, ShutOut
from nrm.placing.rules import Indication
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web.case_words import reason
from web.insight_words import INDICATIONS
from web.labels import label
from web.screens.causes import Named, over_days
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Line:
    """One rule and whom it kept out, in words."""

    id: str
    name: str
    requests: int
    alone: str
    together: str
    main: str


@dataclass(frozen=True)
class Review:
    """The rules on one criterion."""

    id: str
    name: str
    found: Reviews


@router.get("/landelijk/regels")
def overview(visit: Reader, dagen: Chosen = "") -> Response:
    """The page."""
    return over_days(visit, "shut_outs.html", dagen, _shown)


def _shown(visit: Visit, tx: Tx, days: int) -> dict[str, Any]:
    own = board_region(visit.actor)
    words = visit.words
    names = {region.code: region.name for region in registry.regions(tx)}
    since = tx.now - timedelta(days=days)
    found = insight.shut_outs(tx, since, tx.now, own)
    given = insight.given(tx, since, tx.now, own)
    reviews = insight.reviews(tx, tx.now.astimezone(AMSTERDAM).date(), own)
    return {
        "own_region": names.get(own, "") if own is not None else "",
        "requests": found.requests,
        "contra": _lines(words, found.contra),
        "others": _lines(words, found.others),
        "reviews": [Review(one.criterion, words.gettext(label("criterion", one.criterion)), one) for one in reviews],
        "past": sum(one.past for one in reviews),
        "rules_in_force": sum(one.rules for one in reviews),
        "given": given,
        "by": _by(words, given),
    }


def _lines(words: Words, found: Sequence[ShutOut]) -> list[Line]:
    return [
        Line(
            one.code.replace(":", "-"),
            words.gettext(label("criterion", one.code.removeprefix(CONTRA)))
            if one.code.startswith(CONTRA)
            else reason(words, one.code),
            one.requests,
            _part(words, one.alone, one.requests),
            _part(words, one.together, one.requests),
            _part(words, one.main, one.requests),
        )
        for one in insight.told(found)
    ]


def _part(words: Words, part: int, whole: int) -> str:
    """A part of so many: not where it, or what is left, is few."""
    return words.number(part) if rules.told(part, whole) else words.gettext("te weinig om te zeggen")


def _by(words: Words, given: Given) -> list[Named]:
    """Unconditional places by what was known of whoever got them, nothing of it small."""
    found = rules.split({one.value: count for one, count in given.by.items()})
    if not found.shown:
        return []
    parts = [Named(code, words.gettext(INDICATIONS[Indication(code)]), count) for code, count in found.shown]
    if found.rest:
        parts.append(Named("rest", words.gettext("Wat te weinig voorkomt om apart te noemen"), found.rest))
    return parts
