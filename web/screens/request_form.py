"""Asking for a place, and amending what was asked: one form, under ten fields, the rest folded away."""

import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm import policy
from nrm.access import queries as access
from nrm.access.rules import Actor, OrganisationKind, Role, Verb, may, owns_case
from nrm.api import Id
from nrm.clock import AMSTERDAM
from nrm.db import Tx
from nrm.errors import Conflict, Invalid, NotFound
from nrm.intake import service as intake
from nrm.intake.api import submitted_out
from nrm.intake.models import PlacementRequest
from nrm.intake.queries import RequestDetail
from nrm.intake.rules import (
    LANGUAGES,
    NEEDS,
    PERSONS_MAX,
    UNPLACED,
    Exploitation,
    Fact,
    Residence,
    UnsafeReason,
    Urgency,
)
from nrm.intake.schemas import AmendIn, RequestIn
from nrm.registry import queries as registry
from nrm.registry.models import Municipality
from web.case_words import party
from web.labels import LANGUAGE_NAMES
from web.pages import Flash, Form
from web.refusals import flash_text
from web.visit import Act, Screen, Visit
from web.words import N_, Words

router = APIRouter(include_in_schema=False)

AREAS_MAX = 10
DAYS = "14"
ASKING = (
    OrganisationKind.CARE_COORDINATION,
    OrganisationKind.POLICE,
    OrganisationKind.MILITARY_POLICE,
    OrganisationKind.LABOUR_INSPECTORATE,
    OrganisationKind.SUPPORT,
    OrganisationKind.MUNICIPALITY,
)
"""Kinds of organisation in whose name a duty officer enters a request."""

# In the order of the page, which is the order in which the summary names them.
WRONG = {
    "on_behalf_of": N_("Kies een organisatie uit de lijst."),
    "region": N_("Kies de regio waar de persoon gevonden is."),
    "urgency": N_("Kies hoe snel de plek nodig is."),
    "sex": N_("Kies vrouw, man of anders."),
    "age": N_("Vul een leeftijd in jaren in, van 0 tot 120. Schatten mag."),
    "persons": N_("Er is minstens één persoon nodig."),
    "unsafe": N_("Kies een regio of gemeente uit de lijst."),
    "refuses_police": N_("Lees dit eerst, en bevestig het."),
    "fact": N_("Kies ja, nee of weet niet."),
    "residence": N_("Kies een van de mogelijkheden."),
    "exploitation": N_("Kies een van de mogelijkheden."),
    "needs": N_("Kies een van de mogelijkheden."),
    "wishes": N_("Kies een van de mogelijkheden."),
    "needed_from": N_("Kies een moment, van gisteren tot een jaar vooruit."),
    "days": N_("Vul een aantal dagen in, van 1 tot 366."),
    "apart": N_("Schrijf codes zoals KR 4820, met een komma ertussen."),
    "version": N_("Open dit formulier opnieuw."),
}
_FIELD = {"neededFrom": "needed_from", "onBehalfOf": "on_behalf_of", "facts": "fact", "refusesPolice": "refuses_police"}
_FOLDED = ("fact", "residence", "exploitation", "needs", "wishes", "needed_from", "days", "apart")
_ALSO_CALLED = {"denhaag": "'s-Gravenhage", "denbosch": "'s-Hertogenbosch", "friesland": "Fryslân"}

Asker = Annotated[Visit, Depends(Screen(Verb.REQUEST_SUBMIT))]
Sender = Annotated[Visit, Depends(Act(Verb.REQUEST_SUBMIT))]
Looker = Annotated[Visit, Depends(Screen(Verb.REQUEST_CHANGE))]
Changer = Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]


@dataclass(frozen=True)
class Area:
    """A region or a municipality somebody can name as unsafe."""

    name: str
    region: str | None = None
    municipality: str | None = None


@dataclass(frozen=True)
class Typed:
    """A form as it was sent: the values for the API's shape, and what could not be read."""

    values: dict[str, Any]
    errors: dict[str, str]


@router.get("/aanvragen/nieuw")
def blank(visit: Asker) -> Response:
    """The empty form, with what we can guess."""
    with visit.reading() as tx:
        preset = {
            "region": visit.actor.region_code or "",
            "urgency": Urgency.NOW.value,
            "days": DAYS,
            "once": secrets.token_urlsafe(16),
        }
        return _page(visit, tx, Form(preset))


