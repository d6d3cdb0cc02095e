"""People found together: one form for all of them, and one page on which their places are asked for in one go."""

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access import queries as access
from nrm.access.rules import OrganisationKind, Verb, may, owns_case
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, Forbidden, Invalid
from nrm.intake import queries as intake_queries
from nrm.intake import service as intake
from nrm.intake.api import group_out
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import GROUP_PARTIES_MAX, UNPLACED, RequestStatus
from nrm.intake.schemas import GroupIn, GroupOut, PersonIn
from nrm.placing import queries as placing
from nrm.placing import service
from nrm.placing.models import Proposal
from nrm.placing.schemas import GroupOfferIn
from nrm.registry import queries as registry
from nrm.registry.rules import TRUSTED
from web.case_words import party
from web.pages import Form
from web.refusals import flash_text
from web.screens.request_form import DAYS, WRONG, Typed, circumstances, in_order, person_typed, refused, shaped, shown
from web.screens.request_form import unwarned as police_unwarned
from web.visit import Act, Screen, Visit
from web.words import N_

router = APIRouter(include_in_schema=False)

ROWS_MAX = 20
FAMILIES_MAX = 6

Asker = Annotated[Visit, Depends(Screen(Verb.REQUEST_SUBMIT))]
Sender = Annotated[Visit, Depends(Act(Verb.REQUEST_SUBMIT))]
Reader = Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]
Changer = Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]
OfferSender = Annotated[Visit, Depends(Act(Verb.OFFER_SEND))]

NUMBER = N_("Vul een aantal in, van 1 tot 40.")
PARTIES = N_("Een groep heeft minstens twee en hoogstens 40 mensen of families. Eén familie telt hoogstens 20 mensen.")


@dataclass(frozen=True)
class Line:
    """One party of the group in the list."""

    detail: RequestDetail
    party: str
    status: str
    unmet: bool
    first: str
    """Where it is proposed a place: region and house, or nothing."""

    @property
    def id(self) -> str:
        """Its row."""
        return self.detail.request.id


@router.get("/groepen/nieuw")
def blank(visit: Asker) -> Response:
    """The empty form, with what we can guess."""
    with visit.reading() as tx:
        preset = {
            "region": visit.actor.region_code or "",
            "urgency": "now",
            "days": DAYS,
            "together": "yes",
            "once": secrets.token_urlsafe(16),
        }
        return _form(visit, tx, Form(preset))


@router.post("/groepen/nieuw")
def send(visit: Sender) -> Response:
    """Take everybody in, or show what is still wrong; the buttons for more rows come here too."""
    if visit.field("step"):
        with visit.reading() as tx:
            return _form(visit, tx, *_stepped(visit))
    with visit.reading() as tx:
        typed = circumstances(visit, tx)
        parties, wrong = _parties(visit)
        values = {**typed.values, "parties": parties, "together": visit.field("together") == "yes"}
        shape, errors = shaped(visit.words, GroupIn, Typed(values, {**typed.errors, **wrong}))
        if police_unwarned(visit):
            errors = in_order(errors | {"refuses_police": visit.words.gettext(WRONG["refuses_police"])})
        if shape is None or errors:
            return _form(visit, tx, visit.filled(errors), status=400)
    try:
        receipt = visit.once(shape, lambda tx: group_out(intake.submit_group(tx, visit.actor, shape)))
    except (Invalid, Conflict) as refusal:
        errors = (
            refused(visit.words, refusal)
            if isinstance(refusal, Invalid)
            else {"region": flash_text(visit.words, refusal.code)}
        )
        with visit.reading() as tx:
            # A used key means: sent before, perhaps otherwise. A new key lets the person send it on purpose.
            again = Form({**visit.filled().values, "once": secrets.token_urlsafe(16)}, errors)
            return _form(visit, tx, again, status=refusal.status)
    return _after(visit, shape, receipt)


@router.get("/groepen/{group_id}")
def group(group_id: Id, visit: Reader) -> Response:
    """Everybody in a group, where each could go, and one button to ask for all of it."""
    return _group(visit, group_id, "group.html")


@router.get("/groepen/{group_id}/deel")
def group_part(group_id: Id, visit: Reader) -> Response:
    """What of the group is live."""
    return _group(visit, group_id, "group_part.html")


@router.post("/groepen/{group_id}/vragen")
def ask(group_id: Id, visit: OfferSender) -> Response:
    """Hold the first proposal of everybody who waits, and ask whoever may decide."""
    back = f"/groepen/{group_id}"
    shape = GroupOfferIn(phoned=bool(visit.field("phoned")))

    def work(tx: Tx) -> GroupOut:
        service.send_group(tx, visit.actor, group_id, phoned=shape.phoned)
        return group_out(intake_queries.group(tx, group_id))

    try:
        visit.once(shape, work)
    except (Conflict, Invalid, Forbidden) as refusal:
        return visit.go(back, next((f"reason.{reason}" for reason in refusal.reasons), refusal.code))
    return visit.go(back, "group_asked")


@router.post("/groepen/{group_id}/samen")
def set_together(group_id: Id, visit: Changer) -> Response:
    """To one house or nowhere, or spread."""
    together = visit.field("together") == "yes"
    return visit.act(
        lambda tx: intake.set_together(tx, visit.actor, group_id, together), f"/groepen/{group_id}", "group_changed"
    )


