"""Keeping the roster. Whatever changes who stands on a line locks the line first, so two at once take turns."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Update, update
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.models import Account
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, reach
from nrm.access.service import require, token_hash
from nrm.calendar import queries as calendar
from nrm.clock import AMSTERDAM
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound, TooMany
from nrm.roster import agenda, queries, rules
from nrm.roster.models import (
    Arrangement,
    RosterDeputy,
    RosterFeed,
    RosterGap,
    RosterLine,
    RosterPattern,
    RosterSlot,
    RosterSwap,
)
from nrm.roster.rules import SLOT_HOURS_MAX, SlotSource, Stretch
from nrm.roster.schemas import AgendaIn, AgendaOut, ArrangementIn, DeputyIn, LineIn, PatternIn, SlotIn

BATCH = 100
CHECK_EVERY = timedelta(hours=1)
"""How often a line is looked at when nothing changes: office hours may have, and the days ahead move on."""
TAKEOVER_AHEAD = timedelta(hours=12)
"""So long before it begins a slot can be taken over; earlier there is time to swap."""
PLANNED_AGO_MAX = timedelta(days=1)
LISTED_MAX = 50
"""Recurring shifts, deputies or arrangements of one line or region."""
FEED_READS_MAX = 10
FEED_WINDOW = timedelta(minutes=1)
FEED_BACK, FEED_AHEAD = timedelta(days=31), timedelta(days=366)


def add_line(tx: Tx, actor: Actor, shape: LineIn) -> RosterLine:
    """From now on this role has to be manned."""
    require(actor, Verb.ROSTER_KEEP)
    found = tx.session.exec(
        select(RosterLine)
        .where(RosterLine.role == shape.role, col(RosterLine.region_code).is_not_distinct_from(shape.region))
        .with_for_update()
    ).first()
    kind = OrganisationKind.CHAIN_DIRECTION if shape.region else OrganisationKind.NATIONAL_DESK
    keeper = next((one for one in access.organisations_of_kind(tx, kind) if one.region_code == shape.region), None)
    if keeper is None:
        raise Invalid("invalid", (FieldError(("region",), "unknown_choice"),))
    made = found or RosterLine(id=tx.new_id(), role=shape.role, region_code=shape.region, cover="", organisation_id="")
    _keeps(actor, made)
    if found and found.ended_at is None:
        raise Conflict("line_exists")
    made.ranks, made.cover, made.organisation_id = shape.ranks, shape.cover, keeper.id
    made.ended_at = None
    tx.session.add(made)
    _changed(tx, made)
    return made


def change_line(tx: Tx, actor: Actor, line_id: str, shape: LineIn) -> None:
    """Another cover, or a second one too. Role and region stay what they are."""
    line = _kept(tx, actor, line_id)
    line.ranks, line.cover = shape.ranks, shape.cover
    _changed(tx, line)


def end_line(tx: Tx, actor: Actor, line_id: str) -> None:
    """Nobody has to stand here any more; what was planned stays to be read."""
    line = _kept(tx, actor, line_id)
    tx.affected(
        update(RosterGap)
        .where(col(RosterGap.line_id) == line_id, col(RosterGap.closed_at).is_(None))
        .values(closed_at=tx.now, due_at=None)
    )
    line = queries.line(tx, line_id)
    line.ended_at, line.check_due_at = tx.now, None
    tx.session.flush()
    tx.record("roster.line_ended", f"roster_line:{line_id}", "shifts")


def plan(tx: Tx, actor: Actor, line_id: str, shape: SlotIn) -> None:
    """Somebody from one instant until another; with `instead` in place of whoever is planned there."""
    line = _kept(tx, actor, line_id)
    stretch = _stretch(tx, shape.starts_at, shape.ends_at)
    _rank(line, shape.rank)
    account = _standing(tx, line, shape.account)
    if not shape.instead and _in_the_way(tx, line, shape.rank, stretch):
        raise Conflict("slot_taken")
    _put(tx, line, shape.rank, stretch, account.id, SlotSource.OVERRIDE if shape.instead else SlotSource.PLANNED)


def cancel_slot(tx: Tx, actor: Actor, slot_id: str) -> None:
    """Nobody stands here any more: what is left of it becomes a gap where somebody has to."""
    slot, line = _slot(tx, slot_id)
    _keeps(actor, line)
    _cut(tx, slot, (max(tx.now, slot.starts_at), slot.ends_at))
    _changed(tx, line, slot=slot_id)


def recur(tx: Tx, actor: Actor, line_id: str, shape: PatternIn) -> RosterPattern:
    """A recurring shift: its slots are written out at once as far ahead as policy says, and each day one more."""
    line = _kept(tx, actor, line_id)
    _rank(line, shape.rank)
    for account_id in shape.people:
        _standing(tx, line, account_id)
    if len(queries.patterns(tx, line_id)) >= LISTED_MAX:
        raise Conflict("list_full")
    made = RosterPattern(
        id=tx.new_id(),
        line_id=line_id,
        rank=shape.rank,
        weekdays=list(shape.weekdays),
        starts=shape.starts,
        ends=shape.ends,
        valid_from=shape.valid_from,
        valid_until=shape.valid_until,
        people=list(shape.people),
        turn_days=shape.turn_days,
    )
    tx.session.add(made)
    tx.session.flush()
    _write_out(tx, line, made)
    _changed(tx, line, pattern=made.id)
    return made


def end_pattern(tx: Tx, actor: Actor, pattern_id: str) -> None:
    """It recurs no more. What has not begun yet falls away, except where somebody else took it over meanwhile."""
    pattern = tx.session.get(RosterPattern, pattern_id)
    if pattern is None or pattern.ended_at is not None:
        raise NotFound("no_roster")
    line = _kept(tx, actor, pattern.line_id)
    tx.guarded(
        update(RosterPattern)
        .where(col(RosterPattern.id) == pattern_id, col(RosterPattern.ended_at).is_(None))
        .values(ended_at=tx.now),
        NotFound("no_roster"),
    )
    to_come = tx.session.exec(
        select(RosterSlot).where(
            RosterSlot.pattern_id == pattern_id,
            RosterSlot.source == SlotSource.PATTERN,
            col(RosterSlot.cancelled_at).is_(None),
            col(RosterSlot.starts_at) > tx.now,
        )
    ).all()
    for slot in to_come:
        _cut(tx, slot, (slot.starts_at, slot.ends_at))
    _changed(tx, queries.line(tx, line.id), pattern=pattern_id)


def offer_swap(tx: Tx, actor: Actor, slot_id: str) -> None:
    """I would rather not stand this one: who takes it? Until somebody does, it stays mine."""
    slot, line = _own_slot(tx, actor, slot_id)
    if queries.open_swap(tx, slot_id):
        return
    tx.session.add(RosterSwap(id=tx.new_id(), slot_id=slot.id, offered_by=actor.account_id, offered_at=tx.now))
    tx.session.flush()
    tx.record("roster.swap_offered", f"roster_line:{line.id}", "shifts", slot=slot_id)


def withdraw_swap(tx: Tx, actor: Actor, slot_id: str) -> None:
    """I stand it myself after all."""
    _, line = _own_slot(tx, actor, slot_id)
    tx.guarded(_swap_open(slot_id).values(withdrawn_at=tx.now), Conflict("swap_gone"))
    tx.record("roster.swap_withdrawn", f"roster_line:{line.id}", "shifts", slot=slot_id)


def take_swap(tx: Tx, actor: Actor, slot_id: str) -> None:
    """I take it: the first who says so has it, and whoever offered it is free."""
    require(actor, Verb.ROSTER_STAND)
    slot, line = _slot(tx, slot_id, gone=Conflict("swap_gone"))
    _standing(tx, line, actor.account_id, NotFound("no_roster"))
    if slot.account_id == actor.account_id:
        raise Conflict("own_slot")
    rank, stretch = slot.rank, (max(tx.now, slot.starts_at), slot.ends_at)
    tx.guarded(
        _swap_open(slot_id).values(taken_by=actor.account_id, taken_at=tx.now),
        Conflict("swap_gone"),
    )
    line = queries.line(tx, line.id)
    _put(tx, line, rank, stretch, actor.account_id, SlotSource.TAKEOVER)
    tx.record("roster.swap_taken", f"roster_line:{line.id}", "shifts", slot=slot_id)


def take_over(tx: Tx, actor: Actor, slot_id: str) -> None:
    """I take over now, for what is left of it. Whoever was planned is free from this moment."""
    require(actor, Verb.ROSTER_STAND)
    slot, line = _slot(tx, slot_id)
    _standing(tx, line, actor.account_id, NotFound("no_roster"))
    if slot.account_id == actor.account_id:
        raise Conflict("own_slot")
    if slot.starts_at > tx.now + TAKEOVER_AHEAD:
        raise Conflict("too_early_to_take_over")
    _put(tx, line, slot.rank, (max(tx.now, slot.starts_at), slot.ends_at), actor.account_id, SlotSource.TAKEOVER)


def fill_gap(tx: Tx, actor: Actor, gap_id: str) -> None:
    """I stand where nobody is planned."""
    require(actor, Verb.ROSTER_STAND)
    gap = tx.session.get(RosterGap, gap_id)
    if gap is None:
        raise NotFound("no_roster")
    line = queries.line(tx, gap.line_id, for_update=True)
    _standing(tx, line, actor.account_id, NotFound("no_roster"))
    tx.session.refresh(gap)
    stretch = (max(tx.now, gap.from_at), gap.until_at)
    if gap.closed_at is not None or stretch[0] >= stretch[1] or _in_the_way(tx, line, gap.rank, stretch):
        raise Conflict("gap_filled")
    _put(tx, line, gap.rank, _stretch(tx, *stretch), actor.account_id, SlotSource.TAKEOVER)
    refresh_gaps(tx, queries.line(tx, line.id))


def add_deputy(tx: Tx, actor: Actor, line_id: str, shape: DeputyIn) -> None:
    """Somebody to call when whoever stands there does not answer."""
    line = _kept(tx, actor, line_id)
    _standing(tx, line, shape.account)
    if shape.valid_until is not None and shape.valid_until < shape.valid_from:
        raise Invalid("invalid", (FieldError(("valid_until",), "not_in_range"),))
    if len(queries.deputies(tx, line_id)) >= LISTED_MAX:
        raise Conflict("list_full")
    tx.session.add(
        RosterDeputy(
            id=tx.new_id(),
            line_id=line_id,
            account_id=shape.account,
            place=shape.place,
            valid_from=shape.valid_from,
            valid_until=shape.valid_until,
        )
    )
    tx.session.flush()
    _changed(tx, line)


def end_deputy(tx: Tx, actor: Actor, deputy_id: str) -> None:
    deputy = tx.session.get(RosterDeputy, deputy_id)
    if deputy is None:
        raise NotFound("no_roster")
    line = _kept(tx, actor, deputy.line_id)
    tx.guarded(
        update(RosterDeputy)
        .where(col(RosterDeputy.id) == deputy_id, col(RosterDeputy.ended_at).is_(None))
        .values(ended_at=tx.now),
        NotFound("no_roster"),
    )
    _changed(tx, queries.line(tx, line.id))


def arrange(tx: Tx, actor: Actor, shape: ArrangementIn) -> None:
    """Who does a task in a region, or may decide what there, from a day on."""
    _keeps_region(actor, shape.region)
    access.organisation(tx, shape.organisation)
    if len(queries.arrangements(tx, shape.region)) >= LISTED_MAX:
        raise Conflict("list_full")
    tx.session.add(
        Arrangement(
            id=tx.new_id(),
            region_code=shape.region,
            task=shape.task,
            organisation_id=shape.organisation,
            note=shape.note or None,
            valid_from=shape.valid_from,
            valid_until=shape.valid_until,
            written_by=actor.account_id,
            written_at=tx.now,
        )
    )
    tx.session.flush()
    tx.record("region.arranged", f"region:{shape.region}", "shifts", task=shape.task)


def end_arrangement(tx: Tx, actor: Actor, arrangement_id: str) -> None:
    """It does not hold any more; the line stays, with when it ended."""
    found = tx.session.get(Arrangement, arrangement_id)
    if found is None:
        raise NotFound("no_roster")
    region = found.region_code
    _keeps_region(actor, region)
    tx.guarded(
        update(Arrangement)
        .where(col(Arrangement.id) == arrangement_id, col(Arrangement.ended_at).is_(None))
        .values(ended_at=tx.now),
        NotFound("no_roster"),
    )
    tx.record("region.arrangement_ended", f"region:{region}", "shifts")


def load_agenda(tx: Tx, actor: Actor, line_id: str, shape: AgendaIn) -> AgendaOut:
    """Plan what an iCalendar file says. Reading it again plans nothing twice; who stands there already stays."""
    line = _kept(tx, actor, line_id)
    _rank(line, shape.rank)
    _, course = policy.current(tx, policy.Roster)
    standing = queries.people(tx, line)
    people = {name.casefold(): one.id for one in standing for name in (one.name, one.login)}
    planned = known = taken = 0
    unknown: list[str] = []
    for event in agenda.read(shape.text, tx.now, tx.now + timedelta(days=course.plan_days)):
        account_id = people.get(event.title.casefold())
        stretch = (event.starts_at, event.ends_at)
        if account_id is None or event.ends_at - event.starts_at > timedelta(hours=SLOT_HOURS_MAX):
            unknown.append(event.title)
        elif queries.slot_of_agenda(tx, line_id, event.key):
            known += 1
        elif _in_the_way(tx, line, shape.rank, stretch) or _stands_elsewhere(tx, line, stretch, account_id):
            taken += 1
        else:
            tx.session.add(
                RosterSlot(
                    id=tx.new_id(),
                    line_id=line_id,
                    rank=shape.rank,
                    account_id=account_id,
                    starts_at=event.starts_at,
                    ends_at=event.ends_at,
                    source=SlotSource.AGENDA,
                    agenda_key=event.key,
                )
            )
            tx.session.flush()
            planned += 1
    if planned:
        _changed(tx, line, planned=planned)
    return AgendaOut(planned=planned, known=known, taken=taken, unknown=unknown)


def make_feed(tx: Tx, actor: Actor) -> str:
    """A new private address for one's own shifts; an earlier one stops. Returns its token, which nobody keeps."""
    require(actor, Verb.ROSTER_STAND)
    _revoke(tx, actor)
    token = secrets.token_urlsafe(32)
    tx.session.add(
        RosterFeed(
            id=tx.new_id(), account_id=actor.account_id, token_hash=token_hash(token), made_at=tx.now, window_at=tx.now
        )
    )
    tx.session.flush()
    tx.record("roster.feed_made", f"account:{actor.account_id}", "shifts")
    return token