@router.post("/aanvragen/nieuw")
def send(visit: Sender) -> Response:
    """Take the request in, or show what is still wrong; the buttons for one more person or area come here too."""
    if visit.field("step"):
        with visit.reading() as tx:
            return _page(visit, tx, *_stepped(visit))
    with visit.reading() as tx:
        typed = _typed(visit, tx)
        shape, errors = shaped(visit.words, RequestIn, typed)
        if unwarned(visit):
            errors = in_order(errors | {"refuses_police": visit.words.gettext(WRONG["refuses_police"])})
        if shape is None or errors:
            return _page(visit, tx, visit.filled(errors), status=400)
    try:
        receipt = visit.once(shape, lambda tx: submitted_out(intake.submit(tx, visit.actor, shape)))
    except Invalid as refusal:
        with visit.reading() as tx:
            return _page(visit, tx, visit.filled(refused(visit.words, refusal)), status=400)
    except Conflict as refusal:
        # A used key means: sent before, perhaps otherwise. A new key lets the person send it on purpose.
        again = visit.filled()
        again = Form({**again.values, "once": secrets.token_urlsafe(16)})
        with visit.reading() as tx:
            return _page(visit, tx, again, status=409, warning=flash_text(visit.words, refusal.code))
    return _after(visit, shape, receipt)


@router.get("/aanvragen/{request_id}/wijzigen")
def amending(request_id: Id, visit: Looker) -> Response:
    """The same form with what is known."""
    with visit.writing() as tx:
        detail = _own(visit, tx, request_id)
        if detail.request.status not in UNPLACED:
            return visit.go(f"/aanvragen/{request_id}", "not_waiting")
        return _page(visit, tx, Form(_known(tx, detail)), detail=detail)


@router.post("/aanvragen/{request_id}/wijzigen")
def amend(request_id: Id, visit: Changer) -> Response:
    """Store what was learned. If somebody else changed it meanwhile, what was typed stays, next to how it is now."""
    back = f"/aanvragen/{request_id}"
    with visit.writing() as tx:
        detail = _own(visit, tx, request_id)
        if visit.field("step"):
            return _page(visit, tx, *_stepped(visit), detail=detail)
        typed = _typed(visit, tx, detail)
        shape, errors = shaped(visit.words, AmendIn, typed)
        if shape is None or errors:
            return _page(visit, tx, visit.filled(errors), status=400, detail=detail)
    try:
        with visit.writing() as tx:
            intake.amend(tx, visit.actor, request_id, shape)
    except Invalid as refusal:
        with visit.writing() as tx:
            errors = refused(visit.words, refusal)
            return _page(visit, tx, visit.filled(errors), status=400, detail=_own(visit, tx, request_id))
    except Conflict as refusal:
        if refusal.code != "changed_meanwhile":
            return visit.go(back, refusal.code)
        with visit.writing() as tx:
            detail = _own(visit, tx, request_id)
            again = Form({**visit.filled().values, "version": str(detail.request.version)})
            warning = flash_text(visit.words, refusal.code)
            return _page(visit, tx, again, status=409, detail=detail, warning=warning)
    return visit.go(back, "request_amended")


def _after(visit: Visit, shape: RequestIn, receipt: Mapping[str, Any]) -> Response:
    """Where the sender goes on: to the case, to its state, or to a receipt when it is out of their sight from here."""
    alone = bool(receipt["minorAlone"])
    if may(visit.actor, Verb.REQUEST_READ):
        return visit.go(f"/aanvragen/{receipt['id']}", "request_sent_minor" if alone else "request_sent")
    if shape.refuses_police and visit.actor.investigative:
        with visit.reading() as tx:
            desk = access.organisations_of_kind(tx, OrganisationKind.NATIONAL_DESK)
            return visit.page("request_handed_over.html", visit.frame(tx), code=receipt["shortCode"], desk=desk[0])
    return visit.go(f"/gevolgd/{receipt['id']}", "request_sent_minor" if alone else "request_sent_followed")


def unwarned(visit: Visit) -> bool:
    """Whether an investigative body ticks that the person wants no police, and was not told yet what that means."""
    return visit.actor.investigative and bool(visit.field("refuses_police")) and not visit.field("understood")


def _own(visit: Visit, tx: Tx, request_id: str) -> RequestDetail:
    """A request the actor decides on; the read is logged. Somebody else's is not found."""
    detail = intake.open_case(tx, visit.actor, request_id, "amend")
    if not owns_case(visit.actor, detail.request):
        raise NotFound("no_request")
    return detail


