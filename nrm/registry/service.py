"""Keeping the registry true. Every change that can bar a placement locks the location's row first."""

import csv
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import insert, update
from sqlmodel import col, select

from nrm import policy
from nrm.access.rules import Actor, Verb
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.notify import service as notify
from nrm.registry import queries, rules
from nrm.registry.models import (
    AdmissionRule,
    Claim,
    Closure,
    Confirmation,
    Criterion,
    Location,
    Municipality,
    Region,
    SealedAddress,
    Unit,
)
from nrm.registry.rules import (
    CLOSURE_REASONS,
    PAUSE_REASONS,
    Basis,
    ClaimKind,
    PlaceState,
    Reminder,
    Stance,
)
from nrm.seal import AddressKey, Sealed

DATA = Path(__file__).parent / "data"


def confirm_unchanged(tx: Tx, actor: Actor, location_id: str) -> None:
    """The provider says that the figures of this location are right as they stand."""
    confirmed(tx, own_location(tx, actor, location_id), actor.account_id)


def confirmed(tx: Tx, found: Location, by: str) -> Confirmation:
    """Note that the figures of a locked location are right: reminders begin anew, and unsent ones stop."""
    confirmation = Confirmation(id=tx.new_id(), location_id=found.id, confirmed_at=tx.now, account_id=by)
    moments = reminders(tx, found, tx.now)
    found.remind_due_at = moments[0].at
    tx.session.add_all((confirmation, found))
    tx.session.flush()
    notify.cancel(tx, check_of(found.id))
    tx.record("location.confirmed", f"location:{found.id}", "places", by=by)
    return confirmation


def reminders(tx: Tx, found: Location, confirmed_at: datetime) -> tuple[Reminder, ...]:
    """When the provider of a location is reminded, by the policies in force."""
    _, bands = policy.current(tx, policy.Freshness)
    _, rhythm = policy.current(tx, policy.Rhythm)
    before = timedelta(minutes=rhythm.before_minutes[found.pool])  # type: ignore[index]
    return rules.reminders(bands.bands[found.pool], rhythm, before, confirmed_at)  # type: ignore[index]


def check_of(location_id: str) -> str:
    """What messages about the figures of a location are about."""
    return f"check:{location_id}"


def set_intake_hours(tx: Tx, actor: Actor, location_id: str, opens: time | None, closes: time | None) -> None:
    """Between which hours a location takes people in, by the clock on its wall; neither means day and night."""
    if (opens is None) != (closes is None):
        raise Invalid("invalid", (FieldError(("closes" if closes is None else "opens",), "required"),))
    if opens is not None and opens == closes:
        raise Invalid("invalid", (FieldError(("closes",), "no_hours"),))
    found = own_location(tx, actor, location_id)
    found.intake_opens, found.intake_closes = opens, closes
    touch(tx, found)
    tx.record("location.intake_hours_set", f"location:{location_id}", "places")


def close_place(tx: Tx, actor: Actor, place_id: str, reason: str, expected_end: date | None) -> None:
    """Take a place out of service. Refused while somebody stays there or it is held."""
    if reason not in CLOSURE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if expected_end is not None and expected_end < tx.now.astimezone(AMSTERDAM).date():
        raise Invalid("invalid", (FieldError(("expectedEnd",), "in_the_past"),))
    touch(tx, location_of_own_place(tx, actor, place_id))
    if _live_claim(tx, place_id):
        raise Conflict("place_in_use")
    if _open_closure(tx, place_id):
        raise Conflict("already_closed")
    tx.session.add(
        Closure(id=tx.new_id(), place_id=place_id, reason=reason, started_at=tx.now, expected_end=expected_end)
    )
    tx.record("place.closed", f"place:{place_id}", "places", reason=reason)


def reopen_place(tx: Tx, actor: Actor, place_id: str) -> None:
    """Put a place back in service."""
    touch(tx, location_of_own_place(tx, actor, place_id))
    tx.guarded(
        update(Closure)
        .where(col(Closure.place_id) == place_id, col(Closure.ended_at).is_(None))
        .values(ended_at=tx.now),
        Conflict("not_closed"),
    )
    tx.record("place.reopened", f"place:{place_id}", "places")


