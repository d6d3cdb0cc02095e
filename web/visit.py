"""One visit to a page by somebody who is logged in: the same rights as in the API, answered in pages.

@router.get("/aanvragen")
def overview(visit: Annotated[Visit, Depends(Screen(Verb.REQUEST_READ))]) -> Response: ...

@router.post("/aanvragen/{request_id}/sluiten")
def close(request_id: Id, visit: Annotated[Visit, Depends(Act(Verb.REQUEST_CHANGE))]) -> Response:
    return visit.act(lambda tx: service.close(tx, ...), back=f"/aanvragen/{request_id}", done="request_closed")
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from nrm import journal
from nrm.access.api import authenticated, check_csrf, check_origin
from nrm.access.rules import Actor, Verb
from nrm.access.service import require
from nrm.api import Parts, once, parts_of
from nrm.db import Tx
from nrm.errors import Conflict, Forbidden, Invalid, NotLoggedIn
from nrm.watch import queries as watch
from web.navigation import nav_for
from web.pages import Flash, Form, Frame, Person, render
from web.refusals import flash_kind, flash_text
from web.words import Words, words_for

FLASH_COOKIE = "nrm-flash"
FORM_FIELDS_MAX = 400


@dataclass(frozen=True)
class Visit:
    """Who looks at what, and with which form. `form` is empty on a GET."""

    request: Request
    parts: Parts
    actor: Actor
    csrf: str
    form: FormData

    @property
    def words(self) -> Words:
        """The reader's language."""
        return words_for(self.request)

    @property
    def practice(self) -> str:
        """What stands above every paper of an exercise; nothing in earnest."""
        return self.words.gettext("Oefening – dit is niet echt.") if self.parts.settings.exercise else ""

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

    def frame(self, tx: Tx) -> Frame:
        """What surrounds the page. Call it first in the transaction: the journal number must not be newer than data."""
        code = self.request.cookies.get(FLASH_COOKIE, "")
        text = flash_text(self.words, code)
        return Frame(
            now=tx.now,
            person=Person(self.actor.name, self.actor.role, self.actor.organisation_name),
            csrf_token=self.csrf,
            live_seq=journal.last_seq(tx.session),
            nav=nav_for(self.actor),
            flashes=(Flash(flash_kind(code), text),) if text else (),
            behind=watch.behind(tx),
        )

    def page(self, template: str, frame: Frame, status: int = 200, **context: Any) -> Response:
        """A page, or a fragment of one; a flash is shown once."""
        fragment = self.request.headers.get("x-fragment") == "1"
        if fragment:
            frame = replace(frame, flashes=())
        response = render(self.request, template, frame=frame, status=status, actor=self.actor, **context)
        if frame.flashes:
            response.delete_cookie(FLASH_COOKIE, path="/", httponly=True, samesite="lax")
        return response

    def go(self, path: str, flash: str = "") -> Response:
        """Go to another page after a change; `flash` is the code of what to say there."""
        response = RedirectResponse(path, status_code=303)
        if flash:
            response.set_cookie(
                FLASH_COOKIE,
                flash,
                max_age=60,
                path="/",
                httponly=True,
                samesite="lax",
                secure=self.parts.settings.https,
            )
        return response

    def act(self, work: Callable[[Tx], object], back: str, done: str) -> Response:
        """Do something and go back: saying that it was done, or why it was refused. Nothing half-done remains."""
        try:
            with self.writing() as tx:
                work(tx)
        except ValidationError:
            return self.go(back, "invalid")
        except (Conflict, Invalid, Forbidden) as refusal:
            return self.go(back, next((f"reason.{reason}" for reason in refusal.reasons), refusal.code))
        return self.go(back, done)

    def once(self, shape: BaseModel, work: Callable[[Tx], BaseModel | None]) -> dict[str, Any]:
        """Do something once, however often its form arrives: the form's hidden `once` is the idempotency key."""
        typed = self.field("once")[:100]
        key = typed if typed.isascii() and typed.isprintable() and typed else None
        route = f"{self.request.method} {self.request.url.path}"
        answer = once(self.parts, self.actor.account_id, key, route, shape.model_dump_json().encode(), work)
        found: dict[str, Any] = json.loads(bytes(answer.body) or b"{}")
        return found

    def field(self, name: str) -> str:
        """One field of the form as typed, stripped; empty when absent."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    @property
    def version(self) -> int:
        """The version of a record that a form was made of; 0, which none has, when that cannot be read."""
        typed = self.field("version")
        return int(typed) if typed.isdecimal() and len(typed) < 10 else 0

    def fields(self, name: str) -> list[str]:
        """All values of a field of the form."""
        return [value.strip() for value in self.form.getlist(name) if isinstance(value, str) and value.strip()]

    def filled(self, errors: dict[str, str] | None = None) -> Form:
        """The form as it was typed, to show again with what is wrong."""
        names = {name for name, value in self.form.multi_items() if not isinstance(value, UploadFile)}
        return Form({name: [str(value) for value in self.form.getlist(name)] for name in names}, errors or {})

    def local(self, name: str, zone: Any) -> datetime | None:
        """A `datetime-local` field as an aware instant, None when empty. Raises ValueError when unreadable."""
        typed = self.field(name)
        return datetime.fromisoformat(typed).replace(tzinfo=zone) if typed else None


class Screen:
    """The dependency of a page that shows something: logged in, and of a role that may use this verb."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb

    def __call__(self, request: Request) -> Visit:
        return _visit(request, self.verb, FormData())


