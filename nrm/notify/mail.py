"""E-mail, through the deployment's own SMTP server."""

import smtplib
from email.message import EmailMessage

from nrm.notify.channel import TIMEOUT_SECONDS, DeliveryFailed, NeverDeliverable
from nrm.notify.models import Message
from nrm.settings import Settings

REFUSED_FOR_GOOD = 500
"""From this SMTP code on a server refuses for good."""


class EmailChannel:
    """Hands the message to an SMTP server, with the message id as Message-ID, and below it where to log in."""

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
        # "Log in" without where is of no use to somebody who was woken by it.
        where = settings.public_url
        mail.set_content(message.body if where in message.body else f"{message.body.rstrip()}\n\n{where}\n")
        return mail