def revoke_feed(tx: Tx, actor: Actor) -> None:
    """Whoever has the address reads nothing any more."""
    require(actor, Verb.ROSTER_STAND)
    if not _revoke(tx, actor):
        raise Conflict("no_feed")
    tx.record("roster.feed_revoked", f"account:{actor.account_id}", "shifts")


def read_feed(tx: Tx, token: str, title: Callable[[RosterSlot, RosterLine], str], name: str) -> bytes:
    """The shifts of whoever has this address, as iCalendar. Raises NotFound, and TooMany when read without end."""
    feed = queries.feed_of_token(tx, token_hash(token)) if len(token) <= 100 else None
    if feed is None:
        raise NotFound("no_feed")
    fresh = not timedelta(0) <= tx.now - feed.window_at < FEED_WINDOW  # or a clock set back
    account_id = feed.account_id
    tx.guarded(
        update(RosterFeed)
        .where(
            col(RosterFeed.id) == feed.id,
            col(RosterFeed.revoked_at).is_(None),
            *(() if fresh else (col(RosterFeed.window_reads) < FEED_READS_MAX,)),
        )
        .values(
            window_at=tx.now if fresh else RosterFeed.window_at,
            window_reads=1 if fresh else RosterFeed.window_reads + 1,
        ),
        TooMany("feed_read_too_often"),
    )
    slots = queries.slots_of(tx, account_id, tx.now - FEED_BACK, tx.now + FEED_AHEAD)
    return agenda.write(
        [agenda.Shown(slot.id, title(slot, line), slot.starts_at, slot.ends_at, tx.now) for slot, line in slots], name
    )


