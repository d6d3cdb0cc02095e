"""One way to turn a template into an answer. Knows nothing of nrm: it takes plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse

from nrm.api import ROOT
from web.assets import static_url
from web.labels import label
from web.words import DEFAULT_LANGUAGE, LANGUAGES, N_, language_of, words

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in, in the words shown at the top of the page. `role` is the code."""

    name: str
    role: str
    organisation: str


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the navigation. `label` is Dutch, marked with `N_`; `count` is what waits there."""

    label: str
    href: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Flash:
    """A message after an action: `kind` is ok, info, warning or error; `text` is already in the reader's language."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page needs to know about its reader and its moment, whatever it shows.

    `live_seq` is the journal number read before the page's data. Without it the page has no live line.
    """

    now: datetime
    person: Person | None = None
    csrf_token: str = ""
    live_seq: int | None = None
    nav: tuple[NavItem, ...] = ()
    flashes: tuple[Flash, ...] = ()
    behind: bool = False
    """What rings alarms and finds places stands still: said on every page."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form shows: the values as the person typed them, and per field what is wrong, in words."""

    values: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, default: str = "") -> str:
        """The one value of a field."""
        found = self.values.get(name, default)
        return found if isinstance(found, str) else (found[0] if found else default)

    def chosen(self, name: str) -> tuple[str, ...]:
        """All values of a field that takes several."""
        found = self.values.get(name, ())
        return (found,) if isinstance(found, str) else tuple(found)

    def error(self, name: str) -> str:
        """What is wrong with a field, or nothing."""
        return self.errors.get(name, "")


@dataclass(frozen=True, slots=True)
class RegionCell:
    """One region on the tile map. `level` 0 (none) to 4 (many) shades the tile; no value means nobody reports there."""

    code: str
    name: str
    value: int | None
    level: int = 0
    coverage: str = ""
    href: str = ""

    @property
    def id(self) -> str:
        """Its row in the table behind the map."""
        return self.code


ERRORS = {
    403: (
        N_("Dit mag u hier niet"),
        N_("Uw rol of organisatie heeft geen toegang tot deze pagina."),
        N_("Denkt u dat dit niet klopt? Vraag uw functioneel beheerder."),
    ),
    404: (
        N_("Deze pagina is er niet"),
        N_("Misschien klopt het adres niet, of is dit al afgerond of niet voor u bedoeld."),
        N_("Ga terug naar het begin en zoek het daar op."),
    ),
    409: (
        N_("Iemand was u net voor"),
        N_("De gegevens zijn veranderd terwijl u bezig was. Wat u net deed, is niet uitgevoerd."),
        N_("Ga terug en bekijk de nieuwe stand. Kies daarna opnieuw."),
    ),
    429: (
        N_("Even rustig aan"),
        N_("Er kwamen te veel verzoeken achter elkaar."),
        N_("Wacht een minuut en probeer het opnieuw. Heeft het haast? Bel de piketdienst."),
    ),
    503: (
        N_("Het systeem is even niet bereikbaar"),
        N_("Een onderdeel geeft nu geen antwoord."),
        N_("Probeer het over een minuut opnieuw. Heeft het haast? Bel de piketdienst, wacht niet op het scherm."),
    ),
    500: (
        N_("Er ging iets mis bij ons"),
        N_("Dit ligt niet aan u. We weten niet zeker of uw laatste actie is gelukt."),
        N_("Kijk eerst of uw actie er al staat. Heeft het haast? Bel de piketdienst, wacht niet op het scherm."),
    ),
}


def render(
    request: Request,
    template: str,
    *,
    frame: Frame,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    language: str | None = None,
    **context: object,
) -> HTMLResponse:
    """A page or a fragment of one, in the reader's language, or in the one that its address is for."""
    language = language or language_of(request)
    # Where the language switch returns to: a POST cannot be repeated, so then the start page.
    query = f"?{request.url.query}" if request.url.query else ""
    again = f"{request.url.path}{query}" if request.method == "GET" else "/"
    shown = {
        **context,
        "frame": frame,
        "now": frame.now,
        "person": frame.person,
        "csrf_token": frame.csrf_token,
        "here": request.url.path,
        "here_again": again,
        "practising": practising(request),
    }
    body = _environment(language).get_template(template).render(shown)
    answer = HTMLResponse(body, status_code=status, headers=headers)
    answer.headers["Content-Language"] = language
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def practising(request: Request) -> bool:
    """Whether this is an exercise: said on every page and every paper, whoever made it."""
    return bool(getattr(request.app.state, "practising", False))


def render_error(
    request: Request, status: int, *, frame: Frame, reason: str = "", reference: str = "", back: str = "/"
) -> HTMLResponse:
    """A kind page for a refusal: what happened, and what to do next. `reason` is in the reader's language."""
    title, what, next_step = ERRORS.get(status, ERRORS[404 if 400 <= status < 500 else 500])
    shown = status if HTTPStatus(status) else 500
    return render(
        request,
        "error.html",
        frame=frame,
        status=shown,
        title=title,
        what=what,
        next_step=next_step,
        reason=reason,
        reference=reference,
        back=back,
    )


@cache
def _environment(language: str) -> Environment:
    """One environment per language, so that macros see its words without being handed them."""
    spoken = words(language)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        spoken.raw_gettext, spoken.raw_ngettext, newstyle=True
    )

    @pass_context
    def when(context: Context, instant: datetime) -> str:
        return spoken.when(instant, context["now"])

    @pass_context
    def ago(context: Context, instant: datetime) -> str:
        return spoken.ago(instant, context["now"])

    @pass_context
    def seconds_until(context: Context, instant: datetime) -> int:
        return max(0, int((instant - context["now"]).total_seconds()))

    @pass_context
    def until(context: Context, instant: datetime) -> str:
        return spoken.duration(max(timedelta(0), instant - context["now"]))

    def label_of(kind: str, code: str) -> str:
        return spoken.gettext(label(kind, code))

    environment.globals.update(
        language=language,
        languages=LANGUAGES,
        default_language=DEFAULT_LANGUAGE,
        static_url=static_url,
        live_line=f"{ROOT}/live",
        label_of=label_of,
        when=when,
        ago=ago,
        until=until,
        seconds_until=seconds_until,
        day=spoken.day,
        clock=spoken.clock,
        duration=spoken.duration,
        minutes=lambda count: spoken.duration(timedelta(minutes=count)),
        number=spoken.number,
        euros=spoken.euros,
        percent=spoken.percent,
    )
    return environment
