"""The ways to reach oneself over HTTP; and where telephone providers tell what became of a message.

A callback proves itself with a signature or with a token of ours. One that means a message we do not have is
answered like one that we do: nobody learns here what exists.
"""

import hmac
from datetime import timedelta
from typing import Annotated, Any
from xml.sax.saxutils import escape

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from nrm.access.api import Allowed, Call
from nrm.access.rules import Verb
from nrm.api import ROOT, Id, Parts, answer, parts_of
from nrm.errors import Invalid, NotFound
from nrm.notify import points, queries, service
from nrm.notify.models import ContactPoint
from nrm.notify.phones import twilio_signature
from nrm.notify.rules import ChannelName, phone, shown
from nrm.notify.schemas import CodeIn, ContactPointIn, ContactPointOut, HookSecretOut, PlaceIn, UndeliveredOut

router = APIRouter(prefix=ROOT, tags=["notify"])

Keeping = Annotated[Call, Depends(Allowed(Verb.REACH_KEEP))]
Token = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
FAILED_CALLS = frozenset({"busy", "no-answer", "failed", "canceled"})
UNDELIVERED_DAYS = 7


@router.get("/contact-points", response_model=list[ContactPointOut])
def contact_points(call: Keeping) -> Response:
    """One's own ways, in the order in which they are tried."""
    with call.reading() as tx:
        return answer([_out(point) for point in queries.points(tx, call.actor.account_id)])


@router.post("/contact-points", status_code=201, response_model=ContactPointOut)
def add(shape: ContactPointIn, call: Keeping) -> Response:
    """Note a way; a code goes there."""

    def work(tx: Any) -> ContactPointOut:
        made = points.add(tx, call.actor, shape.kind, shape.address, call.parts.settings.loopback)
        return _out(queries.point(tx, call.actor.account_id, made))

    return call.once(shape, work, 201)


@router.post("/contact-points/{point_id}/code", status_code=204)
def send_code(point_id: Id, call: Keeping) -> Response:
    """Send another code."""
    return call.once(None, lambda tx: points.send_code(tx, call.actor, point_id))


@router.post("/contact-points/{point_id}/verification", status_code=204)
def verify(point_id: Id, shape: CodeIn, call: Keeping) -> Response:
    """Prove a way with the code that arrived there."""
    with call.writing() as tx:  # a wrong guess is counted, so it must not be rolled back with its refusal
        right = points.verify(tx, call.actor, point_id, shape.code)
    if not right:
        raise Invalid("wrong_code")
    return answer(None)


@router.put("/contact-points/{point_id}/place", status_code=204)
def move(point_id: Id, shape: PlaceIn, call: Keeping) -> Response:
    """Put a way at another place of one's order."""
    return call.once(shape, lambda tx: points.move(tx, call.actor, point_id, shape.place))


@router.delete("/contact-points/{point_id}", status_code=204)
def remove(point_id: Id, call: Keeping) -> Response:
    """Take a way away."""
    return call.once(None, lambda tx: points.remove(tx, call.actor, point_id))


@router.get("/contact-points/{point_id}/hook-secret", response_model=HookSecretOut)
def hook_secret(point_id: Id, call: Keeping) -> Response:
    """What the webhooks to this address are signed with."""
    with call.reading() as tx:
        point = queries.point(tx, call.actor.account_id, point_id)
        if point.kind != ChannelName.WEBHOOK:
            raise NotFound("no_contact_point")
    return answer(HookSecretOut(secret=call.parts.key.hook_secret(point_id)))


@router.post("/contact-points/tests", status_code=204)
def test_alarm(call: Keeping) -> Response:
    """Send a test over every way of one's own."""

    def work(tx: Any) -> None:
        points.test_alarm(tx, call.actor)

    return call.once(None, work)


@router.get("/undelivered", response_model=list[UndeliveredOut])
def undelivered(call: Annotated[Call, Depends(Allowed(Verb.UNDELIVERED_READ))]) -> Response:
    """What was given up in the last week: who was not told, over what, and why. No addresses, no texts."""
    with call.reading() as tx:
        found = queries.undelivered(tx, tx.now - timedelta(days=UNDELIVERED_DAYS))
    return answer([UndeliveredOut.model_validate(one) for one in found])


@router.post("/message-callbacks/twilio/{what}/{message_id}/{token}", include_in_schema=False)
async def from_twilio(request: Request, what: str, message_id: Id, token: Token) -> Response:
    """Twilio: a message arrived or did not, a call ended, or somebody pressed a key."""
    fields = await _signed_by_twilio(request)
    parts = parts_of(request)
    if what not in {"sms", "voice", "key"} or not _ours(parts, message_id, token):
        raise NotFound("no_callback")
    return await run_in_threadpool(_told_by_twilio, parts, what, message_id, fields)


@router.post("/message-callbacks/twilio-replies", include_in_schema=False)
async def reply_to_twilio(request: Request) -> Response:
    """Twilio: a text message came in."""
    fields = await _signed_by_twilio(request)
    return await run_in_threadpool(_replied, parts_of(request), fields.get("From", ""), fields.get("Body", ""))


