"""Ways to reach somebody. A channel either delivers or raises; being handed over is not being read."""

import smtplib
from email.message import EmailMessage
from typing import Protocol

import structlog

from nrm.notify.models import Message
from nrm.notify.rules import ChannelName
from nrm.settings import Settings

TIMEOUT_SECONDS = 10

log = structlog.get_logger()


class DeliveryFailed(Exception):
    """This try did not work; the message stays due."""


class Channel(Protocol):
    """Delivers one message. May be called again for the same message id after a crash."""

    def deliver(self, message: Message) -> None: ...


class LogChannel:
    """Writes that there is a message to the application log. Always there, also without any configuration."""

    def deliver(self, message: Message) -> None:
        log.info("message", id=message.id, about=message.about, recipient=message.recipient, subject=message.subject)


class EmailChannel:
    """Hands the message to an SMTP server, with the message id as Message-ID."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, message: Message) -> None:
        settings = self._settings
        try:
            mail = self._mail(message)
        except ValueError as error:  # a line break in an address, say: no mail can be made of it
            raise DeliveryFailed(type(error).__name__) from error
        try:
            with smtplib.SMTP(settings.smtp_host or "", settings.smtp_port, timeout=TIMEOUT_SECONDS) as server:
                if settings.smtp_starttls:
                    server.starttls()
                if settings.smtp_user and settings.smtp_password:
                    server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
                server.send_message(mail)
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


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels this deployment has. Without an SMTP server what is meant for e-mail goes to the log."""
    log_channel = LogChannel()
    return {
        ChannelName.LOG: log_channel,
        ChannelName.EMAIL: EmailChannel(settings) if settings.smtp_host else log_channel,
    }
