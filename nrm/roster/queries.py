"""Reading the roster: who is on call, who should be, what is planned, and where nobody is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select

from nrm.access import queries as access
from nrm.access.models import Account, Organisation, Shift
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.calendar import queries as calendar
from nrm.calendar.rules import Calendar
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.notify import queries as notify
from nrm.roster import rules
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
from nrm.roster.rules import KIND_OF_ROLE, Source, Task

LIST_MAX = 500

SECOND = "second_duty_officer"
"""How a ladder names the duty officer of rank 2."""


@dataclass(frozen=True)
class OnCallPerson:
    """Somebody to call, and why."""

    account_id: str
    name: str
    organisation: Organisation
    source: Source
    rank: int | None
    """As what the roster has them; None for a deputy, and for who came on duty without being planned."""
    until_at: datetime | None
    """Until when the roster has them."""
    started: bool
    """Whether they really came on duty. Only duty officers say so."""
    reachable: bool


@dataclass(frozen=True)
class OnCall:
    """Whom to call for a role, in order."""

    role: str
    region_code: str | None
    line: RosterLine | None
    """The line of the roster that counts here: the region's own, else the national one, else none."""
    persons: tuple[OnCallPerson, ...]
    """Who is really there, then who should be, then deputies; each once."""
    organisations: tuple[Organisation, ...]
    """Whose functional channel is left when no person answers: the region's own first."""
    gap: bool
    """Somebody has to stand here now and nobody does: go to the next level at once. Deputies may still be listed."""

    @property
    def not_started(self) -> tuple[OnCallPerson, ...]:
        """Duty officers whom the roster has now and who did not come on duty."""
        return tuple(
            one
            for one in self.persons
            if one.source is Source.ROSTERED and not one.started and self.role == Role.DUTY_OFFICER
        )


def on_call(tx: Tx, role: str, region_code: str | None, at: datetime | None = None, rank: int | None = None) -> OnCall:
    """Whom to call for a role in a region (None is nationally) at an instant, by default now.

    `second_duty_officer` is rank 2 of the duty officers. `rank` 1 leaves out the second one, and 2 everybody else who
    is planned. Who really is there counts up to now only: of a later instant the roster is all that is known.
    """
    if role == SECOND:
        role, rank = Role.DUTY_OFFICER, 2
    at = at or tx.now
    found = line_of(tx, role, region_code)
    home = found.region_code if found else region_code
    there = [] if at > tx.now else _on_shift(tx, role, at)
    # Without a line of its own a region is served by whoever is on duty for it or for the country.
    regions = {home} if found else {home, None}
    there = [pair for pair in there if pair[1].region_code in regions]
    started = {account.id for account, _ in there}
    planned = _planned(tx, found.id, at) if found else []
    ranks = {slot.account_id: slot.rank for slot, _, _ in reversed(planned)}
    ends = {slot.account_id: slot.ends_at for slot, _, _ in reversed(planned)}
    gap = False
    if found:
        required = bool(rules.needed(found.cover, _calendar(tx, found), at, at + timedelta(microseconds=1)))
        gap = required and not there and not any(slot.rank in {rank or 1} for slot, _, _ in planned)
        if rank == 2:
            gap = required and found.ranks > 1 and not any(slot.rank == 2 for slot, _, _ in planned)

    listed = [
        (account, organisation, Source.ON_SHIFT)
        # Whoever the roster has now comes before who stayed on.
        for account, organisation in sorted(there, key=lambda pair: (ranks.get(pair[0].id, 9), pair[0].name))
    ]
    listed += [(account, organisation, Source.ROSTERED) for _, account, organisation in planned]
    if rank is not None:
        listed = [one for one in listed if ranks.get(one[0].id, 1) == rank]
    if found:
        listed += [(account, organisation, Source.DEPUTY) for account, organisation in _deputies(tx, found.id, at)]
    reached = reachable(tx, {account.id for account, _, _ in listed})
    persons: dict[str, OnCallPerson] = {}
    for account, organisation, source in listed:
        persons.setdefault(
            account.id,
            OnCallPerson(
                account.id,
                account.name,
                organisation,
                source,
                ranks.get(account.id),
                ends.get(account.id),
                account.id in started,
                account.id in reached,
            ),
        )
    return OnCall(role, region_code, found, tuple(persons.values()), tuple(_channels(tx, role, region_code)), gap)


