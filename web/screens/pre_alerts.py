"""Planned checks at which people may be found: announced by whoever plans them, seen by the desk that must be ready."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Verb, may
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid
from nrm.intake import queries, service
from nrm.intake.schemas import PreAlertIn, PreAlertOut
from nrm.registry import queries as registry
from web import typed
from web.pages import Form
from web.refusals import flash_text
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.PRE_ALERT_READ))]
Announcer = Annotated[Visit, Depends(Act(Verb.PRE_ALERT_SEND))]

PATH = "/controles"
WRONG = {
    "region": N_("Kies de regio van de controle."),
    "from_at": N_("Kies wanneer de controle begint, binnen de termijn van de spelregels."),
    "until_at": N_("Kies wanneer de controle ophoudt: na het begin, hoogstens zeven dagen later."),
    "persons": N_("Vul een aantal in, van 1 tot 200. Schatten mag."),
}


@router.get(PATH)
def listed(visit: Reader) -> Response:
    """What is planned, and the form for whoever may announce."""
    return _page(visit, "pre_alerts.html", Form({"once": secrets.token_urlsafe(16)}))


@router.get(f"{PATH}/deel")
def listed_part(visit: Reader) -> Response:
    """What of it is live."""
    return _page(visit, "pre_alerts_part.html", Form())


@router.post(PATH)
def announce(visit: Announcer) -> Response:
    """Announce a planned check, or show what is wrong."""
    try:
        values = {name: visit.local(name, AMSTERDAM) for name in ("from_at", "until_at")}
    except (ValueError, OverflowError):
        values = {}
    try:
        shape = typed.read(PreAlertIn, {**values, "region": visit.field("region"), "persons": visit.field("persons")})

        def work(tx: Tx) -> PreAlertOut:
            made = service.announce(tx, visit.actor, shape)
            return next(found for found in queries.pre_alerts(tx, visit.actor) if found.id == made.id)

        visit.once(shape, work)
    except (ValidationError, Invalid) as refusal:
        names = typed.wrong_fields(visit.words, refusal)
        errors = {name: visit.words.gettext(WRONG[name]) for name in WRONG if name in names}
        return _page(visit, "pre_alerts.html", visit.filled(errors), 400)
    except Conflict as refusal:
        again = Form({**visit.filled().values, "once": secrets.token_urlsafe(16)})
        return _page(visit, "pre_alerts.html", again, 409, flash_text(visit.words, refusal.code))
    return visit.go(PATH, "pre_alert_announced")


@router.post(f"{PATH}/{{pre_alert_id}}/intrekken")
def withdraw(pre_alert_id: Id, visit: Announcer) -> Response:
    """It does not go on."""
    return visit.act(lambda tx: service.withdraw_pre_alert(tx, visit.actor, pre_alert_id), PATH, "pre_alert_withdrawn")


def _page(visit: Visit, template: str, form: Form, status: int = 200, warning: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        planned = queries.pre_alerts(tx, visit.actor)
        regions = [(region.code, region.name) for region in registry.regions(tx)]
    return visit.page(
        template,
        frame,
        status=status,
        form=form,
        planned=planned,
        regions=regions,
        region_names=dict(regions),
        may_announce=may(visit.actor, Verb.PRE_ALERT_SEND),
        warning=warning,
    )
