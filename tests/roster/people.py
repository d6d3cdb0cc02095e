"""People and lines of a roster, in few words."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.roster import service
from nrm.roster.models import RosterGap, RosterLine, RosterSlot
from nrm.roster.rules import Cover
from nrm.roster.schemas import LineIn, PatternIn, SlotIn
from tests.builders import Town

DUTY, REGIONAL = Role.DUTY_OFFICER, Role.COORDINATOR_REGIONAL


def keeper(region: str | None) -> tuple[str, OrganisationKind]:
    """Name and kind of the organisation that keeps the roster of a region, or the national one."""
    if region:
        return f"keten-{region}", OrganisationKind.CHAIN_DIRECTION
    return "comensha", OrganisationKind.NATIONAL_DESK


def officer(here: Town, login: str, region: str | None = None, role: Role = DUTY) -> str:
    """The account of somebody who can stand on a roster."""
    name, kind = keeper(region)
    return here.account(login, role, here.organisation(name, kind, region))


def planner(here: Town) -> Actor:
    """Somebody of the national desk, who plans everything."""
    return here.national_desk()


def line(here: Town, role: Role = DUTY, region: str | None = None, cover: Cover = Cover.ALWAYS, ranks: int = 1) -> str:
    name, kind = keeper(region)
    here.organisation(name, kind, region)
    actor = planner(here)
    shape = LineIn.model_validate({"role": role, "region": region, "cover": cover, "ranks": ranks})
    with here.database.transaction(actor.account_id) as tx:
        return service.add_line(tx, actor, shape).id


def plan(
    here: Town, line_id: str, account_id: str, hours: tuple[float, float] = (-1, 8), rank: int = 1, **more: Any
) -> str:
    """Planned from so many hours after now until so many. Returns the slot's id."""
    actor, now = planner(here), here.clock.at
    starts = now + timedelta(hours=hours[0])
    shape = SlotIn.model_validate(
        {"account": account_id, "rank": rank, "startsAt": starts, "endsAt": now + timedelta(hours=hours[1]), **more}
    )
    with here.database.transaction(actor.account_id) as tx:
        service.plan(tx, actor, line_id, shape)
        return tx.session.exec(
            select(RosterSlot.id).where(
                RosterSlot.line_id == line_id,
                RosterSlot.account_id == account_id,
                RosterSlot.starts_at == starts,
                col(RosterSlot.cancelled_at).is_(None),
            )
        ).one()


def recur(here: Town, line_id: str, **said: Any) -> str:
    actor = planner(here)
    usual = {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "validFrom": here.clock.at.date()}
    with here.database.transaction(actor.account_id) as tx:
        return service.recur(tx, actor, line_id, PatternIn.model_validate({**usual, **said})).id


def standing(here: Town, line_id: str) -> list[tuple[str, int, datetime, datetime]]:
    """Login, rank, begin and end of everything planned on a line, in order."""
    logins = {account: login for login, account in here.accounts.items()}
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(RosterSlot)
            .where(RosterSlot.line_id == line_id, col(RosterSlot.cancelled_at).is_(None))
            .order_by(col(RosterSlot.starts_at), col(RosterSlot.rank))
        ).all()
        return [(logins[row.account_id], row.rank, row.starts_at, row.ends_at) for row in rows]


def gaps(here: Town, line_id: str) -> list[tuple[int, datetime, datetime]]:
    """Rank, begin and end of every open gap, once the worker has looked."""
    service.keep_due(here.database)
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(RosterGap)
            .where(RosterGap.line_id == line_id, col(RosterGap.closed_at).is_(None))
            .order_by(col(RosterGap.from_at), col(RosterGap.rank))
        ).all()
        return [(row.rank, row.from_at, row.until_at) for row in rows]


def lines(here: Town) -> list[RosterLine]:
    with here.database.reading() as tx:
        return list(tx.session.exec(select(RosterLine)).all())