def move_closure_end(tx: Tx, actor: Actor, place_id: str, expected_end: date | None) -> None:
    """A place stays out of service: until another day, or nobody knows until when."""
    if expected_end is not None and expected_end < tx.now.astimezone(AMSTERDAM).date():
        raise Invalid("invalid", (FieldError(("expectedEnd",), "in_the_past"),))
    location_of_own_place(tx, actor, place_id)
    tx.guarded(
        update(Closure)
        .where(col(Closure.place_id) == place_id, col(Closure.ended_at).is_(None))
        .values(expected_end=expected_end),
        Conflict("not_closed"),
    )
    tx.record("place.closure_moved", f"place:{place_id}", "places")


def pause_intake(tx: Tx, actor: Actor, location_id: str, reason: str, until: datetime | None) -> None:
    """Stop taking people in at a location, for a reason and up to a moment (or until resumed)."""
    if reason not in PAUSE_REASONS:
        raise Invalid("invalid", (FieldError(("reason",), "unknown_choice"),))
    if until is not None and not tx.now < until <= tx.now + timedelta(days=366):
        raise Invalid("invalid", (FieldError(("until",), "not_in_range"),))
    found = own_location(tx, actor, location_id)
    found.pause_reason, found.pause_until = reason, until
    touch(tx, found)
    tx.record("location.paused", f"location:{location_id}", "places", reason=reason)


def resume_intake(tx: Tx, actor: Actor, location_id: str) -> None:
    """Take people in again."""
    found = own_location(tx, actor, location_id)
    found.pause_reason = found.pause_until = None
    touch(tx, found)
    tx.record("location.resumed", f"location:{location_id}", "places")


def set_rule(
    tx: Tx,
    actor: Actor,
    location_id: str,
    criterion: str,
    stance: Stance,
    basis: Basis,
    reason: str,
    unit_id: str | None = None,
    review_on: date | None = None,
    expected_version: int | None = None,
) -> None:
    """Say what a location, or one unit of it, does with a criterion. Excluding or tightening asks for a reason.

    `expected_version` is the location's version the caller looked at; a newer one is a Conflict.
    """
    found = own_location(tx, actor, location_id)
    if expected_version is not None and found.version != expected_version:
        raise Conflict("changed_meanwhile")
    if criterion not in queries.criteria(tx):
        raise Invalid("invalid", (FieldError(("criterion",), "unknown_choice"),))
    if unit_id is not None and queries.location_of_unit(tx, unit_id) != location_id:
        raise NotFound("no_unit")
    before = _stance(tx, location_id, unit_id, criterion)
    if not reason.strip() and (stance is Stance.EXCLUDES or rules.tightens(before, stance)):
        raise Invalid("invalid", (FieldError(("reason",), "required"),))
    _replace_rule(tx, location_id, unit_id, criterion)
    tx.session.add(
        AdmissionRule(
            id=tx.new_id(),
            location_id=location_id,
            unit_id=unit_id,
            criterion=criterion,
            stance=stance,
            basis=basis,
            reason=reason.strip(),
            review_on=review_on,
            valid_from=tx.now,
        )
    )
    touch(tx, found)
    tx.record(
        "rule.set",
        f"location:{location_id}",
        "places",
        criterion=criterion,
        stance=stance,
        before=before,
        basis=basis,
        unit=unit_id,
    )


def keep_rule(tx: Tx, actor: Actor, rule_id: str) -> None:
    """Reviewed: an admission rule stays as it is, until it comes up again."""
    require(actor, Verb.PLACES_KEEP)
    rule = tx.session.get(AdmissionRule, rule_id)
    if rule is None:
        raise NotFound("no_rule")
    try:
        own_location(tx, actor, rule.location_id)
    except NotFound as error:
        raise NotFound("no_rule") from error
    tx.session.refresh(rule)
    if rule.ended_at is not None:
        raise Conflict("changed_meanwhile")
    _, rhythm = policy.current(tx, policy.Rhythm)
    set_rule(
        tx,
        actor,
        rule.location_id,
        rule.criterion,
        Stance(rule.stance),
        Basis(rule.basis),
        rule.reason,
        rule.unit_id,
        tx.now.astimezone(AMSTERDAM).date() + timedelta(days=rhythm.review_again_days),
    )


