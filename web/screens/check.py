"""The page behind the link in a reminder: figures of one location and one button, for whoever reads the mailbox.

Nobody is logged in here. The token in the path is all there is, and it can do one thing, once.
"""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from nrm.access.api import check_origin
from nrm.api import parts_of
from nrm.errors import Conflict, NotFound
from nrm.registry import asking
from nrm.registry.rules import PlaceState
from web.pages import Frame, render
from web.words import N_

router = APIRouter(include_in_schema=False)

HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

WHY_NOT: dict[str, tuple[int, str, str]] = {
    "no_link": (
        404,
        N_("Deze link kennen wij niet"),
        N_("Misschien is hij niet helemaal gekopieerd. Open hem nog eens uit het bericht, of log in."),
    ),
    "link_used": (
        410,
        N_("Deze link is al gebruikt"),
        N_("De controle is doorgegeven. U hoeft niets meer te doen. Wilt u iets wijzigen? Log dan in."),
    ),
    "link_expired": (
        410,
        N_("Deze link is verlopen"),
        N_("Een link werkt maar kort. Log in om de stand te controleren, of wacht op het volgende bericht."),
    ),
}


@router.get("/controle/gelukt")
def done(request: Request) -> Response:
    """Thanks. Knows nothing of what was confirmed."""
    return render(request, "check_done.html", frame=_frame(request), headers=HEADERS)


@router.get("/controle/{token}")
def look(request: Request, token: str) -> Response:
    """The figures as they stand. Changes nothing: mail scanners open links."""
    return _page(request, token)


@router.post("/controle/{token}")
async def confirm(request: Request, token: str) -> Response:
    """Checked, unchanged. Figures that changed since they were shown are shown again instead."""
    if request.headers.get("origin") != "null":  # what a browser says from a page without a referrer
        check_origin(request)
    form = await request.form(max_files=0, max_fields=10)
    seen = form.get("seen", "")
    return await run_in_threadpool(_confirm, request, token, seen if isinstance(seen, str) else "")


def _confirm(request: Request, token: str, seen: str) -> Response:
    try:
        with parts_of(request).database.transaction(asking.MAILBOX) as tx:
            asking.confirm_by_link(tx, token, seen)
    except Conflict as refusal:
        return _page(request, token, changed=refusal.code == "changed_meanwhile")
    except NotFound:
        return _page(request, token)
    return RedirectResponse("/controle/gelukt", status_code=303, headers=HEADERS)


def _page(request: Request, token: str, changed: bool = False) -> Response:
    with parts_of(request).database.reading() as tx:
        frame = Frame(now=tx.now)
        try:
            made, view = asking.read_link(tx, token)
        except (Conflict, NotFound) as refusal:
            status, title, what = WHY_NOT[refusal.code]
            return render(
                request, "check_over.html", frame=frame, status=status, headers=HEADERS, title=title, what=what
            )
        return render(
            request,
            "check.html",
            frame=frame,
            status=409 if changed else 200,
            headers=HEADERS,
            view=view,
            until=made.expires_at,
            changed=changed,
            counts=[(state.value, view.count(state)) for state in reversed(PlaceState)],  # what is free comes first
            at=f"/controle/{token}",
        )


def _frame(request: Request) -> Frame:
    return Frame(now=parts_of(request).database.now())