def reachable(tx: Tx, account_ids: Collection[str]) -> set[str]:
    """Which of these people an alarm can reach themselves: over a way they proved and that works."""
    return notify.reachable(tx, account_ids)


def line_of(tx: Tx, role: str, region_code: str | None) -> RosterLine | None:
    """The line that counts for a role in a region: its own, else the national one."""
    rows = tx.session.exec(
        select(RosterLine).where(
            RosterLine.role == role,
            col(RosterLine.ended_at).is_(None),
            (col(RosterLine.region_code) == region_code) | col(RosterLine.region_code).is_(None),
        )
    )
    return min(rows, key=lambda one: one.region_code is None, default=None)


def line(tx: Tx, line_id: str, for_update: bool = False) -> RosterLine:
    """One line; locked when something is about to change who stands on it."""
    query = select(RosterLine).where(RosterLine.id == line_id)
    found = tx.session.exec(query.with_for_update() if for_update else query).first()
    if found is None:
        raise NotFound("no_roster")
    return found


def lines(tx: Tx, actor: Actor) -> list[RosterLine]:
    """The lines the actor sees: national ones first, then by region."""
    rows = tx.session.exec(select(RosterLine).where(col(RosterLine.ended_at).is_(None)))
    seen = [one for one in rows if rules.may_see(actor, one)]
    return sorted(seen, key=lambda one: (one.region_code or "", rules.ROSTERED.index(Role(one.role))))


def slots_between(tx: Tx, line_id: str, from_at: datetime, until_at: datetime) -> list[RosterSlot]:
    """What is planned on a line in a stretch of time, in order."""
    return list(
        tx.session.exec(
            select(RosterSlot)
            .where(
                RosterSlot.line_id == line_id,
                col(RosterSlot.cancelled_at).is_(None),
                col(RosterSlot.ends_at) > from_at,
                col(RosterSlot.starts_at) < until_at,
            )
            .order_by(col(RosterSlot.starts_at), col(RosterSlot.rank))
            .limit(LIST_MAX)
        )
    )


def slot_of_agenda(tx: Tx, line_id: str, key: str) -> bool:
    """Whether this event of a file was planned before, whatever became of it."""
    found = select(RosterSlot.id).where(RosterSlot.line_id == line_id, RosterSlot.agenda_key == key)
    return tx.session.exec(found).first() is not None


def standing(tx: Tx, line_id: str, from_at: datetime, until_at: datetime) -> list[RosterSlot]:
    """As `slots_between`, without those of people who cannot log in any more: they stand nowhere."""
    found = slots_between(tx, line_id, from_at, until_at)
    gone = select(Account.id).where(col(Account.id).in_({slot.account_id for slot in found}), ~col(Account.active))
    inactive = set(tx.session.exec(gone))
    return [slot for slot in found if slot.account_id not in inactive]


def slots_of(tx: Tx, account_id: str, from_at: datetime, until_at: datetime) -> list[tuple[RosterSlot, RosterLine]]:
    """What one person has to stand, on whatever line, in order."""
    return list(
        tx.session.exec(
            select(RosterSlot, RosterLine)
            .join(RosterLine, col(RosterLine.id) == RosterSlot.line_id)
            .where(
                RosterSlot.account_id == account_id,
                col(RosterSlot.cancelled_at).is_(None),
                col(RosterLine.ended_at).is_(None),
                col(RosterSlot.ends_at) > from_at,
                col(RosterSlot.starts_at) < until_at,
            )
            .order_by(col(RosterSlot.starts_at), RosterSlot.id)
            .limit(LIST_MAX)
        ).all()
    )


def people(tx: Tx, found: RosterLine) -> list[Account]:
    """Who may stand on a line, by name."""
    return [
        account
        for account, organisation in sorted(access.accounts(tx), key=lambda pair: pair[0].name)
        if account.active and rules.fits(account.role, organisation.region_code, found)
    ]