def add_criterion(tx: Tx, actor: Actor, name: str) -> str:
    """Put a contra-indication on the national list, at its end. Returns the code, which is made of the name.

    No house has answered it yet, so it counts as `consult` everywhere and no place is unconditional until it did.
    """
    require(actor, Verb.CRITERIA_KEEP)
    code = rules.criterion_code(name)
    if not code:
        raise Invalid("invalid", (FieldError(("name",), "required"),))
    known = _criteria_locked(tx)
    if any(found.code == code for found in known):
        raise Conflict("criterion_exists")
    if sum(found.active for found in known) >= CRITERIA_MAX:
        raise Conflict("list_full")
    tx.session.add(Criterion(code=code, position=max((found.position for found in known), default=0) + 1))
    tx.session.flush()
    tx.record("criterion.added", f"criterion:{code}", "places", "requests")
    return code


def keep_criterion(tx: Tx, actor: Actor, code: str, active: bool, place: int) -> None:
    """Say whether a contra-indication is on the national list and at which place, counted from 1.

    A retired one asks nothing and bars nobody any more; what was said about it stays as history.
    """
    require(actor, Verb.CRITERIA_KEEP)
    known = _criteria_locked(tx)
    chosen = next((found for found in known if found.code == code), None)
    if chosen is None:
        raise NotFound("no_criterion")
    listed = [found for found in known if found.active and found is not chosen]
    if active and len(listed) >= CRITERIA_MAX:
        raise Conflict("list_full")
    if active:
        listed.insert(min(max(place, 1), len(listed) + 1) - 1, chosen)
    for number, found in enumerate(listed):
        found.position = number
    chosen.active = active
    tx.session.add_all(known)
    tx.session.flush()
    tx.record("criterion.kept", f"criterion:{code}", "places", "requests", active=active, place=place)


def _criteria_locked(tx: Tx) -> list[Criterion]:
    """Every criterion in its order, locked: two who order the list at once never mix."""
    query = select(Criterion).order_by(Criterion.code).with_for_update().execution_options(populate_existing=True)
    return sorted(tx.session.exec(query).all(), key=lambda found: (found.position, found.code))


def set_address(tx: Tx, actor: Actor, key: AddressKey, location_id: str, address: str) -> None:
    """Seal the address of a location. It can be written here, never read."""
    own_location(tx, actor, location_id)
    seal_address(tx, key, location_id, address)


def seal_address(tx: Tx, key: AddressKey, location_id: str, address: str) -> None:
    """Store an address sealed, replacing what was there."""
    if not address.strip():
        raise Invalid("invalid", (FieldError(("address",), "required"),))
    sealed = key.seal(location_id, address.strip())
    row = tx.session.get(SealedAddress, location_id)
    if row is None:
        row = SealedAddress(location_id=location_id, key_id="", nonce=b"", ciphertext=b"")
        tx.session.add(row)
    row.key_id, row.nonce, row.ciphertext = sealed.key_id, sealed.nonce, sealed.ciphertext
    tx.session.flush()
    tx.record("location.address_sealed", f"location:{location_id}", "places")


def unseal_address(tx: Tx, key: AddressKey, location_id: str) -> str:
    """The address of a location. Only `placing.staying.release_address` may call this: it checks and logs who asks."""
    row = tx.session.get(SealedAddress, location_id)
    if row is None:
        raise NotFound("no_address")
    return key.unseal(location_id, Sealed(row.key_id, row.nonce, row.ciphertext))


