"""What rooms are good at: by their provider's word, or by that of whoever checked them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from nrm.access.rules import Role, Verb
from nrm.api import Id
from nrm.errors import Conflict, FieldError, Invalid
from nrm.registry import quality
from nrm.registry import queries as registry
from nrm.registry.models import UnitQuality
from nrm.registry.quality import RoomQuality
from nrm.registry.rules import EXPERTISE
from web.insight_words import SAID
from web.labels import label
from web.pages import Form
from web.refusals import flash_text
from web.typed import day, wrong_fields
from web.visit import Act, Screen, Visit

router = APIRouter(include_in_schema=False)

Reader = Annotated[Visit, Depends(Screen(Verb.QUALITY_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.QUALITY_KEEP))]

HERE = "/kwaliteit"


@dataclass(frozen=True)
class Room:
    """A room in the list."""

    id: str
    found: RoomQuality


@dataclass(frozen=True)
class Group:
    """The rooms of one region."""

    id: str
    region: str
    rooms: list[Room]

    @property
    def checked(self) -> int:
        return sum(one.found.checked is not None for one in self.rooms)


@router.get(HERE)
def overview(visit: Reader) -> Response:
    """Every room one may speak of, with what is said of it."""
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = quality.rooms(tx, visit.actor)
        names = {one.code: one.name for one in registry.regions(tx)}
    groups: dict[str, Group] = {}
    for one in found:
        code = one.location.region_code
        groups.setdefault(code, Group(code, names[code], [])).rooms.append(Room(one.unit.id, one))
    return visit.page("quality.html", frame, groups=list(groups.values()), checks=_checks(visit), said=SAID)


@router.get(HERE + "/{unit_id}")
def one(unit_id: Id, visit: Reader) -> Response:
    """One room, to say what it is good at."""
    return _form(visit, unit_id, None)


@router.post(HERE + "/{unit_id}")
def say(unit_id: Id, visit: Keeper) -> Response:
    """Say it. What is wrong is said at its field, and what was typed stays."""
    try:
        try:
            on = day(visit.field("checked_on"))
        except ValueError as error:
            raise Invalid("invalid", (FieldError(("checked_on",), "unreadable_date"),)) from error
        with visit.writing() as tx:
            quality.say(
                tx, visit.actor, unit_id, visit.fields("expertise"), visit.field("norm"), on, visit.field("known")
            )
    except Invalid as refusal:
        return _form(visit, unit_id, visit.filled(wrong_fields(visit.words, refusal)))
    except Conflict as refusal:
        return _form(visit, unit_id, None, flash_text(visit.words, refusal.code))
    return visit.go(HERE, "quality_said")


def _checks(visit: Visit) -> bool:
    """Whether what they say is what a check found."""
    return visit.actor.role is Role.NATIONAL_COORDINATOR


def _form(visit: Visit, unit_id: str, typed: Form | None, failure: str = "") -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = quality.room(tx, visit.actor, unit_id)
    mine = found.checked if _checks(visit) else found.declared
    return visit.page(
        "quality_form.html",
        frame,
        status=400 if typed else 409 if failure else 200,
        room=found,
        known=mine.id if mine else "",
        form=typed or _known(mine),
        checks=_checks(visit),
        choices=[(code, visit.words.gettext(label("expertise", code))) for code in EXPERTISE],
        failure=failure,
    )


def _known(found: UnitQuality | None) -> Form:
    if found is None:
        return Form()
    on = found.checked_on.isoformat() if found.checked_on else ""
    return Form({"expertise": found.expertise, "norm": found.norm, "checked_on": on})
