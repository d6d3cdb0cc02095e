"""How colleagues reach oneself: numbers and addresses that were proved, a test alarm, and what did not arrive."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound, TooMany
from nrm.notify import points, queries, service
from nrm.notify.channels import working
from nrm.notify.models import Message
from nrm.notify.pushing import application_key
from nrm.notify.rules import OWN_WAYS, ChannelName, shown
from web.pages import Form
from web.refusals import flash_text
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.REACH_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.REACH_KEEP))]

PAGE = "/bereikbaarheid"
UNDELIVERED_DAYS = 7
NOT_AN_ADDRESS = N_("Dit kunnen we niet bereiken. Bedoelt u een telefoonnummer, een mailadres of een https-adres?")


@router.get(PAGE)
def overview(visit: Reader) -> Response:
    """One's own ways, a test, and the form for another one."""
    return _page(visit, Form())


@router.get(PAGE + "/deel")
def part(visit: Reader) -> Response:
    """The live part: how the ways stand, and how far a test is."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = _shown(visit, tx)
    return visit.page("reach_part.html", frame, **found)


@router.post(PAGE)
def add(visit: Keeper) -> Response:
    """Note another way; a code goes there."""
    kind = visit.field("kind")
    if kind not in _offered(visit) and kind != ChannelName.WEB_PUSH:
        return _page(visit, visit.filled({"kind": visit.words.gettext(N_("Kies een manier."))}), 400)
    try:
        with visit.writing() as tx:
            points.add(tx, visit.actor, kind, visit.field("address")[:2000], visit.parts.settings.loopback)
    except Invalid:
        return _page(visit, visit.filled({"address": visit.words.gettext(NOT_AN_ADDRESS)}), 400)
    except (Conflict, TooMany) as refusal:
        return _page(visit, visit.filled({"address": flash_text(visit.words, refusal.code)}), 409)
    return visit.go(PAGE, "reach_added_push" if kind == ChannelName.WEB_PUSH else "reach_added")


@router.post(PAGE + "/proef")
def test(visit: Keeper) -> Response:
    """Send a test over every way."""
    try:
        return visit.act(lambda tx: points.test_alarm(tx, visit.actor), PAGE, "reach_tested")
    except TooMany as refusal:
        return visit.go(PAGE, refusal.code)


@router.post(PAGE + "/berichten/{message_id}")
def answer(message_id: Id, visit: Keeper) -> Response:
    """Answer what waits on one's own screen."""

    def work(tx: Tx) -> None:
        if message_id not in {message.id for message in queries.in_app(tx, visit.actor.account_id)}:
            raise NotFound("no_message")
        service.acknowledge(tx, message_id, ChannelName.IN_APP)

    return visit.act(work, PAGE, "reach_answered")


@router.post(PAGE + "/{point_id}/code")
def send_code(point_id: Id, visit: Keeper) -> Response:
    """Send another code."""
    try:
        return visit.act(lambda tx: points.send_code(tx, visit.actor, point_id), PAGE, "reach_code_sent")
    except TooMany as refusal:
        return visit.go(PAGE, refusal.code)


@router.post(PAGE + "/{point_id}/controle")
def verify(point_id: Id, visit: Keeper) -> Response:
    """Prove a way with the code that arrived there."""
    with visit.writing() as tx:
        right = points.verify(tx, visit.actor, point_id, visit.field("code")[:12])
    return visit.go(PAGE, "reach_verified" if right else "wrong_code")


@router.post(PAGE + "/{point_id}/eerst")
def first(point_id: Id, visit: Keeper) -> Response:
    """Try this way first."""
    return visit.act(lambda tx: points.move(tx, visit.actor, point_id, 1), PAGE, "reach_moved")


@router.post(PAGE + "/{point_id}/weg")
def remove(point_id: Id, visit: Keeper) -> Response:
    """Take a way away."""
    return visit.act(lambda tx: points.remove(tx, visit.actor, point_id), PAGE, "reach_removed")


@router.get("/niet-aangekomen")
def undelivered(visit: Annotated[Visit, Depends(Screen(Verb.UNDELIVERED_READ))]) -> Response:
    """Which channels there are here, and who was not told in the last week."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = queries.undelivered(tx, tx.now - timedelta(days=UNDELIVERED_DAYS))
    ways = [(name, there) for name, there in working(visit.parts.settings).items() if name != ChannelName.LOG]
    return visit.page("undelivered.html", frame, found=found, ways=ways)


def _offered(visit: Visit) -> list[str]:
    """What may be noted here: what this deployment can reach. A browser has a form of its own."""
    there = working(visit.parts.settings)
    return [way for way in OWN_WAYS if there[way] and way is not ChannelName.WEB_PUSH]


def _page(visit: Visit, form: Form, status: int = 200) -> Response:
    settings = visit.parts.settings
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = _shown(visit, tx)
    return visit.page(
        "reach.html",
        frame,
        status=status,
        form=form,
        offered=_offered(visit),
        push_key=application_key(settings) if settings.push_contact else "",
        may_read_undelivered=may(visit.actor, Verb.UNDELIVERED_READ),
        **found,
    )


def _shown(visit: Visit, tx: Tx) -> dict[str, Any]:
    mine = queries.points(tx, visit.actor.account_id)
    test = _last_test(tx, visit.actor.account_id)
    return {
        "points": [(point, shown(point.kind, point.address)) for point in mine],
        "reachable": any(point.verified_at and not point.failing_since for point in mine),
        "waiting": queries.in_app(tx, visit.actor.account_id),
        "secrets": {
            point.id: visit.parts.key.hook_secret(point.id) for point in mine if point.kind == ChannelName.WEBHOOK
        },
        "test": test,
    }


def _last_test(tx: Tx, account_id: str) -> list[Message]:
    """How far every message of the newest test is."""
    newest = queries.newest_test(tx, account_id)
    return queries.about(tx, newest) if newest else []
