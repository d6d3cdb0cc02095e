"""The report to CoMensha: the second step after asking, what is late, and the words of the police criteria."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from nrm.access.rules import Role, Verb, may, may_see_case
from nrm.api import Id
from nrm.db import Tx
from nrm.errors import Conflict, FieldError, Invalid
from nrm.intake import queries as intake
from nrm.intake.models import PlacementRequest
from nrm.registry import queries as registry
from nrm.reporting import queries, service
from nrm.reporting.rules import WAITS, NotReason, ReportState
from nrm.reporting.schemas import (
    ConfirmIn,
    OverdueOut,
    PoliceCriteriaIn,
    ReportedPersonOut,
    ReportIn,
    ReportLineOut,
    ReportOut,
)
from web.case_words import ADULTS, MINORS
from web.labels import label
from web.pages import Form
from web.typed import day, read, wrong_fields
from web.visit import Act, Screen, Visit
from web.words import N_, Words

router = APIRouter(include_in_schema=False)

Keeping = Annotated[Visit, Depends(Screen(Verb.REPORT_KEEP))]
Keeper = Annotated[Visit, Depends(Act(Verb.REPORT_KEEP))]
Counting = Annotated[Visit, Depends(Screen(Verb.REPORTS_COUNT))]
Wording = Annotated[Visit, Depends(Screen(Verb.REPORT_CONFIRM))]
Worder = Annotated[Visit, Depends(Act(Verb.REPORT_CONFIRM))]

_MINOR_GROUPS = frozenset({"under_12", "12_15", "16_17"})
_BOTH_LANGUAGES = N_("Schrijf deze vraag in beide talen, of laat beide leeg.")


@dataclass(frozen=True)
class ReportRow:
    """A report in a list."""

    line: ReportLineOut
    region: str

    @property
    def id(self) -> str:
        """Its row."""
        return self.line.request_id


@dataclass(frozen=True)
class OverdueRow:
    """Overdue reports of one region and kind."""

    count: OverdueOut
    region: str

    @property
    def id(self) -> str:
        """Its row."""
        return f"{self.count.region}-{self.count.kind}"


@router.get("/aanvragen/{request_id}/melding")
def form(request_id: Id, visit: Keeping) -> Response:
    """Fill it in; what was sent, or is not to be sent, is only shown."""
    return _form(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/melding")
def keep(request_id: Id, visit: Keeper) -> Response:
    """Keep it and go on to what to send."""
    try:
        try:
            found_on = day(visit.field("found_on"))
        except ValueError as error:
            raise Invalid("invalid", (FieldError(("found_on",), "unreadable_date"),)) from error
        values = {
            "reporter": visit.field("reporter"),
            "agreed": bool(visit.field("agreed")),
            "pseudonymous": bool(visit.field("pseudonymous")),
            "found_on": found_on,
            "version": visit.field("version"),
        }
        answers = {
            name.removeprefix("criterion-"): visit.field(name)
            for name in visit.form
            if name.startswith("criterion-") and visit.field(name)
        }
        shape = read(ReportIn, {**values, "criteria": answers})
        with visit.writing() as tx:
            service.keep(tx, visit.actor, request_id, shape)
    except (ValidationError, Invalid) as error:
        return _form(visit, request_id, visit.filled(wrong_fields(visit.words, error)), 400)
    except Conflict as refusal:
        return visit.go(_at(request_id), refusal.code)
    return visit.go(f"{_at(request_id)}/samenvatting")


@router.get("/aanvragen/{request_id}/melding/samenvatting")
def summary(request_id: Id, visit: Keeping) -> Response:
    """What to send, to copy or to print; and how far it is."""
    return _summary(visit, request_id, Form())


@router.post("/aanvragen/{request_id}/melding/verstuurd")
def send(request_id: Id, visit: Keeper) -> Response:
    """It went out."""
    return visit.act(
        lambda tx: service.send(tx, visit.actor, request_id, visit.version),
        f"{_at(request_id)}/samenvatting",
        "report_sent",
    )


@router.post("/aanvragen/{request_id}/melding/niet")
def drop(request_id: Id, visit: Keeper) -> Response:
    """It is not to be sent, and why."""
    at, reason = f"{_at(request_id)}/samenvatting", visit.field("reason")
    if reason not in {found.value for found in NotReason}:
        return visit.go(at, "invalid")
    return visit.act(
        lambda tx: service.drop(tx, visit.actor, request_id, NotReason(reason), visit.version), at, "report_dropped"
    )


@router.post("/aanvragen/{request_id}/melding/weer-open")
def reopen(request_id: Id, visit: Keeper) -> Response:
    """It is to do after all."""
    return visit.act(
        lambda tx: service.reopen(tx, visit.actor, request_id, visit.version), _at(request_id), "report_reopened"
    )


@router.post("/aanvragen/{request_id}/melding/ontvangen")
def confirm(request_id: Id, visit: Worder) -> Response:
    """CoMensha has it."""
    at = f"{_at(request_id)}/samenvatting"
    try:
        shape = read(ConfirmIn, {"reference": visit.field("reference"), "version": visit.field("version")})
        with visit.writing() as tx:
            service.confirm(tx, visit.actor, request_id, shape)
    except ValidationError as error:
        return _summary(visit, request_id, visit.filled(wrong_fields(visit.words, error)), 400)
    except Conflict as refusal:
        return visit.go(at, refusal.code)
    return visit.go(at, "report_confirmed")


@router.get("/meldingen")
def listed(visit: Keeping) -> Response:
    """The reports one may keep that are not finished."""
    return _listed(visit, "reports.html")


@router.get("/meldingen/deel")
def listed_part(visit: Keeping) -> Response:
    """What of it is live."""
    return _listed(visit, "reports_part.html")


@router.get("/meldingen/te-laat")
def late(visit: Counting) -> Response:
    """What is late, in numbers."""
    return _late(visit, "reports_late.html")


@router.get("/meldingen/te-laat/deel")
def late_part(visit: Counting) -> Response:
    """What of it is live."""
    return _late(visit, "reports_late_part.html")


@router.get("/meldingen/politiecriteria")
def wording(visit: Wording) -> Response:
    """The words of the police criteria."""
    return _wording(visit, Form())


@router.post("/meldingen/politiecriteria")
def word(visit: Worder) -> Response:
    """Word them from now on."""
    names: list[str] = []
    try:
        with visit.writing() as tx:
            codes = [one.code for one in queries.police_criteria(tx).criteria]
            names = [f"{part}-{code}" for code in codes for part in ("nl", "en")]
            words = [{"code": code, "nl": visit.field(f"nl-{code}"), "en": visit.field(f"en-{code}")} for code in codes]
            shape = PoliceCriteriaIn.model_validate({"criteria": words, "version": visit.field("version")})
            service.keep_police_criteria(tx, visit.actor, shape)
    except (ValidationError, Invalid) as error:
        return _wording(visit, visit.filled(_wrong_words(visit.words, error, names)), 400)
    except Conflict as refusal:
        return visit.go("/meldingen/politiecriteria", refusal.code)
    return visit.go("/meldingen/politiecriteria", "police_criteria_kept")


def _at(request_id: str) -> str:
    return f"/aanvragen/{request_id}/melding"


def _back(visit: Visit, request: PlacementRequest) -> str:
    """Where to go without doing anything: the request, for whoever may open or follow it."""
    if may_see_case(visit.actor, request):
        return f"/aanvragen/{request.id}"
    if visit.actor.role is Role.FIRST_RESPONDER and request.submitted_by == visit.actor.account_id:
        return f"/gevolgd/{request.id}"
    return "/meldingen"


def _form(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        found = service.read(tx, visit.actor, request_id)
        back = _back(visit, intake.request(tx, request_id))
        regions = _regions(tx)
    if found.state not in WAITS:
        return visit.go(f"{_at(request_id)}/samenvatting")
    return visit.page(
        "report_form.html",
        frame,
        status=status,
        form=form if form.values else Form(_values(found), form.errors),
        found=found,
        back=back,
        who=[_person(visit.words, one) for one in found.said.persons],
        region=regions[found.said.region],
    )


def _values(found: ReportOut) -> dict[str, str]:
    """What the form shows of a report as it is kept."""
    answers = {f"criterion-{one.code}": str(one.answer) for one in found.criteria}
    return {
        "reporter": found.reporter.id if found.reporter else "",
        "agreed": "yes" if found.state is ReportState.AGREED else "",
        "pseudonymous": "yes" if found.pseudonymous and not found.must_be_pseudonymous else "",
        "found_on": found.said.found_on.strftime("%d-%m-%Y"),
        **answers,
    }


def _summary(visit: Visit, request_id: str, form: Form, status: int = 200) -> Response:
    with visit.writing() as tx:
        frame = visit.frame(tx)
        found = service.read(tx, visit.actor, request_id)
        back = _back(visit, intake.request(tx, request_id))
        regions = _regions(tx)
    lines = _lines(visit.words, found, regions)
    duty = found.reporter is not None and found.reporter.has_duty
    return visit.page(
        "report_summary.html",
        frame,
        status=status,
        form=form,
        found=found,
        back=back,
        lines=lines,
        to_copy="\n".join(f"{term}: {value}" for term, value in lines),
        waits=found.state in WAITS,
        drops=[one.value for one in NotReason if not (duty and one is NotReason.NOT_WANTED)],
        may_confirm=may(visit.actor, Verb.REPORT_CONFIRM),
    )


def _lines(words: Words, found: ReportOut, regions: dict[str, str]) -> list[tuple[str, str]]:
    """What to send, line by line: nothing of who somebody is."""
    said = found.said
    lines = [
        (words.gettext("Code bij ons"), found.short_code),
        (words.gettext("Wie meldt"), found.reporter.name if found.reporter else ""),
        (
            words.gettext("Met of zonder naam"),
            words.gettext("zonder naam (pseudoniem)") if found.pseudonymous else words.gettext("met naam"),
        ),
        (words.gettext("Gevonden op"), said.found_on.strftime("%d-%m-%Y")),
        (words.gettext("Gevonden in"), regions[said.region]),
        (words.gettext("Vorm van uitbuiting"), words.gettext(label("exploitation", said.exploitation))),
        (words.gettext("Om wie het gaat"), "; ".join(_person(words, one) for one in said.persons)),
    ]
    question = "en" if words.language == "en" else "nl"
    lines += [(getattr(one, question), words.gettext(label("tristate", one.answer))) for one in found.criteria]
    return lines


def _person(words: Words, one: ReportedPersonOut) -> str:
    nouns = MINORS if one.age_group in _MINOR_GROUPS else ADULTS
    return words.gettext(
        "%(who)s, %(age)s jaar", who=words.gettext(nouns[one.sex]), age=words.gettext(label("age_group", one.age_group))
    )


def _listed(visit: Visit, template: str) -> Response:
    with visit.writing() as tx:  # each report shown is a logged read
        frame = visit.frame(tx)
        lines = service.read_list(tx, visit.actor)
        regions = _regions(tx)
    rows = [ReportRow(line, regions[line.region]) for line in lines]
    return visit.page(
        template,
        frame,
        waiting=[row for row in rows if row.line.state in WAITS],
        sent=[row for row in rows if row.line.state is ReportState.SENT],
        late=sum(row.line.overdue for row in rows),
        counts=may(visit.actor, Verb.REPORTS_COUNT),
    )


def _late(visit: Visit, template: str) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        counts = service.overdue(tx, visit.actor)
        total, exact = queries.overdue_total(tx, counts)
        regions = _regions(tx)
    most_first = sorted(counts, key=lambda one: -(one.reports or 0))
    rows = [OverdueRow(count, regions[count.region]) for count in most_first]
    return visit.page(template, frame, rows=rows, total=total, exact=exact)


def _wording(visit: Visit, form: Form, status: int = 200) -> Response:
    with visit.reading() as tx:
        frame = visit.frame(tx)
        found = service.police_criteria(tx, visit.actor)
    values = {f"nl-{one.code}": one.nl for one in found.criteria} | {f"en-{one.code}": one.en for one in found.criteria}
    return visit.page(
        "police_criteria.html",
        frame,
        status=status,
        form=form if form.values else Form(values, form.errors),
        found=found,
        asked=sum(bool(one.nl and one.en) for one in found.criteria),
    )


def _wrong_words(words: Words, error: ValidationError | Invalid, names: list[str]) -> dict[str, str]:
    """Field of the form → what is wrong with it: an error names a criterion by its place in the list."""
    if isinstance(error, Invalid):
        places = [field.path for field in error.fields if len(field.path) == 3]
        said = words.gettext(_BOTH_LANGUAGES)
    else:
        places = [part["loc"] for part in error.errors() if len(part["loc"]) == 3]
        said = wrong_fields(words, error).get("criteria", "")
    return {names[int(place[1]) * 2 + (place[2] == "en")]: said for place in places}


def _regions(tx: Tx) -> dict[str, str]:
    return {region.code: region.name for region in registry.regions(tx)}
