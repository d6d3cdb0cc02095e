"""Logging in over HTTP, and the dependency through which every route says what it needs leave for."""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel
from sqlmodel import col, select
from starlette.requests import HTTPConnection

from nrm import policy
from nrm.access import queries, service
from nrm.access.rules import Actor, Role, Verb
from nrm.access.schemas import AccountOut, ActorOut, LoginIn, PolicyOut
from nrm.api import ROOT, Parts, answer, once, parts_of
from nrm.db import Tx
from nrm.errors import Forbidden, NotLoggedIn
from nrm.policy import KINDS, PolicyVersion
from nrm.settings import Settings

router = APIRouter(prefix=ROOT, tags=["access"])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Call:
    """One call by somebody who is logged in and whose role may ask this."""

    actor: Actor
    csrf: str
    parts: Parts
    route: str
    idempotency_key: str | None

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A read-only transaction, for what is no case."""
        with self.parts.database.reading() as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        """A write transaction in the actor's name; also for reading a case, because the read is logged in it."""
        with self.parts.database.transaction(self.actor.account_id) as tx:
            yield tx

    def once(self, shape: BaseModel | None, work: Callable[[Tx], BaseModel | None], status: int = 200) -> Response:
        """Do something in a transaction; a retry with the same Idempotency-Key gets the first answer again."""
        body = shape.model_dump_json().encode() if shape else b""
        return once(self.parts, self.actor.account_id, self.idempotency_key, self.route, body, work, status)


class Allowed:
    """The dependency of a route: logged in, and of a role that may use this verb. Read by the access matrix test."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb

    def __call__(
        self,
        request: Request,
        idempotency_key: Annotated[str | None, Header(min_length=8, max_length=100, pattern=r"^[!-~]+$")] = None,
        x_csrf_token: Annotated[str | None, Header(max_length=100)] = None,
    ) -> Call:
        actor, csrf = authenticated(request, parts_of(request))
        if request.method not in SAFE_METHODS:
            check_origin(request)
            check_csrf(csrf, x_csrf_token)
        service.require(actor, self.verb)
        return Call(actor, csrf, parts_of(request), f"{request.method} {request.url.path}", idempotency_key)


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and to https; on plain http (loopback) browsers refuse that name."""
    return "__Host-nrm" if settings.https else "nrm"


def authenticated(connection: HTTPConnection, parts: Parts) -> tuple[Actor, str]:
    """The actor of the session cookie and its CSRF token. Raises NotLoggedIn."""
    token = connection.cookies.get(cookie_name(parts.settings), "")
    if not token or len(token) > 100:
        raise NotLoggedIn("not_logged_in")
    with parts.database.reading() as tx:
        found = queries.actor_of_session(tx, service.token_hash(token))
    if found is None:
        raise NotLoggedIn("not_logged_in")
    return found


def check_origin(connection: HTTPConnection) -> None:
    """Refuse a change, or a live line, that another site's page asks for."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    try:
        from_host = urlsplit(origin).netloc
    except ValueError as error:  # such as a bracket that never closes
        raise Forbidden("wrong_origin") from error
    if from_host != connection.headers.get("host"):
        raise Forbidden("wrong_origin")


def check_csrf(csrf: str, given: str | None) -> None:
    """Refuse a change without the session's own token."""
    if given is None or not hmac.compare_digest(csrf.encode(), given.encode()):
        raise Forbidden("csrf_token_missing")


def verified_account(parts: Parts, login: str, password: str) -> str:
    """The account that this login and password belong to. Raises NotLoggedIn or TooMany; notes a failure."""
    with parts.database.reading() as tx:
        account_id, password_hash = service.credentials(tx, login, demo_allowed=parts.settings.loopback)
    if not service.password_fits(password_hash, password) or account_id is None:
        with parts.database.transaction() as tx:
            service.note_failure(tx, login)
        raise NotLoggedIn("wrong_login_or_password")
    return account_id