def _stepped(visit: Visit) -> tuple[Form, int, str]:
    """The form after a button for one person or area more or less, and which field to go on in."""
    values = dict(visit.filled().values)
    count = _count(visit)
    step, _, which = visit.field("step").partition(":")
    if step == "person" and count < PERSONS_MAX:
        values["persons"] = str(count + 1)
        return Form(values), 200, f"sex-{count}"
    if step == "without" and which.isdecimal() and 0 < int(which) < count:
        for position in range(int(which), count):
            for name in ("sex", "age", "about", "parent"):
                values.pop(f"{name}-{position}", None)
                if later := visit.field(f"{name}-{position + 1}"):
                    values[f"{name}-{position}"] = later
        values["persons"] = str(count - 1)
        return Form(values), 200, "more-persons"
    if step == "area":
        named = visit.fields("unsafe")[:AREAS_MAX]
        values["unsafe"] = [*named, ""]
        return Form(values), 200, f"unsafe-{len(named)}"
    return Form(values), 200, ""


def _count(visit: Visit) -> int:
    """How many persons the form has rows for."""
    typed = visit.field("persons")
    return min(max(int(typed), 1), PERSONS_MAX) if typed.isdecimal() and len(typed) < 4 else 1


def _typed(visit: Visit, tx: Tx, detail: RequestDetail | None = None) -> Typed:
    """Read the form. What it cannot read stands in the errors; the rest is for the shape to judge."""
    typed = circumstances(visit, tx, detail)
    persons = [person_typed(visit, position) for position in range(_count(visit))]
    return Typed({**typed.values, "persons": persons, "version": visit.field("version")}, typed.errors)


def person_typed(visit: Visit, position: int) -> dict[str, Any]:
    """One row of the form as a person of the shape."""
    return {
        "sex": visit.field(f"sex-{position}"),
        "age": visit.field(f"age-{position}"),
        "ageEstimated": bool(visit.field(f"about-{position}")),
        "parent": bool(visit.field(f"parent-{position}")),
    }


def circumstances(visit: Visit, tx: Tx, detail: RequestDetail | None = None) -> Typed:
    """Read what the form says of everybody in it: where, how soon, what is known and needed."""
    errors: dict[str, str] = {}
    values: dict[str, Any] = {
        "region": visit.field("region"),
        "municipality": _municipality(visit, tx),
        "urgency": visit.field("urgency"),
        "exploitation": visit.field("exploitation") or Exploitation.UNKNOWN,
        "residence": visit.field("residence") or Residence.UNKNOWN,
        "facts": {
            criterion: visit.field(f"fact-{criterion}") or Fact.UNKNOWN.value for criterion in registry.criteria(tx)
        },
        "needs": visit.fields("needs"),
        "wishes": visit.fields("wishes"),
        "refusesPolice": bool(visit.field("refuses_police")),
        "days": visit.field("days") or DAYS,
        "apart": [code.strip() for code in visit.field("apart").replace(";", ",").split(",") if code.strip()],
        "onBehalfOf": visit.field("on_behalf_of") or None,
    }
    unsafe = _unsafe(visit, tx, errors, detail)
    values["unsafe"] = unsafe
    try:
        values["neededFrom"] = visit.local("needed_from", AMSTERDAM)
    except (ValueError, OverflowError):
        errors["needed_from"] = visit.words.gettext(WRONG["needed_from"])
    return Typed(values, errors)


def _municipality(visit: Visit, tx: Tx) -> str | None:
    """The municipality that was chosen, if it is one of the region that was chosen.

    Of another region it is what was left standing when the region changed: then it is not known, and nobody who needs
    a place tonight is held up by it.
    """
    code, region = visit.field("municipality"), visit.field("region")
    return code if (code, region) in {(one.code, one.region_code) for one in registry.municipalities(tx)} else None


def _unsafe(visit: Visit, tx: Tx, errors: dict[str, str], detail: RequestDetail | None) -> list[dict[str, str]]:
    """Where it is unsafe, as the shape wants it. A reason that was given before stays."""
    before = dict(detail.unsafe) if detail else {}
    found_in = detail.request.region_code if detail else visit.field("region")
    chosen: dict[tuple[str, str], dict[str, str]] = {}
    if visit.field("unsafe_here") and found_in:
        reason = before.get(found_in, UnsafeReason.FOUND_HERE)
        chosen["region", found_in] = {"region": found_in, "reason": reason}
    named = visit.fields("unsafe")
    areas = _areas(tx) if named else {}
    for name in named:
        area = areas.get(_folded(name)) or areas.get(_folded(_ALSO_CALLED.get(_folded(name), "")))
        if area is None:
            errors["unsafe"] = _unknown_area(visit.words, name, areas)
        elif area.region:
            reason = before.get(area.region, UnsafeReason.NETWORK)
            chosen.setdefault(("region", area.region), {"region": area.region, "reason": reason})
        elif area.municipality:
            chosen["municipality", area.municipality] = {
                "municipality": area.municipality,
                "reason": UnsafeReason.NETWORK,
            }
    return list(chosen.values())


