"""Logging in and out, and the start page that sends everyone to their own screen."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from nrm.access import queries, service
from nrm.access.api import authenticated, check_origin, cookie_name, set_session_cookie, verified_account
from nrm.access.rules import Verb
from nrm.api import Parts, parts_of
from nrm.errors import NotLoggedIn, TooMany
from web.navigation import home_of
from web.pages import Form, Frame, render
from web.routes import local_path
from web.visit import Act, Visit
from web.words import N_, words_for

router = APIRouter()

WRONG = N_("De gebruikersnaam of het wachtwoord klopt niet.")
TOO_MANY = N_("Er is te vaak een verkeerd wachtwoord gegeven. Wacht een kwartier, of bel uw functioneel beheerder.")


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
    return await run_in_threadpool(_log_in, request, values)


@router.post("/uitloggen")
def log_out(visit: Annotated[Visit, Depends(Act(Verb.SELF))]) -> Response:
    """End the session."""
    with visit.writing() as tx:
        service.log_out(tx, visit.actor)
    response = RedirectResponse("/inloggen", status_code=303)
    settings = visit.parts.settings
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.https, httponly=True, samesite="lax")
    return response


def _log_in(request: Request, values: dict[str, str]) -> Response:
    parts = parts_of(request)
    words = words_for(request)
    path = local_path(values["next"] or "/")
    try:
        account_id = verified_account(parts, values["username"].strip(), values["password"])
    except NotLoggedIn:
        return _form(request, parts, Form({"username": values["username"]}), path, words.gettext(WRONG), 401)
    except TooMany:
        return _form(request, parts, Form({"username": values["username"]}), path, words.gettext(TOO_MANY), 429)
    with parts.database.transaction(account_id) as tx:
        token = service.log_in(tx, account_id, parts.settings.session_hours)
    response = RedirectResponse(path, status_code=303)
    set_session_cookie(response, parts.settings, token)
    return response


def _form(request: Request, parts: Parts, shown: Form, path: str, failure: str = "", status: int = 200) -> Response:
    with parts.database.reading() as tx:
        frame = Frame(now=tx.now)
        demo = [
            {"username": account.login, "role": account.role, "organisation": organisation.name}
            for account, organisation in queries.accounts(tx)
            if account.demo and parts.settings.loopback
        ]
    return render(
        request, "login.html", frame=frame, status=status, form=shown, next=path, failure=failure, demo_accounts=demo
    )
