"""Logging in and out, and the start page that sends everyone to their own screen."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from nrm.access import queries, service
from nrm.access.api import authenticated, check_origin, cookie_name, set_session_cookie, verified_account
from nrm.access.rules import Actor, Verb
from nrm.api import Parts, parts_of
from nrm.errors import NotLoggedIn, TooMany
from web.navigation import home_of, nav_for
from web.pages import Form, Frame, Person, render
from web.routes import local_path
from web.visit import FORM_FIELDS_MAX, Act, Unsent, Visit
from web.words import N_, words_for

router = APIRouter(include_in_schema=False)

WRONG = N_("De gebruikersnaam of het wachtwoord klopt niet.")
TOO_MANY = N_("Er is te vaak een verkeerd wachtwoord gegeven. Wacht een kwartier, of bel uw functioneel beheerder.")


LOGGED_OUT = N_("U was uitgelogd. Wat u invulde is er nog: log in, dan kunt u het versturen.")


class Kept(BaseModel):
    """A form that came too late, on its way through the login page: where it goes, and what it holds."""

    path: str = Field(max_length=500)
    fields: list[tuple[str, str]] = Field(max_length=FORM_FIELDS_MAX)

    @property
    def token(self) -> str:
        """The CSRF token of the session it was filled in under: whose form this is."""
        return next((value for name, value in self.fields if name == "csrf_token"), "")


@router.get("/")
def start(request: Request) -> Response:
    """Everyone to their own first screen."""
    try:
        actor, _ = authenticated(request, parts_of(request))
    except NotLoggedIn:
        return RedirectResponse("/inloggen", status_code=303)
    return RedirectResponse(home_of(actor), status_code=303)


@router.get("/inloggen")
def form(request: Request, next: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """The login form."""
    return _form(request, parts_of(request), Form(), local_path(next))


@router.post("/inloggen")
async def log_in(request: Request) -> Response:
    """Check login and password, open a session, go where the person was going."""
    check_origin(request)
    typed = await request.form(max_files=0, max_fields=10)
    values = {name: str(typed.get(name, ""))[:200] for name in ("username", "password", "next")}
    return await run_in_threadpool(_log_in, request, values, str(typed.get("kept", "")))


@router.post("/uitloggen")
def log_out(visit: Annotated[Visit, Depends(Act(Verb.SELF))]) -> Response:
    """End the session."""
    with visit.writing() as tx:
        service.log_out(tx, visit.actor)
    response = RedirectResponse("/inloggen", status_code=303)
    settings = visit.parts.settings
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.https, httponly=True, samesite="lax")
    return response


def keep(request: Request, unsent: Unsent) -> Response | None:
    """What becomes of a form from a page of an earlier session: nothing is sent, and nothing that was typed is lost.

    Logged out, it goes along through the login; logged in anew, it can be sent at once. None for somebody else's form.
    """
    parts = parts_of(request)
    kept = Kept(path=local_path(request.url.path), fields=unsent.typed)
    try:
        actor, csrf = authenticated(request, parts)
    except NotLoggedIn:
        if not kept.token:  # from no page of ours
            return RedirectResponse("/inloggen", status_code=303)
        words = words_for(request)
        return _form(request, parts, Form(), "/", words.gettext(LOGGED_OUT), 401, kept.model_dump_json())
    return _unsent(request, parts, actor, csrf, kept)


def _unsent(request: Request, parts: Parts, actor: Actor, csrf: str, kept: Kept) -> Response | None:
    """One button that sends the form after all, for whoever filled it in; None for anybody else."""
    with parts.database.reading() as tx:
        if not queries.had_token(tx, actor.account_id, kept.token):
            return None
        person = Person(actor.name, actor.role, actor.organisation_name)
        frame = Frame(tx.now, person, csrf, nav=nav_for(actor))
    fields = [(name, value) for name, value in kept.fields if name != "csrf_token"]
    return render(request, "unsent.html", frame=frame, status=409, path=local_path(kept.path), fields=fields)


def _read(kept: str) -> Kept | None:
    try:
        return Kept.model_validate_json(kept) if kept else None
    except ValidationError:
        return None


def _log_in(request: Request, values: dict[str, str], typed: str) -> Response:
    parts = parts_of(request)
    words = words_for(request)
    path = local_path(values["next"] or "/")
    try:
        account_id = verified_account(parts, values["username"].strip(), values["password"])
    except NotLoggedIn:
        return _form(request, parts, Form({"username": values["username"]}), path, words.gettext(WRONG), 401, typed)
    except TooMany:
        return _form(request, parts, Form({"username": values["username"]}), path, words.gettext(TOO_MANY), 429, typed)
    with parts.database.transaction(account_id) as tx:
        token = service.log_in(tx, account_id, parts.settings.session_hours)
    response: Response | None = None
    if kept := _read(typed):
        with parts.database.reading() as tx:
            found = queries.actor_of_session(tx, service.token_hash(token))
        response = _unsent(request, parts, *found, kept) if found else None
    response = response or RedirectResponse(path, status_code=303)
    set_session_cookie(response, parts.settings, token)
    return response


def _form(
    request: Request, parts: Parts, shown: Form, path: str, failure: str = "", status: int = 200, kept: str = ""
) -> Response:
    with parts.database.reading() as tx:
        frame = Frame(now=tx.now)
        demo = [
            {"username": account.login, "role": account.role, "organisation": organisation.name}
            for account, organisation in queries.accounts(tx)
            if account.demo and parts.settings.loopback
        ]
    return render(
        request,
        "login.html",
        frame=frame,
        status=status,
        form=shown,
        next=path,
        failure=failure,
        kept=kept,
        demo_accounts=demo,
    )
