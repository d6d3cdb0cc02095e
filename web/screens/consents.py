"""Yes in advance: for which houses, how urgent, until when; given by a provider or a municipality, and taken back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm import policy
from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Invalid, NotFound
from nrm.intake.rules import Urgency
from nrm.placing import consents, queries
from nrm.placing.rules import may_consent
from nrm.placing.schemas import ConsentOut
from nrm.registry import queries as registry
from nrm.registry.models import Location
from web.pages import Form
from web.typed import day, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.CONSENT_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.CONSENT_KEEP))]


USUAL_DAYS = 30
"""What the form proposes; whoever gives it may choose otherwise."""

CHOOSE_URGENCY = N_("Kies voor welke haast u vooraf ja zegt.")
CHOOSE_DAY = N_("Kies een dag vanaf vandaag, niet later dan hieronder staat.")


@dataclass(frozen=True)
class Line:
    """One house with what was said for it in advance, if anything."""

    id: str
    location: Location
    consent: ConsentOut | None
    counts: bool
    """Whether the rules ask for a yes in this capacity at all, at any hour."""

    @property
    def last_day(self) -> datetime | None:
        """A moment on the last day on which it stands."""
        return self.consent.valid_until - timedelta(seconds=1) if self.consent else None


@router.get("/vooraf")
def overview(visit: Reader) -> Response:
    """Every house one may say yes for in advance."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        lines = _lines(visit, tx)
    return visit.page("consents.html", frame, lines=lines)


@router.get("/vooraf/{location_id}")
def form(location_id: Id, visit: Reader) -> Response:
    """Say yes in advance for one house."""
    return _form(visit, location_id, Form())


@router.post("/vooraf/{location_id}")
def give(location_id: Id, visit: Keeper) -> Response:
    """Say it."""
    urgencies, point = visit.fields("urgencies"), visit.field("handover_point") or None
    errors: dict[str, str] = {}
    if not urgencies:
        errors["urgencies"] = visit.words.gettext(CHOOSE_URGENCY)
    try:
        until = day(visit.field("until"))
    except ValueError:
        until = None
    if until is None:
        errors["until"] = visit.words.gettext(CHOOSE_DAY)
    try:
        if until and urgencies:
            with visit.writing() as tx:
                consents.give_consent(tx, visit.actor, location_id, urgencies, until, point)
    except Invalid as refusal:
        errors |= wrong_fields(visit.words, refusal)
        if "until" in errors:
            errors["until"] = visit.words.gettext(CHOOSE_DAY)
    if errors:
        return _form(visit, location_id, visit.filled(errors), 400)
    return visit.go("/vooraf", "consent_given")


@router.post("/vooraf/{location_id}/intrekken")
def revoke(location_id: Id, visit: Keeper) -> Response:
    """Take it back."""
    return visit.act(lambda tx: consents.revoke_consent(tx, visit.actor, location_id), "/vooraf", "consent_revoked")


def _lines(visit: Visit, tx: Tx) -> list[Line]:
    said = {consent.location_id: consent for consent in queries.consents_of(tx, visit.actor.organisation_id)}
    _, authority = policy.current(tx, policy.Authority)
    by = "provider" if visit.actor.role is Role.PROVIDER else "municipality"
    asked = {
        pool
        for named in (authority.deciders, authority.deciders_after_hours)
        for pool, deciders in named.items()
        if any(decider.by == by for decider in deciders)
    }
    return [
        Line(view.location.id, view.location, said.get(view.location.id), view.location.pool in asked)
        for view in registry.locations(tx)
        if may_consent(visit.actor, view.location)
    ]


def _form(visit: Visit, location_id: str, shown: Form, status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        line = next((line for line in _lines(visit, tx) if line.id == location_id), None)
        if line is None:
            raise NotFound("no_location")
        _, authority = policy.current(tx, policy.Authority)
    return visit.page(
        "consent.html",
        frame,
        status=status,
        line=line,
        form=shown,
        urgencies=[urgency.value for urgency in Urgency],
        days_max=authority.consent_days_max,
        usual=(frame.now + timedelta(days=min(USUAL_DAYS, authority.consent_days_max))).astimezone(AMSTERDAM).date(),
    )
