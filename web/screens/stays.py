"""One stay: getting there, aftercare, departure, and what the next house should know. For its house and its owner."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.course import service
from nrm.course.rules import (
    BLOCK_CAUSES,
    EXTENSION_REASONS,
    AftercareItem,
    AftercareOwner,
    AftercareState,
    Driver,
)
from nrm.course.schemas import (
    AftercareIn,
    DepartureIn,
    GettingThereIn,
    HandoverSummaryIn,
    HandoverSummaryOut,
    StayCourseOut,
)
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid
from nrm.intake import queries as intake
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import LANGUAGES, NEEDS
from nrm.placing import queries as placing
from nrm.placing import staying
from nrm.placing.rules import CONTINUITY, DEPARTURE_REASONS, DESTINATIONS
from nrm.registry import queries as registry
from web.labels import LANGUAGE_NAMES, label
from web.pages import Form
from web.typed import day, read, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.STAY_READ))]
Keeper = Annotated[Visit, Depends(Act(Verb.STAY_KEEP))]
Departer = Annotated[Visit, Depends(Act(Verb.STAY_DEPART))]
Writer = Annotated[Visit, Depends(Act(Verb.SUMMARY_READ))]


@router.get("/verblijf/{stay_id}")
def one_stay(stay_id: Id, visit: Reader) -> Response:
    """The page."""
    return _page(visit, stay_id, Form())


@router.post("/verblijf/{stay_id}/onderweg")
def get_there(stay_id: Id, visit: Keeper) -> Response:
    """Agree how the party comes."""

    def work(tx: Tx) -> None:
        try:
            at = visit.local("handover_at", AMSTERDAM)
        except ValueError as error:
            raise Invalid("invalid", (FieldError(("handover_at",), "unreadable_moment"),)) from error
        values = {name: visit.field(name) for name in ("driver", "interpreter", "handover_point", "version")}
        escort = bool(visit.field("escort"))
        service.get_there(
            tx, visit.actor, stay_id, read(GettingThereIn, {**values, "escort": escort, "handover_at": at})
        )

    return _try(visit, work, stay_id, "trip_agreed")


@router.post("/verblijf/{stay_id}/nazorg/{item}")
def keep_aftercare(stay_id: Id, item: AftercareItem, visit: Keeper) -> Response:
    """How one item of the checklist stands."""

    def work(tx: Tx) -> None:
        values: dict[str, object] = {name: visit.field(name) for name in ("state", "owner", "version")}
        for name in ("due_on", "ends_on"):
            values[name] = _day(visit, f"{item}-{name}", name)
        service.keep_aftercare(tx, visit.actor, stay_id, item, read(AftercareIn, values))

    return _try(visit, work, stay_id, "aftercare_kept", f"nazorg-{item}", prefix=f"{item}-")


@router.post("/verblijf/{stay_id}/verwacht-vertrek")
def expect_departure(stay_id: Id, visit: Keeper) -> Response:
    """Another expected departure."""

    def work(tx: Tx) -> None:
        values = {"on": _day(visit, "on", "on"), "reason": visit.field("reason"), "version": visit.field("version")}
        shape = read(DepartureIn, values)
        service.expect_departure(tx, visit.actor, stay_id, shape.on, shape.version, shape.reason)

    return _try(visit, work, stay_id, "departure_expected")


@router.post("/verblijf/{stay_id}/stokt")
def block(stay_id: Id, visit: Keeper) -> Response:
    """What keeps somebody here."""
    back = f"/verblijf/{stay_id}#stokt"
    return visit.act(lambda tx: service.block(tx, visit.actor, stay_id, visit.field("cause")), back, "blocked")


@router.post("/verblijf/{stay_id}/stokt-niet-meer")
def unblock(stay_id: Id, visit: Keeper) -> Response:
    """Nothing any more."""
    return visit.act(lambda tx: service.unblock(tx, visit.actor, stay_id), f"/verblijf/{stay_id}#stokt", "unblocked")


@router.post("/verblijf/{stay_id}/vertrek")
def depart(stay_id: Id, visit: Departer) -> Response:
    """The party left: where to and why."""

    def work(tx: Tx) -> None:
        reason = visit.field("left_because") or None
        continuity = visit.field("continuity") or None
        staying.depart(tx, visit.actor, stay_id, visit.field("destination"), visit.version, reason, continuity)

    return _try(visit, work, stay_id, "departed", home="/opvang")


@router.post("/verblijf/{stay_id}/overdrachtsbericht")
def write_summary(stay_id: Id, visit: Writer) -> Response:
    """What the next house should know."""

    def work(tx: Tx) -> None:
        facts = {criterion: visit.field(f"fact-{criterion}") or "unknown" for criterion in registry.criteria(tx)}
        shape = HandoverSummaryIn.model_validate(
            {
                "facts": facts,
                "needs": visit.fields("needs"),
                "wishes": [f"lang:{code}" for code in visit.fields("languages")],
                "version": visit.version,
            }
        )
        service.write_summary(tx, visit.actor, stay_id, shape)

    return _try(visit, work, stay_id, "summary_written")


def _day(visit: Visit, typed: str, name: str) -> object:
    try:
        return day(visit.field(typed))
    except ValueError as error:
        raise Invalid("invalid", (FieldError((name,), "unreadable_date"),)) from error


def _try(
    visit: Visit,
    work: Callable[[Tx], None],
    stay_id: str,
    done: str,
    anchor: str = "",
    home: str = "",
    prefix: str = "",
) -> Response:
    """Do it and come back; a field that is wrong brings the page back with what was typed and why."""
    back = f"/verblijf/{stay_id}" + (f"#{anchor}" if anchor else "")
    try:
        with visit.writing() as tx:
            work(tx)
    except (ValidationError, Invalid) as error:
        wrong = {f"{prefix}{name}": words for name, words in wrong_fields(visit.words, error).items()}
        return _page(visit, stay_id, visit.filled(wrong))
    except Conflict as refusal:
        return visit.go(back, refusal.code)
    return visit.go(home or back, done)


def _page(visit: Visit, stay_id: str, form: Form) -> Response:
    at_home = visit.actor.role is Role.PROVIDER
    with visit.writing() as tx:  # the reads are logged in it
        frame = visit.frame(tx)
        going = service.open_stay(tx, visit.actor, stay_id)
        request_id = placing.stay(tx, stay_id).request_id
        before = own = known = None
        if at_home and going.status in {"planned", "arrived"}:
            before = service.read_summary(tx, visit.actor, stay_id)
        if at_home and going.status in {"arrived", "departed"} and request_id:
            own = service.own_summary(tx, visit.actor, stay_id)
            known = intake.detail(tx, request_id)
        criteria = registry.criteria(tx)
    form = Form({**_known(going), **_said(own, known), **form.values}, form.errors)
    return visit.page(
        "stay.html",
        frame,
        status=400 if form.errors else 200,
        going=going,
        form=form,
        at_home=at_home,
        back="/opvang" if at_home else f"/aanvragen/{request_id}",
        before=before,
        own=own,
        writes=at_home and going.status in {"arrived", "departed"} and bool(request_id),
        criteria=criteria,
        needs=NEEDS,
        languages=sorted(LANGUAGES, key=lambda code: visit.words.gettext(LANGUAGE_NAMES[code])),
        drivers=[found.value for found in Driver],
        owners=[found.value for found in AftercareOwner],
        states=[found.value for found in AftercareState],
        extensions=EXTENSION_REASONS,
        blocks=BLOCK_CAUSES,
        destinations=DESTINATIONS,
        departure_reasons=DEPARTURE_REASONS,
        continuity=[(code, visit.words.gettext(label("continuity", code))) for code in CONTINUITY],
    )


def _known(going: StayCourseOut) -> dict[str, str | list[str]]:
    """What is known about a stay, as values of its forms."""
    trip = going.getting_there
    values: dict[str, str | list[str]] = {
        "handover_point": going.handover_point or "",
        "on": going.expected_departure.isoformat() if going.expected_departure else "",
    }
    if trip is not None:
        at = trip.handover_at
        values |= {
            "driver": trip.driver.value,
            "escort": "yes" if trip.escort else "",
            "interpreter": trip.interpreter or "",
            "handover_at": at.astimezone(AMSTERDAM).strftime("%Y-%m-%dT%H:%M") if at else "",
        }
    return values


def _said(own: HandoverSummaryOut | None, known: RequestDetail | None) -> dict[str, str | list[str]]:
    """What the house wrote for the next one; before it wrote, what it was told itself when it was asked."""
    if own is not None:
        facts, needs, wishes = own.facts, own.needs, own.wishes
    elif known is not None:
        facts, needs, wishes = known.facts, known.request.needs, known.request.wishes
    else:
        return {}
    languages = [wish.removeprefix("lang:") for wish in wishes]
    return {
        **{f"fact-{criterion}": value.value for criterion, value in facts.items()},
        "needs": needs,
        "languages": languages,
    }
