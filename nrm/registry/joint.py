"""Houses that several municipalities pay for, and rooms that serve as a crisis bed for a while.

An agreement says who pays for which part, when a request from elsewhere may use a place, how long a first period
lasts, how many places are kept for victims of human trafficking, and when contract and funding end. It never stands
in the way of somebody who needs a bed at once (domain.md §2: who pays is settled afterwards).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, update
from sqlmodel import col

from nrm.access.rules import Actor, Verb, reach
from nrm.access.service import require
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.registry import queries, rules, service
from nrm.registry.models import Agreement, Designation, Location, Share, Unit
from nrm.registry.queries import LocationView
from nrm.registry.rules import Use
from nrm.registry.schemas import AgreementIn

DESIGNATION_MAX = timedelta(days=92)


@dataclass(frozen=True)
class Ending:
    """A contract or funding of a location that ends: `what` is contract or funding."""

    view: LocationView
    what: str
    on: date


def agree(tx: Tx, actor: Actor, location_id: str, shape: AgreementIn) -> None:
    """Write down what holds for one's own location from now on: the whole agreement, in place of what stood."""
    found = service.own_location(tx, actor, location_id)
    (view,) = queries.locations(tx, location_id=location_id)
    standing = view.agreement
    if shape.version != (standing.version if standing else 0):
        raise Conflict("changed_meanwhile")
    known = {municipality.code for municipality in queries.municipalities(tx)}
    wrong = [
        FieldError(("shares", number, "municipality"), "unknown_choice")
        for number, share in enumerate(shape.shares)
        if share.municipality not in known
    ]
    if len({share.municipality for share in shape.shares}) < len(shape.shares):
        wrong.append(FieldError(("shares",), "doubled_code"))
    if shape.ring_fenced > view.places:
        wrong.append(FieldError(("ringFenced",), "not_in_range"))
    if wrong:
        raise Invalid("invalid", tuple(wrong))
    tx.affected(delete(Share).where(col(Share.location_id) == location_id))
    agreement = tx.session.get(Agreement, location_id) or Agreement(location_id=location_id, version=0)
    for name in ("lend_after_hours", "first_days_max", "ring_fenced", "contract_ends_on", "funding_ends_on"):
        setattr(agreement, name, getattr(shape, name))
    agreement.version += 1
    tx.session.add(agreement)
    tx.session.flush()
    tx.session.add_all(
        Share(location_id=location_id, municipality_code=share.municipality, parts=share.parts)
        for share in shape.shares
    )
    service.touch(tx, tx.session.get_one(Location, found.id))
    tx.record(
        "agreement.kept",
        f"location:{location_id}",
        "places",
        **shape.model_dump(mode="json", exclude={"version"}),
    )


def set_use(tx: Tx, actor: Actor, unit_id: str, use: Use) -> None:
    """Say what a room of one's own is for."""
    found, unit = _own_unit(tx, actor, unit_id)
    unit.use = use
    tx.session.add(unit)
    service.touch(tx, found)
    tx.record("unit.use_set", f"location:{found.id}", "places", unit=unit_id, use=use)


def designate(tx: Tx, actor: Actor, unit_id: str, until: datetime, displaces: str) -> None:
    """Use a regular room as a crisis bed from now until a moment, and say for whom it is not there meanwhile."""
    if displaces not in rules.DISPLACED:
        raise Invalid("invalid", (FieldError(("displaces",), "unknown_choice"),))
    if not tx.now < until <= tx.now + DESIGNATION_MAX:
        raise Invalid("invalid", (FieldError(("until",), "not_in_range"),))
    found, unit = _own_unit(tx, actor, unit_id)
    if unit.use != Use.REGULAR:
        raise Conflict("not_a_regular_room")
    standing = _view(tx, found.id, unit_id).designation
    if standing:
        raise Conflict("crisis_bed_already")
    _end(tx, unit_id)
    tx.session.add(Designation(id=tx.new_id(), unit_id=unit_id, starts_at=tx.now, ends_at=until, displaces=displaces))
    service.touch(tx, found)
    tx.record(
        "unit.designated",
        f"location:{found.id}",
        "places",
        unit=unit_id,
        until=until.isoformat(),
        displaces=displaces,
    )


def end_designation(tx: Tx, actor: Actor, unit_id: str) -> None:
    """A room goes back to its own use. Whoever stays in it stays."""
    found, _ = _own_unit(tx, actor, unit_id)
    if not _end(tx, unit_id):
        raise Conflict("not_a_crisis_bed")
    service.touch(tx, found)
    tx.record("unit.designation_ended", f"location:{found.id}", "places", unit=unit_id)


def ending(views: Iterable[LocationView], by: date) -> list[Ending]:
    """Contracts and fundings that end on this day or before, soonest first. Past ones stay until they are renewed."""
    found = [
        Ending(view, what, on)
        for view in views
        if view.agreement
        for what, on in (
            ("contract", view.agreement.contract_ends_on),
            ("funding", view.agreement.funding_ends_on),
        )
        if on is not None and on <= by
    ]
    return sorted(found, key=lambda one: (one.on, one.view.location.code, one.what))


def paid_for(tx: Tx, actor: Actor) -> list[LocationView]:
    """The locations in which a municipality of the actor's region has a share."""
    require(actor, Verb.SHARES_READ)
    region = reach(actor)
    return [view for view in queries.locations(tx) if view.owners and (region is None or region in view.owners)]


def _own_unit(tx: Tx, actor: Actor, unit_id: str) -> tuple[Location, Unit]:
    """A room of one's own with its location, locked. Somebody else's does not exist for them."""
    try:
        found = service.own_location(tx, actor, queries.location_of_unit(tx, unit_id))
    except NotFound as error:
        raise NotFound("no_unit") from error
    return found, tx.session.get_one(Unit, unit_id, populate_existing=True)


def _view(tx: Tx, location_id: str, unit_id: str) -> queries.UnitView:
    (view,) = queries.locations(tx, location_id=location_id)
    return next(unit for unit in view.units if unit.unit.id == unit_id)


def _end(tx: Tx, unit_id: str) -> bool:
    """End whatever designation of a room is open. Returns whether one was still in force."""
    still = col(Designation.ends_at) > tx.now
    open_ones = (col(Designation.unit_id) == unit_id, col(Designation.ended_at).is_(None))
    stopped = tx.affected(update(Designation).where(*open_ones, still).values(ended_at=tx.now))
    tx.affected(update(Designation).where(*open_ones).values(ended_at=Designation.ends_at))
    return stopped > 0
