"""The composition root of everything: the API with the screens on top."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

import nrm.app
from nrm.access import service as access
from nrm.access.api import authenticated
from nrm.api import FromStatus, Parts, from_validation, parts_of, problem
from nrm.errors import Conflict, Forbidden, NotLoggedIn, NrmError, Unavailable
from nrm.settings import Settings
from web import patterns
from web.headers import SecurityHeaders
from web.navigation import nav_for
from web.pages import Frame, Person, render_error
from web.refusals import flash_text
from web.routes import ROUTES
from web.screens import (
    admin,
    answers,
    authority,
    behind,
    board,
    buying,
    capacity,
    causes,
    chase,
    check,
    comparing,
    consents,
    counted,
    course,
    criteria,
    dataset,
    declines,
    duty,
    exercise,
    flows,
    follow,
    groups,
    handover,
    houses,
    joint,
    ladder,
    login,
    meanings,
    numbers,
    office_hours,
    policies,
    pre_alerts,
    public,
    quality,
    reach,
    remedies,
    repeats,
    reports,
    request_form,
    requests,
    roster,
    rulebook,
    sheets,
    shut_outs,
    statements,
    stays,
    then,
    times,
    unused,
    worths,
    youth,
)
from web.sending import ToldWhereTo
from web.visit import Unsent
from web.words import words_for

SCREENS = (
    login,
    request_form,
    groups,
    requests,
    course,
    stays,
    repeats,
    reports,
    pre_alerts,
    reach,
    check,
    follow,
    answers,
    joint,
    houses,
    sheets,
    duty,
    handover,
    roster,
    office_hours,
    chase,
    consents,
    declines,
    board,
    numbers,
    causes,
    counted,
    then,
    times,
    shut_outs,
    unused,
    flows,
    buying,
    remedies,
    worths,
    statements,
    capacity,
    comparing,
    quality,
    meanings,
    public,
    dataset,
    authority,
    behind,
    admin,
    policies,
    ladder,
    rulebook,
    criteria,
    youth,
    exercise,
)


def create_app(parts: Parts | None = None) -> FastAPI:
    """The application with these parts, or with those the environment asks for."""
    if parts is None:
        parts = nrm.app.make_parts(Settings())
    app = nrm.app.create_app(parts, sheets.BODY_BYTES_MAX | roster.BODY_BYTES_MAX)
    app.router.routes.extend(ROUTES)
    with parts.database.reading() as tx:
        if access.has_demo_accounts(tx):
            app.router.routes.extend(patterns.routes(parts.database.now))
    for screen in SCREENS:
        app.router.routes.extend(screen.router.routes)
    for kind in (NrmError, RequestValidationError, HTTPException, IntegrityError, OperationalError):
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(Exception, failed)
    app.add_middleware(ToldWhereTo)
    app.add_middleware(SecurityHeaders, https=parts.settings.https)
    return app


def create_exercise() -> FastAPI:
    """The application of the exercise of this deployment."""
    return create_app(nrm.app.make_parts(Settings().for_exercise()))


def refused(request: Request, error: Exception) -> Response:
    """A refusal as problem+json to a program, as a kind page to a person, as the way to the login when logged out."""
    named = _named(error)
    if request.url.path.startswith("/api/"):
        return problem(named)
    if isinstance(named, Unsent):
        return login.keep(request, named) or _refusal(request, Forbidden("csrf_token_missing"))
    if isinstance(named, NotLoggedIn):
        if request.headers.get("x-fragment"):
            return Response(status_code=401)
        here = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/inloggen?next={here}", status_code=303)
    return _refusal(request, named)


def _refusal(request: Request, named: NrmError) -> Response:
    return render_error(request, named.status, frame=_frame(request), reason=flash_text(words_for(request), named.code))


def failed(request: Request, _error: Exception) -> Response:
    """Something broke: the trace is in the log, the person hears that it is not their fault."""
    named = NrmError("failed")
    return problem(named) if request.url.path.startswith("/api/") else render_error(request, 500, frame=_frame(request))


def _named(error: Exception) -> NrmError:
    if isinstance(error, NrmError):
        return error
    if isinstance(error, RequestValidationError):
        return from_validation(error)
    if isinstance(error, HTTPException):
        return FromStatus(error.status_code)
    return Conflict("somebody_was_first") if isinstance(error, IntegrityError) else Unavailable("database_busy")


def _frame(request: Request) -> Frame:
    """The frame of an error page: with the person's menu when we know who it is."""
    parts = parts_of(request)
    now = parts.database.now()
    try:
        actor, csrf = authenticated(request, parts)
    except NrmError:
        return Frame(now=now)
    return Frame(now, Person(actor.name, actor.role, actor.organisation_name), csrf, nav=nav_for(actor))
