"""Whatever the operator's own notification service reaches."""

from nrm.notify.channel import DeliveryFailed, NeverDeliverable
from nrm.notify.models import Message


class OtherChannel:
    """The operator's own notification service, through Apprise. It says that it took a message, and no more."""

    def __init__(self, addresses: str) -> None:
        self._addresses = addresses.split()

    def deliver(self, message: Message) -> None:
        import apprise  # noqa: PLC0415 - slow to import, and few deployments use it

        service = apprise.Apprise()
        for address in self._addresses:
            if not service.add(address):
                raise NeverDeliverable("an address Apprise does not know")
        if not service.notify(title=message.subject, body=message.body):
            raise DeliveryFailed("not taken")
