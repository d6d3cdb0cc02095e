"""Text messages and calls, by the published contracts of two providers behind one protocol.

A call reads the message aloud and asks for a 1; a text message asks for "ja". What comes back arrives at our own
callbacks (api.py): signed by Twilio with the account's token, and of CM.com, which signs nothing, brought along as a
token of ours in the path.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from nrm.api import ROOT
from nrm.notify import web
from nrm.notify.channel import Channel, DeliveryFailed, NeverDeliverable
from nrm.notify.models import Message
from nrm.notify.rules import ChannelName, asks_answer
from nrm.seal import load_key
from nrm.settings import Settings

TEXT_MAX = 300
"""Two parts of a text message; ours are shorter."""

CM_SMS = "https://gw.messaging.cm.com/v1.0/message"
CM_VOICE = "https://api.cm.com/voiceapi/v2/Request"
TWILIO = "https://api.twilio.com/2010-04-01/Accounts"

CM_NEVER = frozenset({303, 304, 305, 306})
"""Error codes of CM.com about the recipient or the content; others are about us or about now."""
TWILIO_NEVER = frozenset({21211, 21214, 21217, 21610, 21614, 13224, 13225, 13227})
"""Error codes of Twilio about a number that is none, cannot be reached, or said stop."""


def spoken(message: Message) -> str:
    """What a voice reads aloud."""
    ask = " Druk op 1 om dit op u te nemen." if asks_answer(message.about) else ""
    return f"{message.subject}.{ask}"


def written(message: Message) -> str:
    """What stands in a text message."""
    ask = " Antwoord JA om dit op u te nemen." if asks_answer(message.about) else ""
    return f"{message.subject}.{ask}"[:TEXT_MAX]


def callback(settings: Settings, provider: str, what: str, message_id: str) -> str:
    """Where a provider tells what became of this message."""
    token = load_key(settings).callback_token(message_id)
    return f"{settings.public_url}{ROOT}/message-callbacks/{provider}/{what}/{quote(message_id, safe='')}/{token}"


class CmSms:
    """CM.com: a text message."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, message: Message) -> str:
        settings = self._settings
        token = settings.phone_token.get_secret_value() if settings.phone_token else ""
        content = {
            "messages": {
                "authentication": {"producttoken": token},
                "msg": [
                    {
                        "from": settings.phone_from,
                        "to": [{"number": "00" + message.recipient.removeprefix("+")}],
                        "body": {"type": "auto", "content": written(message)},
                        "reference": message.id,
                        "minimumNumberOfMessageParts": 1,
                        "maximumNumberOfMessageParts": 3,
                    }
                ],
            }
        }
        status, answer = web.send(
            settings.sms_url or CM_SMS,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            content=json.dumps(content, ensure_ascii=False).encode(),
        )
        said = _object(answer)
        codes = [said.get("errorCode"), *(one.get("messageErrorCode") for one in _objects(said.get("messages")))]
        wrong = next((code for code in codes if isinstance(code, int) and code), 0)
        if wrong:
            raise (NeverDeliverable if wrong in CM_NEVER else DeliveryFailed)(f"cm {wrong}")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")
        return message.id  # their word for it is ours


class CmVoice:
    """CM.com: a call that asks for a key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, message: Message) -> str:
        settings = self._settings
        content = {
            "instruction-id": message.id,
            "caller": "00" + (settings.phone_caller or "").removeprefix("+"),
            "callee": "00" + message.recipient.removeprefix("+"),
            "prompt": spoken(message),
            "prompt-type": "TTS",
            "valid-prompt": "Dank u. Het alarm staat op uw naam.",
            "invalid-prompt": "Dat was geen 1.",
            "min-digits": 1,
            "max-digits": 1,
            "max-attempts": 3,
            "timeout": 10000,
            "voice": {"language": "nl-NL", "gender": "Female", "number": 1},
            "callback-url": callback(settings, "cm", "voice", message.id),
        }
        status, _ = web.send(
            settings.voice_url or CM_VOICE,
            headers={
                "Content-Type": "application/json",
                "X-CM-PRODUCTTOKEN": settings.phone_token.get_secret_value() if settings.phone_token else "",
            },
            content=json.dumps(content, ensure_ascii=False).encode(),
        )
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")  # 401 and 403 are about us, and may be put right
        return message.id


class _Twilio:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def post(self, resource: str, base: str | None, fields: Mapping[str, str]) -> str:
        settings = self._settings
        account = settings.phone_account or ""
        status, answer = web.send(
            f"{(base or TWILIO).rstrip('/')}/{quote(account, safe='')}/{resource}.json",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(fields).encode(),
            login=(account, settings.phone_token.get_secret_value() if settings.phone_token else ""),
        )
        said = _object(answer)
        code = said.get("code")
        if 200 <= status < 300 and isinstance(said.get("sid"), str):
            return str(said["sid"])[:120]
        if isinstance(code, int) and code in TWILIO_NEVER:
            raise NeverDeliverable(f"twilio {code}")
        raise DeliveryFailed(f"answered {status}" + (f", twilio {code}" if isinstance(code, int) else ""))


class TwilioSms(_Twilio):
    """Twilio, or who speaks as they do: a text message."""

    def deliver(self, message: Message) -> str:
        return self.post(
            "Messages",
            self._settings.sms_url,
            {
                "To": message.recipient,
                "From": self._settings.phone_from,
                "Body": written(message),
                "StatusCallback": callback(self._settings, "twilio", "sms", message.id),
            },
        )


class TwilioVoice(_Twilio):
    """Twilio, or who speaks as they do: a call that asks for a key."""

    def deliver(self, message: Message) -> str:
        pressed = escape(callback(self._settings, "twilio", "key", message.id), {'"': "&quot;"})
        words = f'<Say language="nl-NL">{escape(spoken(message))}</Say>'
        asked = f'input="dtmf" numDigits="1" timeout="10" action="{pressed}" method="POST"'
        return self.post(
            "Calls",
            self._settings.voice_url,
            {
                "To": message.recipient,
                "From": self._settings.phone_caller or "",
                "Twiml": f"<Response><Gather {asked}>{words}{words}</Gather></Response>",
                "StatusCallback": callback(self._settings, "twilio", "voice", message.id),
            },
        )


def phone_channels(settings: Settings) -> dict[str, Channel]:
    """What this deployment can do by telephone: nothing without a provider and its token."""
    if settings.phone_provider is None or settings.phone_token is None:
        return {}
    sms, voice = (CmSms, CmVoice) if settings.phone_provider == "cm" else (TwilioSms, TwilioVoice)
    found: dict[str, Channel] = {ChannelName.SMS: sms(settings)}
    if settings.phone_caller:
        found[ChannelName.VOICE] = voice(settings)
    return found


def twilio_signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """What Twilio puts into X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()


def _object(answer: bytes) -> dict[str, object]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(found: object) -> list[dict[str, object]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
