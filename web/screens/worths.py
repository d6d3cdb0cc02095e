"""What one place more of each kind there is would change tonight: for whom a place, or else what would be better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Actor, Role, Verb
from nrm.insight import remedies as insight
from nrm.insight.periods import PERIODS
from nrm.insight.remedies import Worth
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web import remedy_words
from web.insight_words import SAID
from web.labels import SEXES, label
from web.visit import Screen, Visit
from web.words import N_, Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]

SHOWN_MAX = 25
_OF_CASES = frozenset({Role.NATIONAL_DESK, Role.DUTY_OFFICER})
"""Who sees to everybody's requests: exact also where a number says something of persons."""

_BETTER = {
    "now": N_("een plek voor evenveel aanvragen, maar eerst voor wie de meeste haast heeft"),
    "today": N_("een plek voor evenveel aanvragen, maar eerst voor wie meer haast heeft"),
    "soon": N_("een plek voor evenveel aanvragen, maar eerst voor wie meer haast heeft"),
    "planned": N_("een plek voor evenveel aanvragen, maar voor meer personen"),
    "waiting": N_("een plek voor evenveel aanvragen, maar eerst voor wie langer wacht"),
    "care": N_("een plek voor evenveel aanvragen, maar een die beter past"),
    "change": N_("een plek voor evenveel aanvragen, en er verandert minder aan wat al is voorgesteld"),
    "fit": N_("een plek voor evenveel aanvragen, maar dichter bij of meer naar wens"),
}
"""What would be better when nobody more has a place, by the level of the solver where it begins."""


@dataclass(frozen=True)
class Line:
    """One kind of place in words."""

    id: str
    what: str
    where: str
    then: str


@router.get("/landelijk/oplossen/plekken")
def overview(visit: Reader) -> Response:
    """The page, worked out when it is opened."""
    found = insight.worths(visit.parts.database)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = {region.code: region.name for region in registry.regions(tx)}
    own = board_region(visit.actor)
    lines = [
        line
        for at, one in enumerate(found.found)
        if (line := _line(visit.words, visit.actor, str(at), one, names)) is not None
    ]
    return visit.page(
        "worths.html",
        frame,
        own_region=names.get(own, "") if own is not None else "",
        lines=lines[:SHOWN_MAX],
        waiting=found.waiting if own is None else None,
        proven=found.proven,
        said=SAID,
        days=0,
        kinds=True,
        periods=PERIODS,
    )


def _line(words: Words, actor: Actor, at: str, one: Worth, names: Mapping[str, str]) -> Line | None:
    """A kind of place of which the reader sees numbers; None where it says nothing of their region."""
    own, exact = board_region(actor), actor.role in _OF_CASES
    if own is not None and own not in one.regions:
        return None
    placed = sum(own in {None, region} for region in one.placed)
    if one.placed and not placed:
        return None
    if placed:
        # For whom a room is says who would come: with few that is not for whoever sees no cases.
        told = exact or len(one.sexes) == len(SEXES)
        then = remedy_words.placed(words, placed, exact=told)
    else:
        then = words.gettext(_BETTER[one.change])
    return Line(at, _what(words, one), _where(words, one, names, own, exact), then)


def _what(words: Words, one: Worth) -> str:
    pool = words.gettext(label("pool", one.pool))
    who = words.gettext("iedereen")
    if len(one.sexes) < len(SEXES):
        who = ", ".join(words.gettext(label("sex", sex)) for sex in one.sexes)
    if not one.places:
        return words.gettext("Een bed in een kamer met anderen, voor %(who)s: %(pool)s", who=who, pool=pool)
    return words.ngettext(
        "Een eigen kamer voor %(num)s persoon, voor %(who)s: %(pool)s",
        "Een eigen kamer voor %(num)s personen, voor %(who)s: %(pool)s",
        one.places,
        who=who,
        pool=pool,
    )


def _where(words: Words, one: Worth, names: Mapping[str, str], own: str | None, exact: bool) -> str:
    """Where it would do this. Where it would not can be where somebody is not safe: for who sees no cases, a number."""
    if own is not None:
        return names[own]
    if exact:
        return ", ".join(names[code] for code in one.regions)
    return words.ngettext("in %(num)s regio waar die er zijn", "in %(num)s regio’s waar die er zijn", len(one.regions))
