"""What every route shares: problem+json, the limit on bodies, and the `Call` through which a route does its work.

A route runs whole in one thread and opens its own transaction through the call. A transaction in a yielding
dependency would wait for the write lock in one pool thread and need a second one to go on: enough of those at once
and nobody moves (docs/decisions/0003).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nrm import idempotency
from nrm.clock import PacedClock
from nrm.db import Database, Tx
from nrm.errors import Conflict, FieldError, Invalid, NrmError, Unavailable
from nrm.seal import AddressKey
from nrm.settings import Settings

ROOT = "/api/v1"
"""Where every route of the API stands. A router says it itself: to an included one the framework asks its way twice."""
BODY_BYTES_MAX = 64 * 1024
FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")
PROBLEM = "application/problem+json"
API_VERSION = "1.0.0"

Id = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")]
"""An identifier in a path."""


@dataclass(frozen=True)
class Parts:
    """What the application is made of, shared by API and pages."""

    database: Database
    settings: Settings
    key: AddressKey
    clock: PacedClock | None = None
    """The clock of an exercise, for whoever turns it."""


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    found: Parts = request.app.state.parts
    return found


def answer(result: BaseModel | list[Any] | None, status: int = 200) -> Response:
    """A JSON response in the outside names; 204 without a body for None."""
    if result is None:
        return Response(status_code=204)
    return Response(_json(result), status_code=status, media_type="application/json")


def _json(result: BaseModel | list[Any]) -> str:
    if isinstance(result, BaseModel):
        return result.model_dump_json(by_alias=True)
    return "[" + ",".join(_json(item) for item in result) + "]"


def once(
    parts: Parts,
    account_id: str,
    key: str | None,
    route: str,
    body: bytes,
    work: Callable[[Tx], BaseModel | None],
    status: int = 200,
) -> Response:
    """Do `work` in a transaction and answer its result; with a key, a retry gets the first answer again."""
    if key is None:
        with parts.database.transaction(account_id) as tx:
            result = work(tx)
        return answer(result, status)
    for last_try in (False, True):
        try:
            with parts.database.transaction(account_id) as tx:
                earlier = idempotency.earlier_answer(tx, account_id, key, route, body)
                if earlier is not None:
                    return _again(*earlier)
                result = work(tx)
                text = "" if result is None else _json(result)
                idempotency.store_answer(tx, account_id, key, 204 if result is None else status, text)
            return answer(result, status)
        except IntegrityError:
            # Another try with this key was first: the next round finds its answer. Or a real conflict: say so.
            if last_try:
                raise
    raise AssertionError("unreachable")


def _again(status: int, text: str) -> Response:
    if not text:
        return Response(status_code=status)
    return Response(text, status_code=status, media_type="application/json")


def problem(error: NrmError) -> JSONResponse:
    """An RFC 9457 answer. It names fields and codes and never repeats what was sent."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": error.code.replace("_", " "),
        "status": error.status,
        "code": error.code,
    }
    if error.fields:
        content["errors"] = [{"path": list(field.path), "code": field.code} for field in error.fields]
    if error.reasons:
        content["reasons"] = list(error.reasons)
    return JSONResponse(content, status_code=error.status, media_type=PROBLEM, headers={"API-Version": API_VERSION})


def from_validation(error: RequestValidationError) -> Invalid:
    """Malformed input as our own refusal: paths and kinds of error, no values."""
    fields = []
    for found in error.errors()[:50]:
        path = tuple(part for part in found["loc"] if part not in {"body", "query", "path", "header"})
        fields.append(FieldError(tuple(part if isinstance(part, int) else _safe(part) for part in path), found["type"]))
    return Invalid("invalid", tuple(fields))


def _safe(part: str) -> str:
    """A field name as it may be echoed: ours, or cut down to harmless characters."""
    name = to_camel(part) if part.islower() and "_" in part else part
    return "".join(character for character in name if character.isalnum() or character in "_-")[:60]


def install_problems(app: FastAPI) -> None:
    """Let every failure of the API leave as problem+json with a stable code."""

    def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, NrmError)
        return problem(error)

    def malformed(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem(from_validation(error))

    def by_framework(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(FromStatus(error.status_code))

    def raced(_request: Request, _error: Exception) -> Response:
        return problem(Conflict("somebody_was_first"))

    def busy(_request: Request, _error: Exception) -> Response:
        return problem(Unavailable("database_busy"))

    def failed(_request: Request, _error: Exception) -> Response:
        # The server raises it again after this answer, so that it is logged.
        return problem(FromStatus(500))

    app.add_exception_handler(Exception, failed)
    app.add_exception_handler(NrmError, refused)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, by_framework)
    app.add_exception_handler(IntegrityError, raced)
    app.add_exception_handler(OperationalError, busy)
    app.add_exception_handler(PoolTimeoutError, busy)


class FromStatus(NrmError):
    """What the framework refuses by itself: unknown path, method, unreadable body."""

    def __init__(self, status: int) -> None:
        names = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
        super().__init__(names.get(status, "bad_request" if status < 500 else "failed"))
        self.status = status


class BodyLimit:
    """Refuses a body over the limit before anything reads it, also one that lies about its length."""

    def __init__(self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX, larger: Mapping[str, int] | None = None) -> None:
        """`larger` are the paths that may take more when a form is sent there, each with its own limit."""
        self.app = app
        self.bytes_max = bytes_max
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        form = headers.get(b"content-type", b"").startswith(FORMS)
        bytes_max = self.larger.get(scope["path"], self.bytes_max) if form else self.bytes_max
        declared = headers.get(b"content-length", b"0")
        # Longer than any true length: int() of thousands of digits refuses with an error of its own.
        if not declared.isdigit() or len(declared) > 10 or int(declared) > bytes_max:
            await problem(FromStatus(413))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > bytes_max:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)


class OneMeaning:
    """Refuses JSON that names a key twice: two readers of it would see two requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = dict(scope["headers"]).get(b"content-type", b"") if scope["type"] == "http" else b""
        if b"json" not in kind.lower():
            await self.app(scope, receive, send)
            return
        body = bytearray()
        message: Message = {"more_body": True}
        try:
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
        except HTTPException as error:  # over the limit, which stands around us
            await problem(FromStatus(error.status_code))(scope, receive, send)
            return
        if _doubled(bytes(body)):
            await problem(Invalid("doubled_key"))(scope, receive, send)
            return
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, again, send)


class _DoubledKey(Exception):
    """An object named a key twice."""


def _doubled(body: bytes) -> bool:
    """Whether an object in this JSON names a key twice. What is no JSON at all is not for us to refuse."""

    def once_each(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise _DoubledKey

    try:
        json.loads(body, object_pairs_hook=once_each)
    except _DoubledKey:
        return True
    except (ValueError, RecursionError):
        return False
    return False
