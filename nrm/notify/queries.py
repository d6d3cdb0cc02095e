"""Reading messages and the ways to reach people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from nrm.access.models import Account, Organisation
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.notify.models import ContactPoint, Message
from nrm.notify.rules import ChannelName

LIST_MAX = 100


def ways_of(tx: Tx, account_id: str, kinds: Collection[str] = tuple(ChannelName)) -> list[ContactPoint]:
    """The verified ways to reach somebody, in the order they want; one that fails comes last, never not at all."""
    rows = tx.session.exec(
        select(ContactPoint)
        .where(
            ContactPoint.account_id == account_id,
            col(ContactPoint.kind).in_(kinds),
            col(ContactPoint.verified_at).is_not(None),
            col(ContactPoint.removed_at).is_(None),
        )
        .order_by(col(ContactPoint.position), ContactPoint.id)
    )
    return sorted(rows, key=lambda point: point.failing_since is not None)


def reachable(tx: Tx, account_ids: Collection[str]) -> set[str]:
    """Which of these people have a verified way of their own that is not failing."""
    return set(
        tx.session.exec(
            select(ContactPoint.account_id).where(
                col(ContactPoint.account_id).in_(account_ids),
                col(ContactPoint.verified_at).is_not(None),
                col(ContactPoint.removed_at).is_(None),
                col(ContactPoint.failing_since).is_(None),
            )
        )
    )


def points(tx: Tx, account_id: str) -> list[ContactPoint]:
    """Every way somebody noted, verified or not, in their order."""
    return list(
        tx.session.exec(
            select(ContactPoint)
            .where(ContactPoint.account_id == account_id, col(ContactPoint.removed_at).is_(None))
            .order_by(col(ContactPoint.position), ContactPoint.id)
        )
    )


def point(tx: Tx, account_id: str, point_id: str) -> ContactPoint:
    """One way of this account. Raises NotFound for anybody else's."""
    found = tx.session.get(ContactPoint, point_id)
    if found is None or found.account_id != account_id or found.removed_at is not None:
        raise NotFound("no_contact_point")
    return found


@dataclass(frozen=True)
class Answered:
    """A message that somebody answered and that nobody took note of yet."""

    id: str
    about: str
    account_id: str | None
    over: str
    at: datetime


def fresh_answers(tx: Tx, limit: int = LIST_MAX) -> list[Answered]:
    """Answers that came in over a channel and were not noted yet, oldest first. For whom the messages are from."""
    rows = tx.session.exec(
        select(Message)
        .where(col(Message.acknowledged_at).is_not(None), col(Message.answer_noted_at).is_(None))
        .order_by(col(Message.acknowledged_at), Message.id)
        .limit(limit)
    )
    return [
        Answered(row.id, row.about, row.account_id, row.acknowledged_over or "", row.acknowledged_at)
        for row in rows
        if row.acknowledged_at
    ]


def last_to(tx: Tx, channel: str, recipient: str, since: datetime) -> Message | None:
    """The newest message that went to this address since then, asks for an answer, and has none."""
    return tx.session.exec(
        select(Message)
        .where(
            Message.channel == channel,
            Message.recipient == recipient,
            col(Message.sent_at) >= since,
            col(Message.about).not_like("code:%"),
            col(Message.acknowledged_at).is_(None),
        )
        .order_by(col(Message.sent_at).desc(), Message.id)
        .limit(1)
    ).first()


def about(tx: Tx, subject: str) -> list[Message]:
    """Every message about a subject, oldest first."""
    return list(
        tx.session.exec(select(Message).where(Message.about == subject).order_by(col(Message.queued_at), Message.id))
    )


@dataclass(frozen=True)
class Undelivered:
    """A message that was given up: over what, to whom (a colleague or an organisation, no address), why, when."""

    channel: str
    name: str | None
    error: str | None
    failed_at: datetime


def undelivered(tx: Tx, since: datetime) -> list[Undelivered]:
    """What was given up since then, newest first: somebody was not told."""
    rows = tx.session.exec(
        select(Message, Account.name, Organisation.name)
        .outerjoin(Account, col(Account.id) == Message.account_id)
        .outerjoin(Organisation, col(Organisation.email) == Message.recipient)
        .where(col(Message.failed_at) >= since)
        .order_by(col(Message.failed_at).desc(), Message.id)
        .limit(LIST_MAX)
    )
    return [
        Undelivered(message.channel, person or body, message.last_error, message.failed_at)
        for message, person, body in rows
        if message.failed_at
    ]


def in_app(tx: Tx, account_id: str) -> list[Message]:
    """What waits on the screen of this person, newest first."""
    return list(
        tx.session.exec(
            select(Message)
            .where(
                Message.account_id == account_id,
                Message.channel == ChannelName.IN_APP,
                col(Message.sent_at).is_not(None),
                col(Message.acknowledged_at).is_(None),
                col(Message.cancelled_at).is_(None),
            )
            .order_by(col(Message.sent_at).desc(), Message.id)
            .limit(LIST_MAX)
        )
    )


def newest_test(tx: Tx, account_id: str) -> str | None:
    """What the messages of somebody's newest test are about."""
    return tx.session.exec(
        select(Message.about)
        .where(Message.account_id == account_id, col(Message.about).startswith("test:"))
        .order_by(col(Message.queued_at).desc(), Message.id)
        .limit(1)
    ).first()
