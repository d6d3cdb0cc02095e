"""What a request is made of, and what follows from its facts. Pure: no session, no clock."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from nrm.policy import Pool, Pools


class Urgency(StrEnum):
    NOW = "now"
    TODAY = "today"
    SOON = "soon"
    PLANNED = "planned"


class Sex(StrEnum):
    """As used for who a unit takes; x is other or unknown."""

    F = "f"
    M = "m"
    X = "x"


class Fact(StrEnum):
    """What is known about a criterion. Unknown when not asked; unknown never bars."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Exploitation(StrEnum):
    SEXUAL = "sexual"
    LABOUR = "labour"
    CRIMINAL = "criminal"
    ORGAN_REMOVAL = "organ_removal"
    UNKNOWN = "unknown"


class Residence(StrEnum):
    """What is known of the right to stay; it decides which pools are open."""

    NONE = "none"
    B8 = "b8"
    EU = "eu"
    DUTCH = "dutch"
    UNKNOWN = "unknown"


class UnsafeReason(StrEnum):
    NETWORK = "network"
    FOUND_HERE = "found_here"
    FAMILY = "family"
    OTHER = "other"


class RequestStatus(StrEnum):
    """What is stored. `proposed` and `awaiting_decision` are derived from proposals and answers."""

    OPEN = "open"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    PLACED = "placed"
    CLOSED = "closed"


UNPLACED = (RequestStatus.OPEN, RequestStatus.OFFERED)
"""States in which a person is still waiting for a place: the clock runs."""


class Outcome(StrEnum):
    """How a request ended."""

    ENDED_STAY = "ended_stay"
    ALTERNATIVE = "alternative"
    WITHDRAWN = "withdrawn"
    LOST_CONTACT = "lost_contact"
    REFUSED = "refused"
    NO_PLACE = "no_place"
    OWN_SOLUTION = "own_solution"
    YOUTH_CARE = "youth_care"


CLOSING_OUTCOMES = tuple(outcome for outcome in Outcome if outcome not in {Outcome.ENDED_STAY, Outcome.YOUTH_CARE})
"""Outcomes a person can choose; `ended_stay` follows from a departure, `youth_care` from who took a minor over."""


class RepeatOutcome(StrEnum):
    """What the national desk found out about two requests that looked alike."""

    SAME_PERSON = "same_person"
    OTHER_PERSON = "other_person"
    NOT_CLEAR = "not_clear"


NEEDS = ("wheelchair", "medical_care", "baby_cot", "own_room")
LANGUAGES = ("ar", "bg", "en", "es", "fr", "hu", "pl", "pt", "ro", "ru", "ti", "tr", "uk", "vi", "zh")
WISHES = tuple(f"lang:{code}" for code in LANGUAGES)

PERSONS_MAX = 20
INITIALS_MIN = 2
GROUP_PARTIES_MAX = 40
APART_MAX = 20 + GROUP_PARTIES_MAX
"""Codes one request can name to be kept apart from; somebody out of a group names everybody else in it."""
DAYS_MAX = 366
ADULT_AGE = 18


@dataclass(frozen=True)
class Person:
    """One member of the party. Age in years."""

    sex: Sex
    age: int
    age_estimated: bool = False
    parent: bool = False


def minor_alone(persons: Sequence[Person]) -> bool:
    """Whether nobody in the party is an adult: then youth crisis care takes over and no place is matched."""
    return all(person.age < ADULT_AGE for person in persons)


class Profile(StrEnum):
    """What kind of party it is, as far as figures tell parties apart."""

    MINOR_ALONE = "minor_alone"
    FAMILY = "family"
    """With somebody under age."""
    WOMEN = "women"
    MEN = "men"
    MIXED = "mixed"


def profile(persons: Sequence[Person]) -> Profile:
    """The one profile a party has."""
    if minor_alone(persons):
        return Profile.MINOR_ALONE
    if any(person.age < ADULT_AGE for person in persons):
        return Profile.FAMILY
    sexes = {person.sex for person in persons}
    if sexes == {Sex.F}:
        return Profile.WOMEN
    return Profile.MEN if sexes == {Sex.M} else Profile.MIXED