def keep_due(database: Database) -> int:
    """Write out recurring shifts and work out gaps of every line that is due. Returns how many were."""
    with database.reading() as tx:
        due = queries.due_lines(tx, BATCH)
    return database.each(due, _keep)


def _keep(tx: Tx, line_id: str) -> int:
    line = queries.line(tx, line_id, for_update=True)
    if line.check_due_at is None or line.check_due_at > tx.now:
        return 0  # another worker was first
    line.check_due_at = tx.now + CHECK_EVERY
    for pattern in queries.patterns(tx, line_id):
        _write_out(tx, line, pattern)
    refresh_gaps(tx, line)
    return 1


def _write_out(tx: Tx, line: RosterLine, pattern: RosterPattern) -> None:
    """Make the slots of a recurring shift that have not been made, each once; where somebody stands they stay."""
    _, ahead = policy.current(tx, policy.Roster)
    today = tx.now.astimezone(AMSTERDAM).date()
    last = today + timedelta(days=ahead.plan_days)
    # From yesterday, because a night shift that began then may still run.
    first = today - timedelta(days=1) if pattern.planned_until is None else pattern.planned_until + timedelta(days=1)
    for found in rules.slots_of(pattern, first, last):
        stretch = (found.starts_at, found.ends_at)
        if (
            found.ends_at <= tx.now
            or _in_the_way(tx, line, pattern.rank, stretch)
            or _stands_elsewhere(tx, line, stretch, found.account_id)
        ):
            continue
        tx.session.add(
            RosterSlot(
                id=tx.new_id(),
                line_id=line.id,
                rank=pattern.rank,
                account_id=found.account_id,
                starts_at=found.starts_at,
                ends_at=found.ends_at,
                source=SlotSource.PATTERN,
                pattern_id=pattern.id,
                pattern_starts_at=found.starts_at,
            )
        )
        tx.session.flush()
    if pattern.planned_until is None or pattern.planned_until < last:
        pattern.planned_until = last
        tx.session.add(pattern)
        tx.session.flush()


