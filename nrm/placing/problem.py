"""From rows to a matching problem, and from its codes back to what a person may see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

import matching
from nrm import policy
from nrm.db import Tx
from nrm.intake import queries as intake
from nrm.intake import rules as intake_rules
from nrm.intake.models import KeptApart, PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import Exploitation, Fact, Residence
from nrm.placing import queries, rules
from nrm.placing.models import Offer, Stay
from nrm.placing.rules import SAID_NO, OfferStatus, StayStatus
from nrm.registry import queries as registry
from nrm.registry.queries import LocationView, UnitView
from nrm.registry.rules import PlaceState, Stance, may_not_use_yet

NO_END_KNOWN_DAYS = 10_000
"""When a full unit comes free, as far as the solver is told: places are never promised ahead of a departure."""

_LEFT_OUT = matching.LEVELS[:5]
"""The levels that count who has no place at all."""

NO_POOL = "NONE"
"""Stands in when policy leaves a request no pool at all; no unit has it, so every place says `pool`."""


@dataclass(frozen=True)
class Versions:
    """The policies a problem was built with."""

    matching: int
    pools: int


@dataclass(frozen=True)
class Built:
    """A problem with what is needed to read its answer."""

    problem: matching.Problem
    versions: Versions
    settings: policy.Matching
    units: dict[str, tuple[LocationView, UnitView]]
    zones: Mapping[str, Mapping[str, int]]
    not_now: frozenset[str]
    """The units whose house said no to anybody for now."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """What the reserve added to the scarcity of a unit; empty while it is off."""

    def behind(self, request_id: str, first: str, other: matching.Alternative) -> str:
        """Why another place stands behind the first one, in a code that screens put into words.

        That the first one was proposed already is only said where nothing else speaks for it.
        """
        anew = {level: amount for level, amount in other.levels_delta.items() if level != "change"}
        level = next((level for level in matching.LEVELS if other.levels_delta.get(level)), None)
        if level == "change" and anew.get("fit", 0) >= 0:
            other = replace(other, levels_delta=anew)
        decided = matching.decided(self.problem, request_id, first, other)
        if decided.level is None:
            return "equal"
        if decided.term == "others":
            return f"needed:{decided.level}" if decided.level in _LEFT_OUT else "suits_others"
        if decided.term == "scarcity" and self.kept:
            # Whichever of the two makes up more of the difference.
            bare = {unit.id: unit.scarcity - self.kept[unit.id] for unit in self.problem.units}
            if self.kept[other.unit] - self.kept[first] >= bare[other.unit] - bare[first]:
                return "kept"
        return decided.term or decided.level

    def weighed(self, request_id: str, outbid: matching.Outbid | None) -> str | None:
        """Why somebody whom a place would take has none, in a code: what was weighed, never against whom."""
        level = next((level for level in matching.LEVELS if outbid and outbid.levels_delta.get(level)), None)
        if level is None:
            return None
        if level not in _LEFT_OUT:
            return "suits_others"
        if level in (self.problem.request(request_id).urgency, "waiting"):
            return "waits_longer" if level == "waiting" else "more_persons"
        return "acute" if level == "now" else "more_urgent"

    def told(self, unit_id: str, codes: Iterable[str]) -> list[str]:
        """Reason codes of a unit as people see them: a house that said no is not a house on pause."""
        return [SAID_NO if code == "closed:paused" and unit_id in self.not_now else code for code in codes]


def build(
    tx: Tx,
    details: Iterable[RequestDetail],
    locations: list[LocationView],
    held_for: Mapping[str, int] | None = None,
    with_previous: bool = True,
) -> Built:
    """The matching problem of these requests and all units of these locations, as things stand in `tx`.

    `held_for` gives, per unit, how many places the request itself already holds there: for the re-check at
    acceptance those count as free, and its own hold is no occupant.
    """
    wanted = list(details)
    version, settings = policy.current(tx, policy.Matching)
    pools_version, pools = policy.current(tx, policy.Pools)
    criteria = registry.criteria(tx)
    zones = registry.zones(tx)
    own = {found.request.id for found in wanted} if held_for else set()
    previous = _previous(tx, [found.request.id for found in wanted]) if with_previous else {}
    apart = _apart(tx, wanted)
    together, where = _together(wanted, apart), _where_the_others_are(tx, wanted)
    units = {unit.unit.id: (view, unit) for view in locations for unit in view.units}
    said = queries.not_now(tx)
    # Whoever was asked before may still say yes.
    shut = frozenset(
        unit_id
        for unit_id, (view, _) in units.items()
        if held_for is None and not view.paused and (unit_id in said or view.location.id in said)
    )
    problem = matching.Problem(
        criteria=tuple(criteria),
        weights=matching.Weights(risk=settings.risk, scarcity=settings.scarcity),
        occupants={place: tuple(sorted(set(who) - own)) for place, who in _occupants(tx).items() if set(who) - own},
        zones=zones,
        units=tuple(
            _unit(view, unit, settings, (held_for or {}).get(unit.unit.id), unit.unit.id in shut)
            for view, unit in units.values()
        ),
        requests=tuple(
            replace(
                _request(tx, found, pools, settings, criteria, apart.get(found.request.id, ()), previous, locations),
                together=together.get(found.request.id),
                only_locations=where.get(found.request.id),
            )
            for found in wanted
        ),
    )
    return Built(problem, Versions(version, pools_version), settings, units, zones, shut)


def template(tx: Tx, detail: RequestDetail, pools: policy.Pools, built: Built) -> matching.Request:
    """A request of before as the kind of request it was: without what concerned that one night alone."""
    asked = _request(tx, detail, pools, built.settings, list(built.problem.criteria), (), {}, ())
    return replace(asked, barred={}, waiting_hours=0, from_day=0, latest_day=asked.latest_day - asked.from_day)


def fit(built: Built, detail: RequestDetail, unit_id: str) -> dict[str, Any]:
    """What speaks for and against this unit for this request, in codes that screens put into words."""
    view, unit = built.units[unit_id]
    # What was taken off the national list since is asked of nobody any more.
    yes = {criterion for criterion, value in detail.facts.items() if value is Fact.YES and criterion in unit.stances}
    known = {criterion for criterion, value in detail.facts.items() if value is not Fact.UNKNOWN}
    wishes = set(detail.request.wishes)
    offers = set(unit.unit.offers)
    return {
        "zone_class": built.zones[detail.request.region_code][view.location.region_code],
        "region": view.location.region_code,
        "pool": view.location.pool,
        "free": unit.free_for_offer,
        "private": unit.unit.private,
        "unconditional": unit.unconditional,
        "safety_class": view.location.safety_class,
        "consult": sorted(c for c in yes if unit.stances[c] is Stance.CONSULT),
        "ask_first": sorted(c for c, stance in unit.stances.items() if c not in known and stance is Stance.EXCLUDES),
        "accepts": sorted(c for c in yes if unit.stances[c] is Stance.ACCEPTS),
        "needs_met": sorted(detail.request.needs),
        "wishes_met": sorted(wishes & offers),
        "wishes_lacking": sorted(wishes - offers),
        "out_of_region": view.location.region_code != detail.request.region_code,
        "own_region_unsafe": detail.request.region_code in detail.unsafe,
        "freshness": view.freshness.band,
    }


def kept_out_of(tx: Tx, detail: RequestDetail, views: list[LocationView]) -> dict[str, set[str]]:
    """Unit → the codes of what keeps this party out of it, also while it is full, as a person may see them per unit.

    That somebody they must be kept apart from is there is never told of one unit (domain.md §4): such a unit looks as
    if it would do, and an offer of it is refused. In which regions they are not safe, the request itself says.
    Whoever phones may ask a house outside the hours in which it takes people in. A minor alone goes nowhere here.
    """
    if detail.request.minor_alone:
        return {unit.unit.id: {"minor_alone"} for view in views for unit in view.units}
    built = build(tx, [detail], views, with_previous=False)
    pairs = matching.pair_codes(built.problem, detail.request.id)
    return {
        unit_id: rules.merged(set(built.told(unit_id, codes)) - {"apart", "dates", "closed:intake_hours"})
        for unit_id, codes in pairs.items()
    }


def _unit(
    view: LocationView, unit: UnitView, settings: policy.Matching, held: int | None, said_no: bool
) -> matching.Unit:
    row, location = unit.unit, view.location
    free = unit.free_for_offer if held is None else held
    in_service = len(unit.places) - unit.count(PlaceState.OUT_OF_SERVICE)
    closed = None
    if in_service == 0 or not unit.lent:
        closed = "out_of_service"
    elif view.paused or said_no:
        closed = "paused"
    elif not view.intake_open and held is None:
        # Whoever was asked within hours may still say yes after them.
        closed = "intake_hours"
    return matching.Unit(
        id=row.id,
        location=location.id,
        region=location.region_code,
        pool=location.pool,
        places=free or len(unit.places),
        private=row.private,
        sexes=tuple(row.sexes),
        sons_until=row.sons_until,
        age_min=row.age_min,
        age_max=row.age_max,
        children=row.children,
        stance={criterion: stance.value for criterion, stance in unit.stances.items()},
        offers=tuple(sorted({*row.offers, *(["own_room"] if row.private else [])})),
        available_from=0 if free else NO_END_KNOWN_DAYS,
        freshness=view.freshness.band.value,
        scarcity=(settings.scarcity_omm if location.pool == "OMM" else 0)
        + (settings.scarcity_unconditional if unit.unconditional else 0),
        closed=closed,
    )


def _request(
    tx: Tx,
    detail: RequestDetail,
    pools: policy.Pools,
    settings: policy.Matching,
    criteria: list[str],
    apart: Iterable[str],
    previous: Mapping[str, str],
    locations: Iterable[LocationView],
) -> matching.Request:
    row = detail.request
    open_pools = intake_rules.pools_for(pools, Residence(row.residence), Exploitation(row.exploitation), detail.facts)
    from_day = max(timedelta(0), row.needed_from - tx.now) // timedelta(days=1)
    waited = intake_rules.waiting_hours(row.created_at, tx.now)
    at_once = row.urgency in settings.lend_at_once
    for_owners = [
        view.location.id
        for view in locations
        if view.agreement
        and may_not_use_yet(view.agreement.lend_after_hours, view.owners, row.region_code, waited, at_once)
    ]
    indicated = any(value is Fact.YES for value in detail.facts.values())
    return matching.Request(
        id=row.id,
        region=row.region_code,
        urgency=row.urgency,
        waiting_hours=waited,
        persons=tuple(matching.Person(person.sex.value, person.age, person.parent) for person in detail.persons),
        pools=open_pools or (NO_POOL,),
        latest_day=from_day + settings.latest_days[row.urgency],  # type: ignore[index]
        days=row.days,
        facts={criterion: value.value for criterion, value in detail.facts.items() if criterion in criteria},
        needs=tuple(row.needs),
        wishes=tuple(row.wishes),
        unsafe_regions=tuple(sorted(detail.unsafe)),
        barred={**dict.fromkeys(for_owners, "lending"), **dict.fromkeys(detail.barred_locations, "declined")},
        apart=tuple(sorted(apart)),
        from_day=from_day,
        claim=settings.claim_indicated if indicated else 0,
        previous=previous.get(row.id),
    )


def _occupants(tx: Tx) -> dict[str, list[str]]:
    """Location → ids of the requests whose party stays there, is expected there, or holds a place there."""
    found: dict[str, list[str]] = {}
    stays = select(Stay.location_id, Stay.request_id).where(
        col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)), col(Stay.request_id).is_not(None)
    )
    offers = select(Offer.location_id, Offer.request_id).where(Offer.status == OfferStatus.LIVE)
    for location_id, request_id in [*tx.session.exec(stays), *tx.session.exec(offers)]:
        if request_id is not None:
            found.setdefault(location_id, []).append(request_id)
    return found


def _apart(tx: Tx, details: list[RequestDetail]) -> dict[str, set[str]]:
    """Request → the requests it must be kept apart from, whichever of the two said so, follow-ons included."""
    own = intake.lines(tx, [found.request.id for found in details])
    codes: dict[str, list[str]] = {}
    for request_id, line in own.items():
        for code in line.values():
            codes.setdefault(code, []).append(request_id)
    named = intake.ids_of_codes(tx, {code for found in details for code in found.apart})
    apart: dict[str, set[str]] = {}
    for found in details:
        apart[found.request.id] = {named[code] for code in found.apart if code in named}
    naming = select(KeptApart.other_code, KeptApart.request_id).where(col(KeptApart.other_code).in_(list(codes)))
    for code, request_id in tx.session.exec(naming):
        for kept in codes[code]:
            apart[kept].add(request_id)
    # Whoever is meant stays meant in the next place, under the next request.
    lines = intake.lines(tx, {other for others in apart.values() for other in others})
    return {
        request_id: {member for other in others for member in lines[other]} - set(own[request_id])
        for request_id, others in apart.items()
    }


def _together(details: list[RequestDetail], apart: Mapping[str, set[str]]) -> dict[str, str]:
    """Request → the group it goes with. Who must be apart from somebody of the group goes alone: safety comes first."""
    groups: dict[str, set[str]] = {}
    for found in details:
        if found.request.together and found.request.group_id:
            groups.setdefault(found.request.group_id, set()).add(found.request.id)
    return {
        request_id: group_id
        for group_id, members in groups.items()
        for request_id in members
        if not apart.get(request_id, set()) & members
    }


def _where_the_others_are(tx: Tx, details: list[RequestDetail]) -> dict[str, tuple[str, ...]]:
    """Request → the houses where others of its group have a place, or else are asked for; nothing when there are none.

    Only for a request that goes where its group goes.
    """
    wanted = {found.request.id: found.request.group_id for found in details if found.request.together}
    of_groups = col(PlacementRequest.group_id).in_({group for group in wanted.values() if group})
    going = [of_groups, col(PlacementRequest.together)]
    stays = (
        select(Stay.location_id, PlacementRequest.id, PlacementRequest.group_id)
        .join(PlacementRequest, col(PlacementRequest.id) == Stay.request_id)
        .where(*going, col(Stay.status).in_((StayStatus.PLANNED, StayStatus.ARRIVED)))
    )
    offers = (
        select(Offer.location_id, PlacementRequest.id, PlacementRequest.group_id)
        .join(PlacementRequest, col(PlacementRequest.id) == Offer.request_id)
        .where(*going, Offer.status == OfferStatus.LIVE)
    )
    found: dict[str, tuple[str, ...]] = {}
    for rows in (tx.session.exec(stays).all(), tx.session.exec(offers).all()) if wanted else ():
        for request_id, group_id in wanted.items():
            there = {location for location, other, group in rows if group == group_id and other != request_id}
            if there:
                found.setdefault(request_id, tuple(sorted(there)))
    return found


def _previous(tx: Tx, request_ids: list[str]) -> dict[str, str]:
    """Request → the unit that is its first proposal now."""
    return {first.request_id: first.unit_id for first in queries.first_proposals(tx, request_ids)}


def waiting(tx: Tx) -> list[PlacementRequest]:
    """The requests the solver works on: open, without a live offer, and not a minor alone."""
    return [found for found in intake.unplaced(tx) if found.status == "open" and not found.minor_alone]
