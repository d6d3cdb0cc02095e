"""The roster as one actor may see it: what the API and the screens show."""

from datetime import datetime, timedelta

from nrm.access.rules import Actor, Verb, reach
from nrm.access.service import require
from nrm.db import Tx
from nrm.errors import FieldError, Invalid, NotFound
from nrm.roster import queries, rules
from nrm.roster.models import RosterLine, RosterSlot
from nrm.roster.rules import KIND_OF_ROLE
from nrm.roster.schemas import (
    ArrangementOut,
    DeputyOut,
    GapOut,
    LineOut,
    OnCallOut,
    OnCallPersonOut,
    PatternOut,
    SlotOut,
)

OWN_AHEAD = timedelta(days=366)


def on_call(tx: Tx, actor: Actor, role: str, region: str | None, at: datetime | None) -> OnCallOut:
    """Whom to call for a role, in order."""
    require(actor, Verb.ROSTER_READ)
    if role not in KIND_OF_ROLE and role != queries.SECOND:
        raise Invalid("invalid", (FieldError(("role",), "unknown_choice"),))
    if at is not None and at.tzinfo is None:
        raise Invalid("invalid", (FieldError(("at",), "no_time_zone"),))
    if region is not None:
        _in_reach(actor, region)
    found = queries.on_call(tx, role, region, at)
    return OnCallOut(
        role=role,
        region=region,
        persons=[
            OnCallPersonOut(
                account=one.account_id,
                name=one.name,
                organisation=one.organisation.name,
                phone=one.organisation.phone,
                source=one.source,
                rank=one.rank,
                until_at=one.until_at,
                started=one.started,
                reachable=one.reachable,
            )
            for one in found.persons
        ],
        organisations=[one.name for one in found.organisations],
        gap=found.gap,
    )


def line(tx: Tx, actor: Actor, line_id: str) -> RosterLine:
    """A line that is in use and the actor sees."""
    require(actor, Verb.ROSTER_READ)
    found = queries.line(tx, line_id)
    if found.ended_at is not None or not rules.may_see(actor, found):
        raise NotFound("no_roster")
    return found


def lines(tx: Tx, actor: Actor) -> list[LineOut]:
    """The lines the actor sees, with how many gaps are ahead."""
    require(actor, Verb.ROSTER_READ)
    return [
        LineOut(
            id=one.id,
            role=one.role,
            region=one.region_code,
            ranks=one.ranks,
            cover=rules.Cover(one.cover),
            gaps=sum(gap.until_at > tx.now for gap in queries.open_gaps(tx, one.id)),
        )
        for one in queries.lines(tx, actor)
    ]


def slots(tx: Tx, actor: Actor, line_id: str, from_at: datetime, until_at: datetime) -> list[SlotOut]:
    """Who stands on a line in a stretch of time, in order."""
    found = line(tx, actor, line_id)
    return _slots_out(tx, [(slot, found) for slot in queries.slots_between(tx, line_id, from_at, until_at)])


def own_slots(tx: Tx, actor: Actor) -> list[SlotOut]:
    """What the actor has to stand, soonest first."""
    require(actor, Verb.ROSTER_STAND)
    return _slots_out(tx, queries.slots_of(tx, actor.account_id, tx.now, tx.now + OWN_AHEAD))


def on_offer(tx: Tx, actor: Actor) -> list[SlotOut]:
    """What colleagues offered and the actor could take, soonest first."""
    require(actor, Verb.ROSTER_STAND)
    standing = [one for one in queries.lines(tx, actor) if rules.fits(actor.role, actor.region_code, one)]
    found = [(slot, one) for one in standing for slot in queries.slots_between(tx, one.id, tx.now, tx.now + OWN_AHEAD)]
    offered = queries.open_swaps(tx, [slot.id for slot, _ in found])
    return _slots_out(
        tx, [(slot, one) for slot, one in found if slot.id in offered and slot.account_id != actor.account_id]
    )


def patterns(tx: Tx, actor: Actor, line_id: str) -> list[PatternOut]:
    """What recurs on a line."""
    line(tx, actor, line_id)
    return [
        PatternOut.model_validate(
            {name: getattr(row, name) for name in PatternOut.model_fields}  # the same names on purpose
        )
        for row in queries.patterns(tx, line_id)
    ]


def deputies(tx: Tx, actor: Actor, line_id: str) -> list[DeputyOut]:
    """Who steps in on a line, in order."""
    line(tx, actor, line_id)
    return [
        DeputyOut(
            id=row.id,
            account=account.id,
            name=account.name,
            place=row.place,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
        )
        for row, account in queries.deputies(tx, line_id)
    ]


def gaps(tx: Tx, actor: Actor) -> list[GapOut]:
    """Where nobody is planned, soonest first."""
    require(actor, Verb.ROSTER_READ)
    return [
        GapOut(
            id=gap.id,
            line=one.id,
            role=one.role,
            region=one.region_code,
            rank=gap.rank,
            from_at=gap.from_at,
            until_at=gap.until_at,
        )
        for gap, one in queries.gaps(tx, actor)
    ]


def arrangements(tx: Tx, actor: Actor, region: str) -> list[ArrangementOut]:
    """Who does what in a region."""
    require(actor, Verb.ROSTER_READ)
    _in_reach(actor, region)
    return [
        ArrangementOut(
            id=row.id,
            region=row.region_code,
            task=rules.Task(row.task),
            organisation=organisation.id,
            note=row.note,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            organisation_name=organisation.name,
            phone=organisation.phone,
        )
        for row, organisation in queries.arrangements(tx, region)
    ]


def _in_reach(actor: Actor, region: str) -> None:
    if reach(actor) not in {None, region}:
        raise NotFound("no_roster")


def _slots_out(tx: Tx, found: list[tuple[RosterSlot, RosterLine]]) -> list[SlotOut]:
    people = {slot.account_id for slot, _ in found}
    names, reached = queries.names(tx, people), queries.reachable(tx, people)
    offered = queries.open_swaps(tx, [slot.id for slot, _ in found])
    return [
        SlotOut(
            id=slot.id,
            line=one.id,
            role=one.role,
            region=one.region_code,
            rank=slot.rank,
            account=slot.account_id,
            name=names[slot.account_id],
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            source=slot.source,
            swap=slot.id in offered,
            reachable=slot.account_id in reached,
        )
        for slot, one in found
    ]
