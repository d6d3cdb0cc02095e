"""What would have helped over a period, as it was worked out last night: read, never worked out here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nrm.access.rules import Actor
from nrm.db import Tx
from nrm.insight import periods
from nrm.insight.periods import Answer
from nrm.insight.rules import SMALL
from nrm.registry.api import board_region
from web import remedy_words
from web.labels import label
from web.words import Words

OWN_DAYS = 91
"""Over how many days a provider sees what one rule less at its own houses would have done."""


@dataclass(frozen=True)
class PastLine:
    """One thing that could have been different, in words."""

    id: str
    what: str
    where: str
    helped: str
    between: str


def told(
    words: Words, tx: Tx, actor: Actor, days: int, names: Mapping[str, str], *, exact: bool, houses: bool
) -> dict[str, Any]:
    """The lines of the page. What says something of single persons is exact only for whoever sees cases."""
    own = board_region(actor)
    basis, found = periods.answers(tx, days, own)
    shown = [one for one in found if houses or one.kind != "house_rule"]
    codes = _codes(tx, shown)
    lines = [
        PastLine(
            str(at),
            _what(words, one, codes),
            _where(words, one, names, own, exact),
            *_helped(words, one, exact=exact or one.kind in {"place", "hours", "fresh"}),
        )
        for at, one in enumerate(shown)
    ]
    return {"basis": basis, "lines": lines}


def of_own_houses(words: Words, tx: Tx, organisation_id: str) -> list[PastLine]:
    """What one rule less at the houses of this provider would have done."""
    _, found = periods.answers(tx, OWN_DAYS)
    houses = periods.houses(tx, [one.location_id for one in found if one.kind == "house_rule"])
    own = [one for one in found if one.location_id and houses[one.location_id].organisation_id == organisation_id]
    codes = {one.location_id: houses[one.location_id].code for one in own}
    return [
        PastLine(f"toen-{at}", _what(words, one, codes), "", *_helped(words, one, exact=False))
        for at, one in enumerate(own)
    ]


def _codes(tx: Tx, found: list[Answer]) -> dict[str, str]:
    named = periods.houses(tx, [one.location_id for one in found if one.location_id])
    return {key: house.code for key, house in named.items()}


def _what(words: Words, one: Answer, codes: Mapping[str, str]) -> str:
    pool = words.gettext(label("pool", one.pool))
    if one.kind in {"rule", "house_rule"}:
        return remedy_words.rule_eased(words, one, codes.get(one.location_id, ""))
    if one.kind == "hours":
        return words.gettext(
            "Opname tussen %(from)s en %(until)s uur, in alle huizen: %(pool)s",
            **{"from": str(one.hour), "until": str((one.hour + 1) % 24), "pool": pool},
        )
    if one.kind == "fresh":
        return words.gettext("Recent gecontroleerde standen, in alle huizen: %(pool)s", pool=pool)
    return remedy_words.room_added(words, one)


def _where(words: Words, one: Answer, names: Mapping[str, str], own: str | None, exact: bool) -> str:
    """Where a place would have done this. Which region was unsafe for somebody is not for whoever sees no cases."""
    said = remedy_words.where(words, one, names, own, exact)
    return ", ".join(names[code] for code in one.regions) if said is None else said


def _helped(words: Words, one: Answer, exact: bool) -> tuple[str, str]:
    helped = remedy_words.placed(words, one.requests, exact)
    if not exact and one.requests < SMALL:
        return helped, words.gettext("te weinig om te zeggen")
    low = one.low if exact or one.low >= SMALL else 0
    return helped, words.gettext("%(low)s en %(high)s", low=words.number(low), high=words.number(one.high))