def names(tx: Tx, account_ids: Collection[str]) -> dict[str, str]:
    rows = tx.session.exec(select(Account.id, Account.name).where(col(Account.id).in_(account_ids)))
    return dict(rows.all())


def patterns(tx: Tx, line_id: str) -> list[RosterPattern]:
    """The recurring shifts of a line, oldest first."""
    return list(
        tx.session.exec(
            select(RosterPattern)
            .where(RosterPattern.line_id == line_id, col(RosterPattern.ended_at).is_(None))
            .order_by(col(RosterPattern.rank), col(RosterPattern.valid_from), RosterPattern.id)
        )
    )


def deputies(tx: Tx, line_id: str) -> list[tuple[RosterDeputy, Account]]:
    """Everybody written down as a deputy on a line, in order."""
    return list(
        tx.session.exec(
            select(RosterDeputy, Account)
            .join(Account, col(Account.id) == RosterDeputy.account_id)
            .where(RosterDeputy.line_id == line_id, col(RosterDeputy.ended_at).is_(None))
            .order_by(col(RosterDeputy.place), RosterDeputy.id)
        ).all()
    )


def open_swap(tx: Tx, slot_id: str) -> RosterSwap | None:
    return next(iter(open_swaps(tx, [slot_id]).values()), None)


def open_swaps(tx: Tx, slot_ids: Collection[str]) -> dict[str, RosterSwap]:
    """Of these slots, those that are offered to colleagues."""
    rows = tx.session.exec(
        select(RosterSwap).where(
            col(RosterSwap.slot_id).in_(slot_ids),
            col(RosterSwap.taken_at).is_(None),
            col(RosterSwap.withdrawn_at).is_(None),
        )
    )
    return {row.slot_id: row for row in rows}


def open_gaps(tx: Tx, line_id: str) -> list[RosterGap]:
    """The gaps of a line that are on record and not filled, in order."""
    return list(
        tx.session.exec(
            select(RosterGap)
            .where(RosterGap.line_id == line_id, col(RosterGap.closed_at).is_(None))
            .order_by(col(RosterGap.from_at), col(RosterGap.rank))
        )
    )


def gaps(tx: Tx, actor: Actor) -> list[tuple[RosterGap, RosterLine]]:
    """Every gap ahead on the lines the actor sees, soonest first."""
    found = [(gap, one) for one in lines(tx, actor) for gap in open_gaps(tx, one.id) if gap.until_at > tx.now]
    return sorted(found, key=lambda pair: (pair[0].from_at, pair[0].id))[:LIST_MAX]


def arrangements(tx: Tx, region_code: str) -> list[tuple[Arrangement, Organisation]]:
    """Who does what in a region now or later, with what is over left out; by task and first day."""
    today = tx.now.astimezone(AMSTERDAM).date()
    rows = tx.session.exec(
        select(Arrangement, Organisation)
        .join(Organisation, col(Organisation.id) == Arrangement.organisation_id)
        .where(
            Arrangement.region_code == region_code,
            col(Arrangement.ended_at).is_(None),
            col(Arrangement.valid_until).is_(None) | (col(Arrangement.valid_until) >= today),
        )
    ).all()
    tasks = list(Task)
    return sorted(rows, key=lambda pair: (tasks.index(Task(pair[0].task)), pair[0].valid_from, pair[0].id))


def arrangements_now(tx: Tx, region_code: str | None) -> list[tuple[Arrangement, Organisation]]:
    """What holds today of who does what, in one region or in all of them; by region and task."""
    today = tx.now.astimezone(AMSTERDAM).date()
    query = (
        select(Arrangement, Organisation)
        .join(Organisation, col(Organisation.id) == Arrangement.organisation_id)
        .where(
            col(Arrangement.ended_at).is_(None),
            col(Arrangement.valid_from) <= today,
            col(Arrangement.valid_until).is_(None) | (col(Arrangement.valid_until) >= today),
        )
    )
    if region_code is not None:
        query = query.where(Arrangement.region_code == region_code)
    tasks = list(Task)
    rows = tx.session.exec(query.limit(LIST_MAX)).all()
    return sorted(rows, key=lambda pair: (pair[0].region_code, tasks.index(Task(pair[0].task)), pair[0].id))


