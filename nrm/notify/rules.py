"""When to try again and when to stop; what an address must look like; what counts as an answer. Pure."""

import ipaddress
import re
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit


class ChannelName(StrEnum):
    """How a message travels. What each one can know of its arrival is in docs/decisions/0024."""

    LOG = "log"
    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"
    WEB_PUSH = "web_push"
    WEBHOOK = "webhook"
    IN_APP = "in_app"
    OTHER = "other"
    """Whatever the operator's own notification service reaches: it takes a message and tells nothing more of it."""


OWN_WAYS = (ChannelName.SMS, ChannelName.VOICE, ChannelName.EMAIL, ChannelName.WEB_PUSH, ChannelName.WEBHOOK)
"""What a person can have an address for, in the order in which they are tried unless they say otherwise."""

OPERATOR_WAYS = (ChannelName.OTHER,)
"""One address for the whole deployment."""

TRIES_MAX = 8
POINTS_MAX = 10
CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=15)
CODE_TRIES_MAX = 5
CODES_PER_DAY_MAX = 10
"""So many codes may be asked for per account and day: a text message costs money and wakes a stranger."""
REPLY_LIFE = timedelta(hours=12)
"""So long after a text message was sent a bare "ja" is an answer to it."""
TESTS_PER_HOUR_MAX = 6


def wait_after(tries: int) -> timedelta:
    """How long to wait after this many failed tries: 15 s, doubling, at most 15 minutes."""
    return min(timedelta(seconds=15 * 2 ** max(0, tries - 1)), timedelta(minutes=15))


_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_YES = frozenset({"1", "j", "ja", "y", "yes", "ok", "oke", "oké"})


def phone(typed: str) -> str | None:
    """A telephone number as providers take it, +31612345678; None when it is none. A leading 0 is Dutch."""
    bare = re.sub(r"[\s().-]", "", typed)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    elif bare.startswith("0"):
        bare = "+31" + bare[1:]
    return bare if _PHONE.fullmatch(bare) else None


def email(typed: str) -> str | None:
    """A mail address, or None."""
    bare = typed.strip()
    return bare if len(bare) <= 200 and _EMAIL.fullmatch(bare) else None


def hook(typed: str, loopback: bool) -> str | None:
    """The address of a system that takes webhooks: https, a name, no login in it; None when it may not be called.

    `loopback` also lets this machine itself through, over http: a demo has nowhere else to send to.
    """
    try:
        parts = urlsplit(typed.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return None
    if len(typed) > 400 or parts.username or parts.password or parts.fragment or not host:
        return None
    if loopback and parts.scheme in {"http", "https"} and host in {"127.0.0.1", "localhost"}:
        return typed.strip()
    return typed.strip() if parts.scheme == "https" and "." in host and not _is_number(host) else None


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def may_be_called(address: str, loopback: bool) -> bool:
    """Whether a name that resolved to this address may be called: nothing of an inside network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return found.is_global or (loopback and found.is_loopback)


def normal(kind: ChannelName, typed: str, loopback: bool) -> str | None:
    """An address in the form it is kept, or None when it is none."""
    if kind in {ChannelName.SMS, ChannelName.VOICE}:
        return phone(typed)
    if kind is ChannelName.EMAIL:
        return email(typed)
    if kind is ChannelName.WEBHOOK:
        return hook(typed, loopback)
    return None


def shown(kind: str, address: str) -> str:
    """An address as it may stand on a screen of its owner where others look along: enough to recognise it."""
    if kind in {ChannelName.SMS, ChannelName.VOICE}:
        return f"{address[:3]} … {address[-3:]}"
    if kind == ChannelName.EMAIL:
        name, _, host = address.partition("@")
        return f"{name[:2]}…@{host}"
    return urlsplit(address).hostname or ""


def code_in(subject: str) -> str:
    """The short code of a request in a subject, KR 4820; empty without one."""
    found = re.search(r"\b[A-Z]{2} \d{4}\b", subject)
    return found[0] if found else ""


def asks_answer(about: str) -> bool:
    """Whether a message wants somebody to take something on; one with a code to type over does not."""
    return not about.startswith("code:")


def is_yes(text: str, code: str = "") -> bool:
    """Whether a reply takes the alarm: 1, ja, yes, or the code that was in the message."""
    word = text.strip().strip(".!").casefold()
    return word in _YES or (bool(code) and word.replace(" ", "") == code.casefold().replace(" ", ""))
