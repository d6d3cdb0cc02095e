"""The routes that every deployment of the screens has: static files and the language switch."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from web.assets import URL, assets, serve
from web.words import LANGUAGE_COOKIE, LANGUAGES

YEAR_SECONDS = 365 * 24 * 3600
BODY_BYTES_MAX = 4096


async def switch_language(request: Request) -> Response:
    """Remember the chosen language and go back. Harmless when forged, so it works without a session, also at login."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return Response(status_code=413)
    try:
        form = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:
        return Response(status_code=400)
    language = form.get("lang", [""])[0]
    if language not in LANGUAGES:
        return Response(status_code=400)
    answer = RedirectResponse(local_path(form.get("next", ["/"])[0]), status_code=303)
    answer.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=YEAR_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


async def push_worker(_request: Request) -> Response:
    """What shows a pushed message while no page is open. At the root: it may act only for what lies below it."""
    return Response(assets()["worker.js"].body, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def local_path(wish: str) -> str:
    """A path on this site, or the start page: a link must never lead a person to somebody else's site."""
    printable = wish.isprintable() and "\\" not in wish
    try:
        parts = urlsplit(wish)
    except ValueError:
        return "/"
    if not printable or parts.scheme or parts.netloc or not wish.startswith("/") or wish.startswith("//"):
        return "/"
    return wish


ROUTES = (
    Route(URL + "{name:path}", serve, methods=["GET"], name="static"),
    Route("/meldingen.js", push_worker, methods=["GET"], name="push_worker"),
    Route("/taal", switch_language, methods=["POST"], name="language"),
)