def refresh_gaps(tx: Tx, line: RosterLine) -> None:
    """Hold the gaps on record against the roster as it is: new ones, moved ones, and those that were filled."""
    _, ahead = policy.current(tx, policy.Roster)
    begins, ends = rules.midnight_after(tx.now, 0), rules.midnight_after(tx.now, ahead.gap_days)
    wanted = rules.needed(line.cover, calendar.calendar_of(tx, line.organisation_id), begins, ends)
    open_gaps = queries.open_gaps(tx, line.id)
    slots = queries.standing(tx, line.id, begins, ends)
    alarm = timedelta(hours=ahead.gap_alarm_hours)
    for rank in rules.RANKS:
        left = [gap for gap in open_gaps if gap.rank == rank]
        covered = [(slot.starts_at, slot.ends_at) for slot in slots if slot.rank == rank]
        found = rules.uncovered(wanted, covered) if rank <= line.ranks else []
        for from_at, until_at in (one for one in found if one[1] > tx.now):
            same = next((gap for gap in left if rules.overlap((gap.from_at, gap.until_at), (from_at, until_at))), None)
            if same is None:
                tx.session.add(
                    RosterGap(
                        id=tx.new_id(),
                        line_id=line.id,
                        rank=rank,
                        from_at=from_at,
                        until_at=until_at,
                        found_at=tx.now,
                        due_at=max(tx.now, from_at - alarm),
                    )
                )
                tx.record("roster.gap_found", f"roster_line:{line.id}", "shifts", "alarms", rank=rank)
                continue
            left.remove(same)
            # Of one that runs on since before today, its begin is on record and not to be found.
            starts = same.from_at if from_at == begins and same.from_at < begins else from_at
            if starts != same.from_at:
                same.due_at = max(tx.now, starts - alarm)
            same.from_at, same.until_at = starts, until_at
            tx.session.add(same)
        for gap in left:
            gap.closed_at, gap.due_at = tx.now, None
            tx.session.add(gap)
            tx.record("roster.gap_closed", f"roster_line:{line.id}", "shifts", "alarms", rank=rank)
        tx.session.flush()