def claim_places(tx: Tx, unit_id: str, holder: str, kind: ClaimKind, count: int) -> None:
    """Claim free places of a unit: as many as asked, or the whole of a private unit.

    The caller holds the location's lock. Raises Conflict when too few are free; the unique index stands behind it.
    """
    view = next(
        unit
        for found in queries.locations(tx, location_id=queries.location_of_unit(tx, unit_id))
        for unit in found.units
        if unit.unit.id == unit_id
    )
    if view.free_for_offer < count:
        raise Conflict("places_taken")
    free = [place for place in view.places if place.state is PlaceState.FREE]
    for place in free if view.unit.private else free[:count]:
        tx.session.add(Claim(id=tx.new_id(), place_id=place.id, kind=kind, holder=holder, started_at=tx.now))
    tx.session.flush()


def claim_place(tx: Tx, place_id: str, holder: str) -> None:
    """Claim one named place for a stay that somebody else arranged; in a private unit, all of its places."""
    unit = next(
        unit
        for view in queries.locations(tx, location_id=queries.location_of_place(tx, place_id))
        for unit in view.units
        if any(place.id == place_id for place in unit.places)
    )
    wanted = [place for place in unit.places if place.id == place_id]
    if wanted[0].state is not PlaceState.FREE or unit.free_for_offer == 0:
        raise Conflict("place_in_use")
    if unit.unit.private:
        wanted = [place for place in unit.places if place.state is PlaceState.FREE]
    for place in wanted:
        tx.session.add(Claim(id=tx.new_id(), place_id=place.id, kind=ClaimKind.STAY, holder=holder, started_at=tx.now))
    tx.session.flush()


def claim_on(tx: Tx, place_id: str) -> ClaimKind | None:
    """What claims a place now: a hold, a stay, or nothing."""
    found = _live_claim(tx, place_id)
    return ClaimKind(found.kind) if found else None


def end_claims(tx: Tx, holder: str) -> int:
    """Free whatever a hold or stay claims. Returns how many places that were."""
    return tx.affected(
        update(Claim).where(col(Claim.holder) == holder, col(Claim.ended_at).is_(None)).values(ended_at=tx.now)
    )


def hold_becomes_stay(tx: Tx, offer_id: str, stay_id: str) -> None:
    """Turn the hold of an offer into the claim of a stay, in the same rows. Refused when the hold is gone."""
    changed = tx.affected(
        update(Claim)
        .where(col(Claim.holder) == offer_id, col(Claim.ended_at).is_(None), col(Claim.kind) == ClaimKind.HOLD)
        .values(kind=ClaimKind.STAY, holder=stay_id)
    )
    if changed == 0:
        raise Conflict("hold_gone")


def doubt(tx: Tx, unit_id: str) -> None:
    """What is listed free in this room turned out not to be: it counts as unchecked until the next confirmation."""
    tx.affected(update(Unit).where(col(Unit.id) == unit_id).values(doubted_at=tx.now))


def touch(tx: Tx, found: Location) -> None:
    """Raise the version of a locked location: something that can bar a placement changed."""
    found.version += 1
    tx.session.add(found)
    tx.session.flush()


def own_location(tx: Tx, actor: Actor, location_id: str) -> Location:
    """A location of the actor's own organisation, locked. Somebody else's does not exist for them."""
    require(actor, Verb.PLACES_KEEP)
    found = queries.location(tx, location_id, for_update=True)
    if found.organisation_id != actor.organisation_id:
        raise NotFound("no_location")
    return found


def location_of_own_place(tx: Tx, actor: Actor, place_id: str) -> Location:
    """The location of a place of the actor's own organisation, locked. Others' places do not exist for them."""
    try:
        return own_location(tx, actor, queries.location_of_place(tx, place_id))
    except NotFound as error:
        raise NotFound("no_place") from error


def load_reference_data(tx: Tx) -> None:
    """The regions, municipalities and national criteria we ship, unless they are there already."""
    known = {region.code for region in queries.regions(tx)}
    with (DATA / "regions.csv").open(encoding="utf-8", newline="") as file:
        regions = [
            {**row, "lat": float(row["lat"]), "lon": float(row["lon"]), "valid_from": date(2024, 1, 1)}
            for row in csv.DictReader(file)
            if row["code"] not in known
        ]
    if regions:
        tx.session.execute(insert(Region), regions)
    if not queries.municipalities(tx):
        load_municipalities(tx, DATA / "municipalities.csv", date(2024, 1, 1))
    have = set(tx.session.exec(select(Criterion.code)))
    for position, code in enumerate(NATIONAL_CRITERIA):
        if code not in have:
            tx.session.add(Criterion(code=code, position=position))
    tx.session.flush()


