"""A small server for one page with a live line: what it shows, says and breaks is in the hands of the test."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from web import patterns
from web.headers import SecurityHeaders
from web.pages import Frame, Person, _environment, render
from web.routes import ROUTES

NOW = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
BOARD = """{% extends "layout.html" %}{% block title %}Bord{% endblock %}{% block content %}<h1>Bord</h1>
<section id="board" aria-label="bord"
 data-live-topics="requests places" data-live-src="/deel/board">{{ content }}</section>
<section id="other" aria-label="anders" data-live-topics="alarms" data-live-src="/deel/other"><p>anders</p></section>
{% endblock %}"""


class Line:
    """The server's state. The test's thread writes it, the server's thread reads it."""

    def __init__(self) -> None:
        self.seq = 10
        self.parts: dict[str, str] = {"board": "<p>een</p>", "other": "<p>anders</p>"}
        self.fetches: list[str] = []
        self.afters: list[int] = []
        self.accept = True
        self.status = 200
        self.slow_seconds = 0.0
        self.logged_in = True
        self.address = ""
        self._sockets: set[WebSocket] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def change(self, part: str, html: str, topic: str = "requests", hint: bool = True) -> None:
        """Something happened: the journal moves on, and open pages get a hint."""
        self.parts[part] = html
        self.seq += 1
        if hint:
            self.say({"type": "hint", "seq": self.seq, "topics": [topic]})

    def say(self, frame: dict[str, object] | str) -> None:
        """Send a frame to every open page."""

        async def send() -> None:
            for socket in list(self._sockets):
                await (socket.send_text(frame) if isinstance(frame, str) else socket.send_json(frame))

        self._run(send())

    def cut(self) -> None:
        """Break every line."""

        async def close() -> None:
            for socket in list(self._sockets):
                await socket.close(1012)

        self._run(close())

    def _run(self, work: object) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)  # type: ignore[arg-type]

    async def page(self, request: Request) -> Response:
        frame = Frame(NOW, Person("Noor", "duty_officer", "Piket"), live_seq=self.seq)
        return render(request, "line.html", frame=frame, content=Markup(self.parts["board"]))  # noqa: S704

    async def part(self, request: Request) -> Response:
        name = request.path_params["name"]
        assert request.headers["x-fragment"] == "1"
        self.fetches.append(name)
        body = self.parts[name]
        if self.slow_seconds:
            await asyncio.sleep(self.slow_seconds)
        if not self.logged_in:
            return RedirectResponse("/inloggen", status_code=303)
        return Response(body, self.status, media_type="text/html")

    async def login(self, request: Request) -> Response:
        return Response("<h1>Inloggen</h1>", media_type="text/html")

    async def live(self, socket: WebSocket) -> None:
        self.afters.append(int(socket.query_params["after"]))
        if not self.accept:
            await socket.close()
            return
        await socket.accept()
        self._sockets.add(socket)
        try:
            if self.afters[-1] < self.seq:
                await socket.send_json({"type": "hint", "seq": self.seq, "topics": ["requests", "alarms"]})
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.discard(socket)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Run until the test is done."""
        for language in ("nl", "en"):
            environment = _environment(language)
            templates = FileSystemLoader(Path(patterns.__file__).parent / "templates")
            environment.loader = ChoiceLoader([templates, DictLoader({"line.html": BOARD})])
        app = Starlette(
            routes=[
                *ROUTES,
                *patterns.routes(lambda: NOW),
                Route("/bord", self.page),
                Route("/inloggen", self.login),
                Route("/deel/{name}", self.part),
                WebSocketRoute("/api/v1/live", self.live),
            ]
        )
        config = uvicorn.Config(SecurityHeaders(app), port=0, log_level="critical", ws="websockets-sansio")
        server = uvicorn.Server(config)

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield self.address
        server.should_exit = True
        thread.join(10)
