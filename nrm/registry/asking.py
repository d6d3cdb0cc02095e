"""Asking providers whether their figures still hold: by the clock, by a person, and the link that answers.

A reminder is due when a column says so; moving that column on, the row that says it was sent and the message are one
transaction. The link in a message confirms one location, once, without an account (docs/decisions/0011).
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, update
from sqlmodel import col, select

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Actor, Verb, reach
from nrm.access.service import require, token_hash
from nrm.clock import AMSTERDAM
from nrm.db import SYSTEM, Database, Tx
from nrm.errors import Conflict, NotFound
from nrm.notify import service as notify
from nrm.notify.rules import ChannelName
from nrm.registry import queries, service
from nrm.registry.models import Asking, Location
from nrm.registry.queries import LocationView
from nrm.registry.rules import ASKED

BATCH = 500
TOKEN_CHARACTERS_MAX = 60

MAILBOX = "mailbox"
"""The actor of what came by a link: whoever reads the functional mailbox of an organisation, without an account."""


@dataclass(frozen=True)
class Asked:
    """What came of asking: how many were asked now, were asked just before, or have no mailbox to ask."""

    asked: int = 0
    too_soon: int = 0
    no_mailbox: int = 0


def remind_due(database: Database, public_url: str) -> int:
    """Send every reminder that is due, each location in a transaction of its own. Returns how many were sent."""
    with database.reading() as tx:
        due = list(
            tx.session.exec(
                select(Location.id)
                .where(col(Location.remind_due_at) <= tx.now)
                .order_by(col(Location.remind_due_at), Location.id)
                .limit(BATCH)
            )
        )
    return database.each(due, partial(_remind, public_url))


def ask(tx: Tx, actor: Actor, location_ids: Iterable[str], public_url: str) -> Asked:
    """Ask the providers of these locations now whether their figures hold. Who was asked just now is left alone."""
    require(actor, Verb.FIGURES_CHASE)
    _, rhythm = policy.current(tx, policy.Rhythm)
    too_soon = tx.now - timedelta(minutes=rhythm.ask_again_minutes)
    asked = soon = unreachable = 0
    for location_id in sorted(set(location_ids)):  # always in one order: two who ask everyone never wait in a circle
        found = queries.location(tx, location_id)
        if reach(actor) not in {None, found.region_code}:
            raise NotFound("no_location")
        if access.organisation(tx, found.organisation_id).email is None:
            unreachable += 1
            continue
        # The guard is the claim: of two who press at once one asks.
        claimed = tx.affected(
            update(Location)
            .where(
                col(Location.id) == location_id,
                or_(
                    col(Location.asked_at).is_(None),
                    col(Location.asked_at) <= too_soon,
                    col(Location.asked_at) > tx.now,
                ),
            )
            .values(asked_at=tx.now)
        )
        if not claimed:
            soon += 1
            continue
        newest = queries.newest_confirmation(tx, location_id)
        _send(tx, queries.location(tx, location_id), ASKED, newest.id if newest else "", actor.account_id, public_url)
        asked += 1
    return Asked(asked, soon, unreachable)


def read_link(tx: Tx, token: str) -> tuple[Asking, LocationView]:
    """What the link of a message is about. Changes nothing. Raises NotFound, or Conflict when it no longer works."""
    found = _of_link(tx, token)
    return found, queries.locations(tx, location_id=found.location_id)[0]


def confirm_by_link(tx: Tx, token: str, seen: str) -> None:
    """The mailbox says that the figures it saw are right. Used up by this; refused when they have changed meanwhile."""
    location = queries.location(tx, _of_link(tx, token).location_id, for_update=True)
    tx.session.expire_all()
    asking, view = read_link(tx, token)  # once more, now that nobody else can change it
    if seen != view.figures:
        raise Conflict("changed_meanwhile")
    tx.guarded(
        update(Asking).where(col(Asking.id) == asking.id, col(Asking.used_at).is_(None)).values(used_at=tx.now),
        Conflict("link_used"),
    )
    confirmation = service.confirmed(tx, location, MAILBOX)
    tx.affected(update(Asking).where(col(Asking.id) == asking.id).values(confirmation_id=confirmation.id))


def _of_link(tx: Tx, token: str) -> Asking:
    found = None
    if len(token) <= TOKEN_CHARACTERS_MAX:
        found = tx.session.exec(select(Asking).where(Asking.token_hash == token_hash(token))).first()
    if found is None:
        raise NotFound("no_link")
    if found.used_at is not None:
        raise Conflict("link_used")
    if found.expires_at <= tx.now:
        raise Conflict("link_expired")
    return found


def _remind(public_url: str, tx: Tx, location_id: str) -> bool:
    """Send the newest reminder that this location is due, unless it was confirmed or reminded meanwhile.

    After a long silence of the worker the older ones are skipped: two messages at once say no more than one.
    """
    found = queries.location(tx, location_id, for_update=True)
    if found.remind_due_at is None or found.remind_due_at > tx.now:
        return False
    newest = queries.newest_confirmation(tx, location_id)
    moments = service.reminders(tx, found, newest.confirmed_at) if newest else ()
    passed = [moment for moment in moments if moment.at <= tx.now]
    found.remind_due_at = next((moment.at for moment in moments if moment.at > tx.now), None)
    tx.session.add(found)
    tx.session.flush()
    if newest is None or not passed or access.organisation(tx, found.organisation_id).email is None:
        return False
    sent = select(Asking.id).where(
        Asking.location_id == location_id, Asking.about == newest.id, Asking.occasion == passed[-1].occasion
    )
    if tx.session.exec(sent).first():
        return False
    tx.affected(update(Location).where(col(Location.id) == location_id).values(asked_at=tx.now))
    _send(tx, queries.location(tx, location_id), passed[-1].occasion, newest.id, SYSTEM, public_url)
    return True


def _send(tx: Tx, found: Location, occasion: str, about: str, asked_by: str, public_url: str) -> None:
    _, rhythm = policy.current(tx, policy.Rhythm)
    token = secrets.token_urlsafe(32)
    asking = Asking(
        id=tx.new_id(),
        location_id=found.id,
        occasion=occasion,
        about=about,
        asked_at=tx.now,
        asked_by=asked_by,
        token_hash=token_hash(token),
        expires_at=tx.now + timedelta(minutes=rhythm.link_minutes),
    )
    tx.session.add(asking)
    tx.session.flush()
    notify.queue(
        tx,
        f"asking:{asking.id}",
        service.check_of(found.id),
        ChannelName.EMAIL,
        access.organisation(tx, found.organisation_id).email or "",
        f"Klopt de stand van {found.code} nog?",
        _words(found.code, f"{public_url}/controle/{token}", asking.expires_at, f"{public_url}/opvang"),
    )
    tx.record("location.asked", f"location:{found.id}", "askings", occasion=occasion, asking=asking.id)


def _words(code: str, link: str, expires_at: datetime, screen: str) -> str:
    """The message: the code of the location and the link, never where it is or who stays there."""
    until = expires_at.astimezone(AMSTERDAM)
    return (
        f"Kloppen de vrije en bezette plekken van locatie {code} nog?\n\n"
        f"Ja: open de link en druk op de knop. Inloggen hoeft niet.\n{link}\n\n"
        f"Nee: log in en pas het aan.\n{screen}\n\n"
        f"De link werkt één keer, alleen voor deze locatie, tot {until:%d-%m-%Y %H:%M}.\n"
        "Al gecontroleerd? Dan hoeft u niets te doen."
    )
