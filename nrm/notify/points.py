"""The ways to reach oneself: noted, proved by a code that was sent there, put in order, tried out, taken away."""

import hmac
import secrets
from datetime import timedelta

from sqlalchemy import func, update
from sqlmodel import col, select

from nrm.access.rules import Actor, Verb
from nrm.access.service import require, token_hash
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid, TooMany
from nrm.notify import queries, service
from nrm.notify.models import ContactPoint, Message
from nrm.notify.pushing import subscription
from nrm.notify.rules import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES_MAX,
    CODES_PER_DAY_MAX,
    POINTS_MAX,
    TESTS_PER_HOUR_MAX,
    ChannelName,
    normal,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def add(tx: Tx, actor: Actor, kind: str, address: str, loopback: bool = False) -> str:
    """Note a way and send a code there. What proves itself, a browser that pushes to itself, needs none.

    Raises Invalid for an address that is none, Conflict for one that is there already or one too many.
    """
    require(actor, Verb.REACH_KEEP)
    name = ChannelName(kind)
    kept = _subscribed(address) if name is ChannelName.WEB_PUSH else normal(name, address, loopback)
    if kept is None:
        raise Invalid("invalid", (FieldError(("address",), "not_an_address"),))
    mine = queries.points(tx, actor.account_id)
    if any(point.kind == name and point.address == kept for point in mine):
        raise Conflict("contact_point_known")
    if len(mine) >= POINTS_MAX:
        raise Conflict("contact_points_full")
    made = ContactPoint(
        id=tx.new_id(),
        account_id=actor.account_id,
        kind=name,
        address=kept,
        position=1 + max((point.position for point in mine), default=0),
        added_at=tx.now,
        verified_at=tx.now if name is ChannelName.WEB_PUSH else None,
    )
    tx.session.add(made)
    tx.session.flush()
    tx.record("contact_point.added", f"account:{actor.account_id}", "messages", channel=str(name))
    if name is not ChannelName.WEB_PUSH:
        _send_code(tx, made)
    return made.id


def send_code(tx: Tx, actor: Actor, point_id: str) -> None:
    """Send another code; the one before no longer counts."""
    require(actor, Verb.REACH_KEEP)
    point = queries.point(tx, actor.account_id, point_id)
    if point.verified_at:
        raise Conflict("contact_point_verified")
    _send_code(tx, point)


def verify(tx: Tx, actor: Actor, point_id: str, code: str) -> bool:
    """Prove a way with the code that arrived there. False for a wrong one, which counts even so: guesses are few."""
    require(actor, Verb.REACH_KEEP)
    point = queries.point(tx, actor.account_id, point_id)
    if point.verified_at:
        return True
    counted = tx.affected(
        update(ContactPoint)
        .where(
            col(ContactPoint.id) == point_id,
            col(ContactPoint.code_until) > tx.now,
            col(ContactPoint.code_tries) < CODE_TRIES_MAX,
        )
        .values(code_tries=ContactPoint.code_tries + 1)
    )
    point = queries.point(tx, actor.account_id, point_id)
    bare = code.replace(" ", "")
    if not counted or not hmac.compare_digest(_hash(point_id, bare), point.code_hash or ""):
        return False
    point.verified_at, point.code_hash, point.code_until = tx.now, None, None
    point.failing_since, point.last_error = None, None
    tx.session.flush()
    tx.record("contact_point.verified", f"account:{actor.account_id}", "messages", channel=point.kind)
    return True


def move(tx: Tx, actor: Actor, point_id: str, place: int) -> None:
    """Put a way at this place of one's order; 1 is tried first."""
    require(actor, Verb.REACH_KEEP)
    moved = queries.point(tx, actor.account_id, point_id)
    others = [point for point in queries.points(tx, actor.account_id) if point.id != point_id]
    others.insert(place - 1, moved)
    for number, point in enumerate(others, 1):
        point.position = number
    tx.session.flush()
    tx.record("contact_point.moved", f"account:{actor.account_id}", "messages")


def remove(tx: Tx, actor: Actor, point_id: str) -> None:
    """Take a way away. Nothing more goes there, also not what is on its way out."""
    require(actor, Verb.REACH_KEEP)
    point = queries.point(tx, actor.account_id, point_id)
    point.removed_at = tx.now
    point.code_hash = None
    kind = point.kind
    tx.session.flush()
    tx.record("contact_point.removed", f"account:{actor.account_id}", "messages", channel=kind)


def test_alarm(tx: Tx, actor: Actor) -> int:
    """Send a test over every way of one's own, and to one's own screen. Returns how many messages go out."""
    require(actor, Verb.REACH_KEEP)
    since = tx.now - HOUR
    earlier = tx.session.scalar(
        select(func.count(func.distinct(Message.about))).where(
            Message.account_id == actor.account_id,
            col(Message.about).startswith("test:"),
            col(Message.queued_at) > since,
        )
    )
    if (earlier or 0) >= TESTS_PER_HOUR_MAX:
        raise TooMany("too_many_tests")
    about = f"test:{tx.new_id()}"
    ways = queries.ways_of(tx, actor.account_id)
    for point in ways:
        service.queue(
            tx,
            f"{about}/{point.id}",
            about,
            point.kind,
            point.address,
            TEST_SUBJECT,
            TEST_BODY,
            actor.account_id,
            point.id,
        )
    service.queue(
        tx,
        f"{about}/{ChannelName.IN_APP}",
        about,
        ChannelName.IN_APP,
        actor.account_id,
        TEST_SUBJECT,
        TEST_BODY,
        actor.account_id,
    )
    tx.record("contact_points.tested", f"account:{actor.account_id}", "messages", ways=len(ways))
    return len(ways) + 1


TEST_SUBJECT = "Proefalarm: dit is een test"
TEST_BODY = "Dit is een test van uw bereikbaarheid. Er wacht niemand. Antwoord zoals u bij een echt alarm zou doen.\n"


def _subscribed(address: str) -> str | None:
    try:
        subscription(address)
    except ValueError:
        return None
    return address


def _send_code(tx: Tx, point: ContactPoint) -> None:
    since = tx.now - DAY
    sent = tx.session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.account_id == point.account_id,
            col(Message.about).startswith("code:"),
            col(Message.queued_at) > since,
        )
    )
    if (sent or 0) >= CODES_PER_DAY_MAX:
        raise TooMany("too_many_codes")
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    point.code_hash, point.code_until, point.code_tries = _hash(point.id, code), tx.now + CODE_LIFE, 0
    service.cancel(tx, f"code:{point.id}")
    aloud = " ".join(code) if point.kind == ChannelName.VOICE else code
    service.queue(
        tx,
        f"code/{tx.new_id()}",
        f"code:{point.id}",
        point.kind,
        point.address,
        f"Uw code voor NRM: {aloud}",
        f"Uw code is {code}. Hij werkt een kwartier. Vroeg u hier niet om? Dan hoeft u niets te doen.\n",
        point.account_id,
        point.id,
    )


def _hash(point_id: str, code: str) -> str:
    return token_hash(f"{point_id}/{code}")
