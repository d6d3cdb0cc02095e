"""Reading when organisations are there."""

from datetime import datetime, time, timedelta

from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation
from nrm.access.rules import OrganisationKind
from nrm.calendar import rules
from nrm.calendar.models import OfficeClosure, OfficeHolidays, OfficePeriod
from nrm.calendar.rules import Calendar, Closure, OfficeState, Period
from nrm.db import Tx


def national(tx: Tx) -> Calendar:
    """The hours of whoever wrote down none of its own: those of policy."""
    return Calendar(policy.current(tx, policy.Authority)[1].office_hours)


def calendar_of(tx: Tx, organisation_id: str, usual: policy.OfficeHours | None = None) -> Calendar:
    """When this organisation is there. `usual` is what policy said when a case began; by default what it says now."""
    if usual is None:
        usual = national(tx).usual
    own = tx.session.get(OfficeHolidays, organisation_id)
    return Calendar(
        usual,
        tuple(
            Period(row.valid_from, row.valid_until, {day: _span(*span) for day, span in row.hours.items()})
            for row in periods(tx, organisation_id)
        ),
        None if own is None else frozenset(own.holidays),
        tuple(Closure(row.from_at, row.until_at) for row in closures(tx, organisation_id)),
    )


def desk_calendar(tx: Tx, usual: policy.OfficeHours | None = None) -> Calendar:
    """When the national desk is there: its hours tell the day from the night of authority."""
    desk = tx.session.exec(
        select(Organisation.id).where(Organisation.kind == OrganisationKind.NATIONAL_DESK).order_by(Organisation.id)
    ).first()
    if desk is not None:
        return calendar_of(tx, desk, usual)
    return national(tx) if usual is None else Calendar(usual)


def state_of(tx: Tx, organisation_id: str, at: datetime | None = None) -> OfficeState:
    """Is it office time for this organisation, now or at `at`, and when does that change?"""
    return rules.office_state(calendar_of(tx, organisation_id), at or tx.now)


def periods(tx: Tx, organisation_id: str) -> list[OfficePeriod]:
    """Its own hours, in the order in which they begin."""
    return list(
        tx.session.exec(
            select(OfficePeriod)
            .where(OfficePeriod.organisation_id == organisation_id)
            .order_by(col(OfficePeriod.valid_from))
        )
    )


def closures(tx: Tx, organisation_id: str) -> list[OfficeClosure]:
    """Its closures that are not over yet, in order."""
    return list(
        tx.session.exec(
            select(OfficeClosure)
            # A day longer, so that a clock set back still finds it.
            .where(OfficeClosure.organisation_id == organisation_id, col(OfficeClosure.until_at) > tx.now - _KEPT)
            .order_by(col(OfficeClosure.from_at), OfficeClosure.id)
        )
    )


_KEPT = timedelta(days=31)


def _span(opens: str, closes: str) -> rules.Span:
    return time.fromisoformat(opens), time.fromisoformat(closes)
