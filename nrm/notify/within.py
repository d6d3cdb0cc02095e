"""Channels that hand nothing to anybody outside."""

import structlog

from nrm.notify.models import Message

log = structlog.get_logger()


class LogChannel:
    """Writes that there is a message to the application log. Always there, also without any configuration."""

    def deliver(self, message: Message) -> None:
        if message.account_id:  # the address of a colleague is nobody else's
            log.info("message", id=message.id, about=message.about, meant_for=message.channel)
            return
        log.info("message", id=message.id, about=message.about, recipient=message.recipient, subject=message.subject)


class InAppChannel:
    """What waits on somebody's screen is there as soon as its row is: nothing to hand over."""

    def deliver(self, message: Message) -> None:
        """The row itself is shown, with a sound."""


class KeptChannel:
    """Every channel of an exercise. The row is what would have gone out, and stays to be looked at."""

    def deliver(self, message: Message) -> None:
        """Nothing leaves."""