@router.post("/message-callbacks/cm/voice/{message_id}/{token}", include_in_schema=False)
async def from_cm_voice(request: Request, message_id: Id, token: Token) -> Response:
    """CM.com: a call ended, perhaps with a key."""
    said = await _json(request)
    parts = parts_of(request)
    if not _ours(parts, message_id, token):
        raise NotFound("no_callback")
    return await run_in_threadpool(_told_by_cm_voice, parts, message_id, said)


@router.post("/message-callbacks/cm/{secret}", include_in_schema=False)
async def from_cm(request: Request, secret: Token) -> Response:
    """CM.com: text messages arrived or did not, or came in."""
    said = await _json(request)
    parts = parts_of(request)
    kept = parts.settings.phone_callback_secret
    if (
        kept is None
        or len(kept.get_secret_value()) < 32
        or not hmac.compare_digest(kept.get_secret_value().encode(), secret.encode())
    ):
        raise NotFound("no_callback")
    return await run_in_threadpool(_told_by_cm, parts, said)


async def _signed_by_twilio(request: Request) -> dict[str, str]:
    """The fields of a callback. Raises NotFound when Twilio did not sign it."""
    settings = parts_of(request).settings
    form = await request.form(max_files=0, max_fields=60)
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if settings.phone_provider != "twilio" or settings.phone_token is None:
        raise NotFound("no_callback")
    url = settings.public_url + request.url.path
    right = twilio_signature(settings.phone_token.get_secret_value(), url, fields)
    if not hmac.compare_digest(right.encode(), request.headers.get("x-twilio-signature", "").encode()):
        raise NotFound("no_callback")
    return fields


async def _json(request: Request) -> dict[str, Any]:
    try:
        said = await request.json()
    except (ValueError, RecursionError) as error:
        raise Invalid("invalid") from error
    if not isinstance(said, dict):
        raise Invalid("invalid")
    return said


def _ours(parts: Parts, message_id: str, token: str) -> bool:
    return hmac.compare_digest(parts.key.callback_token(message_id).encode(), token.encode())


def _told_by_twilio(parts: Parts, what: str, message_id: str, fields: dict[str, str]) -> Response:
    with parts.database.transaction() as tx:
        if what == "key":
            taken = fields.get("Digits") == "1" and service.answered(tx, message_id, ChannelName.VOICE)
            words = "Dank u. Het alarm staat op uw naam." if taken else "Het alarm is niet genomen."
            return Response(
                f'<Response><Say language="nl-NL">{escape(words)}</Say></Response>', media_type="application/xml"
            )
        status = fields.get("MessageStatus" if what == "sms" else "CallStatus", "")
        if status in {"delivered", "completed"}:
            service.receipt(tx, message_id, arrived=True)
        elif status in {"undelivered", "failed"} or (what == "voice" and status in FAILED_CALLS):
            service.receipt(tx, message_id, arrived=False, error=f"twilio {status}")
    return Response(status_code=204)


def _told_by_cm_voice(parts: Parts, message_id: str, said: dict[str, Any]) -> Response:
    result = said.get("result")
    code = result.get("code") if isinstance(result, dict) else None
    with parts.database.transaction() as tx:
        if str(said.get("digits", "")) == "1":
            service.answered(tx, message_id, ChannelName.VOICE)
        service.receipt(tx, message_id, arrived=code == CM_FINISHED, error=f"cm {code}")
    return Response(status_code=204)


CM_FINISHED = 10
"""What CM.com calls a call that was answered and went to its end."""


def _told_by_cm(parts: Parts, said: dict[str, Any]) -> Response:
    messages = said.get("messages")
    found = messages.get("msg") if isinstance(messages, dict) else None
    for one in found[:100] if isinstance(found, list) else [found]:
        if not isinstance(one, dict):
            continue
        status, sender, text = one.get("status"), one.get("from"), one.get("message")
        if isinstance(status, dict):
            with parts.database.transaction() as tx:
                code = str(status.get("code", ""))
                if code in {"2", "3"}:  # delivered, failed; 0 and 1 are underway
                    service.receipt(tx, str(one.get("reference", ""))[:40], code == "2", f"cm {code}")
        elif isinstance(sender, dict) and isinstance(text, dict):
            _replied(parts, str(sender.get("number", "")), str(text.get("text", "")))
    return Response(status_code=204)


def _replied(parts: Parts, sender: str, text: str) -> Response:
    number = phone(sender[:40])
    if number:
        with parts.database.transaction() as tx:
            service.replied(tx, ChannelName.SMS, number, text[:400])
    return Response("<Response/>", media_type="application/xml")


def _out(point: ContactPoint) -> ContactPointOut:
    return ContactPointOut(
        id=point.id,
        kind=point.kind,
        address=shown(point.kind, point.address),
        position=point.position,
        verified=point.verified_at is not None,
        worked_at=point.worked_at,
        failing_since=point.failing_since,
    )
