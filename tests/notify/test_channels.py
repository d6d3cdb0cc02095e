"""The channels against a real server that keeps the providers' contracts: what leaves, and what each answer means."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid

from nrm.notify import web
from nrm.notify.channel import Channel, DeliveryFailed, NeverDeliverable
from nrm.notify.channels import channels, working
from nrm.notify.hooks import genuine
from nrm.notify.models import Message
from nrm.notify.others import OtherChannel
from nrm.notify.rules import ChannelName
from nrm.seal import load_key
from nrm.settings import Settings
from tests.notify.gateway import ACCOUNT, TOKEN, Gateway, gateway


@pytest.fixture
def there() -> Iterator[Gateway]:
    with gateway() as made:
        yield made


def settings(there: Gateway, folder: Path, **more: Any) -> Settings:
    return Settings(
        data=folder,
        **{
            "phone_token": TOKEN,
            "phone_account": ACCOUNT,
            "phone_from": "+3197000000000",
            "phone_caller": "+31880000000",
            "push_contact": "beheer@example.org",
            **more,
        },
    )


def cm(there: Gateway, folder: Path, **more: Any) -> dict[str, Channel]:
    urls = {"sms_url": f"{there.url}/cm", "voice_url": f"{there.url}/cm-voice"}
    return channels(settings(there, folder, **{"phone_provider": "cm", **urls, **more}))


def twilio(there: Gateway, folder: Path, **more: Any) -> dict[str, Channel]:
    url = f"{there.url}/twilio"
    return channels(settings(there, folder, **{"phone_provider": "twilio", "sms_url": url, "voice_url": url, **more}))


def message(recipient: str = "+31612345678", about: str = "card:1", **more: Any) -> Message:
    return Message(
        id="m1",
        unique_key="k",
        about=about,
        channel="sms",
        recipient=recipient,
        subject="Alarm: opvangvraag KR 4820 wacht te lang",
        body="Log in.",
        queued_at=datetime(2026, 11, 28, tzinfo=UTC),
        account_id="a1",
        contact_point_id="p1",
        **more,
    )


def test_a_text_message_by_cm(there: Gateway, tmp_path: Path) -> None:
    assert cm(there, tmp_path)[ChannelName.SMS].deliver(message()) == "m1"
    (taken,) = there.taken
    (one,) = taken.json["messages"]["msg"]
    assert (one["to"], one["from"], one["reference"]) == ([{"number": "0031612345678"}], "+3197000000000", "m1")
    assert one["body"]["content"] == ("Alarm: opvangvraag KR 4820 wacht te lang. Antwoord JA om dit op u te nemen.")


def test_a_code_does_not_ask_to_take_anything(there: Gateway, tmp_path: Path) -> None:
    cm(there, tmp_path)[ChannelName.SMS].deliver(message(about="code:p1"))
    assert "JA" not in there.taken[0].json["messages"]["msg"][0]["body"]["content"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, b'{"errorCode":0,"messages":[{"messageErrorCode":303}]}'), NeverDeliverable),
        ((400, b'{"errorCode":305}'), NeverDeliverable),
        ((401, b'{"errorCode":101}'), DeliveryFailed),
        ((500, b"oops"), DeliveryFailed),
        ((503, b"[" * 100_000), DeliveryFailed),
    ],
)
def test_what_cm_says(there: Gateway, tmp_path: Path, answer: tuple[int, bytes], expected: type[Exception]) -> None:
    there.instead["/cm"] = (answer[0], {}, answer[1])
    with pytest.raises(DeliveryFailed) as failed:
        cm(there, tmp_path)[ChannelName.SMS].deliver(message())
    assert type(failed.value) is expected
    assert "+31612345678" not in str(failed.value)


def test_a_wrong_token_is_about_us_and_is_tried_again(there: Gateway, tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed) as failed:
        cm(there, tmp_path, phone_token="wrong")[ChannelName.SMS].deliver(message())
    assert type(failed.value) is DeliveryFailed


def test_a_call_by_cm_asks_for_a_key(there: Gateway, tmp_path: Path) -> None:
    ways = cm(there, tmp_path, base_url="https://nrm.example.org")
    assert ways[ChannelName.VOICE].deliver(message()) == "m1"
    said = there.taken[0].json
    assert (said["callee"], said["min-digits"], said["max-digits"]) == ("0031612345678", 1, 1)
    assert "Druk op 1" in said["prompt"]
    token = load_key(Settings(data=tmp_path)).callback_token("m1")
    assert said["callback-url"] == f"https://nrm.example.org/api/v1/message-callbacks/cm/voice/m1/{token}"


def test_a_text_message_by_twilio(there: Gateway, tmp_path: Path) -> None:
    reference = twilio(there, tmp_path)[ChannelName.SMS].deliver(message())
    assert reference is not None
    assert reference.startswith("SM")
    (taken,) = there.taken
    assert taken.path == f"/twilio/{ACCOUNT}/Messages.json"
    assert (taken.form["To"], taken.form["From"]) == ("+31612345678", "+3197000000000")
    assert "/message-callbacks/twilio/sms/m1/" in taken.form["StatusCallback"]


def test_a_call_by_twilio_gathers_a_key(there: Gateway, tmp_path: Path) -> None:
    reference = twilio(there, tmp_path)[ChannelName.VOICE].deliver(message())
    assert reference is not None
    assert reference.startswith("CA")
    words = there.taken[0].form["Twiml"]
    assert '<Gather input="dtmf" numDigits="1"' in words
    assert "/message-callbacks/twilio/key/m1/" in words


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 21211, NeverDeliverable),
        (400, 21610, NeverDeliverable),
        (429, 20429, DeliveryFailed),
        (401, 20003, DeliveryFailed),
    ],
)
def test_what_twilio_says(there: Gateway, tmp_path: Path, status: int, code: int, expected: type[Exception]) -> None:
    there.instead["/twilio"] = (status, {}, json.dumps({"code": code, "status": status}).encode())
    with pytest.raises(DeliveryFailed) as failed:
        twilio(there, tmp_path)[ChannelName.SMS].deliver(message())
    assert type(failed.value) is expected


def test_a_webhook_is_signed_and_keeps_its_id(there: Gateway, tmp_path: Path) -> None:
    ways = cm(there, tmp_path)
    ways[ChannelName.WEBHOOK].deliver(message(f"{there.url}/hook"))
    (taken,) = there.taken
    assert taken.json == {"id": "m1", "subject": "Alarm: opvangvraag KR 4820 wacht te lang", "text": "Log in."}
    assert taken.headers["nrm-message"] == "m1"
    header = taken.headers["nrm-signature"]
    secret = load_key(Settings(data=tmp_path)).hook_secret("p1")
    moment = int(header.split(",")[0].removeprefix("t="))
    assert genuine(secret, header, taken.content, moment)
    assert genuine(secret, header, taken.content, moment + 300)
    assert not genuine(secret, header, taken.content, moment + 301), "an old one said again"
    assert not genuine(secret, header, taken.content + b" ", moment)
    assert not genuine("another", header, taken.content, moment)
    assert not genuine(secret, "nonsense", taken.content, moment)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(302, NeverDeliverable), (404, NeverDeliverable), (429, DeliveryFailed), (500, DeliveryFailed)],
)
def test_what_a_webhook_answers(there: Gateway, tmp_path: Path, status: int, expected: type[Exception]) -> None:
    there.instead["/hook"] = (status, {"Location": f"{there.url}/elsewhere"}, b"")
    with pytest.raises(DeliveryFailed) as failed:
        cm(there, tmp_path)[ChannelName.WEBHOOK].deliver(message(f"{there.url}/hook"))
    assert type(failed.value) is expected
    assert [taken.path for taken in there.taken] == ["/hook"], "nobody is sent elsewhere"


def test_a_webhook_never_reaches_inside(there: Gateway, tmp_path: Path) -> None:
    """Where others can reach us this machine is an inside address, whatever its name says."""
    ways = cm(there, tmp_path, base_url="https://nrm.example.org")
    with pytest.raises(NeverDeliverable):
        ways[ChannelName.WEBHOOK].deliver(message(f"{there.url}/hook"))
    assert there.taken == []


def test_the_connection_goes_to_the_address_that_was_checked(there: Gateway) -> None:
    """A name can answer otherwise the second time it is asked, so it is not asked again: this one answers to nobody."""
    port = urlsplit(there.url).port
    url = f"http://hook.invalid:{port}/hook?a=1"
    status, _ = web.send(url, headers={"NRM-Message": "m1"}, content=b"{}", address="127.0.0.1")
    (taken,) = there.taken
    assert (status, taken.path.partition("?")[0], taken.headers["host"]) == (201, "/hook", f"hook.invalid:{port}")
    with pytest.raises(DeliveryFailed):
        web.send(url, headers={}, content=b"{}")
    assert web.checked_address(there.url, loopback=True) == "127.0.0.1"
    with pytest.raises(NeverDeliverable):
        web.checked_address(there.url, loopback=False)


def test_a_push_can_be_read_by_its_browser_alone(there: Gateway, tmp_path: Path) -> None:
    browser, secret = ec.generate_private_key(ec.SECP256R1()), b"s" * 16
    public = browser.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    subscribed = {"endpoint": f"{there.url}/push/1", "keys": {"p256dh": text(public), "auth": text(secret)}}
    way = cm(there, tmp_path)[ChannelName.WEB_PUSH]
    way.deliver(message(json.dumps(subscribed)))
    (taken,) = there.taken
    assert b"KR 4820" not in taken.content
    opened = http_ece.decrypt(taken.content, private_key=browser, auth_secret=secret)
    assert json.loads(opened) == {"id": "m1", "subject": "Alarm: opvangvraag KR 4820 wacht te lang"}
    assert (taken.headers["urgency"], taken.headers["content-encoding"]) == ("high", "aes128gcm")
    assert Vapid.verify(taken.headers["authorization"])
    there.instead["/push"] = (410, {}, b"")
    with pytest.raises(NeverDeliverable):
        way.deliver(message(json.dumps(subscribed)))
    with pytest.raises(NeverDeliverable):
        way.deliver(message("{}"))


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # of Apprise, when it is imported
def test_the_operators_own_service(there: Gateway) -> None:
    way = OtherChannel(there.url.replace("http://", "json://") + "/own")
    way.deliver(message())
    assert there.taken[0].json["title"] == "Alarm: opvangvraag KR 4820 wacht te lang"
    there.instead["/own"] = (500, {}, b"")
    with pytest.raises(DeliveryFailed):
        way.deliver(message())
    with pytest.raises(NeverDeliverable):
        OtherChannel("nonsense").deliver(message())


def test_nothing_set_up_is_not_there(tmp_path: Path) -> None:
    bare = Settings(data=tmp_path)
    assert set(channels(bare)) == {ChannelName.LOG, ChannelName.EMAIL, ChannelName.IN_APP, ChannelName.WEBHOOK}
    assert not working(bare)[ChannelName.EMAIL]
    assert not working(bare)[ChannelName.SMS]
    no_caller = Settings(data=tmp_path, phone_provider="cm", phone_token=TOKEN)
    assert ChannelName.VOICE not in channels(no_caller)
    assert list(tmp_path.iterdir()) == [], "asking what there is makes no keys"
