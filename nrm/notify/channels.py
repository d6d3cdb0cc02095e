"""Ways to reach somebody. A channel hands a message over or raises; being handed over is not being read."""

import smtplib
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Protocol

import structlog

from nrm.notify.models import Message
from nrm.notify.rules import ChannelName
from nrm.settings import Settings

TIMEOUT_SECONDS = 10
REFUSED_FOR_GOOD = 500
"""From this SMTP code on a server refuses for good."""

log = structlog.get_logger()


class DeliveryFailed(Exception):
    """This try did not work; the message stays due."""


class NeverDeliverable(DeliveryFailed):
    """No later try will work either: the address does not exist, or may not be used."""


class Channel(Protocol):
    """Hands one message over and says what the provider calls it, if it calls it anything.

    May be called again for the same message id after a crash.
    """

    def deliver(self, message: Message) -> str | None: ...


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


class EmailChannel:
    """Hands the message to an SMTP server, with the message id as Message-ID."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, message: Message) -> None:
        settings = self._settings
        try:
            mail = self._mail(message)
        except ValueError as error:  # a line break in an address, say: no mail can be made of it
            raise NeverDeliverable(type(error).__name__) from error
        try:
            with smtplib.SMTP(settings.smtp_host or "", settings.smtp_port, timeout=TIMEOUT_SECONDS) as server:
                if settings.smtp_starttls:
                    server.starttls()
                if settings.smtp_user and settings.smtp_password:
                    server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise (NeverDeliverable if code >= REFUSED_FOR_GOOD else DeliveryFailed)(f"refused, {code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(type(error).__name__) from error

    def _mail(self, message: Message) -> EmailMessage:
        settings = self._settings
        mail = EmailMessage()
        mail["From"] = settings.mail_from
        mail["To"] = message.recipient
        mail["Subject"] = message.subject
        mail["Message-ID"] = f"<{message.id}@{settings.mail_from.rpartition('@')[2]}>"
        mail.set_content(message.body)
        return mail


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


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels this deployment has. Without an SMTP server what is meant for e-mail goes to the log.

    An exercise has them all and none reaches anybody, whatever else the settings say.
    """
    if settings.exercise:
        return dict.fromkeys(ChannelName, KeptChannel())
    from nrm.notify.hooks import WebhookChannel  # noqa: PLC0415 - these build on the words above
    from nrm.notify.phones import phone_channels  # noqa: PLC0415
    from nrm.notify.pushing import PushChannel  # noqa: PLC0415

    log_channel = LogChannel()
    found: dict[str, Channel] = {
        ChannelName.LOG: log_channel,
        ChannelName.EMAIL: EmailChannel(settings) if settings.smtp_host else log_channel,
        ChannelName.IN_APP: InAppChannel(),
        ChannelName.WEBHOOK: WebhookChannel(settings),
        **phone_channels(settings),
    }
    if settings.push_contact:
        found[ChannelName.WEB_PUSH] = PushChannel(settings)
    if settings.notify_urls:
        found[ChannelName.OTHER] = OtherChannel(settings.notify_urls.get_secret_value())
    return found


def working(settings: Settings) -> Mapping[str, bool]:
    """Per channel whether this deployment has it. E-mail that only goes to the log counts as not there."""
    there = channels(settings)
    if settings.exercise:
        return dict.fromkeys(there, True)
    return {name: name in there and not (name == ChannelName.EMAIL and not settings.smtp_host) for name in ChannelName}