class Unsent(NotLoggedIn):
    """A form came from a page of an earlier session. `typed` is what it holds, without passwords."""

    def __init__(self, form: FormData) -> None:
        super().__init__("not_logged_in")
        self.typed = [
            (name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "password"
        ]


class Act:
    """The dependency of a form: as `Screen`, and sent from our own page. Raises Unsent when that is an old one."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb

    async def __call__(self, request: Request) -> Visit:
        form = await request.form(max_files=0, max_fields=FORM_FIELDS_MAX)
        check_origin(request)
        try:
            visit = await run_in_threadpool(_visit, request, self.verb, form)
        except NotLoggedIn as refusal:
            raise Unsent(form) from refusal
        try:
            check_csrf(visit.csrf, visit.field("csrf_token"))
        except Forbidden as refusal:
            raise Unsent(form) from refusal
        return visit


@dataclass(frozen=True)
class Sent:
    """A form with a file in it: the visit, and what is in the file. None when it was larger than may be."""

    visit: Visit
    content: bytes | None


class Upload:
    """The dependency of a form that may hold one file, as `Act`; nothing is read before we know who sends it.

    A form over the limit is let run out and forgotten, so that a person gets a page that says so.
    """

    def __init__(self, verb: Verb, bytes_max: int) -> None:
        self.verb = verb
        self.bytes_max = bytes_max

    async def __call__(self, request: Request) -> Sent:
        visit = await run_in_threadpool(_visit, request, self.verb, FormData())
        check_origin(request)
        declared = request.headers.get("content-length", "")
        if not declared.isdecimal() or int(declared) > self.bytes_max:
            async for _ in request.stream():
                pass
            return Sent(visit, None)
        async with request.form(max_files=1, max_fields=10, max_part_size=self.bytes_max) as form:
            visit = replace(visit, form=form)
            check_csrf(visit.csrf, visit.field("csrf_token"))
            file = form.get("file")
            return Sent(visit, await file.read() if isinstance(file, UploadFile) else b"")


def _visit(request: Request, verb: Verb, form: FormData) -> Visit:
    parts = parts_of(request)
    actor, csrf = authenticated(request, parts)
    require(actor, verb)
    return Visit(request, parts, actor, csrf, form)
