"""Every indicator in one place, and the arithmetic behind it. Pure: no session, no clock.

A definition has a version: whoever changes what a number means raises it. Its words are in `web/insight_words.py`.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Unit(StrEnum):
    """What an indicator counts."""

    PLACES = "places"
    REQUESTS = "requests"
    PERSONS = "persons"


class Basis(StrEnum):
    """What an indicator is read from."""

    REGISTRY = "registry"
    """Houses, places and stays as they are recorded at this moment."""
    REQUESTS = "requests"
    """Requests as they are recorded at this moment."""
    BOTH = "both"


class Coverage(StrEnum):
    """Over what part of the world an indicator counts."""

    HOUSES = "houses"
    """The houses of which the figures were checked recently, of all houses."""
    ALL_REQUESTS = "all_requests"
    """Every request that came in here. Who never asked is not in it."""


@dataclass(frozen=True)
class Indicator:
    """What a number on the screens means."""

    code: str
    unit: Unit
    basis: Basis
    coverage: Coverage
    version: int = 1


_P, _R = (Unit.PLACES, Basis.REGISTRY, Coverage.HOUSES), (Unit.REQUESTS, Basis.REQUESTS, Coverage.ALL_REQUESTS)

INDICATORS: dict[str, Indicator] = {
    found.code: found
    for found in (
        Indicator("free", *_P),
        Indicator("stale", *_P),
        Indicator("held", *_P),
        Indicator("occupied", *_P),
        Indicator("out_of_service", *_P),
        Indicator("unconditional", *_P),
        Indicator("waiting", *_R),
        Indicator("overdue", *_R),
        Indicator("seeking", Unit.PERSONS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("coming_free", *_P),
        Indicator("ending", *_P),
        Indicator("inflow", Unit.PERSONS, Basis.REQUESTS, Coverage.ALL_REQUESTS),
        Indicator("balance", Unit.PLACES, Basis.BOTH, Coverage.HOUSES),
    )
}
"""Code → definition, in the order of the page that explains them."""

AHEAD = (timedelta(0), timedelta(hours=24), timedelta(hours=72), timedelta(days=7))
"""For which moments places and persons are weighed: now, and so long from now."""

INFLOW_DAYS = 28
"""Over how many days what came in says what is expected to come in."""

INFLOW_DAYS_MIN = 14
"""With fewer days on record than this nothing can be said of it; then the published figure stands in."""

PUBLISHED_REQUESTS_PER_YEAR = 186
"""Requests for shelter in 2024 (RAND 2026, 2.2.1), in the whole country; there is no figure per region."""


class InflowBasis(StrEnum):
    """Where the expected inflow comes from."""

    RECORDED = "recorded"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Inflow:
    """Persons expected per day; None for a region while only the national figure is known."""

    basis: InflowBasis
    per_day: float | None
    days: int
    """Over how many recorded days."""


def inflow(persons: int, recorded: timedelta, national: bool) -> Inflow:
    """What is expected per day, from the persons whose requests came in over the time on record."""
    days = min(recorded / timedelta(days=1), INFLOW_DAYS)
    if days >= INFLOW_DAYS_MIN:
        return Inflow(InflowBasis.RECORDED, persons / days, int(days))
    return Inflow(InflowBasis.PUBLISHED, PUBLISHED_REQUESTS_PER_YEAR / 365 if national else None, int(days))


@dataclass(frozen=True)
class Ahead:
    """Places against persons at one moment. Everything it is made of stays visible."""

    after: timedelta
    seeking: int
    """Persons who need a place by then and of whom nobody is being asked for one."""
    free: int
    coming_free: int
    ending: int
    inflow: float | None
    """Persons expected to ask by then; None is not known, and not counted."""

    @property
    def balance(self) -> int:
        """Places left over; below zero is persons short. Who is expected in part counts as a whole person."""
        return self.free + self.coming_free - self.ending - self.seeking - math.ceil(self.inflow or 0)

    @property
    def short(self) -> int:
        """Persons for whom there is no place."""
        return max(0, -self.balance)