def feed_of_token(tx: Tx, hashed: str) -> RosterFeed | None:
    """The feed behind a token, of somebody who may still log in."""
    return tx.session.exec(
        select(RosterFeed)
        .join(Account, col(Account.id) == RosterFeed.account_id)
        .where(RosterFeed.token_hash == hashed, col(RosterFeed.revoked_at).is_(None), col(Account.active))
    ).first()


def feed(tx: Tx, account_id: str) -> RosterFeed | None:
    """Somebody's live feed, if they have one."""
    return tx.session.exec(
        select(RosterFeed).where(RosterFeed.account_id == account_id, col(RosterFeed.revoked_at).is_(None))
    ).first()


def due_lines(tx: Tx, limit: int) -> list[str]:
    """Lines whose recurring shifts and gaps must be worked out now."""
    return list(
        tx.session.exec(
            select(RosterLine.id)
            .where(col(RosterLine.check_due_at) <= tx.now)
            .order_by(col(RosterLine.check_due_at), RosterLine.id)
            .limit(limit)
        )
    )


def _calendar(tx: Tx, found: RosterLine) -> Calendar:
    return calendar.calendar_of(tx, found.organisation_id)


def _on_shift(tx: Tx, role: str, at: datetime) -> list[tuple[Account, Organisation]]:
    """Who of this role was, or is, really on duty at an instant that is not to come."""
    return list(
        tx.session.exec(
            select(Account, Organisation)
            .join(Shift, col(Shift.account_id) == Account.id)
            .join(Organisation, col(Organisation.id) == Shift.organisation_id)
            .where(
                Account.role == role,
                col(Account.active),
                col(Shift.started_at) <= at,
                col(Shift.ended_at).is_(None) | (col(Shift.ended_at) > at),
            )
            .order_by(Account.name)
        ).all()
    )


def _planned(tx: Tx, line_id: str, at: datetime) -> list[tuple[RosterSlot, Account, Organisation]]:
    """Whom the roster has at an instant, by rank. Who cannot log in any more stands nowhere."""
    return list(
        tx.session.exec(
            select(RosterSlot, Account, Organisation)
            .join(Account, col(Account.id) == RosterSlot.account_id)
            .join(Organisation, col(Organisation.id) == Account.organisation_id)
            .where(
                RosterSlot.line_id == line_id,
                col(RosterSlot.cancelled_at).is_(None),
                col(RosterSlot.starts_at) <= at,
                col(RosterSlot.ends_at) > at,
                col(Account.active),
            )
            .order_by(col(RosterSlot.rank), RosterSlot.id)
        ).all()
    )


def _deputies(tx: Tx, line_id: str, at: datetime) -> list[tuple[Account, Organisation]]:
    """Who steps in on a line on the day of this instant, in order."""
    day = at.astimezone(AMSTERDAM).date()
    return list(
        tx.session.exec(
            select(Account, Organisation)
            .join(RosterDeputy, col(RosterDeputy.account_id) == Account.id)
            .join(Organisation, col(Organisation.id) == Account.organisation_id)
            .where(
                RosterDeputy.line_id == line_id,
                col(RosterDeputy.ended_at).is_(None),
                col(RosterDeputy.valid_from) <= day,
                col(RosterDeputy.valid_until).is_(None) | (col(RosterDeputy.valid_until) >= day),
                col(Account.active),
            )
            .order_by(col(RosterDeputy.place), RosterDeputy.id)
        ).all()
    )


def _channels(tx: Tx, role: str, region_code: str | None) -> Iterable[Organisation]:
    """Organisations of the kind that has this role, those of the region before national ones, without other regions."""
    kind: OrganisationKind | None = KIND_OF_ROLE.get(role)
    named = access.organisations_of_kind(tx, kind) if kind else []
    return sorted(
        (one for one in named if one.region_code in {None, region_code}), key=lambda one: one.region_code is None
    )
