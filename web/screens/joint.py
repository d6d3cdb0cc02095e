"""What municipalities that pay jointly agreed about a house, what its rooms are for, and crisis beds for a while."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Verb
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.placing import queries as placing
from nrm.registry import joint, queries
from nrm.registry.rules import DISPLACED, Use
from nrm.registry.schemas import AgreementIn, AgreementOut, DesignationIn, UseIn
from web.pages import Form
from web.refusals import flash_text
from web.typed import day, read, said, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.PLACES_READ))]
Keeper = Annotated[Visit, Depends(Act(Verb.PLACES_KEEP))]
Payer = Annotated[Visit, Depends(Screen(Verb.SHARES_READ))]

LEND_HOURS = (0, 2, 4, 8, 24, 48)
NEVER = "never"
EMPTY_ROWS = 2
"""Rows for municipalities that join, below those that take part."""
DESIGNATION_DAYS = (1, 3, 7, 14)
DAYS = ("contract_ends_on", "funding_ends_on")
NUMBERS = ("first_days_max", "ring_fenced")

WRONG = {
    "shares": N_("Kies elke gemeente één keer, met een deel van 1 tot 1000."),
    "lend_after_hours": N_("Kies wanneer anderen deze plekken mogen gebruiken."),
    "first_days_max": N_("Vul een aantal dagen in van 1 tot 366, of laat het leeg."),
    "ring_fenced": N_("Vul een aantal in, niet meer dan er plekken zijn."),
}


@router.get("/opvang/{location_id}/afspraken")
def agreement(location_id: Id, visit: Reader) -> Response:
    """The agreement of one house as it stands, to change."""
    return _page(visit, location_id, None)


@router.post("/opvang/{location_id}/afspraken")
def agree(location_id: Id, visit: Keeper) -> Response:
    """Write down the whole agreement. Changed meanwhile: what was typed stays."""
    errors = {}
    values: dict[str, object] = {name: visit.field(name) for name in (*NUMBERS, "version")}
    values["ring_fenced"] = visit.field("ring_fenced") or 0
    for name in DAYS:
        try:
            values[name] = day(visit.field(name))
        except ValueError:
            errors[name] = said(visit.words, "unreadable_date")
    lend = visit.field("lend_after_hours")
    if lend != NEVER:
        values["lend_after_hours"] = lend
        if not lend:
            errors["lend_after_hours"] = visit.words.gettext(WRONG["lend_after_hours"])
    try:
        shape = read(AgreementIn, {**values, "shares": _shares(visit)})
        if not errors:
            with visit.writing() as tx:
                joint.agree(tx, visit.actor, location_id, shape)
            return visit.go(f"/opvang/{location_id}/afspraken", "agreed")
    except Conflict as refusal:
        return _page(visit, location_id, visit.filled(), 409, flash_text(visit.words, refusal.code))
    except (ValidationError, Invalid) as error:
        names = wrong_fields(visit.words, error)
        errors |= {name: visit.words.gettext(WRONG[name]) for name in WRONG if name in names}
    return _page(visit, location_id, visit.filled(errors), 400)


@router.post("/opvang/{location_id}/kamer/{unit_id}/gebruik")
def set_use(location_id: Id, unit_id: Id, visit: Keeper) -> Response:
    """What a room is for."""

    def work(tx: Tx) -> None:
        joint.set_use(tx, visit.actor, unit_id, read(UseIn, {"use": visit.field("use")}).use)

    return visit.act(work, f"/opvang/{location_id}/afspraken#kamers", "use_set")


@router.post("/opvang/{location_id}/kamer/{unit_id}/crisisbed")
def designate(location_id: Id, unit_id: Id, visit: Keeper) -> Response:
    """A regular room is a crisis bed for a number of days from now."""

    def work(tx: Tx) -> None:
        values = {"until": _until(visit, tx.now), "displaces": visit.field("displaces")}
        shape = read(DesignationIn, values)
        joint.designate(tx, visit.actor, unit_id, shape.until, shape.displaces)

    return visit.act(work, f"/opvang/{location_id}/afspraken#kamers", "designated")


@router.post("/opvang/{location_id}/kamer/{unit_id}/crisisbed/klaar")
def end_designation(location_id: Id, unit_id: Id, visit: Keeper) -> Response:
    """The room goes back to its own use."""
    back = f"/opvang/{location_id}/afspraken#kamers"
    return visit.act(lambda tx: joint.end_designation(tx, visit.actor, unit_id), back, "designation_ended")


@router.get("/gedeeld")
def paid_for(visit: Payer) -> Response:
    """The houses that municipalities of the region pay for, and how they are used now."""
    return _paid_for(visit, "paid_for.html")


@router.get("/gedeeld/deel")
def paid_for_part(visit: Payer) -> Response:
    """The live part of it."""
    return _paid_for(visit, "paid_for_part.html")


def _paid_for(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        lines = placing.paid_for(tx, joint.paid_for(tx, visit.actor))
        regions = {region.code: region.name for region in queries.regions(tx)}
    return visit.page(template, frame, lines=lines, regions=regions)


def _until(visit: Visit, now: datetime) -> datetime | None:
    typed = visit.field("days")
    return now + timedelta(days=int(typed)) if typed in {str(days) for days in DESIGNATION_DAYS} else None


def _shares(visit: Visit) -> list[dict[str, str]]:
    """The rows that name a municipality. A part that was left empty is one part."""
    return [
        {"municipality": municipality, "parts": visit.field(f"parts_{row}") or "1"}
        for row in range(AgreementIn.model_fields["shares"].metadata[0].max_length)
        if (municipality := visit.field(f"municipality_{row}"))
    ]


def _as_form(found: AgreementOut) -> dict[str, str]:
    never = found.version > 0 and found.lend_after_hours is None
    values = {
        "version": str(found.version),
        "lend_after_hours": NEVER if never else str(found.lend_after_hours or 0),
        **{name: str(getattr(found, name) or "") for name in NUMBERS},
        **{name: getattr(found, name).isoformat() if getattr(found, name) else "" for name in DAYS},
    }
    for row, share in enumerate(found.shares):
        values[f"municipality_{row}"], values[f"parts_{row}"] = share.municipality, str(share.parts)
    return values


def _page(visit: Visit, location_id: str, form: Form | None, status: int = 200, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        views = queries.locations(tx, visit.actor.organisation_id, location_id)
        if not views:
            raise NotFound("no_location")
        (view,) = views
        found = queries.agreement(tx, location_id)
        here = view.location.region_code
        listed = sorted(queries.municipalities(tx), key=lambda one: (one.region_code != here, one.name))
    shown = form or Form(_as_form(found))
    if failure:
        # Whoever sends it again has seen what stands now.
        shown = Form({**shown.values, "version": str(found.version)}, shown.errors)
    rows = sum(name.startswith("municipality_") for name in shown.values) if form else len(found.shares) + EMPTY_ROWS
    return visit.page(
        "agreement.html",
        frame,
        status=status,
        view=view,
        form=shown,
        failure=failure,
        rows=rows,
        municipalities=[(one.code, one.name) for one in listed],
        lend_hours=LEND_HOURS,
        uses=tuple(Use),
        displaced=DISPLACED,
        designation_days=DESIGNATION_DAYS,
    )