def _unknown_area(words: Words, name: str, areas: Mapping[str, Area]) -> str:
    near = get_close_matches(_folded(name), list(areas), n=3, cutoff=0.6)
    near += [key for key in areas if _folded(name) and key.startswith(_folded(name))]
    names = list(dict.fromkeys(areas[key].name for key in near))[:3]
    if not names:
        return words.gettext("“%(name)s” kennen we niet. Kies een regio of gemeente uit de lijst.", name=name[:60])
    return words.gettext("“%(name)s” kennen we niet. Bedoelt u: %(near)s?", name=name[:60], near=", ".join(names))


def _areas(tx: Tx) -> dict[str, Area]:
    """Every way to write a region or municipality → what it is. A name that could be two places is not accepted."""
    found: dict[str, Area] = {}
    short: dict[str, list[Area]] = {}
    for municipality in registry.municipalities(tx):
        area = Area(municipality.name, municipality=municipality.code)
        found[_folded(municipality.name)] = area
        found[_folded(f"{municipality.name} gemeente")] = area
        short.setdefault(_folded(municipality.name.partition(" (")[0]), []).append(area)
    for name, areas in short.items():
        if len(areas) == 1:
            found.setdefault(name, areas[0])
    for region in registry.regions(tx):
        area = Area(region.name, region=region.code)
        # Utrecht the region goes before Utrecht the municipality: that counts as its region anyhow.
        found[_folded(region.name)] = found[_folded(f"{region.name} regio")] = area
    return found


def _folded(name: str) -> str:
    """A name without case, accents, spaces and signs."""
    plain = unicodedata.normalize("NFKD", name[:200]).casefold()
    return "".join(character for character in plain if character.isalnum())


def shaped(words: Words, shape: Any, typed: Typed) -> tuple[Any, dict[str, str]]:
    """The shape, or None, and what is wrong per field in the order of the page."""
    names = {field.alias or name for name, field in shape.model_fields.items()}
    errors = dict(typed.errors)
    made = None
    try:
        made = shape.model_validate({name: value for name, value in typed.values.items() if name in names})
    except ValidationError as error:
        for found in error.errors():
            name, field = _field_of(found["loc"])
            if name == "persons" and len(typed.values["persons"]) <= PERSONS_MAX:
                continue  # the list is wrong because a person in it is, and that is said at the person
            errors.setdefault(name, words.gettext(WRONG.get(field, WRONG["residence"])))
    return made, in_order(errors)


def refused(words: Words, refusal: Invalid) -> dict[str, str]:
    errors: dict[str, str] = {}
    for found in refusal.fields:
        name, field = _field_of(found.path)
        errors.setdefault(name, words.gettext(WRONG.get(field, WRONG["residence"])))
    return in_order(errors or {"region": flash_text(words, refusal.code)})


def _field_of(path: tuple[str | int, ...]) -> tuple[str, str]:
    """The name of the input that a path of the shape came from, and which message belongs to it."""
    first = str(path[0]) if path else "region"
    if first == "persons" and len(path) >= 3:
        field = "age" if path[2] == "age" else "sex"
        return f"{field}-{path[1]}", field
    field = _FIELD.get(first, first)
    if field == "fact" and len(path) > 1:
        return f"fact-{path[1]}", field
    return field, field


def in_order(errors: dict[str, str]) -> dict[str, str]:
    order = list(WRONG)

    def place(name: str) -> tuple[int, int]:
        field, _, which = name.partition("-")
        # Persons one after the other: sex and age of the first before those of the second.
        persons = ("sex", "age")
        rank = order.index("sex") if field in persons else order.index(field) if field in order else len(order)
        return rank, int(which) * 2 + persons.index(field) if field in persons and which.isdecimal() else 0

    return {name: errors[name] for name in sorted(errors, key=place)}


