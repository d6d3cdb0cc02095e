"""An application called in this process, on one event loop for all calls.

Starlette's TestClient starts a thread with a loop for each call and goes over to it nine times: more than most answers
cost. Where an application must live between calls (its follower, a socket), it is still the one to use.
"""

import asyncio
import atexit
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from typing import Any, cast
from urllib.parse import unquote

from anyio.from_thread import BlockingPortal, start_blocking_portal
from httpx2 import BaseTransport, Client, Request, Response
from starlette.types import ASGIApp, Message


class Calls(Client):
    """Somebody who calls an application. Redirects are shown, not followed, unless asked for.

    What the application raises is raised here too, unless `raise_server_exceptions` is off: then its answer counts.
    """

    def __init__(self, app: ASGIApp, base_url: str, *, raise_server_exceptions: bool = True, **more: Any) -> None:
        super().__init__(transport=_InProcess(app, raise_server_exceptions), base_url=base_url, **more)
        self.app = app


class _InProcess(BaseTransport):
    def __init__(self, app: ASGIApp, raise_server_exceptions: bool) -> None:
        self._app = app
        self._raises = raise_server_exceptions

    def handle_request(self, request: Request) -> Response:
        return _portal().call(self._answer, request)

    async def _answer(self, request: Request) -> Response:
        chunks = iter(cast(Iterable[bytes], request.stream))
        whole = False
        answered = asyncio.Event()
        status, headers, body = 0, [], bytearray()

        async def receive() -> Message:
            nonlocal whole
            if whole:
                await answered.wait()
                return {"type": "http.disconnect"}
            chunk = next(chunks, None)
            whole = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": not whole}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    answered.set()

        try:
            await self._app(_scope(request), receive, send)
        except Exception:
            if self._raises or not status:
                raise
        return Response(status, headers=headers, content=b"" if request.method == "HEAD" else bytes(body))


def _scope(request: Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(url.path),
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("testclient", 50000),
        "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
        "state": {},
    }


@cache
def _portal() -> BlockingPortal:
    open_until_the_end = ExitStack()
    atexit.register(open_until_the_end.close)
    return open_until_the_end.enter_context(start_blocking_portal())
