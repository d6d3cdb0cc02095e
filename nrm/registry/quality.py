"""What each room is good at, by whose word, against which norm, and when somebody looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from nrm.access.rules import Actor, Role, Verb
from nrm.access.service import require
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound
from nrm.registry import queries
from nrm.registry.models import Location, Unit, UnitQuality
from nrm.registry.rules import EXPERTISE, Word

NORM_CHARACTERS_MAX = 60


@dataclass(frozen=True)
class RoomQuality:
    """A room with what is said of it, by each word there is."""

    unit: Unit
    location: Location
    declared: UnitQuality | None
    checked: UnitQuality | None


def rooms(tx: Tx, actor: Actor) -> list[RoomQuality]:
    """The rooms of one's own houses; for the national coordinator those of all, as codes. By region, house and room."""
    require(actor, Verb.QUALITY_KEEP)
    own = None if actor.role is Role.NATIONAL_COORDINATOR else actor.organisation_id
    found = select(Unit, Location).join(Location, col(Location.id) == Unit.location_id)
    if own is not None:
        found = found.where(Location.organisation_id == own)
    units = list(tx.session.exec(found.order_by(Location.region_code, Location.code, Unit.code)))
    said = live(tx, [unit.id for unit, _ in units])
    return [
        RoomQuality(unit, location, said.get((unit.id, Word.DECLARED)), said.get((unit.id, Word.CHECKED)))
        for unit, location in units
    ]


def room(tx: Tx, actor: Actor, unit_id: str) -> RoomQuality:
    """One room. Raises NotFound for a room of somebody else's house."""
    found = next((one for one in rooms(tx, actor) if one.unit.id == unit_id), None)
    if found is None:
        raise NotFound("no_unit")
    return found


def live(tx: Tx, unit_ids: Sequence[str]) -> dict[tuple[str, str], UnitQuality]:
    """(unit, word) → what holds of these rooms."""
    rows = select(UnitQuality).where(col(UnitQuality.unit_id).in_(unit_ids), col(UnitQuality.ended_at).is_(None))
    return {(row.unit_id, row.basis): row for row in tx.session.exec(rows)}


def counts(tx: Tx) -> dict[str, tuple[int, int, int]]:
    """Region → rooms that somebody checked, of which only the provider speaks, and of which nothing is said."""
    words: dict[str, set[str]] = {}
    for unit_id, basis in tx.session.exec(
        select(UnitQuality.unit_id, UnitQuality.basis).where(col(UnitQuality.ended_at).is_(None))
    ):
        words.setdefault(unit_id, set()).add(basis)
    found: dict[str, list[int]] = {}
    units = select(Unit.id, Location.region_code).join(Location, col(Location.id) == Unit.location_id)
    for unit_id, region_code in tx.session.exec(units):
        said = words.get(unit_id, set())
        at = 0 if Word.CHECKED in said else 1 if Word.DECLARED in said else 2
        found.setdefault(region_code, [0, 0, 0])[at] += 1
    return {code: (checked, declared, unsaid) for code, (checked, declared, unsaid) in found.items()}


def say(
    tx: Tx, actor: Actor, unit_id: str, expertise: Iterable[str], norm: str, on: date | None, known: str = ""
) -> None:
    """Say what a room is good at. Whoever says it decides by whose word it is: nobody can say "checked" of themselves.

    `known` is the record the form was made of, empty for none: raises Conflict when there is another one by now.
    Nothing at all takes the record away.
    """
    require(actor, Verb.QUALITY_KEEP)
    word = Word.CHECKED if actor.role is Role.NATIONAL_COORDINATOR else Word.DECLARED
    found = room(tx, actor, unit_id)
    chosen = sorted(set(expertise), key=EXPERTISE.index) if set(expertise) <= set(EXPERTISE) else None
    today = tx.now.astimezone(AMSTERDAM).date()
    wrong = []
    if chosen is None:
        wrong.append(FieldError(("expertise",), "unknown_choice"))
    if len(norm) > NORM_CHARACTERS_MAX or not norm.isprintable():
        wrong.append(FieldError(("norm",), "too_long"))
    if on is not None and on > today:
        wrong.append(FieldError(("checked_on",), "in_the_future"))
    if word is Word.CHECKED and (chosen or norm.strip()) and on is None:
        wrong.append(FieldError(("checked_on",), "required"))
    if wrong or chosen is None:
        raise Invalid("invalid", tuple(wrong))
    queries.location(tx, found.location.id, for_update=True)
    before = live(tx, [unit_id]).get((unit_id, word))
    if (before.id if before else "") != known:
        raise Conflict("changed_meanwhile")
    if before is not None:
        tx.guarded(
            update(UnitQuality)
            .where(col(UnitQuality.id) == before.id, col(UnitQuality.ended_at).is_(None))
            .values(ended_at=tx.now),
            Conflict("changed_meanwhile"),
        )
    if chosen or norm.strip() or on:
        tx.session.add(
            UnitQuality(
                id=tx.new_id(),
                unit_id=unit_id,
                basis=word,
                expertise=chosen,
                norm=norm.strip(),
                checked_on=on,
                recorded_at=tx.now,
                recorded_by=actor.account_id,
            )
        )
        try:
            tx.session.flush()
        except IntegrityError as error:
            raise Conflict("changed_meanwhile") from error
    tx.record("quality.said", f"unit:{unit_id}", "places", word=word, expertise=chosen, norm=norm.strip())