def _known(tx: Tx, detail: RequestDetail) -> dict[str, str | list[str]]:
    """What is known about a request, as values of the form."""
    found = detail.request
    names = {region.code: region.name for region in registry.regions(tx)}
    values: dict[str, str | list[str]] = {
        "version": str(found.version),
        "urgency": found.urgency,
        "persons": str(len(detail.persons)),
        "unsafe_here": "yes" if found.region_code in detail.unsafe else "",
        "unsafe": [names[code] for code in detail.unsafe if code != found.region_code],
        "refuses_police": "yes" if found.refuses_police else "",
        "exploitation": found.exploitation,
        "residence": found.residence,
        "needs": list(found.needs),
        "wishes": list(found.wishes),
        "days": str(found.days),
        "apart": ", ".join(detail.apart),
        # A start in the past is as good as now, and the service would refuse it after a day.
        "needed_from": _local(found.needed_from) if found.needed_from > tx.now else "",
    }
    for position, person in enumerate(detail.persons):
        values[f"sex-{position}"] = person.sex.value
        values[f"age-{position}"] = str(person.age)
        values[f"about-{position}"] = "yes" if person.age_estimated else ""
        values[f"parent-{position}"] = "yes" if person.parent else ""
    return values | {f"fact-{criterion}": value.value for criterion, value in detail.facts.items()}


def _local(instant: datetime) -> str:
    return instant.astimezone(AMSTERDAM).strftime("%Y-%m-%dT%H:%M")


def _page(
    visit: Visit,
    tx: Tx,
    form: Form,
    status: int = 200,
    focus: str = "",
    detail: RequestDetail | None = None,
    warning: str = "",
) -> Response:
    count = form.value("persons", "1")
    return visit.page(
        "request_form.html",
        visit.frame(tx),
        status=status,
        rows=range(min(max(int(count), 1), PERSONS_MAX) if count.isdecimal() and len(count) < 4 else 1),
        persons_max=PERSONS_MAX,
        party=party(visit.words, detail.persons) if detail else "",
        warning=Flash("warning", warning) if warning else None,
        **shown(visit, tx, form, focus, detail),
    )


def shown(
    visit: Visit, tx: Tx, form: Form, focus: str, detail: RequestDetail | None = None, many: bool = False
) -> dict[str, Any]:
    """What the shared parts of an asking form need to be drawn."""
    regions = registry.regions(tx)
    municipalities = registry.municipalities(tx)
    _, ladder = policy.current(tx, policy.Ladder)
    if detail is not None:
        ladder = policy.at_version(tx, policy.Ladder, detail.request.ladder_version)
    places = [(region.name, visit.words.gettext("regio")) for region in regions]
    places += [(found.name, visit.words.gettext("gemeente")) for found in municipalities]
    return {
        "form": form,
        "focus": focus,
        "many": many,
        "detail": detail,
        "areas": list(form.chosen("unsafe")) or [""],
        "areas_max": AREAS_MAX,
        "regions": [(region.code, region.name) for region in regions],
        "municipalities": municipalities_of([region.code for region in regions], municipalities),
        "region_names": {region.code: region.name for region in regions},
        "municipality": municipality_name(visit.words, tx, detail.request) if detail else "",
        "places": places,
        "deadline_minutes": ladder.deadline_minutes,
        "urgencies": [urgency.value for urgency in Urgency],
        "criteria": registry.criteria(tx),
        "needs": NEEDS,
        "languages": sorted(LANGUAGES, key=lambda code: visit.words.gettext(LANGUAGE_NAMES[code])),
        "exploitations": [found.value for found in Exploitation],
        "residences": [found.value for found in Residence],
        "organisations": organisations_asking(tx, visit.actor) if detail is None else [],
        "open_details": _open_details(form),
    }


def municipalities_of(
    region_codes: Iterable[str], municipalities: Iterable[Municipality]
) -> dict[str, list[tuple[str, str]]]:
    """Region → its municipalities to choose from, by code and name."""
    found: dict[str, list[tuple[str, str]]] = {code: [] for code in region_codes}
    for one in municipalities:
        if one.region_code in found:
            found[one.region_code].append((one.code, one.name))
    return found


def municipality_name(words: Words, tx: Tx, found: PlacementRequest) -> str:
    """In which municipality it was, in words."""
    if found.municipality_code is None:
        return words.gettext("niet bekend")
    day = found.created_at.astimezone(AMSTERDAM).date()
    names = {one.code: one.name for one in registry.municipalities(tx, day)}
    return names.get(found.municipality_code, found.municipality_code)


def _open_details(form: Form) -> bool:
    """Whether something in the folded part was filled in or is wrong: then it must not stay hidden."""
    usual: Iterable[str] = ("", "unknown", DAYS)
    return any(
        name.partition("-")[0] in _FOLDED and (name in form.errors or any(v not in usual for v in form.chosen(name)))
        for name in {*form.values, *form.errors}
    )


def organisations_asking(tx: Tx, actor: Actor) -> list[tuple[str, str]]:
    """In whose name a duty officer can ask; nobody else can."""
    if actor.role is not Role.DUTY_OFFICER:
        return []
    return [(found.id, found.name) for kind in ASKING for found in access.organisations_of_kind(tx, kind)]
