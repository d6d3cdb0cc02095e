"""Queueing messages with the change they tell of, and delivering them from outside any request."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from nrm.db import Database, Tx
from nrm.notify.channels import Channel, DeliveryFailed
from nrm.notify.models import Message
from nrm.notify.rules import TRIES_MAX, wait_after

CLAIM = timedelta(minutes=2)
"""How long one worker has for one delivery before another may try: longer than any channel's time-out."""

BATCH = 50


def queue(tx: Tx, unique_key: str, about: str, channel: str, recipient: str, subject: str, body: str) -> bool:
    """Write a message in this transaction. False when one with this key was queued before."""
    if tx.session.exec(select(Message.id).where(Message.unique_key == unique_key)).first():
        return False
    tx.session.add(
        Message(
            id=tx.new_id(),
            unique_key=unique_key,
            about=about,
            channel=channel,
            recipient=recipient,
            subject=subject,
            body=body,
            queued_at=tx.now,
            due_at=tx.now,
        )
    )
    tx.session.flush()
    return True


def cancel(tx: Tx, about: str) -> int:
    """Stop whatever has not been sent yet about a subject. Returns how many messages that were."""
    return tx.affected(
        update(Message)
        .where(col(Message.about) == about, col(Message.due_at).is_not(None))
        .values(due_at=None, cancelled_at=tx.now)
    )


def told_since(tx: Tx, about: str, channel: str, recipient: str, since: datetime) -> bool:
    """Whether this recipient was told of a subject over this channel since then, or is about to be."""
    query = select(Message.id).where(
        Message.about == about,
        Message.channel == channel,
        Message.recipient == recipient,
        col(Message.queued_at) > since,
        # What was queued by a clock that ran ahead must not keep anybody from hearing it now.
        col(Message.queued_at) <= tx.now,
        col(Message.cancelled_at).is_(None),
        col(Message.failed_at).is_(None),
    )
    return tx.session.exec(query.limit(1)).first() is not None


def cancel_naming(tx: Tx, words: str, recipients: Collection[str]) -> int:
    """Stop whatever has not been sent yet to these recipients with these words in its subject, whatever it is about."""
    return tx.affected(
        update(Message)
        .where(
            col(Message.recipient).in_(recipients),
            col(Message.subject).contains(words, autoescape=True),
            col(Message.due_at).is_not(None),
        )
        .values(due_at=None, cancelled_at=tx.now)
    )


def _always(_tx: Tx, _about: str) -> bool:
    return True


def deliver_due(database: Database, channels: Mapping[str, Channel], still: Callable[[Tx, str], bool] = _always) -> int:
    """Try every message that is due. Each is claimed by moving its due moment, sent, and then noted as sent.

    Right before it is sent `still` is asked whether what it is about still stands; if not, it is cancelled.

    A crash between sending and noting sends it once more, with the same id. Returns how many were sent.
    """
    with database.reading() as tx:
        due = list(
            tx.session.exec(
                select(Message.id)
                .where(col(Message.due_at) <= tx.now)
                .order_by(col(Message.due_at), Message.id)
                .limit(BATCH)
            )
        )
    return sum(_deliver(database, channels, still, message_id) for message_id in due)


def _deliver(
    database: Database, channels: Mapping[str, Channel], still: Callable[[Tx, str], bool], message_id: str
) -> bool:
    with database.transaction() as tx:
        claimed = tx.affected(
            update(Message)
            .where(col(Message.id) == message_id, col(Message.due_at) <= tx.now)
            .values(due_at=tx.now + CLAIM, tries=Message.tries + 1)
        )
        if not claimed:
            return False
        message = tx.session.get_one(Message, message_id)
        if not still(tx, message.about):
            _note(tx, message_id, due_at=None, cancelled_at=tx.now)
            return False
        message = tx.session.get_one(Message, message_id)
        tx.session.expunge(message)
    channel = channels.get(message.channel)
    error = None
    if channel is None:
        error = "no such channel here"
    else:
        try:
            channel.deliver(message)
        except DeliveryFailed as failed:
            error = str(failed) or "failed"
    with database.transaction() as tx:
        if error is None:
            _note(tx, message_id, due_at=None, sent_at=tx.now, last_error=None)
        elif channel is None or message.tries >= TRIES_MAX:
            _note(tx, message_id, due_at=None, failed_at=tx.now, last_error=error)
            tx.record("message.failed", f"message:{message_id}", "alarms", channel=message.channel, error=error)
        else:
            _note(tx, message_id, due_at=tx.now + wait_after(message.tries), last_error=error)
    return error is None


def _note(tx: Tx, message_id: str, **values: object) -> None:
    """Write how a try ended, unless the message was cancelled meanwhile."""
    tx.affected(update(Message).where(col(Message.id) == message_id, col(Message.due_at).is_not(None)).values(**values))
