"""Queueing messages with the change they tell of, and delivering them from outside any request."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from nrm.clock import monotonic_seconds
from nrm.db import Database, Tx
from nrm.notify import queries
from nrm.notify.channel import Channel, DeliveryFailed, NeverDeliverable
from nrm.notify.models import ContactPoint, Message
from nrm.notify.rules import REPLY_LIFE, TRIES_MAX, asks_answer, code_in, is_yes, wait_after

CLAIM = timedelta(minutes=2)
"""How long one worker has for one delivery before another may try: longer than any channel's time-out."""

BATCH = 50

PASS_SECONDS = 5
"""After so long no further message of this pass is begun."""


def queue(
    tx: Tx,
    unique_key: str,
    about: str,
    channel: str,
    recipient: str,
    subject: str,
    body: str,
    account_id: str | None = None,
    contact_point_id: str | None = None,
) -> bool:
    """Write a message in this transaction. False when one with this key was queued before.

    To a person it goes over a contact point of theirs; without one it goes to the mailbox of an organisation.
    """
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
            account_id=account_id,
            contact_point_id=contact_point_id,
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
    Channels that are different things go side by side, so that a mail server that hangs holds up no telephone call.
    A crash between sending and noting sends it once more, with the same id. Returns how many were sent.
    """
    with database.reading() as tx:
        due = tx.session.exec(
            select(Message.id, Message.channel)
            .where(col(Message.due_at) <= tx.now)
            .order_by(col(Message.due_at), Message.id)
            .limit(BATCH)
        ).all()
    lanes: dict[int, list[str]] = defaultdict(list)
    for message_id, channel in due:
        lanes[id(channels.get(channel))].append(message_id)

    started = monotonic_seconds()

    def send(lane: list[str]) -> int:
        sent = 0
        for message_id in lane:
            if monotonic_seconds() - started > PASS_SECONDS:
                break  # what comes due elsewhere must not wait for a server that answers late; the rest is next
            sent += _deliver(database, channels, still, message_id)
        return sent

    if len(lanes) < 2:
        return sum(map(send, lanes.values()))
    with ThreadPoolExecutor(len(lanes), "deliver") as pool:
        return sum(pool.map(send, lanes.values()))


def acknowledge(tx: Tx, message_id: str, over: str) -> bool:
    """Note that the person answered a message, once; nothing more is sent to anybody about the same thing.

    Whoever the message is from finds the answer by itself.
    """
    first = tx.affected(
        update(Message)
        .where(col(Message.id) == message_id, col(Message.acknowledged_at).is_(None), col(Message.tries) > 0)
        .values(acknowledged_at=tx.now, acknowledged_over=over)
    )
    if not first:
        return False
    message = tx.session.get_one(Message, message_id)
    _works(tx, message)
    cancel(tx, message.about)
    tx.record("message.acknowledged", f"message:{message_id}", "alarms", "messages", over=over)
    return True


def note_answer(tx: Tx, message_id: str) -> bool:
    """Claim an answer for whoever the message is from: true for one caller only."""
    return bool(
        tx.affected(
            update(Message)
            .where(col(Message.id) == message_id, col(Message.answer_noted_at).is_(None))
            .values(answer_noted_at=tx.now)
        )
    )


def replied(tx: Tx, channel: str, sender: str, text: str) -> bool:
    """Take a text message that somebody sent back. It answers the newest one that went to that number."""
    message = queries.last_to(tx, channel, sender, tx.now - REPLY_LIFE)
    taken = message is not None and is_yes(text, code_in(message.subject))
    return bool(taken and message and acknowledge(tx, message.id, channel))


def answered(tx: Tx, message_id: str, over: str) -> bool:
    """Take a key that was pressed during a call. True when the alarm is now theirs, also when it already was."""
    message = tx.session.get(Message, message_id)
    if message is None or not asks_answer(message.about):
        return False
    return message.acknowledged_at is not None or acknowledge(tx, message_id, over)


def receipt(tx: Tx, message_id: str, arrived: bool, error: str = "") -> bool:
    """Take what a provider says became of a message. Saying it twice changes nothing; unknown ones change nothing.

    A receipt can be here before we noted that we sent it: a provider is quick.
    """
    said = error[:200] or "not delivered"
    values: dict[str, object] = {"delivered_at": tx.now} if arrived else {"failed_at": tx.now, "last_error": said}
    first = tx.affected(
        update(Message)
        .where(
            col(Message.id) == message_id,
            col(Message.delivered_at).is_(None),
            col(Message.failed_at).is_(None),
            col(Message.tries) > 0,
        )
        .values(**values)
    )
    if not first:
        return False  # unknown, or two callbacks at once and the other was first
    message = tx.session.get_one(Message, message_id)
    if arrived:
        _works(tx, message)
        tx.record("message.arrived", f"message:{message_id}", "messages", channel=message.channel)
    else:
        _fails(tx, message, said)
        tx.record("message.failed", f"message:{message_id}", "alarms", channel=message.channel, error="not delivered")
    return True


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
        point = tx.session.get(ContactPoint, message.contact_point_id) if message.contact_point_id else None
        gone = point is not None and point.removed_at is not None
        tx.session.expunge(message)
    channel = channels.get(message.channel)
    error, never, reference = None, channel is None or gone, None
    if channel is None:
        error = "no such channel here"
    elif gone:
        error = "taken away by its owner"
    else:
        try:
            reference = channel.deliver(message)
        except NeverDeliverable as failed:
            error, never = str(failed) or "refused", True
        except DeliveryFailed as failed:
            error = str(failed) or "failed"
    with database.transaction() as tx:
        if error is None:
            _note(tx, message_id, due_at=None, sent_at=tx.now, last_error=None, reference=reference)
            if message.account_id:  # somebody may be looking at their own screen for it
                tx.record("message.handed_over", f"message:{message_id}", "messages", channel=message.channel)
        elif never or message.tries >= TRIES_MAX:
            _note(tx, message_id, due_at=None, failed_at=tx.now, last_error=error)
            _fails(tx, message, error)
            tx.record("message.failed", f"message:{message_id}", "alarms", channel=message.channel, error=error)
        else:
            _note(tx, message_id, due_at=tx.now + wait_after(message.tries), last_error=error)
    return error is None


def _note(tx: Tx, message_id: str, **values: object) -> None:
    """Write how a try ended, unless the message was cancelled meanwhile."""
    tx.affected(update(Message).where(col(Message.id) == message_id, col(Message.due_at).is_not(None)).values(**values))


def _works(tx: Tx, message: Message) -> None:
    if message.contact_point_id:
        tx.affected(
            update(ContactPoint)
            .where(col(ContactPoint.id) == message.contact_point_id)
            .values(worked_at=tx.now, failing_since=None, last_error=None)
        )


def _fails(tx: Tx, message: Message, error: str) -> None:
    if message.contact_point_id:
        tx.affected(
            update(ContactPoint)
            .where(col(ContactPoint.id) == message.contact_point_id, col(ContactPoint.failing_since).is_(None))
            .values(failing_since=tx.now, last_error=error[:200])
        )