def set_session_cookie(response: Response, settings: Settings, token: str) -> None:
    """Hand the session token to the browser: not for scripts, not for other sites."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_hours * 3600,
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="lax",
    )


def step_up_if_given(parts: Parts, actor: Actor, password: str | None) -> Actor:
    """Note a password given again. Returns the actor as of now; raises NotLoggedIn when the password is wrong."""
    if password is None:
        return actor
    with parts.database.reading() as tx:
        login = next((account.login for account, _ in queries.accounts(tx) if account.id == actor.account_id), "")
    verified_account(parts, login, password)
    with parts.database.transaction(actor.account_id) as tx:
        service.step_up(tx, actor)
        found = queries.actor_of_session(tx, actor.session_id)
    if found is None:
        raise NotLoggedIn("not_logged_in")
    return found[0]


def actor_out(actor: Actor, csrf: str) -> ActorOut:
    return ActorOut(
        account_id=actor.account_id,
        name=actor.name,
        role=actor.role,
        organisation_id=actor.organisation_id,
        organisation_name=actor.organisation_name,
        region_code=actor.region_code,
        on_shift=actor.on_shift,
        csrf=csrf,
    )


@router.post("/session", response_model=ActorOut, status_code=201)
def log_in(request: Request, shape: LoginIn) -> Response:
    """Log in. Sets the session cookie; the answer holds the CSRF token."""
    check_origin(request)
    parts = parts_of(request)
    account_id = verified_account(parts, shape.login, shape.password)
    with parts.database.transaction(account_id) as tx:
        token = service.log_in(tx, account_id, parts.settings.session_hours)
        tx.session.flush()
        found = queries.actor_of_session(tx, service.token_hash(token))
    if found is None:
        raise NotLoggedIn("not_logged_in")
    response = answer(actor_out(*found), 201)
    set_session_cookie(response, parts.settings, token)
    return response


@router.get("/session", response_model=ActorOut)
def me(call: Annotated[Call, Depends(Allowed(Verb.SELF))]) -> Response:
    """Who is logged in."""
    return answer(actor_out(call.actor, call.csrf))


@router.delete("/session", status_code=204)
def log_out(call: Annotated[Call, Depends(Allowed(Verb.SELF))]) -> Response:
    """Log out."""
    with call.writing() as tx:
        service.log_out(tx, call.actor)
    response = answer(None)
    response.delete_cookie(
        cookie_name(call.parts.settings), path="/", secure=call.parts.settings.https, httponly=True, samesite="lax"
    )
    return response


@router.post("/shift", status_code=204)
def start_shift(call: Annotated[Call, Depends(Allowed(Verb.SHIFT_KEEP))]) -> Response:
    """Come on duty."""
    return call.once(None, lambda tx: service.start_shift(tx, call.actor))


@router.delete("/shift", status_code=204)
def end_shift(call: Annotated[Call, Depends(Allowed(Verb.SHIFT_KEEP))]) -> Response:
    """Go off duty."""
    with call.writing() as tx:
        service.end_shift(tx, call.actor)
    return answer(None)


@router.get("/accounts", response_model=list[AccountOut])
def accounts(call: Annotated[Call, Depends(Allowed(Verb.ACCOUNTS_READ))]) -> Response:
    """Every account with its organisation."""
    with call.reading() as tx:
        return answer(
            [
                AccountOut(
                    id=account.id,
                    login=account.login,
                    name=account.name,
                    role=Role(account.role),
                    organisation=organisation.name,
                    active=account.active,
                )
                for account, organisation in queries.accounts(tx)
            ]
        )


@router.get("/policies", response_model=list[PolicyOut])
def policies(call: Annotated[Call, Depends(Allowed(Verb.POLICY_READ))]) -> Response:
    """The policies in force: every deadline, band and right to decide."""
    with call.reading() as tx:
        return answer([policy_out(tx, kind) for kind in KINDS])


def policy_out(tx: Tx, kind: type[policy.Policy]) -> PolicyOut:
    """One kind of policy as it is in force."""
    row = tx.session.exec(
        select(PolicyVersion)
        .where(PolicyVersion.kind == kind.kind)
        .order_by(col(PolicyVersion.version).desc())
        .limit(1)
    ).one()
    return PolicyOut(kind=row.kind, version=row.version, body=row.body, valid_from=row.valid_from, note=row.note)
