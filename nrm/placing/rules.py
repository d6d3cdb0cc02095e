"""Choices and transitions of placing. Pure: no session, no clock."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.calendar.rules import Calendar, is_office_time
from nrm.policy import Authority, Pool

SAFETY = "safety"
"""The one merged code for every reason of safety: never named per unit or location (domain.md §4)."""

_SAFETY_CODES = frozenset({"unsafe_region", "apart", "barred:history", "barred:safety", "with_others"})


class OfferStatus(StrEnum):
    LIVE = "live"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    NOT_NEEDED = "not_needed"
    """Another house said yes first."""


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


class DeclineEffect(StrEnum):
    """What a decline does, beyond ending its own offer."""

    UNIT_UNTIL_CONFIRMED = "unit_until_confirmed"
    """The figure is evidently wrong: nobody is offered this unit until the location is confirmed again."""
    LOCATION_FOR_A_WHILE = "location_for_a_while"
    """Nobody is offered this location for as long as policy says, or until it is confirmed again."""
    LOCATION_FOR_REQUEST = "location_for_request"
    """This request is not offered this location any more; others are."""


@dataclass(frozen=True)
class DeclineRule:
    """What a code of a decline says, and what it does."""

    tag: DeclineTag
    effect: DeclineEffect = DeclineEffect.LOCATION_FOR_REQUEST


DECLINES: dict[str, DeclineRule] = {
    "full_after_all": DeclineRule(DeclineTag.PROVIDER, DeclineEffect.UNIT_UNTIL_CONFIRMED),
    "no_staff": DeclineRule(DeclineTag.PROVIDER, DeclineEffect.LOCATION_FOR_A_WHILE),
    "room_unfit": DeclineRule(DeclineTag.PROVIDER),
    "criterion": DeclineRule(DeclineTag.CLIENT),
    "group_balance": DeclineRule(DeclineTag.CLIENT),
    "safety_here": DeclineRule(DeclineTag.NEUTRAL),
    "other": DeclineRule(DeclineTag.NEUTRAL),
}
"""Why an offer can be declined."""

CRITERION = "criterion"
"""The one code that names a ground on the national list, published as a rule or not."""

CORRECTION_REASONS = ("wrong_code", "ground_untrue", "agreed_with_provider", "policy")
"""Why the national desk reads a decline otherwise than it was tagged. Coded: no story about a case is kept."""

SAID_NO = "closed:said_no"
"""How people see that a house said no to anybody for now; the solver knows it as a pause."""

NO_ANSWER = "no_answer"
"""Why a location is left out for a while: the hold lapsed without an answer."""

RELEASE_REASONS = ("bring_there", "travel_arranged", "provider_asked")
NO_SHOW_REASONS = ("not_at_point", "changed_mind", "no_transport", "lost_contact", "went_elsewhere", "unknown")
"""Why a party that was expected did not come."""

DEPARTURE_REASONS = ("planned", "b8_stopped", "own_wish", "unsafe_here", "house_rules", "other")
"""Why a party left."""

CONTINUITY = ("went_on", "partly", "broke_off")
"""What who left says of the help they had: it goes on where they go, a part of it, or it stops here."""

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


class Indication(StrEnum):
    """What is known of somebody's contra-indications: one that holds, one that nobody answered, or none that holds."""

    YES = "yes"
    UNKNOWN = "unknown"
    NO = "no"


def indication(facts: Mapping[str, str], criteria: Iterable[str]) -> Indication:
    """One that holds says most; a question without an answer comes before the rest having been answered with no."""
    values = {facts.get(criterion, Indication.UNKNOWN) for criterion in criteria}
    return next((one for one in (Indication.YES, Indication.UNKNOWN) if one in values), Indication.NO)


NOT_TO_BE_HAD = frozenset({"dates", "closed:out_of_service", "closed:paused"})
"""Codes of a unit that has no free place at all, whoever asks."""


def shut_out(codes_by_unit: Mapping[str, Iterable[str]], places_of: Mapping[str, int]) -> list[dict[str, object]]:
    """Per reason, how many units and places it kept out; most places first. A unit counts once per reason.

    `free` are its places in units with room, `alone` those of them that nothing else kept out.
    """
    counts: dict[str, Counter[str]] = {}
    for unit, codes in codes_by_unit.items():
        named = merged(codes)
        has_room = NOT_TO_BE_HAD.isdisjoint(named)
        for code in named:
            found = counts.setdefault(code, Counter(units=0, places=0, free=0, alone=0))
            found["units"] += 1
            found["places"] += places_of[unit]
            found["free"] += places_of[unit] * has_room
            found["alone"] += places_of[unit] * (has_room and len(named) == 1)
    order = sorted(counts, key=lambda code: (-counts[code]["places"], code))
    return [{"code": code, **counts[code]} for code in order]


