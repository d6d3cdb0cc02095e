"""What a place is, how fresh a figure is, and how far two regions lie apart. Pure: no session, no clock."""

import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from nrm.clock import AMSTERDAM
from nrm.policy import Band, Rhythm


class Stance(StrEnum):
    """What a place says to a criterion. Unanswered is `consult`, never `accepts`."""

    ACCEPTS = "accepts"
    CONSULT = "consult"
    EXCLUDES = "excludes"


def criterion_code(name: str) -> str:
    """The code of a contra-indication from its Dutch name, such as slaapstoornis. Empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", name.strip().lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].strip("_")


def tightens(before: Stance, after: Stance) -> bool:
    """Whether fewer people are taken in than before. Nothing said counts as `consult`."""
    return list(Stance).index(after) > list(Stance).index(before)


class Basis(StrEnum):
    """Why an admission rule is as it is."""

    LICENCE = "licence"
    STAFFING = "staffing"
    CHOICE = "choice"


class SafetyClass(StrEnum):
    SHIELDED = "shielded"
    SECRET = "secret"  # noqa: S105 - a class of safety, not a password
    MIXED = "mixed"


class PlaceState(StrEnum):
    """Derived, never typed. The first that applies: out of service, occupied, held, free."""

    OUT_OF_SERVICE = "out_of_service"
    OCCUPIED = "occupied"
    HELD = "held"
    FREE = "free"


class ClaimKind(StrEnum):
    HOLD = "hold"
    STAY = "stay"


class FreshnessBand(StrEnum):
    FRESH = "fresh"
    AGING = "aging"
    STALE = "stale"
    UNKNOWN = "unknown"


TRUSTED = frozenset({FreshnessBand.FRESH, FreshnessBand.AGING})
"""Bands on which a free place counts as free. Stale and unknown ask for a phone call first."""


class Use(StrEnum):
    """What a room is for."""

    OWN = "own"
    """Victims of human trafficking, and whoever else the house takes in."""
    CRISIS = "crisis"
    """The same, as a crisis bed of the region: policy may let somebody else decide on it after office hours."""
    REGULAR = "regular"
    """Another group. Out of service here, except while it is designated as a crisis bed."""


DISPLACED = ("domestic_violence", "homeless", "youth", "respite", "nobody", "other")
"""For whom a room cannot be used while it is a crisis bed."""

CLOCK_SKEW = timedelta(minutes=2)

CLOSURE_REASONS = ("maintenance", "staffing", "infection", "safety", "funding", "other")
PAUSE_REASONS = ("staffing", "full_house", "safety", "infection", "other")


@dataclass(frozen=True)
class Freshness:
    """How old a figure is at a moment, and what band that makes it."""

    band: FreshnessBand
    age_minutes: int | None


def freshness(band: Band, confirmed_at: datetime | None, now: datetime) -> Freshness:
    """The band of a figure confirmed at an instant. Never confirmed, or confirmed in the future, is unknown."""
    if confirmed_at is None or confirmed_at > now + CLOCK_SKEW:
        return Freshness(FreshnessBand.UNKNOWN, None)
    age = max(now - confirmed_at, timedelta(0))
    minutes = age // timedelta(minutes=1)
    if age < timedelta(minutes=band.fresh_minutes):
        return Freshness(FreshnessBand.FRESH, minutes)
    if age < timedelta(minutes=band.aging_minutes):
        return Freshness(FreshnessBand.AGING, minutes)
    return Freshness(FreshnessBand.STALE, minutes)


def doubted(doubted_at: datetime | None, confirmed_at: datetime | None) -> bool:
    """Whether a room turned out full although listed free, and nobody confirmed the figures since."""
    return doubted_at is not None and (confirmed_at is None or confirmed_at <= doubted_at)


ASKED = "asked"
"""The occasion of an asking that a person sent; every other occasion is a reminder's."""


@dataclass(frozen=True)
class Reminder:
    """A moment at which a provider hears that a figure grows old, and the occasion for it."""

    occasion: str
    at: datetime


def reminders(band: Band, rhythm: Rhythm, before: timedelta, confirmed_at: datetime) -> tuple[Reminder, ...]:
    """Every reminder that a figure confirmed at an instant will ever need, in order of time.

    One before it turns aging, one before it turns stale, each no earlier than half-way to its turn, and a few once it
    is stale. One that falls in hours when nobody looks waits for the opening, but never past its turn.
    """
    found = []
    since = confirmed_at
    for occasion, minutes in ((FreshnessBand.AGING, band.fresh_minutes), (FreshnessBand.STALE, band.aging_minutes)):
        turn = confirmed_at + timedelta(minutes=minutes)
        wished = turn - min(before, (turn - since) / 2)
        found.append(Reminder(occasion.value, min(_when_looked_at(rhythm, wished), turn)))
        since = turn
    for number in range(1, rhythm.again_max + 1):
        wished = since + number * timedelta(minutes=rhythm.again_minutes)
        found.append(Reminder(f"again-{number}", _when_looked_at(rhythm, wished)))
    return tuple(found)


