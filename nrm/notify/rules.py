"""When to try again, and when to stop trying. Pure."""

from datetime import timedelta
from enum import StrEnum


class ChannelName(StrEnum):
    LOG = "log"
    EMAIL = "email"


TRIES_MAX = 8


def wait_after(tries: int) -> timedelta:
    """How long to wait after this many failed tries: 15 s, doubling, at most 15 minutes."""
    return min(timedelta(seconds=15 * 2 ** max(0, tries - 1)), timedelta(minutes=15))