def _kept(tx: Tx, actor: Actor, line_id: str) -> RosterLine:
    """A line that is in use and the actor plans, locked."""
    line = queries.line(tx, line_id, for_update=True)
    _keeps(actor, line)
    if line.ended_at is not None:
        raise NotFound("no_roster")
    return line


def _keeps(actor: Actor, line: RosterLine) -> None:
    require(actor, Verb.ROSTER_KEEP)
    if not rules.may_keep(actor, line):
        raise NotFound("no_roster")


def _keeps_region(actor: Actor, region_code: str) -> None:
    require(actor, Verb.ROSTER_KEEP)
    if actor.role is Role.COORDINATOR_REGIONAL and reach(actor) != region_code:
        raise NotFound("no_roster")


def _slot(tx: Tx, slot_id: str, gone: Conflict | None = None) -> tuple[RosterSlot, RosterLine]:
    """A slot that is not over, with its line locked."""
    slot = tx.session.get(RosterSlot, slot_id)
    if slot is None:
        raise NotFound("no_roster")
    line = queries.line(tx, slot.line_id, for_update=True)
    tx.session.refresh(slot)
    if slot.cancelled_at is not None or slot.ends_at <= tx.now or line.ended_at is not None:
        raise gone or Conflict("slot_over")
    return slot, line


def _own_slot(tx: Tx, actor: Actor, slot_id: str) -> tuple[RosterSlot, RosterLine]:
    require(actor, Verb.ROSTER_STAND)
    slot, line = _slot(tx, slot_id)
    if slot.account_id != actor.account_id:
        raise NotFound("no_roster")
    return slot, line


