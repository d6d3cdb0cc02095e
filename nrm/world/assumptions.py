"""Every number of the seeded world that nobody published, with the range it may lie in and why we chose it.

docs/assumptions.md shows these tables; a test compares the two, so neither can drift from the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nrm.registry.rules import Stance


@dataclass(frozen=True)
class Assumption:
    """One number we had to choose."""

    value: float
    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Mix:
    """Shares we had to choose; each may be off by `spread` either way."""

    shares: Mapping[str, float]
    spread: float
    why: str


NUMBERS: Final[dict[str, Assumption]] = {
    "municipal_places_large": Assumption(15, 10, 40, "per region with one of the four largest cities"),
    "municipal_places_middle": Assumption(8, 4, 20, "per region with a large city"),
    "municipal_places_small": Assumption(4, 1, 10, "per other region: one house and joint noodbedden"),
    "nla_occupied": Assumption(12, 8, 20, "43 honoured in 2024; always full is the published upper bound"),
    "omm_occupied": Assumption(32, 28, 36, "a structural deficit is published, an occupancy is not"),
    "municipal_occupied_share": Assumption(0.7, 0.5, 0.95, "waiting lists are published, occupancy is not"),
    "closed_share": Assumption(0.06, 0.0, 0.15, "of free places; enough to see closures on every screen"),
    "paused_locations": Assumption(2, 0, 5, "enough to see a pause"),
    "rule_unanswered_share": Assumption(0.1, 0.0, 0.5, "admission rules that nobody answered yet"),
    "rule_review_past_share": Assumption(0.2, 0.0, 0.5, "rules whose review date has passed"),
    "departure_unknown_share": Assumption(0.2, 0.0, 0.6, "stays without an expected departure"),
    "departure_overdue_share": Assumption(0.1, 0.0, 0.4, "stays past their expected departure: blocked outflow"),
    "requests_per_year": Assumption(186, 186, 1400, "the published number of 2024; who never asked is not in it"),
    "past_requests_per_year": Assumption(
        360, 186, 1400, "in the seeded past: the published number leaves municipal shelter out"
    ),
    "after_hours_share": Assumption(0.35, 0.2, 0.5, "requests outside Monday to Friday 9 to 17"),
    "evening_weight": Assumption(3, 1, 5, "an hour from 17 to 24 on any day, against a night hour"),
    "weekend_day_weight": Assumption(2, 1, 5, "a weekend hour from 9 to 17, against a night hour"),
    "minor_alone_share": Assumption(0.04, 0.01, 0.15, "minors occur in the sources, without a frequency"),
    "family_share": Assumption(0.12, 0.05, 0.25, "women who bring children"),
    "group_share": Assumption(0.05, 0.01, 0.1, "labour requests for a group; groups of 6 and 18 men occur"),
    "group_of_18_share": Assumption(0.25, 0.0, 0.5, "groups that are of 18 rather than 6"),
    "sex_unknown_share": Assumption(0.01, 0.0, 0.03, "other or unknown; transgender persons occur in the sources"),
    "adult_age_mode": Assumption(27, 22, 35, "adults are drawn from 18 to 60 with this as the commonest age"),
    "fact_unknown_share": Assumption(0.5, 0.3, 0.8, "criteria nobody asked about yet, in an emergency"),
    "unsafe_own_region_share": Assumption(0.35, 0.15, 0.6, "found where the network is"),
    "unsafe_other_region_share": Assumption(0.1, 0.0, 0.3, "a second region; networks move people round"),
    "refuses_police_share": Assumption(0.12, 0.05, 0.3, "named in the sources, without a frequency"),
    "wheelchair_share": Assumption(0.02, 0.0, 0.05, "not in the sources; included so that accessibility is tried"),
    "medical_care_share": Assumption(0.06, 0.02, 0.15, "not in the sources"),
    "own_room_share": Assumption(0.06, 0.0, 0.2, "not in the sources"),
}

MIXES: Final[dict[str, Mix]] = {
    "freshness": Mix(
        {"fresh": 0.55, "aging": 0.22, "stale": 0.17, "unknown": 0.06}, 0.2, "age of the figures per location"
    ),
    "intake_hours": Mix(
        {"always": 0.45, "day": 0.4, "long_day": 0.15}, 0.25, "day is 9 to 17, long day 8 to 22; noodbedden are always"
    ),
    "region_demand": Mix(
        {"large": 15, "middle": 8, "small": 4}, 4, "weight of a region in demand; regional counts are not published"
    ),
    "urgency": Mix(
        {"now": 0.2, "today": 0.3, "soon": 0.3, "planned": 0.2}, 0.15, "one region calls a fifth acute; rest assumed"
    ),
    "sex.sexual": Mix({"f": 0.9, "m": 0.1}, 0.08, "sex of who asks for shelter is not published"),
    "sex.labour": Mix({"f": 0.3, "m": 0.7}, 0.2, "sex of who asks for shelter is not published"),
    "sex.criminal": Mix({"f": 0.4, "m": 0.6}, 0.2, "sex of who asks for shelter is not published"),
    "sex.organ_removal": Mix({"f": 0.5, "m": 0.5}, 0.5, "sex of who asks for shelter is not published"),
    "residence.Nederland": Mix({"dutch": 1.0}, 0.0, "nationality decides"),
    "residence.Europa": Mix({"eu": 0.85, "none": 0.1, "unknown": 0.05}, 0.15, "Europe holds a few non-EU countries"),
    "residence.Afrika": Mix({"none": 0.55, "b8": 0.2, "eu": 0.05, "unknown": 0.2}, 0.2, "residence is not published"),
    "residence.Azië": Mix({"none": 0.5, "b8": 0.2, "eu": 0.1, "unknown": 0.2}, 0.2, "residence is not published"),
    "residence.Latijns-Amerika": Mix(
        {"none": 0.4, "b8": 0.15, "eu": 0.25, "unknown": 0.2}, 0.2, "residence is not published"
    ),
    "residence.Overig": Mix({"none": 0.3, "b8": 0.1, "unknown": 0.6}, 0.3, "residence is not published"),
    "residence.Onbekend": Mix({"unknown": 1.0}, 0.0, "origin unknown, so is residence"),
    "language.Nederland": Mix({"": 1.0}, 0.1, "no wish"),
    "language.Europa": Mix(
        {"ro": 0.25, "pl": 0.22, "bg": 0.18, "hu": 0.15, "uk": 0.08, "ru": 0.04, "": 0.08}, 0.15, "wish per person"
    ),
    "language.Afrika": Mix({"en": 0.5, "fr": 0.2, "ti": 0.12, "ar": 0.12, "": 0.06}, 0.2, "wish per person"),
    "language.Azië": Mix({"zh": 0.25, "vi": 0.2, "ar": 0.15, "tr": 0.1, "en": 0.22, "": 0.08}, 0.2, "wish per person"),
    "language.Latijns-Amerika": Mix({"es": 0.6, "pt": 0.35, "": 0.05}, 0.2, "wish per person"),
    "language.Overig": Mix({"en": 0.8, "": 0.2}, 0.2, "wish per person"),
    "language.Onbekend": Mix({"en": 0.5, "": 0.5}, 0.3, "wish per person"),
    "days": Mix({"3": 0.15, "14": 0.35, "30": 0.2, "90": 0.3}, 0.2, "expected length asked for, in days"),
    "fact_yes": Mix(
        {
            "addiction": 0.25,
            "psychiatric": 0.4,
            "trauma": 0.7,
            "multiple_problems": 0.35,
            "intellectual_disability": 0.2,
            "pregnancy": 0.08,
            "also_suspect": 0.15,
        },
        0.2,
        "yes among those asked; named in the sources without frequencies. Pregnancy only in a party with a woman",
    ),
    "children": Mix({"1": 0.6, "2": 0.3, "3": 0.1}, 0.2, "children a woman brings"),
}

# Chances of accepts, consult and excludes, per kind of house. The sources describe contra-indications, nobody counted.
STANCES: Final[dict[str, dict[str, tuple[float, float, float]]]] = {
    "women": {
        "addiction": (0.1, 0.3, 0.6),
        "psychiatric": (0.2, 0.45, 0.35),
        "trauma": (0.7, 0.3, 0.0),
        "multiple_problems": (0.2, 0.45, 0.35),
        "intellectual_disability": (0.3, 0.5, 0.2),
        "pregnancy": (0.8, 0.2, 0.0),
        "also_suspect": (0.1, 0.6, 0.3),
    },
    "men": {
        "addiction": (0.15, 0.35, 0.5),
        "psychiatric": (0.2, 0.45, 0.35),
        "trauma": (0.6, 0.4, 0.0),
        "multiple_problems": (0.2, 0.5, 0.3),
        "intellectual_disability": (0.3, 0.5, 0.2),
        "pregnancy": (0.0, 1.0, 0.0),
        "also_suspect": (0.15, 0.5, 0.35),
    },
    "emergency": {
        "addiction": (0.25, 0.4, 0.35),
        "psychiatric": (0.3, 0.4, 0.3),
        "trauma": (0.8, 0.2, 0.0),
        "multiple_problems": (0.35, 0.4, 0.25),
        "intellectual_disability": (0.5, 0.4, 0.1),
        "pregnancy": (0.7, 0.3, 0.0),
        "also_suspect": (0.3, 0.5, 0.2),
    },
    "COSM": {
        "addiction": (0.0, 0.3, 0.7),
        "psychiatric": (0.1, 0.5, 0.4),
        "trauma": (0.9, 0.1, 0.0),
        "multiple_problems": (0.1, 0.5, 0.4),
        "intellectual_disability": (0.2, 0.6, 0.2),
        "pregnancy": (0.7, 0.3, 0.0),
        "also_suspect": (0.2, 0.6, 0.2),
    },
    "NLA": {
        "addiction": (0.0, 0.3, 0.7),
        "psychiatric": (0.0, 0.4, 0.6),
        "trauma": (0.5, 0.5, 0.0),
        "multiple_problems": (0.0, 0.5, 0.5),
        "intellectual_disability": (0.2, 0.6, 0.2),
        "pregnancy": (0.2, 0.6, 0.2),
        "also_suspect": (0.1, 0.6, 0.3),
    },
    "OMM": {
        "addiction": (0.8, 0.2, 0.0),
        "psychiatric": (0.8, 0.2, 0.0),
        "trauma": (1.0, 0.0, 0.0),
        "multiple_problems": (0.8, 0.2, 0.0),
        "intellectual_disability": (0.7, 0.3, 0.0),
        "pregnancy": (0.1, 0.6, 0.3),
        "also_suspect": (0.3, 0.6, 0.1),
    },
}
STANCE_ORDER: Final = (Stance.ACCEPTS, Stance.CONSULT, Stance.EXCLUDES)


def number(name: str) -> float:
    """The value of one assumption."""
    return NUMBERS[name].value
