"""Adding houses, rooms and beds. What they do and whom they take is for their provider to keep from then on.

A new house was never confirmed: until its provider says that the figures are right, none of its places counts as free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time

from sqlalchemy import func
from sqlmodel import col, select

from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Verb
from nrm.access.service import require
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.registry import queries
from nrm.registry.models import AdmissionRule, Closure, Location, Place, Unit
from nrm.registry.rules import Basis, Stance
from nrm.registry.service import touch


@dataclass(frozen=True)
class NewUnit:
    """A room or apartment to add; `closed` of its places start out of service."""

    code: str
    places: int
    sexes: tuple[str, ...]
    private: bool = False
    sons_until: int = 12
    age_min: int = 18
    age_max: int = 120
    children: bool = False
    offers: tuple[str, ...] = ()
    stances: Mapping[str, Stance] = field(default_factory=dict)
    reason: str = ""
    closed: int = 0
    closed_reason: str = ""
    closed_until: date | None = None


@dataclass(frozen=True)
class NewLocation:
    """A house to add, and whose it is."""

    organisation_id: str
    code: str
    region_code: str
    pool: str
    safety_class: str
    intake_opens: time | None = None
    intake_closes: time | None = None


def add_location(tx: Tx, actor: Actor, new: NewLocation) -> str:
    """Add a house of a provider, still without rooms. Returns its id. Its code is nobody else's."""
    require(actor, Verb.HOUSES_ADD)
    owner = tx.session.get(Organisation, new.organisation_id)
    if owner is None or owner.kind != OrganisationKind.PROVIDER:
        raise NotFound("no_organisation")
    if new.region_code not in {region.code for region in queries.regions(tx)}:
        raise Invalid("invalid", (FieldError(("region",), "unknown_region"),))
    same = select(Location.id).where(func.lower(Location.code) == new.code.lower())
    if tx.session.exec(same).first() is not None:
        raise Conflict("location_exists")
    location = Location(
        id=tx.new_id(),
        organisation_id=new.organisation_id,
        code=new.code,
        region_code=new.region_code,
        pool=new.pool,
        safety_class=new.safety_class,
        intake_opens=new.intake_opens,
        intake_closes=new.intake_closes,
    )
    tx.session.add(location)
    tx.session.flush()
    tx.record("location.added", f"location:{location.id}", "places", pool=new.pool, region=new.region_code)
    return location.id


def add_units(tx: Tx, actor: Actor, location_id: str, units: Sequence[NewUnit]) -> None:
    """Add rooms with their beds and first answers to a house."""
    require(actor, Verb.HOUSES_ADD)
    found = queries.location(tx, location_id, for_update=True)
    standing = {code.lower() for code in tx.session.exec(select(Unit.code).where(Unit.location_id == location_id))}
    if standing & {unit.code.lower() for unit in units}:
        raise Conflict("unit_exists")
    ids = {unit.code: tx.new_id() for unit in units}
    tx.session.add_all(_unit(location_id, ids[unit.code], unit) for unit in units)
    tx.session.flush()
    # What all rooms of a new house say alike, the house says: nobody has to review it room by room.
    of_house = set() if standing else _alike(units)
    closures = []
    for criterion in sorted(of_house):
        tx.session.add(_rule(tx, location_id, None, units[0], criterion))
    for unit in units:
        places = _places(tx, ids[unit.code], 1, unit.places)
        tx.session.add_all(places)
        closures += [(place.id, unit) for place in places[unit.places - unit.closed :]]
        own = unit.stances.keys() - of_house
        tx.session.add_all(_rule(tx, location_id, ids[unit.code], unit, criterion) for criterion in sorted(own))
    tx.session.flush()
    for place_id, unit in closures:
        tx.session.add(
            Closure(
                id=tx.new_id(),
                place_id=place_id,
                reason=unit.closed_reason,
                started_at=tx.now,
                expected_end=unit.closed_until,
            )
        )
    touch(tx, found)
    tx.record(
        "location.units_added",
        f"location:{location_id}",
        "places",
        units=len(units),
        places=sum(unit.places for unit in units),
        closed=len(closures),
    )


def add_places(tx: Tx, actor: Actor, unit_id: str, number: int) -> None:
    """Add beds to a room, numbered on from those that are there."""
    require(actor, Verb.HOUSES_ADD)
    found = queries.location(tx, queries.location_of_unit(tx, unit_id), for_update=True)
    labels = tx.session.exec(select(Place.label).where(col(Place.unit_id) == unit_id)).all()
    last = max((int(label) for label in labels if label.isdecimal()), default=len(labels))
    tx.session.add_all(_places(tx, unit_id, last + 1, number))
    touch(tx, found)
    tx.record("unit.places_added", f"location:{found.id}", "places", unit=unit_id, places=number)


def _unit(location_id: str, unit_id: str, new: NewUnit) -> Unit:
    return Unit(
        id=unit_id,
        location_id=location_id,
        code=new.code,
        private=new.private,
        sexes=list(new.sexes),
        sons_until=new.sons_until,
        age_min=new.age_min,
        age_max=new.age_max,
        children=new.children,
        offers=list(new.offers),
    )


def _places(tx: Tx, unit_id: str, first: int, number: int) -> list[Place]:
    return [Place(id=tx.new_id(), unit_id=unit_id, label=str(label)) for label in range(first, first + number)]


def _alike(units: Sequence[NewUnit]) -> set[str]:
    """The criteria on which all of these rooms say the same, for the same reason."""
    first = units[0]
    return {
        criterion
        for criterion, stance in first.stances.items()
        if all((unit.stances.get(criterion), unit.reason) == (stance, first.reason) for unit in units)
    }


def _rule(tx: Tx, location_id: str, unit_id: str | None, new: NewUnit, criterion: str) -> AdmissionRule:
    return AdmissionRule(
        id=tx.new_id(),
        location_id=location_id,
        unit_id=unit_id,
        criterion=criterion,
        stance=new.stances[criterion],
        basis=Basis.CHOICE,
        reason=new.reason,
        valid_from=tx.now,
    )