AGE_GROUPS: tuple[tuple[str, int], ...] = (("0_11", 12), ("12_17", ADULT_AGE), ("18_24", 25), ("25_up", 1000))
"""Age groups that statistics use, each up to and without an age."""

CITIZENSHIP: dict[Residence, str] = {
    Residence.DUTCH: "dutch",
    Residence.EU: "eu",
    Residence.NONE: "non_eu",
    Residence.B8: "non_eu",
    Residence.UNKNOWN: "unknown",
}
"""What the right to stay says of citizenship. Of which country somebody is a citizen is not recorded."""


def for_statistics(persons: Sequence[Person], exploitation: str, residence: str) -> dict[str, Any]:
    """What the journal says of who is asked for: in groups, as statistics need it, and nothing finer."""
    groups = [next(code for code, below in AGE_GROUPS if one.age < below) for one in persons]
    return {
        "people": sorted(f"{one.sex.value} {group}" for one, group in zip(persons, groups, strict=True)),
        "exploitation": exploitation,
        "citizenship": CITIZENSHIP[Residence(residence)],
    }


def pools_for(
    policy: Pools, residence: Residence, exploitation: Exploitation, facts: Mapping[str, Fact]
) -> tuple[Pool, ...]:
    """The pools no known fact contradicts. An unknown fact keeps a pool open."""
    open_pools: list[Pool] = []
    for pool, rule in policy.rules.items():
        if rule.residences is not None and residence != Residence.UNKNOWN and residence.value not in rule.residences:
            continue
        if (
            rule.exploitations is not None
            and exploitation != Exploitation.UNKNOWN
            and exploitation.value not in rule.exploitations
        ):
            continue
        if rule.any_criterion is not None and all(
            facts.get(criterion, Fact.UNKNOWN) is Fact.NO for criterion in rule.any_criterion
        ):
            continue
        open_pools.append(pool)
    return tuple(open_pools)


def unmet(status: RequestStatus, deadline_at: datetime, now: datetime) -> bool:
    """Whether the deadline passed without a place."""
    return status in UNPLACED and now >= deadline_at


def waiting_hours(created_at: datetime, now: datetime) -> int:
    """Whole hours since the request came in, never negative."""
    return max(0, int((now - created_at).total_seconds() // 3600))


# Letters that cannot be mistaken for another when spoken or written down in a hurry.
_LETTERS = "ABDFGHKLMPRSTVWXZ"


CODE_FORM = re.compile(r"[A-Z]{2} [0-9]{4}")


def short_code(request_id: str, attempt: int) -> str:
    """A code to say aloud: two letters and four digits, such as `KR 4820`. Says nothing about the request."""
    number = int.from_bytes(hashlib.sha256(f"{request_id}/{attempt}".encode()).digest()[:8], "big")
    number, digits = divmod(number, 10_000)
    number, second = divmod(number, len(_LETTERS))
    return f"{_LETTERS[number % len(_LETTERS)]}{_LETTERS[second]} {digits:04d}"


def normal_code(typed: str) -> str:
    """A short code as typed on a phone, brought to the form in which it is kept."""
    letters = "".join(character for character in typed.upper() if character.isalnum())
    return f"{letters[:2]} {letters[2:]}"


def person_key(initials: str, born: date) -> str:
    """What is hashed to notice that somebody was asked for before: the same for every way to write the same."""
    plain = unicodedata.normalize("NFKD", initials).upper()
    return f"{''.join(letter for letter in plain if letter.isalpha())}|{born.isoformat()}"


def widened(regions: Iterable[str], municipality_regions: Iterable[str]) -> tuple[str, ...]:
    """Unsafe regions with unsafe municipalities widened to their region, so that probing locates nothing."""
    return tuple(sorted({*regions, *municipality_regions}))
