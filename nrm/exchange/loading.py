"""Reading a sheet of places in: first what it would change, then all of it at once or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import col, select

from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Verb, may
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict
from nrm.exchange.plan import Change, ChangeKind, Plan, Standing, make_plan
from nrm.exchange.rules import ALWAYS, OPEN, RULE, UNKNOWN, Lexicon, Row, Wrong, columns, folded, read_rows
from nrm.registry import adding, queries
from nrm.registry import service as keeping
from nrm.registry.adding import NewLocation, NewUnit
from nrm.registry.models import AdmissionRule, Location
from nrm.registry.queries import LocationView, UnitView
from nrm.registry.rules import Basis, Stance
from nrm.seal import AddressKey

Cells = dict[str, Any]


def template_rows(tx: Tx, actor: Actor) -> list[Cells]:
    """What a sheet to fill in starts with: a provider's own units as they stand now, never an address. Else nothing."""
    require(actor, Verb.SHEET_LOAD)
    if not may(actor, Verb.PLACES_KEEP):
        return []
    views = queries.locations(tx, organisation_id=actor.organisation_id)
    return [_cells(view, unit) for view in views for unit in view.units]


def _cells(view: LocationView, unit: UnitView) -> Cells:
    found, room = view.location, unit.unit
    closed = [place for place in unit.places if place.closed]
    # Beds out of service for different reasons: one cell cannot say that, and an empty one leaves them as they are.
    closures = {(place.closure_reason, place.closure_expected_end) for place in closed}
    (why, until) = closures.pop() if len(closures) == 1 else (None, None)
    one_reason = bool(closed) and why is not None
    return {
        "location": found.code,
        "provider": view.organisation.name,
        "region": found.region_code,
        "pool": found.pool,
        "safety_class": found.safety_class,
        "intake": found.pause_reason if view.paused else OPEN,
        "intake_until": found.pause_until.astimezone(AMSTERDAM) if view.paused and found.pause_until else None,
        "hours_from": found.intake_opens or ALWAYS,
        "hours_until": found.intake_closes,
        "unit": room.code,
        "places": len(unit.places),
        "private": room.private,
        "sexes": tuple(room.sexes),
        "sons_until": room.sons_until,
        "age_min": room.age_min,
        "age_max": room.age_max,
        "children": room.children,
        "wheelchair": "wheelchair" in room.offers,
        "closed": len(closed),
        "closed_reason": why,
        "closed_until": (until or UNKNOWN) if one_reason else None,
        **{RULE + criterion: stance.value for criterion, stance in unit.stances.items()},
    }


def preview(tx: Tx, actor: Actor, table: Sequence[Sequence[str]], lexicon: Lexicon) -> Plan:
    """What a sheet would change now, and what is wrong with it. Nothing is stored."""
    return _planned(tx, actor, *_read(tx, actor, table, lexicon))


def load(tx: Tx, actor: Actor, key: AddressKey, table: Sequence[Sequence[str]], lexicon: Lexicon, seen: str) -> Plan:
    """Do everything a sheet says, or nothing; `seen` is the digest of the plan a person agreed to.

    Conflict when it would be another plan by now. Every location it is about is locked first, by id, and what the
    person may do is asked again by each verb.
    """
    rows, wrongs = _read(tx, actor, table, lexicon)
    named = {folded(row.location) for row in rows}
    codes = tx.session.exec(select(Location.id, Location.code, Location.organisation_id)).all()
    own = actor.organisation_id if may(actor, Verb.PLACES_KEEP) else None
    for location_id in sorted(id for id, code, of in codes if folded(code) in named and own in {None, of}):
        queries.location(tx, location_id, for_update=True)
    plan = _planned(tx, actor, rows, wrongs)
    if plan.digest != seen or plan.wrongs:
        raise Conflict("changed_meanwhile")
    _Loader(tx, actor, key, {row.number: row for row in rows}).run(plan.changes)
    if plan.changes:
        tx.record(
            "sheet.loaded",
            f"organisation:{actor.organisation_id}",
            "places",
            rows=plan.rows,
            changes=len(plan.changes),
            places=plan.places_added,
        )
    return plan


def _read(tx: Tx, actor: Actor, table: Sequence[Sequence[str]], lexicon: Lexicon) -> tuple[list[Row], list[Wrong]]:
    require(actor, Verb.SHEET_LOAD)
    return read_rows(table, lexicon, columns(queries.criteria(tx)))


def _planned(tx: Tx, actor: Actor, rows: Sequence[Row], wrongs: Sequence[Wrong]) -> Plan:
    keeps = may(actor, Verb.PLACES_KEEP)
    standing = Standing(
        now=tx.now,
        adds=may(actor, Verb.HOUSES_ADD),
        keeps=keeps,
        views=queries.locations(tx, organisation_id=actor.organisation_id if keeps else None),
        own_rules=_own_rules(tx),
        providers=_by_name(access.organisations_of_kind(tx, OrganisationKind.PROVIDER)),
        criteria=queries.criteria(tx),
    )
    return make_plan(standing, rows, wrongs)


