"""Keeping office hours: everybody those of their own organisation, the administrator all of them."""

from datetime import timedelta

from sqlalchemy import delete, update
from sqlmodel import col, select

from nrm.access import queries as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, Role, Verb
from nrm.access.service import require
from nrm.calendar import queries
from nrm.calendar.models import OfficeClosure, OfficeHolidays, OfficePeriod
from nrm.calendar.rules import office_state
from nrm.calendar.schemas import CalendarOut, ClosureIn, ClosureOut, HolidaysIn, HoursIn, HoursOut
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, NotFound

PERIODS_MAX = 50
CLOSURES_MAX = 100
CLOSURE_MAX = timedelta(days=400)
"""Who stays away longer than that has other hours."""


def read(tx: Tx, actor: Actor, organisation_id: str) -> CalendarOut:
    """When an organisation is there."""
    _own(tx, actor, organisation_id)
    calendar = queries.calendar_of(tx, organisation_id)
    state = office_state(calendar, tx.now)
    closed_on = calendar.usual.holidays if calendar.holidays is None else sorted(calendar.holidays)
    return CalendarOut(
        organisation=organisation_id,
        hours=[
            HoursOut.model_validate(
                {
                    "id": row.id,
                    "validFrom": row.valid_from,
                    "validUntil": row.valid_until,
                    "hours": {day: {"opens": opens, "closes": closes} for day, (opens, closes) in row.hours.items()},
                }
            )
            for row in queries.periods(tx, organisation_id)
        ],
        holidays=list(closed_on),
        own_holidays=calendar.holidays is not None,
        closures=[ClosureOut.model_validate(row) for row in queries.closures(tx, organisation_id)],
        open=state.open,
        changes_at=state.changes_at,
    )


def set_hours(tx: Tx, actor: Actor, organisation_id: str, shape: HoursIn) -> None:
    """Hours from a day on; what began on the same day is replaced."""
    _own(tx, actor, organisation_id, for_update=True)
    kept = queries.periods(tx, organisation_id)
    hours: dict[str, list[str]] = {
        day: [f"{span.opens:%H:%M}", f"{span.closes:%H:%M}"] for day, span in shape.hours.items()
    }
    same = next((row for row in kept if row.valid_from == shape.valid_from), None)
    if same:
        tx.affected(
            update(OfficePeriod)
            .where(col(OfficePeriod.id) == same.id)
            .values(hours=hours, valid_until=shape.valid_until)
        )
    else:
        if len(kept) >= PERIODS_MAX:
            raise Conflict("list_full")
        tx.session.add(
            OfficePeriod(
                id=tx.new_id(),
                organisation_id=organisation_id,
                valid_from=shape.valid_from,
                valid_until=shape.valid_until,
                hours=hours,
            )
        )
        tx.session.flush()
    _changed(tx, organisation_id)


def drop_hours(tx: Tx, actor: Actor, organisation_id: str, period_id: str) -> None:
    """These hours do not hold any more; whatever is left does."""
    _own(tx, actor, organisation_id)
    _gone(
        tx.affected(
            delete(OfficePeriod).where(
                col(OfficePeriod.id) == period_id, col(OfficePeriod.organisation_id) == organisation_id
            )
        )
    )
    _changed(tx, organisation_id)


def set_holidays(tx: Tx, actor: Actor, organisation_id: str, shape: HolidaysIn) -> None:
    """On which public holidays it is closed; None goes back to what policy says."""
    _own(tx, actor, organisation_id, for_update=True)
    tx.affected(delete(OfficeHolidays).where(col(OfficeHolidays.organisation_id) == organisation_id))
    if shape.holidays is not None:
        tx.session.add(OfficeHolidays(organisation_id=organisation_id, holidays=sorted(set(shape.holidays))))
        tx.session.flush()
    _changed(tx, organisation_id)


def close(tx: Tx, actor: Actor, organisation_id: str, shape: ClosureIn) -> None:
    """For a stretch of time nobody is there."""
    _own(tx, actor, organisation_id, for_update=True)
    errors = [
        FieldError((name,), "no_time_zone") for name in ("from_at", "until_at") if getattr(shape, name).tzinfo is None
    ]
    if not errors and not shape.from_at < shape.until_at <= shape.from_at + CLOSURE_MAX:
        errors.append(FieldError(("until_at",), "not_in_range"))
    if not errors and shape.until_at <= tx.now:
        errors.append(FieldError(("until_at",), "in_the_past"))
    if errors:
        raise Invalid("invalid", tuple(errors))
    if len(queries.closures(tx, organisation_id)) >= CLOSURES_MAX:
        raise Conflict("list_full")
    tx.session.add(
        OfficeClosure(
            id=tx.new_id(),
            organisation_id=organisation_id,
            from_at=shape.from_at,
            until_at=shape.until_at,
            reason=shape.reason,
        )
    )
    tx.session.flush()
    _changed(tx, organisation_id)


def drop_closure(tx: Tx, actor: Actor, organisation_id: str, closure_id: str) -> None:
    """They are there after all."""
    _own(tx, actor, organisation_id)
    _gone(
        tx.affected(
            delete(OfficeClosure).where(
                col(OfficeClosure.id) == closure_id, col(OfficeClosure.organisation_id) == organisation_id
            )
        )
    )
    _changed(tx, organisation_id)


def _own(tx: Tx, actor: Actor, organisation_id: str, for_update: bool = False) -> None:
    require(actor, Verb.CALENDAR_KEEP)
    if actor.role is not Role.ADMIN and organisation_id != actor.organisation_id:
        raise NotFound("no_organisation")
    access.organisation(tx, organisation_id)
    if for_update:  # limits are counted, so two at once take turns
        tx.session.exec(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update()).one()


def _gone(affected: int) -> None:
    if affected != 1:
        raise NotFound("no_such_hours")


def _changed(tx: Tx, organisation_id: str) -> None:
    tx.record("calendar.changed", f"organisation:{organisation_id}", "shifts")
