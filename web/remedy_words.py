"""What would help, or would have helped, in words: the same for tonight and for a period."""

from collections.abc import Collection, Mapping
from typing import Protocol

from nrm.insight.rules import SMALL
from web.labels import label
from web.words import Words


class Remedy(Protocol):
    """One thing that could be different."""

    @property
    def kind(self) -> str: ...
    @property
    def pool(self) -> str: ...
    @property
    def criterion(self) -> str: ...
    @property
    def places(self) -> int: ...
    @property
    def regions(self) -> Collection[str]: ...


def rule_eased(words: Words, one: Remedy, house: str) -> str:
    """One rule less: in all houses of a pool, or in this house."""
    criterion = words.gettext(label("criterion", one.criterion))
    if one.kind == "rule":
        pool = words.gettext(label("pool", one.pool))
        return words.gettext(
            "Overleg in plaats van een nee bij %(criterion)s, in alle huizen: %(pool)s", criterion=criterion, pool=pool
        )
    return words.gettext(
        "Overleg in plaats van een nee bij %(criterion)s, in huis %(house)s", criterion=criterion, house=house
    )


def room_added(words: Words, one: Remedy) -> str:
    """One place more, or a room for several."""
    pool = words.gettext(label("pool", one.pool))
    if one.places == 1:
        return words.gettext("Eén plek erbij: %(pool)s", pool=pool)
    return words.gettext("Een kamer voor %(places)s erbij: %(pool)s", places=words.number(one.places), pool=pool)


def where(words: Words, one: Remedy, names: Mapping[str, str], own: str | None, exact: bool) -> str | None:
    """Where it would do this; None where that is regions to be named.

    Which region is unsafe for somebody is not for whoever sees no cases.
    """
    if one.kind != "place":
        return words.gettext("in dat huis") if one.kind == "house_rule" else words.gettext("waar die huizen zijn")
    if own is not None:
        return names[own]
    if len(one.regions) == len(names):
        return words.gettext("in elke regio")
    if not exact:
        return words.gettext("in %(some)s van de %(all)s regio’s", some=len(one.regions), all=len(names))
    return None


def placed(words: Words, requests: int, exact: bool) -> str:
    """For how many there would be a place."""
    if not exact and requests < SMALL:
        return words.gettext("een plek voor minder dan %(small)s aanvragen", small=SMALL)
    return words.ngettext("een plek voor %(num)s aanvraag", "een plek voor %(num)s aanvragen", requests)