def _rank(line: RosterLine, rank: int) -> None:
    if rank > line.ranks:
        raise Invalid("invalid", (FieldError(("rank",), "unknown_choice"),))


def _standing(tx: Tx, line: RosterLine, account_id: str, refusal: NotFound | None = None) -> Account:
    """Somebody who may stand on this line: active, of its role, for its region or nationally."""
    found = tx.session.get(Account, account_id)
    if found is not None and found.active:
        region = access.organisation(tx, found.organisation_id).region_code
        if rules.fits(found.role, region, line):
            return found
    raise refusal or Invalid("invalid", (FieldError(("account",), "unknown_choice"),))


def _stretch(tx: Tx, starts_at: datetime, ends_at: datetime) -> Stretch:
    errors = [
        FieldError((name,), "no_time_zone")
        for name, value in (("starts_at", starts_at), ("ends_at", ends_at))
        if value.tzinfo is None
    ]
    if not errors and not starts_at < ends_at <= starts_at + timedelta(hours=SLOT_HOURS_MAX):
        errors.append(FieldError(("ends_at",), "not_in_range"))
    if not errors and (ends_at <= tx.now or starts_at < tx.now - PLANNED_AGO_MAX):
        errors.append(FieldError(("starts_at",), "in_the_past"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    return starts_at, ends_at


def _in_the_way(tx: Tx, line: RosterLine, rank: int, stretch: Stretch) -> list[RosterSlot]:
    return [slot for slot in queries.slots_between(tx, line.id, *stretch) if slot.rank == rank]


def _stands_elsewhere(tx: Tx, line: RosterLine, stretch: Stretch, account_id: str) -> bool:
    """Whether this person stands on the same line then already: one cannot be one's own second."""
    return any(slot.account_id == account_id for slot in queries.slots_between(tx, line.id, *stretch))


def _put(tx: Tx, line: RosterLine, rank: int, stretch: Stretch, account_id: str, source: SlotSource) -> None:
    """Somebody stands here from now on, and nobody else of this rank: what others had of it is cut away."""
    for slot in _in_the_way(tx, line, rank, stretch):
        _cut(tx, slot, stretch)
    if _stands_elsewhere(tx, line, stretch, account_id):
        raise Conflict("stands_there_already")
    tx.session.add(
        RosterSlot(
            id=tx.new_id(),
            line_id=line.id,
            rank=rank,
            account_id=account_id,
            starts_at=stretch[0],
            ends_at=stretch[1],
            source=source,
        )
    )
    tx.session.flush()
    _changed(tx, line, rank=rank, account=account_id)


def _cut(tx: Tx, slot: RosterSlot, window: Stretch) -> None:
    """Take a window out of a slot: what is left before it stays this slot, what is left after it is a new one."""
    pieces: Sequence[Stretch] = rules.left_of((slot.starts_at, slot.ends_at), window)
    if not pieces:
        slot.cancelled_at = tx.now
    else:
        slot.starts_at, slot.ends_at = pieces[0]
        for starts_at, ends_at in pieces[1:]:
            tx.session.add(
                RosterSlot(
                    id=tx.new_id(),
                    line_id=slot.line_id,
                    rank=slot.rank,
                    account_id=slot.account_id,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    source=slot.source,
                    pattern_id=slot.pattern_id,
                )
            )
    tx.session.add(slot)
    tx.session.flush()
    tx.session.execute(_swap_open(slot.id).values(withdrawn_at=tx.now))


def _swap_open(slot_id: str) -> Update:
    return update(RosterSwap).where(
        col(RosterSwap.slot_id) == slot_id, col(RosterSwap.taken_at).is_(None), col(RosterSwap.withdrawn_at).is_(None)
    )


def _revoke(tx: Tx, actor: Actor) -> bool:
    return bool(
        tx.affected(
            update(RosterFeed)
            .where(col(RosterFeed.account_id) == actor.account_id, col(RosterFeed.revoked_at).is_(None))
            .values(revoked_at=tx.now)
        )
    )


def _changed(tx: Tx, line: RosterLine, **data: object) -> None:
    """Something about who stands here changed: the worker works out the gaps anew, and screens look again."""
    line.check_due_at = tx.now
    tx.session.add(line)
    tx.session.flush()
    tx.record("roster.changed", f"roster_line:{line.id}", "shifts", **data)
