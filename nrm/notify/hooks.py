"""Signed webhooks: what a system of a partner gets, and how it knows that it comes from us."""

import hashlib
import hmac
import json

from nrm.clock import Clock, SystemClock
from nrm.notify import web
from nrm.notify.channel import NeverDeliverable
from nrm.notify.models import Message
from nrm.seal import load_key
from nrm.settings import Settings

TOLERANCE_SECONDS = 300
"""How old a signature may be for whoever checks it."""


def signature(secret: str, at: int, content: bytes) -> str:
    """`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over the moment, a full stop and the body."""
    signed = hmac.digest(secret.encode(), f"{at}.".encode() + content, hashlib.sha256).hex()
    return f"t={at},v1={signed}"


def genuine(secret: str, header: str, content: bytes, now: int) -> bool:
    """Whether a signature is ours and fresh: for partners who check it in Python, and for our own tests."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    moment = parts.get("t", "")
    if not moment.isdecimal() or len(moment) > 12 or abs(now - int(moment)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(signature(secret, int(moment), content).encode(), header.encode())


class WebhookChannel:
    """POSTs a message as JSON, signed, with its own id: a receiver drops what it has seen."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()

    def deliver(self, message: Message) -> None:
        if message.contact_point_id is None:
            raise NeverDeliverable("no contact point")
        address = web.checked_address(message.recipient, self._settings.loopback)
        content = json.dumps(
            {"id": message.id, "subject": message.subject, "text": message.body}, ensure_ascii=False
        ).encode()
        secret = load_key(self._settings).hook_secret(message.contact_point_id)
        moment = int(self._clock.now().timestamp())
        status, _ = web.send(
            message.recipient,
            headers={
                "Content-Type": "application/json",
                "NRM-Message": message.id,
                "NRM-Signature": signature(secret, moment, content),
            },
            content=content,
            address=address,
        )
        web.judge(status)