def _by_name(providers: Sequence[Any]) -> Mapping[str, str]:
    """Providers by name; two of one name are nobody, so that no house goes to the wrong one."""
    names = [folded(found.name) for found in providers]
    return {name: found.id for name, found in zip(names, providers, strict=True) if names.count(name) == 1}


def _own_rules(tx: Tx) -> dict[tuple[str, str], Stance]:
    query = select(AdmissionRule).where(col(AdmissionRule.ended_at).is_(None), col(AdmissionRule.unit_id).is_not(None))
    return {(rule.unit_id or "", rule.criterion): Stance(rule.stance) for rule in tx.session.exec(query)}


class _Loader:
    """Does the changes of a plan, each through the verb that a person would use for it."""

    def __init__(self, tx: Tx, actor: Actor, key: AddressKey, rows: Mapping[int, Row]) -> None:
        self.tx, self.actor, self.key, self.rows = tx, actor, key, rows

    def run(self, changes: Sequence[Change]) -> None:
        ids: dict[str, str] = {}
        units: dict[str, list[NewUnit]] = {}
        for change in changes:
            if change.kind is ChangeKind.LOCATION_ADDED:
                ids[change.location] = self._add(change)
        for change in changes:
            if change.kind is ChangeKind.UNIT_ADDED:
                units.setdefault(change.location_id or ids[change.location], []).append(_new_unit(change))
            elif change.kind is not ChangeKind.LOCATION_ADDED:
                self._keep(change)
        for location_id, new in units.items():
            adding.add_units(self.tx, self.actor, location_id, new)

    def _add(self, change: Change) -> str:
        said = change.said
        new = NewLocation(
            organisation_id=said["organisation_id"],
            code=change.location,
            region_code=said["region"],
            pool=said["pool"],
            safety_class=said["safety_class"],
            intake_opens=said["opens"],
            intake_closes=said["closes"],
        )
        location_id = adding.add_location(self.tx, self.actor, new)
        if said["address"]:
            keeping.seal_address(self.tx, self.key, location_id, self.rows[said["address_row"]].cells["address"])
        return location_id

    def _keep(self, change: Change) -> None:
        tx, actor, said = self.tx, self.actor, change.said
        match change.kind:
            case ChangeKind.PLACES_ADDED:
                adding.add_places(tx, actor, change.unit_id, said["places"])
            case ChangeKind.HOURS_SET:
                keeping.set_intake_hours(tx, actor, change.location_id, said["opens"], said["closes"])
            case ChangeKind.PAUSED:
                keeping.pause_intake(tx, actor, change.location_id, said["reason"], said["until"])
            case ChangeKind.RESUMED:
                keeping.resume_intake(tx, actor, change.location_id)
            case ChangeKind.RULE_SET:
                self._set_rule(change)
            case _:
                for place_id in change.place_ids:
                    self._place(change, place_id)

    def _place(self, change: Change, place_id: str) -> None:
        tx, actor, said = self.tx, self.actor, change.said
        if change.kind is ChangeKind.PLACES_REOPENED or said.get("again"):
            keeping.reopen_place(tx, actor, place_id)
        if change.kind is ChangeKind.PLACES_CLOSED or said.get("again"):
            keeping.close_place(tx, actor, place_id, said["reason"], said["until"])
        elif change.kind is ChangeKind.CLOSURE_CHANGED:
            keeping.move_closure_end(tx, actor, place_id, said["until"])

    def _set_rule(self, change: Change) -> None:
        said, unit_id = change.said, change.unit_id or None
        live = queries.live_rules(self.tx, change.location_id)
        bases = {rule.unit_id: rule.basis for rule in live if rule.criterion == said["criterion"]}
        basis = Basis(bases.get(unit_id) or bases.get(None) or Basis.CHOICE)
        keeping.set_rule(
            self.tx,
            self.actor,
            change.location_id,
            said["criterion"],
            said["stance"],
            basis,
            said["reason"],
            unit_id,
        )


def _new_unit(change: Change) -> NewUnit:
    said = change.said
    return NewUnit(
        code=change.unit,
        places=said["places"],
        sexes=said["sexes"],
        private=said["private"],
        sons_until=said["sons_until"],
        age_min=said["age_min"],
        age_max=said["age_max"],
        children=said["children"],
        offers=("wheelchair",) if said["wheelchair"] else (),
        stances=said["stances"],
        reason=said["reason"],
        closed=said["closed"],
        closed_reason=said["closed_reason"],
        closed_until=said["closed_until"],
    )
