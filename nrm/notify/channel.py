"""What a channel is: it hands a message over or raises, and being handed over is not being read."""

from typing import Protocol

from nrm.notify.models import Message

TIMEOUT_SECONDS = 10


class DeliveryFailed(Exception):
    """This try did not work; the message stays due."""


class NeverDeliverable(DeliveryFailed):
    """No later try will work either: the address does not exist, or may not be used."""


class Channel(Protocol):
    """Hands one message over and says what the provider calls it, if it calls it anything.

    May be called again for the same message id after a crash.
    """

    def deliver(self, message: Message) -> str | None: ...