def _after(visit: Visit, shape: GroupIn, receipt: Mapping[str, Any]) -> Response:
    if may(visit.actor, Verb.REQUEST_READ):
        return visit.go(f"/groepen/{receipt['id']}", "group_sent")
    if shape.refuses_police and visit.actor.investigative:
        with visit.reading() as tx:
            desk = access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)
            code = receipt["requests"][0]["shortCode"]
            return visit.page("request_handed_over.html", visit.frame(tx), code=code, desk=desk[0])
    return visit.go("/gevolgd", "group_sent")


def _parties(visit: Visit) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of the form as parties: a family together, everybody else on their own; and what is wrong where."""
    errors: dict[str, str] = {}
    alone: list[dict[str, Any]] = []
    families: dict[str, dict[str, Any]] = {}
    for row in _rows(visit):
        number = visit.field(f"number-{row}") or "1"
        if not number.isdecimal() or not 1 <= int(number[:9]) <= GROUP_PARTIES_MAX:
            errors[f"number-{row}"] = visit.words.gettext(NUMBER)
            continue
        person = person_typed(visit, row)
        try:
            PersonIn.model_validate(person)
        except ValidationError as wrong:
            for found in wrong.errors():
                field = "age" if found["loc"][0] == "age" else "sex"
                errors[f"{field}-{row}"] = visit.words.gettext(WRONG[field])
            continue
        persons, apart = [person] * int(number), bool(visit.field(f"apart-{row}"))
        if family := visit.field(f"family-{row}"):
            party = families.setdefault(family, {"persons": [], "apart": False})
            party["persons"] += persons
            party["apart"] = party["apart"] or apart
        else:
            alone += [{"persons": [one], "apart": apart} for one in persons]
    parties = [*families.values(), *alone]
    fits = 2 <= len(parties) <= GROUP_PARTIES_MAX and all(len(party["persons"]) <= 20 for party in parties)
    if not errors and not fits:
        errors["number-0"] = visit.words.gettext(PARTIES)
    # What is wrong here is said already; the shape would say it once more, with other words.
    return parties if not errors else [{"persons": [{"sex": "x", "age": 0}]}] * 2, errors


def _count(visit: Visit) -> int:
    typed = visit.field("rows")
    return min(max(int(typed), 2), ROWS_MAX) if typed.isdecimal() and len(typed) < 4 else 2


def _rows(visit: Visit) -> list[int]:
    """The rows in which anything was filled in; the first when that is none."""
    filled = [row for row in range(_count(visit)) if visit.field(f"sex-{row}") or visit.field(f"age-{row}")]
    return filled or [0]


def _stepped(visit: Visit) -> tuple[Form, int, str]:
    """The form after a button for one row or one area more, and which field to go on in."""
    values = dict(visit.filled().values)
    if visit.field("step") == "area":
        named = visit.fields("unsafe")
        values["unsafe"] = [*named, ""]
        return Form(values), 200, f"unsafe-{len(named)}"
    count = _count(visit)
    values["rows"] = str(min(count + 1, ROWS_MAX))
    return Form(values), 200, f"number-{count}"


def _form(visit: Visit, tx: Tx, form: Form, status: int = 200, focus: str = "") -> Response:
    count = form.value("rows", "2")
    frame = visit.frame(tx)
    return visit.page(
        "group_form.html",
        frame,
        status=status,
        rows=range(min(max(int(count), 2), ROWS_MAX) if count.isdecimal() and len(count) < 4 else 2),
        rows_max=ROWS_MAX,
        families=[str(number) for number in range(1, FAMILIES_MAX + 1)],
        **shown(visit, tx, form, focus, many=True),
    )


def _group(visit: Visit, group_id: str, template: str) -> Response:
    with visit.writing() as tx:  # each request shown is a logged read
        frame = visit.frame(tx)
        details = intake.open_group(tx, visit.actor, group_id)
        first = {
            found.request_id: found
            for found in placing.first_proposals(
                tx, [one.request.id for one in details if one.request.status == RequestStatus.OPEN]
            )
        }
        regions = {region.code: region.name for region in registry.regions(tx)}
        places = {found.location_id for found in first.values()}
        houses = {place: registry.locations(tx, location_id=place)[0] for place in places}
        lines = [
            Line(
                detail,
                party(visit.words, detail.persons),
                placing.shown_status(tx, detail.request),
                intake_queries.is_unmet(detail.request, tx.now),
                _where(first.get(detail.request.id), houses, regions),
            )
            for detail in details
        ]
    lines.sort(key=lambda line: (line.detail.request.minor_alone, line.detail.request.short_code))
    head = next((line.detail.request for line in lines if line.id == group_id), lines[0].detail.request)
    return visit.page(
        template,
        frame,
        head=head,
        group_id=group_id,
        lines=lines,
        persons=sum(len(detail.persons) for detail in details),
        together=any(detail.request.together for detail in details),
        owns=owns_case(visit.actor, head),
        waiting=sum(line.detail.request.status in UNPLACED and not line.detail.request.minor_alone for line in lines),
        proposed=len(first),
        houses=Counter(line.first for line in lines if line.first).most_common(),
        call_first=any(view.freshness.band not in TRUSTED for view in houses.values()),
        stamp=max((found.set_id for found in first.values()), default=""),
        region_names=regions,
    )


def _where(found: Proposal | None, houses: Mapping[str, registry.LocationView], regions: Mapping[str, str]) -> str:
    if found is None:
        return ""
    location = houses[found.location_id].location
    return f"{regions[location.region_code]}, {location.code}"