SPEAKS: dict[str, frozenset[Role]] = {
    "provider": frozenset({Role.PROVIDER}),
    "national_desk": frozenset({Role.NATIONAL_DESK}),
    # At night the desk speaks through its duty officer; whoever is at the desk itself still does too.
    "duty_officer": frozenset({Role.DUTY_OFFICER, Role.NATIONAL_DESK}),
    "labour_inspectorate": frozenset({Role.FIRST_RESPONDER}),
    "police": frozenset({Role.FIRST_RESPONDER}),
    "municipality": frozenset({Role.MUNICIPALITY}),
}
"""Capacity → the roles that speak for their organisation in it."""

KIND_OF: dict[str, OrganisationKind] = {
    "national_desk": OrganisationKind.NATIONAL_DESK,
    "duty_officer": OrganisationKind.NATIONAL_DESK,
    "labour_inspectorate": OrganisationKind.LABOUR_INSPECTORATE,
    "police": OrganisationKind.POLICE,
    "municipality": OrganisationKind.MUNICIPALITY,
}
"""Capacity → the kind of organisation that has it. The provider is that of the place itself."""

INVESTIGATING = frozenset({"labour_inspectorate", "police"})
"""Capacities in which an investigative body decides."""


def deciders(
    authority: Authority,
    pool: Pool,
    at: datetime,
    refuses_police: bool,
    crisis: bool = False,
    calendar: Calendar | None = None,
) -> tuple[str, ...]:
    """In what capacities an offer sent at this instant needs an answer; each once, never none that policy named.

    `crisis` says that it is a crisis bed of the region; `calendar` is that of the national desk, whose hours tell day
    from night, by default those of the policy. A request that refuses police contact never comes before an
    investigative body: the national desk decides.
    """
    office = is_office_time(calendar or Calendar(authority.office_hours), at)
    after_hours = (authority.deciders_crisis_after_hours.get(pool) if crisis else None) or (
        authority.deciders_after_hours.get(pool)
    )
    named = authority.deciders[pool] if office else after_hours or authority.deciders[pool]
    desk = "national_desk" if office else "duty_officer"
    found: list[str] = []
    for decider in named:
        by = desk if refuses_police and decider.by in INVESTIGATING else decider.by
        # The desk is one organisation, whoever speaks for it: it answers once.
        if by not in found and KIND_OF.get(by, by) not in {KIND_OF.get(other, other) for other in found}:
            found.append(by)
    return tuple(found)


def speaks_as(actor: Actor, by: str) -> bool:
    """Whether this person speaks for their organisation in this capacity, now: a duty officer only while on shift."""
    return actor.role in SPEAKS.get(by, ()) and (actor.role is not Role.DUTY_OFFICER or actor.on_shift)


class Place(Protocol):
    """What of a location decides who may say yes for it in advance."""

    @property
    def organisation_id(self) -> str: ...
    @property
    def pool(self) -> str: ...
    @property
    def region_code(self) -> str: ...


def may_consent(actor: Actor, location: Place) -> bool:
    """Whether this is a provider's own house, or a municipal one in the region of this municipality."""
    if actor.role is Role.PROVIDER:
        return location.organisation_id == actor.organisation_id
    return (
        actor.role is Role.MUNICIPALITY and location.pool == "MUNICIPAL" and location.region_code == actor.region_code
    )


class Consent(Protocol):
    """What of a standing consent decides whether it speaks for an offer."""

    @property
    def urgencies(self) -> list[str]: ...
    @property
    def valid_until(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def handover_point(self) -> str | None: ...


def consents(
    consent: Consent, at: datetime, urgency: str, trusted: bool, consult: Collection[str], handover_needed: bool
) -> bool:
    """Whether a house that said yes in advance says yes to this offer.

    Only while it stands, within the urgencies it names, on a figure that may be trusted, where no rule of the house
    asks to be consulted first, and with a hand-over point where one is needed. Everything else is asked.
    """
    return (
        consent.ended_at is None
        and at < consent.valid_until
        and urgency in consent.urgencies
        and trusted
        and not consult
        and (not handover_needed or consent.handover_point is not None)
    )


def crisis_opens_at(authority: Authority, pool: Pool, urgency: str, sent_at: datetime) -> datetime | None:
    """From when a duty officer may place first and have it approved afterwards; None is never."""
    minutes = authority.crisis_after_minutes.get(pool)
    return sent_at + timedelta(minutes=minutes) if minutes and urgency == "now" else None