def _when_looked_at(rhythm: Rhythm, wished: datetime) -> datetime:
    """This moment when mailboxes are looked at, else the next opening, by the clock on the wall."""
    if intake_open(rhythm.opens, rhythm.closes, wished):
        return wished
    day = wished.astimezone(AMSTERDAM).date()
    opening = _on(day, rhythm.opens)
    return opening if opening > wished else _on(day + timedelta(days=1), rhythm.opens)


def _on(day: date, wall: time) -> datetime:
    return datetime.combine(day, wall, AMSTERDAM).astimezone(UTC)


def place_state(closed: bool, claim: ClaimKind | None, lent: bool = True) -> PlaceState:
    """The state of one place from its closure and its live claim; `lent` is false for a regular bed of others.

    Whoever stays in a regular bed when its time as a crisis bed is over still stays there.
    """
    if closed or (not lent and claim is None):
        return PlaceState.OUT_OF_SERVICE
    if claim is ClaimKind.STAY:
        return PlaceState.OCCUPIED
    return PlaceState.HELD if claim is ClaimKind.HOLD else PlaceState.FREE


def designated(starts_at: datetime, ends_at: datetime, ended_at: datetime | None, now: datetime) -> bool:
    """Whether a regular room is a crisis bed at this moment."""
    return ended_at is None and starts_at <= now < ends_at


def may_not_use_yet(
    lend_after_hours: int | None, owners: Collection[str], region_code: str, waiting_hours: int, at_once: bool
) -> bool:
    """Whether a request from this region must leave a jointly paid house to its owners for now.

    A house that nobody pays for jointly is anybody's, and whoever needs a bed at once never waits for who pays.
    """
    if not owners or region_code in owners or at_once:
        return False
    return lend_after_hours is None or waiting_hours < lend_after_hours


def intake_open(opens: time | None, closes: time | None, now: datetime) -> bool:
    """Whether now falls in the location's intake hours, by the clock on its wall. No hours means day and night."""
    if opens is None or closes is None:
        return True
    local = now.astimezone(AMSTERDAM).time()
    if opens <= closes:
        return opens <= local < closes
    return local >= opens or local < closes


def paused(pause_reason: str | None, pause_until: datetime | None, now: datetime) -> bool:
    """Whether intake is paused. An end that has passed ends the pause by itself."""
    return pause_reason is not None and (pause_until is None or pause_until > now)


KILOMETRES_PER_ZONE = 30


def zone_class(lat: float, lon: float, other_lat: float, other_lon: float) -> int:
    """How far two region centroids lie apart: 0 (same region) to 9, in steps of 30 km.

    Centroids are rounded to 0.1 degree and belong to regions, never to locations, so a class says nothing about
    where a house stands.
    """
    if (lat, lon) == (other_lat, other_lon):
        return 0
    x = math.radians(other_lon - lon) * math.cos(math.radians((lat + other_lat) / 2))
    y = math.radians(other_lat - lat)
    kilometres = 6371 * math.hypot(x, y)
    return min(9, max(1, math.ceil(kilometres / KILOMETRES_PER_ZONE)))


@lru_cache(maxsize=8)
def zone_classes(centroids: tuple[tuple[str, float, float], ...]) -> Mapping[str, Mapping[str, int]]:
    """The zone class from each region to each other; a region is its code, latitude and longitude in degrees.

    Everything that is matched, offered or accepted asks, and regions hardly ever change: worked out once.
    """
    return MappingProxyType(
        {
            start: MappingProxyType({end: zone_class(*origin, *target) for end, *target in centroids})
            for start, *origin in centroids
        }
    )


def unconditional(stances: dict[str, Stance], criteria: list[str]) -> bool:
    """Whether a place excludes nobody: every national criterion explicitly accepted."""
    return bool(criteria) and all(stances.get(criterion) is Stance.ACCEPTS for criterion in criteria)


class Word(StrEnum):
    """By whose word a room is good at something."""

    DECLARED = "declared"
    """Its provider says so."""
    CHECKED = "checked"
    """Somebody from outside looked, and the national coordinator wrote it down."""


EXPERTISE = (
    *("trafficking", "trauma", "addiction", "psychiatric", "intellectual_disability"),
    *("families", "men", "lgbtiq", "young_adults"),
)
"""What a room can be good at."""
