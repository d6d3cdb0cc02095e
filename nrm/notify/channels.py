"""The channels that a deployment has."""

from collections.abc import Mapping

from nrm.notify.channel import Channel
from nrm.notify.hooks import WebhookChannel
from nrm.notify.mail import EmailChannel
from nrm.notify.others import OtherChannel
from nrm.notify.phones import phone_channels
from nrm.notify.pushing import PushChannel
from nrm.notify.rules import ChannelName
from nrm.notify.within import InAppChannel, KeptChannel, LogChannel
from nrm.settings import Settings


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels this deployment has. Without an SMTP server what is meant for e-mail goes to the log.

    An exercise has them all and none reaches anybody, whatever else the settings say.
    """
    if settings.exercise:
        return dict.fromkeys(ChannelName, KeptChannel())
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