CRITERIA_MAX = 40

NATIONAL_CRITERIA = (
    "addiction",
    "psychiatric",
    "trauma",
    "multiple_problems",
    "intellectual_disability",
    "pregnancy",
    "also_suspect",
)
"""Our first national list, from the attributes the sources name (docs/assumptions.md)."""


def load_municipalities(tx: Tx, path: Path, valid_from: date) -> int:
    """Load an official list (columns code, name, region), in force from a date; what it lacks ends on that date.

    All or nothing: a row that is wrong refuses the whole list and names the row. Returns how many rows changed.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    _check_municipalities(rows, {region.code for region in queries.regions(tx)})
    standing = {
        row.code: row for row in tx.session.exec(select(Municipality).where(col(Municipality.valid_until).is_(None)))
    }
    new: list[dict[str, object]] = []
    for row in rows:
        old = standing.pop(row["code"], None)
        if old and (old.name, old.region_code) == (row["name"], row["region"]):
            continue
        if old and old.valid_from >= valid_from:
            raise Invalid("list_not_newer")
        if old:
            old.valid_until = valid_from
        new.append({"code": row["code"], "name": row["name"], "region_code": row["region"], "valid_from": valid_from})
    for gone in standing.values():
        gone.valid_until = valid_from
    tx.session.flush()
    if new:
        tx.session.execute(insert(Municipality), new)
    if changed := len(new) + len(standing):
        tx.record("municipalities.loaded", "municipalities:list", "places", changed=changed)
    return changed


_MAX = {"code": 8, "name": 80}
"""Characters, as the columns hold them."""


def _check_municipalities(rows: list[dict[str, str]], region_codes: Iterable[str]) -> None:
    known = set(region_codes)
    seen: set[str] = set()
    errors: list[FieldError] = []
    if not rows:
        errors.append(FieldError((), "empty_list"))
    for line, row in enumerate(rows, start=2):
        if not all(row.get(column) for column in ("code", "name", "region")):
            errors.append(FieldError((line,), "incomplete_row"))
        elif row["region"] not in known:
            errors.append(FieldError((line, "region"), "unknown_region"))
        elif row["code"] in seen:
            errors.append(FieldError((line, "code"), "doubled_code"))
        else:
            # SQLite would keep what PostgreSQL refuses.
            errors += [FieldError((line, name), "too_long") for name in ("code", "name") if len(row[name]) > _MAX[name]]
        seen.add(row.get("code") or "")
    if errors:
        raise Invalid("invalid_list", tuple(errors[:50]))


def _live_claim(tx: Tx, place_id: str) -> Claim | None:
    return tx.session.exec(select(Claim).where(Claim.place_id == place_id, col(Claim.ended_at).is_(None))).first()


def _open_closure(tx: Tx, place_id: str) -> Closure | None:
    return tx.session.exec(select(Closure).where(Closure.place_id == place_id, col(Closure.ended_at).is_(None))).first()


def _stance(tx: Tx, location_id: str, unit_id: str | None, criterion: str) -> Stance:
    """What holds now: the unit's own rule, else the location's, else `consult`."""
    live = {rule.unit_id: rule for rule in queries.live_rules(tx, location_id) if rule.criterion == criterion}
    found = live.get(unit_id) or live.get(None)
    return Stance(found.stance) if found else Stance.CONSULT


def _replace_rule(tx: Tx, location_id: str, unit_id: str | None, criterion: str) -> None:
    of_unit = col(AdmissionRule.unit_id).is_(None) if unit_id is None else col(AdmissionRule.unit_id) == unit_id
    tx.affected(
        update(AdmissionRule)
        .where(
            col(AdmissionRule.location_id) == location_id,
            of_unit,
            col(AdmissionRule.criterion) == criterion,
            col(AdmissionRule.ended_at).is_(None),
        )
        .values(ended_at=tx.now)
    )
