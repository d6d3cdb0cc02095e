"""What would help tonight: one more place of a kind, or one rule less. By kind and region; a house only to its own."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from nrm.access.rules import Actor, Role, Verb
from nrm.insight import remedies as insight
from nrm.insight.periods import PERIODS
from nrm.insight.remedies import Remedies, Remedy
from nrm.insight.rules import SMALL
from nrm.registry import queries as registry
from nrm.registry.api import board_region
from web import remedy_words
from web.case_words import joined
from web.insight_words import SAID
from web.labels import label
from web.screens import remedies_past
from web.visit import Screen, Visit
from web.words import Words

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.NUMBERS_READ))]
Chosen = Annotated[str, Query(max_length=40)]
Keeper = Annotated[Visit, Depends(Screen(Verb.PLACES_KEEP))]

SHOWN_MAX = 25

_OF_CASES = frozenset({Role.NATIONAL_DESK, Role.DUTY_OFFICER})
"""Who sees to everybody's requests: exact also where a number says something of persons."""


@dataclass(frozen=True)
class Line:
    """One remedy in words."""

    id: str
    what: str
    where: str
    helps: str


@router.get("/landelijk/oplossen")
def overview(visit: Reader, dagen: Chosen = "") -> Response:
    """The page, worked out when it is opened; or over a period, as it was worked out last night."""
    desk = visit.actor.role is Role.NATIONAL_DESK
    if dagen.isdecimal() and int(dagen) in PERIODS:
        return _past(visit, int(dagen), houses=desk)
    found = insight.remedies(visit.parts.database, houses=desk)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = {region.code: region.name for region in registry.regions(tx)}
    own = board_region(visit.actor)
    return visit.page(
        "remedies.html",
        frame,
        own_region=names.get(own, "") if own is not None else "",
        lines=_lines(visit.words, visit.actor, found, names),
        said=SAID,
        small=SMALL,
        days=0,
        periods=PERIODS,
        **_counts(found, own),
    )


def _past(visit: Visit, days: int, houses: bool) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        names = {region.code: region.name for region in registry.regions(tx)}
        exact = visit.actor.role in _OF_CASES
        shown = remedies_past.told(visit.words, tx, visit.actor, days, names, exact=exact, houses=houses)
    own = board_region(visit.actor)
    own_region = names.get(own, "") if own is not None else ""
    return visit.page(
        "remedies_past.html", frame, own_region=own_region, days=days, periods=PERIODS, said=SAID, small=SMALL, **shown
    )


@router.get("/onze-regels")
def of_own_houses(visit: Keeper) -> Response:
    """What one rule less at one's own houses would do now: for their provider alone."""
    found = insight.remedies(visit.parts.database, houses=True)
    with visit.reading() as tx:
        frame = visit.frame(tx)
        past = remedies_past.of_own_houses(visit.words, tx, visit.actor.organisation_id)
    own = [
        one for one in found.found if one.kind == "house_rule" and one.organisation_id == visit.actor.organisation_id
    ]
    lines = [
        _line(visit.words, at, one, "", remedy_words.placed(visit.words, one.requests, exact=False))
        for at, one in enumerate(own)
    ]
    return visit.page(
        "remedies_own.html",
        frame,
        lines=lines,
        proven=found.proven,
        past=past,
        days=remedies_past.OWN_DAYS,
        said=SAID,
    )


def _counts(found: Remedies, own: str | None) -> dict[str, Any]:
    def of(regions: tuple[str, ...]) -> int:
        return sum(own in {None, region} for region in regions)

    return {"waiting": of(found.waiting), "unplaced": of(found.unplaced), "proven": found.proven}


def _lines(words: Words, actor: Actor, found: Remedies, names: dict[str, str]) -> list[Line]:
    """What helps somebody of whom the reader sees numbers, best first."""
    own = board_region(actor)
    exact = actor.role in _OF_CASES
    lines: list[Line] = []
    for one in found.found:
        placed = tuple(region for region in one.placed if own in {None, region})
        if not placed or (own is not None and one.kind == "place" and own not in one.regions):
            continue
        # What one person needs, or what shuts them out, is not for whoever sees no cases.
        shown = replace(one, placed=placed)
        helps = remedy_words.placed(words, shown.requests, exact=exact or (one.kind != "rule" and not one.needs))
        lines.append(_line(words, len(lines), one, _where(words, one, names, own, exact), helps, exact))
    return lines[:SHOWN_MAX]


def _line(words: Words, at: int, one: Remedy, where: str, helps: str, exact: bool = False) -> Line:
    return Line(str(at), _what(words, one, exact), where, helps)


def _what(words: Words, one: Remedy, exact: bool) -> str:
    pool = words.gettext(label("pool", one.pool))
    if one.kind in {"rule", "house_rule"}:
        return remedy_words.rule_eased(words, one, one.location_code)
    if one.kind == "hours":
        return words.gettext("Opname op dit uur, in alle huizen: %(pool)s", pool=pool)
    return _room(words, one, pool, exact)


def _room(words: Words, one: Remedy, pool: str, exact: bool) -> str:
    if one.needs and not exact:
        return words.ngettext(
            "Een kamer voor %(num)s persoon erbij, met wat iemand nodig heeft: %(pool)s",
            "Een kamer voor %(num)s personen erbij, met wat zij nodig hebben: %(pool)s",
            one.places,
            pool=pool,
        )
    if one.needs:
        needs = joined(words, (words.gettext(label("need", need)) for need in one.needs))
        return words.ngettext(
            "Een kamer voor %(num)s persoon erbij, met wat nodig is (%(needs)s): %(pool)s",
            "Een kamer voor %(num)s personen erbij, met wat nodig is (%(needs)s): %(pool)s",
            one.places,
            needs=needs,
            pool=pool,
        )
    return remedy_words.room_added(words, one)


def _where(words: Words, one: Remedy, names: dict[str, str], own: str | None, exact: bool) -> str:
    """Where a place would do this. Which region is unsafe for somebody is not for whoever sees no cases."""
    if (said := remedy_words.where(words, one, names, own, exact)) is not None:
        return said
    missing = len(names) - len(one.regions)
    if missing < len(one.regions):
        left_out = ", ".join(name for code, name in names.items() if code not in one.regions)
        return words.gettext("in elke regio, behalve %(regions)s", regions=left_out)
    return ", ".join(names[code] for code in one.regions)
