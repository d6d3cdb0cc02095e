"""Choices and transitions of placing. Pure: no session, no clock."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from nrm.access.rules import OrganisationKind
from nrm.policy import Decider

SAFETY = "safety"
"""The one merged code for every reason of safety: never named per unit or location (domain.md §4)."""

_SAFETY_CODES = frozenset({"unsafe_region", "apart", "barred:history", "barred:safety", "with_others"})


class OfferStatus(StrEnum):
    LIVE = "live"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Answer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"


class StayStatus(StrEnum):
    PLANNED = "planned"
    ARRIVED = "arrived"
    DEPARTED = "departed"
    NOT_ARRIVED = "not_arrived"


class DeclineTag(StrEnum):
    """On whose side the ground of a decline lies."""

    PROVIDER = "provider"
    CLIENT = "client"
    NEUTRAL = "neutral"


DECLINE_CODES: dict[str, DeclineTag] = {
    "full_after_all": DeclineTag.PROVIDER,
    "no_staff": DeclineTag.PROVIDER,
    "room_unfit": DeclineTag.PROVIDER,
    "criterion": DeclineTag.CLIENT,
    "group_balance": DeclineTag.CLIENT,
    "safety_here": DeclineTag.NEUTRAL,
    "other": DeclineTag.NEUTRAL,
}
"""Why an offer can be declined, and on whose side that lies. Each bars the location for this request."""

NO_ANSWER = "no_answer"
"""Why a location is left out for a while: the hold lapsed without an answer."""

RELEASE_REASONS = ("bring_there", "travel_arranged", "provider_asked")
NO_SHOW_REASONS = ("not_at_point", "changed_mind", "no_transport", "lost_contact", "went_elsewhere", "unknown")
"""Why a party that was expected did not come."""

DEPARTURE_REASONS = ("planned", "b8_stopped", "own_wish", "unsafe_here", "house_rules", "other")
"""Why a party left."""

DESTINATIONS = (
    "follow_on_shelter",
    "own_home",
    "family",
    "abroad_voluntary",
    "asylum_reception",
    "other_shelter",
    "unknown",
)


def merged(codes: Iterable[str]) -> set[str]:
    """Reason codes as a person may see them: every reason of safety becomes the same one."""
    return {SAFETY if code in _SAFETY_CODES else code for code in codes}


def shut_out(codes_by_unit: Mapping[str, Iterable[str]], places_of: Mapping[str, int]) -> list[dict[str, object]]:
    """Per reason, how many units and places it kept out; most places first. A unit counts once per reason."""
    units: dict[str, int] = {}
    places: dict[str, int] = {}
    for unit, codes in codes_by_unit.items():
        for code in merged(codes):
            units[code] = units.get(code, 0) + 1
            places[code] = places.get(code, 0) + places_of[unit]
    order = sorted(units, key=lambda code: (-places[code], code))
    return [{"code": code, "units": units[code], "places": places[code]} for code in order]


def deciding_kind(decider: Decider, refuses_police: bool) -> OrganisationKind | None:
    """The kind of organisation whose answer is needed; None is the provider of the place itself.

    A request that refuses police contact never comes before an investigative body: the national desk decides.
    """
    if decider.by == "provider":
        return None
    if decider.by == "labour_inspectorate" and not refuses_police:
        return OrganisationKind.LABOUR_INSPECTORATE
    return OrganisationKind.NATIONAL_DESK
